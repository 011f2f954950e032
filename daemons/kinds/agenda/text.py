"""The texts of a calendar's events. Strangers write them, so they are cleaned and cut. Pure."""

import re
from functools import cache

JOINERS = "\u200c\u200d"
"""Invisible characters that Persian and some emoji need within a word."""


def clean(text: str, longest: int) -> str:
    """Return a text in one line, without control characters, cut to a length."""
    beginning = text[: 10 * longest]
    shown = "".join(c if c.isprintable() or c in JOINERS else " " for c in beginning)
    return cut(" ".join(shown.split()), longest)


def cut(text: str, longest: int) -> str:
    """Return a text of at most this length; a longer one ends with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


@cache
def pattern(word: str) -> re.Pattern[str]:
    """Return the regular expression of a word of `match`; a `*` stands for any part of a word."""
    parts = [re.escape(part) for part in " ".join(word.casefold().split()).split("*")]
    return re.compile(r"(?<!\w)" + r"\w*".join(parts) + r"(?!\w)")
