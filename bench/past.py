"""Writes a made-up past of a house to a history: weeks as the recorder writes them, and hours for years."""

import math
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from daemons.storage.history_row import Absence, Change, Event, Row, Sample
from daemons.storage.history_writer import HistoryWriter
from daemons.storage.hourly_values import DAY as DAY_STATEMENT

HOUR, DAY = 3600, 86400
YEAR_DAYS = 365


class Device(NamedTuple):
    """A device of the past: its name, and what it is."""

    name: str
    kind: str
    """"sensor", "lamp", "plug", "cover" or "heater"."""


def write_past(path: Path, devices: list[Device], now: float, days: int, *, step_seconds: int = 60) -> None:
    """Write the last days, as the recorder would have: with a gap of some hours on the second last day."""
    writer = HistoryWriter(path)
    begin = now - days * DAY
    gap = now - 1.6 * DAY, now - 1.3 * DAY
    for number in range(days):
        at = begin + number * DAY
        for index, device in enumerate(devices):
            chance = random.Random(f"{device.name} {number}")  # noqa: S311  it must be repeatable
            rows = day_of(device, index, at, min(at + DAY, now), chance, step_seconds)
            writer.write(row for row in rows if not gap[0] <= row.at < gap[1])
    for index, device in enumerate(devices):
        if index % 7 == 3:
            writer.write([Absence(device.name, now - 0.4 * DAY, "silent", is_over=False)])
            writer.write([Absence(device.name, now - 0.33 * DAY, "silent", is_over=True)])
    writer.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM recording")
        db.executemany("INSERT INTO recording VALUES (?, ?, ?)", [(begin, gap[0], 1), (gap[1], now, 0)])


def fold(path: Path, now: float, keep_seconds: float = 30 * DAY) -> None:
    """Do the recorder's small steps until nothing is left to do."""
    writer = HistoryWriter(path)
    while writer.tidy(now, keep_seconds):
        pass
    writer.close()


def write_hours(path: Path, begin: float, end: float) -> None:
    """Write hourly values of each series between two times (Unix seconds), as the recorder would have."""
    begin, end = begin // HOUR * HOUR, end // HOUR * HOUR
    with closing(sqlite3.connect(path)) as db, db:
        for series, name in db.execute("SELECT id, name FROM series").fetchall():
            chance = random.Random(series)  # noqa: S311  it must be repeatable
            db.executemany(
                "INSERT OR IGNORE INTO hour VALUES (?, ?, ?, ?, ?, ?, ?)",
                hours_of(series, name, begin, end, chance),
            )
            days = range(int(begin // DAY), int(end // DAY) + 1)
            db.executemany(DAY_STATEMENT, [{"id": series, "at": day * DAY} for day in days])
        db.execute("INSERT OR IGNORE INTO recording VALUES (?, ?, 1)", (begin, end))


def hours_of(
    series: int, name: str, begin: float, end: float, chance: random.Random
) -> Iterator[tuple[int, float, float, float, float, float, float | None]]:
    """Yield the hourly values of a series."""
    for number in range(int((end - begin) / HOUR)):
        at = begin + number * HOUR
        season = math.cos(2 * math.pi * (at / DAY - 15) / YEAR_DAYS)
        daily = math.cos(2 * math.pi * (at / DAY - 0.6))
        mean = {
            "temperature_celsius": 17 - 8 * season + 3 * daily,
            "humidity_percent": 55 + 10 * season - 4 * daily,
            "power_watts": max(0.0, 120 + 90 * season + 60 * daily),
            "position_percent": 50 + 45 * daily,
        }.get(name, 20.0)
        mean = round(mean + chance.gauss(0, 1), 2)
        low, high = mean - abs(chance.gauss(0, 2)), mean + abs(chance.gauss(0, 2))
        kwh = mean / 1000 if name == "power_watts" else None
        yield series, at, round(low, 2), mean, round(high, 2), HOUR, kwh


def day_of(
    device: Device, index: int, begin: float, end: float, chance: random.Random, step_seconds: int
) -> Iterator[Row]:
    """Yield the rows of one day of a device."""
    if device.kind == "sensor":
        yield Change(
            device.name, begin, {"status": True, "phase": "measuring", "reachable": True}, None, turned=False
        )
        yield from climate(device.name, index, begin, end, chance, step_seconds)
        return
    working, watts = {"lamp": ("on", 9.0), "plug": ("on", 85.0), "heater": ("heating", 1200.0)}.get(
        device.kind, ("opening", 0.0)
    )
    yield Change(device.name, begin, {"status": False, "phase": "off"}, None, turned=False)
    yield Sample(device.name, "power_watts", begin, 0.0)
    at = begin + chance.uniform(5, 8) * HOUR
    while at < end - HOUR:
        cause = f"{index:03x}{int(at):x}"
        reason, origin = {"by": "hand"}, {"id": cause, "at": at, "by": "hand", "device": device.name}
        yield Change(device.name, at, {"status": True, "phase": working}, cause, True, reason, origin)
        until = min(at + chance.uniform(0.1, 2.5) * HOUR, end)
        if device.kind == "cover":
            yield Sample(device.name, "position_percent", at, float(chance.randrange(0, 101, 10)))
        while at < until:
            yield Sample(device.name, "power_watts", at + 0.5, round(watts * chance.uniform(0.95, 1.05), 1))
            at += step_seconds
        yield Change(device.name, until, {"status": False, "phase": "off"}, cause, True, reason, origin)
        yield Sample(device.name, "power_watts", until + 0.5, 0.0)
        at = until + chance.uniform(0.3, 5) * HOUR
    if index % 5 == 0:
        died = begin + chance.uniform(1, 20) * HOUR
        if died < end - HOUR:
            yield Event(device.name, died, "restarting", None, "terminated by SIGKILL")
            yield Event(device.name, died + chance.uniform(0.1, 400), "running", 4000 + index, None)


def climate(
    name: str, index: int, begin: float, end: float, chance: random.Random, step_seconds: int
) -> Iterator[Row]:
    """Yield the temperature and the humidity of a room."""
    for step in range(int((end - begin) / step_seconds)):
        at = begin + step * step_seconds
        daily = math.cos(2 * math.pi * (at / DAY - 0.62 - index / 40))
        yield Sample(name, "temperature_celsius", at, round(20.5 + 1.8 * daily + chance.gauss(0, 0.05), 1))
        if step % 5 == 0:
            yield Sample(name, "humidity_percent", at, float(round(48 - 6 * daily + chance.gauss(0, 0.5))))
