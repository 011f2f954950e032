"""The `house` command: what a person does with a house. A verb is a few lines, and imports what it uses."""

import itertools
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import __version__, errors
from daemons.console import (
    EXIT_NO_ANSWER,
    EXIT_REJECTED,
    Site,
    Verbs,
    argument,
    as_json,
    asking,
    clock,
    count,
    counting,
    grave,
    painter,
    patient,
    searching,
    toml,
    untouched,
    waiting,
    without_name,
    zone,
)
from daemons.value import choose, printable

PAGE_SECONDS = 5.0
"""How long `up` waits for the mirror's page, when all else is ready."""


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="HOUSE_CONFIG",
    default=Path("config/house.toml"),
    show_default=True,
    show_envvar=True,
    help="What the house is made of.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    envvar="HOUSE_RUN",
    default=Path("run"),
    show_default=True,
    show_envvar=True,
    help="Where it lives; another one is another house.",
)
@click.option(
    "--host",
    envvar="HOUSE_HOST",
    show_envvar=True,
    help="Which host of the house this is; said once, at the first `up`.",
)
@click.version_option(__version__, prog_name="house")
@click.pass_context
def main(ctx: click.Context, config: Path, run: Path, host: str | None) -> None:
    """Run a home in which every appliance is its own process."""
    ctx.obj = Site(config, run, host)


@main.command()
@patient
@click.pass_obj
def up(site: Site, timeout: float) -> None:
    """Start the house, and wait until every device is ready."""
    from daemons import operate

    house = site.own_house()
    site.enter()
    began = time.monotonic()
    with counting("ready") as progress:
        started = operate.up(house, site.run, timeout, progress)
    if started:
        where = f" on {house.host}" if house.host else ""
        click.echo(
            f"{house.settings.name} is up{where}: {count(house.own)} in {time.monotonic() - began:.1f} s."
        )
    else:
        click.echo(f"{house.settings.name} is up already; nothing was done.")
        if changes := operate.plan(house, site.run):
            names = ", ".join(change.name for change in changes)
            click.echo(f"The configuration has changed since ({names}); `house reload` applies it.")
    url, fault = operate.wait_page(house.roster, PAGE_SECONDS)
    if url:
        click.echo(f"The mirror is on {click.style(url, bold=True)}")
    elif fault:
        click.secho(f"The mirror shows no page: {fault}", fg="yellow")
    click.echo("`house mirror` shows it, `house logs` tells what happens, `house down` ends it.")


@main.command()
@click.pass_obj
def down(site: Site) -> None:
    """End the house."""
    from daemons import operate

    site.enter()
    click.echo("The house is down." if operate.down() else "The house was not up; nothing was done.")


@main.command()
@as_json
@click.pass_obj
def status(site: Site, as_json: bool) -> None:
    """Show every device once."""
    with asking(site) as (roster, ask):
        if as_json:
            click.echo(json.dumps(ask(), indent=2))
            return
        from rich.console import Console

        from daemons.terminal import screen

        screen.show(ask(), zone(roster), Console())


@main.command()
@click.pass_obj
def mirror(site: Site) -> None:
    """Show the house live, until q or Ctrl-C; its keys press, start, stop and restart."""
    from rich.console import Console

    from daemons.terminal import screen

    console = Console()
    with untouched():
        while console.is_dumb_terminal or not sys.stdout.isatty():
            with asking(site) as (_, ask):
                click.echo(screen.plain(ask()) + "\n")
            time.sleep(1)
        from daemons.terminal.viewer import Viewer

        site.enter()
        Viewer(console, lambda: asking(site)).run()


@main.command()
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

    from daemons import bus, message

    site.names(site.running(), (name,))
    wish = bus.command(command, timeout, dict(argument(text) for text in args))
    try:
        message.decode_command(message.encode(wish))
    except errors.MessageError as error:
        raise click.UsageError(f"that is no command: {error}") from error
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        receipt = bus.ask(context, name, wish)
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


@main.command()
@click.argument("names", nargs=-1)
@as_json
@click.pass_obj
def watch(site: Site, names: tuple[str, ...], as_json: bool) -> None:
    """Show what the devices say to each other, live, a line a message, until Ctrl-C."""
    import zmq

    from daemons.bus import Subscriber
    from daemons.message import STEWARD, Report, State, encode, topic

    roster = site.running()
    wanted = site.names(roster, names, *roster.services)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = Subscriber(context, wanted, logging.getLogger("house"))
    paint = painter(wanted)
    with untouched():
        while subscriber.socket.poll():
            for heard in subscriber.receive():
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


