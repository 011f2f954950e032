"""Verbs that start, stop, change, check and drill a house."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import Context, count_devices, json_option, progress_counter, timeout_option

if TYPE_CHECKING:
    from daemons.config.house import House

PAGE_SECONDS = 5.0
"""How long `up` waits for the mirror's page once all devices are ready."""


@click.command()
@timeout_option
@click.option("--foreground", is_flag=True, help="Keep running until the house ends, for a service manager.")
@click.option("--second", is_flag=True, hidden=True, help="Start a second supervisord for `house upgrade`.")
@click.option("--attach", is_flag=True, hidden=True, help="Go on as --foreground after `house upgrade`.")
@click.pass_obj
def up(context: Context, timeout: float, foreground: bool, second: bool, attach: bool) -> None:
    """Start the house, and wait until every device is ready.

    If `house install` has made a systemd unit for this house, systemd starts it.
    """
    from daemons.supervision import operations, ready
    from daemons.supervision.systemd import unit_for_root

    if attach:  # a mistake in the file that came meanwhile does not end the house
        watch_house(context, None)
        return
    house = context.load_own_house()
    if second:
        context.enter_run_directory()
        operations.begin_second(house, context.run)
        return
    if not foreground and (unit := unit_for_root(context.run)):
        unit.call("start")
        click.echo(f"systemd runs the house: {unit.name} ({unit.path}).")
        return
    if foreground:
        watch_house(context, house)
        return
    context.enter_run_directory()
    began = time.monotonic()
    unit = checked_unit(context)
    with progress_counter("ready") as progress:
        if unit:
            started = unit.start()
            operations.wait_installed(timeout, progress)
        else:
            started = operations.up(house, context.run, timeout, progress)
    if unit:
        click.echo(f"systemd runs the house: {unit.name} ({unit.path}).")
    if started:
        where = f" on {house.host}" if house.host else ""
        took_seconds = time.monotonic() - began
        click.echo(f"{house.settings.name} is up{where}: {count_devices(house.own)} in {took_seconds:.1f} s.")
    else:
        click.echo(f"{house.settings.name} is up already; nothing was done.")
        if changes := operations.plan(house, context.run):
            names = ", ".join(change.name for change in changes)
            click.echo(f"The configuration has changed since ({names}); `house reload` applies it.")
    url, fault = ready.wait_page(house.roster, PAGE_SECONDS)
    if url:
        click.echo(f"The mirror is on {click.style(url, bold=True)}")
    elif fault:
        click.secho(f"The mirror serves no page: {fault}", fg="yellow")
    click.echo("`house mirror` shows it, `house logs` prints its logs, `house down` ends it.")


def watch_house(context: Context, house: "House | None") -> None:
    """Run a house in the foreground; without `house`, one that runs already."""
    from daemons.supervision.foreground import run_foreground
    from daemons.supervision.notify import Notifier

    context.enter_run_directory()
    run_foreground(house, context.run, Notifier())


@click.command()
@click.pass_obj
def down(context: Context) -> None:
    """End the house; if systemd runs it, until the next boot or `house up`."""
    from daemons.supervision import operations
    from daemons.supervision.systemd import find_unit, unit_for_root

    stopped = "The house is down; systemd has stopped {} and starts it at the next boot."
    if unit := unit_for_root(context.run):
        unit.call("stop")
        click.echo(stopped.format(unit.name))
        return
    context.enter_run_directory()
    unit = find_unit(context.run)
    if unit and unit.stop():
        operations.down()  # ends what was started without the unit
        click.echo(stopped.format(unit.name))
        return
    click.echo(operations.down() or "The house was not up; nothing was done.")


def checked_unit(context: Context) -> Any:
    """Return the systemd unit of this house; None without one.

    Raises UsageError if the unit has another configuration file.
    """
    from daemons.supervision.systemd import find_unit

    unit = find_unit(context.run)
    if unit and unit.config != context.config:
        raise click.UsageError(
            f"{unit.name} runs the house in {context.run} with the configuration {unit.config}; "
            f"`house install` writes it again for {context.config}"
        )
    return unit


