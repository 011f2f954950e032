"""A house without any extra: each verb works, and a driver without its library names the library."""

import os
from pathlib import Path

import pytest

from tests.support.house import BREAKFAST, PROJECT, HouseFactory, TemporaryHouse
from tests.support.libraries import EXTRAS

DRIVERS = sorted(path.stem for path in (PROJECT / "daemons" / "drivers").glob("[a-z]*.py"))
KETTLE = """
[devices.kettle]
kind = "plug"
driver = "kasa"
kasa.address = "127.0.0.1"
"""


@pytest.fixture
def bare_house(make_house: HouseFactory, tmp_path: Path) -> TemporaryHouse:
    """Return a house whose processes can import no library of an extra."""
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({EXTRAS!r}))\n")
    path = os.pathsep.join(filter(None, (str(blocked), os.environ.get("PYTHONPATH"))))
    return make_house(environment={"PYTHONPATH": path})


def test_house_drivers_lists_every_driver_and_its_library(bare_house: TemporaryHouse) -> None:
    """A driver without its library is listed too, with the name of the library."""
    printed = bare_house.house("drivers").stdout
    for word in DRIVERS:
        assert word in printed
    for library in ("aiomqtt", "python-kasa", "gpiozero"):
        assert library in printed


@pytest.mark.long
def test_the_verbs_need_no_extra(bare_house: TemporaryHouse) -> None:
    """A simulated house starts, carries out a command, and stops."""
    for verb in ("check", "kinds", "plan", "up", "status", "history", "reload"):
        bare_house.house(verb)
    assert bare_house.send("bathroom_light", "press")["outcome"] == "applied"
    bare_house.house("down")


def test_a_device_without_its_library_is_refused_with_the_command_that_installs_it(
    bare_house: TemporaryHouse,
) -> None:
    """`house check` names the device, the library and the command."""
    bare_house.config.write_text(BREAKFAST + KETTLE)
    done = bare_house.house("check", check=False)
    assert done.returncode == 2
    assert "[devices.kettle] driver" in done.stderr
    assert "python-kasa, which is not installed; `make extra EXTRA=kasa` installs it" in done.stderr
