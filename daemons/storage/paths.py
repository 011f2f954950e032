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
    """Return the path of the Python that starts every process, always under the same name.

    It has no links in it: an upgrade changes where the link `.venv` leads, and a running house keeps its own.
    """
    python = Path(sys.prefix).resolve() / "bin" / "python3"
    return python if python.exists() else Path(sys.executable)


def stopped_path(name: str) -> Path:
    """Return the file that marks a device as stopped by hand; it outlives reboots."""
    return Path("stopped") / name


def this_host(run: Path = Path()) -> str | None:
    """Return the name of this host; None in a house of one host, or before its first `up`.

    Raises StorageError if the file cannot be read.
    """
    file = run / HOST_FILE
    try:
        return file.read_text().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(describe(error, f"{file.absolute()} cannot be read")) from error
    except UnicodeDecodeError as error:
        text = f"{file.absolute()} holds no name of a host; `house --host NAME up` writes it"
        raise StorageError(text) from error


def enter(run: Path) -> None:
    """Create the run directory, private to its owner, and change into it.

    Raises StorageError with the path that cannot be used, and the reason. A directory of another user is
    left as it is. A disk that is full or read-only is no obstacle to a directory that exists.
    """
    check_path(run)
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_owner(run)
        mode = run.stat().st_mode & 0o777
        if mode != 0o700:  # noqa: PLR2004
            run.chmod(0o700)
        if mode & 0o022:
            try:
                check_contents(run)
            except StorageError:
                run.chmod(mode)  # so that the next attempt checks it again
                raise
        os.chdir(run)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(describe(error, f"the run directory {run} cannot be used")) from error
    make_folders()


def make_folders() -> None:
    """Create the folders that are missing in the run directory, which is the working directory.

    A folder that cannot be created now is reported by the first file that needs it. Raises StorageError for a
    file that is in the place of a folder.
    """
    for folder in map(Path, FOLDERS):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            check_owner(folder)
        except StorageError:
            raise
        except FileExistsError as error:
            text = f"{folder.absolute()} is a file, and House needs a folder there; remove it"
            raise StorageError(text) from error
        except OSError:
            continue


REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EROFS: "the disk is read-only: repair it, or mount it writable",
    errno.EACCES: "it belongs to another user: `chown` gives it to yours",
    errno.EPERM: "it belongs to another user: `chown` gives it to yours",
    errno.EISDIR: "it is a folder: remove it",
}
"""What to do about an error of the operating system, by its number."""


def describe(error: OSError, what: str) -> str:
    """Return one line about an error: what cannot be done, the reason, and the remedy if there is one."""
    remedy = REMEDIES.get(error.errno or 0)
    return f"{what}: {error.strerror}" + (f"; {remedy}" if remedy else "")


LEAST_FREE_BYTES = 1 << 20
"""With less free space than this, a disk counts as full."""


def write_fault() -> str | None:
    """Return why the run directory, which is the working directory, cannot be written; None if it can.

    Nothing is written for this.
    """
    for folder in (Path(), Path("journal"), Path("log")):
        try:
            disk = os.statvfs(folder)
        except OSError as error:
            return describe(error, f"{folder.absolute()} cannot be used")
        number = 0
        if disk.f_flag & os.ST_RDONLY:
            number = errno.EROFS
        elif not os.access(folder, os.W_OK):
            number = errno.EACCES
        elif disk.f_blocks and (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail) * disk.f_frsize < (
            LEAST_FREE_BYTES
        ):
            number = errno.ENOSPC
        if number:
            return describe(OSError(number, os.strerror(number)), f"{folder.absolute()} cannot be written")
    return None


def open_file(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file, and first create its folder if that is a missing folder of the run directory."""
    try:
        return os.open(path, flags | os.O_CLOEXEC, mode)
    except FileNotFoundError:
        if str(path.parent) not in FOLDERS:
            raise
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags | os.O_CLOEXEC, mode)


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


def check_contents(run: Path) -> None:
    """Check that no file in a directory that others could write into belongs to another user.

    Such a file may be a key or a token of theirs. In a private directory, no other user can add one.
    Raises StorageError with the file and its owner.
    """
    for path in run.rglob("*"):
        owner = path.lstat().st_uid
        if owner != os.geteuid():
            raise StorageError(
                f"{path.absolute()} belongs to {user_name(owner)}, and until now other users could write "
                f"into {run}; remove the file, or `chown` it to yours if you trust it"
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
        descriptor = open_file(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # independent of the umask
            file.write(content)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise StorageError(describe(error, f"{path.absolute()} cannot be written")) from error


def overwrite_file(path: Path, content: bytes) -> None:
    """Write a file in place, which is fast; a kill during the write leaves it torn.

    Raises StorageError if the file cannot be written.
    """
    try:
        descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
        try:
            write_all(descriptor, content)
            os.ftruncate(descriptor, len(content))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(describe(error, f"{path.absolute()} cannot be written")) from error


def write_all(descriptor: int, content: bytes) -> None:
    """Write the beginning of a file. If only a part fits on the disk, the next attempt raises the reason."""
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], written)
