"""What every verb of the command line shares: which house, how it is asked, how lines look."""

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from daemons import errors
from daemons.storage import paths
from daemons.values import suggest, is_finite, printable, format_toml

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_red", "bright_cyan", "bright_green")
EXIT_REJECTED, EXIT_NO_ANSWER = 3, 4

as_json = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document, as docs/json.md describes it."
)
patient = click.option(
    "--timeout", default=10.0, show_default=True, help="Seconds that a device has to become ready."
)

searching = click.option(
    "--timeout",
    type=click.FloatRange(0.1, 300),
    default=5.0,
    show_default=True,
    help="Seconds that hardware has to answer.",
)


class Verbs(click.Group):
    """Prints our errors as one message, and their problems one a line, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb."""
        try:
            return super().invoke(ctx)
        except errors.NoAnswer as error:
            complain(error)
            ctx.exit(EXIT_NO_ANSWER)
        except errors.ConfigurationError as error:
            complain(error)
            ctx.exit(2)
        except errors.HouseError as error:
            complain(error)
            ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order of a day, not of the alphabet."""
        return list(self.commands)


def complain(error: errors.HouseError) -> None:
    """Print an error of ours; there may be words of a device's in it."""
    click.secho("\n".join(map(printable, str(error).split("\n"))), fg="red", err=True)


class Site:
    """The house that a command is about: its configuration, and its run directory."""

    def __init__(self, config: Path, run: Path, host: str | None = None) -> None:
        self.config = config.absolute()
        self.run = run.absolute()
        self._host = host
        if own := os.environ.get("HOUSE_SUPERVISORD"):
            os.environ["HOUSE_SUPERVISORD"] = str(Path(own).absolute())  # before we work elsewhere

    def house(self) -> Any:
        """Read the configuration, as it is on this host where that is known."""
        from daemons.config.house import load_house

        house = load_house(self.config, host=self._host or paths.this_host(self.run))
        if self._host and not house.hosts:
            raise click.UsageError(f"this house has no hosts, so it has no {self._host!r}")
        return house

    def own_house(self) -> Any:
        """Read the configuration of this host; which one it is has to be said once."""
        house = self.house()
        if house.hosts and house.host is None:
            raise click.UsageError(
                f"which host is this? allowed: {', '.join(house.hosts)}; say it once, "
                f"`house --host {next(iter(house.hosts))} up` (or `make up HOST=...`), and it is remembered"
            )
        return house

    def enter(self) -> None:
        """Work in the run directory from here on."""
        paths.enter(self.run)

    def running(self) -> Any:
        """Enter, and say who lives in the running house; before its first `up`, who will."""
        from daemons.supervision import install

        self.enter()
        return install.installed_roster() if install.INSTALLED.exists() else self.house().roster

    def names(self, roster: Any, wanted: tuple[str, ...], *more: str) -> list[str]:
        """Give the devices that were named, or all of them; an unknown one ends the command.

        `more` are processes that are no devices and may be named as well.
        """
        known = [*roster.peers, *more]
        for name in wanted:
            if name not in known:
                raise click.UsageError(f"there is no device {name!r}; {suggest(name, known)}")
        return list(wanted or known)


@contextmanager
def asking(site: Site) -> Iterator[tuple[Any, Callable[[], dict[str, Any]]]]:
    """Give the roster, and a function that gives the house's status."""
    import zmq

    from daemons.cli.status import house_status
    from daemons.supervision.supervisord import Supervisor

    roster = site.running()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    supervisor = Supervisor()
    try:
        yield roster, lambda: house_status(roster, site.run, context, supervisor)
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


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Say for how long nothing will be seen, where somebody watches."""
    watched = sys.stderr.isatty()
    if watched:
        click.echo(f"Searching for {seconds:g} s ...", nl=False, err=True)
    try:
        yield
    finally:
        if watched:
            click.echo("\r\033[K", nl=False, err=True)


def count(devices: Collection[str]) -> str:
    """Say how many devices there are."""
    return f"{len(devices)} device{'s' * (len(devices) != 1)}"


def zone(roster: Any) -> Any:
    """Give the house's timezone."""
    from daemons.config.tables import zone as timezone

    return timezone(roster.settings.timezone)


def argument(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE; a value that is JSON is what JSON says, anything else is text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    try:
        parse_table = json.loads(value)
    except ValueError:
        return key, value
    return key, parse_table if is_finite(parse_table) else value


def toml(value: Any) -> str:
    """Give a value as the configuration has it; one that is not there as nothing."""
    return "nothing" if value is None else format_toml(value)


def painter(names: list[str]) -> Callable[[str], str]:
    """Give a function that pads a name, and colours it always the same."""
    width = max(map(len, names), default=0)
    colours = dict(zip(sorted(names), itertools.cycle(COLOURS), strict=False))
    return lambda name: click.style(name.ljust(width), fg=colours[name])


def without_name(line: Any) -> str:
    """Give a log line without the name that its label repeats."""
    return str(printable(line.text.replace(f" {line.name}: ", " ", 1)))


def grave(text: str) -> str:
    """Colour a line by how grave it is."""
    if " ERROR " in text[:40] or " CRIT " in text[:40]:
        return click.style(text, fg="red")
    return click.style(text, fg="yellow") if " WARN" in text[:40] else text


def clock(at: float) -> str:
    """Give the local time of a message."""
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03}"
