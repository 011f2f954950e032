"""The text of a line of a configuration, with a caret below a position. Pure."""

import unicodedata

WIDTH = 76
"""The longest shown line, in columns of a terminal, without its indent."""
TAB = "  "


def excerpt(line: str, column: int, indent: str = "    ") -> list[str]:
    """Return the line and the line with the caret; `column` counts characters from 1.

    A long line is cut on both sides of the caret. A character that is not printable is shown as a space.
    """
    marked = min(max(column, 1), len(line) + 1) - 1
    before = cleaned(line[:marked])
    after = cleaned(line[marked:].rstrip())
    if width(before) + width(after) > WIDTH:
        while before and width(before) > WIDTH // 2:
            before = before[1:]
        while after and width(before) + width(after) > WIDTH:
            after = after[:-1]
    shown = f"{before}{after}"
    stripped = shown.lstrip()
    shift = min(width(shown) - width(stripped), width(before))
    if not stripped:
        return []
    return [f"{indent}{shown[shift:]}", f"{indent}{' ' * (width(before) - shift)}^"]


def cleaned(text: str) -> str:
    """Return a text with two spaces for a tab, and a space for another character that controls a terminal."""
    return "".join(TAB if c == "\t" else c if c.isprintable() else " " for c in text)


def width(text: str) -> int:
    """Return the width of a text in columns of a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
