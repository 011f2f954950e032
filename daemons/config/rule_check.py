"""Finds rules that can never act: with values that a field never has, or with parts that contradict. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from daemons.bus.message import Scalar
from daemons.config.contradiction import contradictions
from daemons.config.device import Device
from daemons.config.possible import possible_states, possible_values, runs_here
from daemons.config.rule import Condition, Rule
from daemons.config.schedule import MONTHS, moments_of_day
from daemons.config.sun import weekday
from daemons.kinds import PLAUSIBLE, is_plausible, range_text
from daemons.values import Path as Where
from daemons.values import Problem, TimeOfDay, format_toml, parse_table

DAY_SECONDS = 86_400
COUNTS = ("starts", "presses")
"""The fields that count from 0."""


def rules_of(tables: dict[str, Any]) -> Iterator[tuple[Where, Rule]]:
    """Yield each rule that can be parsed, with its path in the file."""
    for name, table in tables.items():
        rules = table.get("when") if isinstance(table, dict) else None
        for index, raw in enumerate(rules if isinstance(rules, list) else []):
            if rule := parse_table(raw, Rule, (), []):
                yield ("devices", name, "when", index), rule


def check_possible(tables: dict[str, Any], devices: Mapping[str, Device], problems: list[Problem]) -> None:
    """Add a problem for each part because of which a rule can never act; skip rules with other problems."""
    known = {problem.path[:4] for problem in problems}
    for where, rule in rules_of(tables):
        if where not in known:
            problems += [Problem((*where, *path), text) for path, text in impossible_parts(rule, devices)]


def impossible_parts(rule: Rule, devices: Mapping[str, Device]) -> list[tuple[Where, str]]:
    """Return each part of a rule because of which it never acts: its path in the rule, and the reason.

    Parts that contradict each other are looked for only if each part can be met.
    """
    return [*_impossible_parts(rule, devices)] or [*contradictions(rule, devices)]


def _impossible_parts(rule: Rule, devices: Mapping[str, Device]) -> Iterator[tuple[Where, str]]:
    """Yield each part of a rule that is never met."""
    if rule.at and rule.between and is_outside(rule.at, *rule.between):
        start, end = rule.between
        yield (
            ("at",),
            f"{format_toml(str(rule.at))} is never between {start} and {end}, so the rule never acts",
        )
    yield from impossible_days(rule)
    heard = devices.get(rule.device or "")
    if heard:
        yield from impossible_values(heard, rule.wanted, ("turns",), must_turn=True)
        yield from impossible_values(heard, rule.former, ("turns",))
        yield from _impossible_limits(heard, rule)
        phase = rule.wanted.get("phase")
        if rule.for_seconds and runs_here(heard) and phase in heard.kind.momentary_phases:
            yield ("for",), f"the phase {format_toml(phase)} ends at once, so it never lasts; use delay"
        elif (longest := longest_seconds(heard, rule.wanted)) and rule.for_seconds > longest[0]:
            yield ("for",), f"{heard.name} is never on for longer than its {longest[1]}, {longest[0]:g} s"
    for (key, number), condition in rule.conditions():
        if (asked := devices.get(condition.device)) and key != "none":
            yield from impossible_condition(asked, condition, (key, number))


def impossible_days(rule: Rule) -> Iterator[tuple[Where, str]]:
    """Yield each part of a rule because of which no day, or no moment of a day, fits."""
    if rule.every and rule.between and all(time.sun is None for time in rule.between):
        start, end = rule.between
        if all(is_outside(moment, start, end) for moment in moments_of_day(rule.every)):
            yield ("every",), f"no moment of it lies between {start} and {end}; it counts from midnight"
    for number, one in enumerate(rule.dates or ()):
        month = MONTHS[one.day.month - 1]
        if rule.months is not None and month not in rule.months:
            yield ("dates", number), f"{one} is in {month}, which is not one of its months"
        elif one.has_year and rule.days and not {weekday(one.day), "holiday"} & {*rule.days}:
            yield ("dates", number), f"{one} is a {weekday(one.day)}, which is not one of its days"
    if rule.days is not None and set(rule.days) == {"holiday"} and rule.holidays is False:
        yield ("holidays",), "its only days are holidays, so the rule never acts"


def is_outside(at: TimeOfDay, start: TimeOfDay, end: TimeOfDay) -> bool:
    """Return whether a time never lies in the window [start, end); False if that depends on the season."""
    if not all(0 <= when.usual < DAY_SECONDS for when in (at, start, end)):
        return False
    is_overnight = end.usual < start.usual
    if at.sun == start.sun == end.sun:
        is_after, is_before = at.usual >= start.usual, at.usual < end.usual
        return not (is_after or is_before if is_overnight else is_after and is_before)
    return not is_overnight and (
        (at.sun == start.sun and at.usual < start.usual) or (at.sun == end.sun and at.usual >= end.usual)
    )


def longest_seconds(device: Device, values: Mapping[str, Scalar]) -> tuple[float, str] | None:
    """Return for how long a device can have these values, and the option that says so; None: for ever.

    A device is on for at most its `max_on` and its `off_after`.
    """
    limits = [(getattr(device.options, "max_on_seconds", None), "max_on")]
    limits.append((device.off_after_seconds, "off_after"))
    states = possible_states(device, values)
    if not values or any(state.get("status") is not True for state in states):
        return None
    return min(((seconds, word) for seconds, word in limits if seconds is not None), default=None)


def value_range(name: str) -> tuple[float, float]:
    """Return the lowest and the highest value of a number in a state; counts are never negative."""
    return PLAUSIBLE.get(name, (0, math.inf) if name in COUNTS else (-math.inf, math.inf))


def impossible_values(
    device: Device, values: Mapping[str, Scalar] | None, where: Where, *, must_turn: bool = False
) -> Iterator[tuple[Where, str]]:
    """Yield each value that a field never has, or with `must_turn` never turns to."""
    for name, value in (values or {}).items():
        possible = possible_values(device, name)
        low, _ = value_range(name)
        if possible is not None and value not in possible:
            allowed = ", ".join(map(format_toml, possible))
            text = f"{name} of {device.name} is never {format_toml(value)} with its options"
            yield (*where, name), f"{text}; allowed: {allowed}"
        elif must_turn and possible is not None and len(possible) == 1:
            yield (*where, name), f"{name} of {device.name} is always {format_toml(value)}, and never turns"
        elif not is_plausible(name, value):
            yield (*where, name), f"{format_toml(value)} is not {range_text(name)}"
        elif isinstance(value, int) and value < low:
            yield (*where, name), f"{format_toml(value)} is below {low:g}"
        elif must_turn and name in COUNTS and value == 0 and runs_here(device):
            yield (*where, name), f"{name} counts up from 0, and never turns to it"


def _impossible_limit(
    device: Device, above: Mapping[str, float] | None, below: Mapping[str, float] | None, where: Where
) -> Iterator[tuple[Where, str]]:
    """Yield a limit that the measurement never is beyond."""
    for word, limits in (("above", above), ("below", below)):
        for name, limit in (limits or {}).items():
            low, high = value_range(name)
            if possible_values(device, name) == (None,):
                yield (*where, word, name), f"{device.name} never reports it"
            elif limit >= high if word == "above" else limit <= low:
                end = f"at most {high:.0f}" if word == "above" else f"at least {low:.0f}"
                yield (*where, word, name), f"{name} is never {word} {format_toml(limit)}: it is {end}"


def _impossible_limits(device: Device, rule: Rule) -> Iterator[tuple[Where, str]]:
    """Yield a limit that is never crossed, or a hysteresis behind which the measurement never returns."""
    found = list(_impossible_limit(device, rule.above, rule.below, ()))
    yield from found
    if rule.limit and not found:
        name, limit = rule.limit
        low, high = value_range(name)
        back = limit - rule.hysteresis if rule.above else limit + rule.hysteresis
        if not low <= back <= high:
            yield ("hysteresis",), f"{name} never goes back to {back:g}, so the rule acts only once"


def impossible_condition(device: Device, condition: Condition, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield each part of a condition that is never met."""
    yield from impossible_values(device, condition.is_, (*where, "is"))
    yield from _impossible_limit(device, condition.above, condition.below, where)
    for origin in condition.origins:
        word, _, who = origin.partition(":")
        hears = any(rule.all or rule.device == who for rule in device.rules)
        if word == "rule" and who and runs_here(device) and not hears:
            yield (*where, "by"), f"no rule of {device.name} hears {who}, so this is never met"
    phase = (condition.is_ or {}).get("phase")
    if runs_here(device) and phase in device.kind.momentary_phases:
        yield (*where, "is", "phase"), f"the phase {format_toml(phase)} ends at once, so it never holds"
    elif (longest := longest_seconds(device, condition.is_ or {})) and condition.for_seconds > longest[0]:
        yield (*where, "for"), f"{device.name} is never on for longer than its {longest[1]}, {longest[0]:g} s"
