"""Several hosts, one house: the result of presses during faults of the network between two hosts.

The two hosts are two network namespaces of this machine, each with its part of the house. An Ethernet hub
in user space joins them. It can delay, lose, reorder and cut. A light in the hall is pressed. In the
kitchen, three devices react to it: a switch with a grace of one minute, a switch with a grace of three
seconds, and a toaster.

The columns show how many presses there were, and how many of them the kitchen carried out *once*, *twice*
and *never*. The logs of its devices and of their hardware decide. The second switch must not follow presses
that are older than three seconds: *late* ones it followed, *ignored* ones it did not. *Converged* is the
time from the end of the fault until each host has all states of the other.

The first table is measured without faults. It shows the time from the state of the light to the state of a
device that it switches. The hall receives both states. A lamp in the hall itself is there for comparison.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from tests.support.hosts import TWO, Hosts
from tests.support.house import TemporaryHouse
from tests.support.network import Network, missing_for_network
from tests.support.network_faults import CLOCK_FAULTS, FAULTS, Outcome, TwoHosts, two_hosts_up

REACTION, FAULT_RESULTS = "From a press to the reaction", "Presses during faults"
HERE, THERE, FAR = "on the same host", "on the other host", "on the other host, 5 ms away"
SECTION = Section(
    11, "Several hosts", (Table(REACTION, reference_row=HERE), Table(FAULT_RESULTS)), is_long=True
)
AMOUNTS = {"tiny": (1, 4), "small": (1, 40), "full": (5, 200)}
"""The number of rounds, and the number of presses without faults."""
ROWS = {
    "quiet": "no fault",
    "cut": "a cut, with two presses at once and two after 4.5 s",
    "short_cuts": "five cuts of one second, too short to be noticed, with a press in each",
    "repeated_cuts": "two cuts until they are noticed, with a press before, during and after each",
    "long_cut": "a cut that is longer than TCP keeps trying",
    "exchanges_killed": "either exchange killed at random, ten times, with a press around each",
    "exchanges_killed_while_cut": "both exchanges killed during a cut, before and after the presses",
    "poor_way": "a delay of 200 to 300 ms, every tenth frame lost, frames out of order",
    "step_forward_while_cut": "the hall's clock set five minutes forward during a cut, between presses",
    "step_back_while_cut": "the hall's clock set five minutes back during a cut, between presses",
    "steps_while_up": "either clock set forward and back by minutes, with a press right after each",
}
"""The row of each fault."""
FAR_SECONDS = 0.005
CLOCKS = {"hall": -240.0, "kitchen": 180.0}


def measure(scale: Scale, sheet: Sheet) -> None:
    """Measure, on a machine that can create network namespaces."""
    if why := missing_for_network():
        sheet.note(f"It was not measured: {why}.")
        return
    rounds, presses = AMOUNTS[scale]
    for _ in range(rounds):
        with running_house() as house:
            latency(house, presses, sheet)
        chosen = ["quiet"] if scale == "tiny" else [*FAULTS, *CLOCK_FAULTS]
        for name in chosen:
            with running_house(CLOCKS if name in CLOCK_FAULTS else None) as house:
                fault = {**FAULTS, **CLOCK_FAULTS}[name]
                add_row(ROWS[name], fault(house), sheet)


@contextmanager
def running_house(clocks: dict[str, float] | None = None) -> Iterator[TwoHosts]:
    """Run a house of two connected hosts."""
    made: list[TemporaryHouse] = []
    with tempfile.TemporaryDirectory(prefix="b") as folder, Network() as network:

        def make(toml: str, name: str, **how: Any) -> TemporaryHouse:
            made.append(TemporaryHouse(Path(folder) / name, toml, **how))
            return made[-1]

        try:
            with two_hosts_up(Hosts(network, make, Path(folder), TWO, ("hall", "kitchen"), clocks)) as house:
                yield house
        finally:
            for each in made:
                each.house("down", check=False)


def latency(house: TwoHosts, presses: int, sheet: Sheet) -> None:
    """Press, and add the time until a lamp here and a switch there have followed, as received here."""
    found: dict[str, list[float]] = {HERE: [], THERE: [], FAR: []}
    for row, delay_seconds in ((THERE, 0.0), (FAR, FAR_SECONDS)):
        house.network.set("hall", "kitchen", delay_seconds=delay_seconds)
        for _ in range(presses):
            press = house.press()
            for name, where in (("hall_lamp", HERE), ("tally", row)):
                house.hall.until(lambda hall, name=name, press=press: hall.followed_at(name, press))  # type: ignore[misc]
                pressed, followed = (house.hall.followed_at(it, press) for it in ("bathroom_light", name))
                if where != HERE or row == THERE:
                    found[where].append((followed - pressed) * 1000)
    for row, times in found.items():
        sheet.add(REACTION, row, "p50", percentile(times, 0.5), "ms")
        sheet.add(REACTION, row, "p99", percentile(times, 0.99), "ms")


def add_row(row: str, outcome: Outcome, sheet: Sheet) -> None:
    """Add a row of the table."""
    columns = {
        "presses": outcome.presses,
        "once": outcome.once,
        "twice": outcome.twice,
        "never": outcome.lost,
        "late": outcome.late,
        "ignored": outcome.left,
    }
    for column, number in columns.items():
        sheet.add(FAULT_RESULTS, row, column, number, "")
    sheet.add(FAULT_RESULTS, row, "converged", outcome.converged_seconds, "s")
