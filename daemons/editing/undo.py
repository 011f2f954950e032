"""The undo of the last edit: what it would write, and the lock that keeps edits apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from daemons.config.files import File, Files, parse, read_code, read_files
from daemons.editing import record
from daemons.editing.configuration import source_path, with_file
from daemons.editing.documents import LastEdit
from daemons.editing.record import FileChange, NewText, NothingToUndo
from daemons.errors import ConfigurationError, HouseError
from daemons.storage.lock import NameLock

LOCK = "edit"
"""The name of the lock that each edit holds, so that no two edits meet."""


def undo_text() -> tuple[NewText, Files]:
    """Return what undo writes, and the files of the configuration after it.

    Raises NothingToUndo.
    """
    found = record.last_edit()
    if found is None:
        raise NothingToUndo("there is no edit to undo, or its file has changed since")
    edit, _ = found
    if not edit.device:
        raise NothingToUndo("`house undo` undoes the last change; it was no edit of one device")
    (edited,) = edit.files
    path, before = Path(edited.path), edited.before or ""
    try:
        files = read_files(source_path())
        present = next((file.text for file in files if file.path == path), None)
        if present is None:
            raise NothingToUndo(f"{path} is no file of the configuration any more")
        files = with_file(files, File(path, *parse(path, before)))
        files = replace(files, code=read_code(files))
    except ConfigurationError as error:
        raise NothingToUndo(f"the edit cannot be undone: {error}") from error
    change = FileChange(path, present, before)
    return NewText(edit.device, edit.by, (change,), f"undo of the edit of {edit.device}"), files


@contextmanager
def one_edit_at_a_time() -> Iterator[None]:
    """Lock the edits of the house; raises AlreadyRunning while another one is applied."""
    lock = NameLock(LOCK)
    try:
        yield
    finally:
        lock.release()


def describe_undo(run: Path) -> LastEdit | None:
    """Return what can be undone; None without an edit, and while one is applied.

    An edit that was interrupted is complete if the house runs it by now, for example after `house reload`.
    """
    try:
        with one_edit_at_a_time():
            found = record.describe_last()
            if found and found.is_interrupted and is_applied(run):
                record.complete()
                found = record.describe_last()
    except HouseError:
        return None
    return found


def is_applied(run: Path) -> bool:
    """Return whether the house runs what its files say."""
    from daemons.editing.apply import plan_of_files  # noqa: PLC0415  only after an interruption

    return not plan_of_files(run)