@main.command()
@click.argument("names", nargs=-1)
@click.option("-n", "--lines", default=20, show_default=True, help="How many past lines to begin with.")
@click.option(
    "--follow/--no-follow", "-f", default=True, help="Go on until Ctrl-C, or end.  [default: follow]"
)
@click.pass_obj
def logs(site: Site, names: tuple[str, ...], lines: int, follow: bool) -> None:
    """Show the devices' logs as one, across their restarts; supervisord's own only when it is named."""
    from daemons import operate, tail
    from daemons.distance import Distance

    site.enter()
    here = sorted(file.stem for file in Path("log").glob("*.log"))
    roster = operate.installed_roster() if operate.INSTALLED.exists() else None
    distant = [n for n, peer in roster.peers.items() if roster.is_distant(n)] if roster else []
    known = sorted({*here, *distant})
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no log of {name!r}; {choose(name, known)}")
    wanted = list(names) or [name for name in known if name != "supervisord"]
    paint = painter(wanted)
    near = [name for name in wanted if name not in distant]
    with untouched(), Distance([name for name in wanted if name in distant]) as far:
        past = tail.merged(
            {name: tail.last_lines(name, lines) for name in near} | far.last_lines(lines), lines
        )
        coming = tail.follow(near, far.lines) if follow else iter(())
        for line in itertools.chain(past, coming):
            click.echo(f"{paint(line.name)} {grave(without_name(line))}")


@main.command()
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
    from daemons import history as history_
    from daemons.message import RECORDER

    roster = site.running()
    wanted = site.names(roster, names, *(roster.services if names else ()))
    now = time.time()
    try:
        begin = history_.moment(since, zone(roster), now)
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

    from daemons.terminal import plot

    if as_csv:
        click.echo(plot.comma_separated(found, zone(roster)), nl=False)
        return
    titles = {name: name.capitalize() for name in roster.services}
    titles.update((name, peer.title) for name, peer in roster.peers.items())
    with untouched():
        plot.show(found, titles, zone(roster), Console())


@main.command()
@click.argument("names", nargs=-1, required=True)
@patient
@click.pass_obj
def restart(site: Site, names: tuple[str, ...], timeout: float) -> None:
    """Restart devices, and wait until they are ready; no other one notices."""
    from daemons import operate

    roster = site.running()
    wanted = site.names(roster, names, *roster.services)
    began = time.monotonic()
    with counting("ready again") as progress:
        operate.restart(wanted, timeout, progress)
    click.echo(f"Restarted {', '.join(wanted)} in {time.monotonic() - began:.2f} s.")


def stoppable(site: Site, names: tuple[str, ...]) -> list[str]:
    """Give the processes that were named: any but the steward, without which nobody would be watched over."""
    from daemons.message import STEWARD

    roster = site.running()
    return site.names(roster, names, *(name for name in roster.services if name != STEWARD))


@main.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def stop(site: Site, names: tuple[str, ...]) -> None:
    """Stop devices, until you start them again: over `down`, `up` and reboots."""
    from daemons import operate

    wanted = stoppable(site, names)
    operate.stop(wanted)
    click.echo(f"Stopped {', '.join(wanted)}; `house start` starts again.")


@main.command()
@click.argument("names", nargs=-1, required=True)
@patient
@click.pass_obj
def start(site: Site, names: tuple[str, ...], timeout: float) -> None:
    """Start devices that were stopped, and wait until they are ready."""
    from daemons import operate

    wanted = stoppable(site, names)
    with counting("ready") as progress:
        operate.start(wanted, timeout, progress)
    click.echo(f"Started {', '.join(wanted)}.")


@main.command()
@click.option("--remove", is_flag=True, help="Have none any more: then the page is served on loopback only.")
@click.pass_obj
def token(site: Site, remove: bool) -> None:
    """Make the token that the mirror's page asks for; the one before it is worth nothing any more."""
    from daemons.page import gate

    site.enter()
    if remove:
        gate.TOKEN.unlink(missing_ok=True)
        click.echo("There is no token any more.")
        return
    click.echo(gate.make_token())
    click.secho("The page asks for it once in each browser; it is told here only now.", err=True)


