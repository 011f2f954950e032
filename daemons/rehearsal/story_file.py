"""Story files: `config/house.test.toml` stands beside `config/house.toml`. They are checked as it is.

Each mistake has its file, line and remedy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from daemons.config.device import Device, check_limit, check_turns
from daemons.config.house import House, parse
from daemons.config.location import Lines
from daemons.config.rule import Condition
from daemons.errors import ConfigurationError
from daemons.kinds import Machine, is_plausible, range_text
from daemons.rehearsal.room import Room
from daemons.rehearsal.story import LONGEST_DAYS, Always, Expectation, Step, Story, clock_step
from daemons.values import Path as Where
from daemons.values import Problem, format_toml, parse_table, suggest

MEASURABLE = ("temperature_celsius", "humidity_percent", "battery_percent")
"""What the hardware of a rehearsal measures."""
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
        for number, name in enumerate(one.untouched):
            find_device(name, house, ("always", index, "untouched", number), problems)
    for index, story in stories:
        check_story(story, house, ("story", index), problems)
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
    for name, table in raw.items():
        room = parse_table(table, Room, ("rooms", name), problems)
        if room is None:
            continue
        yield room
        for key in ("sensor", "heater"):
            path, device_name = ("rooms", name, key), getattr(room, key)
            device = house.devices.get(device_name)
            if device is None:
                text = f"there is no device {format_toml(device_name)}; {suggest(device_name, house.devices)}"
                problems.append(Problem(path, text))
            elif key == "sensor" and not measures_temperature(device):
                problems.append(Problem(path, f"{device_name} measures no temperature"))
            elif key == "heater" and not switches(device):
                problems.append(Problem(path, f"{device_name} switches nothing on"))


def measures_temperature(device: Device) -> bool:
    """Return whether the hardware of a device measures a temperature."""
    return issubclass(device.kind, Machine) and "temperature_celsius" in device.kind.fields()


def switches(device: Device) -> bool:
    """Return whether the hardware of a device can be switched on."""
    return issubclass(device.kind, Machine) and device.kind.drives


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
            check_turns(expected.turns, device.kind, (*path, "turns"), problems)
        if expected.condition:
            check_condition(expected.condition, house, path, problems, is_known=True)
        for key in ("at", "after"):
            at = getattr(expected, key)
            if at is not None and not any(story.moments(at, zone)):
                problems.append(Problem((*path, key), f"{at} is not within the story"))


def check_step(step: Step, house: House, where: Where, problems: list[Problem]) -> None:
    """Check that the device of a step exists, and that this can happen to it."""
    if step.clock is not None:
        try:
            clock_step(step.clock)
        except ValueError as error:
            problems.append(Problem((*where, "clock"), f"takes + or - and {error}"))
    if step.device is None:
        return
    device = find_device(step.device, house, where, problems)
    if device is None:
        return
    if not issubclass(device.kind, Machine):
        kind = house.table(device.name)["kind"]
        problems.append(Problem((*where, "device"), f"a {kind} has no hardware, and nothing happens to it"))
        return
    commands = {command.__name__.lower(): command for command in device.kind.commands}
    if step.send is not None and step.send not in commands:
        text = f"it has no command {format_toml(step.send)}; {suggest(step.send, list(commands))}"
        problems.append(Problem((*where, "send"), text))
    elif step.send is not None:
        parse_table(step.with_, commands[step.send], (*where, "with"), problems)
    if step.detects is not None and device.kind.detects(device.options) is None:
        problems.append(Problem((*where, "detects"), f"{device.name} detects nothing; use hand or measures"))
    for name, value in (step.measures or {}).items():
        if name not in MEASURABLE:
            text = f"cannot be measured in a rehearsal; {suggest(name, MEASURABLE)}"
            problems.append(Problem((*where, "measures", name), text))
        elif not is_plausible(name, value):
            problems.append(Problem((*where, "measures", name), f"{value:g} is not {range_text(name)}"))


def check_condition(
    condition: Condition, house: House, where: Where, problems: list[Problem], *, is_known: bool = False
) -> None:
    """Check the device of a condition and its fields; with `is_known` the device was checked already."""
    device = find_device(condition.device, house, where, [] if is_known else problems)
    if device is None:
        return
    if condition.is_:
        measured = {name: value for name, value in condition.is_.items() if name != "message"}
        check_turns(measured, device.kind, (*where, "is"), problems)
    for key, limit in (("above", condition.above), ("below", condition.below)):
        if limit:
            check_limit(limit, device.kind, (*where, key), problems)


def find_device(name: str, house: House, where: Where, problems: list[Problem]) -> Device | None:
    """Return a device of the house, or add a problem."""
    if name not in house.devices:
        text = f"there is no device {format_toml(name)}; {suggest(name, house.devices)}"
        problems.append(Problem((*where, "device"), text))
    return house.devices.get(name)
