"""The recorded inputs as lines of text: when, where, and what came from outside."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from daemons.cli.terminal.plot import day, length
from daemons.storage.recorded_inputs import RecordedInput

THE_HOUSE = "The house"


def input_lines(inputs: list[RecordedInput], titles: dict[str, str], zone: tzinfo) -> Iterator[str]:
    """Yield a line for each input. `titles` has the title of each device."""
    named = [THE_HOUSE if one.device is None else titles.get(one.device, one.device) for one in inputs]
    width = max(map(len, named), default=0)
    for one, name in zip(inputs, named, strict=True):
        yield f"{day(one.at, zone)}  {name:<{width}}  {in_words(one.what, one.details)}"


def in_words(what: str, details: dict[str, Any]) -> str:
    """Return what came from outside; `RecordedInput` explains the details."""
    match what:
        case "command":
            return command_text(details)
        case "press":
            return f"{details['touch']} press at the hardware"
        case "hand":
            rest = pairs({name: value for name, value in details.items() if name != "on"})
            return f"switched {'on' if details['on'] else 'off'} by hand{rest}"
        case "values" if "on" in details:
            return "detects" if details["on"] else "detects no more"
        case "values":
            return f"measures{pairs(details)}"
        case "hardware" if details["reachable"]:
            return "its hardware can be reached again"
        case "hardware":
            return f"its hardware cannot be reached{after_colon(details.get('fault'))}"
        case "process":
            return f"process {details['life']}{after_colon(details.get('reason'))}"
        case "clock":
            how = "forward" if details["seconds"] > 0 else "back"
            return f"the clock of the machine was set {how} by {length(abs(details['seconds']))}"
        case "configuration":
            return f"configuration {details['digest']} is in force"
        case "gap" if details["missing"] == 1:
            return "1 input before this one is not recorded"
        case "gap":
            return f"{details['missing']} inputs before this one are not recorded"
    return what


def command_text(details: dict[str, Any]) -> str:
    """Return a command with its arguments, its sender and its outcome."""
    left_out = dict.fromkeys(details.get("left_out", ()), "…")
    who = f" from {details['who']}" if "who" in details else ""
    what = f"command {details['command']}{pairs(details['args'] | left_out)}{who}"
    return f"{what}, {details['outcome']}{after_colon(details.get('reason'))} [{details['id']}]"


def pairs(fields: dict[str, Any]) -> str:
    """Return fields as text that follows a word; empty without fields."""
    return "".join(f" {name}={value}" for name, value in fields.items())


def after_colon(text: str | None) -> str:
    """Return a text with a colon before it; empty without a text."""
    return f": {text}" if text else ""
