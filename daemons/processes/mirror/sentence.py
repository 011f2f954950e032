"""The parts of the mirror's sentence: each has a code and values, for translations, and its English text."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from daemons.bus.notice import Level, Notice
from daemons.bus.status import Fields

PRESENCE_WORDS = {"failed": "has failed"}
"""The text for a presence in the sentence, where it is not "is" and the presence itself."""
MOST_NOTICES = 2
"""So many notices that are no alarms are in the sentence. The others are counted."""
STEADY_SECONDS = 1.0
"""A moment that moves by less is the same moment: the clock of an appliance is not that of the mirror."""


class Part(Struct, frozen=True, kw_only=True):
    """One part of the sentence."""

    code: str
    """The key of its text in a page's language."""
    values: Fields = {}
    level: Level | None = None
    """For a part that is a notice: its level."""
    device: str | None = None
    """The device that it is about; None for one about several devices, or about the whole house."""

    def is_same(self, other: "Part") -> bool:
        """Return whether a page that shows the other part needs no new one."""
        at, its = self.values.get("at"), other.values.get("at")
        if not isinstance(at, float) or not isinstance(its, float):
            return self == other
        rest = (self.code, {**self.values, "at": None}), (other.code, {**other.values, "at": None})
        return rest[0] == rest[1] and abs(at - its) < STEADY_SECONDS


def is_same(parts: Sequence[Part], others: Sequence[Part]) -> bool:
    """Return whether two sentences need no new drawing."""
    return len(parts) == len(others) and all(map(Part.is_same, parts, others))


def notice_parts(notices: Iterable[Notice]) -> list[tuple[Part, str]]:
    """Return the parts that are notices, each with its text."""
    return [
        (
            Part(code=f"attention.{one.code}", values=one.values, level=one.level, device=one.device),
            one.text,
        )
        for one in notices
    ]


def fitting_parts(notices: Sequence[Notice]) -> list[tuple[Part, str]]:
    """Return the parts for notices that are no alarms; if there are more, the last part counts them."""
    parts = notice_parts(notices[:MOST_NOTICES])
    if (rest := len(notices) - MOST_NOTICES) > 0:
        parts.append((Part(code="sentence.more", values={"count": rest}), f"{rest} more"))
    return parts


def join(texts: Sequence[str]) -> str:
    """Return the sentence with these texts of its parts."""
    sentence = " · ".join(texts)
    return sentence[:1].upper() + sentence[1:]
