"""Begins a rehearsal with the states that a house had at a time: lamps that were on are on.

A state has not all that a device remembers. So each device is brought to its state by a command, or at its
hardware, in a rehearsal of its own time: a lamp that had been on for an hour is switched on an hour earlier.
No rule acts meanwhile. The devices then go on with the memory and the hardware that they have by then.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.config.device import Device
from daemons.config.house import House
from daemons.kinds import Machine, Setting
from daemons.rehearsal.hardware import MEASURED
from daemons.rehearsal.record import Held, Record, longest_wait
from daemons.rehearsal.world import World

SETTLE_SECONDS = 180.0
"""How long before the beginning each device that is off has its state: a blind may have moved until then."""
EARLIER_SECONDS = 0.01
"""How long before the first input the processes start: a rule ignores what happened before its start."""
JUST_SECONDS = 0.1
"""How long before the beginning a device has its state at least: so long it takes to set its hardware."""
TURN_SECONDS = 1.0
"""How much longer than a rule may wait a device is on before it goes off."""
LONGEST_SECONDS = 86400.0
"""How long before the beginning a device is switched on at most."""
MOVES = {"opening": "open", "closing": "close"}
"""The commands of what moves at the beginning."""
LIGHT_FIELDS = ("brightness_percent", "colour_temperature_kelvin", "colour")


def open_world(house: House, record: Record) -> World:
    """Return a world that begins with the recorded states; the processes have started."""
    held = {name: one for name, one in record.held.items() if is_same_kind(house, name, record)}
    begin = record.begin - EARLIER_SECONDS
    before = make_past(house, held, begin)
    world = World(house, begin)
    for name, device in world.devices.items():
        if name in held:
            device.go_on_from(before.devices[name])
        own, device.device = device.device, replace(device.device, restore="last")
        device.start()
        device.device = own
    return world


def is_same_kind(house: House, name: str, record: Record) -> bool:
    """Return whether a device is an appliance of the kind that the record has of it."""
    return (
        name in house.devices
        and issubclass(house.devices[name].kind, Machine)
        and record.kinds.get(name) == house.table(name)["kind"]
    )


def make_past(house: House, held: Mapping[str, Held], begin: float) -> World:
    """Return a world at `begin`, without rules, in which each device has come to its recorded state."""
    ruleless = replace(house, devices={name: replace(one, rules=()) for name, one in house.devices.items()})
    wait = min(longest_wait([house]), LONGEST_SECONDS)
    times = {name: decided_at(one, begin, wait) for name, one in held.items()}
    world = World(ruleless, min(times.values(), default=begin) - wait - SETTLE_SECONDS)
    for name, one in held.items():
        measure(world, name, one.state)
    world.begin()
    for name, one in held.items():
        is_off = one.state.get("status") is False and has_hardware(house.devices[name])
        if is_off and is_recent(one, begin, wait):  # a rule may wait since it went off
            world.at(times[name] - wait - TURN_SECONDS, partial(world.switch_by_hand, name, on=True))
        world.at(times[name], partial(restore, world, name, one))
    world.run(begin)
    return world


def has_hardware(device: Device) -> bool:
    """Return whether the status of a device is that of its hardware."""
    return bool(getattr(device.kind, "needs", None))


def decided_at(held: Held, begin: float, wait: float) -> float:
    """Return when a device is brought to its state: when its status turned, if that is not too long ago."""
    if held.state.get("status") is True or is_recent(held, begin, wait):
        return min(max(held.since, begin - LONGEST_SECONDS), begin - JUST_SECONDS)
    return begin - SETTLE_SECONDS


def is_recent(held: Held, begin: float, wait: float) -> bool:
    """Return whether a rule may wait since the status turned; what moves has its position later."""
    return begin - wait < held.since and "position_percent" not in held.state


def measure(world: World, name: str, state: Mapping[str, Scalar]) -> None:
    """Set the sensor of a device before its process starts."""
    values = {field: value for field in MEASURED if (value := number(state.get(field))) is not None}
    world.devices[name].hardware.measure(values)


def number(value: Scalar) -> float | None:
    """Return a value if it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def restore(world: World, name: str, held: Held) -> None:
    """Bring one device to its state, by commands or at its hardware."""
    device, state = world.devices[name].device, held.state
    for command, args in commands_to(device, state):
        receipt = world.send(name, command, args)
        if receipt and receipt.outcome == "rejected" and "position_percent" in state:
            world.send(name, "close")  # from an end, it knows its position
            world.at(world.now + SETTLE_SECONDS / 2, partial(send, world, name, command, args))
            return
    is_on, shown = state.get("status") is True, world.state(name) or {}
    if shown.get("status") is not is_on and has_hardware(device):
        light = {field: state[field] for field in LIGHT_FIELDS if isinstance(state.get(field), int | str)}
        world.set_by_hand(name, msgspec.convert({"on": is_on, **light}, Setting))


def send(world: World, name: str, command: str, args: dict[str, Any]) -> None:
    """Send a command."""
    world.send(name, command, args)


def commands_to(device: Device, state: Mapping[str, Scalar]) -> list[tuple[str, dict[str, Any]]]:
    """Return the commands that lead to a state; none if there are none."""
    kind, state = device.kind, {name: whole(name, value) for name, value in state.items()}
    words = {command.__name__.lower() for command in kind.commands}
    if word := MOVES.get(str(state.get("phase"))):
        return [(word, {})]
    control, found = kind.control(device.options), list[tuple[str, dict[str, Any]]]()
    if control and state.get(control.field) is not None:
        found.append((control.command, {control.argument: state[control.field]}))
    if command := kind.command_to(state):
        return [*found, command]
    for result in kind.results:
        if result.state and all(state.get(name) == value for name, value in result.state.items()):
            return [*found, (result.command, {})]
    phase, is_on = str(state.get("phase")), state.get("status") is True
    choices = (phase if phase not in kind.momentary_phases else "", *(("on", "start") if is_on else ("off",)))
    return [*found, *((word, {}) for word in choices if word in words)][: len(found) + 1]


def whole(name: str, value: Scalar) -> Scalar:
    """Return a value as a command takes it: the history has whole numbers and percentages as fractions."""
    if isinstance(value, float) and (value.is_integer() or name.endswith("_percent")):
        return round(value)
    return value