@main.group()
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
    from daemons import keyring

    to = (to or Path(f"{name}.key")).absolute()
    house = site.house()
    site.enter()
    try:
        key = keyring.make(name, house.front, to, hear=hear, say=say, command=command)
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
                click.secho(f"--{option} {reach}: {word} is {what}; {choose(word, known)}", fg="yellow")
    if house.front is None:
        click.secho("[exchange] has no address, so nobody is let in over the network yet.", fg="yellow")


@keys.command("list")
@as_json
@click.pass_obj
def keys_list(site: Site, as_json: bool) -> None:
    """Show who may come in, and what each may do."""
    from daemons import keyring

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
    from daemons import keyring

    site.enter()
    known = keyring.read_keys(lambda *_: None)
    if not keyring.revoke(name):
        raise click.UsageError(f"there is no key {name!r}; {choose(name, known)}")
    click.echo(f"{name} is let in no more.")


@keys.command("own")
@click.pass_obj
def keys_own(site: Site) -> None:
    """Print the public half of this host's own key, for [hosts.NAME] in the configuration of all hosts."""
    from daemons import keyring

    site.enter()
    click.echo(keyring.own_pair().public_key)


@main.command()
@as_json
@click.pass_obj
def plan(site: Site, as_json: bool) -> None:
    """Show what `reload` would do, and why; nothing is changed."""
    from daemons import operate

    house = site.own_house()
    site.enter()
    changes = operate.plan(house, site.run)
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


@main.command()
@patient
@click.pass_obj
def reload(site: Site, timeout: float) -> None:
    """Make the running house what the configuration says now; nothing else is touched."""
    from daemons import operate

    house = site.own_house()
    site.enter()
    with counting("ready") as progress:
        changes = operate.reload(house, site.run, timeout, progress)
    for action, done in (("start", "Started"), ("restart", "Restarted"), ("stop", "Stopped")):
        if names := [change.name for change in changes if change.action == action]:
            click.echo(f"{done}: {', '.join(names)}.")
    if not changes:
        click.echo("Nothing has changed for any process; none was touched.")


@main.command()
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

    from daemons import operate
    from daemons.drill import Drill, real_hardware
    from daemons.terminal import screen
    from daemons.verdict import figures

    site.running()
    house = operate.installed_house() if operate.INSTALLED.exists() else site.house()
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


@main.command()
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


@main.command()
@click.option("--driver", help="Search with this driver only.  [default: with all of them]")
@searching
@click.option("--toml", "as_toml", is_flag=True, help="Tables for the configuration, ready to be pasted.")
@as_json
@click.pass_obj
def discover(site: Site, driver: str | None, timeout: float, as_toml: bool, as_json: bool) -> None:
    """Search the local network for hardware that the house can use."""
    from rich.console import Console

    from daemons import discover as discover_

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


@main.command()
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
    from daemons import editor

    if (name is None) != search:
        raise click.UsageError("say either NAME and its keys, or --found")
    if name is not None:
        try:
            read = [editor.argument(text) for text in keys]
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if twice := {key for key, _ in read if [other for other, _ in read].count(key) > 1}:
            raise click.UsageError(f"{min(twice)!r} is given twice")
        tables = {name: editor.stanza(name, dict(read))}
    else:
        from daemons.discover import table_of

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
    from daemons import discover, load

    words = list(load.words("drivers"))
    if driver is not None:
        if driver not in words:
            raise click.UsageError(f"there is no driver {driver!r}; {choose(driver, words)}")
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


@main.command(name="try")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Also what heats or moves; be there.")
@click.pass_obj
@click.pass_context
def try_(ctx: click.Context, site: Site, name: str, yes: bool) -> None:
    """Read a device's hardware, switch it on and off again, and say what worked.

    Its process must not run. What drives nothing is only read, or waited for to be pressed.
    Exit status: 0 all worked, 1 something did not.
    """
    from daemons.trial import LISTEN_SECONDS, Trial

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


@main.command()
@as_json
def kinds(as_json: bool) -> None:
    """List what an appliance can be, with its options and commands."""
    from daemons.catalogue import print_catalogue

    print_catalogue("kinds", as_json)


@main.command()
@as_json
def drivers(as_json: bool) -> None:
    """List how an appliance can be reached, with its options."""
    from daemons.catalogue import print_catalogue

    print_catalogue("drivers", as_json)


if __name__ == "__main__":
    main()
