"""The included files of a house: which are found, and what is refused, each with its file and line."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.config import files
from daemons.config.house import House, load_house
from daemons.config.include import find
from daemons.config.location import Location
from daemons.errors import ConfigurationError
from daemons.values import format_toml

MAIN = """\
include = ["rooms/*.toml"]

[house]
name = "Home"

[devices.switch]
kind = "light_switch"
driver = "simulated"
"""
LAMP = """\
# the kitchen
[devices.kitchen_lamp]
kind = "lamp"
driver = "simulated"

[[devices.kitchen_lamp.when]]
device = "switch"
turns = { status = true }
do = "on"
"""


def write(folder: Path, texts: dict[str, str]) -> Path:
    """Write the files of a house, and return the main one."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "house.toml"


def load(folder: Path, texts: dict[str, str]) -> House:
    """Return the house of some files."""
    return load_house(write(folder, texts))


def mistakes(folder: Path, texts: dict[str, str]) -> list[Location]:
    """Return the mistakes of some files."""
    with pytest.raises(ConfigurationError) as raised:
        load(folder, texts)
    return list(raised.value.problems)


def mistake(folder: Path, texts: dict[str, str]) -> str:
    """Return the one mistake of some files, with its place relative to the folder."""
    (found,) = mistakes(folder, texts)
    return str(found).removeprefix(f"{folder}/")


def test_the_devices_of_all_files_are_one_house(tmp_path: Path) -> None:
    """A rule names a device of another file; the files are in sorted order, and the main file is first."""
    house = load(tmp_path, {"house.toml": MAIN, "rooms/b.toml": LAMP, "rooms/a.toml": lamp("hall")})
    assert [*house.devices] == ["switch", "hall", "kitchen_lamp"]
    assert [*house.files.included] == ["rooms/a.toml", "rooms/b.toml"]
    assert house.devices["kitchen_lamp"].subscriptions == {"switch"}
    assert house.slices()["kitchen_lamp"].table["when"][0]["do"] == "on"


def test_all_devices_may_stand_in_included_files(tmp_path: Path) -> None:
    """Then the main file has the tables of the whole house only."""
    main = MAIN.partition("[devices")[0]
    assert [*load(tmp_path, {"house.toml": main, "rooms/a.toml": lamp("hall")}).devices] == ["hall"]


def lamp(name: str) -> str:
    """Return the table of a lamp."""
    return f'[devices.{name}]\nkind = "lamp"\ndriver = "simulated"\n'


def test_the_same_devices_in_one_file_have_the_same_slices(tmp_path: Path) -> None:
    """A device that moves to another file is not restarted."""
    split = load(tmp_path, {"house.toml": MAIN, "rooms/a.toml": LAMP})
    whole = load(tmp_path, {"house.toml": MAIN.partition("\n")[2] + LAMP})
    assert {name: of.encode() for name, of in split.slices().items()} == {
        name: of.encode() for name, of in whole.slices().items()
    }


def test_each_host_has_the_slices_of_its_own_devices(tmp_path: Path) -> None:
    """Several hosts read the same files; the host may be a default."""
    hosts = "".join(
        f'[hosts.{name}]\naddress = "10.0.0.{number}"\npublic_key = "{str(number) * 40}"\n'
        for number, name in enumerate(("hall", "attic"))
    )
    write(tmp_path, {"house.toml": MAIN + hosts + '[defaults.kinds.lamp]\nhost = "attic"\n'})
    write(tmp_path, {"rooms/a.toml": LAMP, "rooms/b.toml": lamp("porch") + 'host = "hall"\n'})
    hall, attic = (load_house(tmp_path / "house.toml", host=host).slices() for host in ("hall", "attic"))
    assert ("kitchen_lamp" in hall, "kitchen_lamp" in attic) == (False, True)
    assert ("porch" in hall, "porch" in attic) == (True, False)


