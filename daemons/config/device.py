"""One device of the configuration: checks its table and converts it to typed values."""

from collections.abc import Mapping
from contextlib import suppress
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemons.config import loader
from daemons.config.ability import abilities, lacking
from daemons.config.roster import default_title
from daemons.config.rule import CONDITION_KEYS, Condition, Rule, Turn
from daemons.config.tables import Common
from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Ability, Control, Kind, Machine
from daemons.values import Path as Where
from daemons.values import (
    Problem,
    check_published,
    describe_type,
    format_toml,
    is_array_of_tables,
    parse_table,
    suggest,
)


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
    off_after_seconds: float | None
    """How long after each switching on the device goes off by itself; None: it stays on."""
    host: str | None
    hide: bool
    """Whether the first view of the page leaves it out."""
    favourite: bool
    """Whether the first view of the page shows it before the rooms."""
    rules: tuple[Rule, ...]
    circular_rules: frozenset[int] = frozenset()
    """The indices of those rules that are in a circle of devices that follow each other."""

    @property
    def subscriptions(self) -> frozenset[str]:
        """Return the devices to which this device subscribes: those of its rules, and its sources."""
        found = set(self.kind.sources(self.options)).union(*(rule.subscriptions for rule in self.rules))
        return frozenset(found - {self.name})

    @property
    def measurements(self) -> set[tuple[str, str]]:
        """The measurements by which its rules and its kind go, each as a device and a field."""
        found = set(self.kind.sources(self.options).items())
        found |= {(rule.device, rule.limit[0]) for rule in self.rules if rule.device and rule.limit}
        conditions = [condition for rule in self.rules for _, condition in rule.conditions()]
        limits = [(one.device, one.above or one.below) for one in conditions]
        return found | {(device, name) for device, limit in limits for name in limit or ()}

    @property
    def reporters(self) -> frozenset[str]:
        """Return the processes whose reports about other processes it needs."""
        of_kind = self.kind.reporters(self.options)
        return frozenset(of_kind).union(name for rule in self.rules for name in rule.reporters)

    @property
    def uses_clock(self) -> bool:
        """Whether its kind or one of its rules uses the wall clock."""
        if any(rule.uses_clock for rule in self.rules) or self.kind.timetable(self.options):
            return True
        return self.kind.uses_clock

    @property
    def uses_holidays(self) -> bool:
        """Whether one of its rules uses the holidays."""
        return any(rule.uses_holidays for rule in self.rules)

    @property
    def uses_sun(self) -> bool:
        """Whether one of its rules, or its timetable, uses the times of the sun."""
        entries = self.kind.timetable(self.options)
        return any(rule.uses_sun for rule in self.rules) or any(entry.at.sun for entry in entries)


def build(name: str, table: Any, where: Where, problems: list[Problem]) -> Device | None:
    """Return the device of a table, or None after problems that leave it unusable.

    Each problem is added to `problems`. `where` is the path of the table in the file.
    """
    if not isinstance(table, dict):
        problems.append(Problem(where, f"expected a table, found {format_toml(table)}"))
        return None
    table = with_lifted_keys(table, where, problems)
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
            listed = ", ".join(loader.words("drivers"))
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
    elif driver and issubclass(kind, Machine) and not kind.needs & abilities(driver, driver_options):
        can = ", ".join(sorted(kind.needs))
        text = f"the driver {format_toml(word)} cannot {can}, which a {table['kind']} needs"
        if kind.needs & driver.abilities:
            text += "; it can with other options: see `house drivers`"
            text += f"; with these, its kind may be {usable(abilities(driver, driver_options))}"
        else:
            text += f"; allowed: {able(kind)}"
        problems.append(Problem((*where, "driver"), text))
    if driver and not driver.runs_here:
        for key in [key for key in ("grace", "restore", "off_after", "when") if key in table]:
            text = f"your own program runs it; with driver = {format_toml(word)} it takes no {key}"
            problems.append(Problem((*where, key), text))
    if common and common.restore == "on" and getattr(options, "max_on_seconds", None) is not None:
        text = 'a restart never switches on a heating device; allowed: "last" or "off"'
        problems.append(Problem((*where, "restore"), text))
    if common and common.off_after_seconds and not switches(kind):
        text = f"a {table['kind']} takes no off_after; only hardware that the commands on and off switch does"
        problems.append(Problem((*where, "off_after"), text))
    lacks = lacking(kind, driver, driver_options)
    problems += [Problem((*where, key), lacks[key]) for key in own if key in lacks]
    # For a kind with members, their check refuses a value that they do not accept.
    control = None if options is None or kind.derived_options else kind.control(options)
    rules = _rules(common.when if common else (), kind, lacks, control, where, problems)
    rules = tuple(replace(rule, random_key=name) if rule.random_offset else rule for rule in rules)
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
        off_after_seconds=common.off_after_seconds,
        host=common.host,
        hide=common.hide,
        favourite=common.favourite,
        rules=rules,
    )


