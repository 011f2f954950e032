"""Adding a device to the file: at its end, checked, as a whole, without any other change."""

import stat
from pathlib import Path

import pytest
import tomli
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import NAME
from daemons.cli.main import main
from daemons.config.check import RESERVED
from daemons.config.editor import encode, name_for
from daemons.config.house import load_house
from tests.support.house import BREAKFAST

KETTLE = ("kettle", "kind=plug", "driver=shelly", "shelly.address=192.168.1.7", "max_on=10m")


def add(file: Path, *words: str) -> Result:
    """Run `house add`."""
    return CliRunner().invoke(main, ["--config", str(file), "add", *words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of the breakfast house."""
    found = tmp_path / "house.toml"
    found.write_text(BREAKFAST)
    return found


def test_a_device_is_added_and_everything_else_stays(file: Path) -> None:
    """The new table is at the end; every comment before it stays."""
    done = add(file, *KETTLE)
    assert (done.exit_code, done.stdout) == (0, f"Added kettle to {file}; `house reload` starts it.\n")
    assert file.read_text() == BREAKFAST + (
        '\n[devices.kettle]\nkind = "plug"\ndriver = "shelly"\nshelly.address = "192.168.1.7"\n'
        'max_on = "10m"\n'
    )
    assert load_house(file).devices["kettle"].options.max_on_seconds == 600


@pytest.mark.parametrize("end", ["", "\n", "\n\n# the end"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_its_line_ends_are_those_of_the_file(file: Path, end: str, newline: str) -> None:
    """A line break is added after a last line that has none."""
    before = (BREAKFAST.rstrip("\n") + end).replace("\n", newline).encode()
    file.write_bytes(before)
    assert add(file, *KETTLE).exit_code == 0
    after = file.read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") == (after.count(b"\n") if newline == "\r\n" else 0)
    assert "kettle" in load_house(file).devices


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pot", "kind=plg", "driver=shelly"), "[devices.pot] kind: \"plg\": did you mean 'plug'?"),
        (("pot", "kind=plug", "driver=shelly"), "the key 'address' is missing"),
        (("Pot", "kind=mirror"), "is no valid device name"),
        (("a.b", "kind=mirror"), "[devices."),
        (("house", "kind=mirror"), "is the name of a process of the house"),
        (("pot]", "kind=mirror"), "[TOML]"),
        (("pot", "kind=mirror", "port=0", "port.x=1"), "[TOML]"),
    ],
)
def test_an_invalid_device_is_not_written(file: Path, words: tuple[str, ...], message: str) -> None:
    """The problem is reported as by `house check`, with its line."""
    done = add(file, *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.endswith("Nothing was written.\n")
    assert file.read_text() == BREAKFAST


def test_an_existing_name_is_refused_with_its_line(file: Path) -> None:
    """This holds for any new table."""
    line = BREAKFAST.splitlines().index("[devices.toaster]") + 1
    done = add(file, "toaster", "kind=mirror")
    assert done.exit_code == 2
    assert f"{file}:{line}: [devices.toaster] a device of this name exists already" in done.stderr
    assert file.read_text() == BREAKFAST


def test_a_device_is_added_to_the_main_file(file: Path) -> None:
    """Included files stay as they are, and a name in one of them is taken, with its place."""
    room = file.parent / "rooms" / "hall.toml"
    room.parent.mkdir()
    room.write_text('# the hall\n[devices.hall]\nkind = "lamp"\ndriver = "simulated"\n')
    file.write_text(f'include = ["rooms/*.toml"]\n{BREAKFAST}')
    before = room.read_text()
    assert add(file, *KETTLE).exit_code == 0
    assert load_house(file).devices.keys() >= {"hall", "kettle", "toaster"}
    assert "[devices.kettle]" in file.read_text()
    done = add(file, "hall", "kind=mirror")
    assert done.exit_code == 2
    assert f"{room}:2: [devices.hall] a device of this name exists already" in done.stderr
    assert room.read_text() == before


@pytest.mark.parametrize("text", ["[devices.toa", BREAKFAST.replace("browning = 3", "browning = 30"), None])
def test_a_file_that_cannot_be_used_is_left_alone(file: Path, text: str | None) -> None:
    """For a half-edited, wrong or missing file the problem is reported, and nothing is written."""
    file.unlink() if text is None else file.write_text(text)
    done = add(file, *KETTLE)
    assert (done.exit_code, f"{file}:" in done.stderr) == (2, True)
    assert (file.read_text() if file.exists() else None) == text


def test_a_symbolic_link_stays_and_its_target_keeps_its_mode(tmp_path: Path, file: Path) -> None:
    """The mode of the file stays the same."""
    file.chmod(0o664)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    assert add(link, *KETTLE).exit_code == 0
    assert link.is_symlink()
    assert "kettle" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o664
    assert {path.name for path in tmp_path.iterdir()} == {"house.toml", "link.toml"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "pass either NAME and its keys, or --found"),
        (("pot", "--found"), "pass either NAME and its keys, or --found"),
        (("pot", "kind"), "'kind' is not KEY=VALUE"),
        (("pot", "kind=plug", "kind=lamp"), "'kind' is given twice"),
    ],
)
def test_a_mistake_in_the_command_line_is_reported(file: Path, words: tuple[str, ...], message: str) -> None:
    """The file is not changed."""
    done = add(file, *words)
    assert (done.exit_code, message in done.stderr) == (2, True)
    assert file.read_text() == BREAKFAST


VALUES = st.recursive(
    st.text() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_is_written_as_toml_in_one_line(value: object) -> None:
    """Quotes and line breaks are escaped, and reading the line returns the value."""
    written = encode(value)
    assert "\n" not in written
    assert tomli.loads(f"x = {written}") == {"x": value}


@given(st.text(max_size=80), st.sets(st.sampled_from(["kettle", "plug", "plug_2"])))
def test_any_title_makes_a_name(title: str, taken: set[str]) -> None:
    """The name is allowed and free."""
    name = name_for(title, "plug", taken)
    assert NAME.fullmatch(name)
    assert name not in taken | RESERVED


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Kettle", "kettle"),
        ("Küche: große Lampe!", "kuche_grosse_lampe"),
        ("kitchen/kettle plug", "kitchen_kettle_plug"),
        ("2nd lamp", "plug_2nd_lamp"),
        ("", "plug"),
        ("灯", "plug"),
        ("house", "house_2"),
        ("x" * 60, "x" * 40),
    ],
)
def test_a_name_is_derived_from_the_title(title: str, name: str) -> None:
    """The name has the form that a person would choose."""
    assert name_for(title, "plug", set()) == name
