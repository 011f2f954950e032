"""When an appliance acts by itself: one `[[devices.NAME.when]]` of the configuration. Pure.

A rule waits for one of three things, and acts on each moment of it once:

- what another device turned to (`turns`). A state says of each of its fields when it took its
  value (`turned`; a field still at its first value has no such moment), and that moment, not
  the message, is what counts: heard again, after a restart of either side, it is the same
  moment and nothing happens;
- what another device measures, when it goes over a limit (`above`, `below`);
- a time of day (`at`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from daemons.bus.message import Scalar
from daemons.values import Seconds, TimeOfDay, show

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Values = Annotated[dict[str, Scalar], Meta(min_length=1)]
Limit = Annotated[dict[str, float], Meta(min_length=1, max_length=1)]
Shown = Mapping[str, Scalar]
"""All that a device shows: its fields."""


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


def known(shown: Shown | None, name: str) -> Scalar:
    """Give what a device shows; nothing where that is not known, as of hardware that cannot be reached."""
    if shown is None or (shown.get("reachable") is False and name != "reachable"):
        return None
    return shown.get(name)
