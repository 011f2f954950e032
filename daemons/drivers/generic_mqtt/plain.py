"""Templates that are no more than a path and a factor, such as `{{ value_json.temp | float * 0.1 }}`. Pure.

Most templates of discovery messages are so plain. They become options that a person can read.
"""

import re
from typing import NamedTuple

NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
STEP = r"""(?:\.[A-Za-z_]\w*|\[\s*(?:'[^'"\\]+'|"[^'"\\]+"|[0-9]+)\s*\])"""
REFERENCE = rf"value(?:_json{STEP}+)?"
FILTER = r"(?:\|\s*(?:float|int|round|is_defined|string|trim)\s*(?:\(\s*[\w. ,=-]*\))?\s*)"
HARMLESS = rf"(?:\s*{FILTER})*"
"""Filters that change no number but for its last digits."""
TEMPLATE = re.compile(
    rf"\{{\{{-?\s*(?P<open>\(|(?:float|int)\()?\s*(?P<reference>{REFERENCE}){HARMLESS}\s*(?P<close>\))?"
    rf"{HARMLESS}\s*(?:(?P<times>[*/])\s*(?P<factor>{NUMBER}))?\s*"
    rf"(?:(?P<sign>[+-])\s*(?P<offset>{NUMBER}))?\s*{HARMLESS}\s*-?\}}\}}"
)
CHOICE = re.compile(
    rf"""\{{\{{-?\s*(['"])(?P<true>[^'"\\]*)\1\s+if\s+(?P<reference>{REFERENCE})\s+else\s+"""
    r"""(['"])(?P<false>[^'"\\]*)\4\s*-?\}\}"""
)
"""A template that writes a truth value in two words: `{{ 'ON' if value_json.on else 'OFF' }}`."""
PART = re.compile(r"""\.(\w+)|\[\s*(?:'([^']+)'|"([^"]+)"|([0-9]+))\s*\]""")


class Plain(NamedTuple):
    """What a template does to a message."""

    path: str = ""
    factor: float = 1.0
    offset: float = 0.0
    words: tuple[str, str] | None = None
    """The words that it writes for a value that is true and for one that is false."""

    @property
    def is_number(self) -> bool:
        """Whether it calculates."""
        return (self.factor, self.offset) != (1.0, 0.0)

    def then(self, factor: float, offset: float) -> "Plain":
        """Return the same, with a factor and an offset applied to its result."""
        return Plain(self.path, round(self.factor * factor, 9), round(self.offset * factor + offset, 6))


def plain(template: str | None) -> Plain | None:
    """Return what a template does, or None if it does more than that; no template leaves the message."""
    if template is None:
        return Plain()
    if choice := CHOICE.fullmatch(template.strip()):
        return Plain(path_of(choice["reference"]), words=(choice["true"], choice["false"]))
    found = TEMPLATE.fullmatch(template.strip())
    if found is None or bool(found["open"]) is not bool(found["close"]):
        return None
    factor = float(found["factor"] or 1)
    if found["times"] == "/":
        if not factor:
            return None
        factor = 1 / factor
    offset = float(f"{found['sign'] or ''}{found['offset'] or 0}") if found["offset"] else 0.0
    return Plain(path_of(found["reference"]), factor, offset)


def path_of(reference: str) -> str:
    """Return the path of a reference such as `value_json.relay[0]`."""
    steps = (part[0] or part[1] or part[2] or part[3] for part in PART.findall(reference))
    return ".".join(map(quote, steps))


def quote(key: str) -> str:
    """Return a key as a part of a path."""
    return f'"{key}"' if "." in key else key
