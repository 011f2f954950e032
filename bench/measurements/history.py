"""The recorder's history: bytes for each device and day, and the time to read it, clean it up and open it.

Each device has three breakfasts a day at their real length, and one restart. A noisy device also changes
its power a little each second, all day, as a real appliance's meter does. This is the most that the
recorder writes. Only SQLite and the recorder's own code run; there is no house.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.past import Device, fold, write_hours, write_past
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from daemons.storage.history import read
from daemons.storage.history_row import Change, Event, Row, Sample
from daemons.storage.history_writer import DAY_SECONDS, HistoryWriter

TITLE = "The recorder's file"
SECTION = Section(10, "History", (Table(TITLE),))
YEAR_DEVICES, YEAR_POINTS = 50, 750
"""The year has a temperature and a humidity, or a power, of each device."""
PHASES = (("heating", 90, 1100.0), ("brewing", 150, 900.0), ("ready", 1800, 40.0), ("idle", 0, 0.0))


POINTS = 300
"""How many points of a measurement are read."""


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    days: int
    devices: int
    noisy_days: int


AMOUNTS = {"tiny": Amount(1, 2, 1, 0), "small": Amount(3, 8, 5, 1), "full": Amount(5, 30, 20, 3)}


def day(device: str, number: int, begin: float, *, noisy: bool) -> Iterator[Row]:
    """Yield the rows of one device's day."""
    yield Event(device, begin, "restarting", None, "terminated by SIGKILL")
    yield Event(device, begin + 0.02, "running", number + 1, "terminated by SIGKILL")
    for breakfast in range(3):
        at, cause = begin + (6 + 5 * breakfast) * 3600, f"{number:05x}{breakfast:05x}"
        for phase, seconds, watts in PHASES:
            status = {"status": phase in ("heating", "brewing"), "phase": phase, "ready": phase == "ready"}
            yield Change(device, at, {**status, "starts": 3 * number + breakfast, "fault": None}, cause)
            yield Sample(device, "power_watts", at + 0.3, watts)
            at += seconds
    for second in range(DAY_SECONDS if noisy else 0):
        yield Sample(device, "power_watts", begin + second + 0.5, round(random.gauss(60, 2), 1))


def write_days(
    writer: HistoryWriter, devices: list[str], days: int, now: float, *, noisy: bool
) -> list[float]:
    """Write some days, and return the seconds of each cleanup step."""
    steps = []
    for number in range(days):
        begin = now - (days - number) * DAY_SECONDS
        for device in devices:
            writer.write(day(device, number, begin, noisy=noisy))
        more = True
        while more:
            began = time.perf_counter()
            more = writer.tidy(begin + DAY_SECONDS, 30 * DAY_SECONDS)
            steps.append(time.perf_counter() - began)
    return steps


def measure_file(sheet: Sheet, column: str, devices: list[str], days: int, *, noisy: bool) -> None:
    """Write some days to a new file, and add its size and times."""
    now = time.time() // 3600 * 3600
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        path = Path(folder) / "history.db"
        writer = HistoryWriter(path)
        steps = write_days(writer, devices, days, now, noisy=noisy)
        writer.close()
        sheet.add(
            TITLE, "for each device and day", column, path.stat().st_size / days / len(devices) / 1000, "kB"
        )
        sheet.add(TITLE, "cleanup, one step, p50", column, 1000 * statistics.median(steps), "ms")
        sheet.add(TITLE, "cleanup, the longest step", column, 1000 * percentile(steps, 1.0), "ms")
        for name, seconds in (("an hour", 3600), ("a day", DAY_SECONDS), ("a week", 7 * DAY_SECONDS)):
            began = time.perf_counter()
            read(path, devices, now - seconds, now, POINTS)
            sheet.add(TITLE, f"reading {name}", column, 1000 * (time.perf_counter() - began), "ms")
        began = time.perf_counter()
        HistoryWriter(path).close()
        sheet.add(
            TITLE, "opening, with the integrity check", column, 1000 * (time.perf_counter() - began), "ms"
        )


def measure_year(sheet: Sheet) -> None:
    """Write a year of hourly values, and add the time to read it."""
    now = time.time() // DAY_SECONDS * DAY_SECONDS
    kinds = ("sensor", "plug", "lamp")
    devices = [Device(f"device_{index}", kinds[index % 3]) for index in range(YEAR_DEVICES)]
    names = [device.name for device in devices]
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        path = Path(folder) / "history.db"
        write_past(path, devices, now, 1, step_seconds=600)
        fold(path, now)
        write_hours(path, now - 365 * DAY_SECONDS, now - DAY_SECONDS)
        used = time.process_time()
        read(path, names, now - 365 * DAY_SECONDS, now, YEAR_POINTS)
        row = "reading a year of fifty devices, processor time"
        sheet.add(TITLE, row, "calm", 1000 * (time.process_time() - used), "ms")


def measure(scale: Scale, sheet: Sheet) -> None:
    """Write histories, calm and noisy."""
    amount = AMOUNTS[scale]
    devices = [f"device_{index}" for index in range(amount.devices)]
    for _ in range(amount.rounds):
        measure_file(sheet, "calm", devices, amount.days, noisy=False)
        if amount.noisy_days:
            measure_file(sheet, "noisy", devices, amount.noisy_days, noisy=True)
    if amount.noisy_days:
        measure_year(sheet)
    sheet.note(f"{amount.devices} devices; calm days: {amount.days}, noisy days: {amount.noisy_days}.")
