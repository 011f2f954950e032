"""A rule of a device: one `[[devices.NAME.when]]` of the configuration. Pure.

A rule waits for one of three things, and acts once on each moment of it:

- a change of another device (`turns`). A state has, for each of its fields, the time at which that
  field took its value (`turned`; a field that still has its first value has none). The rule goes by
  that time, and not by the message: when the same state is received again, after a restart of either
  side, the rule does not act again;
- a measurement of another device that crosses a limit (`above`, `below`);
- a time of day (`at`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from daemons.bus.message import Scalar
from daemons.values import Seconds, TimeOfDay, enc_hook, format_toml

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Values = Annotated[dict[str, Scalar], Meta(min_length=1)]
Limit = Annotated[dict[str, float], Meta(min_length=1, max_length=1)]
StateFields = Mapping[str, Scalar]
"""All fields of a device's state."""


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on the state of a device: one entry of a rule's `only_if`."""

    device: str
    is_: Values | None = field(name="is", default=None)
    above: Limit | None = None
    below: Limit | None = None

    def __post_init__(self) -> None:
        """Refuse a condition without a test, or with several."""
        if (self.is_, self.above, self.below).count(None) != 2:  # noqa: PLR2004
            raise ValueError("it takes one of is, above and below")

    def __str__(self) -> str:
        for word, values in (("is", self.is_), ("above", self.above), ("below", self.below)):
            if values is not None:
                return f"{self.device} {word} {format_toml(values)}"
        raise AssertionError

    def holds(self, fields: StateFields | None) -> bool | None:
        """Return whether a state meets the condition, or None if a value is unknown.

        `fields` is None for a device that is silent.
        """
        if self.is_ is not None:
            values = {name: known_value(fields, name) for name in self.is_}
            if any(value is not None and value != self.is_[name] for name, value in values.items()):
                return False
            return None if None in values.values() else True
        name, limit = next(iter((self.above or self.below or {}).items()))
        value = known_value(fields, name)
        if not isinstance(value, int | float):
            return None
        return value > limit if self.above else value < limit


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, as the configuration has it."""

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
    """How far a measurement must return behind its limit before it can cross the limit again."""
    for_seconds: Seconds = field(name="for", default=Seconds(0))
    """How long the new value must last before the rule acts."""
    cooldown_seconds: Seconds = field(name="cooldown", default=Seconds(0))
    delay_seconds: Seconds = field(name="delay", default=Seconds(0))
    made_by: str | None = None
    """The scene or the group that has added the rule to this device; None for a rule of the file."""
    command_from: str | None = None
    """In such a rule: the field of `device` that can have another command than `do` and `with`."""

    def __post_init__(self) -> None:
        """Refuse a rule that waits for nothing, or for two things, or that can never act."""
        if (self.turns, self.above, self.below, self.at).count(None) != 3:  # noqa: PLR2004
            raise ValueError("a rule waits for one of turns, above, below and at")
        if self.at is None and self.device is None:
            raise ValueError("the key 'device' is missing: which device turns, or measures?")
        if self.at is not None and self.device is not None:
            raise ValueError("a rule with at has no device; a condition on a device goes into only_if")
        if self.hysteresis and self.limit is None:
            raise ValueError("hysteresis goes with above or below")
        if self.for_seconds and self.at is not None:
            raise ValueError("for goes with turns, above or below")
        if self.for_seconds and self.delay_seconds:
            raise ValueError("for and delay do not go together; for is a delay that can be cancelled")
        if self.between and self.between[0] == self.between[1]:
            raise ValueError("between has the same time twice; leave it out for all day")

    @property
    def limit(self) -> tuple[str, float] | None:
        """The name of the measured field, and its limit; None for a rule without `above` and `below`."""
        return next(iter((self.above or self.below or {}).items()), None)

    @property
    def subscriptions(self) -> set[str]:
        """The names of the devices whose states the rule needs."""
        return {condition.device for condition in self.only_if} | ({self.device} if self.device else set())

    @property
    def source(self) -> str:
        """What the rule waits for, for the log: a device or a time of day."""
        return self.device or str(self.at)

    @property
    def uses_clock(self) -> bool:
        """Whether the rule needs the time of day or the day of the week."""
        return bool(self.at or self.between or self.days)

    @property
    def uses_sun(self) -> bool:
        """Whether the rule needs the times of the sun."""
        return any(time.sun is not None for time in (self.at, *(self.between or ())) if time is not None)


def rule_key(rule: Rule) -> str:
    """Return the key of a rule's state: the whole rule as JSON, so that an edit of another rule keeps it."""
    return msgspec.json.encode(rule, order="sorted", enc_hook=enc_hook).decode()


def known_value(fields: StateFields | None, name: str) -> Scalar:
    """Return a field of a state, or None if it is unknown.

    It is unknown if the device is silent (`fields` is None), or if its hardware is unreachable.
    """
    if fields is None or (fields.get("reachable") is False and name != "reachable"):
        return None
    return fields.get(name)