@pytest.mark.parametrize("pattern", ["rooms/*.toml", "rooms/kitchen.toml", "*/k[a-j]tchen.toml", "**/*.toml"])
def test_a_pattern_is_relative_to_the_file_and_not_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """The pattern of a file in any folder; `**` finds the files in the folder itself as well."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    texts = {"house.toml": MAIN.replace("rooms/*.toml", pattern), "rooms/kitchen.toml": LAMP}
    if pattern.startswith("**"):
        texts |= {
            "house.toml": texts["house.toml"].replace("**", "rooms/**"),
            "rooms/up/a.toml": lamp("attic"),
        }
    house = load(tmp_path, texts)
    assert "kitchen_lamp" in house.devices
    assert ("attic" in house.devices) == ("rooms/up/a.toml" in texts)


def test_hidden_files_and_stories_are_not_found(tmp_path: Path) -> None:
    """Editors leave hidden files; stories stand beside the files to which they belong."""
    write(
        tmp_path,
        dict.fromkeys(("rooms/.#a.toml", "rooms/a.test.toml", "rooms/a.toml~", ".git/b.toml"), ""),
    )
    write(tmp_path, {"rooms/a.toml": ""})
    assert sorted({*find(tmp_path, "rooms/*.toml"), *find(tmp_path, "**/*.toml")}) == ["rooms/a.toml"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """`**` follows no link to a folder, so that the search ends."""
    write(tmp_path, {"rooms/a.toml": ""})
    (tmp_path / "rooms" / "again").symlink_to(tmp_path / "rooms")
    assert list(find(tmp_path, "**/*.toml")) == ["rooms/a.toml"]


def test_a_file_that_several_patterns_find_is_read_once(tmp_path: Path) -> None:
    """It is no second device of the same name."""
    main = MAIN.replace('"rooms/*.toml"', '"rooms/*.toml", "rooms/a.toml", "*/a.toml"')
    assert len(load(tmp_path, {"house.toml": main, "rooms/a.toml": LAMP}).devices) == 2


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    """Only the target counts: it must be inside the folder, too."""
    write(tmp_path, {"house.toml": MAIN, "shared/kitchen.toml": LAMP})
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "kitchen.toml").symlink_to("../shared/kitchen.toml")
    assert "kitchen_lamp" in load_house(tmp_path / "house.toml").devices


@pytest.mark.parametrize(
    ("include", "words"),
    [
        ('"rooms/*.toml"', 'include takes a list of patterns: ["rooms/*.toml"]'),
        ("[1]", "include takes a list of patterns"),
        ('["attic/*.toml"]', '"attic/*.toml" finds no file in'),
        ('["attic.toml"]', '"attic.toml" finds no file in'),
        ('["rooms/.toml/*.toml"]', "finds no file in"),
        ('["../*.toml"]', '".." is not allowed'),
        ('["rooms/../../*.toml"]', '".." is not allowed'),
        ('["/etc/*.toml"]', "must be relative to the folder of this file"),
        ('["~/rooms/*.toml"]', "must be relative to the folder of this file"),
        ('["rooms/*"]', 'must end in .toml, as in "rooms/*.toml"'),
        ('["rooms/*.test.toml"]', "they are found without include"),
        ('["rooms//a.toml"]', "is no pattern of a file"),
        ('["./rooms/a.toml"]', "is no pattern of a file"),
        ('["rooms/**.toml"]', "is no pattern of a file"),
        ('["**/**/a.toml"]', "is no pattern of a file"),
        ('["rooms/\\u0000.toml"]', "takes printable characters"),
        ('[""]', "must end in .toml"),
        ('["*.toml"]', '"*.toml" finds house.toml itself, which would include itself'),
        ('["house.toml"]', "finds house.toml itself"),
    ],
)
def test_a_wrong_pattern_is_refused_at_its_line(tmp_path: Path, include: str, words: str) -> None:
    """The error names the file and the line of include, and what is allowed."""
    main = "# first\n\n" + MAIN.replace('["rooms/*.toml"]', include)
    found = mistake(tmp_path, {"house.toml": main, "rooms/kitchen.toml": LAMP})
    assert found.startswith("house.toml:3: [include] ")
    assert words in found


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    """Neither a link to a file nor a link to a folder leads out of the folder of house.toml."""
    write(tmp_path, {"secret/a.toml": LAMP, "config/house.toml": MAIN, "config/rooms/.keep": ""})
    (tmp_path / "config" / "rooms" / "a.toml").symlink_to("../../secret/a.toml")
    found = mistake(tmp_path / "config", {"house.toml": MAIN})
    assert f"finds rooms/a.toml, a link that leads out of the folder, to {tmp_path}/secret/a.toml" in found
    (tmp_path / "config" / "more").symlink_to("../secret")
    found = mistake(tmp_path / "config", {"house.toml": MAIN.replace("rooms", "more")})
    assert "finds more/a.toml, a link that leads out" in found


def test_a_circle_by_a_link_is_refused(tmp_path: Path) -> None:
    """A link to house.toml is house.toml; a link to itself is no file."""
    write(tmp_path, {"rooms/.keep": ""})
    (tmp_path / "rooms" / "a.toml").symlink_to("../house.toml")
    assert "finds house.toml itself" in mistake(tmp_path, {"house.toml": MAIN})
    (tmp_path / "rooms" / "a.toml").unlink()
    (tmp_path / "rooms" / "a.toml").symlink_to("a.toml")
    assert "a.toml" in mistake(tmp_path, {"house.toml": MAIN})


def test_an_included_file_includes_no_other(tmp_path: Path) -> None:
    """The error stands at the key in the included file."""
    text = 'include = ["more.toml"]\n' + LAMP
    assert mistake(tmp_path, {"house.toml": MAIN, "rooms/a.toml": text}) == (
        "rooms/a.toml:1: [include] an included file includes no other file; write the pattern into house.toml"
    )


@pytest.mark.parametrize("table", ["house", "recorder", "hosts.a", "defaults.kinds.lamp", "unknown"])
def test_a_table_of_the_whole_house_is_refused_in_an_included_file(tmp_path: Path, table: str) -> None:
    """Each such table has one place: the main file."""
    found = mistake(tmp_path, {"house.toml": MAIN, "rooms/a.toml": f'{LAMP}\n[{table}]\nname = "x"\n'})
    name = table.partition(".")[0]
    assert found.startswith(f"rooms/a.toml:{LAMP.count(chr(10)) + 2}: [{name}] ")
    assert "an included file has only tables [devices.NAME]; this belongs into house.toml" in found


@pytest.mark.parametrize("text", ["", "# all gone\n", "devices = 5\n", "[devices]\n"])
def test_an_included_file_without_a_device_is_refused(tmp_path: Path, text: str) -> None:
    """An editor that writes a file empties it first: its devices are not removed for that."""
    found = mistake(tmp_path, {"house.toml": MAIN, "rooms/a.toml": text})
    assert found.startswith("rooms/a.toml:1: [devices] there is no device; ")


def test_a_device_that_stands_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    """The second is the mistake, and it names the file and line of the first."""
    texts = {"house.toml": MAIN, "rooms/a.toml": "\n\n" + lamp("hall"), "rooms/b.toml": LAMP + lamp("hall")}
    assert mistake(tmp_path, texts) == (
        f"rooms/b.toml:10: [devices.hall] a device of this name stands already in "
        f"{tmp_path}/rooms/a.toml:3; choose another name"
    )
    texts["rooms/a.toml"] = "\n" + lamp("switch")
    texts["rooms/b.toml"] = LAMP
    assert mistake(tmp_path, texts) == (
        f"rooms/a.toml:2: [devices.switch] a device of this name stands already in "
        f"{tmp_path}/house.toml:6; choose another name"
    )


def test_a_mistake_has_the_file_and_line_in_which_it_stands(tmp_path: Path) -> None:
    """All mistakes of all files are reported, the main file first."""
    texts = {
        "house.toml": MAIN.replace('"light_switch"', '"light_swich"'),
        "rooms/a.toml": LAMP.replace('"on"', '"onn"'),
        "rooms/b.toml": lamp("attic").replace("lamp", "lampe"),
    }
    assert [
        str(found).removeprefix(f"{tmp_path}/").partition(" ")[0] for found in mistakes(tmp_path, texts)
    ] == [
        "house.toml:7:",
        "rooms/a.toml:9:",
        "rooms/b.toml:2:",
    ]


def test_all_files_that_are_no_toml_are_reported(tmp_path: Path) -> None:
    """Other problems would be wrong as long as a file cannot be read."""
    write(tmp_path, {"house.toml": MAIN, "rooms/a.toml": "[devices.x", "rooms/c.toml": lamp("x")})
    (tmp_path / "rooms" / "b.toml").write_bytes(b"# caf\xe9\n")
    (tmp_path / "rooms" / "d.toml").mkdir()
    (tmp_path / "rooms" / "e.toml").symlink_to("gone.toml")
    os.mkfifo(tmp_path / "rooms" / "f.toml")
    with pytest.raises(ConfigurationError) as raised:
        load_house(tmp_path / "house.toml")
    assert [str(found).removeprefix(f"{tmp_path}/rooms/") for found in raised.value.problems] == [
        "a.toml:1: [TOML] the header is not closed; it ends in ]; write: [devices.x]",
        "b.toml:1: [TOML] is not UTF-8; save the file as UTF-8 in your editor",
        "d.toml:1: [TOML] cannot be read: it is no file",
        "e.toml:1: [TOML] cannot be read: No such file or directory",
        "f.toml:1: [TOML] cannot be read: it is no file",
    ]


@pytest.mark.parametrize("name", ["house.toml", "rooms/a.toml"])
def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The size of a file has a limit; a file of exactly this size is read."""
    texts = {"house.toml": MAIN, "rooms/a.toml": LAMP}
    monkeypatch.setattr(files, "LARGEST_BYTES", 1 << 20)
    texts[name] += "#" * ((1 << 20) - len(texts[name]))
    assert load(tmp_path, texts)
    texts[name] += "#"
    assert mistake(tmp_path, texts) == f"{name}:1: [TOML] cannot be read: it is larger than 1 MiB"


