"""The verbs `house fleet`, `house fleet show` and `house fleet send`."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemons import errors
from daemons.cli.arguments import parse_argument
from daemons.cli.context import EXIT_NO_ANSWER, EXIT_REJECTED, json_option, quiet_exit
from daemons.values import printable

if TYPE_CHECKING:
    from daemons.cli.fleet.desk import Desk

WAIT_SECONDS = 15.0
"""How long the retained messages may take, without a terminal."""
FILE = click.Path(path_type=Path, dir_okay=False)
OPTIONS = (
    click.option(
        "--broker",
        "brokers",
        multiple=True,
        metavar="URL",
        help="The broker: mqtts://host:port, or mqtt:// without TLS. Several ones are tried in turn.",
    ),
    click.option(
        "--prefix", help='The levels of the topics before the name of a house; "" for none.  [default: fleet]'
    ),
    click.option("--username", help="The user at the broker."),
    click.option("--password-file", type=FILE, help="Its first line is the password."),
    click.option("--ca-file", type=FILE, help="The authorities to trust with TLS (PEM)."),
    click.option("--certificate-file", type=FILE, help="The certificate of this client (PEM)."),
    click.option("--key-file", type=FILE, help="Its key, if it is in another file (PEM)."),
    click.option(
        "--file",
        type=FILE,
        envvar="HOUSE_FLEET",
        show_envvar=True,
        help="A TOML file with these options: broker or brokers, prefix, username, password_file, ca_file, "
        "certificate_file, key_file.",
    ),
)
FILES = ("password_file", "ca_file", "certificate_file", "key_file")
GIVEN = ("brokers", "prefix", "username", *FILES)
KEY = "house_fleet"


def broker_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the broker to a verb."""
    for option in reversed(OPTIONS):
        verb = option(verb)
    return verb


@click.group(invoke_without_command=True)
@broker_options
@click.option("--filter", "filter_", default="", metavar="TEXT", help="Show only houses with these words.")
@click.option(
    "--sort",
    type=click.Choice(["state", "house", "name", "version", "configuration", "devices", "faults", "heard"]),
    default="state",
    show_default=True,
    help="The order of the houses.",
)
@json_option
@click.pass_context
def fleet(ctx: click.Context, /, filter_: str, sort: str, as_json: bool, **given: Any) -> None:
    """Show many houses at one MQTT broker, live; without a terminal, once.

    The house "4711" below the prefix "fleet" has `prefix = "fleet/4711"` in its table [bridge]. The password
    can also stand in the environment variable HOUSE_PASSWORD_FLEET.
    """
    ctx.meta[KEY] = given
    if ctx.invoked_subcommand:
        return
    from rich.console import Console

    from daemons.cli.fleet.houses import Fleet, document, select
    from daemons.cli.fleet.session import FleetSession
    from daemons.cli.terminal.fleet_rows import plain_rows
    from daemons.runtime.clock import uptime

    desk = desk_of(ctx)
    houses = Fleet(desk.base)

    def on_message(topic: str, payload: bytes, is_retained: bool) -> None:
        houses.on_message(topic, payload, uptime(), time.time(), is_retained=is_retained)

    console = Console()
    is_live = sys.stdout.isatty() and not console.is_dumb_terminal and not as_json
    with quiet_exit(), FleetSession(desk, [f"{desk.base}+/bridge/+"], on_message) as session:
        if is_live:
            from daemons.cli.terminal.fleet_view import FleetView
            from daemons.cli.terminal.fleet_viewer import FleetViewer

            place = f"{desk.prefix or 'All houses'} at {desk.place}"
            FleetViewer(console, session, houses, FleetView(filter_, sort), place).run()
            return
        session.wait_until_quiet(WAIT_SECONDS)
        with session.changed:
            rows = select(houses.rows(uptime()), filter_, sort)
        if as_json:
            click.echo(json.dumps(document(houses, desk.prefix, rows, time.time()), indent=2))
            return
        for line in plain_rows(rows):
            click.echo(line)
        if wrong := houses.ignored + houses.left_out:
            click.echo(f"{wrong} messages were ignored: not valid, or of too many houses", err=True)


