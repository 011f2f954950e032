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


class FileChange(NamedTuple):
    """The text of one file before and after; None where the file is not there."""

    path: Path
    before: str | None
    after: str | None


class NewText(NamedTuple):
    """What an edit writes."""

    device: str
    """The edited device; empty for a change of the whole configuration."""
    by: str
    changes: tuple[FileChange, ...]
    why: str = "edit"


class EditedFile(Struct, frozen=True):
    """One file of an edit."""

    path: str
    before: str | None
    """The whole text of the file before the edit; None if the edit made the file."""
    after_version: str | None
    """The version of the file after it; None if the edit removed the file."""


class EditRecord(Struct, frozen=True, kw_only=True):
    """One edit: its files, and their texts before and after."""

    device: str
    at: float
    by: str
    files: tuple[EditedFile, ...]

    def is_current(self, *, is_interrupted: bool) -> bool:
        """Return whether the files still have the texts of the edit; an interrupted one has written some."""
        written = [file_version(Path(file.path)) == file.after_version for file in self.files]
        if not is_interrupted:
            return all(written)
        unwritten = [file_version(Path(file.path)) == version_of_text(file.before) for file in self.files]
        return any(written) and all(one or other for one, other in zip(written, unwritten, strict=True))


def version_of_text(text: str | None) -> str | None:
    """Return the version of a file with this text; None for no file."""
    return None if text is None else version_of(text)


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
        if record.is_current(is_interrupted=is_interrupted):
            return record, is_interrupted
    return None


def describe_last() -> LastEdit | None:
    """Return what can be undone, for the page; None for a change of the whole configuration."""
    found = last_edit()
    if found is None:
        return None
    record, is_interrupted = found
    if not record.device:
        return None
    return LastEdit(device=record.device, at=record.at, by=record.by, is_interrupted=is_interrupted)


def write_text(path: Path, text: str | None) -> None:
    """Replace the text of a file of the configuration; a link stays, and so does the mode.

    Without a text, the file is removed. Raises StorageError if that is not possible.
    """
    real = path.resolve()
    mode = 0o600
    try:
        if text is None:
            real.unlink(missing_ok=True)
            return
        if path.is_symlink() or path.exists():
            mode = real.stat().st_mode & 0o7777
        else:
            real.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(describe(error, f"{path} cannot be changed")) from error
    replace_file(real, text.encode(), mode)
