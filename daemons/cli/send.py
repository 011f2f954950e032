"""Verbs that send a command to a device: send, press, on, off, toggle."""

import json
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.arguments import parse_argument
from daemons.cli.context import (
    EXIT_NO_ANSWER,
    EXIT_REJECTED,
    Context,
    json_option,
    quiet_exit,
    terminal_width,
)
from daemons.values import printable

WORDS_OF_PRESS = ("press", "single")
"""The commands that `house press` may send: that of a wall switch, and that of a button."""

expiry_option = click.option(
    "--timeout",
    type=click.FloatRange(0.01, 300),
    default=2.0,
    show_default=True,
    help="Seconds until the command expires.",
)
name_argument = click.argument("name")
pairs_argument = click.argument("args", nargs=-1, metavar="[KEY=VALUE]...")


@click.command()
@name_argument
@click.argument("command", required=False)
@pairs_argument
@expiry_option
@json_option
@click.pass_obj
@click.pass_context
def send(
    ctx: click.Context,
    context: Context,
    name: str,
    command: str | None,
    args: tuple[str, ...],
    timeout: float,
    as_json: bool,
) -> None:
    """Send a command to a device and print the receipt; without COMMAND, list the device's commands.

    A VALUE in TOML keeps its type: true, 5, "text", [1, 2]. Any other VALUE is text.

    Exit status: 0 applied, 3 rejected or expired, 4 no answer.
    """
    roster = context.enter_and_read_roster()
    context.select_names(roster, (name,))
    if command is None:
        print_commands(context, name, as_json=as_json)
        return
    if "=" in command:
        raise click.UsageError(f"{command!r} is no command; `house send {name}` lists its commands")
    send_and_print(ctx, name, command, args, timeout, as_json=as_json)


def short_form(verb: str, help_text: str) -> click.Command:
    """Return the verb that sends the command of the same name; `toggle` and `press` choose the command."""

    @click.command(verb, help=help_text)
    @name_argument
    @pairs_argument
    @expiry_option
    @json_option
    @click.pass_obj
    @click.pass_context
    def send_word(
        ctx: click.Context, context: Context, name: str, args: tuple[str, ...], timeout: float, as_json: bool
    ) -> None:
        roster = context.enter_and_read_roster()
        context.select_names(roster, (name,))
        command = chosen_command(verb, name, roster.peers[name].kind)
        send_and_print(ctx, name, command, args, timeout, as_json=as_json)

    return send_word


press = short_form("press", "Press a wall switch or a button; short for `house send NAME press`.")
on = short_form("on", "Turn a device on; short for `house send NAME on`.")
off = short_form("off", "Turn a device off; short for `house send NAME off`.")
toggle = short_form("toggle", "Turn a device on if it is off, and off if it is on; or what its button does.")


def chosen_command(verb: str, name: str, word: str) -> str:
    """Return the command that a short form sends to a device of a kind.

    Raises UsageError if the kind has none for it, and NoAnswer if its state is needed and does not arrive.
    """
    from daemons.config.loader import kind_or_none

    kind = kind_or_none(word)
    if kind is None:
        return verb  # the device itself refuses what it does not know
    commands = [command.__name__.lower() for command in kind.commands]
    wanted = WORDS_OF_PRESS if verb == "press" else (verb,)
    found = next((command for command in wanted if command in commands), None)
    if found is None and verb == "toggle" and kind.primary_commands:
        found = kind.primary_command(present_state(name))
    if found is None:
        raise click.UsageError(missing_text(verb, name, word, commands))
    return found


def missing_text(verb: str, name: str, word: str, commands: Iterable[str]) -> str:
    """Return that a device has not the command of a verb, and which ones it has."""
    listed = ", ".join(commands)
    if not listed:
        return f"{name} is a {word}, and takes no command"
    return (
        f"{name} is a {word}, and has no command {verb}; it has: {listed}. `house send {name}` explains them"
    )


def present_state(name: str) -> dict[str, Any]:
    """Return the present state of a device; raises NoAnswer if it publishes none in time."""
    from daemons.cli.why import HEAR_SECONDS, hear_states
    from daemons.supervision.running import check_up

    check_up()
    for state in hear_states([name]):
        return dict(state.state)
    raise errors.NoAnswer(name, HEAR_SECONDS, f"its state is not known; `house status {name}` shows why")


def send_and_print(
    ctx: click.Context, name: str, command: str, args: tuple[str, ...], timeout: float, *, as_json: bool
) -> None:
    """Send a command, print its receipt, and end with the exit status of its outcome."""
    import zmq

    from daemons.bus import message
    from daemons.bus.requests.blocking import send_command
    from daemons.bus.requests.protocol import TERMINAL, new_command
    from daemons.supervision.running import check_up

    request = new_command(command, timeout, dict(parse_argument(text) for text in args), who=TERMINAL)
    try:
        message.decode_command(message.encode(request))
    except errors.MessageError as error:
        raise click.UsageError(f"not a valid command: {error}") from error
    check_up()
    zmq_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        receipt = send_command(zmq_context, name, request)
    except errors.NoAnswer as error:
        if not as_json:
            raise
        unanswered = {"id": request.id, "device": name, "outcome": "unanswered", "reason": str(error)}
        click.echo(json.dumps(unanswered))
        ctx.exit(EXIT_NO_ANSWER)
    finally:
        zmq_context.destroy()
    if as_json:
        click.echo(msgspec.json.encode(receipt))
    elif receipt.outcome == "applied":
        click.echo(f"{name}: {command} {click.style('applied', fg='green')} [{receipt.id}]")
    else:
        outcome = click.style(receipt.outcome, fg="red")
        click.echo(f"{name}: {command} {outcome}: {printable(receipt.reason)} [{receipt.id}]")
    ctx.exit(0 if receipt.outcome == "applied" else EXIT_REJECTED)


def print_commands(context: Context, name: str, *, as_json: bool) -> None:
    """Print the commands of a device that it can carry out, with their arguments and an example."""
    from daemons.cli.command_list import command_lines, describe_commands, example, without_lacking
    from daemons.cli.why import installed_house
    from daemons.config.ability import lacking
    from daemons.config.house import usable_commands

    house = installed_house(context)
    device = house.devices[name]
    described = describe_commands(device.kind, usable_commands(device))
    commands = without_lacking(described, lacking(device.kind, device.driver, device.driver_options))
    shown = example(name, commands, house.roster.peers[name].control)
    if as_json:
        document = {"device": name, "kind": device.kind.word, "commands": commands, "example": shown}
        click.echo(json.dumps(document, indent=2))
        return
    if not commands:
        click.echo(f"{device.title} is a {device.kind.word}, and takes no command.")
        return
    with quiet_exit():
        click.echo(f"{device.title} ({name}) takes these commands:\n")
        for line in command_lines(commands, terminal_width()):
            click.echo(line)
        click.echo(f"\nFor example: {shown}")
