"""Verbs for hardware: discover, add, try, and the catalogs of kinds and drivers."""

import json
from typing import Any

import click

from daemons import errors
from daemons.cli.context import Site, as_json, searching, waiting
from daemons.values import suggest


@click.command()
@click.option("--driver", help="Search with this driver only.  [default: with all of them]")
@searching
@click.option("--toml", "as_toml", is_flag=True, help="Tables for the configuration, ready to be pasted.")
@as_json
@click.pass_obj
def discover(site: Site, driver: str | None, timeout: float, as_toml: bool, as_json: bool) -> None:
    """Search the local network for hardware that the house can use."""
    from rich.console import Console

    from daemons.cli import discover as discover_

    seen = found(site, driver, timeout)
    if as_json:
        click.echo(json.dumps([discover_.as_builtins(one) for one in seen], indent=2))
    elif as_toml:
        click.echo("\n".join(discover_.table_of(one) for one in seen if one.is_new), nl=False)
    elif not seen:
        click.echo(discover_.ABSENT.format(seconds=timeout))
    else:
        discover_.show(seen, Console())
        if number := sum(one.is_new for one in seen):
            click.echo(
                f"{number} new; `house add --found` writes {'them' if number > 1 else 'it'} into "
                f"{site.config}, `house discover --toml` prints what that would be."
            )
    if as_toml and not any(one.is_new for one in seen):
        click.echo("Nothing was found that is not in the configuration already.", err=True)


@click.command()
@click.argument("name", required=False)
@click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--found", "search", is_flag=True, help="Add all that `house discover` finds and is new.")
@click.option("--driver", help="With --found: search with this driver only.")
@searching
@click.pass_obj
def add(
    site: Site, name: str | None, keys: tuple[str, ...], search: bool, driver: str | None, timeout: float
) -> None:
    """Write a device into the configuration, at its end.

    For example: house add kettle kind=plug driver=shelly shelly.address=192.168.1.7

    A VALUE that is TOML is what TOML says, anything else is text. Comments and layout stay as they are;
    what `house check` would refuse is not written.
    """
    from daemons.config import editor

    if (name is None) != search:
        raise click.UsageError("say either NAME and its keys, or --found")
    if name is not None:
        try:
            read = [editor.argument(text) for text in keys]
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if twice := {key for key, _ in read if [other for other, _ in read].count(key) > 1}:
            raise click.UsageError(f"{min(twice)!r} is given twice")
        tables = {name: editor.device_table(name, dict(read))}
    else:
        from daemons.cli.discover import table_of

        new = [one for one in found(site, driver, timeout, whole=True) if one.is_new]
        tables = {str(one.name): table_of(one) for one in new}
        if not tables:
            click.echo("Nothing was found that is not in the configuration already; nothing was written.")
            return
        for one in new:
            if one.found.note:
                click.secho(f"{one.name}: {one.found.note}", fg="yellow", err=True)
    try:
        editor.add(site.config, tables)
    except errors.HouseError as error:
        error.args = (f"{error}\nNothing was written.",)
        raise
    them = "them" if len(tables) > 1 else "it"
    click.echo(f"Added {', '.join(tables)} to {site.config}; `house reload` starts {them}.")


def found(site: Site, driver: str | None, seconds: float, *, whole: bool = False) -> Any:
    """Search, and say on standard error what was passed over; `whole`: the configuration must be right."""
    from daemons.cli import discover
    from daemons.config import loader

    words = list(loader.available("drivers"))
    if driver is not None:
        if driver not in words:
            raise click.UsageError(f"there is no driver {driver!r}; {suggest(driver, words)}")
        if not discover.searchable(driver):
            raise click.UsageError(f"the driver {driver!r} cannot search; what it reaches is yours to know")
        words = [driver]
    house = None
    try:
        house = site.house()
    except errors.ConfigurationError:
        if whole:
            raise
        click.secho(
            f"{site.config} cannot be used (`house check` says why); what it holds is not known.",
            fg="yellow",
            err=True,
        )
    with waiting(seconds):
        seen, failures = discover.search(words, house, seconds, strict=driver is not None)
    for failure in failures:
        click.secho(f"Passed over {failure}", fg="yellow", err=True)
    return seen


@click.command(name="try")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Also what heats or moves; be there.")
@click.pass_obj
@click.pass_context
def try_(ctx: click.Context, site: Site, name: str, yes: bool) -> None:
    """Read a device's hardware, switch it on and off again, and say what worked.

    Its process must not run. What drives nothing is only read, or waited for to be pressed.
    Exit status: 0 all worked, 1 something did not.
    """
    from daemons.cli.trial import LISTEN_SECONDS, Trial

    house = site.house()
    site.names(house.roster, (name,))
    try:
        trial = Trial(house.devices[name])
    except errors.Rejected as error:
        raise click.UsageError(str(error)) from error
    if trial.danger and not yes:
        raise click.UsageError(f"{name}: {trial.danger}; be there, and say --yes")
    site.enter()
    worked = True
    try:
        with trial:
            if trial.waits_for_press:
                click.echo(f"Press {name} within {LISTEN_SECONDS:g} s{trial.how_to_press}.")
            for step in trial.steps():
                worked = worked and step.worked
                mark = click.style("✓", fg="green") if step.worked else click.style("✗", fg="red")
                click.echo(f"{mark} {step.what:<30} {step.milliseconds:6.0f} ms   {step.told}".rstrip())
    except KeyboardInterrupt:
        worked = False
        click.echo(err=True)
    click.secho(f"{name}: {trial.outcome(worked)}", fg=None if worked else "red", err=not worked)
    ctx.exit(0 if worked else 1)


@click.command()
@as_json
def kinds(as_json: bool) -> None:
    """List what an appliance can be, with its options and commands."""
    from daemons.cli.catalog import print_catalogue

    print_catalogue("kinds", as_json)


@click.command()
@as_json
def drivers(as_json: bool) -> None:
    """List how an appliance can be reached, with its options."""
    from daemons.cli.catalog import print_catalogue

    print_catalogue("drivers", as_json)