def with_lifted_keys(table: dict[str, Any], where: Where, problems: list[Problem]) -> dict[str, Any]:
    """Return a table with the keys of the device that stand below one of its rules; each is a problem.

    Below a header [[devices.NAME.when]], TOML reads every key as one of the rule.
    """
    rules: Any = table.get("when")
    if not is_array_of_tables(rules):
        return table
    lifted: dict[str, Any] = {}
    for index, rule in enumerate(rules):
        for key in rule.keys() - set(Rule.__struct_encode_fields__):
            if is_key_of_device(key, {**rule, **table}):
                header = f"[[{'.'.join(map(str, where))}.when]]"
                text = f"this is a key of the device; write it above its first {header}"
                problems.append(Problem((*where, "when", index, key), text))
                lifted.setdefault(key, rule[key])
    if not lifted:
        return table
    kept = [{key: value for key, value in rule.items() if key not in lifted} for rule in rules]
    return {**lifted, **table, "when": kept}


def is_key_of_device(key: str, table: dict[str, Any]) -> bool:
    """Return whether a key is one of a device: of every device, of its kind or of its driver."""
    kind = loader.kind_or_none(table.get("kind"))
    options = kind.options_type.__struct_encode_fields__ if kind else ()
    return key in Common.__struct_encode_fields__ or key in options or key == table.get("driver")


def switches(kind: type[Kind]) -> bool:
    """Return whether commands switch the hardware of a kind on and off, and it stays like that."""
    is_driving = issubclass(kind, Machine) and kind.drives
    return is_driving and all(kind.effect_of(word).get("status") is (word == "on") for word in ("on", "off"))


def able(kind: type[Machine[Any, Any]]) -> str:
    """Return the words of the loadable drivers that a kind can use, joined by commas."""
    found = []
    for word in loader.words("drivers"):
        with suppress(HouseError):
            if kind.needs & loader.driver(word).abilities:
                found.append(word)
    return ", ".join(found)


def usable(can: frozenset[Ability]) -> str:
    """Return the words of the loadable kinds that hardware with these abilities can be, joined by commas."""
    kinds = {word: loader.kind_or_none(word) for word in loader.words("kinds")}
    return ", ".join(
        word for word, kind in kinds.items() if kind and issubclass(kind, Machine) and kind.needs & can
    )


def _class(folder: str, word: Any, where: Where, problems: list[Problem]) -> Any:
    """Return the class of a word, or add a problem; the caller reports a missing word."""
    if not isinstance(word, str):
        return None
    try:
        return loader.kind(word) if folder == "kinds" else loader.driver(word)
    except HouseError as error:
        words = loader.words(folder)
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
    known_problems = len(problems)
    for field in msgspec.structs.fields(kind.options_type):
        raw: Any = own.get(field.encode_name)
        if is_array_of_tables(raw) and (type_ := struct_type(field.type)):
            for number, table in enumerate(raw):  # each alone, so that a problem contains its number
                parse_table(table, type_, (*where, field.encode_name, number), problems)
    if len(problems) > known_problems:
        return None
    options = parse_table({key: own[key] for key in own.keys() & allowed}, kind.options_type, where, problems)
    return options if len(problems) == before else None


def struct_type(type_: Any) -> type[Struct] | None:
    """Return the type of the tables in an option that is a list of tables; None for any other option."""
    found = next((part for part in get_args(type_) if get_origin(part) is tuple), type_)
    item = next(iter(get_args(found)), None)
    return item if isinstance(item, type) and issubclass(item, Struct) else None


