"""The parts of an explanation of a change, and of a rule that did not act. `explanation` makes them."""

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.bus.origin import Origin, Reason
from daemons.config.phrase import Phrase


class ConditionThen(Struct, frozen=True, kw_only=True):
    """A condition of a rule, and the values that it had when the rule acted."""

    text: str
    phrase: Phrase
    """The same for programs that translate it."""
    values: dict[str, Scalar]
    """The values of its fields; one that is not known is missing."""
    since: float | None
    """Since when (Unix seconds) its values were as they were; None if that is not known."""
    met: bool | None
    """None if a value is not known."""


class RuleThen(Struct, frozen=True, kw_only=True):
    """A rule that acted."""

    number: int
    place: str
    """The file and the line."""
    text: str
    phrase: Phrase
    """The same for programs that translate it."""
    made_by: str | None
    """The scene or the group that made the rule; None for a rule of the file."""
    conditions: tuple[ConditionThen, ...]


class Step(Struct, frozen=True, kw_only=True):
    """One change of a chain."""

    device: str
    title: str
    at: float
    change: str
    """What changed, in words."""
    fields: dict[str, tuple[Scalar, Scalar]] = {}
    """The same for programs: each field that changed, but for measurements, with its values before and after.
    Before is None if it is not known."""
    reason: Reason | None
    origin: Origin | None
    cause: str | None
    rule: RuleThen | None = None
    """The rule that made the change, if the configuration still has it."""
    later: tuple[tuple[float, str], ...] = ()
    """What followed at the same device without a new reason: when and what."""
    missing: bool = False
    """Whether the change before this one is not known, although there was one."""


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a device changed last."""

    device: str
    title: str
    steps: tuple[Step, ...]
    """The chain of changes from its beginning; the last one is that of the device."""


class DeclinedThen(Struct, frozen=True, kw_only=True):
    """A rule that looked and did not act."""

    at: float
    """When it decided, in Unix seconds."""
    reason: str
    rule: int | None
    """Its number among the rules of the device, from 1; None for a daily time of the kind."""
    cause: str | None
    """The id of the press or command that it looked at."""
    place: str | None
    """The file and the line; None if the configuration no longer has the rule."""
    text: str | None
    """The rule in words."""
    phrase: Phrase | None
    """The same for programs that translate it."""
    code: str | None
    """The reason as a code, for programs that translate it; None if it has none."""
    values: dict[str, Scalar]
    """The values that belong to the code."""
    conditions: Phrase | None
    """The conditions that the reason names; None if it names none, or the rule has others now."""


class LastDeclined(Struct, frozen=True, kw_only=True):
    """When a rule looked last and did not act, and why."""

    at: float
    reason: str
    cause: str | None
    code: str | None
    """The reason as a code; None if it has none."""
    values: dict[str, Scalar]
    """The values that belong to the code."""
    conditions: Phrase | None
    """The conditions that the reason names; None if it names none, or the rule has others now."""


class ListedRule(Struct, frozen=True, kw_only=True):
    """One rule of a device; docs/json.md describes it. Times are in Unix seconds."""

    device: str
    number: int
    place: str | None
    """The file and the line; None for a person who does not see the whole house."""
    text: str
    phrase: Phrase
    """The same for programs that translate it."""
    made_by: str | None
    is_known: bool
    """Whether its device keeps its memory on this host."""
    fired_at: float | None
    due_at: float | None
    declined: LastDeclined | None


class WhyDocument(Struct, frozen=True, kw_only=True):
    """Why a device changed last, and why its rules did not act."""

    explanation: Explanation | None
    """None if no change is known."""
    declined: tuple[DeclinedThen, ...]
    """The last times that a rule of the device looked and did not act, oldest first."""
