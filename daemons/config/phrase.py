"""A sentence in parts, each a code and values, from which a language makes its words. Pure."""

from typing import Any

from msgspec import Struct


class Phrase(Struct, frozen=True, omit_defaults=True):
    """One part of a sentence; docs/json.md describes the codes."""

    code: str
    values: dict[str, Any] = {}
    """By the names in the text: texts, numbers, further parts, and lists of them."""

    @classmethod
    def of(cls, code: str, **values: Any) -> "Phrase":
        """Return a part with these values."""
        return cls(code, values)


def joined(code: str, parts: list[Phrase]) -> Phrase:
    """Return several parts as one, as the code says ("and", "or", "list"); a single part stays as it is."""
    return parts[0] if len(parts) == 1 else Phrase.of(code, parts=parts)
