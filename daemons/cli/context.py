"""Shared code of the verbs: the house of a command, its status, common options, and line formats."""

import itertools
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from daemons import errors
from daemons.storage import paths
from daemons.values import printable, suggest

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_red", "bright_cyan", "bright_green")
EXIT_REJECTED, EXIT_NO_ANSWER = 3, 4
LONGEST_NAME = 80
"""How much of a name is shown in a pipe or a file."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document; docs/json.md describes it."
)
timeout_option = click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    help="Seconds without progress until a verb gives up.",
)
search_timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0.1, 300),
    default=5.0,
    show_default=True,
    help="Seconds to wait for answers of hardware.",
)


class VerbGroup(click.Group):
    """A group of verbs that prints a HouseError as a message, one problem a line, without a traceback.

    The same holds for an error of a file that no other code has translated.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error becomes a message and an exit status."""
        try:
            return super().invoke(ctx)
        except errors.NoAnswer as error:
            print_error(error)
            ctx.exit(EXIT_NO_ANSWER)
        except errors.ConfigurationError as error:
            print_error(error)
            ctx.exit(2)
        except errors.HouseError as error:
            print_error(error)
            ctx.exit(1)
        except OSError as error:
            if not error.filename:
                raise  # such as a closed pipe, which click handles
            text = paths.describe(error, f"{Path(os.fsdecode(error.filename)).absolute()} cannot be used")
            print_error(errors.StorageError(text))
            ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they were added."""
        return list(self.commands)


def print_error(error: errors.HouseError) -> None:
    """Print an error on standard error, without the control characters in it.

    Each problem of a configuration comes with the text of its line, and a caret below the position.
    """
    problems = error.problems if isinstance(error, errors.ConfigurationError) else (error,)
    for problem in problems:
        click.secho("\n".join(map(printable, str(problem).split("\n"))), fg="red", err=True)
        if getattr(problem, "excerpt", ""):
            from daemons.config.excerpt import excerpt

            for line in excerpt(problem.excerpt, problem.column):
                click.secho(line, fg="red" if line.endswith("^") else None, err=True)
    for note in getattr(error, "__notes__", ()):
        click.secho(printable(note), fg="red", err=True)


class Context:
    """The house of a command: its configuration and its run directory."""

    def __init__(self, config: Path, run: Path, host: str | None = None) -> None:
        self.config = config.absolute()
        self.run = run.absolute()
        self.host = host
        if program := os.environ.get("HOUSE_SUPERVISORD"):
            os.environ["HOUSE_SUPERVISORD"] = str(
                Path(program).absolute()
            )  # the working directory changes later

    def load_house(self) -> Any:
        """Read the configuration, for this host if its name is known.

        Raises ConfigurationError if the file has mistakes, and UsageError if `--host` is given but the
        house has no hosts.
        """
        from daemons.config.files import read_files
        from daemons.config.house import make_house, words_used

        self._check_configuration()
        files, host = read_files(self.config), self.host or paths.this_host(self.run)
        if words_used(files):
            from daemons.cli.extension_check import check_in_child

            check_in_child(files, host)
        house = make_house(files, host)
        if self.host and not house.hosts:
            raise click.UsageError(f"this house has no hosts, so it has no {self.host!r}")
        return house

    def _check_configuration(self) -> None:
        """Raise ConfigurationError if there is no configuration file."""
        if not self.config.exists() and not self.config.is_symlink():
            remedy = "`house init` writes one to begin with; `--config` names another"
            raise errors.ConfigurationError([f"{self.config} does not exist. {remedy}"])

    def load_own_house(self) -> Any:
        """Read the configuration of this host; raises UsageError if the host has no name yet."""
        house = self.load_house()
        if house.hosts and house.host is None:
            raise click.UsageError(
                f"which host is this? allowed: {', '.join(house.hosts)}; name it once with "
                f"`house --host {next(iter(house.hosts))} up` (or `make up HOST=...`), and it is remembered"
            )
        return house

    def enter_run_directory(self) -> None:
        """Make the run directory the working directory, and create it if it is missing.

        Without a run directory and without a configuration there is no house: raises ConfigurationError.
        """
        if not self.run.exists():
            self._check_configuration()
        paths.enter(self.run)

    def enter_and_read_roster(self) -> Any:
        """Enter the run directory and return the installed roster.

        Before the first `up`, return the roster of the configuration.
        """
        from daemons.storage.installed import INSTALLED
        from daemons.supervision import install

        if self.run.exists():
            self.enter_run_directory()
            return install.installed_roster() if INSTALLED.exists() else self.load_house().roster
        roster = self.load_house().roster
        self.enter_run_directory()
        return roster

    def select_names(self, roster: Any, names: tuple[str, ...], *more: str) -> list[str]:
        """Return the given names, or all known names if none is given.

        The known names are the devices of the roster and the processes in `more`. Raises UsageError for
        an unknown name.
        """
        known = [*roster.peers, *more]
        for name in names:
            if name not in known:
                raise click.UsageError(f"there is no device {name!r}; {suggest(name, known)}")
        return list(names or known)


