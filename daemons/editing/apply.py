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
from daemons.editing.configuration import source_path, version_of
from daemons.editing.record import EditRecord, NewText
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
