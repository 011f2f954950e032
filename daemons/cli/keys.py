"""Verbs for the keys of programs and hosts."""

import json
from pathlib import Path

import click
import msgspec

from daemons.cli.context import Context, json_option
from daemons.values import suggest


@click.group()
def keys() -> None:
    """Manage the keys of programs: what each program may receive, publish and command."""


@keys.command("make")
@click.argument("name")
@click.option(
    "--hear",
    multiple=True,
    metavar="TOPIC",
    help='Topics that the program receives: "*" for all, or "toaster/".',
)
@click.option("--say", multiple=True, metavar="DEVICE/", help="Devices whose state the program publishes.")
@click.option("--command", multiple=True, metavar="DEVICE/", help="Devices that the program may command.")
@click.option("--to", type=click.Path(path_type=Path), help="The file for the key.  [default: NAME.key]")
@click.pass_obj
def keys_make(
    context: Context,
    name: str,
    hear: tuple[str, ...],
    say: tuple[str, ...],
    command: tuple[str, ...],
    to: Path | None,
) -> None:
    """Make a key for a program and write it into a file; an earlier key of this name no longer works."""
    from daemons.bus import keys as keyring
    from daemons.bus.endpoints import tcp_endpoint

    path = (to or Path(f"{name}.key")).absolute()
    house = context.load_house()
    context.enter_run_directory()
    endpoint = tcp_endpoint(*house.gateway) if house.gateway else None
    try:
        key = keyring.make_key(name, endpoint, path, hear=hear, say=say, command=command)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{path} is the key of {name}, which {key}; keep it secret.")
    roster = house.roster
    foreign = [name for name, peer in roster.peers.items() if peer.every_seconds is not None]
    for option, prefixes, known in (
        ("hear", key.hear, [*roster.peers, *roster.services]),
        ("say", key.say, foreign),
        ("command", key.command, list(roster.peers)),
    ):
        for prefix in prefixes:
            if prefix != "*" and (target := prefix.partition("/")[0]) not in known:
                what = 'no device with driver = "foreign"' if option == "say" else "no process of this house"
                click.secho(f"--{option} {prefix}: {target} is {what}; {suggest(target, known)}", fg="yellow")
    if endpoint is None:
        click.secho("[exchange] has no address, so no program can connect over the network yet.", fg="yellow")


@keys.command("list")
@json_option
@click.pass_obj
def keys_list(context: Context, as_json: bool) -> None:
    """List the keys, and what each program may do."""
    from daemons.bus import keys as keyring

    context.enter_run_directory()
    found = keyring.read_keys(lambda name, why: click.secho(f"{name}: {why}", fg="yellow", err=True))
    if as_json:
        click.echo(
            json.dumps({"keys": {name: msgspec.to_builtins(key) for name, key in found.items()}}, indent=2)
        )
        return
    for name, key in found.items():
        click.echo(f"{click.style(name, bold=True)}  {key}")
    if not found:
        click.echo("No program may connect over the network; `house keys make NAME` makes a key for one.")


@keys.command("revoke")
@click.argument("name")
@click.pass_obj
def keys_revoke(context: Context, name: str) -> None:
    """Revoke the key of a program; a connected program is disconnected within two seconds."""
    from daemons.bus import keys as keyring

    context.enter_run_directory()
    known = keyring.read_keys(lambda *_: None)
    if not keyring.revoke_key(name):
        raise click.UsageError(f"there is no key {name!r}; {suggest(name, known)}")
    click.echo(f"The key of {name} is revoked.")


@keys.command("own")
@click.pass_obj
def keys_own(context: Context) -> None:
    """Print this host's public key, for [hosts.NAME] in the configuration of all hosts."""
    from daemons.storage.key_pair import own_key_pair

    context.enter_run_directory()
    click.echo(own_key_pair().public_key)
