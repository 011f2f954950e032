"""The lines of one device in a file: they are found and replaced, and never another table."""

import pytest
import tomli

from daemons.editing.device_text import NotEditable, find_device, is_only_change, stray_keys

FILE = '''\
# The house.
[house]
name = "A"

# The lamp of the hall,
# which is old.
[devices.lamp]
kind = "lamp"   # no other
text = """
[devices.fake]
"""
list = [
  "[devices.fake2]", # ]
  '[',
]

[[devices.lamp.when]]
at = "06:00"
do = "on"
# A thought at its end.

# The fan.
[devices.fan]
kind = "plug"
'''


def test_the_lines_have_the_tables_and_the_comments_of_a_device() -> None:
    """What looks like a header in a string or a list is none; a comment belongs to the header below it."""
    found = find_device(FILE, "lamp")
    assert found.text.startswith("# The lamp of the hall,\n")
    assert found.text.endswith('do = "on"\n# A thought at its end.\n')
    assert find_device(FILE, "fan").text == '# The fan.\n[devices.fan]\nkind = "plug"\n'


@pytest.mark.parametrize("text", [FILE, FILE.replace("\n", "\r\n"), FILE.rstrip("\n")])
@pytest.mark.parametrize("name", ["lamp", "fan"])
def test_the_same_text_changes_no_byte(text: str, name: str) -> None:
    """Not the ends of lines either, and not the end of the file."""
    found = find_device(text, name)
    assert found.replaced(found.text) == text


def test_another_text_changes_only_the_device() -> None:
    """In a file with carriage returns, its lines get them, too."""
    found = find_device(FILE.replace("\n", "\r\n"), "lamp")
    changed = found.replaced('[devices.lamp]\nkind = "lamp"\n')
    assert changed.endswith(
        '[devices.lamp]\r\nkind = "lamp"\r\n\r\n# The fan.\r\n[devices.fan]\r\nkind = "plug"\r\n'
    )
    assert changed.startswith('# The house.\r\n[house]\r\nname = "A"\r\n\r\n')
    assert is_only_change(tomli.loads(FILE), tomli.loads(changed), "lamp")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[devices]\nlamp = { kind = "lamp" }\n', "header of their own"),
        ('devices.lamp.kind = "lamp"\n', "header of their own"),
        ('[devices.lamp]\nkind = "lamp"\n[devices.fan]\n[[devices.lamp.when]]\n', "lines 1, 4"),
        ('[devices]\nfan.kind = "plug"\n[devices.lamp]\n[house]\n[[devices.lamp.when]]\n', "lines 3, 5"),
    ],
)
def test_a_table_in_pieces_is_edited_by_hand(text: str, reason: str) -> None:
    """The error names the lines."""
    with pytest.raises(NotEditable, match=reason):
        find_device(text, "lamp")


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("[devices.lamp]\n[devices.fan]\n", [("devices", "fan")]),
        ("include = []\n[devices.lamp]\n", [("include",)]),
        ("[devices.lamp]\n[house]\n[bridge]\n", [("house",), ("bridge",)]),
        ("devices = 1\n", [("devices",)]),
        ("[devices.lamp]\n", []),
    ],
)
def test_keys_of_other_tables_are_stray(text: str, stray: list[tuple[str, ...]]) -> None:
    """Each is named, so that its line can be found."""
    assert list(stray_keys(tomli.loads(text), "lamp")) == stray


def test_a_change_of_another_table_is_seen() -> None:
    """Also one of the order of devices, or one that removes the device."""
    before = {"devices": {"lamp": {}, "fan": {}}, "house": {"name": "A"}}
    assert is_only_change(before, {**before, "devices": {"lamp": {"a": 1}, "fan": {}}}, "lamp")
    for after in (
        {**before, "devices": {"fan": {}, "lamp": {}}},
        {**before, "devices": {"fan": {}}},
        {**before, "devices": {"lamp": {}, "fan": {"a": 1}}},
        {**before, "house": {}},
        {**before, "include": []},
    ):
        assert not is_only_change(before, after, "lamp")
