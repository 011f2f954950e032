"""Applies an edit to the house, and undoes the last one: writes the file, reloads, goes back if that fails.

A kill at any moment leaves the file with the text before or after the edit. `record` knows which, and undo
puts the text before it back.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemons.config.files import read_files
from daemons.config.house import House, make_house
from daemons.config.plan import ProcessChange
from daemons.editing import record
from daemons.editing.configuration import Changed, source_path
from daemons.editing.record import EditedFile, EditRecord, FileChange, NewText, version_of_text
from daemons.errors import HouseError
from daemons.storage.paths import this_host
from daemons.supervision import operations

READY_SECONDS = 20.0
"""How long the processes may take without progress until the edit is rolled back."""


class Failed(HouseError):
    """The edit was not applied; `is_rolled_back` tells whether file and house are as they were."""

    def __init__(self, text: str, *, is_rolled_back: bool) -> None:
        super().__init__(text)
        self.is_rolled_back = is_rolled_back


OnStep = Callable[[str], Any]


def apply(new: NewText, house: House, run: Path, on_step: OnStep) -> list[ProcessChange]:
    """Write the file and reload the house; return what the reload has changed.

    `house` is the whole configuration with the new text. Raises Failed.
    """
    on_step("writing")
    written: list[FileChange] = []
    try:
        record.begin(
            EditRecord(
                device=new.device,
                at=time.time(),
                by=new.by,
                files=tuple(
                    EditedFile(str(one.path), one.before, version_of_text(one.after)) for one in new.changes
                ),
            )
        )
        for change in new.changes:
            if record.file_version(change.path) != version_of_text(change.before):
                raise Changed(f"{change.path.name} has changed at this moment; nothing was changed")
        for change in new.changes:
            written.append(change)
            record.write_text(change.path, change.after)
    except HouseError as error:
        for change in reversed(written[:-1]):
            record.write_text(change.path, change.before)
        record.drop()
        raise Failed(str(error), is_rolled_back=True) from error
    on_step("reloading")
    try:
        changes = operations.reload(house, run, READY_SECONDS, lambda _, __: None, new.why, new.by)
    except Exception as error:
        on_step("rolling_back")
        raise roll_back(new, run, error) from error
    record.complete()
    return changes


def roll_back(new: NewText, run: Path, error: Exception) -> Failed:
    """Put the texts before the edit back; return the error that says whether all is as it was."""
    why = str(error) if isinstance(error, HouseError) else f"{type(error).__name__}: {error}"
    names = ", ".join(change.path.name for change in new.changes)
    for change in new.changes:
        if record.file_version(change.path) != version_of_text(change.after):
            record.drop()
            text = f"{why}\n{change.path.name} has changed meanwhile, so it was left as it is"
            return Failed(text, is_rolled_back=False)
    try:
        for change in new.changes:
            record.write_text(change.path, change.before)
        record.drop()
        different = plan_of_files(run)
    except (HouseError, OSError) as failure:
        return Failed(f"{why}\nThe earlier text could not be put back: {failure}", is_rolled_back=False)
    if different:
        others = ", ".join(different)
        text = f"{why}\n{names} is as before, and these are not: {others}; `house reload` applies it"
        return Failed(text, is_rolled_back=False)
    return Failed(why, is_rolled_back=True)


def plan_of_files(run: Path) -> list[str]:
    """Return the processes that do not run what the files of the configuration say."""
    house = make_house(read_files(source_path()), this_host())
    return [change.name for change in operations.plan(house, run)]
