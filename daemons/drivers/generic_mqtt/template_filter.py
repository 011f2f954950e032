"""The filters and functions of templates, as Home Assistant has them: pure, and none makes a large value."""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from jinja2 import TemplateError, Undefined

MOST_PARTS = 20_000
"""The most texts, numbers and tables in a list or a table, all levels of it."""
LONGEST = 64 * 1024
"""The longest text, in characters."""
LONGEST_IN_ALL = 256 * 1024
"""The characters of all texts in a value together."""
FORCED: Any = object()
"""No default was given."""
MOST_BITS = 4096
"""The longest whole number, in bits."""
WIDTH = re.compile(r"%[^a-zA-Z%]*(\d{3,}|\*)")
"""A place in a text for `%` that is very wide, or whose width is a value."""
DIGITS = 20
"""The most digits to which a number is rounded."""


class TooLarge(TemplateError):
    """A value is too large."""


class MissingValue(TemplateError):
    """A value that a template needs is not in the message."""


class Size:
    """The size of a value, which is limited: its texts, and its parts on all levels."""

    def __init__(self) -> None:
        self._parts, self._letters = MOST_PARTS, LONGEST_IN_ALL

    def add(self, value: Any) -> None:
        """Add a part; raise TooLarge if there are too many, or too much text."""
        pending = [value]
        while pending:
            one = pending.pop()
            self._parts -= 1
            if isinstance(one, str):
                self._letters -= len(one)
                self._parts = self._parts if len(one) <= LONGEST else -1
            if self._parts < 0 or self._letters < 0:
                raise TooLarge("a value is too large")
            if isinstance(one, list | tuple):
                pending += one
            elif isinstance(one, dict):
                pending += one.values()


def check_size(value: Any) -> Any:
    """Return a value; raise TooLarge if it has a long text, much text or many parts."""
    Size().add(value)
    return value


def to_list(value: Iterable[Any]) -> list[Any]:
    """Return what is in a value as a list; raise TooLarge as soon as it is large."""
    size, found = Size(), []
    for one in value:
        size.add(one)
        found.append(one)
    return found


def check_operands(operator: str, left: Any, right: Any) -> None:
    """Raise TooLarge for a calculation whose result would be large."""
    if operator == "%" and isinstance(left, str):
        if WIDTH.search(left):
            raise TooLarge("a text with % may not be so wide")
        check_size(right)
    elif isinstance(left, int) and isinstance(right, int):
        bits = {"*": left.bit_length() + right.bit_length(), "**": left.bit_length() * max(right, 1)}
        if bits.get(operator, 0) > MOST_BITS:
            raise TooLarge("a number has too many digits")
    elif operator == "*" and not (isinstance(left, int | float) and isinstance(right, int | float)):
        raise TooLarge("only numbers can be multiplied")
    elif operator == "+":
        check_size([left, right])


def to_float(value: Any, default: Any = FORCED) -> Any:
    """Return a value as a number, or the default; raise ValueError if it is none, without a default."""
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError) as error:
        return forced(value, default, "float", error)


def to_int(value: Any, default: Any = FORCED, base: int = 10) -> Any:
    """Return a value as a whole number, or the default; raise ValueError if it is none, without a default."""
    try:
        return int(value, base) if isinstance(value, str) and base != 10 else int(float(value))  # noqa: PLR2004
    except (ValueError, TypeError, OverflowError) as error:
        return forced(value, default, "int", error)


def forced(value: Any, default: Any, name: str, error: Exception) -> Any:
    """Return the default for a value that is no number; raise an error if there is none."""
    if default is not FORCED:
        return default
    if isinstance(value, Undefined):
        raise MissingValue from error
    raise ValueError(f"{name} got {str(value)[:20]!r}, which is not a number") from error


