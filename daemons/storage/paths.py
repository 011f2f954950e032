"""Where one house lives: its run directory, and what stands where in it.

Every process of a house works inside that directory, so that socket paths can be relative:
an ipc path has room for 107 bytes (unix(7), sun_path), and a home folder can be longer.
"""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from daemons.errors import PlaceError

FOLDERS = (
    "bus",
    "devices",
    "hardware",
    "journal",
    "keys",
    "keys/clients",
    "lock",
    "log",
    "programs",
    "stopped",
)
HOST = Path("host")
"""In the run directory: which host of its house this is."""
STOPPED_BY_HAND = 77
"""The exit status of a device that a person has stopped: the one that supervisord takes for an end."""
FORBIDDEN = set("\"';#*?[]\\%") | {chr(code) for code in range(32)}
"""What supervisord's own file format takes for comments, quotes, patterns or expansions."""


def interpreter() -> Path:
    """Give the Python that processes are started with: one name for it, whatever name it was called by."""
    python = Path(sys.prefix) / "bin" / "python3"
    return python if python.exists() else Path(sys.executable)


def stopped_path(name: str) -> Path:
    """Say where it stands that a person stopped a device; it stands there over reboots."""
    return Path("stopped") / name


def this_host(run: Path = Path()) -> str | None:
    """Say which host of its house this is; nothing for a house of one, or before its first `up`."""
    file = run / HOST
    return file.read_text().strip() or None if file.exists() else None


def enter(run: Path) -> None:
    """Make the run directory what it must be, private to its owner, and work inside it from now on.

    PlaceError says which path cannot be used and why.
    """
    check(run)
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        run.chmod(0o700)
        os.chdir(run)
        for folder in FOLDERS:
            Path(folder).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PlaceError(f"the run directory {run} cannot be used: {error.strerror}") from error


def check(path: Path) -> None:
    """Refuse a path that supervisord's file format cannot hold; PlaceError names the character."""
    for character in sorted(FORBIDDEN & set(str(path))):
        raise PlaceError(
            f"the path {str(path)!r} has a {character!r} in it, which supervisord's files cannot hold; "
            "choose another with --run or HOUSE_RUN, or move the project"
        )


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as a whole: a reader, or a kill at any instruction, sees the old or the new."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the umask is
            file.write(content)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise PlaceError(f"{path.absolute()} cannot be written: {error.strerror}") from error


def overwrite(path: Path, content: bytes) -> None:
    """Write a file where it stands, which is quick; a kill in the midst leaves it torn."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            written = os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, written)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise PlaceError(f"{path.absolute()} cannot be written: {error.strerror}") from error
    if written < len(content):
        raise PlaceError(f"{path.absolute()} cannot be written: {os.strerror(errno.ENOSPC)}")