def test_a_folder_that_cannot_be_searched_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its devices do not count as removed."""
    folder = tmp_path / "rooms"

    def scandir(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", scandir)
    found = mistake(tmp_path, {"house.toml": MAIN, "rooms/a.toml": LAMP})
    assert found == f"house.toml:1: [include] {folder} cannot be searched: Permission denied"


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that finds a whole disk is a mistake."""
    monkeypatch.setattr("daemons.config.include.MOST_FILES", 2)
    texts = {f"rooms/{name}.toml": lamp(name) for name in "abc"}
    assert "it finds 3 files; a house has at most 2" in mistake(tmp_path, {"house.toml": MAIN, **texts})


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Every place must be printable."""
    write(tmp_path, {"rooms/.keep": ""})
    (tmp_path / "rooms" / os.fsdecode(b"caf\xe9.toml")).write_text(LAMP)
    found = mistake(tmp_path, {"house.toml": MAIN})
    assert "finds 'rooms/caf\\udce9.toml'; the name must be printable text" in found


parts = st.sampled_from(
    ["rooms", "*", "**", "..", ".", "", "a", "[", "[a-z]", "?", ".toml", "*.toml", "a.toml", "~"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(parts, max_size=4).map("/".join) | st.text(max_size=8), st.text() | st.just(LAMP))
def test_no_pattern_and_no_included_file_raise_anything_else(tmp_path: Path, pattern: str, text: str) -> None:
    """Any pattern and any text become a house, or mistakes of a file inside the folder."""
    write(tmp_path, {"house.toml": MAIN.partition("\n")[2], "outside/a.toml": lamp("outside")})
    folder = tmp_path / "inside"
    main = f"include = [{format_toml(pattern, 1000)}]\n{MAIN.partition(chr(10))[2]}"
    write(folder, {"house.toml": main})
    (folder / "rooms").mkdir(exist_ok=True)
    (folder / "rooms" / "a.toml").write_bytes(text.encode(errors="replace"))
    found: list[Location] = []
    devices: set[str] = set()
    try:
        devices = set(load_house(folder / "house.toml").devices)
    except ConfigurationError as error:
        found = list(error.problems)
    assert all(Path(one.file).is_relative_to(folder) for one in found)
    assert devices in (set(), {"switch", "kitchen_lamp"})
    assert bool(found) != bool(devices)


def test_an_include_below_a_table_is_explained(tmp_path: Path) -> None:
    """In TOML a key belongs to the table header above it."""
    main = MAIN.partition("\n")[2] + 'include = ["rooms/*.toml"]\n'
    found = mistake(tmp_path, {"house.toml": main})
    assert found == (
        "house.toml:8: [devices.switch] include: include stands at the top of the file, above the first table"
    )
