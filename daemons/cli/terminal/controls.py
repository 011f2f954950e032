"""The input for the value of a device in the live view, made from the commands of its kind. Pure."""

from typing import Any

from msgspec import inspect, structs

from daemons.kinds import Control, Kind

FIELDS = {"celsius": "target_celsius"}
"""Arguments whose field in the state has another name."""
FEW_STEPS = 60
"""A control with more steps than this is moved by a tenth of its range."""


def control_of(kind: type[Kind]) -> Control | None:
    """Return an input for the first argument with bounds that the state shows; None if there is none."""
    for command in kind.commands:
        for field in structs.fields(command):
            shown = FIELDS.get(field.encode_name, field.encode_name)
            bounds = bounds_of(field.type)
            if shown in kind.fields() and bounds is not None:
                unit = "%" if shown.endswith("_percent") else "°C" if shown.endswith("_celsius") else ""
                return Control(
                    command=command.__name__.lower(),
                    argument=field.encode_name,
                    field=shown,
                    label=shown.rpartition("_")[0].replace("_", " ").capitalize() or shown,
                    takes="number",
                    lowest=bounds[0],
                    highest=bounds[1],
                    step=bounds[2],
                    unit=unit,
                )
    return None


def bounds_of(type_: Any) -> tuple[float, float, float] | None:
    """Return the lowest and the highest value of a number, and a step; None for another type."""
    info = inspect.type_info(type_)
    parts = info.types if isinstance(info, inspect.UnionType) else (info,)
    for part in parts:
        if (
            isinstance(part, inspect.IntType | inspect.FloatType)
            and part.ge is not None
            and part.le is not None
        ):
            return float(part.ge), float(part.le), 1.0 if isinstance(part, inspect.IntType) else 0.5
    return None


def moved(control: Control, value: object, *, up: bool) -> int | float | None:
    """Return the value of a control after one press of + or -; None if its present value is not known."""
    if control.takes != "number" or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high = control.lowest, control.highest
    delta = control.step
    if low is not None and high is not None and (high - low) / control.step > FEW_STEPS:
        delta = max(control.step, round((high - low) / 10 / control.step) * control.step)
    found = value + (delta if up else -delta)
    if delta != control.step:
        found = (
            round(found / delta) * delta
        )  # 95 - 10 becomes 90 at the next press, as people expect of a dial
    found = found if low is None else max(low, found)
    found = found if high is None else min(high, found)
    found = round(found, 3)
    return int(found) if found == int(found) else found
