"""How much of one machine a house of many devices takes: start, memory, processor time.

usage: python bench/crowd.py [--devices 20 100] [--seconds 20]

The devices are simulated lamps; with them are the mirror, the steward and the recorder. Memory is the
sum of all proportional set sizes, supervisord's too; processor time is that of all processes while
nothing happens but a sign of life of each a second, as a share of one core.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from footprint import pss

sys.path.insert(0, str(Path(__file__).parent.parent))  # the house belongs to the tests
from tests.guard import processes_of
from tests.household import Household

TICKS = os.sysconf("SC_CLK_TCK")


def configuration(number: int) -> str:
    """Give a house of so many lamps."""
    lamp = '[devices.lamp{}]\nkind = "lamp"\ndriver = "simulated"\n'
    house = '[house]\nwatchdog = "60s"\n[devices.mirror]\nkind = "mirror"\nport = 0\n'
    return house + "".join(lamp.format(index) for index in range(number))


def processor(pids: list[int]) -> float:
    """Give the seconds of processor time that these have taken so far."""
    found = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found += int(fields[11]) + int(fields[12])
    return found / TICKS


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    print(f"{'devices':>8}{'processes':>11}{'up s':>7}{'PSS MB':>8}{'each':>6}{'% of a core':>13}")
    for number in asked.devices:
        with tempfile.TemporaryDirectory() as folder:
            house = Household(Path(folder) / "house", configuration(number))
            began = time.perf_counter()
            house.house("up")
            took = time.perf_counter() - began
            try:
                pids = processes_of(str(house.run))
                time.sleep(5)  # the start is over
                before = processor(pids)
                time.sleep(asked.seconds)
                share = (processor(pids) - before) / asked.seconds
                memory = sum(map(pss, pids))
            finally:
                house.house("down")
        each = memory / len(pids)
        print(f"{number:8}{len(pids):11}{took:7.1f}{memory:8.0f}{each:6.1f}{100 * share:13.1f}")


if __name__ == "__main__":
    main()
