"""Story files: `config/house.test.toml` stands beside `config/house.toml`. They are checked as it is.

Each mistake has its file, line and remedy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from daemons.config.device import Device, check_limit, check_turns
from daemons.config.files import parse
from daemons.config.house import House
from daemons.config.location import Lines
from daemons.config.rule import Condition
from daemons.config.rule_check import impossible_condition, impossible_values
from daemons.errors import ConfigurationError
from daemons.kinds import Machine, is_plausible, range_text
from daemons.rehearsal.hardware import MEASURED
from daemons.rehearsal.room import Room
from daemons.rehearsal.story import LONGEST_DAYS, Always, Expectation, Step, Story
from daemons.values import Path as Where
from daemons.values import Problem, format_toml, parse_table, suggest

ENTRIES: dict[str, Any] = {"do": Step, "expect": Expectation, "never": Condition}
"""The keys with lists of tables, and the type of their entries."""


class StoryFile(Struct, frozen=True):
    """The stories of one file, what must always hold, and the rooms of the house."""

    always: tuple[Always, ...]
    stories: tuple[Story, ...]
    rooms: tuple[Room, ...]


def load_stories(path: Path, house: House, text: str | None = None) -> StoryFile:
    """Load and check a story file; raises ConfigurationError with every problem."""
    text, raw = parse(path, text)
    problems: list[Problem] = []
    known = ("always", "story", "rooms")
    for key in raw.keys() - known:
        problems.append(Problem((key,), f"unknown table; {suggest(key, known)}"))
    always = [one for _, one in tables(raw, "always", Always, problems)]
    stories = list(tables(raw, "story", Story, problems))
    for index, one in tables(raw, "always", Always, []):
        for number, condition in enumerate(one.never):
            check_condition(condition, house, ("always", index, "never", number), problems)
        for name in one.untouched:
            if name not in house.devices:
                why = f"there is no device {format_toml(name)}; {suggest(name, house.devices)}"
                problems.append(Problem(("always", index, "untouched"), why))
    titles: set[str] = set()
    for index, story in stories:
        check_story(story, house, ("story", index), problems)
        if story.title in titles:
            problems.append(Problem(("story", index, "title"), "another story has this title"))
        titles.add(story.title)
    rooms = list(load_rooms(raw.get("rooms", {}), house, problems))
    if problems:
        lines = Lines(text)
        found = [lines.locate(str(path), problem) for problem in problems]
        raise ConfigurationError(sorted(found, key=lambda location: location.line))
    return StoryFile(tuple(always), tuple(story for _, story in stories), tuple(rooms))


def load_rooms(raw: Any, house: House, problems: list[Problem]) -> Iterator[Room]:
    """Yield each room whose table can be parsed, and check its devices."""
    if not isinstance(raw, dict):
        problems.append(Problem(("rooms",), f"expected tables [rooms.NAME], found {format_toml(raw)}"))
        return
    sensors: set[str] = set()
    for name, table in raw.items():
        room = parse_table(table, Room, ("rooms", name), problems)
        if room is None:
            continue
        yield room
        found = next(mistakes_of(room, house), None)
        if found is None and room.sensor in sensors:
            found = "sensor", "it is the sensor of another room"
        if found:
            problems.append(Problem(("rooms", name, found[0]), found[1]))
        sensors.add(room.sensor)


def mistakes_of(room: Room, house: House) -> Iterator[tuple[str, str]]:
    """Yield each mistake of a room: the key, and what is wrong."""
    for key, name in (("sensor", room.sensor), ("heater", room.heater)):
        if name not in house.devices:
            yield key, f"there is no device {format_toml(name)}; {suggest(name, house.devices)}"
    sensor, heater = house.devices.get(room.sensor), house.devices.get(room.heater)
    if sensor and not (issubclass(sensor.kind, Machine) and "temperature_celsius" in sensor.kind.fields()):
        yield "sensor", f"{sensor.name} measures no temperature"
    if heater and heater.kind.entity_class not in ("climate", "switch"):
        yield "heater", f"{heater.name} warms no room; a heater or a plug does"
    if heater and heater.kind.entity_class == "climate":
        sources = heater.kind.sources(heater.options).items()
        source = next((name for name, field in sources if field == "temperature_celsius"), heater.name)
        if source != room.sensor:
            yield "heater", f"{heater.name} goes by the temperature of {source}, and not of {room.sensor}"


def tables(raw: dict[str, Any], word: str, type_: Any, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    """Yield the number and the typed value of each table of one name that can be parsed."""
    found = raw.get(word, [])
    if not isinstance(found, list):
        problems.append(Problem((word,), f"expected tables [[{word}]], found {format_toml(found)}"))
        return
    for index, table in enumerate(found):
        made = parse_entry(table, type_, (word, index), problems)
        if made is not None:
            yield index, made


def parse_entry(table: Any, type_: Any, where: Where, problems: list[Problem]) -> Any:
    """Return the typed value of a table; the tables in its lists are parsed one by one."""
    if not isinstance(table, dict):
        return parse_table(table, type_, where, problems)
    before = len(problems)
    lists = {key: table[key] for key in ENTRIES if isinstance(table.get(key), list)}
    plain = {key: value for key, value in table.items() if key not in lists}
    made: Any = parse_table(plain, type_, where, problems)
    known = type_.__struct_encode_fields__
    problems += [
        Problem((*where, key), f"unknown key; {suggest(key, known)}") for key in lists if key not in known
    ]
    parsed = {
        key: tuple(
            parse_table(entry, ENTRIES[key], (*where, key, number), problems)
            for number, entry in enumerate(found)
        )
        for key, found in lists.items()
    }
    if type_ is Always and not parsed.get("never"):
        problems.append(Problem((*where, "never"), "takes the conditions that must never hold together"))
    return None if len(problems) > before else replace(made, **parsed)


def check_story(story: Story, house: House, where: Where, problems: list[Problem]) -> None:
    """Check the times of a story, its steps and its expectations against the house."""
    zone = house.settings.calendar.zone
    days = (story.until.unix(zone) - story.from_.unix(zone)) / 86_400
    if not 0 < days <= LONGEST_DAYS:
        text = f"must be later than from, and at most {LONGEST_DAYS} days"
        problems.append(Problem((*where, "until"), text))
        return
    for number, step in enumerate(story.do):
        check_step(step, house, (*where, "do", number), problems)
        if not any(story.moments(step.at, zone)):
            problems.append(Problem((*where, "do", number, "at"), f"{step.at} is not within the story"))
    for number, expected in enumerate(story.expect):
        path = (*where, "expect", number)
        if (device := find_device(expected.device, house, path, problems)) and expected.turns:
            before = len(problems)
            check_turns(expected.turns, device.kind, (*path, "turns"), problems)
            if len(problems) == before:
                never = impossible_values(device, expected.turns, (*path, "turns"))
                problems += [Problem(part, text) for part, text in never]
        if expected.condition:
            check_condition(expected.condition, house, path, problems, is_known=True)
        for key in ("at", "after"):
            at = getattr(expected, key)
            if at is not None and not any(story.moments(at, zone)):
                problems.append(Problem((*path, key), f"{at} is not within the story"))


def check_step(step: Step, house: House, where: Where, problems: list[Problem]) -> None:
    """Check that the device of a step exists, and that this can happen to it."""
    if step.device is None:
        return
    device = find_device(step.device, house, where, problems)
    if device is None:
        return
    if not issubclass(device.kind, Machine):
        kind = house.table(device.name)["kind"]
        text = f"nothing can happen to a {kind}: it has no hardware, and its process is not rehearsed"
        problems.append(Problem((*where, "device"), text))
        return
    commands = {command.__name__.lower(): command for command in device.kind.commands}
    if step.send is not None and step.send not in commands:
        text = f"it has no command {format_toml(step.send)}; {suggest(step.send, list(commands))}"
        problems.append(Problem((*where, "send"), text))
    elif step.send is not None:
        parse_table(step.with_, commands[step.send], (*where, "with"), problems)
    if step.press is not None and device.kind.press is Machine.press:
        problems.append(Problem((*where, "press"), f"{device.name} has no button; use send or hand"))
    if step.hand is not None and not device.kind.drives:
        text = f"{device.name} cannot be switched; use detects, measures or press"
        problems.append(Problem((*where, "hand"), text))
    if step.detects is not None and device.kind.detects(device.options) is None:
        problems.append(Problem((*where, "detects"), f"{device.name} detects nothing; use hand or measures"))
    if step.events is not None and "events" not in device.kind.needs:
        problems.append(Problem((*where, "events"), f"{device.name} has no events; a calendar has"))
    for name, value in (step.measures or {}).items():
        if name not in MEASURED:
            text = f"cannot be measured in a rehearsal; {suggest(name, MEASURED)}"
            problems.append(Problem((*where, "measures", name), text))
        elif not is_plausible(name, value):
            problems.append(Problem((*where, "measures", name), f"{value:g} is not {range_text(name)}"))


def check_condition(
    condition: Condition, house: House, where: Where, problems: list[Problem], *, is_known: bool = False
) -> None:
    """Check the device of a condition and its fields; with `is_known` the device was checked already."""
    before = len(problems)
    device = find_device(condition.device, house, where, [] if is_known else problems)
    if device is None:
        return
    if condition.is_:
        measured = {name: value for name, value in condition.is_.items() if name != "message"}
        check_turns(measured, device.kind, (*where, "is"), problems)
        condition = replace(condition, is_=measured)
    for key, limit in (("above", condition.above), ("below", condition.below)):
        if limit:
            check_limit(limit, device.kind, (*where, key), problems)
    if len(problems) == before:
        problems += [Problem(path, text) for path, text in impossible_condition(device, condition, where)]


def find_device(name: str, house: House, where: Where, problems: list[Problem]) -> Device | None:
    """Return a device of the house, or add a problem."""
    if name not in house.devices:
        text = f"there is no device {format_toml(name)}; {suggest(name, house.devices)}"
        problems.append(Problem((*where, "device"), text))
    return house.devices.get(name)
