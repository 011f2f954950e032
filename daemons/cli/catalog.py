"""What can stand as a word in the configuration, with all that it takes: made from the files themselves."""

import json
from typing import Any

import click
import msgspec

from daemons.config import loader
from daemons.drivers import Driver
from daemons.values import Seconds, describe_type, format_toml


def print_catalogue(folder: str, as_json: bool) -> None:
    """Print what lies in a folder, each with what it takes."""
    listed = []
    for word, summary in loader.available(folder).items():
        found = loader.kind(word) if folder == "kinds" else loader.driver(word)
        entry: dict[str, Any] = {"word": word, "summary": summary, "options": fields(found.options_type)}
        if not issubclass(found, Driver):
            entry["commands"] = {command.__name__.lower(): fields(command) for command in found.commands}
            entry["state"] = [f.encode_name for f in msgspec.structs.fields(found.state_type)]
        listed.append(entry)
    if as_json:
        click.echo(json.dumps({folder: listed}, indent=2))
        return
    for entry in listed:
        click.echo(f"{click.style(entry['word'], bold=True)}  {entry['summary']}")
        for key, about in entry["options"].items():
            allowed = about["allowed"].replace(Seconds.allowed, "a duration")
            usual = f"  ({format_toml(about['default'])})" if "default" in about else ""
            click.echo(f"    {key} = {click.style(allowed + usual, dim=True)}")
        if entry.get("commands"):
            click.echo(f"    commands: {', '.join(entry['commands'])}")


def fields(type_: type[msgspec.Struct]) -> dict[str, dict[str, Any]]:
    """Give each field's name as it is written, what it allows, and what it is when it is not written."""
    found = {}
    for field in msgspec.structs.fields(type_):
        about: dict[str, Any] = {"allowed": describe_type(field.type)}
        if not field.required and field.default is not msgspec.NODEFAULT:
            usual = field.default
            about["default"] = f"{usual:g}s" if isinstance(usual, Seconds) else usual
        found[field.encode_name] = about
    return found