@click.command()
@click.argument("names", nargs=-1, required=True)
@timeout_option
@click.pass_obj
def restart(context: Context, names: tuple[str, ...], timeout: float) -> None:
    """Restart devices, and wait until they are ready; no other process is affected."""
    from daemons.supervision import operations

    roster = context.enter_and_read_roster()
    selected = context.select_names(roster, names, *roster.services)
    began = time.monotonic()
    with progress_counter("ready again") as progress:
        operations.restart(selected, timeout, progress)
    click.echo(f"Restarted {', '.join(selected)} in {time.monotonic() - began:.2f} s.")


def select_stoppable(context: Context, names: tuple[str, ...]) -> list[str]:
    """Return the named processes; the steward cannot be stopped, because it watches all others."""
    from daemons.bus.message import STEWARD

    roster = context.enter_and_read_roster()
    return context.select_names(roster, names, *(name for name in roster.services if name != STEWARD))


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def stop(context: Context, names: tuple[str, ...]) -> None:
    """Stop devices until you start them again, also after `down`, `up` and reboots."""
    from daemons.supervision import operations

    selected = select_stoppable(context, names)
    operations.stop(selected)
    click.echo(f"Stopped {', '.join(selected)}; `house start` starts again.")


@click.command()
@click.argument("names", nargs=-1, required=True)
@timeout_option
@click.pass_obj
def start(context: Context, names: tuple[str, ...], timeout: float) -> None:
    """Start devices that were stopped, and wait until they are ready."""
    from daemons.supervision import operations

    selected = select_stoppable(context, names)
    with progress_counter("ready") as progress:
        operations.start(selected, timeout, progress)
    click.echo(f"Started {', '.join(selected)}.")


@click.command()
@click.option("--tomorrow", is_flag=True, help="Show what the next day brings by itself instead.")
@click.option(
    "--replay",
    metavar="WHEN",
    help='Show instead what would have been different since then: "7d", "2h", or a date and time.',
)
@json_option
@click.pass_obj
def plan(context: Context, tomorrow: bool, replay: str | None, as_json: bool) -> None:
    """Show what `reload` would do, and why; nothing is changed.

    What devices would forget comes first, for example after an upgrade, or if a device gets another kind.
    """
    from daemons.cli.forgotten import forgotten
    from daemons.supervision import operations
    from daemons.values import printable

    if tomorrow and replay is not None:
        raise click.UsageError("--tomorrow and --replay do not go together")
    if replay is not None:
        from daemons.cli.replay import print_replay

        print_replay(context, replay, as_json=as_json)
        return
    if tomorrow:
        from daemons.cli.rehearse import print_tomorrow

        print_tomorrow(context.load_house(), as_json=as_json)
        return
    house = context.load_own_house()
    context.enter_run_directory()
    changes = operations.plan(house, context.run)
    if house.files.included:
        from daemons.config.plan import with_places

        place = house.locator().place
        changes = [with_places(change, place) for change in changes]
    lost = forgotten(house)
    if as_json:
        click.echo(msgspec.json.encode({"changes": changes} | ({"forgotten": lost} if lost else {})))
        return
    for name, texts in lost.items():
        for text in texts:
            click.secho(printable(f"{name} would forget: {text}"), fg="yellow")
    print_plan(changes, house)
    if not changes:
        click.echo("Nothing would change.")


def print_plan(changes: list[Any], house: Any) -> None:
    """Print the plan of a reload in words."""
    from daemons.cli.plan_text import plan_parts, summary
    from daemons.storage.installed import INSTALLED
    from daemons.supervision import install
    from daemons.values import printable

    installed = install.installed_house() if INSTALLED.exists() else None

    def format_place(place: str | None) -> str:
        return click.style(f"  ({place})", dim=True) if place else ""

    for part in plan_parts(changes, installed, house):
        click.echo(click.style(printable(part.head), bold=True) + format_place(part.place))
        for line in part.lines:
            shown = [
                click.style(printable(text), fg=colour)
                for text, colour in ((line.old, "red"), (line.new, "green"))
                if text is not None
            ]
            text = printable(line.text) + (f": {' → '.join(shown)}" if shown else "")
            click.echo(
                f"    {click.style(text, fg='yellow') if line.is_warning else text}{format_place(line.place)}"
            )
    if changes and installed is not None:
        click.echo(f"\n{summary(changes, house)}")


