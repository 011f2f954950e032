"""`house init` writes a first configuration; without one there is a clear error, and no run directory."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.cli import init
from daemons.cli.main import main
from daemons.config.house import load_house
from tests.support.house import PROJECT
from tests.support.patience import patience

CHOSEN = ("HOUSE_CONFIG", "HOUSE_RUN", "HOUSE_HOST", "HOUSE_SUPERVISORD")
NEEDS_A_FILE = ("up", "down", "status", "mirror", "logs", "history", "token", "plan", "reload", "check")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    for variable in CHOSEN:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def house(*words: str) -> Result:
    """Run a `house` command."""
    return CliRunner().invoke(main, words)


def test_a_first_house_is_written_and_is_valid(here: Path) -> None:
    """`house` finds it in the working directory without an option."""
    done = house("init")
    assert (done.exit_code, (here / "house.toml").exists()) == (0, True), done.output
    assert (
        load_house(here / "house.toml").devices.keys()
        == load_house(PROJECT / "config/house.toml").devices.keys()
    )
    assert house("check").output == f"{here}/house.toml: 5 devices, no problem.\n"
    assert [path.name for path in here.iterdir()] == ["house.toml"]


def test_a_new_folder_is_made(here: Path) -> None:
    """The command that starts the house there is one for a shell."""
    done = house("init", "my house/at home")
    assert done.output.endswith(f"cd '{here}/my house/at home'\n")
    assert load_house(here / "my house/at home/house.toml").settings.name == "Breakfast house"


@pytest.mark.parametrize("file", ["house.toml", "config/house.toml"])
def test_a_house_that_is_there_is_left(here: Path, file: str) -> None:
    """Also that of a project, in its folder config."""
    (here / file).parent.mkdir(exist_ok=True)
    (here / file).write_text("mine")
    done = house("init")
    assert done.exit_code == 1
    assert f"{here / file} is there already; nothing was changed" in done.output
    assert (here / file).read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_an_error(here: Path) -> None:
    """The error names the file and the reason."""
    (here / "notes").write_text("")
    done = house("init", "notes")
    assert done.exit_code == 1
    assert f"{here}/notes/house.toml cannot be written" in done.output


@pytest.mark.parametrize("verb", NEEDS_A_FILE)
def test_without_a_file_the_error_names_init(here: Path, verb: str) -> None:
    """No verb leaves a run directory behind."""
    done = house(verb)
    assert done.exit_code == 2
    remedy = "`house init` writes one to begin with; `--config` names another"
    assert done.output == f"{here}/config/house.toml does not exist. {remedy}\n"
    assert list(here.iterdir()) == []


def test_it_has_the_timezone_of_the_machine(tmp_path: Path) -> None:
    """/etc/localtime leads to the file of the timezone; without a name, that of the shipped house stays."""
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/America/Argentina/Ushuaia")
    assert init.timezone(link) == "America/Argentina/Ushuaia"
    assert init.timezone(tmp_path / "missing") is None
    now = datetime(2026, 11, 28, tzinfo=UTC)
    assert 'timezone = "America/Argentina/Ushuaia"' in init.first_configuration(init.timezone(link), now)
    assert 'timezone = "Europe/Berlin"' in init.first_configuration(None, now)


@pytest.mark.long
def test_a_wheel_starts_a_house(here: Path) -> None:
    """Installed from a wheel, away from the project: init, up, press, status, down."""
    wheels, environment = here / "wheels", here / "environment"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    source = here / "source"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns(".git", ".venv*", "run", "__pycache__"))
    subprocess.run([*pip, "wheel", source, "--no-deps", "-w", wheels], check=True, timeout=patience(300))
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=patience(100))
    (wheel,) = wheels.iterdir()
    install = (str(environment / "bin" / "pip"), "--disable-pip-version-check", "-q", "install", str(wheel))
    subprocess.run(install, check=True, timeout=patience(600))
    home = here / "home"

    def run(*words: str) -> str:
        environ = {
            key: value for key, value in os.environ.items() if not key.startswith(("HOUSE_", "PYTHON"))
        }
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(environment / "bin" / "house"), *words],
            cwd=home,
            env=environ,
            capture_output=True,
            text=True,
            timeout=patience(120),
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    home.mkdir()
    run("init")
    text = (home / "house.toml").read_text().replace('kind = "mirror"', 'kind = "mirror"\nport = 0')
    (home / "house.toml").write_text(text)
    try:
        assert "is up: 5 devices" in run("up")
        assert "press applied" in run("press", "bathroom_light")
        assert "toasting" in run("status")
    finally:
        run("down")