def _rules(
    raw: Any,
    kind: type[Kind],
    lacks: Mapping[str, str],
    control: Control | None,
    where: Where,
    problems: list[Problem],
) -> tuple[Rule, ...]:
    """Return the rules; check their actions against the commands and the control of the kind.

    `lacks` has the commands, arguments and fields that the driver cannot carry out, each with the reason.
    """
    rules = []
    commands = {command.__name__.lower(): command for command in kind.commands}
    for index, table in enumerate(raw):
        here = (*where, "when", index)
        for key in CONDITION_KEYS:
            conditions = table.get(key)
            known = len(problems)
            if conditions == []:
                problems.append(Problem((*here, key), f"{key} has no condition; leave it out, or write one"))
            elif not is_array_of_tables(conditions):
                continue
            for number, condition in enumerate(conditions):  # so that a problem contains its number
                parse_table(condition, Condition, (*here, key, number), problems)
            if len(problems) > known:
                table = {name: value for name, value in table.items() if name != key}  # noqa: PLW2901
        turns, known = table.get("turns"), len(problems)
        for name, value in turns.items() if isinstance(turns, dict) else ():
            if isinstance(value, dict):
                parse_table(value, Turn, (*here, "turns", name), problems)
        has_trigger = len(problems) == known and ("all" in table or "all" not in raw[index])
        rule = parse_table(table, Rule, here, problems) if has_trigger else None
        if rule is None:
            continue
        if rule.follow:
            problems += [Problem((*here, "follow"), text) for text in follow_problems(rule.follow, kind)]
            problems += [Problem((*here, "follow"), lacks[name]) for name in rule.follow if name in lacks]
        elif rule.do not in commands:
            problems.append(Problem((*here, "do"), f"{format_toml(rule.do)}: {suggest(rule.do, commands)}"))
        else:
            if rule.command_from is None:  # otherwise the arguments come with the change
                parse_table(rule.with_, commands[rule.do], (*here, "with"), problems)
            problems += [Problem((*here, "do"), lacks[rule.do])] if rule.do in lacks else []
            problems += [Problem((*here, "with", name), lacks[name]) for name in rule.with_ if name in lacks]
            if control and control.command == rule.do and control.argument in rule.with_:
                reason = control.refusal(rule.with_[control.argument])
                problems += [Problem((*here, "with", control.argument), reason)] if reason else []
        rules.append(rule)
    return tuple(rules)


def follow_problems(follow: tuple[str, ...], kind: type[Kind]) -> list[str]:
    """Return why a device of a kind cannot copy some fields."""
    word = kind.word
    results = [result for result in kind.results if result.restores]
    if not results:
        return [f"a {word} can copy nothing; allowed: a rule with turns and do"]
    known = {name for result in results for name in (*result.state, *result.arguments.values())}
    needed = set.intersection(*(set(result.state) for result in results))
    texts = [
        f"a {word} cannot copy {format_toml(name)}; {suggest(name, sorted(known))}"
        for name in follow
        if name not in known
    ]
    if not texts and (missing := sorted(needed - set(follow))):
        texts.append(f"a {word} copies its other fields only together with {format_toml(missing[0])}")
    return texts


def check_turns(turns: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check the fields and values of `turns` or `is` against the state of a kind."""
    fields = kind.fields()
    for key, value in turns.items():
        if text := turning_problem(key, kind):
            problems.append(Problem((*where, key), text))
            continue
        values = [value]
        if isinstance(value, dict):  # from one value to another
            values = [value[word] for word in ("from", "to") if word in value]
        for one in values:
            try:
                check_published(one, fields[key])
            except ValueError as error:
                text = f"{format_toml(one)} is not a value of {key}; allowed: {describe_type(fields[key])}"
                text = text if isinstance(error, msgspec.ValidationError) else f"{text}; {error}"
                problems.append(Problem((*where, key), text))


def turning_problem(name: str, kind: type[Kind]) -> str | None:
    """Return why a field of a kind has no changes to wait for; None if it has."""
    fields = {field: type_ for field, type_ in kind.fields().items() if field not in kind.measurements()}
    if name in kind.measurements():
        return (
            f"is a measurement and has no change to wait for; allowed: {', '.join(sorted(fields))}"
            "; use above or below for a measurement"
        )
    return None if name in fields else f"unknown field; {suggest(name, fields)}"


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
