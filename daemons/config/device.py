"""One device of the configuration: checks its table and converts it to typed values."""

from contextlib import suppress
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from daemons.config import loader
from daemons.config.roster import default_title
from daemons.config.rule import Condition, Rule
from daemons.config.tables import Common
from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Kind, Machine
from daemons.values import Path as Where
from daemons.values import Problem, describe_type, format_toml, is_array_of_tables, parse_table, suggest


class Device(Struct, frozen=True, kw_only=True):
    """One table [devices.NAME], with the classes of its kind and driver, and typed values."""

    name: str
    title: str
    room: str
    kind: type[Kind]
    options: Any
    driver: type[Driver[Any]] | None
    driver_options: Any
    grace_seconds: float
    restore: Literal["last", "off", "on"]
    host: str | None
    rules: tuple[Rule, ...]

    @property
    def subscriptions(self) -> frozenset[str]:
        """Return the devices to which this device subscribes: those of its rules, and its sources."""
        found = set(self.kind.sources(self.options)).union(*(rule.subscriptions for rule in self.rules))
        return frozenset(found - {self.name})

    @property
    def uses_sun(self) -> bool:
        """Whether one of its rules uses the times of the sun."""
        return any(rule.uses_sun for rule in self.rules)


def build(name: str, table: Any, where: Where, problems: list[Problem]) -> Device | None:
    """Return the device of a table, or None after problems that leave it unusable.

    Each problem is added to `problems`. `where` is the path of the table in the file.
    """
    if not isinstance(table, dict):
        problems.append(Problem(where, f"expected a table, found {format_toml(table)}"))
        return None
    known = set(Common.__struct_encode_fields__)
    word = table.get("driver")
    own = {key: value for key, value in table.items() if key not in known and key != word}
    common = parse_table({key: table[key] for key in known & table.keys()}, Common, where, problems)
    kind = _class("kinds", table.get("kind"), (*where, "kind"), problems)
    if kind is None:
        return None
    driver = driver_options = None
    if kind.role == "device":
        word = word or kind.default_driver
        if word is None:
            listed = ", ".join(loader.available("drivers"))
            problems.append(Problem(where, f"the key 'driver' is missing; allowed: {listed}"))
        else:
            driver = _class("drivers", word, (*where, "driver"), problems)
        if driver is not None:
            driver_options = parse_table(
                table.get(word, {}), driver.options_type, (*where, str(word)), problems
            )
    else:
        for key in [key for key in ("driver", "grace", "restore", "when") if key in table]:
            text = f"a {table['kind']} drives no hardware and has no rules; it takes no {key}"
            problems.append(Problem((*where, key), text))
    options = _options(own, kind, where, problems, {*known, str(word)} if driver else known)
    if driver and issubclass(kind, Machine) and not kind.needs:
        for key in [key for key in ("driver", "restore") if key in table and driver.runs_here]:
            problems.append(Problem((*where, key), f"a {table['kind']} has no hardware; it takes no {key}"))
    elif driver and issubclass(kind, Machine) and not kind.needs & driver.abilities:
        can = ", ".join(sorted(kind.needs))
        text = f"the driver {format_toml(word)} cannot {can}, which a {table['kind']} needs"
        text += f"; allowed: {able(kind)}"
        problems.append(Problem((*where, "driver"), text))
    if driver and not driver.runs_here:
        for key in [key for key in ("grace", "restore", "when") if key in table]:
            text = f"your own program runs it; with driver = {format_toml(word)} it takes no {key}"
            problems.append(Problem((*where, key), text))
    if common and common.restore == "on" and getattr(options, "max_on_seconds", None) is not None:
        text = 'a restart never switches on a heating device; allowed: "last" or "off"'
        problems.append(Problem((*where, "restore"), text))
    rules = _rules(common.when if common else (), kind, where, problems)
    if common is None or options is None or (driver is None) != (kind.role != "device"):
        return None
    return Device(
        name=name,
        title=common.name or default_title(name),
        room=common.room,
        kind=kind,
        options=options,
        driver=driver,
        driver_options=driver_options,
        grace_seconds=common.grace_seconds,
        restore=common.restore,
        host=common.host,
        rules=rules,
    )


