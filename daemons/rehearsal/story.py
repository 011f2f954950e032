"""Stories: what happens in a house, and what is expected of it. Pure."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Literal, Self

from msgspec import Meta, Struct, field

from daemons.config.rule import Condition, Values
from daemons.drivers.physics.events import EventText
from daemons.kinds import Touch
from daemons.values import Parsed, Seconds, format_seconds, format_toml

PATTERN = re.compile(r"(?:(\d{4}-\d\d-\d\d) )?([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
LONGEST_DAYS = 1100
"""The longest story lasts for three years."""


class Moment(str, Parsed):
    """A local time, of each day of a story ("06:30") or of one day ("2026-03-29 06:30:15")."""

    __slots__ = ()
    allowed = 'a time such as "06:30" or "06:30:15", or a date and time such as "2026-03-29 06:30"'

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse a moment; raises ValueError for anything else."""
        if not isinstance(text, str) or not (found := PATTERN.fullmatch(text)):
            raise ValueError(cls.allowed)
        if found[1]:
            date.fromisoformat(found[1])
        return cls(text)

    @property
    def day(self) -> date | None:
        """The date of a moment of one day."""
        return date.fromisoformat(self[:10]) if " " in self else None

    def on(self, day: date, zone: tzinfo) -> float:
        """Return the moment on a day, in Unix seconds; a time that is skipped comes as much later."""
        clock = self.rpartition(" ")[2]
        return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=zone).timestamp()


class StartMoment(Moment):
    """A date and time at which a story begins or ends."""

    allowed = 'a date and time such as "2026-03-29 06:30"'

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse a date and time; raises ValueError for anything else."""
        if Moment.parse(text).day is None:
            raise ValueError(cls.allowed)
        return cls(text)

    def unix(self, zone: tzinfo) -> float:
        """Return the moment in Unix seconds."""
        return self.on(date.fromisoformat(self[:10]), zone)


class ClockStep(str, Parsed):
    """A step of the clock: a duration with its sign."""

    __slots__ = ()
    allowed = 'a step of the clock, such as "+1h" or "-30s"'

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse a step; raises ValueError for anything else."""
        if not isinstance(text, str) or text[:1] not in ("+", "-"):
            raise ValueError(cls.allowed)
        try:
            Seconds.parse(text[1:])
        except ValueError:
            raise ValueError(cls.allowed) from None
        return cls(text)

    @property
    def seconds(self) -> float:
        """The step in seconds."""
        return (-1 if self[0] == "-" else 1) * Seconds.parse(self[1:])


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happens: one entry of a story's `do`."""

    at: Moment
    device: str | None = None
    press: Touch | None = None
    send: str | None = None
    with_: dict[str, Any] = field(name="with", default_factory=dict)
    hand: Literal["on", "off"] | None = None
    detects: bool | None = None
    measures: Annotated[dict[str, float], Meta(min_length=1)] | None = None
    events: tuple[EventText, ...] | None = None
    """The events of a calendar from now on."""
    kill: Literal[True] | None = None
    dead: Seconds | None = None
    stop: Literal[True] | None = None
    start: Literal[True] | None = None
    unreachable: Seconds | None = None
    cut: Seconds | None = None
    clock: ClockStep | None = None

    def __post_init__(self) -> None:
        """Refuse a step that does nothing, or two things."""
        if len(self.verbs()) != 1:
            raise ValueError(f"a step takes one of {', '.join(VERBS)}")
        if self.clock is not None and self.device is not None:
            raise ValueError("the clock is that of the whole house; leave out device")
        if self.clock is None and self.device is None:
            raise ValueError("the key 'device' is missing: to which device does it happen?")
        if self.with_ and self.send is None:
            raise ValueError("with goes with send")

    def verbs(self) -> list[str]:
        """Return what the step does."""
        return [verb for verb in VERBS if getattr(self, verb) is not None]

    def __str__(self) -> str:
        (verb,) = self.verbs()
        value = getattr(self, verb)
        words = {True: "", False: " no more"}.get(value) if isinstance(value, bool) else f" {value}"
        return f"{self.device or 'house'} {verb}{words}"