def desk_of(ctx: click.Context) -> "Desk":
    """Return the options of the broker, those of the verb before those of `house fleet`."""
    missing_library()
    from daemons.cli.fleet.desk import make_desk

    outer: dict[str, Any] = ctx.meta[KEY]
    inner = {key: value for key in GIVEN if (value := ctx.params.get(key)) not in (None, ())}
    given = {key: outer[key] for key in GIVEN} | inner
    given |= {key: given[key].absolute() for key in FILES if given[key] is not None}
    file = ctx.params.get("file") or outer["file"]
    try:
        return make_desk(file, given)
    except errors.ConfigurationError:
        raise
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def missing_library() -> None:
    """Raise UsageError if the MQTT library is not installed."""
    from daemons.config.loader import missing_library as missing

    if text := missing("aiomqtt"):
        raise click.UsageError(f"`house fleet` {text}")


def checked(text: str, what: str) -> str:
    """Return a name that may stand in a topic; raises UsageError for any other."""
    from daemons.bus.message import NAME
    from daemons.cli.fleet.houses import HOUSE

    if not (HOUSE if what == "house" else NAME).fullmatch(text):
        raise click.UsageError(f"{text!r} is no name of a {what}")
    return text


@fleet.command()
@click.argument("house")
@broker_options
@json_option
@click.pass_context
def show(ctx: click.Context, /, house: str, as_json: bool, **_: Any) -> None:
    """Show the devices of one house: their presence, phase and faults."""
    import msgspec
    from rich.console import Console

    desk = desk_of(ctx)
    from daemons.cli.fleet.houses import Fleet
    from daemons.cli.fleet.one_house import OneHouse
    from daemons.cli.fleet.session import FleetSession
    from daemons.cli.terminal.fleet_rows import house_devices, house_head
    from daemons.runtime.clock import uptime

    base = f"{desk.base}{checked(house, 'house')}/"
    houses, devices = Fleet(desk.base), OneHouse(base)

    def on_message(topic: str, payload: bytes, is_retained: bool) -> None:
        if topic.startswith(f"{base}bridge/"):
            houses.on_message(topic, payload, uptime(), time.time(), is_retained=is_retained)
        else:
            devices.on_message(topic, payload)

    with quiet_exit(), FleetSession(desk, [f"{base}+/+"], on_message) as session:
        session.wait_until_quiet(WAIT_SECONDS)
    rows = houses.rows(uptime())
    if not rows:
        at = f"{desk.base}{house} at {desk.place}"
        raise errors.MessageError(f"there is no message of {at}; `house fleet` lists the houses")
    if as_json:
        found = {**msgspec.to_builtins(rows[0]), "at": time.time()}
        found["device_states"] = msgspec.to_builtins(devices.devices)
        click.echo(json.dumps(found, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    with quiet_exit():
        console.print(*house_head(rows[0], desk.place), sep="\n")
        console.print(house_devices(devices.devices))


@fleet.command()
@click.argument("house")
@click.argument("device")
@click.argument("command")
@click.argument("args", nargs=-1, metavar="[KEY=VALUE]...")
@broker_options
@click.option(
    "--timeout",
    type=click.FloatRange(0.5, 60),
    default=10.0,
    show_default=True,
    help="Seconds until the command expires.",
)
@json_option
@click.pass_context
def send(
    ctx: click.Context,
    /,
    house: str,
    device: str,
    command: str,
    args: tuple[str, ...],
    timeout: float,
    as_json: bool,
    **_: Any,
) -> None:
    """Send a command to a device of one house, and print the receipt.

    It is sent again with the same id if the connection is cut, and carried out once.

    Exit status: 0 applied, 3 rejected or expired, 4 no answer.
    """
    import msgspec

    desk = desk_of(ctx)
    from daemons.cli.fleet.command import Target
    from daemons.cli.fleet.command import send as send_command
    from daemons.processes.bridge.commands import BrokerCommand

    target = Target(checked(house, "house"), checked(device, "device"))
    arguments = dict(parse_argument(text) for text in args)
    try:
        request = msgspec.convert(
            {"command": command, "args": arguments, "timeout_seconds": timeout}, BrokerCommand
        )
    except msgspec.ValidationError as error:
        raise click.UsageError(f"not a valid command: {error}") from error
    receipt = send_command(desk, target, request)
    if as_json:
        click.echo(msgspec.json.encode(receipt))
    else:
        colour = "green" if receipt.outcome == "applied" else "red"
        outcome = click.style(receipt.outcome, fg=colour)
        reason = f": {printable(receipt.reason)}" if receipt.reason else ""
        click.echo(f"{house}/{device}: {command} {outcome}{reason} [{receipt.id}]")
    ctx.exit({"applied": 0, "unanswered": EXIT_NO_ANSWER}.get(receipt.outcome, EXIT_REJECTED))
