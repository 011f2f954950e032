"""A house on a machine that is short of processors: the steward kills no process that only waits for one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.house import BREAKFAST, HouseFactory, eventually

BUSY_LOOPS = 16
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
NAMES = [f"lamp_{number}" for number in range(195)]
"""With the five devices of the breakfast house, these are 200 processes of devices."""
LAMPS = "".join(f'\n[devices.{name}]\nkind = "lamp"\ndriver = "simulated"\n' for name in NAMES)
CROWDED = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "3s"') + LAMPS


@contextmanager
def busy_loops(number: int) -> Iterator[None]:
    """Run so many processes that use all the processor time they get."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(number)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_hundred_devices_beside_sixteen_busy_loops(make_house: HouseFactory) -> None:
    """The house comes up, a drill keeps every promise, and the house goes down; no process counts as hung."""
    house = make_house(CROWDED)
    with busy_loops(BUSY_LOOPS):
        house.house("up", timeout_seconds=300)
        assert "hangs" not in house.log("steward")
        done = house.house(
            "drill", "--minutes", "1", "--seed", "22", "--json", check=False, timeout_seconds=600
        )
        found = json.loads(done.stdout)
        assert found["broken"] == []
        assert found["presses"]["with_receipt"] >= 1
        hangs = house.log("steward").count("hangs: silent")
        assert hangs <= found["faults"].get("hang", {"number": 0})["number"]
        assert house.house("down", timeout_seconds=300).stdout == "The house is down.\n"
        eventually(lambda: not any(house.process(name) for name in NAMES))
