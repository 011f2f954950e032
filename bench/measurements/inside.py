"""Inside a press: where its time goes in each process, from the command to the mirror's sentence.

The house of the first section is pressed, after a rest, so with cold caches. The functions of each stage are
replaced with timed ones (`bench/stage_hooks`), without a change of the house's code. The row *without the
hooks* is another house, pressed in turn: the difference is the cost of the hooks.

*The way of a press* has only what the press waits for. The *way to* a process lasts from the message of the
process before until the poller returns. The stages of the process follow, until it has published. *Other* is
what no stage contains: sockets, timers, the loop. Times are medians, so their sum is near the whole.

*The work of a press* has the time of all stages in all processes, in a window of 100 ms that begins with the
press, and how often a stage is entered from another one. Much of it comes after the mirror's sentence. *By
process* is what the kernel counts around the same window: processor time, how long ready threads waited for a
processor, waits (voluntary context switches), preemptions (involuntary ones), and system calls that read or
write, as means. The same count without a press has been subtracted. Work that follows later is in neither
table: once a second, the journals are forced to the disk, and the recorder writes.

If strace is installed, it counts all system calls, in a second run. They include the way back to the state
before the press. Each process is slow meanwhile.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench import process_counters, system_calls
from bench.house import House
from bench.measurements.press import TOML, HouseUnderTest
from bench.press_spans import ROUTE, Traced, Window, calls, way, work
from bench.process_counters import Counters
from bench.report import Scale, Sheet
from bench.stage_hooks import environment, read_spans
from bench.table import Section, Table

WAY, WORK, COST = "The way of a press", "The work of a press", "The cost of a press by process"
SECTION = Section(13, "Inside a press", (Table(WAY), Table(WORK), Table(COST)))
WINDOW_SECONDS = 0.1
REST_SECONDS = 0.15
"""The pause before a window, after the state before the press has been restored."""
COUNTED_SECONDS = 0.02
"""The pause after the counters have been read, which takes some work."""
WHOLE, PLAIN = "the whole press", "the whole press, without the hooks"
ALL = "all processes"
UNITS = {"processor_us": "µs", "other_threads_us": "µs", "queued_us": "µs"}
LEAST_US = 1.0
"""Rows with less are left out."""
SHOWN_CALLS = 6
"""How many system calls of a process are named."""


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    presses: int


AMOUNTS = {"tiny": Amount(1, 2), "small": Amount(3, 20), "full": Amount(10, 50)}


class HookedHouse:
    """A house whose processes are recorded, to be pressed."""

    def __init__(self, house: House) -> None:
        self._under_test = HouseUnderTest(house)
        self.pids = house.pids()

    def press(self) -> Traced:
        """Count and press, restore the state before, then count without a press."""
        before, began = self._count(), rest_after_counting()
        sent = self._under_test.press_once()
        pressed = sleep_until_end(began)
        after = self._count()
        press = self._under_test.restore(*sent)
        time.sleep(REST_SECONDS)
        calm, rest_began = self._count(), rest_after_counting()
        rested = sleep_until_end(rest_began)
        costs = {
            name: after[name].grown_since(before[name]).grown_since(count.grown_since(calm[name]))
            for name, count in self._count().items()
        }
        return Traced(press, time.time_ns() - time.monotonic_ns(), pressed, rested, costs)

    def _count(self) -> dict[str, Counters]:
        return {name: process_counters.read(pid) for name, pid in self.pids.items()}


def rest_after_counting() -> int:
    """Wait until the processors are at rest again, and return the time."""
    time.sleep(COUNTED_SECONDS)
    return time.monotonic_ns()


def sleep_until_end(began: int) -> Window:
    """Wait for the end of a window that began at this time, and return the window."""
    ended = began + int(WINDOW_SECONDS * 1e9)
    time.sleep(max(0, ended - time.monotonic_ns()) / 1e9)
    return began, ended


def measure(scale: Scale, sheet: Sheet) -> None:
    """Press a recorded house and a plain one in turn, and read the spans after their end."""
    amount = AMOUNTS[scale]
    traced, times = [], []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        spans_folder = Path(folder)
        with House(TOML, environment=environment(spans_folder)) as hooked_house, House(TOML) as plain_house:
            hooked, plain = HookedHouse(hooked_house), HouseUnderTest(plain_house)
            for _ in range(amount.rounds * amount.presses):
                time.sleep(REST_SECONDS)
                traced.append(hooked.press())
                time.sleep(REST_SECONDS)
                times.append(plain.press())
            counts = count_system_calls(plain, plain_house.pids(), amount.presses)
        spans = read_spans(spans_folder)
    parts = [slice(start, start + amount.presses) for start in range(0, len(traced), amount.presses)]
    rounds = [traced[part] for part in parts]
    add_medians(sheet, WAY, [[way(one, spans) for one in found] for found in rounds], by_time=False)
    for row, presses in ((WHOLE, [one.press for one in traced]), (PLAIN, times)):
        for part in parts:
            took = statistics.median(1e6 * (press.mirror - press.sent) for press in presses[part])
            sheet.add(WAY, row, "time", took, "µs")
    works = [[work(one, spans) for one in found] for found in rounds]
    add_medians(sheet, WORK, works, by_time=True)
    for found in rounds:
        add_calls(sheet, [calls(one, spans) for one in found])
    add_costs(sheet, rounds)
    add_system_calls(sheet, counts)
    sheet.note(f"{len(traced)} presses, in {amount.rounds} rounds.")


def add_medians(sheet: Sheet, table: str, rounds: list[list[dict[str, float]]], *, by_time: bool) -> None:
    """Add the median of each row for each round: the longest first, or in the order of the press's way."""
    rows = list(dict.fromkeys(row for presses in rounds for one in presses for row in one))

    def medians(row: str) -> list[float]:
        found = [statistics.median(one.get(row, 0.0) for one in presses) for presses in rounds]
        return [max(0.0, median) for median in found]

    if by_time:
        rows.sort(key=lambda row: -statistics.median(medians(row)))
    else:
        rows.sort(key=lambda row: next(place for place, name in enumerate(ROUTE) if name in row))
    for row in rows:
        found = medians(row)
        if max(found) >= LEAST_US:
            for median in found:
                sheet.add(table, row, "time", median, "µs")


