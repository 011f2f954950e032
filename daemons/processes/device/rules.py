"""Decides when a rule acts: on a state, a measurement or a time of day. Pure."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.config.rule import Shown, When, known
from daemons.config.sun import Almanac, weekday

A_DAY_SECONDS = 86400.0


class Mark(Struct, frozen=True):
    """What a rule remembers: the moment it last acted on, and what it still has to do."""

    turned: float | None = None
    """The moment (Unix seconds, as the other device wrote it) that was last dealt with."""
    fired: float | None = None
    """When this rule last acted, in the device's steady time."""
    due: float | None = None
    """When its delay is over and it acts; nothing while it waits for nothing."""
    cause: str | None = None
    since: float | None = None
    """As long as nothing was dealt with: since when this rule is here, in the device's steady time."""
    beyond: bool | None = None
    """Whether what is measured was beyond its limit when that was last known."""


class Now(Struct, frozen=True, kw_only=True):
    """The moment at which a rule is looked at, and what it is looked at with."""

    now: float
    """The device's steady time."""
    wall: float
    """The wall clock (Unix seconds), which states and times of day are of."""
    born: float
    """Since when (wall clock) the device remembers: what was before is not its business."""
    grace: float
    """How many seconds a moment may be past."""
    almanac: Almanac


Verdict = tuple[Mark, str | None]
"""The new mark, and why a moment that is the rule's is not acted on. A mark that got a `due` acts then."""


def hear(when: When, mark: Mark, heard: State | Moment, at: Now) -> Verdict:
    """Hear what another device turned to."""
    turns = when.turns or {}
    turned = max(heard.turned.get(name, 0.0) for name in turns)
    if turned <= (at.born if mark.turned is None else mark.turned):
        return mark, None
    if any(heard.state.get(name) != value for name, value in turns.items()):
        if when.for_seconds and mark.due is not None and at.now - (at.wall - turned) < mark.due:
            return replace(mark, due=None, cause=None), None  # it was not so for long enough
        return mark, None
    return _take(when, replace(mark, turned=turned, since=None), turned, heard.cause, at)


def measure(when: When, mark: Mark, shown: Shown | None, cause: str | None, at: Now) -> Verdict:
    """See what another device measures: acted on is not that it is beyond the limit, but that it goes there.

    What is not known is beyond no limit. It ends what had to be so for a while, and nothing else.
    """
    name, limit = when.limit or ("", 0.0)
    value = known(shown, name)
    if not isinstance(value, int | float):
        pending = when.for_seconds and mark.due is not None
        return (replace(mark, due=None, cause=None, beyond=False) if pending else mark), None
    sign = 1 if when.above else -1
    if mark.beyond:
        if sign * value <= sign * limit - when.hysteresis:
            due = None if when.for_seconds else mark.due
            return replace(mark, beyond=False, due=due), None
        return mark, None
    beyond = sign * value > sign * limit
    if mark.beyond is None or not beyond:  # where it stands at first, it did not go
        return (mark if mark.beyond == beyond else replace(mark, beyond=beyond)), None
    return _take(when, replace(mark, beyond=True), at.wall, cause, at)


def strike(when: When, mark: Mark, at: Now) -> Verdict:
    """See whether its time of day has come; the same moment has the same cause in every device."""
    if when.at is None:
        return mark, None
    if mark.turned is not None and mark.turned > at.wall + A_DAY_SECONDS:
        return replace(mark, turned=at.wall), None  # the clock was wrong then: nothing of it counts
    moment = at.almanac.latest(when.at, at.wall)
    if moment is None or moment <= (at.born if mark.turned is None else mark.turned):
        return mark, None
    mark = replace(mark, turned=moment, since=None)
    if _elsewhen(when, moment, at.almanac):
        return mark, None  # that it is not Saturday is nothing to tell every morning
    return _take(when, mark, moment, f"{int(moment):010x}", at)


def held_up(when: When, shown: Callable[[str], Shown | None]) -> tuple[bool | None, str]:
    """Tell whether all conditions hold as it is about to act, and which one does not, or is not known."""
    verdict: tuple[bool | None, str] = True, ""
    if when.for_seconds and when.device and shown(when.device) is None:
        verdict = None, f"{when.device} is silent"
    for condition in when.only_if:
        holds = condition.holds(shown(condition.device))
        if holds is False:
            return False, f"not so: {condition}"
        if holds is None:
            verdict = None, f"not known: {condition}"
    return verdict


def _take(when: When, mark: Mark, moment: float, cause: str | None, at: Now) -> Verdict:
    """Take a moment (Unix seconds) as this rule's, unless it is too late, or at a time that is not its."""
    moment += when.for_seconds
    if (late := at.wall - moment) > at.grace:
        return mark, f"that was {late:.0f} s ago, and the grace is {at.grace:g} s"
    if why_not := _elsewhen(when, moment, at.almanac):
        return mark, why_not
    if mark.due is not None:
        return mark, "it is already waiting for its delay"
    if mark.fired is not None and 0 <= at.now - mark.fired < when.cooldown_seconds:
        rest = f"its cooldown is {when.cooldown_seconds:g} s"
        return mark, f"it acted {at.now - mark.fired:.0f} s ago, and {rest}"
    if when.for_seconds:  # also when that is past: it may have been over before it was long enough
        return replace(mark, due=at.now - late, cause=cause), None
    due = at.now + max(0.0, when.delay_seconds - max(0.0, late))
    return replace(mark, due=due, cause=cause), None


def _elsewhen(when: When, moment: float, almanac: Almanac) -> str | None:
    """Say why a moment (Unix seconds) is not in the rule's hours and days."""
    local = almanac.local(moment)
    window = almanac.window(moment, *when.between) if when.between else local.date()
    if when.between and window is None:
        return f"{local:%H:%M} is not between {when.between[0]} and {when.between[1]}"
    if when.days is not None and window is not None and weekday(window) not in when.days:
        return f"{weekday(window)} is not one of its days"
    return None
