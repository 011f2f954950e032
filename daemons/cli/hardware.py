"""Verbs for hardware: discover, add, try, and the catalogs of kinds and drivers."""

import json
from typing import Any

import click

from daemons import errors
from daemons.cli.arguments import parse_argument
from daemons.cli.context import Context, json_option, search_notice, search_timeout_option
from daemons.values import suggest


@click.command()
@click.option("--driver", help="Search with this driver only.  [default: with all of them]")
@search_timeout_option
@click.option("--toml", "as_toml", is_flag=True, help="Print tables to paste into the configuration.")
@json_option
@click.pass_obj
def discover(context: Context, driver: str | None, timeout: float, as_toml: bool, as_json: bool) -> None:
    """Search the local network for hardware that the house can control."""
    from rich.console import Console

    from daemons.cli import discover as discover_

    seen = search_hardware(context, driver, timeout)
    if as_json:
        click.echo(json.dumps([discover_.to_builtins(one) for one in seen], indent=2))
    elif as_toml:
        click.echo("\n".join(discover_.format_table(one) for one in seen if one.is_new), nl=False)
    elif not seen:
        click.echo(discover_.NOTHING_FOUND_TEXT.format(seconds=timeout))
    else:
        discover_.print_devices(seen, Console())
        if number := sum(one.is_new for one in seen):
            click.echo(
                f"{number} new; `house add --found` writes {'them' if number > 1 else 'it'} into "
                f"{context.config}, `house discover --toml` prints the tables."
            )
    if as_toml and not any(one.is_new for one in seen):
        click.echo("No new hardware was found.", err=True)


@click.command()
@click.argument("name", required=False)
@click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--found", "search", is_flag=True, help="Add all new hardware that `house discover` finds.")
@click.option("--driver", help="With --found: search with this driver only.")
@search_timeout_option
@click.pass_obj
def add(
    context: Context,
    name: str | None,
    keys: tuple[str, ...],
    search: bool,
    driver: str | None,
    timeout: float,
) -> None:
    """Write a device into the configuration, at its end.

    For example: house add kettle kind=plug driver=shelly shelly.address=192.168.1.7

    A VALUE in TOML keeps its type. Any other VALUE is text. Comments and layout of the file do not
    change. If `house check` would report a problem, nothing is written.
    """
    from daemons.config import editor

    if (name is None) != search:
        raise click.UsageError("pass either NAME and its keys, or --found")
    if name is not None:
        read = [parse_argument(text) for text in keys]
        if twice := {key for key, _ in read if [other for other, _ in read].count(key) > 1}:
            raise click.UsageError(f"{min(twice)!r} is given twice")
        tables = {name: editor.device_table(name, {key: editor.encode(value) for key, value in read})}
    else:
        from daemons.cli.discover import format_table

        new = [one for one in search_hardware(context, driver, timeout, whole=True) if one.is_new]
        tables = {str(one.name): format_table(one) for one in new}
        if not tables:
            click.echo("No new hardware was found; nothing was written.")
            return
        for one in new:
            if one.found.note:
                click.secho(f"{one.name}: {one.found.note}", fg="yellow", err=True)
    try:
        editor.add(context.config, tables)
    except errors.HouseError as error:
        error.add_note("Nothing was written.")
        raise
    them = "them" if len(tables) > 1 else "it"
    click.echo(f"Added {', '.join(tables)} to {context.config}; `house reload` starts {them}.")


def search_hardware(context: Context, driver: str | None, seconds: float, *, whole: bool = False) -> Any:
    """Search, and print the failures on standard error; with `whole`, the configuration must be valid."""
    from daemons.cli import discover
    from daemons.config import loader

    words = loader.words("drivers")
    if driver is not None:
        if driver not in words:
            raise click.UsageError(f"there is no driver {driver!r}; {suggest(driver, words)}")
        if not discover.can_search(driver):
            raise click.UsageError(
                f"the driver {driver!r} cannot search; write its devices into the file yourself"
            )
        words = [driver]
    house = None
    try:
        house = context.load_house()
    except errors.ConfigurationError:
        if whole:
            raise
        click.secho(
            f"{context.config} has mistakes (`house check` lists them), so its devices are unknown here.",
            fg="yellow",
            err=True,
        )
    with search_notice(seconds):
        seen, failures = discover.search(words, house, seconds, strict=driver is not None)
    for failure in failures:
        click.secho(f"Skipped {failure}", fg="yellow", err=True)
    return seen


@click.command(name="try")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Also test a device that heats or moves; stay nearby.")
@click.pass_obj
@click.pass_context
def try_(ctx: click.Context, context: Context, name: str, yes: bool) -> None:
    """Test a device's hardware: read it, switch it on and off again, and print each result.

    The device's process must not run. A sensor is only read; for a button, the test waits for a press.

    Exit status: 0 all steps worked, 1 a step failed.
    """
    from daemons.cli.trial import REPORT_SECONDS, HardwareTest

    house = context.load_house()
    context.select_names(house.roster, (name,))
    try:
        trial = HardwareTest(house.devices[name])
    except errors.Rejected as error:
        raise click.UsageError(str(error)) from error
    if trial.risk and not yes:
        raise click.UsageError(f"{name}: {trial.risk}; stay nearby, and add --yes")
    context.enter_run_directory()
    worked = True
    try:
        with trial:
            if trial.waits_for_press:
                click.echo(f"Press {name} within {REPORT_SECONDS:g} s{trial.how_to_press}.")
            for step in trial.steps():
                worked = worked and step.worked
                mark = click.style("✓", fg="green") if step.worked else click.style("✗", fg="red")
                click.echo(f"{mark} {step.what:<30} {step.milliseconds:6.0f} ms   {step.detail}".rstrip())
    except KeyboardInterrupt:
        worked = False
        click.echo(err=True)
    click.secho(f"{name}: {trial.outcome(worked)}", fg=None if worked else "red", err=not worked)
    ctx.exit(0 if worked else 1)


@click.command()
@click.argument("name", required=False)
@json_option
@click.pass_obj
def kinds(context: Context, name: str | None, as_json: bool) -> None:
    """List the kinds with their options and commands, or print the options of one kind."""
    from daemons.cli.catalog import add_all_extensions, print_catalog

    add_all_extensions("kinds", context.config)
    print_catalog("kinds", name, as_json)


@click.command()
@click.argument("name", required=False)
@json_option
@click.pass_obj
def drivers(context: Context, name: str | None, as_json: bool) -> None:
    """List the drivers with their options and what they need, or print the options of one driver."""
    from daemons.cli.catalog import add_all_extensions, print_catalog

    add_all_extensions("drivers", context.config)
    print_catalog("drivers", name, as_json)
