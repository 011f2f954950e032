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
from daemons.config.editor import argument, name_for
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


def test_a_device_is_added_and_all_else_stays_as_it_was(file: Path) -> None:
    """Its table is at the end; every comment before it stays."""
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
    ("words", "said"),
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
def test_what_check_refuses_is_not_written(file: Path, words: tuple[str, ...], said: str) -> None:
    """The problem is reported as by `house check`, with the line that it would have."""
    done = add(file, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.endswith("Nothing was written.\n")
    assert file.read_text() == BREAKFAST


def test_a_name_that_is_there_is_refused_with_its_line(file: Path) -> None:
    """This holds for any new table."""
    line = BREAKFAST.splitlines().index("[devices.toaster]") + 1
    done = add(file, "toaster", "kind=mirror")
    assert done.exit_code == 2
    assert f"{file}:{line}: [devices.toaster] a device of this name exists already" in done.stderr
    assert file.read_text() == BREAKFAST


@pytest.mark.parametrize("text", ["[devices.toa", BREAKFAST.replace("browning = 3", "browning = 30"), None])
def test_a_file_that_cannot_be_used_is_left_alone(file: Path, text: str | None) -> None:
    """For a half-edited, wrong or missing file the problem is reported, and nothing is written."""
    file.unlink() if text is None else file.write_text(text)
    done = add(file, *KETTLE)
    assert (done.exit_code, f"{file}:" in done.stderr) == (2, True)
    assert (file.read_text() if file.exists() else None) == text


def test_a_link_stays_and_what_it_leads_to_keeps_its_mode(tmp_path: Path, file: Path) -> None:
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
    ("words", "said"),
    [
        ((), "say either NAME and its keys, or --found"),
        (("pot", "--found"), "say either NAME and its keys, or --found"),
        (("pot", "kind"), "'kind' is not KEY=VALUE"),
        (("pot", "kind=plug", "kind=lamp"), "'kind' is given twice"),
    ],
)
def test_a_mistake_in_the_command_line_is_told(file: Path, words: tuple[str, ...], said: str) -> None:
    """The file is not changed."""
    done = add(file, *words)
    assert (done.exit_code, said in done.stderr) == (2, True)
    assert file.read_text() == BREAKFAST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=5", ("a", "5")),
        ("a=true", ("a", "true")),
        ("a=0.5", ("a", "0.5")),
        ('a=["x", 1]', ("a", '["x", 1]')),
        ('a="5"', ("a", '"5"')),
        ("a.b-c=x=y", ("a.b-c", '"x=y"')),
        ("a=", ("a", '""')),
        ("a=07:30", ("a", '"07:30"')),
        ("a=07:30:00", ("a", '"07:30:00"')),
        ("a=2026-11-24", ("a", '"2026-11-24"')),
        ("a=nan", ("a", '"nan"')),
        ("a=1\nb = 2", ("a", '"1\\nb = 2"')),
    ],
)
def test_a_value_is_toml_or_text(text: str, expected: tuple[str, str]) -> None:
    """A time is text, as everywhere in the configuration; a line break cannot add a second key."""
    assert argument(text) == expected


@given(st.text())
def test_any_value_is_one_value(value: str) -> None:
    """This holds for any typed text."""
    key, written = argument(f"key={value}")
    assert tomli.loads(f"{key} = {written}").keys() == {"key"}


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
def test_a_name_is_made_of_what_it_calls_itself(title: str, name: str) -> None:
    """The table looks as a person would write it."""
    assert name_for(title, "plug", set()) == name
