"""The remedies of values that TOML accepts and the house does not: what a person meant. Pure.

The check of a configuration says what is allowed. A remedy adds the right value before that, or names a
mistake that the check cannot know, such as a key of a device below one of its rules.
"""

from collections.abc import Callable, Iterator
from typing import Any

from daemons.config import meant
from daemons.config.kind_names import meant_detects, meant_kind
from daemons.config.loader import kind_or_none
from daemons.config.schedule import CalendarDate, Interval, RandomOffset
from daemons.config.tables import Common
from daemons.values import ClockTime, Colour, Path, Problem, Seconds, TimeOfDay, format_toml

TOP = ("house", "recorder", "bridge", "exchange", "hosts", "defaults", "devices")
LIMITS = ("above", "below")
VALUES = ("turns", "is")
LOCALE_TAKES = 'a language tag, such as "en-GB" or "de-DE"'


def remedy(problem: Problem, raw: Any) -> Problem:
    """Return a problem with its remedy in the text; without one, the problem itself.

    `raw` is the parsed file in which the path of the problem leads to the value.
    """
    found = value_at(raw, problem.path)
    for better in _remedies(problem, found, raw):
        return Problem(problem.path, better)
    return problem


def value_at(raw: Any, path: Path) -> Any:
    """Return the value at a path, or None."""
    for part in path:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _remedies(problem: Problem, found: Any, raw: Any) -> Iterator[str]:
    """Yield better texts of a problem."""
    path, text, key = problem.path, problem.text, str(problem.path[-1])
    if text.startswith("unknown table"):
        yield from _unknown_table(key, found)
    elif len(path) == 2 and path[0] == "devices":  # noqa: PLR2004
        yield from _device(str(path[1]), text, found)
    elif path[0] == "devices" and len(path) == 3 and key == "kind":  # noqa: PLR2004
        yield from _kind(text, found)
    elif path[0] == "devices" and len(path) == 3 and key == "when" and isinstance(found, dict):  # noqa: PLR2004
        yield f"one rule has a header with two brackets; write: [[devices.{path[1]}.when]]"
    elif key in (*LIMITS, *VALUES) and "is not allowed" in text and not isinstance(found, dict):
        yield from _without_field(key, found, path, raw)
    elif path == ("house", "timezone") and (zone := meant.meant_timezone(found)):
        yield _meant(text, f"unknown timezone {found!r};", format_toml(zone))
    elif "is not allowed" in text:
        yield from _value(key, text, found)


def _value(key: str, text: str, found: Any) -> Iterator[str]:
    """Yield the text with the value that was meant, by the type that the text allows."""
    head = f"{format_toml(found)} is not allowed;"
    if key == "locale":
        text = f"{head} locale takes {LOCALE_TAKES}"
    if key == "between" and isinstance(found, str | list):
        parts = found.replace("–", "-").split("-") if isinstance(found, str) else found
        times = [meant.meant_time(part) for part in parts]
        if len(times) == 2 and None not in times:  # noqa: PLR2004
            yield _meant(text, head, format_toml(times))
    if key == "dates":
        values = [meant.meant_date(one) for one in (found if isinstance(found, list) else [found])]
        if None not in values:
            yield _meant(text, head, format_toml(values))
    right = next((parse(found) for allowed, parse in PARSERS if allowed in text), None)
    if key in ("days", "months"):
        right = meant.meant_days(found) if key == "days" else meant.meant_months(found)
    elif key == "locale":
        right = meant.meant_locale(found)
    elif text.startswith((f"{head} {key} takes a whole number", f"{head} {key} takes a number")):
        right = meant.meant_number(found)
    elif text.startswith(f"{head} {key} takes text") and isinstance(found, int | float):
        right = str(found).lower() if isinstance(found, bool) else str(found)
    elif "takes a list" in text and not isinstance(found, list | dict):
        right = [found]
    if right is not None and right != found:
        yield _meant(text, head, format_toml(right))
    if key == "locale":
        yield text


