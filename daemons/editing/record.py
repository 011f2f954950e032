"""The last edit that the page has applied, with the text before it: for undo, and after an interruption."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from daemons.editing.configuration import version_of
from daemons.editing.documents import LastEdit
from daemons.errors import HouseError, StorageError
from daemons.storage.paths import describe, replace_file

FOLDER = Path("edits")
"""The folder, relative to the run directory."""
LAST, PENDING = FOLDER / "last.json", FOLDER / "pending.json"
"""The last edit that the house runs, and one that has not come so far."""


class NothingToUndo(HouseError):
    """There is no edit, or its file has changed since."""


class NewText(NamedTuple):
    """What an edit writes."""

    device: str
    by: str
    path: Path
    before: str
    after: str


class EditRecord(Struct, frozen=True, kw_only=True):
    """One edit: the file, and its text before and after."""

    device: str
    at: float
    by: str
    file: str
    """The path of the file."""
    before: str
    """The whole text of the file before the edit."""
    after_version: str
    """The version of the file after it."""

    def is_current(self) -> bool:
        """Return whether the file still has the text of the edit."""
        return file_version(Path(self.file)) == self.after_version


def file_version(path: Path) -> str | None:
    """Return the version of a file; None if it cannot be read."""
    try:
        return version_of(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError):
        return None


def begin(record: EditRecord) -> None:
    """Keep an edit before it is written; raises StorageError if that is not possible."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    replace_file(PENDING, msgspec.json.encode(record))


def complete() -> None:
    """Note that the house runs the edit: it can be undone from now on."""
    with suppress(OSError):
        PENDING.replace(LAST)


def drop() -> None:
    """Forget an edit that was rolled back."""
    with suppress(OSError):
        PENDING.unlink()


def last_edit() -> tuple[EditRecord, bool] | None:
    """Return the edit that can be undone, and whether it was interrupted; None if there is none.

    An edit that was interrupted before it was written is none.
    """
    for path, is_interrupted in ((PENDING, True), (LAST, False)):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=EditRecord)
        except (OSError, msgspec.MsgspecError):
            continue
        if record.is_current():
            return record, is_interrupted
    return None


def describe_last() -> LastEdit | None:
    """Return what can be undone, for the page."""
    found = last_edit()
    if found is None:
        return None
    record, is_interrupted = found
    return LastEdit(device=record.device, at=record.at, by=record.by, is_interrupted=is_interrupted)


def write_text(path: Path, text: str) -> None:
    """Replace the text of a file of the configuration; a link stays, and so does the mode.

    Raises StorageError if it cannot be written.
    """
    real = path.resolve()
    try:
        mode = real.stat().st_mode & 0o7777
    except OSError as error:
        raise StorageError(describe(error, f"{path} cannot be changed")) from error
    replace_file(real, text.encode(), mode)
