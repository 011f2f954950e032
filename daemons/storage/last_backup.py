"""When and where a backup of the house was last made, for `house doctor`."""

from pathlib import Path

import msgspec
from msgspec import Struct

from daemons.storage.paths import replace_file

FILE = Path("last_backup.json")
"""The file, relative to the run directory."""


class LastBackup(Struct, frozen=True):
    """The last backup that was made."""

    at: float
    """When it was made, in Unix seconds."""
    path: str
    """Where it was written, an absolute path."""


def remember_backup(path: Path, at: float) -> None:
    """Write down that a backup was made; raises StorageError."""
    replace_file(FILE, msgspec.json.encode(LastBackup(at, str(path))))


def last_backup(run: Path) -> LastBackup | None:
    """Return the last backup of the house in a run directory; None if none is known."""
    try:
        return msgspec.json.decode((run / FILE).read_bytes(), type=LastBackup)
    except (OSError, msgspec.MsgspecError):
        return None
