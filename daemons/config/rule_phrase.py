"""A rule as a sentence in parts: on what it waits, when it may act, and its command. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from daemons.config.phrase import Phrase, joined
from daemons.config.rule import Condition, Rule, Turn
from daemons.config.rule_names import NAMES, Names
from daemons.config.schedule import MIDNIGHT
from daemons.values import TimeOfDay, format_toml


def rule_phrase(rule: Rule, named: Names = NAMES) -> Phrase:
    """Return a rule: its moment comes first, then its conditions, then its command."""
    return Phrase.of("rule", parts=joined("list", [*_parts(rule, named)]), command=_command(rule))


def condition_phrase(condition: Condition, named: Names = NAMES) -> Phrase:
    """Return a condition."""
    device = named(condition.device)
    parts = [_is(condition.device, name, value, named) for name, value in (condition.is_ or {}).items()]
    for code, limits in (("is_above", condition.above), ("is_below", condition.below)):
        for name, value in (limits or {}).items():
            limit = _amount(condition.device, name, value)
            parts.append(Phrase.of(code, field=_field(name), device=device, limit=limit))
    if condition.presence is not None:
        presence = Phrase.of("presence", presence=condition.presence)
        parts.append(Phrase.of("has_presence", device=device, presence=presence))
    if condition.origins:
        origins = joined("or", [_text(origin) for origin in condition.origins])
        parts.append(Phrase.of("changed_by", device=device, origins=origins))
    found = joined("and", parts)
    if condition.for_seconds:
        return Phrase.of("lasts", condition=found, span=_span(condition.for_seconds))
    return found


def conditions_phrase(rule: Rule, text: object, named: Names = NAMES) -> Phrase | None:
    """Return the conditions that the reason of a declined rule names by their text.

    None if the rule has no such conditions, for example because the configuration has changed since.
    """
    if rule.any and text == ", ".join(map(str, rule.any)):
        return joined("or", [condition_phrase(condition, named) for condition in rule.any])
    found = (condition for _, condition in rule.conditions() if text == str(condition))
    return next((condition_phrase(condition, named) for condition in found), None)


def _parts(rule: Rule, named: Names) -> Iterator[Phrase]:
    def conditions(join: str, found: tuple[Condition, ...]) -> Phrase:
        return joined(join, [condition_phrase(condition, named) for condition in found])

    yield _trigger(rule, named)
    if rule.for_seconds:
        yield Phrase.of("for", span=_span(rule.for_seconds))
    if rule.delay_seconds:
        yield Phrase.of("later", span=_span(rule.delay_seconds))
    if rule.between:
        begin, end = map(_time, rule.between)
        yield Phrase.of("between", begin=begin, end=end)
    for code, word, values in (
        ("on_days", "day", rule.days),
        ("in_months", "month", rule.months),
        ("on_dates", "date", rule.dates),
    ):
        if values:
            dates = [Phrase(word, {word: str(value)}) for value in values]
            yield Phrase.of(code, dates=joined("list", dates))
    if rule.holidays is not None:
        yield Phrase("on_holidays" if rule.holidays else "not_on_holidays")
    for condition in rule.only_if:
        yield Phrase.of("only_if", conditions=condition_phrase(condition, named))
    if rule.any:
        yield Phrase.of("only_if", conditions=conditions("or", rule.any))
    for condition in rule.none:
        yield Phrase.of("not_if", conditions=condition_phrase(condition, named))
    if rule.cooldown_seconds:
        yield Phrase.of("cooldown", span=_span(rule.cooldown_seconds))
    if rule.mode != "single":
        yield Phrase.of("mode", mode=rule.mode)


def _command(rule: Rule) -> Phrase:
    return Phrase.of("command", command=rule.do, arguments=rule.with_) if rule.do else Phrase("copies")


def _trigger(rule: Rule, named: Names) -> Phrase:
    device = "" if rule.device is None else named(rule.device)
    if rule.turns is not None:
        source = _text(device) if rule.process is None else Phrase.of("process", process=named(rule.process))
        turns = [_turn(*turn, named, rule.device) for turn in rule.turns.items()]
        return Phrase.of("when_it_turns", source=source, turns=joined("and", turns))
    if rule.follow is not None:
        fields = joined("or", [_field(name) for name in rule.follow])
        return Phrase.of("when_it_changes", device=device, fields=fields)
    if rule.limit is not None:
        name, value = rule.limit
        code = "when_above" if rule.above else "when_below"
        limit = _amount(rule.device or "", name, value)
        return Phrase.of(code, field=_field(name), device=device, limit=limit)
    if rule.all is not None:
        found = [condition_phrase(condition, named) for condition in rule.all]
        return Phrase.of("when_all", conditions=joined("and", found))
    if rule.every is not None:
        return Phrase.of("every", span=_span(rule.every))
    moment = _moment(rule.at or MIDNIGHT)
    if rule.random_offset:
        return Phrase.of("about", moment=moment, span=_span(rule.random_offset))
    return moment


def _turn(name: str, value: Any, named: Names, device: str | None) -> Phrase:
    if isinstance(value, Turn):
        ends = {
            word: _value(name, end)
            for word, end in (("before", value.from_), ("after", value.to))
            if not isinstance(end, msgspec.UnsetType)
        }
        code = "_".join(["changes", *({"before": "from", "after": "to"}[word] for word in ends)])
        if name == "phase":
            return Phrase(code, ends)
        return Phrase(f"field_{code}", {"field": _field(name), **ends})
    if name == "status" and isinstance(value, bool):
        return named.status_phrases(device, value)[0]
    if name == "ready" and isinstance(value, bool):
        return Phrase("becomes_ready" if value else "no_longer_ready")
    if name == "phase":
        return named.phase_phrases(device, str(value))[0]
    if name == "asked":
        return Phrase.of("asks_for", command=Phrase.of("command", command=value, arguments={}))
    return Phrase.of("field_changes_to", field=_field(name), after=_value(name, value))


def _is(device: str, name: str, value: Any, named: Names) -> Phrase:
    if name == "status" and isinstance(value, bool):
        return named.status_phrases(device, value)[1]
    if name == "ready" and isinstance(value, bool):
        return Phrase.of("is_ready" if value else "is_not_ready", device=named(device))
    if name == "phase" and isinstance(value, str):
        return named.phase_phrases(device, value)[1]
    return Phrase.of("field_is", field=_field(name), device=named(device), value=_value(name, value))


def _value(name: str, value: Any) -> Phrase:
    """Return a value; that of the phase is a word of its own."""
    return Phrase.of("phase", phase=str(value)) if name == "phase" else _text(format_toml(value))


def _text(text: str) -> Phrase:
    return Phrase.of("text", text=text)


def _field(name: str) -> Phrase:
    return Phrase.of("field", field=name)


def _amount(device: str, name: str, value: float) -> Phrase:
    """Return a value of a measurement; its unit follows from the name of its field, or from the device."""
    return Phrase.of("amount", device=device, field=name, value=value)


def _span(seconds: float) -> Phrase:
    return Phrase.of("span", seconds=float(seconds))


def _moment(time: TimeOfDay) -> Phrase:
    code = "at" if time.sun is None else "around_sun" if time.offset_seconds else "at_sun"
    return Phrase.of(code, time=_time(time))


def _time(time: TimeOfDay) -> Phrase:
    if time.sun is None:
        return Phrase.of("time", time=str(time))
    sun = Phrase.of("sun", sun=str(time.sun))
    if not time.offset_seconds:
        return sun
    code = "before_sun" if time.offset_seconds < 0 else "after_sun"
    return Phrase.of(code, sun=sun, span=_span(abs(time.offset_seconds)))
