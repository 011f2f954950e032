"""Why a rule looked and did not act: a sentence in English, and the same as a code with values."""

from typing import Literal, Self

from daemons.bus.message import Scalar

Code = Literal[
    "late",
    "outside_hours",
    "wrong_day",
    "wrong_month",
    "wrong_date",
    "holiday",
    "no_holiday",
    "waits_already",
    "too_many_wait",
    "cooldown",
    "silent",
    "unreachable",
    "condition_not_met",
    "condition_unknown",
    "none_met",
    "any_not_met",
    "any_unknown",
    "later_change",
    "later_command",
    "no_command",
]
"""docs/json.md describes each code and its values. A refused command has the code of its receipt."""


class DeclinedReason(str):
    """The sentence; a program that translates it reads the code and the values."""

    __slots__ = ("code", "values")
    code: str
    values: dict[str, Scalar]

    @classmethod
    def of(cls, code: str, text: str, **values: Scalar) -> Self:
        """Return the reason with this text."""
        made = cls(text)
        made.code = code
        made.values = {
            name: float(value) if isinstance(value, float) else value for name, value in values.items()
        }
        return made
