"""The run directory as a thing that may be hurt: a full disk, and files that are missing or damaged."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.cli.context import EXIT_NO_ANSWER
from daemons.cli.main import main
from daemons.config.house import load_house
from daemons.errors import StorageError
from daemons.storage import paths
from daemons.supervision import install, operations
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually
from tests.support.small_disk import missing_for_small_disk, small_disk

LAMP = """
[devices.lamp]
kind = "lamp"
driver = "simulated"
"""

# A full disk


def fill(house: TemporaryHouse) -> None:
    """Fill the disk of a house to its last byte."""
    command = [*house.command_prefix, "dd", "if=/dev/zero", f"of={house.run}/filler", "bs=512"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "No space left on device" in done.stderr


@pytest.mark.long
@pytest.mark.skipif(missing_for_small_disk() is not None, reason=str(missing_for_small_disk()))
def test_every_verb_that_need_not_write_works_on_a_full_disk(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """The status says first what cannot be remembered; a restart, `down` and `up` work too."""
    with small_disk(tmp_path / "house" / "run") as prefix:
        house = make_house(command_prefix=prefix)
        house.house("up")
        house.send("bathroom_light", "press")
        eventually(lambda: "toaster" in house.house("history", "toaster", "--csv", check=False).stdout)
        fill(house)
        warning = f"{house.run} cannot be written: No space left on device; free some space."
        assert house.status()["warnings"][0].startswith(warning)
        assert house.house("status").stdout.startswith(warning)
        assert house.send("kitchen_lamp", "toggle")["outcome"] in ("applied", "rejected")
        assert house.house("plan").stdout == "Nothing would change.\n"
        assert "toaster" in house.house("logs", "--no-follow").stdout
        assert "toaster" in house.house("history", "toaster", "--csv").stdout
        assert "no problem" in house.house("check").stdout
        house.house("restart", "toaster")
        assert house.house("down").stdout == "The house is down.\n"
        assert not house.status()["up"]
        assert "is up" in house.house("up").stdout
        assert {device["presence"] for device in house.status()["devices"].values()} == {"live"}
        house.house("down")


def test_a_reload_that_cannot_be_written_restores_the_previous_files(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk is full in the middle of a reload, the installed files are as before."""
    file = tmp_path / "new.toml"
    file.write_text(BREAKFAST)
    paths.enter(run)
    install.install(load_house(file), run)
    before = {path: path.read_bytes() for path in install.installed_files()}
    file.write_text(BREAKFAST.replace("browning = 3", "browning = 4") + LAMP)
    monkeypatch.setattr(operations, "Supervisor", FakeSupervisor)
    monkeypatch.setattr(operations, "wait_ready", lambda *_: None)
    monkeypatch.setattr(install, "write_if_changed", failing_after(4, install.write_if_changed))
    house = load_house(file)
    with pytest.raises(StorageError, match=r"No space left[^\n]*\nThe previous configuration was put back"):
        operations.reload(house, run, 1.0, lambda *_: None)
    assert {path: path.read_bytes() for path in install.installed_files()} == before


class FakeSupervisor:
    """A supervisord that is up and does what it is told."""

    def is_up(self) -> bool:
        """Return that it runs."""
        return True

    def update(self) -> None:
        """Do nothing."""


