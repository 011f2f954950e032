"""Several hosts, one house: what becomes of presses whatever the way between two hosts goes through.

Two hosts are two network namespaces of this machine, each with a house of its own, joined by an Ethernet
hub in user space, which delays, loses, reorders and cuts. A light in the hall is pressed; in the kitchen a
switch counts the presses of a minute at the most, another those of three seconds at the most, and a
toaster makes toast. Of each ordeal it is told how many presses there were, how many of them the kitchen
acted on once, twice and never, by its devices' logs and their hardware's own records; how many that
were older than three seconds the hasty switch acted on (late) and left; and how long it took from the
end of the ordeal until each half knew all of the other. Before that, on a way on which nothing happens:
the time from the light's state to that of what it starts, both as they are heard in the hall, beside a
lamp in the hall itself.
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
from tests.support.house import Household
from tests.support.network import Wire, lack
from tests.support.network_faults import CLOCK_ORDEALS, ORDEALS, Ordeal, Outcome, begun

WAY, CUTS = "From a press to what it starts", "What becomes of presses"
HERE, THERE, FAR = "on the same host", "on the other host", "on the other host, 5 ms away"
SECTION = Section(11, "Several hosts", (Table(WAY, reference_row=HERE), Table(CUTS)), is_long=True)
AMOUNTS = {"tiny": (1, 4), "small": (1, 40), "full": (5, 200)}
"""How many rounds, and how many presses on a way on which nothing happens."""
FAR_SECONDS = 0.005
CLOCKS = {"hall": -240.0, "kitchen": 180.0}


def measure(scale: Scale, sheet: Sheet) -> None:
    """Measure, where a network of its own can be made."""
    if why := lack():
        sheet.note(f"It was not measured: {why}.")
        return
    rounds, presses = AMOUNTS[scale]
    for _ in range(rounds):
        with house() as ordeal:
            latency(ordeal, presses, sheet)
        chosen = ["quiet"] if scale == "tiny" else [*ORDEALS, *CLOCK_ORDEALS]
        for name in chosen:
            with house(CLOCKS if name in CLOCK_ORDEALS else None) as ordeal:
                go_through = {**ORDEALS, **CLOCK_ORDEALS}[name]
                tell(" ".join((go_through.__doc__ or name).split()), go_through(ordeal), sheet)


@contextmanager
def house(clocks: dict[str, float] | None = None) -> Iterator[Ordeal]:
    """Have a house of two hosts, up and together."""
    made: list[Household] = []
    with tempfile.TemporaryDirectory(prefix="b") as folder, Wire() as wire:

        def make(toml: str, name: str, **how: Any) -> Household:
            made.append(Household(Path(folder) / name, toml, **how))
            return made[-1]

        try:
            with begun(Hosts(wire, make, Path(folder), TWO, ("hall", "kitchen"), clocks)) as ordeal:
                yield ordeal
        finally:
            for each in made:
                each.house("down", check=False)


def latency(ordeal: Ordeal, presses: int, sheet: Sheet) -> None:
    """Press, and see when a lamp here and a switch there have followed, as it is heard here."""
    found: dict[str, list[float]] = {HERE: [], THERE: [], FAR: []}
    for row, delay_seconds in ((THERE, 0.0), (FAR, FAR_SECONDS)):
        ordeal.wire.set("hall", "kitchen", delay_seconds=delay_seconds)
        for _ in range(presses):
            press = ordeal.press()
            for name, where in (("hall_lamp", HERE), ("tally", row)):
                ordeal.hall.until(lambda hall, name=name, press=press: hall.heard(name, press))  # type: ignore[misc]
                pressed, followed = (ordeal.hall.heard(it, press) for it in ("bathroom_light", name))
                if where != HERE or row == THERE:
                    found[where].append((followed - pressed) * 1000)
    for row, times in found.items():
        sheet.add(WAY, row, "p50", percentile(times, 0.5), "ms")
        sheet.add(WAY, row, "p99", percentile(times, 0.99), "ms")


def tell(row: str, outcome: Outcome, sheet: Sheet) -> None:
    """Write a row of the table."""
    columns = {
        "presses": outcome.presses,
        "once": outcome.once,
        "twice": outcome.twice,
        "never": outcome.lost,
        "late": outcome.late,
        "left": outcome.left,
    }
    for column, number in columns.items():
        sheet.add(CUTS, row, column, number, "")
    sheet.add(CUTS, row, "converged", outcome.converged_seconds, "s")
