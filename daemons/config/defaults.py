"""The table [defaults]: keys that every device of a kind has, and options that every use of a driver has.

A device's own table overrides a default, key by key.
"""

from collections.abc import Mapping
from typing import Any

from daemons.config import loader
from daemons.config.device import build
from daemons.config.tables import FOREIGN, Common
from daemons.errors import HouseError
from daemons.values import Path as Where
from daemons.values import Problem, format_toml, parse_table, suggest

GROUPS = ("kinds", "drivers")
OWN = ("kind", "name", "when")
"""The keys of a device that are different for each device, so that they have no default."""
NOT_FOREIGN = ("grace", "restore", "off_after")
"""The keys that a device with a program of your own does not take."""
Inherited = Mapping[Where, Where]
"""The keys of a device that are defaults: the path in its table, and the path of the default."""


def with_defaults(table: Any, defaults: Any) -> tuple[Any, Inherited]:
    """Return the table of a device with its defaults, and which of its keys are defaults.

    A default of the wrong type is ignored; `check_defaults` reports it.
    """
    inherited: dict[Where, Where] = {}
    if not isinstance(table, dict):
        return table, inherited
    found = dict(table)
    for key, value in table_of(defaults, "kinds", table.get("kind")).items():
        if key not in found and key not in OWN:
            found[key] = value
            inherited[key,] = ("defaults", "kinds", table["kind"], key)
    word: Any = found.get("driver")
    for key in NOT_FOREIGN if word == FOREIGN else ():
        if inherited.pop((key,), None):
            del found[key]
    options = table_of(defaults, "drivers", word)
    if options and isinstance(own := found.get(word, {}), dict):
        found[word] = options | own
        inherited |= {(word, key): ("defaults", "drivers", word, key) for key in options if key not in own}
    return found, inherited


def table_of(defaults: Any, name: str, word: Any) -> dict[str, Any]:
    """Return the defaults of a kind or a driver; none if the word or the table is of the wrong type."""
    found = group(defaults, name).get(word) if isinstance(word, str) else None
    return found if isinstance(found, dict) else {}


def group(defaults: Any, name: str) -> dict[str, Any]:
    """Return the tables of [defaults.kinds] or [defaults.drivers]; none if they are no tables."""
    found = defaults.get(name) if isinstance(defaults, dict) else None
    return found if isinstance(found, dict) else {}


def check_defaults(defaults: Any, problems: list[Problem]) -> None:
    """Check each default by itself; a key that only some devices need may be missing."""
    if not isinstance(defaults, dict):
        text = f"expected tables [defaults.kinds.KIND], found {format_toml(defaults)}"
        problems.append(Problem(("defaults",), text))
        return
    for key, tables in defaults.items():
        if key not in GROUPS:
            problems.append(Problem(("defaults", key), f"unknown table; {suggest(key, GROUPS)}"))
        elif not isinstance(tables, dict):
            text = f"expected tables [defaults.{key}.NAME], found {format_toml(tables)}"
            problems.append(Problem(("defaults", key), text))
        for word, table in group(defaults, key).items() if key in GROUPS else ():
            where: Where = ("defaults", key, word)
            words = loader.words(key)
            if word not in words:
                problems.append(Problem(where, f"{format_toml(word)}: {suggest(word, words)}"))
            elif not isinstance(table, dict):
                problems.append(Problem(where, f"expected a table, found {format_toml(table)}"))
            else:
                check = _check_kind if key == "kinds" else _check_driver
                check(word, table, where, problems)


def _check_kind(word: str, table: dict[str, Any], where: Where, problems: list[Problem]) -> None:
    """Check the defaults of a kind like a device, but for problems of the whole table: a device has those."""
    drivers = loader.words("drivers")
    for key in table:
        if key in OWN:
            problems.append(Problem((*where, key), "has no default; each device has its own"))
        elif key in drivers:
            text = f"the options of a driver belong into [defaults.drivers.{key}]"
            problems.append(Problem((*where, key), text))
    found: list[Problem] = []
    plain = {key: value for key, value in table.items() if key not in OWN and key not in drivers}
    build(word, {"kind": word, **plain}, where, found)
    for problem in found:
        if problem.path == (*where, "kind"):
            problems.append(Problem(where, problem.text))
        elif len(problem.path) > len(where) and problem.path[len(where)] in plain:
            problems.append(problem)


def _check_driver(word: str, table: dict[str, Any], where: Where, problems: list[Problem]) -> None:
    """Check the defaults of a driver; a missing option is the problem of the device that lacks it."""
    try:
        options_type = loader.driver(word).options_type
    except HouseError as error:
        problems.append(Problem(where, f"{format_toml(word)}: {error}"))
        return
    found: list[Problem] = []
    parse_table(table, options_type, where, found)
    problems += [problem for problem in found if len(problem.path) > len(where)]


def blame(problem: Problem, table: Any, inherited: Inherited) -> Problem:
    """Return a problem of a device's whole table, or of its driver's, at the default that causes it.

    A default causes it if the problem remains when the device has no own key but the required ones.
    """
    rest = problem.path[2:]
    if not isinstance(table, dict) or len(rest) > 1:
        return problem
    defaults = {str(path[-1]): default for path, default in inherited.items() if path[:-1] == rest}
    if not defaults:
        return problem
    types: list[Any] = [Common]
    if rest:
        types, table = [loader.driver(str(rest[0])).options_type], table[rest[0]]
    elif kind := loader.kind_or_none(table.get("kind")):
        types.append(kind.options_type)
    for type_ in types:
        required = {name for name in required_keys(type_) if name in table}
        for keys in [*({key} for key in defaults), set(defaults)]:
            part = {key: table[key] for key in required | keys if key in type_.__struct_encode_fields__}
            found: list[Problem] = []
            parse_table(part, type_, (), found)
            if keys & part.keys() and Problem((), problem.text) in found:
                first = defaults[min(keys)]
                return Problem(first if len(keys) == 1 else first[:-1], problem.text)
    return problem


def required_keys(type_: Any) -> set[str]:
    """Return the keys without which a Struct cannot be made."""
    from msgspec import structs  # noqa: PLC0415  only a person's mistake needs it

    return {field.encode_name for field in structs.fields(type_) if field.required}
