"""The commonest values of a device as a form: its fields, and its changes in the text; comments stay."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import tomli
import tomlkit
from msgspec import NODEFAULT, Struct, inspect, structs
from tomlkit.exceptions import TOMLKitError

from daemons.bus.message import Scalar
from daemons.config.rule import Rule
from daemons.config.tables import Common
from daemons.editing.documents import FormField
from daemons.editing.locked import kind_options, locked_keys
from daemons.editing.requests import FormValue
from daemons.errors import HouseError
from daemons.values import Seconds, TimeOfDay, describe_type, format_seconds, format_toml

DEVICE_KEYS = ("name", "room", "grace", "restore", "off_after")
RULE_KEYS = ("at", "for", "delay", "cooldown")
Takes = Literal["text", "number", "switch", "choice", "time", "duration"]
Table = dict[str, Any]


class FormError(HouseError, ValueError):
    """A change of a form that is not possible; the text says why."""


def form_fields(name: str, table: Table) -> tuple[FormField, ...]:
    """Return the fields of a device, from its table with its defaults."""
    locked = {*locked_keys(name, table)}
    return tuple(field for field in _fields(table) if field.key not in locked)


def _fields(table: Table) -> Iterator[FormField]:
    yield from _struct_fields("", Common, table, "device", DEVICE_KEYS)
    options = kind_options(table)
    for field in structs.fields(options) if options else ():
        entry = entry_type(field.type)
        value = table.get(field.encode_name)
        if entry is None:
            yield from _struct_fields("", options, table, "kind", (field.encode_name,))
        for number, one in enumerate(value if entry and isinstance(value, list) else ()):
            if isinstance(one, dict):
                yield from _struct_fields(f"{field.encode_name}.{number}.", entry, one, "kind", tuple(one))
    rules = table.get("when")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            keys = tuple(key for key in RULE_KEYS if key in rule)
            yield from _struct_fields(f"when.{number}.", Rule, rule, "rule", keys, number + 1)


def _struct_fields(
    prefix: str,
    type_: Any,
    table: Table,
    group: Literal["device", "kind", "rule"],
    keys: tuple[str, ...],
    rule: int | None = None,
) -> Iterator[FormField]:
    """Yield the fields of these keys whose values a form can show."""
    by_key = {field.encode_name: field for field in structs.fields(type_)}
    for key in keys:
        field = by_key.get(key)
        found = takes_of(field.type) if field else None
        if field is None or found is None:
            continue
        takes, choices = found
        default = None if field.default is NODEFAULT else written(field.default)
        value = table.get(key, default)
        if not isinstance(value, str | int | float | bool | None):
            continue
        yield FormField(
            key=prefix + key,
            takes=takes,
            value=value,
            is_set=key in table,
            allowed=describe_type(field.type),
            choices=choices,
            group=group,
            rule=rule,
        )


def takes_of(type_: Any) -> tuple[Takes, tuple[Scalar, ...] | None] | None:
    """Return which input a type needs, and its choices; None for a type that is no single value."""
    return _takes(inspect.type_info(type_))


def _takes(info: Any) -> tuple[Takes, tuple[Scalar, ...] | None] | None:
    match info:
        case inspect.Metadata():
            return _takes(info.type)
        case inspect.UnionType():
            parts = [part for part in info.types if not isinstance(part, inspect.NoneType)]
            return _takes(parts[0]) if len(parts) == 1 else None
        case inspect.BoolType():
            return "switch", None
        case inspect.IntType() | inspect.FloatType():
            return "number", None
        case inspect.LiteralType():
            return "choice", info.values
        case inspect.StrType():
            return "text", None
        case inspect.CustomType() if issubclass(info.cls, Seconds):
            return "duration", None
        case inspect.CustomType() if issubclass(info.cls, TimeOfDay):
            return "time", None
        case _:
            return None


def entry_type(type_: Any) -> type[Struct] | None:
    """Return the type of the entries, if values of a type are lists of tables."""
    info = inspect.type_info(type_)
    while isinstance(info, inspect.Metadata):
        info = info.type
    item = getattr(info, "item_type", None)
    if isinstance(info, inspect.VarTupleType) and isinstance(item, inspect.StructType):
        return item.cls
    return None


def written(value: Any) -> Any:
    """Return a default as a person writes it."""
    return format_seconds(value) if isinstance(value, Seconds) else value


def table_of(text: str, name: str) -> Table:
    """Return the table of a device in its text; raises FormError if the text has none."""
    try:
        table = tomli.loads(text)["devices"][name]
    except (RecursionError, LookupError, TypeError, ValueError):
        table = None
    if not isinstance(table, dict):
        raise FormError("this text is no table of this device; mend it as text first")
    return table


def with_changes(
    text: str, name: str, fields: tuple[FormField, ...], changes: Mapping[str, FormValue]
) -> str:
    """Return the text of a device with changed values; None removes a key.

    Raises FormError for a key that the form does not have, or a value that it does not take.
    """
    known = {field.key: field for field in fields}
    try:
        document = tomlkit.parse(text)
        expected = tomli.loads(text)
        for key, value in changes.items():
            field = known.get(key)
            if field is None:
                raise FormError(f"{key[:60]!r} is no value of the form of {name}")
            if value is not None:
                check_value(field, value)
            for root in (document, expected):
                set_value(root["devices"][name], key.split("."), value)
        changed = tomlkit.dumps(document)
        if tomli.loads(changed) != expected:
            raise FormError("this text cannot be changed by a form; edit it as text")
    except (TOMLKitError, tomli.TOMLDecodeError, LookupError, TypeError, AttributeError) as error:
        raise FormError("this text cannot be changed by a form; edit it as text") from error
    return changed


def check_value(field: FormField, value: FormValue) -> None:
    """Refuse a value of another type than the field takes; its range is checked with the whole table."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    expected = {
        "switch": isinstance(value, bool),
        "number": is_number,
        "choice": value in (field.choices or ()),
    }.get(field.takes, isinstance(value, str))
    if not expected:
        raise FormError(f"{field.key}: {format_toml(value)} is not allowed; allowed: {field.allowed}")
    try:
        if field.takes == "time":
            TimeOfDay.parse(value)
        elif field.takes == "duration":
            Seconds.parse(value)
    except ValueError as error:
        text = f"{field.key}: {format_toml(value)} is not allowed; allowed: {error}"
        raise FormError(text) from error


def set_value(table: Any, path: list[str], value: FormValue) -> None:
    """Set a value in a table, or remove its key."""
    for part in path[:-1]:
        table = table[int(part) if part.isdecimal() else part]
    if value is not None:
        table[path[-1]] = value
    elif path[-1] in table:
        del table[path[-1]]
