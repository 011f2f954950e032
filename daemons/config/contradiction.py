"""Finds in a rule what contradicts: parts that are never met together, or that always hold it back. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.config.device import Device
from daemons.config.possible import possible_states
from daemons.config.rule import Condition, Rule
from daemons.values import Path as Where
from daemons.values import format_toml

Limits = Mapping[str, float] | None


class Demand(Struct, frozen=True):
    """What is demanded of one field: values that it must have, and limits between which it must lie."""

    values: tuple[Scalar, ...] = ()
    above: float = -math.inf
    below: float = math.inf

    def can_be_met(self) -> bool:
        """Return whether a value can meet all demands."""
        numbers = [value for value in self.values if isinstance(value, int | float)]
        return (
            all(value == self.values[0] for value in self.values)
            and self.above < self.below
            and all(self.above < number < self.below for number in numbers)
        )

    def is_above(self, limit: float) -> bool:
        """Return whether each value that meets the demands is above a limit."""
        return self.above >= limit or any(isinstance(one, int | float) and one > limit for one in self.values)

    def is_below(self, limit: float) -> bool:
        """Return whether each value that meets the demands is below a limit."""
        return self.below <= limit or any(isinstance(one, int | float) and one < limit for one in self.values)


ANYTHING = Demand()


class Demands:
    """What parts of a rule demand together of the fields of devices."""

    def __init__(
        self, devices: Mapping[str, Device], fields: Mapping[tuple[str, str], Demand] | None = None
    ) -> None:
        """`fields` has the demands by device and field."""
        self._devices = devices
        self._fields = dict(fields or {})

    def copy(self) -> Self:
        """Return the same demands, to add others."""
        return type(self)(self._devices, self._fields)

    def add(
        self,
        device: str,
        values: Mapping[str, Scalar] | None,
        above: Limits,
        below: Limits,
        back: float = 0.0,
    ) -> str | None:
        """Add demands on a device; return why they cannot be met together with the others, or None.

        With `back`, a measurement may have gone back behind its limit by so much.
        """
        for name in {**(values or {}), **(above or {}), **(below or {})}:
            before = self._fields.get((device, name), ANYTHING)
            demand = self._fields[device, name] = replace(
                before,
                values=(*before.values, values[name]) if values and name in values else before.values,
                above=max(before.above, (above or {}).get(name, -math.inf) - back),
                below=min(before.below, (below or {}).get(name, math.inf) + back),
            )
            if not demand.can_be_met():
                return f"{name} of {device} can never meet this together with the rest of the rule"
        known = self._known(device)
        if device in self._devices and not possible_states(self._devices[device], known):
            text = format_toml(known)
            return f"{device} can never meet this together with the rest of the rule: {text}"
        return None

    def imply(self, condition: Condition) -> bool:
        """Return whether a condition is always met when the demands are."""
        name = condition.device
        if condition.origins or condition.presence is not None or condition.for_seconds:
            return False
        states = possible_states(self._devices[name], self._known(name)) if name in self._devices else []
        return (
            all(
                value in self._fields.get((name, field), ANYTHING).values
                or (states and all(field in state and state[field] == value for state in states))
                for field, value in (condition.is_ or {}).items()
            )
            and all(
                self._fields.get((name, field), ANYTHING).is_above(limit)
                for field, limit in (condition.above or {}).items()
            )
            and all(
                self._fields.get((name, field), ANYTHING).is_below(limit)
                for field, limit in (condition.below or {}).items()
            )
        )

    def _known(self, device: str) -> dict[str, Scalar]:
        """Return the values that fields of a device must have."""
        return {
            name: one.values[0] for (of, name), one in self._fields.items() if of == device and one.values
        }


def contradictions(rule: Rule, devices: Mapping[str, Device]) -> Iterator[tuple[Where, str]]:
    """Yield a part of a rule because of which it can never act together with the other parts, and why.

    After a delay the other device may have another state than at the moment.
    """
    demands = Demands(devices)
    if rule.device and not rule.delay_seconds:
        # While a rule waits, a measurement may go back behind its limit by less than its hysteresis.
        back = rule.hysteresis if rule.for_seconds or rule.cooldown_seconds else 0.0
        if text := demands.add(rule.device, rule.wanted, rule.above, rule.below, back):
            yield ("turns",) if rule.turns else (), text
            return
    all_of = ("only_if",) if rule.delay_seconds else ("only_if", "all")
    for path, one in rule.conditions():
        if path[0] in all_of and (text := demands.add(one.device, one.is_, one.above, one.below)):
            yield path, text
            return
    if rule.all and all(Demands(devices).imply(one) for one in rule.all):
        yield ("all",), "this always holds, so it never begins to hold"
    elif reasons := hindrances(rule, demands):
        yield reasons[0]


def hindrances(rule: Rule, demands: Demands) -> list[tuple[Where, str]]:
    """Return why a rule acts by none of its alternatives in `any`, each with its path; none if it can act."""
    alternatives = [(path, one) for path, one in rule.conditions() if path[0] == "any"]
    excluded = [(path, one) for path, one in rule.conditions() if path[0] == "none"]
    reasons: list[tuple[Where, str]] = []

    def is_held_back(together: Demands) -> bool:
        held = next((path for path, one in excluded if together.imply(one)), None)
        if held is not None:
            text = "this is always met when the rest of the rule is, so the rule never acts"
            reasons.append((held, text))
        return held is not None

    for path, one in alternatives:
        together = demands.copy()
        if text := together.add(one.device, one.is_, one.above, one.below):
            reasons.append((path, text))
        elif not is_held_back(together):
            return []
    if not alternatives:
        is_held_back(demands)
    return reasons
