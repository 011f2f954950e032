"""The commands of a device or a kind: their meanings, their arguments and an example."""

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from daemons.cli.catalog import default_text, describe_fields, takes_text
from daemons.kinds import Kind
from daemons.values import format_toml, printable

EXAMPLES = {
    "a duration": "10m",
    "a time": "06:45",
    "a colour": "orange",
    "a list": '["a", "b"]',
    "text": '"Hello"',
    "true or false": "true",
}
"""The beginning of what an argument takes, with an example on the command line."""


def describe_commands(kind: type[Kind], names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return for each command of a kind its meaning and its arguments, by its word; `names` selects some."""
    found = {command.__name__.lower(): command for command in kind.commands}
    return {
        word: {"meaning": meaning(command), "arguments": describe_fields(command)}
        for word, command in found.items()
        if names is None or word in names
    }


def meaning(type_: type) -> str:
    """Return the docstring of a command as one line."""
    return " ".join((type_.__doc__ or "").split())


def without_lacking(
    commands: Mapping[str, dict[str, Any]], lacks: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the commands without those, and without the arguments, that a device cannot carry out."""
    return {
        word: {
            **about,
            "arguments": {name: one for name, one in about["arguments"].items() if name not in lacks},
        }
        for word, about in commands.items()
        if word not in lacks
    }


def command_lines(commands: Mapping[str, dict[str, Any]], columns: int) -> Iterator[str]:
    """Yield the lines of a list of commands: each with its meaning, and its arguments below it."""
    width = max(map(len, commands), default=0)
    indent = " " * (width + 4)
    for word, about in commands.items():
        yield from wrap(
            about["meaning"], columns, initial_indent=f"  {word:<{width}}  ", subsequent_indent=indent
        )
        for name, one in about["arguments"].items():
            text = printable(argument_text(name, one))
            yield from wrap(text, columns, initial_indent=f"{indent}  ", subsequent_indent=f"{indent}    ")


def argument_text(name: str, about: Mapping[str, Any]) -> str:
    """Return an argument with what it takes, its default and its meaning."""
    default = default_text(dict(about))
    more = {"required": "required", "none": "optional"}.get(default, f"usually {default}")
    text = f"{name}=VALUE  {takes_text(dict(about))} ({more})"
    return f"{text}. {about['meaning']}" if "meaning" in about else text


def example(name: str, commands: Mapping[str, dict[str, Any]], control: Any = None) -> str | None:
    """Return a command line for a device; the best one has an argument. None without commands.

    `control` is the input for the value of the device, if it has one: its range makes a better example.
    """
    if control is not None and control.command in commands:
        value = control_example(control)
        return f"house send {name} {control.command} {control.argument}={value}"
    for word, about in commands.items():
        needed = {key: one for key, one in about["arguments"].items() if "default" not in one}
        chosen = needed or dict(list(about["arguments"].items())[:1])
        if chosen:
            values = " ".join(f"{key}={example_value(one)}" for key, one in chosen.items())
            return f"house send {name} {word} {values}"
    return next((f"house send {name} {word}" for word in commands), None)


def control_example(control: Any) -> str:
    """Return an example of the value of a control, as on the command line."""
    if control.takes == "choice":
        return str(control.choices[0])
    if control.takes in ("time", "colour"):
        return {"time": "06:45", "colour": "orange"}[control.takes]
    low = 0 if control.lowest is None else control.lowest
    high = 100 if control.highest is None else control.highest
    middle = low + round((high - low) / 2 / control.step) * control.step
    return f"{middle:g}"


def example_value(about: Mapping[str, Any]) -> str:
    """Return an example of an argument: its default, or a value that it takes."""
    if about.get("default") is not None:
        return format_toml(about["default"]).strip('"')
    takes = takes_text(dict(about))
    if found := next((value for words, value in EXAMPLES.items() if takes.startswith(words)), None):
        return found
    if takes.startswith("one of "):
        return takes.removeprefix("one of ").partition(",")[0].strip('"')
    numbers = [word for word in takes.replace(",", " ").split() if word.lstrip("-").isdecimal()]
    return f"{(int(numbers[0]) + int(numbers[-1])) // 2}" if numbers else "20"
