"""python -m daemons.contract: the tests that an author runs on a kind or a driver."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.kettle import KETTLE, write_kettle, write_package
from tests.support.patience import patience
from tests.test_extensions import ECHOING


def run(*words: str, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the contract suite."""
    more = f"{path}{os.pathsep}" if path else ""
    environment = {**os.environ, "PYTHONPATH": f"{more}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "daemons.contract", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=patience(100), env=environment, cwd=path
    )


def test_the_kettle_and_a_driver_keep_the_contract(tmp_path: Path) -> None:
    """The suite runs for both at once."""
    file = write_kettle(tmp_path)
    driver = tmp_path / "drivers" / "echoing.py"
    driver.parent.mkdir()
    driver.write_text(ECHOING)
    done = run(str(file), str(driver))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.long
def test_the_contract_of_an_installed_package_is_checked(tmp_path: Path) -> None:
    """The package is named as the index names it."""
    write_package(tmp_path / "site")
    done = run("house-kettle", path=tmp_path / "site")
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        (
            '    resting_phases = ("idle",)\n',
            '    resting_phases = ("resting",)\n',
            "declares_only_existing_phases",
        ),
        pytest.param(
            'return Setting(memory.phase == "boiling")',
            "return Setting(True)",
            "is_off_and_waits_for_nothing",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "    progress_percent: float | None\n",
            "    progress_percent: set[int] | None\n",
            "without_its_code",
            marks=pytest.mark.long,
        ),
    ],
    ids=["phase", "on", "type"],
)
def test_a_kind_that_breaks_the_contract_fails(tmp_path: Path, old: str, new: str, failed: str) -> None:
    """The name of the failed test says which rule it is."""
    assert old in KETTLE
    file = write_kettle(tmp_path)
    file.write_text(KETTLE.replace(old, new))
    done = run(str(file))
    assert done.returncode == 1, done.stdout
    assert failed in done.stdout


def test_what_is_no_extension_is_refused(tmp_path: Path) -> None:
    """The error says what is allowed."""
    for word, text in (
        ("no-such-package", "no installed package no-such-package has a kind or a driver"),
        (
            str(tmp_path / "kettle.py"),
            "a kind stands in a folder `kinds`, and a driver in a folder `drivers`",
        ),
        (str(tmp_path / "kinds" / "kettle.py"), "cannot be read: it is no file"),
    ):
        done = run(word)
        assert done.returncode == 1
        assert text in done.stderr
