"""The catalog of kinds and drivers: reads their files, and prints `house kinds` and `house drivers`.

usage: python -m daemons.cli.catalog docs/configuration.md

The command rewrites each table between `<!-- generated: kind NAME -->` (or `driver NAME`) and
`<!-- end -->`.
"""

import ast
import inspect
import itertools
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons.config import loader
from daemons.config.extension import of_folder, of_packages
from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Ability, HardwareLink, HardwareMeter, Kind, Machine
from daemons.values import Seconds, describe_type, format_seconds, format_toml, suggest

COLUMNS = ("option", "takes", "default", "meaning")
MARKED = re.compile(r"(<!-- generated: (kind|driver) (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def print_catalog(folder: str, name: str | None, as_json: bool) -> None:
    """Print all entries of the folder "kinds" or "drivers", or one entry with a table of its options."""
    words = loader.available(folder)
    if name is not None and name not in words:
        raise click.UsageError(f"there is no {folder[:-1]} {name!r}; {suggest(name, words)}")
    entries = [
        # A list of all words runs no code of extensions.
        describe_word(folder, word, words)
        if word == name or not loader.extension_of(folder, word)
        else outline(folder, word, words)
        for word in words
        if name in (None, word)
    ]
    if as_json:
        click.echo(json.dumps({folder: entries}, indent=2))
    elif name is not None:
        print_word(entries[0])
    else:
        for entry in entries:
            print_entry(entry)


def outline(folder: str, word: str, words: dict[str, str]) -> dict[str, Any]:
    """Return the word, its summary in `words`, and for an extension its origin."""
    extension = loader.extension_of(folder, word)
    origin = {"origin": extension.origin} if extension else {}
    return {"word": word, "summary": words[word], **origin}


def add_all_extensions(folder: str, config: Path) -> None:
    """Add all extensions beside a configuration, and of all packages; a word of House goes before them."""
    builtin = loader.built_in()[folder]
    for extension in (*of_packages(folder), *of_folder(folder, config.parent)):
        if extension.word not in builtin:
            loader.add(extension)


def describe_word(folder: str, word: str, words: dict[str, str]) -> dict[str, Any]:
    """Return the entry of a kind or driver for JSON; `options` is None if its file cannot be loaded."""
    entry = outline(folder, word, words)
    if folder == "drivers":
        entry["needs"] = needed_extra(word)
    try:
        found = loader.kind(word) if folder == "kinds" else loader.driver(word)
    except HouseError as error:
        problem = str(error).removeprefix(f"daemons/{folder}/{word}.py ")
        return {**entry, "options": None, "problem": problem}
    entry["options"] = describe_options(found)
    if not issubclass(found, Driver):
        entry["commands"] = {command.__name__.lower(): describe_fields(command) for command in found.commands}
        entry["command_meanings"] = {
            command.__name__.lower(): " ".join((command.__doc__ or "").split()) for command in found.commands
        }
        entry["state"] = [field.encode_name for field in msgspec.structs.fields(found.state_type)]
        entry["fields"] = state_fields(found)
    elif found.runs_here:
        entry["kinds"] = usable_kinds(found)
    return entry


def state_fields(kind: type[Kind]) -> dict[str, dict[str, Any]]:
    """Return for each field of the state its values, its unit and its meaning, as far as they are known."""
    from daemons.cli.terminal.field_text import unit_of

    meanings = {
        name: text
        for type_ in (HardwareLink, HardwareMeter, kind.state_type)
        for name, text in field_docstrings(type_).items()
    }
    found = {}
    for name, type_ in kind.fields().items():
        about: dict[str, Any] = {"values": describe_type(type_)}
        if unit := unit_of(name):
            about["unit"] = unit
        if name in meanings:
            about["meaning"] = meanings[name]
        found[name] = about
    return found


def usable_kinds(driver: type[Driver[Any]]) -> dict[str, list[Ability]]:
    """Return the kinds that a driver can connect, each with the abilities of the kind that it lacks."""
    found = {}
    for word in loader.words("kinds"):
        kind = loader.kind_or_none(word)
        if kind and issubclass(kind, Machine) and kind.needs & driver.abilities:
            found[word] = sorted(set(kind.further_needs.values()) - driver.abilities)
    return found


def describe_options(found: type[Kind] | type[Driver[Any]]) -> dict[str, dict[str, Any]]:
    """Return the options of a kind or driver that a person can write, as `describe_fields` does."""
    derived = found.derived_options if issubclass(found, Kind) else frozenset()
    return {key: about for key, about in describe_fields(found.options_type).items() if key not in derived}


def describe_fields(type_: type[msgspec.Struct]) -> dict[str, dict[str, Any]]:
    """Return the allowed values, the default and the meaning of each field, by its key in the file."""
    meanings = field_docstrings(type_)
    described = {}
    for field in msgspec.structs.fields(type_):
        about: dict[str, Any] = {"allowed": describe_type(field.type)}
        if not field.required:
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            default = msgspec.to_builtins(default) if isinstance(default, msgspec.Struct) else default
            about["default"] = format_seconds(default) if isinstance(default, Seconds) else default
        if field.name in meanings:
            about["meaning"] = meanings[field.name]
        described[field.encode_name] = about
    return described


@cache
def field_docstrings(type_: type[msgspec.Struct]) -> dict[str, str]:
    """Return the text below each field of a Struct and of its bases; an undocumented field is missing."""
    found: dict[str, str] = {}
    for base in reversed(type_.__mro__):
        if not issubclass(base, msgspec.Struct) or base is msgspec.Struct:
            continue
        (tree,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base))).body
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for statement, following in itertools.pairwise(body):
            match statement, following:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def needed_extra(word: str) -> str | None:
    """Return the command that installs the libraries of a driver, or None if it needs none.

    The function reads the imports at the top of the driver's file, and those of our modules that it
    imports.
    """
    pending, seen = [f"daemons.drivers.{word}"], set()
    while pending:
        module = pending.pop()
        if module in seen:
            continue
        seen.add(module)
        if not module.startswith("daemons."):
            extra, _ = loader.extra_of(module.partition(".")[0])
            if extra is not None:
                return f"make extra EXTRA={extra}"
        elif module.startswith("daemons.drivers."):
            file = loader.PACKAGE.parent / Path(*module.split(".")).with_suffix(".py")
            if file.exists():
                pending += top_imports(file)
    return None