@contextmanager
def status_source(context: Context) -> Iterator[tuple[Any, Callable[[], dict[str, Any]]]]:
    """Yield the roster, and a function that returns the status of the house as JSON."""
    import zmq

    from daemons.cli.status import SUPERVISORD_SECONDS, house_status
    from daemons.supervision.supervisord import Supervisor

    roster = context.enter_and_read_roster()
    zmq_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    supervisor = Supervisor(SUPERVISORD_SECONDS)
    try:
        yield roster, lambda: house_status(roster, context.run, zmq_context, supervisor)
    finally:
        zmq_context.destroy()


@contextmanager
def quiet_exit() -> Iterator[None]:
    """Suppress the traceback of Ctrl-C, and of a pipe that the reader has closed."""
    try:
        yield
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def progress_counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows the number of finished devices and the total, if stderr is a terminal."""
    is_terminal = sys.stderr.isatty()

    def show_progress(done: int, total: int) -> None:
        if is_terminal:
            click.echo(f"\r\033[K{done} of {total} {what}", nl=False, err=True)

    try:
        yield show_progress
    finally:
        if is_terminal:
            click.echo("\r\033[K", nl=False, err=True)


@contextmanager
def search_notice(seconds: float) -> Iterator[None]:
    """Show the duration of a search while it runs, if standard error is a terminal."""
    is_terminal = sys.stderr.isatty()
    if is_terminal:
        click.echo(f"Searching for {seconds:g} s ...", nl=False, err=True)
    try:
        yield
    finally:
        if is_terminal:
            click.echo("\r\033[K", nl=False, err=True)


def count_devices(devices: Collection[str]) -> str:
    """Return the number of devices with its noun."""
    return f"{len(devices)} device{'s' * (len(devices) != 1)}"


def terminal_width() -> int:
    """Return the width of the terminal in columns; in a pipe or a file, 100."""
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def house_timezone(roster: Any) -> Any:
    """Return the timezone of the house."""
    from daemons.config.tables import zone

    return zone(roster.settings.timezone)


def name_styler(names: list[str]) -> Callable[[str], str]:
    """Return a function that pads a name and colours it; each name has another colour.

    In a terminal, a name takes at most a quarter of the line; the end of a longer one is left out.
    """
    longest = terminal_width() // 4 if sys.stdout.isatty() else LONGEST_NAME
    width = min(longest, max(map(len, names), default=0))
    colours = dict(zip(sorted(names), itertools.cycle(COLOURS), strict=False))
    return lambda name: click.style(cut(name, width).ljust(width), fg=colours[name])


def cut(text: str, width: int) -> str:
    """Return a text of at most so many characters; a longer one ends in an ellipsis."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def strip_name(line: Any) -> str:
    """Return a log line without the process name, which its label repeats."""
    return str(printable(line.text.replace(f" {line.name}: ", " ", 1)))


def colour_by_level(text: str) -> str:
    """Return a log line in the colour of its level."""
    if " ERROR " in text[:40] or " CRIT " in text[:40]:
        return click.style(text, fg="red")
    return click.style(text, fg="yellow") if " WARN" in text[:40] else text


def format_clock_time(at: float, zone: Any) -> str:
    """Return the time of a timestamp (Unix seconds) in a zone, to the millisecond, with the zone."""
    then = datetime.fromtimestamp(at, zone)
    return f"{then:%H:%M:%S}.{int(at % 1 * 1000):03} {then:%Z}"
