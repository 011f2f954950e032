"""One source of a meter: how much energy it has used since the last time, by its counter or its power. Pure.

A counter counts watt-hours. It may be reset, roll over, go back a little, jump, or be missing for a while.
Energy is never counted twice: where two explanations are possible, the one with less energy counts.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import is_plausible

GAP_SECONDS = 60.0
"""For so long, the last known power counts on. A longer time without a value is unknown."""
NOISE_WATT_HOURS = 20.0
"""A counter that goes back by at most this was not reset."""
STEP_WATT_HOURS = 1000.0
"""A counter may always go forward by this: some count whole kilowatt-hours."""
SECONDS_PER_HOUR = 3600.0


class Source(Struct, frozen=True, array_like=True):
    """What a meter remembers of one source."""

    at: float
    """Until when its energy is counted, in steady seconds."""
    counter: float | None = None
    """The counter when it was last known, in watt-hours; None: it has never had one."""
    changed_at: float = 0.0
    """When the counter last changed, in steady seconds."""
    other: float | None = None
    """The counter before it was last reset or jumped: it may come back."""
    estimated: float = 0.0
    """The watt-hours that were counted by the power while the counter was missing."""
    watts: float | None = None
    """The power; None: unknown."""
    watts_at: float = 0.0
    """Until when the energy is counted by the power, in steady seconds."""
    is_known: bool = True
    """Whether its energy or its power was known last; a source that may still send its first state counts."""


class Used(NamedTuple):
    """What a source has used from `start` until now."""

    start: float
    watt_hours: float = 0.0
    unmeasured_seconds: float = 0.0
    jumps: int = 0
    """Whether the counter made a jump that no appliance can cause."""


def number(fields: Mapping[str, Scalar] | None, name: str) -> float | None:
    """Return a plausible number of a state; None if the device is silent or its hardware unreachable."""
    value = None if fields is None or fields.get("reachable") is False else fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_plausible(name, value):
        return None
    return float(value)


def measure(
    source: Source, fields: Mapping[str, Scalar] | None, now: float, most_watts: float
) -> tuple[Source, Used]:
    """Return the source at `now`, and what it has used; `fields` is None for a silent device."""
    energy, watts = number(fields, "energy_watt_hours"), number(fields, "power_watts")
    now = max(now, source.at)
    if energy is not None and source.counter is not None:
        return _by_counter(replace(source, watts=watts, watts_at=now, is_known=True), energy, now, most_watts)
    held = source.watts is not None and now - source.watts_at <= GAP_SECONDS
    drawn = max(0.0, source.watts or 0.0) * (now - source.watts_at) / SECONDS_PER_HOUR if held else 0.0
    is_known = energy is not None or watts is not None
    if source.counter is not None:  # it is missing: its next value says what was used, with the estimate
        estimated = source.estimated + drawn
        after = replace(source, estimated=estimated, watts=watts, watts_at=now, is_known=is_known)
        return after, Used(source.watts_at, drawn)
    counts = held and is_known
    used = Used(source.at, drawn if counts else 0.0, 0.0 if counts else now - source.at)
    return Source(now, energy, now, watts=watts, watts_at=now, is_known=is_known), used


def _by_counter(source: Source, energy: float, now: float, most_watts: float) -> tuple[Source, Used]:
    """Return what the counter says; a return to the counter of before is no use of energy."""
    last, other = source.counter or 0.0, source.other
    most = STEP_WATT_HOURS + most_watts * (now - source.changed_at) / SECONDS_PER_HOUR
    unmeasured_seconds, jumps = 0.0, 0
    if last - NOISE_WATT_HOURS <= energy <= last:
        return replace(source, at=now), Used(source.at)
    returned = other is not None and other - NOISE_WATT_HOURS <= energy <= other + most
    is_back = returned and (energy < last or energy - last > STEP_WATT_HOURS)
    if is_back and other is not None:
        used, other = max(0.0, energy - other), last
        energy = max(energy, source.other or 0.0)
    elif energy < last:  # it was reset, or rolled over: what it had counted before that is unknown
        used, other, jumps = (energy, last, 0) if 0 <= energy <= most else (0.0, last, 1)
        unmeasured_seconds = now - source.at
    elif energy - last > most:
        used, other, jumps, unmeasured_seconds = 0.0, last, 1, now - source.at
    else:
        used = energy - last
        other = None if other is not None and energy >= other else other
    if unmeasured_seconds <= GAP_SECONDS:
        unmeasured_seconds = 0.0
    known = min(used, source.estimated)
    after = replace(
        source, at=now, counter=energy, changed_at=now, other=other, estimated=source.estimated - known
    )
    return after, Used(source.at, used - known, unmeasured_seconds, jumps)
