"""The verb that shows one device as the configuration has it: show."""

import json
import time
from collections.abc import Iterator
from datetime import tzinfo
from textwrap import wrap
from typing import Any

import click
import msgspec
from msgspec import Struct, structs

from daemons.cli.context import Context, house_timezone, json_option, quiet_exit, terminal_width
from daemons.values import Seconds, format_seconds, format_toml, printable

LEFT_OUT = ("kind", "when", "host")
"""Keys of every device that are shown in another place."""


@click.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(context: Context, name: str, as_json: bool) -> None:
    """Show one device as the configuration has it: its options with their places and defaults, and its rules.

    The configuration is the one of the last `up` or `reload`; before the first `up`, the file.
    """
    from daemons.cli.why import installed_house
    from daemons.supervision.rule_list import rule_list

    house = installed_house(context)
    context.select_names(house.roster, (name,))
    device = house.devices[name]
    found = {
        "device": name,
        "name": device.title,
        "room": device.room,
        "kind": device.kind.word,
        "host": device.host,
        "place": house.locator().place(("devices", name)),
        "options": list(options(house, name)),
        "rules": msgspec.to_builtins(rule_list(house, name, time.time())),
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    with quiet_exit():
        for line in lines(found, house_timezone(house.roster)):
            click.echo(line)


def options(house: Any, name: str) -> Iterator[dict[str, Any]]:
    """Yield each option of a device with its value, and its place in the configuration if it has one."""
    from daemons.config.tables import Common

    device, locator = house.devices[name], house.locator()
    table = house.table(name)
    word = device.driver.word if device.driver else None
    if word is not None:
        yield option((), "driver", word, table, locator, name)
    for key, value in fields(Common, None, table, LEFT_OUT if word else (*LEFT_OUT, "grace", "restore")):
        if key != "driver" and (value is not None or key in table):
            shown = device.title if key == "name" else value
            yield option((), key, shown, table, locator, name)
    for key, value in fields(type(device.options), device.options, table, device.kind.derived_options):
        yield option((), key, value, table, locator, name)
    if device.driver_options is not None:
        for key, value in fields(type(device.driver_options), device.driver_options, {}, ()):
            yield option((str(word),), key, value, table, locator, name)


def fields(
    type_: type[Struct], value: Any, table: dict[str, Any], left_out: Any
) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a table with their effective values; `value` is the typed table, or None."""
    for field in structs.fields(type_):
        if field.encode_name in left_out:
            continue
        if value is not None:
            yield field.encode_name, plain(getattr(value, field.name))
        elif field.encode_name in table:
            yield field.encode_name, table[field.encode_name]
        elif not field.required:
            yield field.encode_name, plain(field.default)


def plain(value: Any) -> Any:
    """Return an option as the configuration writes it, such as "90s" for a duration."""
    import msgspec

    from daemons.values import enc_hook

    if isinstance(value, Seconds):
        return format_seconds(value)
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return msgspec.to_builtins(value, enc_hook=enc_hook)


def option(
    prefix: tuple[str, ...], key: str, value: Any, table: dict[str, Any], locator: Any, name: str
) -> dict[str, Any]:
    """Return one option: its key, its value, and the place where it is written; None for a default."""
    path = (*prefix, key)
    inner: Any = table
    for part in path:
        inner = inner.get(part) if isinstance(inner, dict) else None
    place = None if inner is None else locator.place(("devices", name, *path))
    return {"key": ".".join(path), "value": value if inner is None else inner, "place": place}


def lines(found: dict[str, Any], zone: tzinfo) -> Iterator[str]:
    """Yield the lines of a device: its head, its options and its rules."""
    from daemons.cli.why import rule_lines

    where = f" · {found['room']}" + (f" · on the host {found['host']}" if found["host"] else "")
    yield printable(f"{found['name']}{where} · {found['place']}")
    yield ""
    yield f"[devices.{found['device']}]"
    written = [
        ("kind", found["kind"], found["place"]),
        *((o["key"], o["value"], o["place"]) for o in found["options"]),
    ]
    texts = [(f"{key} = {format_toml(value)}", place) for key, value, place in written if value is not None]
    width = min(44, max(len(text) for text, _ in texts))
    for text, place in texts:
        yield printable(f"  {text:<{width}}  {place or 'default'}")
    if unset := [key for key, value, _ in written if value is None]:
        yield from wrap(f"  not set: {', '.join(unset)}", terminal_width(), subsequent_indent="    ")
    yield ""
    if not found["rules"]:
        yield "It has no rules."
        return
    for line in rule_lines(found["rules"], zone):
        yield printable(line)
