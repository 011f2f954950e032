"""The run directory of a house: its folders, and how files in it are written.

Every process of a house works inside that directory, so that socket paths can be relative: an ipc
path has at most 107 bytes (unix(7), sun_path), and the path of a home folder can be longer.
"""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from daemons.errors import StorageError

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
HOST_FILE = Path("host")
"""The file in the run directory that names this host, in a house of several hosts."""
STOPPED_BY_HAND = 77
"""The exit status of a device that was stopped by hand; supervisord does not restart it."""
FORBIDDEN = set("\"';#*?[]\\%") | {chr(code) for code in range(32)}
"""The characters that supervisord's file format reads as comments, quotes, patterns or expansions."""


def interpreter() -> Path:
    """Return the path of the Python that starts every process, always under the same name."""
    python = Path(sys.prefix) / "bin" / "python3"
    return python if python.exists() else Path(sys.executable)


def stopped_path(name: str) -> Path:
    """Return the file that marks a device as stopped by hand; it outlives reboots."""
    return Path("stopped") / name


def this_host(run: Path = Path()) -> str | None:
    """Return the name of this host; None in a house of one host, or before its first `up`.

    Raises StorageError if the run directory cannot be read, for example if it belongs to another user.
    """
    try:
        return (run / HOST_FILE).read_text().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"{(run / HOST_FILE).absolute()} cannot be read: {error.strerror}") from error


def enter(run: Path) -> None:
    """Create the run directory, private to its owner, and change into it.

    Raises StorageError with the path that cannot be used, and the reason. A directory of another user is
    left as it is.
    """
    check_path(run)
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_owner(run)
        run.chmod(0o700)
        os.chdir(run)
        for folder in FOLDERS:
            Path(folder).mkdir(mode=0o700, exist_ok=True)
            check_owner(Path(folder))
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"the run directory {run} cannot be used: {error.strerror}") from error


def check_owner(folder: Path) -> None:
    """Check that a folder belongs to the user of this process.

    For root this is no matter of course: root can use every folder. It would leave files that their owner
    cannot use, and it would trust files that another user wrote. Raises StorageError with both users.
    """
    owner, own = folder.stat().st_uid, os.geteuid()
    if owner != own:
        raise StorageError(
            f"{folder.absolute()} belongs to {user_name(owner)}, and this process runs as {user_name(own)}; "
            f"run House as {user_name(owner)}, or choose another run directory with --run or HOUSE_RUN"
        )


def user_name(uid: int) -> str:
    """Return the name of a user, or its number if it has no name."""
    import pwd  # noqa: PLC0415  only an error needs it

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def check_path(path: Path) -> None:
    """Check that supervisord's file format can hold a path.

    Raises StorageError, which names the character that it cannot hold.
    """
    for character in sorted(FORBIDDEN & set(str(path))):
        raise StorageError(
            f"the path {str(path)!r} has a {character!r} in it, which supervisord's files cannot hold; "
            "choose another with --run or HOUSE_RUN, or move the project"
        )


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as a whole: a reader, or a kill at any time, sees the old or the new content.

    Raises StorageError if the file cannot be written.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # independent of the umask
            file.write(content)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise StorageError(f"{path.absolute()} cannot be written: {error.strerror}") from error


def overwrite_file(path: Path, content: bytes) -> None:
    """Write a file in place, which is fast; a kill during the write leaves it torn.

    Raises StorageError if the file cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            written = os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, written)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"{path.absolute()} cannot be written: {error.strerror}") from error
    if written < len(content):
        raise StorageError(f"{path.absolute()} cannot be written: {os.strerror(errno.ENOSPC)}")