VERBS = (
    "press", "send", "hand", "detects", "measures", "events", "kill", "dead", "stop", "start", "unreachable",
    "cut", "clock",
)  # fmt: skip
SWITCHING = ("press", "send", "hand")
"""The verbs with which a person switches a device."""


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of one device: one entry of a story's `expect`.

    `is`, `above` and `below` are tested at the time `at`, or `within` a duration after the first step (after
    `after`, if that is given), or at the end. `turns` counts how often the values come.
    """

    device: str
    is_: Values | None = field(name="is", default=None)
    above: dict[str, float] | None = None
    below: dict[str, float] | None = None
    by: str | tuple[str, ...] | None = None
    """What led to the state, as in a condition of a rule."""
    turns: Values | None = None
    times: Annotated[int, Meta(ge=0)] | None = None
    at: Moment | None = None
    within: Seconds | None = None
    after: Moment | None = None

    def __post_init__(self) -> None:
        """Refuse an expectation without a test, or with parts that do not belong together."""
        tests = 4 - (self.is_, self.above, self.below, self.turns).count(None)
        if tests > 1 or (tests == 0 and self.by is None):
            word = "" if tests else ", or by"
            raise ValueError(f"an expectation takes one of is, above, below and turns{word}")
        if self.by is not None and self.turns is not None:
            raise ValueError("by goes with is, above and below, or stands alone")
        if (self.turns is None) != (self.times is None):
            raise ValueError("turns and times go together: how often shall it turn?")
        if self.turns is not None and (self.at or self.within is not None):
            raise ValueError("turns counts over the whole story; at and within go with is, above and below")
        if self.at is not None and self.within is not None:
            raise ValueError("at and within do not go together")
        if self.after is not None and self.within is None:
            raise ValueError("after goes with within")
        _ = self.condition  # refuses words that `by` never has

    @property
    def condition(self) -> Condition | None:
        """The condition that shall hold; None for an expectation that counts."""
        if self.turns is not None:
            return None
        return Condition(device=self.device, is_=self.is_, above=self.above, below=self.below, by=self.by)

    def __str__(self) -> str:
        if self.turns is not None:
            return f"{self.device} turns {format_toml(self.turns)} {format_times(self.times or 0)}"
        when = (
            f" at {self.at}"
            if self.at
            else f" within {format_seconds(self.within)}"
            if self.within is not None
            else ""
        )
        return f"{self.condition}{when}"


class Always(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds in every story and on every random day: the conditions of `never` never hold together."""

    title: Annotated[str, Meta(min_length=1)]
    never: tuple[Condition, ...] = ()
    for_seconds: Seconds = field(name="for", default=Seconds(0))
    """So long they may hold."""
    untouched: tuple[str, ...] = ()
    """It holds in the stories in which no person switches these devices: no press, command or hand."""

    def concerns(self, story: "Story") -> bool:
        """Return whether it must hold in a story."""
        return not any(
            step.device in self.untouched and set(step.verbs()) & {*SWITCHING} for step in story.do
        )


class Story(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One story."""

    title: Annotated[str, Meta(min_length=1)]
    from_: StartMoment = field(name="from")
    until: StartMoment
    do: tuple[Step, ...] = ()
    expect: tuple[Expectation, ...] = ()
    seeds: Annotated[int, Meta(ge=0, le=1000)] = 0
    """With how many random orders of arrival the story is told again."""

    def moments(self, at: Moment, zone: tzinfo) -> Iterator[float]:
        """Yield each moment of a time within the story, in Unix seconds."""
        begin, end = self.from_.unix(zone), self.until.unix(zone)
        first = datetime.fromtimestamp(begin, zone).date()
        days = [at.day] if at.day else [first + timedelta(days=n) for n in range(LONGEST_DAYS + 2)]
        for day in days:
            moment = at.on(day, zone)
            if moment > end:
                return
            if moment >= begin:
                yield moment


def format_times(number: int) -> str:
    """Return how often something happens, in words."""
    return "once" if number == 1 else f"{number} times"
