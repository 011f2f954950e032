"""An edited configuration: it is checked as a whole, and no text reaches another table, file or program."""

import time
from pathlib import Path

import pytest

from daemons.editing.configuration import (
    Changed,
    UnknownDevice,
    check_version,
    edit,
    read_source,
    written_copy,
)
from daemons.editing.device_text import NotEditable
from daemons.errors import ConfigurationError, HouseError, StorageError
from daemons.storage.installed import SOURCE
from tests.support.patience import patience

MAIN = """\
include = ["rooms/*.toml"]

[house]
name = "A"

[defaults.drivers.command]
on = ["/bin/true"]
off = ["/bin/true"]

[devices.mirror]
kind = "mirror"
edit = true

[devices.lamp]
kind = "lamp"
driver = "simulated"
"""
ROOM = """\
# The fan.
[devices.fan]
kind = "plug"
driver = "simulated"

[[devices.fan.when]]
device = "lamp"
turns = { status = true }
do = "on"
"""


@pytest.fixture
def main(run: Path) -> Path:
    """Write a configuration with an included file, and name it in the run directory."""
    folder = run / "config"
    (folder / "rooms").mkdir(parents=True)
    (folder / "house.toml").write_text(MAIN)
    (folder / "rooms" / "kitchen.toml").write_text(ROOM)
    SOURCE.write_text(str(folder / "house.toml"))
    return folder / "house.toml"


def problems(name: str, text: str) -> list[tuple[str, int, int | None, bool]]:
    """Return the problems of an edited text: file, line, line of the text, and whether it is refused."""
    found = edit(read_source(name), text).problems
    return [(one.file, one.line, one.text_line, one.is_refused) for one in found]


def test_a_device_is_found_in_its_file(main: Path) -> None:
    """Also in an included file; the version is that of this file."""
    source = read_source("fan")
    assert (source.file_name, source.device.first, source.device.end) == ("rooms/kitchen.toml", 0, 9)
    assert source.device.text == ROOM
    before = source.version
    main.write_text(MAIN + "\n# More.\n")
    check_version(read_source("fan"), before)
    (main.parent / "rooms" / "kitchen.toml").write_text(ROOM + "\n")
    with pytest.raises(Changed, match=r"rooms/kitchen\.toml has changed"):
        check_version(read_source("fan"), before)


def test_an_edit_is_checked_with_the_whole_house(main: Path) -> None:
    """A problem has its line in the file and in the text; in another file it has no line of the text."""
    assert problems("fan", ROOM.replace('"plug"', '"lamp"')) == []
    wrong = ROOM.replace("# The fan.", "# The fan,\n# here.").replace("status", "stats")
    (problem,) = edit(read_source("fan"), wrong).problems
    assert (problem.line, problem.text_line, problem.key) == (9, 9, "turns.stats")
    sensor = '[devices.lamp]\nkind = "sensor"\ndriver = "simulated"\n'
    found = problems("lamp", sensor)
    assert ("rooms/kitchen.toml", 8, None, False) in found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[devices.fan]\nkind = plug\n", 2),
        ('[devices.fan]\nkind = "plug\n', 2),
        ('[devices.fan]\nkind = "pl\0ug"\n', 2),
        ('[devices.fan]\nkind = "plug"\rx = 1\n', 2),
        ("", 1),
        ("# nothing\n", 1),
        ("[" * 5000, 1),
        ("[devices.fan]\nx = " + "[" * 5000 + "\n", 1),
        ("[devices.fan]\nx = " + "9" * 20_000 + "\n", 1),
        ('[[devices.fan]]\nkind = "plug"\n', 1),
        ('[devices]\nfan = { kind = "plug" }\n', 1),
    ],
)
def test_a_text_that_is_no_table_of_the_device_is_a_problem(main: Path, text: str, line: int) -> None:
    """Each with its line, whatever the text is."""
    ((file, at, text_line, is_refused),) = problems("fan", text)
    assert (file, at, text_line, is_refused) == ("rooms/kitchen.toml", line, line, False)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (ROOM + '[devices.evil]\nkind = "lamp"\n', [10]),
        (ROOM + '[house]\nname = "B"\n', [10]),
        (ROOM + "[defaults.kinds.lamp]\nroom = 'X'\n", [10]),
        (ROOM + "[bridge]\n[exchange]\n[hosts.x]\n", [10, 11, 12]),
        ('include = ["/etc/*.toml"]\n' + ROOM, [1]),
        ('devices.lamp.driver = "command"\n' + ROOM, [1]),
        (ROOM.replace('driver = "simulated"', 'driver = "command"'), [4]),
        (ROOM.replace('driver = "simulated"', '"driver" = "comm\\u0061nd"'), [4]),
        (ROOM.replace('driver = "simulated"', 'driver = "command"\ncommand.on = ["sh"]'), [4]),
        (ROOM.replace('driver = "simulated"', 'driver = "command"\ncommand = { on = ["sh"] }'), [4]),
        (ROOM + '[devices.fan.command]\non = ["sh"]\n', [10]),
        (
            ROOM.replace(
                '"simulated"', '"shelly"\nshelly = { address = "h", password_file = "/etc/shadow" }'
            ),
            [4],
        ),
        (ROOM.replace('kind = "plug"', 'kind = "plug"\nhost = "attic"'), [4]),
        (ROOM.replace('"plug"', '"mirror"'), [3]),
    ],
)
def test_a_text_that_reaches_further_is_refused(main: Path, text: str, lines: list[int]) -> None:
    """However it is written: with dots, inline, escaped, or with a default."""
    found = problems("fan", text)
    assert [(line, is_refused) for _, line, _, is_refused in found] == [(line, True) for line in lines]


