"""Verbs that show a house: status, mirror, watch, logs, history."""

import itertools
import json
import logging
import sys
import time
from datetime import tzinfo
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import (
    Context,
    colour_by_level,
    format_clock_time,
    house_timezone,
    json_option,
    name_styler,
    quiet_exit,
    status_source,
    strip_name,
    terminal_width,
)
from daemons.values import printable, suggest


@click.command()
@click.argument("name", required=False)
@json_option
@click.pass_obj
def status(context: Context, name: str | None, as_json: bool) -> None:
    """Show every device once; with NAME, show all that is known of one device."""
    with status_source(context) as (roster, get_status):
        if name is not None:
            context.select_names(roster, (name,), *roster.services)
        found = get_status()
        if as_json:
            click.echo(json.dumps(found if name is None else of_one(found, name), indent=2))
            return
        if not found["up"]:
            raise errors.NotUp
        zone = house_timezone(roster)
        if name is not None:
            print_one(context, name, found, zone)
            return
        from rich.console import Console

        from daemons.cli.terminal import screen

        screen.print_status(found, zone, Console())


def of_one(status: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the part of the status document that is about one process."""
    found = status["devices"].get(name) or status["services"][name]
    return {"device": name, "at": status["at"], "up": status["up"], **found}


def print_one(context: Context, name: str, status: dict[str, Any], zone: tzinfo) -> None:
    """Print all that is known of one process."""
    from textwrap import wrap

    from daemons.cli.device_status import LABEL_WIDTH, last_reason, status_lines

    reason = last_reason(context, name, zone) if name in status["devices"] else None
    indent = " " * (LABEL_WIDTH + 4)
    with quiet_exit():
        for line in status_lines(name, of_one(status, name), status["at"], zone, reason):
            for part in wrap(printable(line), terminal_width(), subsequent_indent=indent) or [""]:
                click.echo(part)


@click.command()
@click.pass_obj
def mirror(context: Context) -> None:
    """Show the house live, until q or Ctrl-C; keys send commands and restart processes."""
    from rich.console import Console

    from daemons.cli.terminal import screen

    console = Console()
    with quiet_exit():
        while console.is_dumb_terminal or not sys.stdout.isatty():
            with status_source(context) as (_, get_status):
                click.echo(screen.plain_status(get_status()) + "\n")
            time.sleep(1)
        from daemons.cli.terminal.viewer import Viewer

        context.enter_run_directory()
        Viewer(console, lambda: status_source(context)).run()


@click.command()
@click.argument("names", nargs=-1)
@json_option
@click.pass_obj
def watch(context: Context, names: tuple[str, ...], as_json: bool) -> None:
    """Show the messages of the devices live, one on each line, until Ctrl-C."""
    import zmq

    from daemons.bus.message import STEWARD, Report, State, encode, topic
    from daemons.bus.sockets import Subscriber
    from daemons.supervision.running import check_up

    roster = context.enter_and_read_roster()
    selected = context.select_names(roster, names, *roster.services)
    check_up()
    zone = house_timezone(roster)
    zmq_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = Subscriber(zmq_context, selected, logging.getLogger("house"))
    style_name = name_styler(selected)
    with quiet_exit():
        for messages in subscriber.receive_until(float("inf")):
            for message in messages:
                if as_json:
                    click.echo(encode({"topic": topic(message).decode(), **msgspec.to_builtins(message)}))
                    continue
                moment = format_clock_time(message.at, zone)
                if isinstance(message, State):
                    fields = " ".join(
                        f"{key}={value}" for key, value in message.state.items() if value is not None
                    )
                    cause = f" [{message.cause}]" if message.cause else ""
                    click.echo(f"{moment} {style_name(message.device)} {printable(fields)}{cause}")
                elif isinstance(message, Report):
                    reason = f", after: {printable(message.reason)}" if message.reason else ""
                    click.echo(
                        f"{moment} {style_name(STEWARD)} process {message.device}: {message.life}{reason}"
                    )


@click.command()
@click.argument("names", nargs=-1)
@click.option("-n", "--lines", default=20, show_default=True, help="How many past lines to show first.")
@click.option(
    "--follow/--no-follow", "-f", default=True, help="Show new lines until Ctrl-C, or end.  [default: follow]"
)
@click.pass_obj
def logs(context: Context, names: tuple[str, ...], lines: int, follow: bool) -> None:
    """Show the logs of the devices, merged by time.

    The log of supervisord is shown only if you name it.
    """
    from daemons.cli.remote_logs import RemoteLogs
    from daemons.storage.installed import INSTALLED
    from daemons.supervision import install
    from daemons.supervision import logs as log_files
    from daemons.supervision.log_time import in_house_time

    context.enter_run_directory()
    local = sorted(file.stem for file in Path("log").glob("*.log"))
    roster = install.installed_roster() if INSTALLED.exists() else None
    zone = house_timezone(roster) if roster else None
    remote = [name for name in roster.peers if roster.is_distant(name)] if roster else []
    known = sorted({*local, *remote})
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no log of {name!r}; {suggest(name, known)}")
    selected = list(names) or [name for name in known if name != "supervisord"]
    style_name = name_styler(selected)
    selected_local = [name for name in selected if name not in remote]
    with quiet_exit(), RemoteLogs([name for name in selected if name in remote]) as remote_logs:
        past = log_files.merge_lines(
            {name: log_files.last_lines(name, lines) for name in selected_local}
            | remote_logs.last_lines(lines),
            lines,
        )
        following = log_files.follow(selected_local, remote_logs.lines) if follow else iter(())
        for line in itertools.chain(past, following):
            text = in_house_time(strip_name(line), zone) if zone else strip_name(line)
            click.echo(f"{style_name(line.name)} {colour_by_level(text)}")


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--since",
    default="2h",
    show_default=True,
    metavar="WHEN",
    help='How long ago ("90s", "2h", "7d"), or a date and time in the house\'s timezone.',
)
@click.option("--until", metavar="WHEN", help="The end, in the same form.  [default: now]")
@click.option(
    "--points",
    type=click.IntRange(10, 100_000),
    default=300,
    show_default=True,
    help="How many points of a measurement; 8760 has each hour of a year.",
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print a table (RFC 4180) with a row for each phase and each value."
)
@click.option(
    "--by",
    metavar="REASON",
    help='Show only the changes with this reason: "hand", "rule", "rule:hall_motion", "command:page".',
)
@click.option(
    "--inputs",
    "shows_inputs",
    is_flag=True,
    help="Show what came from outside instead: commands, presses, hands, sensors, faults.",
)
@json_option
@click.pass_obj
def history(
    context: Context,
    names: tuple[str, ...],
    since: str,
    until: str | None,
    points: int,
    as_csv: bool,
    by: str | None,
    shows_inputs: bool,
    as_json: bool,
) -> None:
    """Show the past phases of the devices, with times and causes."""
    from daemons.bus.message import RECORDER
    from daemons.storage import history as history_file
    from daemons.storage import history_table

    if shows_inputs and (as_csv or by is not None):
        raise click.UsageError(f"--inputs does not go with {'--csv' if as_csv else '--by'}")
    roster = context.enter_and_read_roster()
    selected = context.select_names(roster, names, *(roster.services if names else ()))
    now = time.time()
    timezone = house_timezone(roster)
    times = []
    for option, text in (("--since", since), ("--until", until)):
        try:
            times.append(now if text is None else history_file.parse_time(text, timezone, now))
        except ValueError as error:
            raise click.UsageError(f"{option}: {error}") from error
    begin, end = times
    if begin >= end:
        raise click.UsageError("--since must be earlier than --until")
    if RECORDER not in roster.services and not history_file.PATH.exists():
        raise errors.HistoryError(
            "this house keeps no history; in its configuration, [recorder] has enabled = false"
        )
    titles = {name: name.capitalize() for name in roster.services}
    titles.update((name, peer.title) for name, peer in roster.peers.items())
    if shows_inputs:
        print_inputs({*selected, *(() if names else (None,))}, begin, end, titles, timezone, as_json)
        return
    found = history_file.read(history_file.PATH, selected, begin, end, points, by, zone=timezone)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console

    from daemons.cli.terminal import plot

    if as_csv:
        click.echo(history_table.format_history(found, timezone), nl=False)
        return
    with quiet_exit():
        if by is not None:
            for line in plot.audit_lines(printable(found), titles, timezone):
                click.echo(line)
            return
        plot.print_history(found, titles, timezone, Console())


def print_inputs(
    names: set[str | None],
    since: float,
    until: float,
    titles: dict[str, str],
    zone: tzinfo,
    as_json: bool,
) -> None:
    """Print the recorded inputs of some devices; None stands for those of the whole house."""
    from daemons.storage.history import PATH
    from daemons.storage.recorded_inputs import read_inputs

    found = [one for one in read_inputs(PATH, since, until) if one.device in names]
    if as_json:
        click.echo(json.dumps([one._asdict() for one in found], indent=2))
        return
    from daemons.cli.terminal.input_text import input_lines

    with quiet_exit():
        for line in input_lines(found, titles, zone):
            click.echo(printable(line))
