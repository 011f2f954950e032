"""Typed values of the configuration: durations, times of day, and how tables are parsed.

`parse_table` turns a table into a frozen Struct. It collects every problem instead of stopping at the
first one. The line of a problem is added by `config`, which knows the text of the file.
"""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import time
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

Path = tuple[str | int, ...]
"""The keys that lead to a value in the file: ("devices", "toaster", "when", 0, "do")."""

KeyText = Annotated[str, Meta(pattern=r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}\Z")]
"""One half of a CURVE key pair: 32 bytes in 40 characters (Z85, rfc.zeromq.org/spec/32)."""
LONGEST_DAYS = 36500
"""A hundred years: a moment so far away still has a date (`datetime` ends at the year 9999)."""
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Parsed:
    """A value that is written as text in the configuration."""

    allowed: ClassVar[str]
    """In words, which texts are allowed."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse a text; raises ValueError, which says what is allowed, for anything else."""
        raise NotImplementedError


class Seconds(float, Parsed):
    """A duration in seconds; written as a string with a unit: "1.5s", "90s", "4h", "1m30s"."""

    @classmethod
    def parse(cls, text: object) -> "Seconds":
        """Parse a duration; raises ValueError for anything else."""
        pairs = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text) if isinstance(text, str) else []
        if not pairs or "".join(n + unit for n, unit in pairs) != text:
            raise ValueError(cls.allowed)
        seconds = sum(float(number) * UNITS[unit] for number, unit in pairs)
        if seconds > LONGEST_DAYS * UNITS["d"]:
            raise ValueError(cls.allowed)
        return cls(seconds)

    allowed = (
        f'a duration with its unit, such as "500ms", "90s", "4m" or "1h30m", of at most "{LONGEST_DAYS}d"'
    )


def format_seconds(seconds: float) -> str:
    """Return a duration in the format of the configuration, in the largest unit without a fraction."""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0s"


CLOCK_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
SUN = {"dawn": "05:30", "sunrise": "06:00", "noon": "12:00", "sunset": "18:00", "dusk": "18:30"}
"""The times of the sun, each with its approximate local time at an equinox."""


