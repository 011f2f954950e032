"""What a history takes: bytes for each device and day, and the time to read, fold and forget.

usage: python bench/history.py [--days 8] [--devices 5] [--noisy]

Each device has three breakfasts a day at their real length, and a restart. With --noisy it also
draws, all day, a little more or less each second, as a real appliance's meter tells it: the most
that the recorder writes.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from daemons.history import MOST_POINTS, read
from daemons.writer import DAY_SECONDS, Change, Event, Row, Sample, Writer

PHASES = (("heating", 90, 1100.0), ("brewing", 150, 900.0), ("ready", 1800, 40.0), ("idle", 0, 0.0))


def day(device: str, number: int, begin: float, *, noisy: bool) -> Iterator[Row]:
    """Give the rows of one device's day."""
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


def fill(writer: Writer, devices: list[str], days: int, now: float, *, noisy: bool) -> list[float]:
    """Live through some days, and give how long each small step of tidying took."""
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


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--devices", type=int, default=5)
    parser.add_argument("--noisy", action="store_true", help="every device draws something else each second")
    given = parser.parse_args()
    devices = [f"device_{index}" for index in range(given.devices)]
    now = time.time() // 3600 * 3600
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        writer = Writer(path)
        steps = fill(writer, devices, given.days, now, noisy=given.noisy)
        writer.close()
        size = path.stat().st_size
        print(f"{given.days} days of {given.devices} devices: {size} bytes in all")
        print(f"{size / given.days / given.devices:.0f} bytes for each device and day")
        slowest = max(steps) * 1000
        print(
            f"tidying: {len(steps)} steps, p50 {statistics.median(steps) * 1000:.2f} ms, max {slowest:.1f} ms"
        )
        for name, seconds in (("hour", 3600), ("day", DAY_SECONDS), ("week", 7 * DAY_SECONDS)):
            began = time.perf_counter()
            read(path, devices, now - seconds, now, MOST_POINTS)
            print(f"reading a {name}: {(time.perf_counter() - began) * 1000:.1f} ms")
        began = time.perf_counter()
        Writer(path).close()
        print(f"opening, with its examination: {(time.perf_counter() - began) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