@pytest.mark.long
def test_the_code_of_a_word_is_not_run_by_a_check(main: Path) -> None:
    """A file beside the configuration is not loaded, because the page may not use its word."""
    (main.parent / "drivers").mkdir()
    witness = main.parent / "ran"
    (main.parent / "drivers" / "evil.py").write_text(f"open({str(witness)!r}, 'w')\n")
    for word in ("evil", "../drivers/evil", "drivers/evil"):
        text = ROOM.replace('"simulated"', f'"{word}"')
        (problem,) = edit(read_source("fan"), text).problems
        assert problem.is_refused is (word == "evil")
    assert not witness.exists()


def test_a_link_out_of_the_folder_is_no_file_of_the_configuration(main: Path, tmp_path: Path) -> None:
    """The configuration itself refuses it, and so nothing is edited."""
    outside = tmp_path / "outside.toml"
    outside.write_text('[devices.radio]\nkind = "plug"\ndriver = "simulated"\n')
    (main.parent / "rooms" / "link.toml").symlink_to(outside)
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        read_source("radio")


def test_an_unknown_place_or_device_says_what_to_do(main: Path) -> None:
    """A house of an earlier version has not noted its file."""
    with pytest.raises(UnknownDevice, match="removed or renamed"):
        read_source("radio")
    main.write_text(MAIN + "devices.radio.kind = 'plug'\n")
    with pytest.raises(HouseError):
        read_source("radio")
    main.write_text(
        "radio = 1\n" + MAIN.replace("[devices.lamp]", '[devices]\nradio = { kind = "plug" }\n[devices.lamp]')
    )
    with pytest.raises(NotEditable, match="by hand"):
        read_source("radio")
    SOURCE.unlink()
    with pytest.raises(StorageError, match="house reload"):
        read_source("lamp")


def test_the_copy_has_the_stories_and_is_deleted(main: Path) -> None:
    """`house test` finds them beside the copy, and the folder of the configuration stays as it is."""
    (main.parent / "house.test.toml").write_text("# stories\n")
    (main.parent / "rooms" / "kitchen.test.toml").write_text("# more\n")
    files = edit(read_source("fan"), ROOM.replace("plug", "lamp")).files
    assert files is not None
    with written_copy(files) as path:
        assert path.read_text() == MAIN
        assert '"lamp"' in (path.parent / "rooms" / "kitchen.toml").read_text()
        assert path.with_suffix(".test.toml").exists()
        assert (path.parent / "rooms" / "kitchen.test.toml").exists()
    assert not path.parent.exists()
    assert (main.parent / "rooms" / "kitchen.toml").read_text() == ROOM


def test_a_check_of_forty_devices_is_quick(main: Path) -> None:
    """It takes less than half a second of the processor, so that a person who types need not wait."""
    device = '[devices.lamp{n}]\nkind = "lamp"\ndriver = "simulated"\n'
    rule = '[[devices.lamp{n}.when]]\ndevice = "lamp"\nturns = {{ status = true }}\ndo = "on"\n'
    main.write_text(MAIN + "".join((device + rule).format(n=n) for n in range(40)))
    text = read_source("lamp7").device.text
    for edited, count in ((text, 0), (text.replace("status", "stats"), 1)):
        began = time.process_time()
        assert len(edit(read_source("lamp7"), edited).problems) == count
        assert time.process_time() - began < patience(0.5)
