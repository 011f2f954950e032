"""The hourly values of a measurement, which the recorder keeps for years. Pure."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

from daemons.storage.series import MINUTE_SECONDS, Six, gather, settled

HOUR_SECONDS, DAY_SECONDS = 3600, 86400
BEFORE_SECONDS = MINUTE_SECONDS
"""The steps of an hour begin so long before it: a counter's rise to a sample at its very begin counts too."""
POWER, ENERGY = "power_watts", "energy_watt_hours"
"""The measurements that tell how much energy a device uses: its power, or its own counter."""
MOST_WATTS = 25_000.0
"""A counter that goes up faster has made a jump, which does not count."""
WATT_SECONDS_PER_KWH = 3_600_000.0


class Hour(NamedTuple):
    """What is known of a measurement in one hour."""

    at: float
    """When the hour began, in Unix seconds."""
    low: float
    mean: float
    """The mean of the known time, weighted by time."""
    high: float
    seconds: float
    """For how long the value was known."""
    kwh: float | None
    """The energy that was used; None for a measurement of something else."""


Interval = tuple[float, float]


def hours_of(known: Iterable[Interval]) -> list[float]:
    """Return the begin of each hour in which something is known, in order."""
    found: dict[float, None] = {}
    for begin, end in known:
        first = int(begin // HOUR_SECONDS)
        found |= dict.fromkeys(
            number * float(HOUR_SECONDS) for number in range(first, ceil(end / HOUR_SECONDS))
        )
    return list(found)


def summarize(name: str, at: float, steps: Sequence[Six], known: Iterable[Interval]) -> Hour | None:
    """Return the values of the hour that begins at `at`; None if nothing is known of it.

    `steps` are those of the hour, beginning with the value that held `BEFORE_SECONDS` before it. `known` has
    the times in which the values were recorded.
    """
    seconds = total = 0.0
    low, high = inf, -inf
    for begin, until in known:
        begin, until = max(begin, at), min(until, at + HOUR_SECONDS)  # noqa: PLW2901
        if begin < until:
            inside = cut(steps, begin, until)
            for step in gather(inside if begin == at else settled(inside, begin), begin, until - begin):
                seconds += until - step.at
                total += step.mean * (until - step.at)
                low, high = min(low, step.low), max(high, step.high)
    if not seconds:
        return None
    mean = min(max(total / seconds, low), high)
    return Hour(at, low, mean, high, seconds, used(name, at, steps, mean * seconds))


def cut(steps: Sequence[Six], begin: float, until: float) -> list[Six]:
    """Return the steps of a part of a range, beginning with the one that held when it began."""
    held = 0
    for index, step in enumerate(steps):
        if step[0] > begin:
            break
        held = index
    return [step for step in steps[held:] if step[0] < until]


def used(name: str, at: float, steps: Sequence[Six], watt_seconds: float) -> float | None:
    """Return the energy that was used in an hour, in kWh; None for a measurement of something else."""
    if name == POWER:
        return watt_seconds / WATT_SECONDS_PER_KWH
    if name != ENERGY:
        return None
    rise = 0.0
    for before, step in pairwise(steps):
        if step[0] < at:
            continue
        # A counter that goes down has begun again, from zero.
        more = step[5] - before[5] if step[5] >= before[5] else step[5]
        if more * 3600 <= MOST_WATTS * max(step[0] - before[0], 1.0):
            rise += more
    return rise / 1000