def able(kind: type[Machine[Any, Any]]) -> str:
    """Return the words of the loadable drivers that a kind can use, joined by commas."""
    found = []
    for word in loader.available("drivers"):
        with suppress(HouseError):
            if kind.needs & loader.driver(word).abilities:
                found.append(word)
    return ", ".join(found)


def _class(folder: str, word: Any, where: Where, problems: list[Problem]) -> Any:
    """Return the class of a word, or add a problem; the caller reports a missing word."""
    if not isinstance(word, str):
        return None
    try:
        return loader.kind(word) if folder == "kinds" else loader.driver(word)
    except HouseError as error:
        words = loader.available(folder)
        problems.append(
            Problem(where, f"{format_toml(word)}: {error if word in words else suggest(word, words)}")
        )
        return None


def _options(
    own: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem], more: set[str]
) -> Any:
    """Return the options of the kind, or None after a problem.

    For an unknown key, the problem lists the keys of the kind and the keys in `more`.
    """
    allowed = set(kind.options_type.__struct_encode_fields__)
    before = len(problems)
    for key in [key for key in own if key not in allowed | kind.derived_options]:
        known = sorted((allowed | more) - kind.derived_options)
        problems.append(Problem((*where, key), f"unknown key; {suggest(key, known)}"))
    options = parse_table({key: own[key] for key in own.keys() & allowed}, kind.options_type, where, problems)
    return options if len(problems) == before else None


def _rules(raw: Any, kind: type[Kind], where: Where, problems: list[Problem]) -> tuple[Rule, ...]:
    """Return the rules; check their actions against the commands of the kind."""
    rules = []
    commands = {command.__name__.lower(): command for command in kind.commands}
    for index, table in enumerate(raw):
        here = (*where, "when", index)
        conditions = table.get("only_if")
        before = len(problems)
        if is_array_of_tables(conditions):  # each is parsed separately, so that a problem contains its number
            for number, condition in enumerate(conditions):
                parse_table(condition, Condition, (*here, "only_if", number), problems)
            if len(problems) > before:
                table = {key: value for key, value in table.items() if key != "only_if"}  # noqa: PLW2901
        rule = parse_table(table, Rule, here, problems)
        if rule is None:
            continue
        if rule.do not in commands:
            problems.append(Problem((*here, "do"), f"{format_toml(rule.do)}: {suggest(rule.do, commands)}"))
        else:
            parse_table(rule.with_, commands[rule.do], (*here, "with"), problems)
        rules.append(rule)
    return tuple(rules)


def check_turns(turns: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check the fields and values of `turns` or `is` against the state of a kind."""
    fields = {name: type_ for name, type_ in kind.fields().items() if name not in kind.measurements()}
    for key, value in turns.items():
        if key in kind.measurements():
            text = f"is a measurement and has no change to wait for; allowed: {', '.join(sorted(fields))}"
            text += "; use above or below for a measurement"
            problems.append(Problem((*where, key), text))
            continue
        if key not in fields:
            problems.append(Problem((*where, key), f"unknown field; {suggest(key, fields)}"))
            continue
        try:
            msgspec.convert(value, fields[key])
        except msgspec.ValidationError:
            text = f"{format_toml(value)} is not a value of {key}; allowed: {describe_type(fields[key])}"
            problems.append(Problem((*where, key), text))


def check_limit(limit: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check that the field of `above` or `below` is a number."""
    fields = {name: type_ for name, type_ in kind.fields().items() if is_number(type_)}
    for key in [key for key in limit if key not in fields]:
        text = (
            f"is not a number; allowed: {', '.join(fields) or 'none'}"
            if key in kind.fields()
            else f"unknown field; {suggest(key, fields)}"
        )
        problems.append(Problem((*where, key), text))


def is_number(type_: Any) -> bool:
    """Return whether the type of a field is a number, or a number or None."""
    parts = get_args(type_) if get_origin(type_) is UnionType else (type_,)
    return any(part in (int, float) for part in parts)
