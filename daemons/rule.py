"""When an appliance acts by itself: one `[[devices.NAME.when]]` of the configuration. Pure.

A rule waits for one of three things, and acts on each moment of it once:

- what another device turned to (`turns`). A state says of each of its fields when it took its
  value (`turned`; a field still at its first value has no such moment), and that moment, not
  the message, is what counts: heard again, after a restart of either side, it is the same
  moment and nothing happens;
- what another device measures, when it goes over a limit (`above`, `below`);
- a time of day (`at`).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.almanac import Almanac, weekday
from daemons.message import Moment, Scalar, State
from daemons.value import Seconds, TimeOfDay, show

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Values = Annotated[dict[str, Scalar], Meta(min_length=1)]
Limit = Annotated[dict[str, float], Meta(min_length=1, max_length=1)]
Shown = Mapping[str, Scalar]
"""All that a device shows: its fields."""
A_DAY_SECONDS = 86400.0


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device must be for a rule of another to act: one entry of `only_if`."""

    device: str
    is_: Values | None = field(name="is", default=None)
    above: Limit | None = None
    below: Limit | None = None

    def __post_init__(self) -> None:
        """Refuse what says nothing, or several things."""
        if (self.is_, self.above, self.below).count(None) != 2:  # noqa: PLR2004
            raise ValueError("it takes one of is, above and below")

    def __str__(self) -> str:
        for word, what in (("is", self.is_), ("above", self.above), ("below", self.below)):
            if what is not None:
                return f"{self.device} {word} {show(what)}"
        raise AssertionError

    def holds(self, shown: Shown | None) -> bool | None:
        """Tell whether it is so; nothing when that is not known."""
        if self.is_ is not None:
            values = {name: known(shown, name) for name in self.is_}
            if any(value is not None and value != self.is_[name] for name, value in values.items()):
                return False
            return None if None in values.values() else True
        name, limit = next(iter((self.above or self.below or {}).items()))
        value = known(shown, name)
        if not isinstance(value, int | float):
            return None
        return value > limit if self.above else value < limit


class When(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, as it is written."""

    device: str | None = None
    turns: Values | None = None
    above: Limit | None = None
    below: Limit | None = None
    at: TimeOfDay | None = None
    do: str
    with_: dict[str, Any] = field(name="with", default_factory=dict)
    only_if: tuple[Condition, ...] = ()
    between: tuple[TimeOfDay, TimeOfDay] | None = None
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] | None = None
    hysteresis: Annotated[float, Meta(ge=0)] = 0.0
    """How far back behind the limit what is measured must go before it counts as not beyond it."""
    for_seconds: Seconds = field(name="for", default=Seconds(0))
    """How long it must have been so."""
    cooldown_seconds: Seconds = field(name="cooldown", default=Seconds(0))
    delay_seconds: Seconds = field(name="delay", default=Seconds(0))

    def __post_init__(self) -> None:
        """Refuse a rule that waits for nothing, or for two things, and one that can never act."""
        if (self.turns, self.above, self.below, self.at).count(None) != 3:  # noqa: PLR2004
            raise ValueError("a rule waits for one of turns, above, below and at")
        if self.at is None and self.device is None:
            raise ValueError("the key 'device' is missing: whose turn or measurement is it?")
        if self.at is not None and self.device is not None:
            raise ValueError("a rule with at hears nobody; a condition on a device is its only_if")
        if self.hysteresis and self.limit is None:
            raise ValueError("hysteresis goes with above or below")
        if self.for_seconds and self.at is not None:
            raise ValueError("for goes with turns, above or below")
        if self.for_seconds and self.delay_seconds:
            raise ValueError("for and delay do not go together; for is a delay that is called off")
        if self.between and self.between[0] == self.between[1]:
            raise ValueError("between has the same time twice, so it never is; leave it out for all day")

    @property
    def limit(self) -> tuple[str, float] | None:
        """Give the field that is measured, and its limit."""
        return next(iter((self.above or self.below or {}).items()), None)

    @property
    def hears(self) -> set[str]:
        """Name the devices that it goes by."""
        return {condition.device for condition in self.only_if} | ({self.device} if self.device else set())

    @property
    def source(self) -> str:
        """Name what it waits for, for the log."""
        return self.device or str(self.at)

    @property
    def by_clock(self) -> bool:
        """Whether the time of day, or the day, makes a difference to it."""
        return bool(self.at or self.between or self.days)

    @property
    def by_sun(self) -> bool:
        """Whether it goes by the sun."""
        return any(time.sun is not None for time in (self.at, *(self.between or ())) if time is not None)


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


def known(shown: Shown | None, name: str) -> Scalar:
    """Give what a device shows; nothing where that is not known, as of hardware that cannot be reached."""
    if shown is None or (shown.get("reachable") is False and name != "reachable"):
        return None
    return shown.get(name)


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