def top_imports(file: Path) -> list[str]:
    """Return the modules that a file imports at its top, and `a.b` for each `from a import b`."""
    try:
        body = ast.parse(file.read_text()).body
    except (SyntaxError, ValueError):
        return []
    found = []
    for statement in body:
        match statement:
            case ast.Import(names=names):
                found += [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                found += [module, *(f"{module}.{alias.name}" for alias in names)]
    return found


def option_rows(options: dict[str, dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return a row of `COLUMNS` for each option."""
    return [
        (
            key,
            takes_text(about),
            default_text(about),
            about.get("meaning", ""),
        )
        for key, about in options.items()
    ]


def takes_text(about: dict[str, Any]) -> str:
    """Return the allowed values of an option, with short words for a duration and a length."""
    text = str(about["allowed"]).replace(Seconds.allowed, "a duration")
    return text.replace("text of 0 to ", "text of at most ")


def default_text(about: dict[str, Any]) -> str:
    """Return the default of an option: its value in TOML, "none" or "required"."""
    if "default" not in about:
        return "required"
    return "none" if about["default"] is None else format_toml(about["default"])


def print_entry(entry: dict[str, Any]) -> None:
    """Print the short form of a kind or driver: its summary, and a line for each option."""
    click.echo(f"{click.style(entry['word'], bold=True)}  {entry['summary']}")
    if "origin" in entry:
        click.echo(f"    from: {entry['origin']}")
    if "options" not in entry:
        return
    if entry["options"] is None:
        click.secho(f"    {entry['problem']}", fg="yellow")
        return
    for key, takes, default, _ in option_rows(entry["options"]):
        click.echo(f"    {key} = {click.style(f'{takes}  ({default})', dim=True)}")
    if entry.get("commands"):
        click.echo(f"    commands: {', '.join(entry['commands'])}")
    if entry.get("kinds"):
        click.echo(f"    kinds: {kinds_text(entry['kinds'])}")
    if entry.get("needs"):
        click.echo(f"    needs: {entry['needs']}")


def kinds_text(kinds: dict[str, list[str]]) -> str:
    """Return the kinds that a driver can connect, each with what it cannot do for it."""
    return ", ".join(
        f"{word} (it cannot {' or '.join(lacks)})" if lacks else word for word, lacks in kinds.items()
    )


def print_word(entry: dict[str, Any]) -> None:
    """Print one kind or driver with a table of its options."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    click.echo(f"{click.style(entry['word'], bold=True)}  {entry['summary']}")
    if entry["options"] is None:
        click.secho(entry["problem"], fg="yellow")
        return
    if entry["options"]:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
        for title in COLUMNS:
            table.add_column(title, no_wrap=title == "option", overflow="fold")
        for row in option_rows(entry["options"]):
            table.add_row(*map(Text, row))
        Console().print(table)
    else:
        click.echo("It has no options.")
    if entry.get("commands"):
        print_commands(entry)
    if entry.get("fields"):
        print_fields(entry["fields"])
    if entry.get("kinds"):
        click.echo(f"Kinds: {kinds_text(entry['kinds'])}")
    if entry.get("needs"):
        click.echo(f"Needs: {entry['needs']}")


def print_commands(entry: dict[str, Any]) -> None:
    """Print the commands of a kind with their arguments."""
    from daemons.cli.command_list import command_lines
    from daemons.cli.context import terminal_width

    described = {
        word: {"meaning": entry["command_meanings"][word], "arguments": arguments}
        for word, arguments in entry["commands"].items()
    }
    click.echo(click.style("Commands", bold=True) + ", which `house send NAME COMMAND` and rules send:")
    for line in command_lines(described, terminal_width()):
        click.echo(line)
    click.echo()


def print_fields(fields: dict[str, dict[str, Any]]) -> None:
    """Print the fields of the state of a kind, each with its values, its unit and its meaning."""
    from textwrap import wrap

    from daemons.cli.context import terminal_width

    click.echo(click.style("Fields", bold=True) + ", which `house status NAME` shows and rules ask for:")
    width = max(map(len, fields))
    for name, about in fields.items():
        unit = f" in {about['unit']}" if "unit" in about else ""
        text = f"{about['values']}{unit}" + (f". {about['meaning']}" if "meaning" in about else "")
        text = text.replace("; None", "; no value").replace(". None", ". No value")
        indent = " " * (width + 4)
        for line in wrap(
            text, terminal_width(), initial_indent=f"  {name:<{width}}  ", subsequent_indent=indent
        ):
            click.echo(line)


def markdown_table(options: dict[str, dict[str, Any]]) -> str:
    """Return the table of options for docs/configuration.md."""
    if not options:
        return "It has no options.\n"
    lines = [f"| {' | '.join(COLUMNS)} |", f"| {' | '.join(['---'] * len(COLUMNS))} |"]
    for key, takes, default, meaning in option_rows(options):
        quoted = re.sub(r'"[^"]*"', lambda found: f"`{found[0]}`", takes)
        shown = default if default in ("none", "required") else f"`{default}`"
        lines.append(f"| `{key}` | {quoted} | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


def update_tables(text: str) -> str:
    """Return a page with its generated tables up to date; raises HouseError if a file is broken."""

    def replacement(found: re.Match[str]) -> str:
        word = found[3]
        described = loader.kind(word) if found[2] == "kind" else loader.driver(word)
        return found[1] + markdown_table(describe_options(described))

    return MARKED.sub(replacement, text)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        page = Path(argument)
        page.write_text(update_tables(page.read_text()))
