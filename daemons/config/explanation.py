"""Explains a change of a device: the chain of changes that led to it, from its beginning. Pure.

A change that a rule made has the device that the rule heard, and the moment at which that device changed. So
the change of that device is found among the past changes, and so on to the beginning.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from daemons.bus.message import Moment, Scalar, State
from daemons.bus.origin import Origin, Reason
from daemons.config.device import Device
from daemons.config.explained import ConditionThen, DeclinedThen, Explanation, RuleThen, Step
from daemons.config.house import House
from daemons.config.house_rules import expand_house_rules
from daemons.config.members import expand
from daemons.config.rule import Condition, Rule
from daemons.config.rule_names import Names
from daemons.config.rule_phrase import condition_phrase, conditions_phrase, rule_phrase
from daemons.config.rule_text import text_of
from daemons.kinds import Kind
from daemons.storage.declined import read_declined

MOST_STEPS = 20
"""How many steps of a chain are shown at most."""
MOST_CHANGES = 100
"""How many changes of one device are read for one step."""
SAME_SECONDS = 1e-4
"""Two times that differ by less are the same moment."""
SAMPLE_SECONDS = 1.5
"""The recorder keeps one value a second, so the value that crossed a limit may be recorded later."""
BEFORE_SECONDS = 1e-6
"""How long before its own change a device still had its earlier state."""


class Change(Struct, frozen=True):
    """A change of a device that is over."""

    at: float
    """When it changed, in Unix seconds."""
    state: dict[str, Any]
    cause: str | None = None
    reason: Reason | None = None
    origin: Origin | None = None

    @property
    def decision(self) -> tuple[Any, ...]:
        """What is the same in all changes that follow from one decision."""
        return (self.cause, self.reason, self.origin)


class Past(Protocol):
    """The past changes of all devices."""

    def changes(self, device: str, until: float, most: int) -> list[Change]:
        """Return the latest changes of a device up to `until` (Unix seconds), newest first."""

    def measured(self, device: str, name: str, at: float) -> float | None:
        """Return the value that a measurement had at a time, or None if it is not known."""


class RecordedPast:
    """The past as the history has it."""

    def __init__(self, recorded: Any) -> None:
        """Keep the reader of the history, a storage.recorded_changes.RecordedChanges."""
        self._recorded = recorded

    def changes(self, device: str, until: float, most: int) -> list[Change]:
        """Return the latest changes of a device up to `until` (Unix seconds), newest first."""
        return msgspec.convert(self._recorded.changes(device, until, most), list[Change])

    def measured(self, device: str, name: str, at: float) -> float | None:
        """Return the value that a measurement had at a time, or None if it is not known."""
        found: float | None = self._recorded.measured(device, name, at)
        return found


class HeardPast:
    """The past as the present states of the devices have it; each carries up to eight past states."""

    def __init__(self, states: Iterable[State]) -> None:
        self._changes: dict[str, list[Change]] = {}
        for state in states:
            found = [
                Change(
                    max(past.turned.values(), default=0.0), past.state, past.cause, past.reason, past.origin
                )
                for past in state.past
            ]
            found.append(Change(state.since, state.state, state.cause, state.reason, state.origin))
            self._changes[state.device] = found[::-1]

    def changes(self, device: str, until: float, most: int) -> list[Change]:
        """Return the latest changes of a device up to `until` (Unix seconds), newest first."""
        return [change for change in self._changes.get(device, ()) if change.at <= until][:most]

    def measured(self, device: str, name: str, at: float) -> float | None:
        """Return None: the states of the past have no measurements."""
        return None


class Explainer:
    """Explains changes by the configuration and the past."""

    def __init__(self, house: House, past: Past, named: Names | None = None) -> None:
        """Keep the configuration and the past; `named` returns the words for a device in a rule."""
        self._house = house
        self._named = named or Names(house)
        self._past = past
        self._place = rule_places(house)

    def explain(self, device: str, at: float) -> Explanation | None:
        """Return why a device changed last before a time (Unix seconds); None if no change is known."""
        steps: list[Step] = []
        name, until = device, at
        seen: set[tuple[str, float]] = set()
        while len(steps) < MOST_STEPS:
            found = self._past.changes(name, until, MOST_CHANGES)
            if not found or (steps and abs(found[0].at - until) > SAME_SECONDS):
                if measurement := self._measurement(name, steps):
                    steps.append(measurement)
                break
            run = decision_of(found)
            first = run[-1]
            if (name, first.at) in seen:
                break
            seen.add((name, first.at))
            steps.append(self._step(name, found, run))
            reason = first.reason
            if reason is None or reason.by != "rule" or reason.who is None or reason.at is None:
                break
            name, until = reason.who, reason.at + SAME_SECONDS / 2
        if not steps:
            return None
        first_step = steps[-1]
        if first_step.reason and first_step.reason.by == "rule" and not self._is_about_process(first_step):
            steps[-1] = msgspec.structs.replace(first_step, missing=True)
        return Explanation(device=device, title=self._title(device), steps=tuple(reversed(steps)))

    def _step(self, name: str, found: list[Change], run: list[Change]) -> Step:
        first = run[-1]
        before = found[len(run)] if len(found) > len(run) else None
        kind = device.kind if (device := self._house.devices.get(name)) else Kind
        earlier = before.state if before else None
        words: list[tuple[float, str]] = []
        for change in reversed(run):
            words.append((change.at, change_words(kind, earlier, change.state)))
            earlier = change.state
        return Step(
            device=name,
            title=self._title(name),
            at=first.at,
            change=words[0][1],
            fields=changed_fields(kind, before.state if before else None, first.state),
            reason=first.reason,
            origin=first.origin,
            cause=first.cause,
            rule=self._rule(name, first),
            later=tuple(words[1:]),
        )

    def _measurement(self, name: str, steps: list[Step]) -> Step | None:
        """Return the measurement that made the rule of the latest step act; None if none did."""
        if not steps or (reason := steps[-1].reason) is None or reason.at is None or reason.rule is None:
            return None
        device, origin = self._house.devices[steps[-1].device], steps[-1].origin
        if steps[-1].rule is None or origin is None or origin.by != "sensor":
            return None
        rule = device.rules[reason.rule - 1]
        if rule.turning:  # it acted on a change that was not recorded
            return None
        text = "a measurement"
        if limit := rule.limit:
            field, sign = limit[0], 1 if rule.above else -1
            text = f"{field} went {'above' if sign > 0 else 'below'} {limit[1]:g}"
            for at in (reason.at, reason.at + SAMPLE_SECONDS):
                value = self._past.measured(name, field, at)
                if value is not None and sign * value > sign * limit[1]:
                    text = f"{field} {value:g}"
                    break
        return Step(
            device=name,
            title=self._title(name),
            at=reason.at,
            change=text,
            reason=Reason("sensor"),
            origin=origin,
            cause=None,
        )

    def _is_about_process(self, step: Step) -> bool:
        """Return whether a rule acted on a report about a process: no change of a device came before."""
        if step.rule is None:
            return False
        return self._house.devices[step.device].rules[step.rule.number - 1].process is not None

    def _title(self, name: str) -> str:
        device = self._house.devices.get(name)
        return device.title if device else name

    def _rule(self, name: str, change: Change) -> RuleThen | None:
        """Return the rule that made a change; None if the configuration no longer has it."""
        reason, device = change.reason, self._house.devices.get(name)
        if reason is None or reason.rule is None or device is None or reason.rule > len(device.rules):
            return None
        rule = device.rules[reason.rule - 1]
        is_same = (
            rule.is_timed
            if reason.by == "clock"
            else reason.who in {rule.device, rule.process, *_devices(rule)}
        )
        if not is_same:
            return None
        at = change.at - BEFORE_SECONDS
        phrase = rule_phrase(rule, self._named)
        return RuleThen(
            number=reason.rule,
            place=self._place(device, reason.rule - 1),
            text=text_of(phrase),
            phrase=phrase,
            made_by=rule.made_by,
            conditions=tuple(self._condition(condition, at) for _, condition in rule.conditions()),
        )

    def _condition(self, condition: Condition, at: float) -> ConditionThen:
        names = [*(condition.is_ or ()), *(condition.above or ()), *(condition.below or ())]
        found = self._past.changes(condition.device, at, MOST_CHANGES)
        values: dict[str, Scalar] = {}
        for name in names:
            if found and name in found[0].state:
                values[name] = found[0].state[name]
            elif (measured := self._past.measured(condition.device, name, at)) is not None:
                values[name] = measured
        since: float | None = None
        if condition.is_ and values.keys() >= condition.is_.keys():
            for change in found:
                if any(change.state.get(name) != values[name] for name in condition.is_):
                    break
                since = change.at
        state = {**found[0].state, **values} if found else values
        known = KnownThen(state, dict.fromkeys(names, since or 0.0), found[0].reason if found else None)
        # Whether a device was heard is not in the history.
        met = None if condition.presence else condition.holds(known if state else None, at)
        phrase = condition_phrase(condition, self._named)
        return ConditionThen(text=text_of(phrase), phrase=phrase, values=values, since=since, met=met)


class KnownThen(Struct, frozen=True):
    """A past state of a device, as a condition takes it."""

    state: dict[str, Scalar]
    turned: dict[str, float]
    reason: Reason | None


def decision_of(found: list[Change]) -> list[Change]:
    """Return the latest changes, newest first, that follow from one decision."""
    run = [found[0]]
    if found[0].cause is None and found[0].reason is None:
        return run
    for change in found[1:]:
        if change.decision != found[0].decision:
            break
        run.append(change)
    return run


def change_words(kind: type[Kind], before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    """Return what changed in words: the phase, or else each field that changed."""
    if before is None:
        return str(after.get("phase", "changed"))
    changed = {name: values[1] for name, values in changed_fields(kind, before, after).items()}
    words = [str(changed.pop("phase"))] if "phase" in changed else []
    if changed.get("fault"):
        words.append(f"fault: {changed['fault']}")
    if changed.get("paused_by"):
        words.append(f"{changed['paused_by']} is open")
    if words:
        return ", ".join(words)
    texts = [
        f"{key} {str(value).lower() if isinstance(value, bool) else value}"
        for key, value in changed.items()
        if value is not None
    ]
    return ", ".join(texts[:3]) or str(after.get("phase", "changed"))


def changed_fields(
    kind: type[Kind], before: dict[str, Any] | None, after: dict[str, Any]
) -> dict[str, tuple[Scalar, Scalar]]:
    """Return each field that changed, but for measurements, with its values before and after.

    If the state before is not known, the phase counts as changed, and nothing else.
    """
    if before is None:
        return {"phase": (None, after["phase"])} if "phase" in after else {}
    hidden = kind.measurements()
    return {
        name: (before.get(name), value)
        for name, value in after.items()
        if name not in hidden and before.get(name) != value
    }


def rule_places(house: House) -> Callable[[Device, int], str]:
    """Return a function that returns the file and the line of a rule, by its device and index."""
    locator = house.locator()
    house_rules = expand_house_rules(house.files.merged()[0])
    origins = house_rules.origins | expand(house_rules.raw).origins

    def place(device: Device, index: int) -> str:
        return locator.place(origins.get((device.name, index), ("devices", device.name, "when", index)))

    return place


def declined_rules(
    house: House, name: str, most: int, named: Names | None = None
) -> tuple[DeclinedThen, ...]:
    """Return the last times that a rule of a device looked and did not act, oldest first."""
    rules, place = house.devices[name].rules, rule_places(house)
    found = []
    for line in read_declined(name)[-most:]:
        is_known = line.rule is not None and line.rule <= len(rules)
        index = line.rule - 1 if line.rule is not None and is_known else None
        words = named or Names(house)
        rule = None if index is None else rules[index]
        phrase = None if rule is None else rule_phrase(rule, words)
        entry = DeclinedThen(
            at=line.at,
            reason=line.reason,
            rule=line.rule,
            cause=line.cause,
            place=None if index is None else place(house.devices[name], index),
            text=None if phrase is None else text_of(phrase),
            phrase=phrase,
            code=line.code,
            values=line.values,
            conditions=(
                None if rule is None else conditions_phrase(rule, line.values.get("conditions"), words)
            ),
        )
        found.append(entry)
    return tuple(found)


def _change(at: float, state: State | Moment) -> Change:
    return Change(at, state.state, state.cause, state.reason, state.origin)


def _devices(rule: Rule) -> set[str]:
    return {condition.device for condition in rule.all or ()}
