"""The answers to requests that change nothing: the table of a device, its check, its plan, its stories."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemons.config.defaults import with_defaults
from daemons.config.files import Files
from daemons.config.house import House
from daemons.editing.configuration import Edit, Source, check_version, edit, read_source
from daemons.editing.documents import (
    CheckDocument,
    EditableDocument,
    PlanDocument,
    StoriesDocument,
    TextDocument,
)
from daemons.editing.form import form_fields, table_of, with_changes
from daemons.editing.locked import locked_keys
from daemons.editing.requests import ProgramRequest
from daemons.editing.undo import describe_undo
from daemons.editing.verbs import plan_reload, play_stories, replay
from daemons.errors import HouseError


class RefusedEdit(HouseError, ValueError):
    """The edited text has problems, so that nothing follows from it."""


def run_directory() -> Path:
    """Return the path of the run directory as the programs of supervisord have it."""
    return Path(os.environ.get("HOUSE_RUN") or Path.cwd())


def read(request: ProgramRequest) -> EditableDocument:
    """Return the table of a device, and its form."""
    source = read_source(request.name)
    table = merged_table(source.files, request.name)
    return EditableDocument(
        device=request.name,
        file=source.file_name,
        first_line=source.device.first + 1,
        last_line=source.device.end,
        text=source.device.text,
        version=source.version,
        locked=tuple(locked_keys(request.name, table)),
        form=form_fields(request.name, table),
        undo=describe_undo(run_directory()),
    )


def change_by_form(request: ProgramRequest) -> TextDocument:
    """Return the text with the changes of a form."""
    source = opened(request)
    table = table_of(request.text, request.name)
    fields = form_fields(request.name, with_defaults(table, source.files.main.raw.get("defaults"))[0])
    return TextDocument(text=with_changes(request.text, request.name, fields, request.changes))


def check(request: ProgramRequest) -> CheckDocument:
    """Return every problem of the edited text."""
    began = time.perf_counter()
    found = edit(opened(request), request.text)
    took_seconds = round(time.perf_counter() - began, 4)
    return CheckDocument(ok=not found.problems, problems=found.problems, took_seconds=took_seconds)


def plan(request: ProgramRequest) -> PlanDocument:
    """Return what the edit would do to the house, and what a device would forget."""
    found = plan_reload(house_of(checked(request)).files, run_directory())
    return PlanDocument(
        changes=found.changes,
        restarts_mirror=any(change.name == request.mirror for change in found.changes),
        forgotten=found.forgotten,
    )


def play(request: ProgramRequest) -> StoriesDocument:
    """Play the stories with the edit."""
    found = play_stories(house_of(checked(request)).files, run_directory())
    return StoriesDocument(ok=found["ok"], stories=tuple(found["stories"]))


def replay_past(request: ProgramRequest) -> bytes:
    """Play the past with the edit."""
    return replay(house_of(checked(request)).files, run_directory(), request.since)


def opened(request: ProgramRequest) -> Source:
    """Return the configuration, if the text of the request comes from its present version."""
    source = read_source(request.name)
    check_version(source, request.version)
    return source


def checked(request: ProgramRequest) -> Edit:
    """Return the edit; raises RefusedEdit with its problems."""
    found = edit(opened(request), request.text)
    if found.problems:
        texts = [f"{one.file}:{one.line}: [{one.table}] {one.text}" for one in found.problems]
        raise RefusedEdit("\n".join(texts))
    return found


def house_of(found: Edit) -> House:
    """Return the house of an edit without problems."""
    if found.house is None:
        raise RefusedEdit("the edited text has problems")
    return found.house


def merged_table(files: Files, name: str) -> dict[str, Any]:
    """Return the table of a device with its defaults."""
    table: dict[str, Any] = files.merged()[0]["devices"][name]
    return table


ANSWERS: dict[str, Callable[[ProgramRequest], Any]] = {
    "read": read,
    "form": change_by_form,
    "check": check,
    "plan": plan,
    "stories": play,
    "replay": replay_past,
}
