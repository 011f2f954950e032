"""When this host's clock was set, so that what it said before is not taken for what it says now. Pure.

A small computer without a clock of its own starts with a time long past, and is right once it has a
network. What was pressed there before was written down by the wrong time. So the stretches between
two settings are remembered: which moments each had, and how far the clock was from the present one.
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

LEAST_SECONDS = 1.0
"""A clock that was set by less counts as not set."""
LATE_SECONDS = 1.5
"""How late it may be seen that it was set; it is looked at once a second."""
MOST = 8


class Stretch(Struct, frozen=True):
    """A time over which a clock was not set."""

    begin: float
    """What it showed first, in Unix seconds; and then `end` last."""
    end: float
    ahead: float
    """Unix seconds that it showed, less the steady seconds of the machine."""


Stretches = Annotated[tuple[Stretch, ...], Meta(max_length=MOST)]


class Past(Struct, frozen=True, kw_only=True):
    """What is remembered of a clock, since the machine started."""

    machine: str
    """Which start of the machine that was."""
    now: Stretch
    """The stretch that goes on; its end is not kept."""
    before: Stretches = ()


def look(past: Past | None, machine: str, wall: float, steady: float) -> Past:
    """Look at the clock: give what is known by now, which is new only when it was set."""
    ahead = wall - steady
    if past is None or past.machine != machine:
        return Past(machine=machine, now=Stretch(wall, wall, ahead))
    if abs(ahead - past.now.ahead) < LEAST_SECONDS:
        return past
    over = replace(past.now, end=steady + past.now.ahead)
    return replace(past, now=Stretch(wall, wall, ahead), before=(*past.before, over)[-MOST:])


def told(past: Past) -> Stretches:
    """Give the stretches that are over, each by how far the clock was ahead of the present one."""
    return tuple(replace(over, ahead=over.ahead - past.now.ahead) for over in past.before)


def corrected(moment: float, stretches: Stretches, there: float) -> float:
    """Give what the other's present clock would have said at a moment that it wrote; `there` is its now.

    Where a clock was set back, some times came twice: of these it is the later one.
    """
    if not stretches:
        return moment
    last = stretches[-1]
    if last.end - last.ahead - LATE_SECONDS <= moment <= there:
        return moment
    for over in reversed(stretches):
        if over.begin <= moment <= over.end:
            return moment - over.ahead
    return moment
