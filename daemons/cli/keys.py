"""Verbs for access: the token of the mirror's page, and the keys of programs and hosts."""

import json
from pathlib import Path

import click
import msgspec

from daemons.cli.context import (
    Site,
    as_json,
)
from daemons.values import suggest


@click.command()
@click.option("--remove", is_flag=True, help="Have none any more: then the page is served on loopback only.")
@click.pass_obj
def token(site: Site, remove: bool) -> None:
    """Make the token that the mirror's page asks for; the one before it is worth nothing any more."""
    from daemons.processes.mirror.page import auth

    site.enter()
    if remove:
        auth.TOKEN_PATH.unlink(missing_ok=True)
        click.echo("There is no token any more.")
        return
    click.echo(auth.make_token())
    click.secho("The page asks for it once in each browser; it is told here only now.", err=True)


@click.group()
def keys() -> None:
    """Say which programs may come in over the network, and what each may hear, say and command."""


@keys.command("make")
@click.argument("name")
@click.option("--hear", multiple=True, metavar="TOPIC", help='What it hears: "*" for all, or "toaster/".')
@click.option("--say", multiple=True, metavar="DEVICE/", help="For which devices it speaks.")
@click.option("--command", multiple=True, metavar="DEVICE/", help="Which devices it commands.")
@click.option("--to", type=click.Path(path_type=Path), help="Where its file is written.  [default: NAME.key]")
@click.pass_obj
def keys_make(
    site: Site,
    name: str,
    hear: tuple[str, ...],
    say: tuple[str, ...],
    command: tuple[str, ...],
    to: Path | None,
) -> None:
    """Make a key for a program, in a file to give it; one of that name before is worth nothing."""
    from daemons.bus import keys as keyring
    from daemons.bus.endpoints import tcp_endpoint

    to = (to or Path(f"{name}.key")).absolute()
    house = site.house()
    site.enter()
    endpoint = tcp_endpoint(*house.gateway) if house.gateway else None
    try:
        key = keyring.make_key(name, endpoint, to, hear=hear, say=say, command=command)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{to} lets in who has it, as {name}, which {key}; keep it secret.")
    roster = house.roster
    foreign = [name for name, peer in roster.peers.items() if peer.every_seconds is not None]
    for option, reaches, known in (
        ("hear", key.hear, [*roster.peers, *roster.services]),
        ("say", key.say, foreign),
        ("command", key.command, list(roster.peers)),
    ):
        for reach in reaches:
            if reach != "*" and (word := reach.partition("/")[0]) not in known:
                what = 'no device with driver = "foreign"' if option == "say" else "nobody in this house"
                click.secho(f"--{option} {reach}: {word} is {what}; {suggest(word, known)}", fg="yellow")
    if endpoint is None:
        click.secho("[exchange] has no address, so nobody is let in over the network yet.", fg="yellow")


@keys.command("list")
@as_json
@click.pass_obj
def keys_list(site: Site, as_json: bool) -> None:
    """Show who may come in, and what each may do."""
    from daemons.bus import keys as keyring

    site.enter()
    found = keyring.read_keys(lambda name, why: click.secho(f"{name}: {why}", fg="yellow", err=True))
    if as_json:
        click.echo(
            json.dumps({"keys": {name: msgspec.to_builtins(key) for name, key in found.items()}}, indent=2)
        )
        return
    for name, key in found.items():
        click.echo(f"{click.style(name, bold=True)}  {key}")
    if not found:
        click.echo("Nobody may come in over the network; `house keys make NAME` lets a program in.")


@keys.command("revoke")
@click.argument("name")
@click.pass_obj
def keys_revoke(site: Site, name: str) -> None:
    """Let a program in no more; one that is in is out within a second or two."""
    from daemons.bus import keys as keyring

    site.enter()
    known = keyring.read_keys(lambda *_: None)
    if not keyring.revoke_key(name):
        raise click.UsageError(f"there is no key {name!r}; {suggest(name, known)}")
    click.echo(f"{name} is let in no more.")


@keys.command("own")
@click.pass_obj
def keys_own(site: Site) -> None:
    """Print the public half of this host's own key, for [hosts.NAME] in the configuration of all hosts."""
    from daemons.bus import keys as keyring

    site.enter()
    click.echo(keyring.own_key_pair().public_key)
