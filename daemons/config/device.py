"""What a configuration says, typed and frozen; and the slice of it that one process gets.

A device process never sees the file that a person edits: it reads its slice, which was
checked as a whole before, so a half-edited file cannot reach a device that happens to restart.
"""

from contextlib import suppress
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from daemons.config import loader
from daemons.config.roster import default_title
from daemons.config.rule import Condition, When
from daemons.config.tables import Common
from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Kind, Machine
from daemons.values import Path as Where
from daemons.values import Problem, choose, describe, is_tables, read, show


class Device(Struct, frozen=True, kw_only=True):
    """One table [devices.NAME]: its words turned into classes, its values typed."""

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
    rules: tuple[When, ...]

    @property
    def hears(self) -> frozenset[str]:
        """Name the devices that it listens to: those of its rules, and its sources."""
        heard = self.kind.sources(self.options).keys() | set().union(*(rule.hears for rule in self.rules))
        return frozenset(heard - {self.name})

    @property
    def by_sun(self) -> bool:
        """Whether one of its rules goes by the sun."""
        return any(rule.by_sun for rule in self.rules)


def build(name: str, table: Any, where: Where, problems: list[Problem]) -> Device | None:
    """Turn one device's table into a Device; what is wrong is added to `problems`."""
    if not isinstance(table, dict):
        problems.append(Problem(where, f"{show(table)} stands where a table is needed"))
        return None
    known = set(Common.__struct_encode_fields__)
    word = table.get("driver")
    own = {key: value for key, value in table.items() if key not in known and key != word}
    common = read({key: table[key] for key in known & table.keys()}, Common, where, problems)
    kind = _class("kinds", table.get("kind"), (*where, "kind"), problems)
    if kind is None:
        return None
    driver = driver_options = None
    if kind.role == "device":
        if word is None:
            listed = ", ".join(loader.words("drivers"))
            problems.append(Problem(where, f"the key 'driver' is missing; allowed: {listed}"))
        else:
            driver = _class("drivers", word, (*where, "driver"), problems)
        if driver is not None:
            driver_options = read(table.get(word, {}), driver.options_type, (*where, str(word)), problems)
    else:
        for key in [key for key in ("driver", "grace", "restore", "when") if key in table]:
            text = f"a {table['kind']} drives no hardware and follows no rules; it takes no {key}"
            problems.append(Problem((*where, key), text))
    options = _options(own, kind, where, problems, {*known, str(word)} if driver else known)
    if driver and issubclass(kind, Machine) and not kind.needs & driver.abilities:
        can = ", ".join(sorted(kind.needs))
        text = f"the driver {show(word)} cannot {can}, which a {table['kind']} needs; allowed: {able(kind)}"
        problems.append(Problem((*where, "driver"), text))
    if driver and not driver.runs_here:
        for key in [key for key in ("grace", "restore", "when") if key in table]:
            text = f"its own program decides for it; with driver = {show(word)} it takes no {key}"
            problems.append(Problem((*where, key), text))
    if common and common.restore == "on" and getattr(options, "max_on_seconds", None) is not None:
        text = 'what heats is never switched on by a restart; allowed: "last" or "off"'
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
    """Name the drivers that can do what a kind needs, of those that can be loaded."""
    found = []
    for word in loader.words("drivers"):
        with suppress(HouseError):
            if kind.needs & loader.driver(word).abilities:
                found.append(word)
    return ", ".join(found)


def _class(folder: str, word: Any, where: Where, problems: list[Problem]) -> Any:
    """Load the class of a word, or add the problem; a missing word is the caller's."""
    if not isinstance(word, str):
        return None
    try:
        return loader.kind(word) if folder == "kinds" else loader.driver(word)
    except HouseError as error:
        words = loader.words(folder)
        problems.append(Problem(where, f"{show(word)}: {error if word in words else choose(word, words)}"))
        return None


def _options(
    own: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem], more: set[str]
) -> Any:
    """Read the keys that belong to the kind; an unknown one is told with all that there are."""
    allowed = set(kind.options_type.__struct_encode_fields__)
    before = len(problems)
    for key in [key for key in own if key not in allowed]:
        problems.append(Problem((*where, key), f"unknown key; {choose(key, sorted(allowed | more))}"))
    options = read({key: own[key] for key in own.keys() & allowed}, kind.options_type, where, problems)
    return options if len(problems) == before else None


def _rules(raw: Any, kind: type[Kind], where: Where, problems: list[Problem]) -> tuple[When, ...]:
    """Read the rules, and check what they do against the kind's commands."""
    rules = []
    commands = {command.__name__.lower(): command for command in kind.commands}
    for index, table in enumerate(raw):
        here = (*where, "when", index)
        conditions = table.get("only_if")
        before = len(problems)
        if is_tables(conditions):  # each by itself, for a problem to name it
            for number, condition in enumerate(conditions):
                read(condition, Condition, (*here, "only_if", number), problems)
            if len(problems) > before:
                table = {key: value for key, value in table.items() if key != "only_if"}  # noqa: PLW2901
        rule = read(table, When, here, problems)
        if rule is None:
            continue
        if rule.do not in commands:
            problems.append(Problem((*here, "do"), f"{show(rule.do)}: {choose(rule.do, commands)}"))
        else:
            read(rule.with_, commands[rule.do], (*here, "with"), problems)
        rules.append(rule)
    return tuple(rules)


def check_turns(turns: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check what a rule waits for, or goes by, against what the device it hears can show."""
    fields = {name: type_ for name, type_ in kind.fields().items() if name not in kind.measurements()}
    for key, value in turns.items():
        if key in kind.measurements():
            text = f"is measured, and does not turn to anything; allowed: {', '.join(sorted(fields))}"
            text += "; above and below go by what is measured"
            problems.append(Problem((*where, key), text))
            continue
        if key not in fields:
            problems.append(Problem((*where, key), f"unknown field; {choose(key, fields)}"))
            continue
        try:
            msgspec.convert(value, fields[key])
        except msgspec.ValidationError:
            text = f"{show(value)} is not what {key} can be: {describe(fields[key])}"
            problems.append(Problem((*where, key), text))


def check_limit(limit: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check that the device shows a number there."""
    fields = {name: type_ for name, type_ in kind.fields().items() if is_number(type_)}
    for key in [key for key in limit if key not in fields]:
        text = (
            f"is no number; allowed: {', '.join(fields) or 'none'}"
            if key in kind.fields()
            else f"unknown field; {choose(key, fields)}"
        )
        problems.append(Problem((*where, key), text))


def is_number(type_: Any) -> bool:
    """Tell whether a field is a number, or one where it is known."""
    parts = get_args(type_) if get_origin(type_) is UnionType else (type_,)
    return any(part in (int, float) for part in parts)