def failing_after(number: int, write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
    """Return a function that fails in one call, as on a full disk; freed space makes the next ones work."""
    calls: list[Path] = []

    def wrapped(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) == number:
            raise StorageError(f"{path} cannot be written: No space left on device")
        write(path, content)

    return wrapped


# Damaged files

FILES = (
    "house.toml",
    "host",
    "token",
    "supervisord.pid",
    "version",
    "supervisord.sock",
    "supervisord.conf",
    "devices/toaster.json",
    "programs/toaster.conf",
    "lock/house",
    "lock/toaster",
    "log/toaster.log",
    "log/toaster.log.1",
    "stopped/toaster",
    "history/history.db",
    "keys/own.toml",
    "keys/clients/laptop.toml",
    "journal",
    "log",
)
VERBS = (
    ("status",),
    ("plan",),
    ("check",),
    ("logs", "--no-follow"),
    ("history",),
    ("send", "toaster", "start", "--timeout", "0.1"),
    ("stop", "toaster"),
    ("start", "toaster"),
    ("restart", "toaster"),
    ("reload",),
    ("keys", "list"),
    ("keys", "own"),
    ("token",),
    ("down",),
)
DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"\xff\x00{[=garbage"),
    "other version": lambda path: path.write_text('version = 99\n[another]\ntable = "x"\n'),
    "folder": lambda path: path.mkdir(),
}


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a verb for a house that is installed and not up."""
    install_house(tmp_path, monkeypatch)

    def invoke(*words: str) -> Result:
        monkeypatch.chdir(tmp_path)
        return run_verb(tmp_path, *words)

    return invoke


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return what the verbs write to standard error without a damage; the folder of the house is `FOLDER`."""
    folder = tmp_path_factory.mktemp("usual")
    with pytest.MonkeyPatch.context() as patch:
        install_house(folder, patch)
        return {run_verb(folder, *words).stderr.replace(str(folder), "FOLDER") for words in VERBS}


def install_house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a house in a folder, with each of the files, and work in its run directory."""
    (folder / "house.toml").write_text(BREAKFAST)
    monkeypatch.chdir(folder)
    paths.enter(folder / "run")
    install.install(load_house(folder / "house.toml"), folder / "run")
    for name in FILES:
        path = Path(name)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text("")


def run_verb(folder: Path, *words: str) -> Result:
    """Run a verb for the house in a folder."""
    files = ("--config", str(folder / "house.toml"), "--run", str(folder / "run"))
    return CliRunner().invoke(main, [*files, *words], prog_name="house")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_the_run_directory_is_reported_in_a_line(
    verb: Callable[..., Result], usual: set[str], tmp_path: Path, name: str, damage: str
) -> None:
    """No verb ends with a traceback. A verb that fails for another reason than usual names the file."""
    path = tmp_path / "run" / name
    for words in VERBS:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        DAMAGES[damage](path)
        done = verb(*words)
        assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exc_info)
        assert "Traceback" not in done.output
        if (
            done.exit_code not in (0, EXIT_NO_ANSWER)
            and done.stderr.replace(str(tmp_path), "FOLDER") not in usual
        ):
            assert str(path) in done.stderr or name.rpartition("/")[2] in done.stderr, (words, done.stderr)
            assert len(done.stderr.splitlines()) <= 2, (words, done.stderr)


@pytest.mark.parametrize(
    ("name", "damage", "words", "line"),
    [
        (
            "house.toml",
            "garbage",
            ("status",),
            r".*/run/house.toml is damaged, or of another version \(.* is not UTF-8.*\); `house reload` .*",
        ),
        ("house.toml", "empty", ("send", "toaster", "start"), r".*/run/house.toml is damaged, .*"),
        ("house.toml", "other version", ("drill",), r".*/run/house.toml is damaged, .*"),
        ("host", "garbage", ("check",), r".*/run/host holds no name of a host; `house --host NAME up` .*"),
        ("host", "other version", ("status",), r".*/run/host names '.*', which is no host of this house; .*"),
        ("journal", "garbage", ("status",), r".*/run/journal is a file, and House needs a folder there; .*"),
        ("log/toaster.log", "folder", ("logs", "--no-follow"), r".*/toaster.log cannot be used: Is a .*"),
    ],
)
def test_the_line_about_a_damaged_file_has_its_remedy(
    verb: Callable[..., Result], tmp_path: Path, name: str, damage: str, words: tuple[str, ...], line: str
) -> None:
    """The one line has the path and what to do; the exit status is 1."""
    path = tmp_path / "run" / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    DAMAGES[damage](path)
    done = verb(*words)
    assert done.exit_code == 1
    assert re.fullmatch(line, done.stderr.rstrip("\n")), done.stderr