class TimeOfDay(str, Parsed):
    """A local time such as "06:30", or a time of the sun such as "sunset-30m"."""

    __slots__ = ()
    allowed = f'a time of day, such as "06:30", or one of the sun\'s ({", ".join(SUN)}), such as "sunset-30m"'

    @classmethod
    def parse(cls, text: object) -> "TimeOfDay":
        """Parse a time of day; raises ValueError for anything else."""
        time = cls(text) if isinstance(text, str) else cls()
        if time.sun is None and not re.fullmatch(CLOCK_TIME, time):
            raise ValueError(cls.allowed)
        if abs(time.offset_seconds) > 12 * 3600:
            raise ValueError("an offset from a time of the sun is at most 12h")
        return time

    @property
    def sun(self) -> str | None:
        """The name of the time of the sun, such as "sunset"; None for a local time."""
        word = self._parts()[0]
        return word if word in SUN else None

    @property
    def clock(self) -> str:
        """The local time, without the offset that only the times of a device itself have."""
        return self._parts()[0]

    @property
    def offset_seconds(self) -> float:
        """The offset in seconds; negative if it is earlier. The configuration has it with the sun only."""
        _, sign, offset = self._parts()
        return (-1 if sign == "-" else 1) * Seconds.parse(offset) if sign else 0.0

    @property
    def usual(self) -> float:
        """Seconds after midnight; a time of the sun counts as it is at an equinox."""
        hours, _, minutes = SUN.get(self.sun or "", self.clock).partition(":")
        return int(hours) * 3600 + int(minutes) * 60 + self.offset_seconds

    def _parts(self) -> tuple[str, str, str]:
        return self.partition("-" if "-" in self else "+")

    @classmethod
    def of(cls, moment: time) -> "TimeOfDay":
        """Return the local time of a `datetime.time`, to the minute."""
        return cls(moment.strftime("%H:%M"))


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of the week, as the configuration has them."""


class ClockTime(str, Parsed):
    """A local time such as "06:45", and no time of the sun."""

    __slots__ = ()
    allowed = 'a time such as "06:45"'

    @classmethod
    def parse(cls, text: object) -> "ClockTime":
        """Parse a time; raises ValueError for anything else."""
        if not isinstance(text, str) or not re.fullmatch(CLOCK_TIME, text):
            raise ValueError(cls.allowed)
        return cls(text)


class DayWords(str, Parsed):
    """Days of the week in one text: "mon tue wed", or "every day"."""

    __slots__ = ()
    allowed = 'days such as "mon tue wed", or "every day"'

    @classmethod
    def parse(cls, text: object) -> "DayWords":
        """Parse days; raises ValueError for anything else."""
        if not isinstance(text, str) or not cls(text).days or not set(cls(text).days) <= {*DAYS}:
            raise ValueError(cls.allowed)
        return cls(text)

    @property
    def days(self) -> tuple[str, ...]:
        """The days, in the order of the week; unknown words come last."""
        words = DAYS if self == "every day" else self.replace(",", " ").split()
        return tuple(sorted(set(words), key=lambda word: DAYS.index(word) if word in DAYS else len(DAYS)))

    @classmethod
    def of(cls, days: Sequence[str]) -> "DayWords":
        """Return the text for some days."""
        return cls("every day" if set(days) == {*DAYS} else " ".join(days))


HEX_COLOUR = r"#[0-9A-Fa-f]{6}"
COLOURS = {
    "red": "#ff0000", "orange": "#ff8000", "yellow": "#ffff00", "green": "#00ff00", "cyan": "#00ffff",
    "blue": "#0000ff", "purple": "#8000ff", "pink": "#ff0080", "white": "#ffffff",
}  # fmt: skip
"""The names of colours."""


class Colour(str, Parsed):
    """A colour as "#rrggbb" in lower case, of full brightness: its largest part is "ff"."""

    __slots__ = ()
    allowed = f'a colour, such as "#ff8800", or one of {", ".join(COLOURS)}'

    @classmethod
    def parse(cls, text: object) -> "Colour":
        """Parse a colour in hexadecimal digits, or its name; raises ValueError for anything else.

        A darker colour becomes the same one of full brightness. Black has none.
        """
        if isinstance(text, str) and text in COLOURS:
            return cls(COLOURS[text])
        if not isinstance(text, str) or not re.fullmatch(HEX_COLOUR, text):
            raise ValueError(cls.allowed)
        parts = bytes.fromhex(text[1:])
        if not max(parts):
            raise ValueError(f"{cls.allowed}; black is a lamp that is off")
        return cls("#" + bytes(round(part * 255 / max(parts)) for part in parts).hex())


class Problem(Struct, frozen=True):
    """One problem in the configuration."""

    path: Path
    text: str
    """The fault and what is allowed, printed after file, line and table."""


def dec_hook(type_: type, raw: object) -> object:
    """Decode the types of this file for msgspec."""
    if issubclass(type_, Parsed):
        return type_.parse(raw)
    raise NotImplementedError(type_)


def enc_hook(value: object) -> object:
    """Encode the types of this file for msgspec."""
    return float(value) if isinstance(value, float) else str(value)


def convert(raw: object, type_: type[T]) -> T:
    """Convert a value that was checked before, such as one of a slice, to its type."""
    return msgspec.convert(raw, type_, dec_hook=dec_hook)


def check_published(value: object, type_: Any) -> None:
    """Raise ValueError for a value that no state publishes under a field of this type.

    A state has each value in one form: a colour only in hexadecimal digits, and never as a name.
    """
    found = convert(value, type_)
    if isinstance(found, Parsed) and isinstance(found, str) and found != value:
        raise ValueError(f"a state has it as {format_toml(found)}")


def parse_table(raw: object, type_: type[S], path: Path, problems: list[Problem]) -> S | None:
    """Convert a table to a Struct; on a problem, add it to `problems` and return None."""
    if not isinstance(raw, dict):
        problems.append(Problem(path, f"expected a table, found {format_toml(raw)}"))
        return None
    if raw.keys() <= set(type_.__struct_encode_fields__) and all(
        is_finite(value) or is_array_of_tables(value) for value in raw.values()
    ):
        with suppress(ValueError):  # after an error each key is checked by itself
            return convert(raw, type_)
    before = len(problems)
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    for key in [key for key in raw if key not in fields]:
        added = getattr(type_, "added_keys", ())
        known = [name for name in fields if name not in added]
        problems.append(Problem((*path, key), f"unknown key; {suggest(key, known)}"))
    for key, field in fields.items():
        if key not in raw:
            if field.required:
                problems.append(
                    Problem(path, f"the key {key!r} is missing; it takes {describe_type(field.type)}")
                )
            continue
        if isinstance(raw[key], dict) and (inner := struct_in(field.type)):
            parse_table(raw[key], inner, (*path, key), problems)
            continue
        try:
            if not is_finite(raw[key]) and not is_array_of_tables(raw[key]):
                raise ValueError("not a number")
            msgspec.convert(raw[key], field.type, dec_hook=dec_hook)
        except (msgspec.ValidationError, ValueError):
            text = f"{format_toml(raw[key])} is not allowed; {key} takes {describe_type(field.type)}"
            problems.append(Problem((*path, key), text))
    if len(problems) > before:
        return None
    try:
        return convert(raw, type_)
    except msgspec.ValidationError as error:  # a rule over several keys, from __post_init__
        problems.append(Problem(path, str(error).partition(" - at `")[0]))
        return None


def struct_in(type_: Any) -> type[Struct] | None:
    """Return the Struct that a table becomes for this type, such as `Level | None`; None if there is none."""
    parts = (type_, *get_args(type_))
    return next((part for part in parts if isinstance(part, type) and issubclass(part, Struct)), None)


def is_finite(raw: object) -> bool:
    """Return whether a value is and contains no infinity and no NaN."""
    if isinstance(raw, dict | list):
        return all(map(is_finite, raw.values() if isinstance(raw, dict) else raw))
    return not isinstance(raw, float) or math.isfinite(raw)


def is_array_of_tables(raw: object) -> bool:
    """Return whether a value is an array of tables, each of which is parsed by itself."""
    return isinstance(raw, list) and bool(raw) and all(isinstance(part, dict) for part in raw)


def printable(found: Any) -> Any:
    """Return a text, or a JSON document, without characters that control a terminal."""
    match found:
        case str():
            return found if found.isprintable() else "".join(c if c.isprintable() else " " for c in found)
        case list() | tuple():
            return [printable(part) for part in found]
        case dict():
            return {printable(key): printable(value) for key, value in found.items()}
        case _:
            return found


def format_toml(raw: object, longest: int = 60) -> str:
    """Return a value as TOML writes it, cut to `longest` characters."""
    text = _format(raw)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _format(raw: object) -> str:
    match raw:
        case bool():
            return "true" if raw else "false"
        case str():
            return (
                msgspec.json.encode(str(raw)).decode().replace("\x7f", "\\u007f")
            )  # JSON escapes as TOML does
        case list() | tuple():
            return "[" + ", ".join(map(_format, raw)) + "]"
        case dict() if not raw:
            return "{}"
        case dict():
            return (
                "{ "
                + ", ".join(f"{_format_key(key)} = {_format(value)}" for key, value in raw.items())
                + " }"
            )
        case int():
            return hex(raw) if abs(raw) >= 1 << 64 else str(raw)  # str() refuses thousands of digits
        case _:
            return str(raw)


def _format_key(key: object) -> str:
    return str(key) if re.fullmatch(r"[A-Za-z0-9_-]+", str(key)) else _format(str(key))


def suggest(word: object, allowed: Sequence[str] | dict[str, Any]) -> str:
    """Return which words are allowed, and which one was probably meant."""
    import difflib  # noqa: PLC0415  only a person's mistake needs it

    near = difflib.get_close_matches(str(word), list(allowed), n=1)
    near = near or difflib.get_close_matches(str(word).casefold(), list(allowed), n=1, cutoff=0.8)
    near = near or [known for known in allowed if str(word) and str(word) in known]
    listed = ", ".join(allowed) or "none"
    return (f"did you mean {near[0]!r}? " if near else "") + f"allowed: {listed}"


def describe_type(type_: object) -> str:
    """Return in words which values a type allows."""
    from msgspec import inspect  # noqa: PLC0415  only a person's mistake and the catalogue need it

    return _describe(inspect.type_info(type_))


def _describe(info: Any) -> str:
    from msgspec import inspect  # noqa: PLC0415

    match info:
        case inspect.UnionType():
            return " or ".join(_describe(part) for part in info.types if type(part) is not inspect.NoneType)
        case inspect.Metadata():
            return _describe(info.type)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            noun = "a whole number" if isinstance(info, inspect.IntType) else "a number"
            low = info.ge if info.ge is not None else info.gt
            high = info.le if info.le is not None else info.lt
            bounds = (f" from {low:g}" if low is not None else "") + (
                f" to {high:g}" if high is not None else ""
            )
            return noun + bounds
        case inspect.StrType():
            return (
                "text"
                if info.max_length is None
                else f"text of {info.min_length or 0} to {info.max_length} characters"
            )
        case inspect.LiteralType():
            return "one of " + ", ".join(format_toml(value) for value in info.values)
        case inspect.CustomType():
            return str(getattr(info.cls, "allowed", info.cls.__name__))
        case inspect.TupleType():
            places = ", ".join(("first", "second", "third", "fourth")[: len(info.item_types)])
            return f"[{places}], each {_describe(info.item_types[0])}"
        case inspect.VarTupleType(item_type=inspect.DictType()):
            return "tables, each with a header [[...]]"
        case inspect.VarTupleType(item_type=inspect.StructType(fields=fields)):
            described = (f"{field.encode_name} ({_describe(field.type)})" for field in fields)
            return "a list of tables, each with " + ", ".join(described)
        case inspect.VarTupleType() | inspect.ListType():
            return "a list, each " + _describe(info.item_type)
        case inspect.StructType():
            return "a table with " + ", ".join(
                f.encode_name + ("" if f.required else " (optional)") for f in info.fields
            )
        case inspect.DictType(value_type=inspect.FloatType(ge=float() | int())):
            return "a table, each value " + _describe(info.value_type)
        case _:
            return "a table"
