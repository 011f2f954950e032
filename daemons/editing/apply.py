"""Applies an edit to the house, and undoes the last one: writes the file, reloads, goes back if that fails.

A kill at any moment leaves the file with the text before or after the edit. `record` knows which, and undo
puts the text before it back.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from daemons.config.files import File, Files, parse, read_code, read_files
from daemons.config.house import House, make_house
from daemons.config.plan import ProcessChange
from daemons.editing import record
from daemons.editing.configuration import source_path, version_of, with_file
from daemons.editing.documents import LastEdit
from daemons.editing.record import EditRecord, NothingToUndo
from daemons.errors import ConfigurationError, HouseError
from daemons.storage.lock import NameLock
from daemons.storage.paths import this_host
from daemons.supervision import operations

READY_SECONDS = 20.0
"""How long the processes may take without progress until the edit is rolled back."""
LOCK = "edit"
"""The name of the lock that each edit holds, so that no two edits meet."""


class Failed(HouseError):
    """The edit was not applied; `is_rolled_back` tells whether file and house are as they were."""

    def __init__(self, text: str, *, is_rolled_back: bool) -> None:
        super().__init__(text)
        self.is_rolled_back = is_rolled_back


class NewText(NamedTuple):
    """What an edit writes."""

    device: str
    by: str
    path: Path
    before: str
    after: str


OnStep = Callable[[str], Any]


def apply(new: NewText, house: House, run: Path, on_step: OnStep) -> list[ProcessChange]:
    """Write the file and reload the house; return what the reload has changed.

    `house` is the whole configuration with the new text. Raises Failed.
    """
    on_step("writing")
    version = version_of(new.after)
    try:
        record.begin(
            EditRecord(
                device=new.device,
                at=time.time(),
                by=new.by,
                file=str(new.path),
                before=new.before,
                after_version=version,
            )
        )
        if record.file_version(new.path) != version_of(new.before):
            record.drop()
            raise Failed(
                f"{new.path.name} has changed at this moment; nothing was changed", is_rolled_back=True
            )
        record.write_text(new.path, new.after)
    except HouseError as error:
        if isinstance(error, Failed):
            raise
        record.drop()
        raise Failed(str(error), is_rolled_back=True) from error
    on_step("reloading")
    try:
        changes = operations.reload(house, run, READY_SECONDS, lambda _, __: None)
    except Exception as error:
        on_step("rolling_back")
        raise roll_back(new, version, run, error) from error
    record.complete()
    return changes


def roll_back(new: NewText, version: str, run: Path, error: Exception) -> Failed:
    """Put the text before the edit back; return the error that says whether all is as it was."""
    why = str(error) if isinstance(error, HouseError) else f"{type(error).__name__}: {error}"
    if record.file_version(new.path) != version:
        record.drop()
        text = f"{why}\n{new.path.name} has changed meanwhile, so it was left as it is"
        return Failed(text, is_rolled_back=False)
    try:
        record.write_text(new.path, new.before)
        record.drop()
        different = plan_of_files(run)
    except (HouseError, OSError) as failure:
        return Failed(f"{why}\nThe earlier text could not be put back: {failure}", is_rolled_back=False)
    if different:
        names = ", ".join(different)
        text = f"{why}\n{new.path.name} is as before, and these are not: {names}; `house reload` applies it"
        return Failed(text, is_rolled_back=False)
    return Failed(why, is_rolled_back=True)


def plan_of_files(run: Path) -> list[str]:
    """Return the processes that do not run what the files of the configuration say."""
    house = make_house(read_files(source_path()), this_host())
    return [change.name for change in operations.plan(house, run)]


def undo_text() -> tuple[NewText, Files]:
    """Return what undo writes, and the files of the configuration after it.

    Raises NothingToUndo.
    """
    found = record.last_edit()
    if found is None:
        raise NothingToUndo("there is no edit to undo, or its file has changed since")
    edit, _ = found
    path = Path(edit.file)
    try:
        files = read_files(source_path())
        present = next((file.text for file in files if file.path == path), None)
        if present is None:
            raise NothingToUndo(f"{path} is no file of the configuration any more")
        files = with_file(files, File(path, *parse(path, edit.before)))
        files = replace(files, code=read_code(files))
    except ConfigurationError as error:
        raise NothingToUndo(f"the edit cannot be undone: {error}") from error
    return NewText(edit.device, edit.by, path, present, edit.before), files


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
            if found and found.is_interrupted and not plan_of_files(run):
                record.complete()
                found = record.describe_last()
    except HouseError:
        return None
    return found
