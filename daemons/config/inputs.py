"""The inputs of a device: those that its kind declares, or those that follow from its commands. Pure."""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect, structs

from daemons.kinds import Control, Kind
from daemons.values import ClockTime, Colour

UNITS = {"percent": "%", "celsius": "°C", "kelvin": "K", "watts": "W", "seconds": "s"}
"""By the last word of a field's name, its unit."""
STEPS = {"celsius": 0.5, "kelvin": 50.0}
"""By the last word of a field's name, the step of its input."""


def inputs(kind: type[Kind], options: Any) -> tuple[Control, ...]:
    """Return all inputs of a device.

    A kind that declares none has one for each argument of a command that sets a field of its state.
    """
    declared = kind.controls(options)
    return tuple(derived(kind)) if declared is None else declared


def derived(kind: type[Kind]) -> Iterator[Control]:
    """Yield an input for each argument of a command to which `results` assigns a field of the state."""
    commands = {command.__name__.lower(): command for command in kind.commands}
    for result in kind.results:
        if result.command not in commands:
            continue
        types = {field.encode_name: field.type for field in structs.fields(commands[result.command])}
        for argument, field in result.arguments.items():
            if argument in types and (limits := limits_of(types[argument])):
                yield Control(
                    **limits_with_unit(limits, field),
                    command=result.command,
                    argument=argument,
                    field=field,
                    label=label_of(field),
                )


def limits_of(type_: Any) -> dict[str, Any] | None:
    """Return what an input for an argument takes; None if no input fits its type."""
    info = inspect.type_info(type_)
    parts = info.types if isinstance(info, inspect.UnionType) else (info,)
    for part in parts:
        if isinstance(part, inspect.IntType | inspect.FloatType):
            limits = {"lowest": part.ge, "highest": part.le}
            # As floats, so that a slice is encoded as it was read.
            return {"takes": "number"} | {
                key: None if one is None else float(one) for key, one in limits.items()
            }
        if isinstance(part, inspect.LiteralType) and all(isinstance(value, str) for value in part.values):
            return {"takes": "choice", "choices": tuple(part.values)}
        if isinstance(part, inspect.CustomType) and part.cls is ClockTime:
            return {"takes": "time"}
        if isinstance(part, inspect.CustomType) and part.cls is Colour:
            return {"takes": "colour"}
    return None


def limits_with_unit(limits: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the limits of a number with the unit and the step that the name of its field tells."""
    if limits["takes"] != "number":
        return limits
    word = field.rpartition("_")[2]
    shape = "steps" if word == "celsius" else "slider"
    return {**limits, "unit": UNITS.get(word, ""), "step": STEPS.get(word, 1.0), "shape": shape}


def label_of(field: str) -> str:
    """Return the name of a value: "Brightness" for `brightness_percent`."""
    words = [word for word in field.split("_") if word not in UNITS] or [field]
    return " ".join(words).capitalize()