PARSERS: tuple[tuple[str, Callable[[object], Any]], ...] = (
    ("takes true or false", meant.meant_bool),
    *((type_.allowed, meant.meant_duration) for type_ in (Interval, RandomOffset, Seconds)),
    *((type_.allowed, meant.meant_time) for type_ in (TimeOfDay, ClockTime)),
    (Colour.allowed, meant.meant_colour),
    (CalendarDate.allowed, meant.meant_date),
)
"""What an error says is allowed, and how to find the value that was meant."""


def _meant(text: str, head: str, right: str) -> str:
    """Return a text with a proposed value after its head."""
    return f"{head} did you mean {right}?{text.removeprefix(head)}"


def _kind(text: str, found: Any) -> Iterator[str]:
    """Yield the kind for a common name of an appliance."""
    _, is_unknown, listed = text.partition("allowed: ")
    if not is_unknown or not isinstance(found, str) or (kind := meant_kind(found)) is None:
        return  # a kind of that name may be there, and broken
    detects = meant_detects(found) if kind == "sensor" else None
    more = f', with detects = "{detects}"' if detects else ""
    yield f"{format_toml(found)}: did you mean {kind!r}{more}? allowed: {listed}"


def _device(name: str, text: str, found: Any) -> Iterator[str]:
    """Yield the remedy for the header of a device."""
    if "no valid device name" in text and (right := meant.meant_name(name)):
        title = f', and below it name = "{name}" for the title' if right != name.casefold() else ""
        yield f"{text}; write: [devices.{right}]{title}"
    elif text.startswith("expected a table") and isinstance(found, list):
        yield f"a device has a header with one pair of brackets; write: [devices.{name}]"
    elif "'kind' is missing" in text and isinstance(found, dict):
        inner = [key for key, value in found.items() if isinstance(value, dict) and "kind" in value]
        if inner:
            right = meant.meant_name(f"{name}_{inner[0]}")
            yield f"a device name has no dot; write: [devices.{right}]"
        elif other := next((key for key in found if key.casefold() == "kind"), None):
            yield f"the key {other} is written in lower case; write: kind = {format_toml(found[other])}"


def _unknown_table(key: str, found: Any) -> Iterator[str]:
    """Yield the remedy for a table or a key at the top of the file."""
    if key in ("when", "rule", "rules"):
        yield "a rule belongs to a device; write: [[devices.NAME.when]], with the name of the device"
    elif isinstance(found, dict) and "kind" in found:
        yield f"a device has its name after devices; write: [devices.{meant.meant_name(key) or 'NAME'}]"
    elif not isinstance(found, dict | list):
        own = "[devices.NAME]" if key in Common.__struct_encode_fields__ and key != "name" else "[house]"
        yield f"this key stands above the first table; write it below its header, such as {own}"


def _without_field(key: str, found: Any, path: Path, raw: Any) -> Iterator[str]:
    """Yield the remedy for a limit or a value that names no field of a device."""
    rule = value_at(raw, path[:-1])
    name = rule.get("device") if isinstance(rule, dict) else None
    table = value_at(raw, ("devices", str(name)))
    kind = kind_or_none(table.get("kind")) if isinstance(table, dict) else None
    value = found
    if key in LIMITS:
        number = found if isinstance(found, int | float) else meant.meant_number(found)
        value = 20 if number is None or isinstance(number, bool) else number
        fields = sorted(kind.measurements()) if kind else []
        fields = [field for field in fields if field in FIRST_FIELDS] or ["temperature_celsius"]
        fields.sort(key=FIRST_FIELDS.index)
    else:
        truth = meant.meant_bool(found)
        fields = ["status"] if truth is not None else ["phase"]
        value = found if truth is None else truth
    field = fields[0]
    yield (
        f"{format_toml(found)} names no field of a device; "
        f"write: {key} = {{ {field} = {format_toml(value)} }}"
        + (f", where {field} is a field of {name}" if kind and field in kind.fields() else "")
    )


FIRST_FIELDS = (
    "temperature_celsius", "power_watts", "humidity_percent", "position_percent", "brightness_percent",
    "illuminance_lux", "value", "count",
)  # fmt: skip
"""The measurements that a limit is most likely about, in this order."""
