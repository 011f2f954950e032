"""Verbs that show a house and send it commands: status, mirror, send, watch, logs, history."""

import itertools
import json
import logging
import sys
import time
from pathlib import Path

import click
import msgspec

from daemons import errors
from daemons.cli.context import (
    EXIT_NO_ANSWER,
    EXIT_REJECTED,
    Site,
    argument,
    as_json,
    asking,
    clock,
    grave,
    painter,
    untouched,
    without_name,
    zone,
)
from daemons.values import suggest, printable


@click.command()
@as_json
@click.pass_obj
def status(site: Site, as_json: bool) -> None:
    """Show every device once."""
    with asking(site) as (roster, ask):
        if as_json:
            click.echo(json.dumps(ask(), indent=2))
            return
        from rich.console import Console

        from daemons.cli.terminal import screen

        screen.show(ask(), zone(roster), Console())


@click.command()
@click.pass_obj
def mirror(site: Site) -> None:
    """Show the house live, until q or Ctrl-C; its keys press, start, stop and restart."""
    from rich.console import Console

    from daemons.cli.terminal import screen

    console = Console()
    with untouched():
        while console.is_dumb_terminal or not sys.stdout.isatty():
            with asking(site) as (_, ask):
                click.echo(screen.plain(ask()) + "\n")
            time.sleep(1)
        from daemons.cli.terminal.viewer import Viewer

        site.enter()
        Viewer(console, lambda: asking(site)).run()


@click.command()
@click.argument("name")
@click.argument("command")
@click.argument("args", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--timeout",
    type=click.FloatRange(0.01, 300),
    default=2.0,
    show_default=True,
    help="Seconds until nobody wants it any more.",
)
@as_json
@click.pass_obj
@click.pass_context
def send(
    ctx: click.Context,
    site: Site,
    name: str,
    command: str,
    args: tuple[str, ...],
    timeout: float,
    as_json: bool,
) -> None:
    """Send a command to a device and print the receipt.

    Exit status: 0 applied, 3 rejected or expired, 4 no answer.
    """
    import zmq

    from daemons.bus import message
    from daemons.bus.requests.blocking import send_command
    from daemons.bus.requests.protocol import new_command

    site.names(site.running(), (name,))
    wish = new_command(command, timeout, dict(argument(text) for text in args))
    try:
        message.decode_command(message.encode(wish))
    except errors.MessageError as error:
        raise click.UsageError(f"that is no command: {error}") from error
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        receipt = send_command(context, name, wish)
    except errors.NoAnswer as error:
        if not as_json:
            raise
        click.echo(json.dumps({"id": wish.id, "device": name, "outcome": "unanswered", "reason": str(error)}))
        ctx.exit(EXIT_NO_ANSWER)
    finally:
        context.destroy()
    if as_json:
        click.echo(msgspec.json.encode(receipt))
    elif receipt.outcome == "applied":
        click.echo(f"{name}: {command} {click.style('applied', fg='green')} [{receipt.id}]")
    else:
        outcome = click.style(receipt.outcome, fg="red")
        click.echo(f"{name}: {command} {outcome}: {printable(receipt.reason)} [{receipt.id}]")
    ctx.exit(0 if receipt.outcome == "applied" else EXIT_REJECTED)


@click.command()
@click.argument("names", nargs=-1)
@as_json
@click.pass_obj
def watch(site: Site, names: tuple[str, ...], as_json: bool) -> None:
    """Show what the devices say to each other, live, a line a message, until Ctrl-C."""
    import zmq

    from daemons.bus.message import STEWARD, Report, State, encode, topic
    from daemons.bus.sockets import Subscriber

    roster = site.running()
    wanted = site.names(roster, names, *roster.services)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = Subscriber(context, wanted, logging.getLogger("house"))
    paint = painter(wanted)
    with untouched():
        for messages in subscriber.receive_until(float("inf")):
            for heard in messages:
                if as_json:
                    click.echo(encode({"topic": topic(heard).decode(), **msgspec.to_builtins(heard)}))
                elif isinstance(heard, State):
                    fields = " ".join(
                        f"{key}={value}" for key, value in heard.state.items() if value is not None
                    )
                    cause = f" [{heard.cause}]" if heard.cause else ""
                    click.echo(f"{clock(heard.at)} {paint(heard.device)} {printable(fields)}{cause}")
                elif isinstance(heard, Report):
                    why = f", after: {printable(heard.reason)}" if heard.reason else ""
                    click.echo(
                        f"{clock(heard.at)} {paint(STEWARD)} process {heard.device}: {heard.life}{why}"
                    )


@click.command()
@click.argument("names", nargs=-1)
@click.option("-n", "--lines", default=20, show_default=True, help="How many past lines to begin with.")
@click.option(
    "--follow/--no-follow", "-f", default=True, help="Go on until Ctrl-C, or end.  [default: follow]"
)
@click.pass_obj
def logs(site: Site, names: tuple[str, ...], lines: int, follow: bool) -> None:
    """Show the devices' logs as one, across their restarts; supervisord's own only when it is named."""
    from daemons.cli.remote_logs import Distance
    from daemons.supervision import install
    from daemons.supervision import logs as log_files

    site.enter()
    here = sorted(file.stem for file in Path("log").glob("*.log"))
    roster = install.installed_roster() if install.INSTALLED.exists() else None
    distant = [n for n, peer in roster.peers.items() if roster.is_distant(n)] if roster else []
    known = sorted({*here, *distant})
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no log of {name!r}; {suggest(name, known)}")
    wanted = list(names) or [name for name in known if name != "supervisord"]
    paint = painter(wanted)
    near = [name for name in wanted if name not in distant]
    with untouched(), Distance([name for name in wanted if name in distant]) as far:
        past = log_files.merge_lines(
            {name: log_files.last_lines(name, lines) for name in near} | far.last_lines(lines), lines
        )
        coming = log_files.follow(near, far.lines) if follow else iter(())
        for line in itertools.chain(past, coming):
            click.echo(f"{paint(line.name)} {grave(without_name(line))}")


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--since",
    default="2h",
    show_default=True,
    metavar="WHEN",
    help='How long ago ("90s", "2h", "7d"), or a date and time in the house\'s timezone.',
)
@click.option("--csv", "as_csv", is_flag=True, help="A table (RFC 4180), a line a stretch or a point.")
@as_json
@click.pass_obj
def history(site: Site, names: tuple[str, ...], since: str, as_csv: bool, as_json: bool) -> None:
    """Show what the devices did, since when, and why."""
    from daemons.bus.message import RECORDER
    from daemons.storage import history as history_

    roster = site.running()
    wanted = site.names(roster, names, *(roster.services if names else ()))
    now = time.time()
    try:
        begin = history_.parse_time(since, zone(roster), now)
    except ValueError as error:
        raise click.UsageError(f"--since: {error}") from error
    if RECORDER not in roster.services and not history_.PATH.exists():
        raise errors.HistoryError(
            "this house keeps no history; in its configuration, [recorder] has enabled = false"
        )
    found = history_.read(history_.PATH, wanted, begin, now, history_.MOST_POINTS)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console

    from daemons.cli.terminal import plot

    if as_csv:
        click.echo(plot.comma_separated(found, zone(roster)), nl=False)
        return
    titles = {name: name.capitalize() for name in roster.services}
    titles.update((name, peer.title) for name, peer in roster.peers.items())
    with untouched():
        plot.show(found, titles, zone(roster), Console())
