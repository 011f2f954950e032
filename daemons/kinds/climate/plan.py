"""The target that a schedule, a number or a mode demands, and until when a target set by hand holds."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.kinds import Kind
from daemons.kinds.climate.options import HIGHEST_CELSIUS, LOWEST_CELSIUS, PlannedOptions
from daemons.values import format_toml, suggest

DAY_SECONDS = 86_400.0


class Plan(Struct, frozen=True):
    """The target that is planned now, and what it follows from."""

    celsius: float | None = None
    """The planned target; None before the first one."""
    value: Scalar = None
    """The value of the number or of the mode that it follows."""
    began_at: float | None = None
    """The latest entry of the schedule that has begun (Unix seconds)."""

    def after_entry(self, began_at: float, celsius: float) -> "Plan":
        """Return the plan while an entry of the schedule is in force.

        If the clock is set back by less than a day, an entry that had begun begins no second time.
        """
        last = self.began_at
        is_known = last is not None and last - DAY_SECONDS <= began_at <= last
        return Plan(celsius, None, last if is_known else began_at)

    def after_value(self, value: Scalar, celsius: float) -> "Plan":
        """Return the plan while a number or a mode has a value."""
        return Plan(celsius, value)

    def is_new(self, before: "Plan") -> bool:
        """Return whether a new entry or a new value has begun: then a target set by hand ends."""
        return (self.value, self.began_at) != (before.value, before.began_at)


def sources(options: PlannedOptions) -> dict[str, str]:
    """Return the devices that watch the windows and set the target, each with the field that is used."""
    found = dict.fromkeys(options.windows, "status")
    return found | {device: "value" for device in (options.target, options.mode) if device}


def refused_sources(
    options: PlannedOptions, found: Mapping[str, tuple[type[Kind], Any]]
) -> Iterator[tuple[str, str]]:
    """Yield windows that detect no opening, a target that is no number, and values a mode never has."""
    for device in options.windows:
        if device in found:
            kind, its = found[device]
            if (word := kind.detects(its)) != "opening":
                what = f"detects {word or 'nothing'}"
                yield "windows", f'{device} {what}; a window needs a sensor with detects = "opening"'
    if options.target is not None and options.target in found:
        kind, _ = found[options.target]
        if kind.fields().get("value") not in (float, int, float | None, int | None):
            yield "target", f"the value of {options.target} is no number"
    if options.mode is not None and options.mode in found:
        kind, its = found[options.mode]
        possible = [state["value"] for state in kind.possible_states(its) if "value" in state]
        for word in options.targets if possible else ():
            if word not in possible:
                text = suggest(word, [str(value) for value in possible])
                yield "targets", f"{options.mode} is never {format_toml(word)}; {text}"


def target(options: PlannedOptions, plan: Plan, set_by_hand: float | None) -> float:
    """Return the temperature to keep: the one set by hand, the planned one, or the usual one."""
    is_planned = bool(options.schedule or options.target or options.mode)
    found = (set_by_hand, plan.celsius if is_planned else None, options.target_celsius)
    return next(celsius for celsius in found if celsius is not None)


def follow(
    options: PlannedOptions, plan: Plan, states: Mapping[str, Mapping[str, Scalar] | None]
) -> tuple[Plan, bool] | None:
    """Return the plan after a state of its number or its mode, and whether that lacks a value for a target.

    Without a value, the plan stays. None: `states` has no state of it.
    """
    device = options.target or options.mode
    if device is None or device not in states:
        return None
    value = (states[device] or {}).get("value")
    if options.mode:
        celsius = options.targets.get(value) if isinstance(value, str) else None
        return plan if celsius is None else plan.after_value(value, celsius), not isinstance(value, str)
    if is_number(value) and LOWEST_CELSIUS <= value <= HIGHEST_CELSIUS:
        return plan.after_value(value, value), False
    return plan, True


def is_number(value: Scalar) -> TypeGuard[int | float]:
    """Return whether a value of a state is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
