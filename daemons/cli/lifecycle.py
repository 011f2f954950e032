"""Verbs that start, stop, change and drill a house: up, down, restart, stop, start, plan, reload, check."""

import json
import os
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import Site, as_json, count, counting, patient, toml

PAGE_SECONDS = 5.0
"""How long `up` waits for the mirror's page, when all else is ready."""


@click.command()
@patient
@click.pass_obj
def up(site: Site, timeout: float) -> None:
    """Start the house, and wait until every device is ready."""
    from daemons.supervision import operations, ready

    house = site.own_house()
    site.enter()
    began = time.monotonic()
    with counting("ready") as progress:
        started = operations.up(house, site.run, timeout, progress)
    if started:
        where = f" on {house.host}" if house.host else ""
        click.echo(
            f"{house.settings.name} is up{where}: {count(house.own)} in {time.monotonic() - began:.1f} s."
        )
    else:
        click.echo(f"{house.settings.name} is up already; nothing was done.")
        if changes := operations.plan(house, site.run):
            names = ", ".join(change.name for change in changes)
            click.echo(f"The configuration has changed since ({names}); `house reload` applies it.")
    url, fault = ready.wait_page(house.roster, PAGE_SECONDS)
    if url:
        click.echo(f"The mirror is on {click.style(url, bold=True)}")
    elif fault:
        click.secho(f"The mirror shows no page: {fault}", fg="yellow")
    click.echo("`house mirror` shows it, `house logs` tells what happens, `house down` ends it.")


@click.command()
@click.pass_obj
def down(site: Site) -> None:
    """End the house."""
    from daemons.supervision import operations

    site.enter()
    click.echo("The house is down." if operations.down() else "The house was not up; nothing was done.")


@click.command()
@click.argument("names", nargs=-1, required=True)
@patient
@click.pass_obj
def restart(site: Site, names: tuple[str, ...], timeout: float) -> None:
    """Restart devices, and wait until they are ready; no other one notices."""
    from daemons.supervision import operations

    roster = site.running()
    wanted = site.names(roster, names, *roster.services)
    began = time.monotonic()
    with counting("ready again") as progress:
        operations.restart(wanted, timeout, progress)
    click.echo(f"Restarted {', '.join(wanted)} in {time.monotonic() - began:.2f} s.")


def stoppable(site: Site, names: tuple[str, ...]) -> list[str]:
    """Give the processes that were named: any but the steward, without which nobody would be watched over."""
    from daemons.bus.message import STEWARD

    roster = site.running()
    return site.names(roster, names, *(name for name in roster.services if name != STEWARD))


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def stop(site: Site, names: tuple[str, ...]) -> None:
    """Stop devices, until you start them again: over `down`, `up` and reboots."""
    from daemons.supervision import operations

    wanted = stoppable(site, names)
    operations.stop(wanted)
    click.echo(f"Stopped {', '.join(wanted)}; `house start` starts again.")


@click.command()
@click.argument("names", nargs=-1, required=True)
@patient
@click.pass_obj
def start(site: Site, names: tuple[str, ...], timeout: float) -> None:
    """Start devices that were stopped, and wait until they are ready."""
    from daemons.supervision import operations

    wanted = stoppable(site, names)
    with counting("ready") as progress:
        operations.start(wanted, timeout, progress)
    click.echo(f"Started {', '.join(wanted)}.")


@click.command()
@as_json
@click.pass_obj
def plan(site: Site, as_json: bool) -> None:
    """Show what `reload` would do, and why; nothing is changed."""
    from daemons.supervision import operations

    house = site.own_house()
    site.enter()
    changes = operations.plan(house, site.run)
    if as_json:
        click.echo(msgspec.json.encode({"changes": changes}))
        return
    for change in changes:
        click.secho(f"{change.action} {change.name}", bold=True)
        for found in change.differences:
            old, new = click.style(toml(found.old), fg="red"), click.style(toml(found.new), fg="green")
            click.echo(f"    {found.key}: {old} → {new}")
    if not changes:
        click.echo("Nothing would change.")


@click.command()
@patient
@click.pass_obj
def reload(site: Site, timeout: float) -> None:
    """Make the running house what the configuration says now; nothing else is touched."""
    from daemons.supervision import operations

    house = site.own_house()
    site.enter()
    with counting("ready") as progress:
        changes = operations.reload(house, site.run, timeout, progress)
    for action, done in (("start", "Started"), ("restart", "Restarted"), ("stop", "Stopped")):
        if names := [change.name for change in changes if change.action == action]:
            click.echo(f"{done}: {', '.join(names)}.")
    if not changes:
        click.echo("Nothing has changed for any process; none was touched.")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@as_json
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, site: Site, file: Path | None, as_json: bool) -> None:
    """Check a configuration and print everything that is wrong with it; exit status 2 if anything is."""
    site = Site(file or site.config, site.run)
    problems: tuple[Any, ...] = ()
    try:
        house = site.house()
    except errors.ConfigurationError as error:
        problems = error.problems
        if not as_json:
            raise
    if as_json:
        click.echo(msgspec.json.encode({"file": str(site.config), "ok": not problems, "problems": problems}))
        ctx.exit(2 if problems else 0)
    click.echo(f"{site.config}: {count(house.devices)}, no problem.")


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05, 24 * 60), default=1.0, show_default=True)
@click.option("--seed", type=int, help="Repeat the drill of that seed.  [default: another one each time]")
@click.option("--yes-real-hardware", is_flag=True, help="Drill a house in which real things are switched.")
@as_json
@click.pass_obj
@click.pass_context
def drill(
    ctx: click.Context, site: Site, minutes: float, seed: int | None, yes_real_hardware: bool, as_json: bool
) -> None:
    """Kill, freeze, restart, reload and flood the running house at random, and see if it keeps its promises.

    Exit status: 0 every promise was kept, 1 one was broken.
    """
    from rich.console import Console
    from rich.progress import Progress

    from daemons.cli.drill import Drill, real_hardware
    from daemons.cli.drill_report import figures
    from daemons.cli.terminal import screen
    from daemons.supervision import install

    site.running()
    house = install.installed_house() if install.INSTALLED.exists() else site.house()
    if (names := real_hardware(house)) and not yes_real_hardware:
        raise click.UsageError(
            f"{', '.join(names)} would be switched on for real; --yes-real-hardware allows it"
        )
    seed = seed if seed is not None else int.from_bytes(os.urandom(3))
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"Drilling (seed {seed})", total=minutes * 60)
        verdict = Drill(house, site.run, seed).run(
            minutes * 60, lambda spent: bar.update(task, completed=spent)
        )
    if as_json:
        click.echo(json.dumps(figures(verdict), indent=2))
    else:
        Console().print(screen.verdict(figures(verdict)))
    ctx.exit(0 if verdict.is_kept else 1)
