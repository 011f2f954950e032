"""A rule in words, for people who ask why a device acted. The words are those of the configuration. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from daemons.config.device import Device
from daemons.config.house import House
from daemons.config.rule import Condition, Rule, Turn
from daemons.config.schedule import every_text
from daemons.values import format_seconds, format_toml

OPPOSITE_PHASES = {
    "open": ("opens", "is open"),
    "closed": ("closes", "is closed"),
    "home": ("comes home", "is home"),
    "away": ("leaves", "is away"),
}
"""For these phases: what a device does that turns to one, and what it is in one."""


class Names:
    """The words for the devices of a house in the text of a rule; here their names in the configuration."""

    def __init__(self, house: House | None = None) -> None:
        """Know the devices of a house, or none."""
        self._devices: Mapping[str, Device] = {} if house is None else house.devices

    def __call__(self, name: str) -> str:
        """Return the words for a device."""
        return name

    def status_words(self, name: str | None, status: bool) -> tuple[str, str]:
        """Return what a device does whose `status` turns to a value, and what it is then.

        For example "turns on" and "is on", "opens" and "is open", or twice "detects motion".
        """
        plain = "on" if status else "off"
        if (device := self._devices.get(name or "")) is None:
            return f"turns {plain}", f"is {plain}"
        kind, options = device.kind, device.options
        found = {it.get("phase") for it in kind.possible_states(options) if it.get("status") is status}
        phases = [str(phase) for phase in found - {*kind.unknown_phases}]
        phase = phases[0] if len(phases) == 1 else plain
        words = phase.replace("_", " ")
        if phase in OPPOSITE_PHASES:
            return OPPOSITE_PHASES[phase]
        if not (detected := kind.detects(options)) or phase == plain:
            return f"turns {plain}", f"is {plain}"
        return (f"detects {words}",) * 2 if detected == phase else (f"becomes {words}", f"is {words}")


class Titles(Names):
    """The titles of the devices, with the room if several have the same title.

    A process that is no device, and a device whose title and room another one has too, keep their names.
    """

    def __init__(self, house: House) -> None:
        """Choose the words for each device."""
        super().__init__(house)
        devices = house.devices.values()
        count = Counter(device.title for device in devices)
        words = {
            device.name: device.title if count[device.title] == 1 else f"{device.title} ({device.room})"
            for device in devices
        }
        same = Counter(words.values())
        self._words = {name: word for name, word in words.items() if same[word] == 1}

    def __call__(self, name: str) -> str:
        """Return the words for a device."""
        return self._words.get(name, name)


NAMES = Names()


def rule_text(rule: Rule, named: Names = NAMES) -> str:
    """Return a rule in words: on what it waits, when it may act, and its command."""

    def conditions(word: str, found: tuple[Condition, ...]) -> str:
        return word.join(condition_text(condition, named) for condition in found)

    parts = [_trigger(rule, named)]
    if rule.for_seconds:
        parts.append(f"for {format_seconds(rule.for_seconds)}")
    if rule.delay_seconds:
        parts.append(f"{format_seconds(rule.delay_seconds)} later")
    if rule.between:
        parts.append(f"between {rule.between[0]} and {rule.between[1]}")
    for name, values in (("days", rule.days), ("months", rule.months), ("dates", rule.dates)):
        if values:
            parts.append(f"only on the {name} {', '.join(values)}")
    if rule.holidays is not None:
        parts.append("only on holidays" if rule.holidays else "not on holidays")
    parts += [f"only if {condition_text(condition, named)}" for condition in rule.only_if]
    if rule.any:
        parts.append(f"only if {conditions(' or ', rule.any)}")
    parts += [f"not if {condition_text(condition, named)}" for condition in rule.none]
    if rule.cooldown_seconds:
        parts.append(f"with a cooldown of {format_seconds(rule.cooldown_seconds)}")
    if rule.mode != "single":
        parts.append(f'with mode "{rule.mode}"')
    return f"{', '.join(parts)}: {command_text(rule.do, rule.with_) if rule.do else 'copy it'}"


def condition_text(condition: Condition, named: Names = NAMES) -> str:
    """Return a condition in words."""
    device = named(condition.device)
    texts = []
    for name, value in (condition.is_ or {}).items():
        if name == "status" and isinstance(value, bool):
            texts.append(f"{device} {named.status_words(condition.device, value)[1]}")
        elif name == "phase" and isinstance(value, str):
            texts.append(f"{device} is {value}")
        else:
            texts.append(f"{name} of {device} is {format_toml(value)}")
    for word, limits in (("above", condition.above), ("below", condition.below)):
        texts += [f"{name} of {device} is {word} {value:g}" for name, value in (limits or {}).items()]
    if condition.presence is not None:
        texts.append(f"{device} is {condition.presence}")
    if condition.origins:
        texts.append(f"{device} was changed by {' or '.join(condition.origins)}")
    lasts = f" for {format_seconds(condition.for_seconds)}" if condition.for_seconds else ""
    return f"{' and '.join(texts)}{lasts}"


def command_text(do: str, with_: Mapping[str, Any]) -> str:
    """Return a command with its arguments."""
    return " ".join([do, *(f"{name}={format_toml(value)}" for name, value in with_.items())])


def _trigger(rule: Rule, named: Names) -> str:
    device = None if rule.device is None else named(rule.device)
    if rule.turns is not None:
        source = device if rule.process is None else f"the process {named(rule.process)}"
        turns = [_turn(*turn, named, rule.device) for turn in rule.turns.items()]
        return f"when {source} {' and '.join(turns)}"
    if rule.follow is not None:
        return f"when {device} changes {' or '.join(rule.follow)}"
    if rule.limit is not None:
        name, limit = rule.limit
        return f"when {name} of {device} goes {'above' if rule.above else 'below'} {limit:g}"
    if rule.all is not None:
        return f"when {' and '.join(condition_text(condition, named) for condition in rule.all)}"
    if rule.every is not None:
        return every_text(rule.every)
    offset = f" (up to {format_seconds(rule.random_offset)} earlier or later)" if rule.random_offset else ""
    return f"at {rule.at}{offset}"


def _turn(name: str, value: Any, named: Names, device: str | None) -> str:
    if isinstance(value, Turn):
        texts = ["changes"] if name == "phase" else ["changes", name]
        if not isinstance(value.from_, msgspec.UnsetType):
            texts.append(f"from {_value(name, value.from_)}")
        if not isinstance(value.to, msgspec.UnsetType):
            texts.append(f"to {_value(name, value.to)}")
        return " ".join(texts)
    if name == "status" and isinstance(value, bool):
        return named.status_words(device, value)[0]
    if name == "ready" and isinstance(value, bool):
        return "becomes ready" if value else "is not ready any more"
    return f"becomes {_value(name, value)}" if name == "phase" else f"changes {name} to {format_toml(value)}"


def _value(name: str, value: Any) -> str:
    """Return a value; that of the phase is a word as it stands."""
    return str(value) if name == "phase" else format_toml(value)
