"""What can happen to one device on a random day. It follows from what its kind declares.

The commands and their arguments come from `commands`, and the fields that its hardware measures from its
state. Measurements lie near the values with which the rules of the house compare them.
"""

import random
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from msgspec import Struct, inspect
from msgspec.structs import asdict

from daemons.config.device import Device
from daemons.config.house import House
from daemons.config.rule import Condition, Rule
from daemons.drivers.physics.events import EventText
from daemons.kinds import PLAUSIBLE, ROOM_CELSIUS, TOUCHES, Control, Machine
from daemons.rehearsal.hardware import MEASURED
from daemons.rehearsal.story import Always, ClockStep
from daemons.values import COLOURS, DAYS, ClockTime, Colour, DayWords, Seconds, parse_table

Limits = dict[tuple[str, str], set[float]]
"""By device and measured field, the values with which the house compares it."""
Event = dict[str, Any]
"""The keys of a Step, but for `at` and `device`."""
AWAY_SECONDS = (1, 90)
DURATION_SECONDS = (60, 7200)
"""How long an argument of a command lasts that is a duration."""
CLOCK_STEP_SECONDS = (1, 30)
"""A clock step is shorter than the usual grace: a longer one may cost a time of day."""
RANGES = PLAUSIBLE | {"temperature_celsius": ROOM_CELSIUS}
NEAR = (-3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0)
"""How far a measurement lies from a limit."""
MOST_STEPS = 1000
"""How many steps above its lowest value a control is set at most."""
TEXTS: dict[type, Callable[[random.Random], str]] = {
    ClockTime: lambda chance: f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}",
    DayWords: lambda chance: " ".join(chance.sample(DAYS, chance.randint(1, 7))),
    Colour: lambda chance: chance.choice([*COLOURS]),
    Seconds: lambda chance: f"{chance.randint(1, 3600)}s",
}
"""For each type that is written as text, a function that returns a value."""
OFTEN = 6
"""How often a detection, a press or a measurement that matters happens, for each kill."""


def find_limits(house: House, always: Iterable[Always]) -> Limits:
    """Return the limits of all rules and conditions, and the temperatures that thermostats keep."""
    found: Limits = {}
    tests: list[Rule | Condition] = [condition for one in always for condition in one.never]
    for device in house.devices.values():
        for rule in device.rules:
            tests += [rule, *(one for _, one in rule.conditions())]
        compared = [*device.kind.sources(device.options).items()]
        compared += [(device.name, field) for field in measured_fields(device)]
        arguments = [asdict(device.options), *(rule.with_ for rule in device.rules)]
        arguments += [asdict(entry) for entry in device.kind.timetable(device.options)]
        for name, field in compared:
            found.setdefault((name, field), set()).update(
                value
                for values in arguments
                for key, value in values.items()
                if unit(key) == unit(field) and isinstance(value, int | float)
            )
    for test in tests:
        for field, limit in (test.above or test.below or {}).items():
            back = getattr(test, "hysteresis", 0.0)
            found.setdefault((test.device or "", field), set()).update({limit, limit - back, limit + back})
    return found


def unit(name: str) -> str:
    """Return the unit of a field: the end of its name."""
    return name.rpartition("_")[2]


def measured_fields(device: Device) -> list[str]:
    """Return the fields that the hardware of a device measures in a rehearsal, and that it uses."""
    from_others = device.kind.sources(device.options).values()
    return [name for name in MEASURED if name in device.kind.fields() and name not in from_others]


def random_event(device: Device, limits: Limits, chance: random.Random, *, is_touched: bool) -> Event:
    """Return something that can happen to a device; unless `is_touched`, no person switches it."""
    kind: Any = device.kind
    choices: list[tuple[str, int]] = [("kill", 1), ("dead", 1), ("cut", 1), ("unreachable", 1)]
    if "events" in kind.needs:
        choices.append(("events", OFTEN))
    elif kind.detects(device.options):
        choices.append(("detects", OFTEN))
    for field in measured_fields(device):
        if limits.get((device.name, field)):
            choices.append((field, OFTEN))
        elif MEASURED[field] is not None:
            choices.append((field, 1))
    if is_touched and kind.press is not Machine.press:
        choices.append(("press", OFTEN))
    if is_touched and kind.drives:
        choices.append(("hand", 2))
    if is_touched and kind.commands:
        choices.append(("send", 3))
    ((verb,),) = [chance.choices([one for one, _ in choices], [weight for _, weight in choices])]
    match verb:
        case "kill":
            return {"kill": True}
        case "dead" | "cut" | "unreachable":
            return {verb: Seconds(chance.randint(*AWAY_SECONDS))}
        case "detects":
            return {"detects": chance.random() < 0.5}  # noqa: PLR2004
        case "events":
            return {"events": random_calendar(device, chance)}
        case "press":
            return {"press": chance.choice(TOUCHES)}
        case "hand":
            return {"hand": chance.choice(("on", "off"))}
        case "send":
            command = chance.choice(kind.commands)
            control = kind.control(device.options)
            return {"send": command.__name__.lower(), "with_": random_arguments(command, chance, control)}
    return {"measures": {verb: random_measurement(device, verb, limits, chance)}}


