"""The `house` command: what a person does with a house. Each verb is a few lines; `make` calls them."""

import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import __version__, errors, place
from daemons.value import choose, show

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_red", "bright_cyan", "bright_green")
EXIT_REJECTED, EXIT_NO_ANSWER = 3, 4


class Verbs(click.Group):
    """Prints our errors as one message, and their problems one a line, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb."""
        try:
            return super().invoke(ctx)
        except errors.NoAnswer as error:
            click.secho(str(error), fg="red", err=True)
            ctx.exit(EXIT_NO_ANSWER)
        except errors.ConfigurationError as error:
            click.secho(str(error), fg="red", err=True)
            ctx.exit(2)
        except errors.HouseError as error:
            click.secho(str(error), fg="red", err=True)
            ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order of a day, not of the alphabet."""
        return list(self.commands)


class Site:
    """The house that a command is about: its configuration, and its run directory."""

    def __init__(self, config: Path, run: Path) -> None:
        self.config = config.absolute()
        self.run = run.absolute()

    def house(self) -> Any:
        """Read the configuration."""
        from daemons.config import load_house  # noqa: PLC0415  each verb pays for what it uses

        return load_house(self.config)

    def enter(self) -> None:
        """Work in the run directory from here on."""
        place.enter(self.run)

    def running(self) -> Any:
        """Enter, and give what the running house is made of; before its first `up`, what it will be."""
        from daemons import operate  # noqa: PLC0415

        self.enter()
        return operate.installed_house() if operate.INSTALLED.exists() else self.house()

    def names(self, house: Any, wanted: tuple[str, ...]) -> list[str]:
        """Give the devices that were named, or all of them; an unknown one ends the command."""
        for name in wanted:
            if name not in house.devices:
                raise click.UsageError(f"there is no device {name!r}; {choose(name, house.devices)}")
        return list(wanted or house.devices)


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
@click.version_option(__version__, prog_name="house")
@click.pass_context
def main(ctx: click.Context, config: Path, run: Path) -> None:
    """Run a home in which every appliance is its own process."""
    ctx.obj = Site(config, run)


as_json = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document, as docs/json.md describes it."
)
patient = click.option(
    "--timeout", default=10.0, show_default=True, help="Seconds that a device has to become ready."
)


@main.command()
@patient
@click.pass_obj
def up(site: Site, timeout: float) -> None:
    """Start the house, and wait until every device is ready."""
    from daemons import operate  # noqa: PLC0415

    house = site.house()
    site.enter()
    began = time.monotonic()
    with counting("ready") as progress:
        started = operate.up(house, site.run, timeout, progress)
    if started:
        click.echo(
            f"{house.settings.name} is up: {len(house.devices)} devices in {time.monotonic() - began:.1f} s."
        )
    else:
        click.echo(f"{house.settings.name} is up already; nothing was done.")
        if changes := operate.plan(house, site.run):
            names = ", ".join(change.name for change in changes)
            click.echo(f"The configuration has changed since ({names}); `house reload` applies it.")
    click.echo("`house mirror` shows it, `house logs` tells what happens, `house down` ends it.")


@main.command()
@click.pass_obj
def down(site: Site) -> None:
    """End the house."""
    from daemons import operate  # noqa: PLC0415

    site.enter()
    click.echo("The house is down." if operate.down() else "The house was not up; nothing was done.")


@main.command()
@as_json
@click.pass_obj
def status(site: Site, as_json: bool) -> None:
    """Show every device once."""
    with asking(site) as (house, ask):
        if as_json:
            click.echo(json.dumps(ask(), indent=2))
            return
        from rich.console import Console  # noqa: PLC0415

        from daemons import terminal  # noqa: PLC0415

        terminal.show(ask(), zone(house), Console())


@main.command()
@click.pass_obj
def mirror(site: Site) -> None:
    """Show the house live, until Ctrl-C."""
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from daemons import terminal  # noqa: PLC0415

    console = Console()
    with asking(site) as (house, ask), untouched():
        if not console.is_terminal:
            while True:
                click.echo(terminal.plain(ask()) + "\n")
                time.sleep(1)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(terminal.screen(ask(), zone(house), console.width), refresh=True)
                time.sleep(0.2)


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
    import zmq  # noqa: PLC0415

    from daemons import bus  # noqa: PLC0415
    from daemons import status as status_  # noqa: PLC0415

    site.names(site.running(), (name,))
    wish = status_.command(command, timeout, dict(argument(text) for text in args))
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
        click.echo(
            f"{name}: {command} {click.style(receipt.outcome, fg='red')}: {receipt.reason} [{receipt.id}]"
        )
    ctx.exit(0 if receipt.outcome == "applied" else EXIT_REJECTED)


@main.command()
@click.argument("names", nargs=-1)
@as_json
@click.pass_obj
def watch(site: Site, names: tuple[str, ...], as_json: bool) -> None:
    """Show what the devices say to each other, live, a line a message, until Ctrl-C."""
    import zmq  # noqa: PLC0415

    from daemons.bus import Subscriber  # noqa: PLC0415
    from daemons.message import State, encode, topic  # noqa: PLC0415

    wanted = site.names(site.running(), names)
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
                    click.echo(f"{clock(heard.at)} {paint(heard.device)} {fields}{cause}")


@main.command()
@click.argument("names", nargs=-1)
@click.option("-n", "--lines", default=20, show_default=True, help="How many past lines to begin with.")
@click.option(
    "--follow/--no-follow", "-f", default=True, help="Go on until Ctrl-C, or end.  [default: follow]"
)
@click.pass_obj
def logs(site: Site, names: tuple[str, ...], lines: int, follow: bool) -> None:
    """Show the devices' logs as one, across their restarts; supervisord's own only when it is named."""
    from daemons import tail  # noqa: PLC0415

    site.enter()
    known = sorted(file.stem for file in Path("log").glob("*.log"))
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no log of {name!r}; {choose(name, known)}")
    wanted = list(names) or [name for name in known if name != "supervisord"]
    paint = painter(wanted)
    with untouched():
        past = tail.recent(wanted, lines)
        coming = tail.follow(wanted) if follow else iter(())
        for line in itertools.chain(past, coming):
            click.echo(f"{paint(line.name)} {grave(without_name(line))}")


@main.command()
@click.argument("names", nargs=-1, required=True)
@patient
@click.pass_obj
def restart(site: Site, names: tuple[str, ...], timeout: float) -> None:
    """Restart devices, and wait until they are ready; no other one notices."""
    from daemons import operate  # noqa: PLC0415

    wanted = site.names(site.running(), names)
    began = time.monotonic()
    with counting("ready again") as progress:
        operate.restart(wanted, timeout, progress)
    click.echo(f"Restarted {', '.join(wanted)} in {time.monotonic() - began:.2f} s.")


@main.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def stop(site: Site, names: tuple[str, ...]) -> None:
    """Stop devices, until you start them again: over `down`, `up` and reboots."""
    from daemons import operate  # noqa: PLC0415

    wanted = site.names(site.running(), names)
    operate.stop(wanted)
    click.echo(f"Stopped {', '.join(wanted)}; `house start` starts again.")


@main.command()
@click.argument("names", nargs=-1, required=True)
@patient
@click.pass_obj
def start(site: Site, names: tuple[str, ...], timeout: float) -> None:
    """Start devices that were stopped, and wait until they are ready."""
    from daemons import operate  # noqa: PLC0415

    wanted = site.names(site.running(), names)
    with counting("ready") as progress:
        operate.start(wanted, timeout, progress)
    click.echo(f"Started {', '.join(wanted)}.")


@main.command()
@as_json
@click.pass_obj
def plan(site: Site, as_json: bool) -> None:
    """Show what `reload` would do, and why; nothing is changed."""
    from daemons import operate  # noqa: PLC0415

    house = site.house()
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
    from daemons import operate  # noqa: PLC0415

    house = site.house()
    site.enter()
    with counting("ready") as progress:
        changes = operate.reload(house, site.run, timeout, progress)
    for action, done in (("start", "Started"), ("restart", "Restarted"), ("stop", "Stopped")):
        if names := [change.name for change in changes if change.action == action]:
            click.echo(f"{done}: {', '.join(names)}.")
    if not changes:
        click.echo("Nothing has changed; nothing was done.")


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
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from daemons import terminal  # noqa: PLC0415
    from daemons.drill import Drill, real_hardware  # noqa: PLC0415
    from daemons.verdict import figures  # noqa: PLC0415

    house = site.running()
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
        Console().print(terminal.verdict(figures(verdict)))
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
    click.echo(f"{site.config}: {len(house.devices)} devices, no problem.")


@main.command()
@as_json
def kinds(as_json: bool) -> None:
    """List what an appliance can be, with its options and commands."""
    catalogue("kinds", as_json)


@main.command()
@as_json
def drivers(as_json: bool) -> None:
    """List how an appliance can be reached, with its options."""
    catalogue("drivers", as_json)


def catalogue(folder: str, as_json: bool) -> None:
    """Print what lies in a folder, each with what it takes."""
    from daemons import load  # noqa: PLC0415
    from daemons.value import describe  # noqa: PLC0415

    listed = []
    for word, summary in load.words(folder).items():
        found = load.kind(word) if folder == "kinds" else load.driver(word)
        entry: dict[str, Any] = {"word": word, "summary": summary}
        entry["options"] = {
            f.encode_name: describe(f.type) for f in msgspec.structs.fields(found.options_type)
        }
        if folder == "kinds":
            entry["commands"] = {
                command.__name__.lower(): {
                    f.encode_name: describe(f.type) for f in msgspec.structs.fields(command)
                }
                for command in getattr(found, "commands", ())
            }
            entry["state"] = [f.encode_name for f in msgspec.structs.fields(found.state_type)]  # type: ignore[union-attr]
        listed.append(entry)
    if as_json:
        click.echo(json.dumps({folder: listed}, indent=2))
        return
    for entry in listed:
        click.echo(f"{click.style(entry['word'], bold=True)}  {entry['summary']}")
        for key, allowed in entry["options"].items():
            click.echo(f"    {key} = {click.style(allowed, dim=True)}")
        if entry.get("commands"):
            click.echo(f"    commands: {', '.join(entry['commands'])}")


# What the verbs share


@contextmanager
def asking(site: Site) -> Iterator[tuple[Any, Callable[[], dict[str, Any]]]]:
    """Give the house, and a function that gives its status."""
    import zmq  # noqa: PLC0415

    from daemons.status import house_status  # noqa: PLC0415
    from daemons.supervise import Supervisor  # noqa: PLC0415

    house = site.running()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    supervisor = Supervisor()
    try:
        yield house, lambda: house_status(house, site.run, context, supervisor)
    finally:
        context.destroy()


@contextmanager
def untouched() -> Iterator[None]:
    """End quietly when a person presses Ctrl-C, or closes the pipe that we write to."""
    try:
        yield
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of the devices are there, where somebody watches."""
    watched = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if watched:
            click.echo(f"\r\033[K{done} of {total} {what}", nl=False, err=True)

    try:
        yield progress
    finally:
        if watched:
            click.echo("\r\033[K", nl=False, err=True)


def zone(house: Any) -> Any:
    """Give the house's timezone."""
    from daemons.house import zone as timezone  # noqa: PLC0415

    return timezone(house.settings.timezone)


def argument(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE; a value that is JSON is what JSON says, anything else is text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def toml(value: Any) -> str:
    """Give a value as the configuration has it; one that is not there as nothing."""
    return "nothing" if value is None else show(value)


def painter(names: list[str]) -> Callable[[str], str]:
    """Give a function that pads a name, and colours it always the same."""
    width = max(map(len, names), default=0)
    colours = dict(zip(sorted(names), itertools.cycle(COLOURS), strict=False))
    return lambda name: click.style(name.ljust(width), fg=colours[name])


def without_name(line: Any) -> str:
    """Give a log line without the name that its label repeats."""
    return str(line.text.replace(f" {line.name}: ", " ", 1))


def grave(text: str) -> str:
    """Colour a line by how grave it is."""
    if " ERROR " in text[:40] or " CRIT " in text[:40]:
        return click.style(text, fg="red")
    return click.style(text, fg="yellow") if " WARN" in text[:40] else text


def clock(at: float) -> str:
    """Give the local time of a message."""
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03}"


if __name__ == "__main__":
    main()