def to_bool(value: Any, default: Any = FORCED) -> Any:
    """Return a word or a number as true or false."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "enable", "1", "1.0"):
        return True
    if word in ("false", "no", "off", "disable", "0", "0.0"):
        return False
    return forced(value, default, "bool", ValueError(word))


def rounded(value: Any, precision: int = 0, method: str = "common", default: Any = FORCED) -> Any:
    """Return a rounded number; `method` is common, ceil, floor or half."""
    number, digits = to_float(value, default), max(-DIGITS, min(DIGITS, int(precision)))
    if not isinstance(number, float) or not math.isfinite(number):
        return number
    factor = 10.0**digits
    found = {
        "ceil": lambda: math.ceil(number * factor) / factor,
        "floor": lambda: math.floor(number * factor) / factor,
        "half": lambda: round(number * 2) / 2,
    }.get(method, lambda: round(number, digits))()
    return int(found) if digits <= 0 else found


def is_defined(value: Any) -> Any:
    """Return a value; raise MissingValue if it is not in the message."""
    if isinstance(value, Undefined):
        raise MissingValue
    return value


def iif(value: Any, if_true: Any = True, if_false: Any = False, if_none: Any = FORCED) -> Any:
    """Return one of two values."""
    if if_none is not FORCED and value is None:
        return if_none
    return if_true if value else if_false


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    try:
        return math.isfinite(float(value))
    except (ValueError, TypeError, OverflowError):
        return False


def from_json(value: Any, default: Any = FORCED) -> Any:
    """Return a JSON text as a document."""
    try:
        return msgspec.json.decode(str(value))
    except (ValueError, RecursionError) as error:
        return forced(value, default, "from_json", error)


def to_json(value: Any) -> str:
    """Return a document as JSON."""
    return msgspec.json.encode(check_size(value)).decode()


def default_value(value: Any, default: Any = "", boolean: bool = False) -> Any:
    """Return a value, or the default if it is missing; with `boolean`, also if it is empty."""
    return default if isinstance(value, Undefined) or (boolean and not value) else value


def replace(text: Any, old: Any, new: Any) -> str:
    """Return a text in which another one is replaced."""
    whole, part, other = str(text), str(old), str(new)
    if len(whole) + whole.count(part) * len(other) > LONGEST:
        raise TooLarge("a value is too large")
    return whole.replace(part, other)


def join(parts: Iterable[Any], between: Any = "") -> str:
    """Return a list as one text."""
    texts, mark = to_list(str(check_size(part)) for part in parts), str(between)
    if sum(map(len, texts)) + len(texts) * len(mark) > LONGEST:
        raise TooLarge("a value is too large")
    return mark.join(texts)


def formatted(text: Any, *values: Any) -> str:
    """Return a text with values in the places of `%`."""
    check_operands("%", str(text), list(values))
    return str(str(text) % values)


def item_at(index: int) -> Callable[[Any], Any]:
    """Return a function that returns one item of a list or a text."""

    def at(value: Any) -> Any:
        items = to_list(value)
        if not items:
            raise MissingValue
        return items[index]

    return at


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(to_float(value)) if isinstance(value, str) else abs(value),
    "add": lambda value, amount: to_float(value) + amount,
    "bool": to_bool,
    "capitalize": lambda value: str(value).capitalize(),
    "count": lambda value: len(to_list(value)),
    "d": default_value,
    "default": default_value,
    "first": item_at(0),
    "float": to_float,
    "format": formatted,
    "from_json": from_json,
    "iif": iif,
    "int": to_int,
    "is_defined": is_defined,
    "is_number": is_number,
    "join": join,
    "last": item_at(-1),
    "length": lambda value: len(to_list(value)),
    "list": to_list,
    "lower": lambda value: str(value).lower(),
    "max": max,
    "min": min,
    "multiply": lambda value, amount: to_float(value) * amount,
    "replace": replace,
    "reverse": lambda value: value[::-1] if isinstance(value, str) else to_list(value)[::-1],
    "round": rounded,
    "sort": lambda value, reverse=False: sorted(to_list(value), reverse=reverse),
    "string": str,
    "sum": sum,
    "title": lambda value: str(value).title(),
    "to_json": to_json,
    "tojson": to_json,
    "trim": lambda value: str(value).strip(),
    "upper": lambda value: str(value).upper(),
}
"""By name in a template."""
MOST_ROUNDS = 10_000


def limited_range(*ends: int) -> range:
    """Return whole numbers for a loop."""
    found = range(*ends)
    if len(found) > MOST_ROUNDS:
        raise TooLarge(f"range has at most {MOST_ROUNDS} numbers")
    return found


GLOBALS: dict[str, Callable[..., Any]] = {
    "bool": to_bool,
    "float": to_float,
    "iif": iif,
    "int": to_int,
    "is_number": is_number,
    "max": max,
    "min": min,
    "range": limited_range,
}
"""The functions, by name."""
