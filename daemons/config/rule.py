"""A rule of a device: one `[[devices.NAME.when]]` of the configuration. Pure.

A rule waits for one of six things, and acts once on each moment of it:

- a change of a device (`turns`). A state has, for each of its fields, the time at which that
  field took its value (`turned`; a field that still has its first value has none). The rule goes by
  that time, and not by the message: when the same state is received again, after a restart of either
  side, the rule does not act again;
- any change of some fields, which the device then copies (`follow`);
- a report about a process (`process` with `turns`), whose moment is the `since` of the report;
- a measurement of a device that crosses a limit (`above`, `below`);
- a time of day (`at`), or a moment at regular intervals (`every`);
- several conditions that begin to hold together (`all`).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta, Struct, field

from daemons.bus.message import Scalar
from daemons.bus.origin import BYS, By, Reason
from daemons.config.schedule import CalendarDate, Day, Interval, Month, RandomOffset, Schedule, every_text
from daemons.config.text import placeholders
from daemons.values import Seconds, TimeOfDay, enc_hook, format_toml, suggest

Values = Annotated[dict[str, Scalar], Meta(min_length=1)]
Limit = Annotated[dict[str, float], Meta(min_length=1, max_length=1)]
StateFields = Mapping[str, Scalar]
"""All fields of a device's state."""
Mode = Literal["single", "restart", "queued"]


class Known(Protocol):
    """A state of a device, as far as a condition needs it."""

    @property
    def state(self) -> dict[str, Scalar]:
        """The fields."""

    @property
    def turned(self) -> dict[str, float]:
        """When each field took its value (Unix seconds); a field with its first value has no time."""

    @property
    def reason(self) -> Reason | None:
        """What led to the state."""


