"""Verbs that stop processes to start them again, and what is done when such a verb is killed in between.

The verb writes a mark before the first stop and deletes it after the last start. The kernel releases the
lock of a killed verb. So a mark without a locked house means that processes may wait for a start in vain.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemons.errors import AlreadyRunning, SupervisorError
from daemons.storage.lock import NameLock
from daemons.storage.paths import stopped_path
from daemons.supervision.supervisord import BAD_NAME, Supervisor, is_handed_over

MARK = Path("restarting")
"""The mark, in the run directory."""


@contextmanager
def marked_restart() -> Iterator[None]:
    """Mark the house during a block that stops processes and starts them again.

    The mark stays if the block fails. On a full disk there is none.
    """
    with suppress(OSError):
        MARK.touch()
    yield
    MARK.unlink(missing_ok=True)


def finish_restart(supervisor: Supervisor) -> list[str] | None:
    """Start what an interrupted verb has stopped, and return the names; None while a verb is at work.

    A process that a person has stopped stays stopped. Raises SupervisorError if supervisord does not answer.
    """
    if not MARK.exists():
        return []
    if is_handed_over():
        return None
    try:
        lock = NameLock("house")
    except AlreadyRunning:
        return None
    started = []
    try:
        processes = supervisor.processes()
        for name in sorted(path.stem for path in Path("programs").glob("*.conf")):
            if stopped_path(name).exists():
                continue
            if name not in processes:
                if add_group(supervisor, name):
                    started.append(name)
            elif processes[name]["statename"] == "STOPPED":
                supervisor.start([name])
                started.append(name)
        MARK.unlink(missing_ok=True)
    finally:
        lock.release()
    return started


def add_group(supervisor: Supervisor, name: str) -> bool:
    """Add an installed process, which starts it; return False if supervisord has not read its program yet."""
    try:
        supervisor.call("addProcessGroup", name)
    except SupervisorError as error:
        if error.fault_code != BAD_NAME:
            raise
        return False
    return True