def add_calls(sheet: Sheet, presses: list[dict[str, float]]) -> None:
    """Add to a round of the work how often a press enters each stage."""
    for figure in sheet.table_figures(WORK):
        if figure.column == "time" and not figure.row.endswith(": other"):
            entered = statistics.median(one.get(figure.row, 0.0) for one in presses)
            sheet.add(WORK, figure.row, "calls", max(0.0, entered), "")


def add_costs(sheet: Sheet, rounds: list[list[Traced]]) -> None:
    """Add the mean cost of a press for each process, and for all."""
    names = list(rounds[0][0].costs)
    for name in [*names, ALL]:
        chosen = names if name == ALL else [name]
        for traced in rounds:
            for field in Counters._fields:
                sums = [sum(getattr(one.costs[each], field) for each in chosen) for one in traced]
                column, unit = field.removesuffix("_us").replace("_", " "), UNITS.get(field, "")
                sheet.add(COST, name, column, max(0.0, statistics.mean(sums)), unit)


def count_system_calls(
    house: HouseUnderTest, pids: dict[str, int], presses: int
) -> dict[str, dict[str, float]]:
    """Return by process and by name how many system calls more than the rest a press takes."""
    if not system_calls.is_possible():
        return {}
    counts = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        for is_pressed in (True, False):
            with system_calls.counted(pids, Path(folder)) as calls:
                for _ in range(presses):
                    began = time.monotonic_ns()
                    sent = house.press_once() if is_pressed else None
                    sleep_until_end(began)
                    if sent:
                        house.restore(*sent)
            counts.append(calls)
    pressed, rested = counts
    return {
        name: {call: (number - rested.get(name, {}).get(call, 0)) / presses for call, number in calls.items()}
        for name, calls in pressed.items()
    }


def add_system_calls(sheet: Sheet, found: dict[str, dict[str, float]]) -> None:
    """Add the number of system calls of a press, and a note with their names."""
    if not found:
        sheet.note("System calls were not counted: there is no strace, or it may not trace the processes.")
    for name, numbers in found.items():
        often = sorted(numbers, key=lambda call: -numbers[call])[:SHOWN_CALLS]
        sheet.add(COST, name, "system calls", max(0.0, sum(numbers.values())), "")
        sheet.note(f"System calls of {name}: {', '.join(f'{call} {numbers[call]:.0f}' for call in often)}.")