SENDERS: dict[By, tuple[str, ...] | None] = {
    "rule": None,
    "command": None,
    "limit": ("max_on", "off_after"),
    "restart": ("restore",),
}
"""The words of `by` that can name a sender, with all senders, or None if there are many."""
CONDITION_KEYS = ("only_if", "any", "none", "all")
"""The keys of a rule that have a list of conditions."""


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A change of one field from one value to another; one of the two may be left out."""

    from_: Scalar | msgspec.UnsetType = field(name="from", default=msgspec.UNSET)
    to: Scalar | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        """Refuse a change without values, or from a value to itself."""
        if self.from_ is msgspec.UNSET and self.to is msgspec.UNSET:
            raise ValueError("it takes from, to or both")
        if self.from_ == self.to:
            raise ValueError("from and to are the same value")


Turns = Annotated[dict[str, Scalar | Turn], Meta(min_length=1)]


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on the state of a device: one entry of a rule's `only_if`, `any`, `none` or `all`."""

    device: str
    is_: Values | None = field(name="is", default=None)
    above: Limit | None = None
    below: Limit | None = None
    presence: Literal["live", "offline"] | None = None
    """Whether the device is heard, and reaches its hardware."""
    by: str | tuple[str, ...] | None = None
    """What led to the state: a word of `bus.origin.By`, or a word and its sender, such as "rule:motion"."""
    for_seconds: Seconds = field(name="for", default=Seconds(0))
    """How long its values must have lasted."""

    def __post_init__(self) -> None:
        """Refuse a condition without a test, or with several, and words that `by` never has."""
        tests = 4 - (self.is_, self.above, self.below, self.presence).count(None)
        if tests > 1 or (tests == 0 and self.by is None):
            raise ValueError("it takes one of is, above, below and presence" + ("" if tests else ", or by"))
        if self.presence == "offline" and self.by is not None:
            raise ValueError("a device that is offline shows nothing that by could ask for")
        if self.for_seconds and self.is_ is None:
            raise ValueError("for goes with is; a measurement that lasts is a rule of its own")
        if self.by == ():
            raise ValueError("by names nothing")
        for text in self.origins:
            word, colon, who = text.partition(":")
            if word not in BYS:
                raise ValueError(f"by: {format_toml(text)}: {suggest(word, BYS)}")
            if colon and word not in SENDERS:
                raise ValueError(f"by: {format_toml(text)}: write only {format_toml(word)}")
            if colon and not who:
                raise ValueError(f"by: {format_toml(text)} names nothing after its colon")
            if colon and (senders := SENDERS[word]) and who not in senders:
                raise ValueError(f"by: {format_toml(text)}: {suggest(who, senders)}")

    @property
    def origins(self) -> tuple[str, ...]:
        """What may have led to the state; empty: anything."""
        return (self.by,) if isinstance(self.by, str) else self.by or ()

    def __str__(self) -> str:
        texts = [self.device]
        for word, values in (("is", self.is_), ("above", self.above), ("below", self.below)):
            if values is not None:
                texts.append(f"{word} {format_toml(values)}")
        if self.presence is not None:
            texts.append(f"presence {self.presence}")
        if self.origins:
            texts.append(f"by {' or '.join(self.origins)}")
        if self.for_seconds:
            texts.append(f"for {self.for_seconds:g} s")
        return " ".join(texts)

    def holds(self, known: Known | None, wall: float) -> bool | None:
        """Return whether a state meets the condition at `wall` (Unix seconds), or None if a value is unknown.

        `known` is None for a device that is silent.
        """
        if self.presence is not None:
            is_live = known is not None and known.state.get("reachable") is not False
            if (self.presence == "live") is not is_live:
                return False
            return self._has_origin(known)
        tests = [self._has_values(known.state if known else None), self._has_origin(known)]
        if False in tests:
            return False
        if None in tests or known is None:
            return None
        if not self.for_seconds:
            return True
        began_at = max((known.turned.get(name, 0.0) for name in self.is_ or ()), default=0.0)
        return wall - began_at >= self.for_seconds

    def _has_values(self, fields: StateFields | None) -> bool | None:
        if self.is_ is not None:
            values = {name: known_value(fields, name) for name in self.is_}
            if any(value is not None and value != self.is_[name] for name, value in values.items()):
                return False
            return None if None in values.values() else True
        limits = self.above or self.below
        if limits is None:
            return True
        name, limit = next(iter(limits.items()))
        value = known_value(fields, name)
        if not isinstance(value, int | float):
            return None
        return value > limit if self.above else value < limit

    def _has_origin(self, known: Known | None) -> bool | None:
        if not self.origins:
            return True
        if known is None or known.reason is None:
            return None
        reason = known.reason
        return reason.by in self.origins or str(reason) in self.origins


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, as the configuration has it."""

    added_keys: ClassVar[frozenset[str]] = frozenset({"reporters", "random_key", "made_by", "command_from"})
    """The keys that the check of a configuration adds; no person writes them."""

    device: str | None = None
    process: str | None = None
    """The process about which the steward, or the exchange, reports what the rule waits for."""
    reporters: tuple[str, ...] = ()
    """In such a rule: the processes that publish these reports."""
    turns: Turns | None = None
    follow: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    """The fields of the device that this device copies: their values decide the command."""
    above: Limit | None = None
    below: Limit | None = None
    at: TimeOfDay | None = None
    every: Interval | None = None
    all: Annotated[tuple[Condition, ...], Meta(min_length=1)] | None = None
    """The conditions that must begin to hold together."""
    do: str = ""
    with_: dict[str, Any] = field(name="with", default_factory=dict)
    only_if: tuple[Condition, ...] = ()
    """The conditions that must all be met when the rule acts."""
    any: tuple[Condition, ...] = ()
    """The conditions of which at least one must be met when the rule acts."""
    none: tuple[Condition, ...] = ()
    """The conditions of which none may be met when the rule acts."""
    between: tuple[TimeOfDay, TimeOfDay] | None = None
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] | None = None
    months: Annotated[tuple[Month, ...], Meta(min_length=1)] | None = None
    dates: Annotated[tuple[CalendarDate, ...], Meta(min_length=1)] | None = None
    holidays: bool | None = None
    """True: only on holidays. False: never on holidays."""
    random_offset: RandomOffset | None = None
    """By how much the moment of `at` comes earlier or later at most."""
    hysteresis: Annotated[float, Meta(ge=0)] = 0.0
    """How far a measurement must return behind its limit before it can cross the limit again."""
    for_seconds: Seconds = field(name="for", default=Seconds(0))
    """How long the new value must last before the rule acts."""
    cooldown_seconds: Seconds = field(name="cooldown", default=Seconds(0))
    delay_seconds: Seconds = field(name="delay", default=Seconds(0))
    mode: Mode = "single"
    """What a new moment does while the rule waits for its `delay` or `for`: nothing, start the wait again, or
    wait as well."""
    random_key: str | None = None
    """With `random_offset`: the device, so that the same rule of two devices acts at two moments. It is added
    by the check of the configuration."""
    made_by: str | None = None
    """The scene or the group that has added the rule to this device; None for a rule of the file."""
    command_from: str | None = None
    """In such a rule: the field of `device` that can have another command than `do` and `with`."""

    def __post_init__(self) -> None:
        """Refuse a rule that waits for nothing, or for two things, or that can never act."""
        triggers = (self.turns, self.follow, self.above, self.below, self.at, self.every, self.all)
        if triggers.count(None) != len(triggers) - 1:
            raise ValueError("a rule waits for one of turns, follow, above, below, at, every and all")
        if (self.follow is None) == (not self.do):
            raise ValueError("the key 'do' is missing" if self.follow is None else "follow takes no do")
        if self.follow and self.with_:
            raise ValueError("follow takes no with: its fields are the arguments")
        word = "at" if self.every is None else "every"
        if self.process is not None and (self.device is not None or self.turns is None):
            raise ValueError("process goes with turns, and not with device")
        if not self.is_timed and self.all is None and self.heard is None:
            raise ValueError("the key 'device' is missing: which device turns, or measures?")
        if self.is_timed and self.device is not None:
            raise ValueError(f"a rule with {word} has no device; a condition on a device goes into only_if")
        if self.random_offset is not None and self.at is None:
            raise ValueError("random_offset goes with at")
        if self.all is not None and self.device is not None:
            raise ValueError("a rule with all has no device of its own; each condition names one")
        if any(condition.for_seconds for condition in self.all or ()):
            raise ValueError("for goes beside all, and not into its conditions")
        if self.mode != "single" and not (self.delay_seconds or self.for_seconds):
            raise ValueError("mode goes with delay or for")
        if self.hysteresis and self.limit is None:
            raise ValueError("hysteresis goes with above or below")
        if self.for_seconds and (self.is_timed or self.follow):
            raise ValueError("for goes with turns, above, below or all")
        if self.for_seconds and self.delay_seconds:
            raise ValueError("for and delay do not go together; for is a delay that can be cancelled")
        if self.between and self.between[0] == self.between[1]:
            raise ValueError("between has the same time twice; leave it out for all day")

    @property
    def heard(self) -> str | None:
        """What the rule hears: a device, or the reports about a process."""
        return self.device if self.process is None else process_key(self.process)

    @property
    def copied(self) -> tuple[str, ...]:
        """The fields whose values the rule keeps while it waits: it copies them, or fills them into texts."""
        return self.follow or (placeholders(self.with_) if self.has_text else ())

    @property
    def has_text(self) -> bool:
        """Whether a text of the rule is filled in when it acts. The texts of scenes are sent as they are."""
        return self.made_by is None and any(
            isinstance(value, str) and ("{" in value or "}" in value) for value in self.with_.values()
        )

    @property
    def limit(self) -> tuple[str, float] | None:
        """The name of the measured field, and its limit; None for a rule without `above` and `below`."""
        return next(iter((self.above or self.below or {}).items()), None)

    @property
    def turning(self) -> tuple[str, ...]:
        """The fields on whose changes the rule acts."""
        return self.follow or tuple(self.turns or ())

    @property
    def wanted(self) -> dict[str, Scalar]:
        """For each field that must turn to a value, this value."""
        values = {
            name: value.to if isinstance(value, Turn) else value for name, value in (self.turns or {}).items()
        }
        return {name: value for name, value in values.items() if not isinstance(value, msgspec.UnsetType)}

    @property
    def former(self) -> dict[str, Scalar]:
        """For each field that must turn from a value, this value."""
        turns = (self.turns or {}).items()
        return {
            name: value.from_
            for name, value in turns
            if isinstance(value, Turn) and not isinstance(value.from_, msgspec.UnsetType)
        }

    def conditions(self) -> Iterator[tuple[tuple[str, int], Condition]]:
        """Yield each condition of the rule with its path in the rule."""
        for key in CONDITION_KEYS:
            for number, condition in enumerate(getattr(self, key) or ()):
                yield (key, number), condition

    @property
    def subscriptions(self) -> set[str]:
        """The names of the devices whose states the rule needs."""
        found = {condition.device for _, condition in self.conditions()}
        return found | ({self.device} if self.device else set())

    @property
    def source(self) -> str:
        """What the rule waits for, for the log: a device, a time of day or its conditions."""
        if self.all:
            return " and ".join(map(str, self.all))
        if self.process is not None:
            return f"the process {self.process}"
        return self.device or (str(self.at) if self.every is None else every_text(self.every))

    @property
    def is_timed(self) -> bool:
        """Whether the rule waits for a time."""
        return self.at is not None or self.every is not None

    @property
    def schedule(self) -> Schedule:
        """The moments of a rule that waits for a time."""
        key = "" if self.random_offset is None else rule_key(self)
        return Schedule(self.at, self.every, self.random_offset, key)

    @property
    def uses_clock(self) -> bool:
        """Whether the rule needs the time of day or the date."""
        return bool(self.is_timed or self.between or self.days or self.months or self.dates) or (
            self.holidays is not None
        )

    @property
    def uses_holidays(self) -> bool:
        """Whether the rule needs the holidays."""
        return self.holidays is not None or "holiday" in (self.days or ())

    @property
    def uses_sun(self) -> bool:
        """Whether the rule needs the times of the sun."""
        return any(time.sun is not None for time in (self.at, *(self.between or ())) if time is not None)


def process_key(name: str) -> str:
    """Return under which name the rules know the reports about a process; no device has such a name."""
    return f"process/{name}"


def rule_key(rule: Rule) -> str:
    """Return the key of a rule's state: the whole rule as JSON, so that an edit of another rule keeps it."""
    raw = msgspec.to_builtins(rule, enc_hook=enc_hook)
    for condition in raw.get("only_if", ()):  # the journals of earlier versions have these keys
        for name in ("is", "above", "below"):
            condition.setdefault(name, None)
    return msgspec.json.encode(raw, order="sorted").decode()


def known_value(fields: StateFields | None, name: str) -> Scalar:
    """Return a field of a state, or None if it is unknown.

    It is unknown if the device is silent (`fields` is None), or if its hardware is unreachable.
    """
    if fields is None or (fields.get("reachable") is False and name != "reachable"):
        return None
    return fields.get(name)
