"""The verb that replaces House by a newer version, and the way back to the one before."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemons.cli.context import Context
from daemons.errors import AlreadyRunning, HouseError

if TYPE_CHECKING:
    from daemons.storage.lock import NameLock
    from daemons.supervision.upgrade import Record

LOG = Path("log") / "upgrade.log"
FOLLOW_SECONDS = 0.1
ATTEMPTS = 2
"""How often the restart is begun, if its process is killed."""
INTERRUPTED = 130
"""The exit status after Ctrl-C, as of a shell."""


@click.command()
@click.argument("source", required=False, metavar="[WHEEL_OR_NAME]")
@click.option("--no-fetch", is_flag=True, help="Fetch nothing; build the project as it is.")
@click.option("--dry-run", is_flag=True, help="Fetch, build and check in a temporary folder; change nothing.")
@click.option("--back", is_flag=True, help="Go back to the version before the last upgrade.")
@click.option("--untested", is_flag=True, help="Upgrade also if a story of the house does not hold.")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 300),
    default=30.0,
    show_default=True,
    help="Seconds without progress until a device counts as not ready.",
)
@click.option("--finish", type=int, hidden=True, help="Restart the house; the number is that of the lock.")
@click.pass_obj
@click.pass_context
def upgrade(
    ctx: click.Context,
    context: Context,
    source: str | None,
    no_fetch: bool,
    dry_run: bool,
    back: bool,
    untested: bool,
    timeout: float,
    finish: int | None,
) -> None:
    """Install the newest version of House and restart the house with it; go back if it does not run.

    In a git clone, the new version is pulled. A House that pip has installed gets WHEEL_OR_NAME, by default
    the newest package. It is built beside the present one, and checks the configuration and plays the stories
    first. If a device that was ready does not become ready again, the old version runs the house as before.
    """
    if finish is not None:
        finish_restart(context, finish)
        return
    if back and (source or no_fetch or dry_run):
        raise click.UsageError("--back goes with no version, --no-fetch or --dry-run")
    if not context.run.exists():
        raise HouseError(f"there is no house in {context.run} yet; `house up` makes one of this version")
    context.enter_run_directory()
    from daemons.cli.new_version import NewVersion, Options

    options = Options(source, timeout, fetch=not no_fetch, untested=untested)
    if dry_run:
        NewVersion(context, options).dry_run()
        return
    with upgrade_lock() as lock:
        version = NewVersion(context, options)
        if record := version.interrupted():
            click.echo("An upgrade was interrupted while it restarted the house; it is completed first.")
        elif record := version.back() if back else version.prepare():
            begin(record)
        if record:
            ctx.exit(run_restart(record, lock))


@contextlib.contextmanager
def upgrade_lock() -> "Iterator[NameLock]":
    """Keep other upgrades out; raises HouseError while one runs."""
    from daemons.storage.lock import UPGRADE, NameLock

    try:
        lock = NameLock(UPGRADE)
    except AlreadyRunning as error:
        raise HouseError(f"another upgrade of this house runs (PID {error.pid}); wait for its end") from error
    try:
        yield lock
    finally:
        lock.release()


def begin(record: "Record") -> None:
    """Note the restart; raises HouseError, and then removes the new environment."""
    from daemons.supervision import upgrade

    try:
        upgrade.begin(record)
    except HouseError:
        shutil.rmtree(record.new, ignore_errors=True)
        record.put_tree_back()
        raise


def run_restart(record: "Record", lock: "NameLock") -> int:
    """Restart the house in a process of its own, and print what it says; return its exit status.

    That process goes on if this one is killed, or if its terminal is closed. If that one is killed, it is
    started again.
    """
    from daemons.supervision.upgrade import is_interrupted, read_record

    status = 1
    for _ in range(ATTEMPTS):
        with LOG.open("w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                restart_command(record, lock),
                env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.fileno(),),
                start_new_session=True,
            )
            try:
                status = follow(process)
            except KeyboardInterrupt:
                click.echo(f"The restart goes on; {LOG.absolute()} has its result.", err=True)
                return INTERRUPTED
        found = read_record()
        if status >= 0 or found is None or not is_interrupted(found):
            break
        record = found
        click.echo(f"The restart was ended by signal {-status}; it is begun again.", err=True)
    return abs(status)


def restart_command(record: "Record", lock: "NameLock") -> list[str]:
    """Return the command of the restart: it is of the old version, which stays whole."""
    from daemons.supervision.environment import present

    old = Path(record.old) if Path(record.old).is_dir() else present(Path(record.link))
    return record.environment(str(old)).command("upgrade", "--finish", str(lock.fileno()))


def follow(process: "subprocess.Popen[bytes]") -> int:
    """Print what a process writes into the log until it ends; return its status."""
    with LOG.open(encoding="utf-8", errors="replace") as log:
        while True:
            is_over = process.poll() is not None
            click.echo(log.read(), nl=False)
            if is_over:
                return int(process.returncode)
            time.sleep(FOLLOW_SECONDS)


def finish_restart(context: Context, lock: int) -> None:
    """Restart the house as the record says; raises HouseError if the old version runs it again."""
    from daemons.storage.lock import write_pid
    from daemons.supervision.upgrade import finish, read_record

    context.enter_run_directory()
    write_pid(lock)
    record = read_record()
    if record is None:
        raise HouseError("there is no upgrade to complete")
    finish(record, click.echo)
