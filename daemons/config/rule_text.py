"""A rule in words, for people who ask why a device acted. The words are those of the configuration. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from daemons.config.house import House
from daemons.config.rule import Condition, Rule, Turn
from daemons.config.schedule import every_text
from daemons.values import format_seconds, format_toml

Named = Callable[[str], str]
"""Returns the words for a device, by its name in the configuration."""


def titles(house: House) -> Named:
    """Return a function that returns the title of a device; with its room, if several have this title.

    A process that is no device, and a device whose title and room another one has too, keep their names.
    """
    devices = house.devices.values()
    count = Counter(device.title for device in devices)
    words = {
        device.name: device.title if count[device.title] == 1 else f"{device.title} ({device.room})"
        for device in devices
    }
    same = Counter(words.values())
    return lambda name: words[name] if same[words.get(name, "")] == 1 else name


def rule_text(rule: Rule, named: Named = str) -> str:
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


def condition_text(condition: Condition, named: Named = str) -> str:
    """Return a condition in words."""
    texts = []
    for name, value in (condition.is_ or {}).items():
        texts.append(f"{name} is {format_toml(value)}")
    for word, limits in (("above", condition.above), ("below", condition.below)):
        texts += [f"{name} is {word} {value:g}" for name, value in (limits or {}).items()]
    if condition.presence is not None:
        texts.append(f"presence is {condition.presence}")
    if condition.origins:
        texts.append(f"by is {' or '.join(condition.origins)}")
    lasts = f" for {format_seconds(condition.for_seconds)}" if condition.for_seconds else ""
    return f"{named(condition.device)}: {' and '.join(texts)}{lasts}"


def command_text(do: str, with_: Mapping[str, Any]) -> str:
    """Return a command with its arguments."""
    return " ".join([do, *(f"{name}={format_toml(value)}" for name, value in with_.items())])


def _trigger(rule: Rule, named: Named) -> str:
    device = None if rule.device is None else named(rule.device)
    if rule.turns is not None:
        source = device if rule.process is None else f"the process {named(rule.process)}"
        return f"when {source} turns to {' and '.join(_turn(*turn) for turn in rule.turns.items())}"
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


def _turn(name: str, value: Any) -> str:
    if not isinstance(value, Turn):
        return f"{name} {format_toml(value)}"
    texts = [name]
    if not isinstance(value.from_, msgspec.UnsetType):
        texts.append(f"from {format_toml(value.from_)}")
    if not isinstance(value.to, msgspec.UnsetType):
        texts.append(f"to {format_toml(value.to)}")
    return " ".join(texts)
