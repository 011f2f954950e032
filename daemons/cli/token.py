"""Verbs for the tokens of the mirror's page: the owner's, and those of persons."""

import json
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from daemons.cli.context import Context, json_option
from daemons.errors import HouseError
from daemons.values import Seconds, suggest

if TYPE_CHECKING:
    from daemons.processes.mirror.page.person_tokens import PersonToken


QR = click.option(
    "--qr/--no-qr",
    default=None,
    help="Print a QR code with which a phone signs in.  [default: on a terminal]",
)


@click.group(invoke_without_command=True)
@click.option("--remove", is_flag=True, help="Remove the token; the page is then served on loopback only.")
@QR
@click.pass_context
def token(ctx: click.Context, remove: bool, qr: bool | None) -> None:
    """Make the token for the mirror's page; the previous token no longer works.

    This token gives all rights. `house token make` makes a token for one person, with fewer rights.
    """
    if ctx.invoked_subcommand:
        if remove:
            raise click.UsageError("--remove removes the owner's token; it takes no other word")
        return
    from daemons.processes.mirror.page import auth

    context: Context = ctx.obj
    context.enter_run_directory()
    if remove:
        auth.remove_token()
        click.echo("The token was removed.")
        return
    text = auth.make_token()
    click.echo(text)
    click.secho("The page asks for it once in each browser. It is printed only now.", err=True)
    print_sign_in(context, text, qr)


@token.command("make")
@click.argument("name")
@click.option(
    "--see",
    multiple=True,
    metavar="DEVICE,DEVICE",
    help='Devices that the person sees: "*" for the whole house, or "toaster".',
)
@click.option(
    "--command", multiple=True, metavar="DEVICE,DEVICE", help="Devices that the person may command."
)
@click.option("--manage", is_flag=True, help="Let the person restart, stop and start processes.")
@click.option(
    "--edit", is_flag=True, help='Let the person edit devices; needs --see "*", and `edit` of the mirror.'
)
@click.option("--for", "duration", metavar="DURATION", help='How long the token is valid, such as "7d".')
@QR
@click.pass_obj
def token_make(
    context: Context,
    name: str,
    see: tuple[str, ...],
    command: tuple[str, ...],
    manage: bool,
    edit: bool,
    duration: str | None,
    qr: bool | None,
) -> None:
    """Make a token for a person, with rights for the page; an earlier token of this name no longer works."""
    from daemons.processes.mirror.page import auth, person_tokens

    house = context.load_house()
    context.enter_run_directory()
    try:
        seconds = None if duration is None else float(Seconds.parse(duration))
        if seconds is not None and seconds <= 0:
            raise ValueError(duration)
    except ValueError as error:
        raise click.UsageError(f"--for {duration}: allowed is {Seconds.allowed}") from error
    try:
        text, made = person_tokens.make_person_token(
            name, split(see), split(command), seconds, manage=manage, edit=edit
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(text)
    click.secho(f"This is the token of {name}, who {describe(made)}. It is printed only now.", err=True)
    print_sign_in(context, text, qr)
    known = list(house.roster.peers)
    mirrors = [device for device, peer in house.roster.peers.items() if peer.kind == "mirror"]
    for option, prefixes in (("see", made.see), ("command", made.command)):
        for prefix in prefixes:
            target = prefix.partition("/")[0]
            if prefix != "*" and target not in known:
                why = f"{target} is no device of this house; {suggest(target, known)}"
            elif option == "see" and target in mirrors:
                why = 'a mirror is shown only with --see "*", because its sentence names all devices'
            elif prefix not in ("*", f"{target}/"):
                why = f'this is no device, so it gives no right; did you mean "{target}"?'
            else:
                continue
            click.secho(f"--{option} {prefix}: {why}", fg="yellow", err=True)
    if edit and not any(house.devices[device].options.edit for device in mirrors):
        why = "editing is off; `edit = true` in the table of the mirror switches it on"
        click.secho(f"--edit: {why}", fg="yellow", err=True)
    if not auth.TOKEN_PATH.exists():
        click.secho(
            "There is no owner's token, so the page is open without any token on this machine, "
            "and behind a reverse proxy on it. `house token` makes one.",
            fg="yellow",
            err=True,
        )


@token.command("list")
@json_option
@click.pass_obj
def token_list(context: Context, as_json: bool) -> None:
    """List the tokens of persons, and what each person may do."""
    from daemons.processes.mirror.page import auth, person_tokens

    context.enter_run_directory()
    found = person_tokens.read_tokens(lambda name, why: click.secho(f"{name}: {why}", fg="yellow", err=True))
    if as_json:
        tokens = {name: describe_json(each) for name, each in found.items()}
        click.echo(json.dumps({"owner": auth.TOKEN_PATH.exists(), "tokens": tokens}, indent=2))
        return
    for name, each in found.items():
        click.echo(f"{click.style(name, bold=True)}  {describe(each)}")
    if not found:
        click.echo("No person has a token; `house token make NAME` makes one.")


@token.command("revoke")
@click.argument("name")
@click.pass_obj
def token_revoke(context: Context, name: str) -> None:
    """Revoke the token of a person; the person's open pages are disconnected within about a second."""
    from daemons.processes.mirror.page import person_tokens

    context.enter_run_directory()
    known = [path.stem for path in sorted(person_tokens.FOLDER.glob("*.toml"))]
    if not person_tokens.revoke_person_token(name):
        raise click.UsageError(f"{name!r} has no token; {suggest(name, known)}")
    click.echo(f"The token of {name} is revoked.")


def print_sign_in(context: Context, text: str, wanted: bool | None) -> None:
    """Print the QR code with the page's address and a token, or why there is none.

    `wanted` is None if the person has not said it: then the code is only for a terminal. It is printed to the
    standard error, because scripts read the token.
    """
    from daemons.cli import sign_in_code

    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        return
    try:
        devices = context.load_house().devices.values()
    except HouseError as error:
        click.secho(f"There is no QR code, because the configuration has mistakes: {error}", err=True)
        return
    mirrors = [device for device in devices if device.kind.role == "mirror"]
    urls = [url for mirror in mirrors if (url := sign_in_code.sign_in_url(mirror.options, text))]
    if urls:
        click.secho("A phone in the same network signs in with this code:", err=True)
        sign_in_code.print_code(urls[0], sys.stderr)
    else:
        why = 'a phone cannot reach the page: set `address = "0.0.0.0"` and a fixed `port` of the mirror'
        click.secho(f"There is no QR code, because {why}.", err=True)


def split(values: tuple[str, ...]) -> list[str]:
    """Return the names of an option that may be repeated, and may have several names with commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def describe(made: "PersonToken") -> str:
    """Return the rights of a token and its end as a phrase."""
    if made.until is None:
        return str(made)
    until = datetime.fromtimestamp(made.until).astimezone().isoformat(" ", "minutes")
    return f"{made}; {'expired' if made.is_expired(time.time()) else 'until'} {until}"


def describe_json(made: "PersonToken") -> dict[str, Any]:
    """Return the rights of a token and its end as JSON; never its hashes."""
    return {
        "see": made.see,
        "command": made.command,
        "manage": made.manage,
        "edit": made.edit,
        "until": made.until,
        "expired": made.is_expired(time.time()),
    }