def random_calendar(device: Device, chance: random.Random) -> tuple[EventText, ...]:
    """Return up to two events of a calendar, which mostly have one of the words that it looks for."""
    words = getattr(device.options, "words", ())
    titles = [word.replace("*", "") for word in words] * 2 + ["Appointment"]
    hours = [TEXTS[ClockTime](chance) for _ in range(4)]
    times = ["", f" {hours[0]}", f" {hours[1]}-{hours[2]}"]
    return tuple(
        EventText(f"every day{chance.choice(times)} {chance.choice(titles)}")
        for _ in range(chance.randint(0, 2))
    )


def random_clock_step(chance: random.Random) -> Event:
    """Return a step of the clock of the house."""
    return {"clock": ClockStep(f"{chance.choice('+-')}{chance.randint(*CLOCK_STEP_SECONDS)}s")}


def random_measurement(device: Device, field: str, limits: Limits, chance: random.Random) -> float:
    """Return a value of a measurement, mostly near a limit of the house."""
    low, high = RANGES[field]
    near = sorted(limits.get((device.name, field), ()))
    if near and chance.random() < 0.8:  # noqa: PLR2004
        value = min(high, max(low, chance.choice(near) + chance.choice(NEAR)))
    else:
        value = chance.uniform(low, high)
    return float(round(value)) if device.kind.fields()[field] == int | None else round(value, 1)


def random_arguments(
    command: type[Struct], chance: random.Random, control: Control | None = None
) -> dict[str, Any]:
    """Return arguments of a command; an argument that is optional is left out at times.

    Mostly, the argument of the device's control is one that it accepts.
    """
    found = {
        field.encode_name: random_value(field.type, chance)
        for field in fields_of(command)
        if field.required or chance.random() < 0.5  # noqa: PLR2004
    }
    if control and control.argument in found and control.command == command.__name__.lower():
        if control.choices:
            found[control.argument] = chance.choice(control.choices)
        elif control.lowest is not None and control.highest is not None:
            steps = min((control.highest - control.lowest) // control.step, MOST_STEPS)
            kept = type(found[control.argument])  # a count stays a whole number
            found[control.argument] = kept(control.lowest + control.step * chance.randint(0, int(steps)))
    optional = [field.encode_name for field in fields_of(command) if not field.required]
    while (given := found.keys() & {*optional}) and parse_table(found, command, (), []) is None:
        del found[chance.choice(sorted(given))]  # some arguments exclude each other
    return found


@cache
def fields_of(command: type[Struct]) -> tuple[inspect.Field, ...]:
    """Return the arguments of a command with their types."""
    described = inspect.type_info(command)
    return described.fields if isinstance(described, inspect.StructType) else ()


def random_value(type_: inspect.Type, chance: random.Random) -> Any:
    """Return a value of a type; raises TypeError for a type that no command of House has."""
    match type_:
        case inspect.UnionType():
            values = [one for one in type_.types if not isinstance(one, inspect.NoneType)]
            return random_value(chance.choice(values), chance)
        case inspect.IntType():
            return chance.randint(int(type_.ge or 0), 100 if type_.le is None else int(type_.le))
        case inspect.FloatType():
            return round(chance.uniform(type_.ge or 0.0, 100.0 if type_.le is None else type_.le), 1)
        case inspect.BoolType():
            return chance.random() < 0.5  # noqa: PLR2004
        case inspect.LiteralType():
            return chance.choice(type_.values)
        case inspect.StrType():
            return f"text {chance.randint(1, 1000)}"[: type_.max_length]
        case inspect.CustomType() if type_.cls in TEXTS:
            return TEXTS[type_.cls](chance)
    raise TypeError(f"random days cannot choose a value of {type_}")