@click.command()
@timeout_option
@click.option("--untested", is_flag=True, help="Reload also if a story of the house does not hold.")
@click.pass_obj
def reload(context: Context, timeout: float, untested: bool) -> None:
    """Apply the configuration to the running house; only changed processes are restarted.

    If the house has stories (`house test`), they are played first.
    """
    from daemons.cli.rehearse import refuse_failing_stories
    from daemons.supervision import operations

    house = context.load_own_house()
    if not untested:
        refuse_failing_stories(house)
    context.enter_run_directory()
    with progress_counter("ready") as progress:
        changes = operations.reload(house, context.run, timeout, progress)
    for action, done in (("start", "Started"), ("restart", "Restarted"), ("stop", "Stopped")):
        if names := [change.name for change in changes if change.action == action]:
            click.echo(f"{done}: {', '.join(names)}.")
    if not changes:
        click.echo("Nothing has changed for any process; none was restarted.")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, context: Context, file: Path | None, as_json: bool) -> None:
    """Check a configuration and print every mistake; exit status 2 if there is one."""
    context = Context(file or context.config, context.run)
    problems: tuple[Any, ...] = ()
    try:
        house = context.load_house()
    except errors.ConfigurationError as error:
        problems = error.problems
        if not as_json:
            raise
    if as_json:
        click.echo(
            msgspec.json.encode({"file": str(context.config), "ok": not problems, "problems": problems})
        )
        ctx.exit(2 if problems else 0)
    files = f" in {len(house.files.included) + 1} files" if house.files.included else ""
    click.echo(f"{context.config}: {count_devices(house.devices)}{files}, no problem.")


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05, 24 * 60), default=1.0, show_default=True)
@click.option("--seed", type=int, help="Repeat the drill of this seed.  [default: a new one each time]")
@click.option("--yes-real-hardware", is_flag=True, help="Allow a drill that switches real hardware.")
@click.option("--list", "list_faults", is_flag=True, help="Print the faults, and change nothing.")
@json_option
@click.pass_obj
@click.pass_context
def drill(
    ctx: click.Context,
    context: Context,
    minutes: float,
    seed: int | None,
    yes_real_hardware: bool,
    list_faults: bool,
    as_json: bool,
) -> None:
    """Break the running house at random, and check that it keeps its promises.

    The drill kills, freezes, starves and restarts processes, reloads the house, fills disks, makes
    simulated hardware slow or mute, and floods sockets. `--list` prints all faults.

    Exit status: 0 every promise was kept, 1 a promise was broken.
    """
    from daemons.cli.drill_faults import FAULTS

    if list_faults:
        effects = {name: fault.effect for name, fault in FAULTS.items()}
        lines = [f"{name:8} {effect}" for name, effect in effects.items()]
        click.echo(json.dumps(effects, indent=2) if as_json else "\n".join(lines))
        return
    from rich.console import Console
    from rich.progress import Progress

    from daemons.cli.drill import Drill, real_hardware
    from daemons.cli.drill_report import figures
    from daemons.cli.terminal import drill_screen
    from daemons.storage.installed import INSTALLED
    from daemons.supervision import install
    from daemons.supervision.running import check_up

    context.enter_and_read_roster()
    house = install.installed_house() if INSTALLED.exists() else context.load_house()
    if (names := real_hardware(house)) and not yes_real_hardware:
        raise click.UsageError(
            f"{', '.join(names)} would be switched on for real; --yes-real-hardware allows it"
        )
    check_up()
    seed = seed if seed is not None else int.from_bytes(os.urandom(3))
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"Drilling (seed {seed})", total=minutes * 60)
        report = Drill(house, context.run, seed).run(
            minutes * 60, lambda spent: bar.update(task, completed=spent)
        )
    if as_json:
        click.echo(json.dumps(figures(report), indent=2))
    else:
        Console().print(drill_screen.drill_report(figures(report)))
    ctx.exit(0 if report.is_kept else 1)
