"""When an appliance acts by itself: one `[[devices.NAME.when]]` of the configuration. Pure.

A rule looks at what another device turned to. A state says of each of its fields when it took
its value (`turned`; a field still at its first value has no such moment), and that moment,
not the message, is what a rule acts on once: heard again, after a restart of either side, it
is the same moment and nothing happens.
"""

from datetime import datetime, tzinfo
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from daemons.message import Moment, Scalar, State
from daemons.value import Seconds, TimeOfDay

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class When(Struct, frozen=True, kw_only=True):
    """One rule, as it is written."""

    device: str
    turns: Annotated[dict[str, Scalar], Meta(min_length=1)]
    do: str
    with_: dict[str, Any] = field(name="with", default_factory=dict)
    between: tuple[TimeOfDay, TimeOfDay] | None = None
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] | None = None
    cooldown_seconds: Seconds = field(name="cooldown", default=Seconds(0))
    delay_seconds: Seconds = field(name="delay", default=Seconds(0))

    def __post_init__(self) -> None:
        """Refuse a window in which nothing ever lies."""
        if self.between and self.between[0] == self.between[1]:
            raise ValueError("between has the same time twice, so it never is; leave it out for all day")


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


def judge(
    when: When,
    mark: Mark,
    heard: State | Moment,
    *,
    now: float,
    wall: float,
    born: float,
    grace: float,
    zone: tzinfo,
) -> tuple[Mark, str | None]:
    """Hear a state: give the new mark, and why a moment that is this rule's is not acted on.

    `now` is this device's steady time; `wall`, `born` (when the device began to remember) and
    the state's own times are of the wall clock. `grace` says how many seconds a moment may be
    past. A new mark whose `due` is set acts then.
    """
    if any(heard.state.get(name) != value for name, value in when.turns.items()):
        return mark, None
    turned = max(heard.turned.get(name, 0.0) for name in when.turns)
    if turned <= (born if mark.turned is None else mark.turned):
        return mark, None
    dealt = Mark(turned=turned, fired=mark.fired, due=mark.due, cause=mark.cause)
    if (late := wall - turned) > grace:
        return dealt, f"that was {late:.0f} s ago, and the grace is {grace:g} s"
    local = datetime.fromtimestamp(turned, zone)
    if when.days is not None and _day(when, local) not in when.days:
        return dealt, f"{_day(when, local)} is not one of its days"
    if when.between is not None and not within(TimeOfDay.of(local.time()), *when.between):
        return dealt, f"{local:%H:%M} is not between {when.between[0]} and {when.between[1]}"
    if mark.due is not None:
        return dealt, "it is already waiting for its delay"
    if mark.fired is not None and 0 <= now - mark.fired < when.cooldown_seconds:
        return (
            dealt,
            f"it acted {now - mark.fired:.0f} s ago, and its cooldown is {when.cooldown_seconds:g} s",
        )
    due = now + max(0.0, when.delay_seconds - max(0.0, late))
    return Mark(turned=turned, fired=mark.fired, due=due, cause=heard.cause), None


def within(time: str, start: str, end: str) -> bool:
    """Tell whether a time of day lies in [start, end), which may go past midnight."""
    return start <= time < end if start <= end else time >= start or time < end


def _day(when: When, local: datetime) -> str:
    """Give the day that a moment counts to: after midnight it is still the evening before's window."""
    past_midnight = when.between and when.between[0] > when.between[1] > TimeOfDay.of(local.time())
    return DAYS[local.weekday() - (1 if past_midnight else 0)]
