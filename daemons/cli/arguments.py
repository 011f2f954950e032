"""The grammar of KEY=VALUE on the command line, the same for `house send` and `house add`."""

import re
from typing import Any

import click
import tomli

from daemons.values import is_finite

KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


def parse_argument(text: str) -> tuple[str, Any]:
    """Parse KEY=VALUE; raises UsageError if `text` has another form.

    A VALUE in TOML (`true`, `5`, `0.5`, `"text"`, `[1, 2]`, `{ a = 1 }`) keeps its type. Any other VALUE
    is text: a bare word, a duration (`90s`), a date, a time (`06:30`), `nan` and `inf`.
    """
    key, equals, value = text.partition("=")
    if not equals or not KEY.match(key):
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    try:
        found = tomli.loads(f"value = {value}")
    except ValueError:
        return key, value
    is_one_value = found.keys() == {"value"} and is_json(found["value"]) and is_finite(found["value"])
    return key, found["value"] if is_one_value else value


def is_json(value: Any) -> bool:
    """Return whether JSON can represent a value; it has no dates and no times."""
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return isinstance(value, str | bool | int | float)
