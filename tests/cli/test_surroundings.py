"""A house in a locale that is not UTF-8, with umlauts in its path, and on a system with low limits."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

from daemons.supervision import programs
from tests.support.house import HOUSE, HouseFactory

SMALL_HOUSE = """
[house]
name = "Häuschen"

[devices.lamp]
kind = "lamp"
driver = "simulated"
name = "Küchenlampe"
"""
ASCII = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""An environment in which Python takes every path for ASCII."""


@pytest.mark.parametrize(
    "environment", [pytest.param({"LC_ALL": "C"}, marks=pytest.mark.long), ASCII], ids=["C", "ASCII"]
)
def test_umlauts_in_paths_and_names_need_no_locale(
    make_house: HouseFactory, environment: dict[str, str]
) -> None:
    """The house starts, and a name is printed as it was written."""
    house = make_house(SMALL_HOUSE, folder="Küche größer", environment=environment)
    assert house.house("up").stdout.startswith("Häuschen is up: 1 device in ")
    assert "Küchenlampe" in house.house("show", "lamp").stdout
    assert house.send("lamp", "on")["outcome"] == "applied"
    house.house("reload")
    assert house.house("down").stdout == "The house is down.\n"


def test_many_devices_are_asked_with_few_open_files(make_house: HouseFactory) -> None:
    """A command raises its own limit as far as the system allows."""
    table = '[devices.lamp_{0}]\nkind = "lamp"\ndriver = "simulated"\n'
    house = make_house("".join(map(table.format, range(12))), command_prefix=["prlimit", "--nofile=20:"])
    house.house("up")
    assert house.house("status").stdout.count("live") == 12


def test_a_system_that_allows_few_open_files_is_told_in_our_words(make_house: HouseFactory) -> None:
    """The error says how many are allowed, and what raises the limit."""
    house = make_house(SMALL_HOUSE, command_prefix=["prlimit", "--nofile=256:256"])
    done = house.house("up", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("supervisord did not start: this system allows 256 open files in a process")
    assert "`ulimit -n 1024`" in done.stderr


def test_a_limit_on_processes_is_told_in_our_words() -> None:
    """The sentence has the number that the system allows."""
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    said = programs.limit_reached("Error: The minimum number of available processes required to run this")
    assert said is not None
    assert said.startswith(f"this system allows {most} processes of this user")
    assert programs.limit_reached("Error: the port is taken") is None


def test_the_encoding_of_the_terminal_is_left(tmp_path: Path) -> None:
    """A command that is UTF-8 already runs once, in its own process."""
    done = subprocess.run(
        [*HOUSE, "--version"],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("house, version ")
