"""The jobs of a house: what goes on after the request of the page has been answered, each in a file.

The process of a job holds a lock. So a reader knows whether a job that has no end still runs, also after a
restart of the mirror.
"""

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from daemons.editing.requests import JobHead
from daemons.storage.paths import open_file, replace_file

FOLDER = Path("jobs")
"""The folder of the jobs, relative to the run directory."""
MOST_JOBS = 20
"""How many jobs are kept."""
INTERRUPTED = {
    "apply": (
        "The edit was interrupted. Its file may have the edited text already, and the house may not run it: "
        "`house plan` shows the difference. Undo puts the earlier text back; `house reload` applies the edit."
    ),
    "undo": (
        "The undo was interrupted. Its file may have the earlier text already, and the house may not run it: "
        "`house plan` shows the difference, and `house reload` applies it."
    ),
}
"""By what a job does: why it has no end."""
Document = dict[str, Any]


class Job:
    """The job of this process; each change of it is written to its file."""

    def __init__(self, what: str, name: str, by: str) -> None:
        """Begin the job; raises StorageError if its file cannot be written."""
        self.id = secrets.token_hex(8)
        self.document: Document = {
            "id": self.id,
            "what": what,
            "name": name,
            "by": by,
            "begun_at": time.time(),
            "ended_at": None,
            "state": "running",
            "step": None,
            "reason": None,
            "changes": (),
            "is_rolled_back": None,
        }
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        remove_old_jobs(MOST_JOBS - 1)
        self._lock = open_file(lock_path(self.id), os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.update()

    def update(self, **changes: Any) -> None:
        """Write what has changed."""
        self.document |= changes
        replace_file(job_path(self.id), msgspec.json.encode(self.document))

    def begin_step(self, step: str) -> None:
        """Note what the job does now."""
        self.update(step=step)

    def end(self, reason: str | None = None, *, is_rolled_back: bool | None = None) -> None:
        """End the job: with a reason, it has failed."""
        state = "done" if reason is None else "failed"
        self.update(
            state=state, step=None, reason=reason, ended_at=time.time(), is_rolled_back=is_rolled_back
        )
        os.close(self._lock)


def read_job(id_: str) -> tuple[JobHead, bytes] | None:
    """Return a job and its document; None if there is none of this id."""
    path = job_path(id_)
    try:
        content = path.read_bytes()
        head = msgspec.json.decode(content, type=JobHead)
    except (OSError, msgspec.MsgspecError):
        return None
    if head.state == "running" and not is_locked(id_):
        content = path.read_bytes()  # it may have ended between the two
        head = msgspec.json.decode(content, type=JobHead)
        if head.state == "running":
            document = msgspec.json.decode(content)
            reason = INTERRUPTED.get(head.what, f"the {head.what} was interrupted; try it again")
            document |= {"state": "interrupted", "reason": reason}
            content = msgspec.json.encode(document)
            head = msgspec.json.decode(content, type=JobHead)
    return head, content


def list_jobs() -> list[tuple[JobHead, bytes]]:
    """Return the latest jobs, the newest first."""
    found = [read_job(path.stem) for path in job_files()]
    return [job for job in found if job is not None][:MOST_JOBS]


def is_locked(id_: str) -> bool:
    """Return whether the process of a job lives."""
    try:
        file = os.open(lock_path(id_), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def job_files() -> list[Path]:
    """Return the files of all jobs, the newest first."""
    dated = []
    for path in FOLDER.glob("*.json"):
        with suppress(OSError):
            dated.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(dated, reverse=True)]


def remove_old_jobs(kept: int) -> None:
    """Delete the files of all but the newest jobs; one that runs stays."""
    for path in job_files()[kept:]:
        if not is_locked(path.stem):
            for file in (path, lock_path(path.stem)):
                with suppress(OSError):
                    file.unlink()


def job_path(id_: str) -> Path:
    """Return the file of a job."""
    return FOLDER / f"{id_}.json"


def lock_path(id_: str) -> Path:
    """Return the file that the process of a job locks."""
    return FOLDER / f"{id_}.lock"
