"""docs/extending.md: its kettle and its LED are whole files that fulfil the contract."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import PROJECT
from tests.support.patience import patience

TEXT = (PROJECT / "docs" / "extending.md").read_text()
HOUSE = '[devices.bathroom_light]\nkind = "light_switch"\ndriver = "simulated"\n'


def blocks(language: str) -> list[str]:
    """Return the blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the project that has the files of the page."""
    for name in ("daemons", "tests", "config"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    kettle, test, led = blocks("python")[:3]
    (tmp_path / "daemons" / "kinds" / "kettle.py").write_text(kettle)
    (tmp_path / "tests" / "kinds" / "test_kettle.py").write_text(test)
    (tmp_path / "daemons" / "drivers" / "led.py").write_text(led)
    return tmp_path


def run(checkout: Path, *args: str) -> str:
    """Run Python in the copy, and return its output; fail if the command fails."""
    done = subprocess.run(
        [sys.executable, "-m", *args],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(100),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_kettle_and_the_led_can_be_configured(checkout: Path) -> None:
    """The configurations of the page pass the check, and `house kinds` prints the lines of the page."""
    (checkout / "house.toml").write_text(HOUSE + "\n".join(blocks("toml")[:2]))
    run(checkout, "daemons.cli.main", "--config", "house.toml", "check")
    listed = run(checkout, "daemons.cli.main", "kinds")
    sample = re.search(r"^    kettle  A kettle.*?commands: start, stop$", TEXT, re.MULTILINE | re.DOTALL)
    assert sample
    assert re.sub(r"^    ", "", sample[0], flags=re.MULTILINE) in listed


@pytest.mark.long
def test_the_kettle_passes_its_test_and_the_contract(checkout: Path) -> None:
    """Both run in the copy, where the kettle is one of the kinds."""
    meaning = "tests/cli/test_catalog.py::test_every_option_has_a_meaning"
    paths = ("tests/kinds/test_kettle.py", "tests/kinds/test_contract.py", meaning)
    out = run(checkout, "pytest", "-p", "no:cacheprovider", "-k", "kettle or meaning", *paths)
    assert out.count(".") > 1


@pytest.mark.long
def test_the_led_is_switched_and_read(checkout: Path) -> None:
    """A folder with two files takes the place of the board; without the folder, the reading has a fault."""
    folder = checkout / "led"
    folder.mkdir()
    (folder / "max_brightness").write_text("255")
    (folder / "brightness").write_text("0")
    run(checkout, "pytest", "-p", "no:cacheprovider", "-k", "led", "tests/drivers/test_contract.py")
    script = checkout / "switch.py"
    script.write_text(
        "from daemons.drivers.led import Led, Options\n"
        "from daemons.kinds import Setting\n"
        "led = Led('board_light', Options(folder='led'))\n"
        "led.set(Setting(on=True, brightness_percent=50), None, 0.0)\n"
        "assert led.read(0.0).on is True\n"
        "led.set(Setting(on=False), None, 1.0)\n"
        "assert led.read(1.0).on is False\n"
        "missing = Led('board_light', Options(folder='nowhere')).read(0.0)\n"
        "assert not missing.reachable and 'nowhere cannot be used' in missing.fault\n"
    )
    run(checkout, "switch")
