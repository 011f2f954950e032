"""The program that does what the page asks: `python -m daemons.editing.program`.

The input is a ProgramRequest as JSON, the working directory is the run directory. The output is one line with
the status of the answer, and then its document. For a job this comes at once, and the program goes on.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from daemons.config.defaults import with_defaults
from daemons.config.files import Files
from daemons.config.house import House, make_house
from daemons.config.plan import with_places
from daemons.editing.apply import Failed, NewText, apply, describe_undo, one_edit_at_a_time, undo_text
from daemons.editing.configuration import (
    Changed,
    Edit,
    Source,
    UnknownDevice,
    check_version,
    edit,
    read_source,
)
from daemons.editing.device_text import NotEditable
from daemons.editing.documents import (
    CheckDocument,
    EditableDocument,
    PlanDocument,
    StoriesDocument,
    TextDocument,
)
from daemons.editing.form import FormError, form_fields, table_of, with_changes
from daemons.editing.jobs import Job
from daemons.editing.locked import locked_keys
from daemons.editing.record import NothingToUndo
from daemons.editing.requests import ProgramRequest
from daemons.editing.stories import VerbFailed, failures, play_stories, replay
from daemons.errors import AlreadyRunning, ConfigurationError, HouseError, StorageError
from daemons.storage.history_program import NICE
from daemons.storage.paths import this_host
from daemons.supervision import operations

CPU_SECONDS = 120
"""A limit against an edit that would keep the processor busy for ever."""
READY_SECONDS = 20.0
STATUSES: tuple[tuple[type[HouseError], HTTPStatus], ...] = (
    (Changed, HTTPStatus.CONFLICT),
    (NothingToUndo, HTTPStatus.CONFLICT),
    (AlreadyRunning, HTTPStatus.CONFLICT),
    (NotEditable, HTTPStatus.CONFLICT),
    (UnknownDevice, HTTPStatus.NOT_FOUND),
    (FormError, HTTPStatus.BAD_REQUEST),
    (ConfigurationError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
    (VerbFailed, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The status of each error; the first type that fits counts."""


class RefusedEdit(HouseError, ValueError):
    """The edited text has problems, so that nothing follows from it."""


def main() -> None:
    """Read the request, and write the answer."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=ProgramRequest)
    os.umask(0o077)
    try:
        if request.action in JOBS:
            JOBS[request.action](request)
        else:
            os.nice(NICE)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            answer(HTTPStatus.OK, ANSWERS[request.action](request))
    except RefusedEdit as error:
        answer(HTTPStatus.UNPROCESSABLE_ENTITY, {"reason": str(error)})
    except HouseError as error:
        status = next((status for type_, status in STATUSES if isinstance(error, type_)), HTTPStatus.CONFLICT)
        answer(status, {"reason": str(error)})


def answer(status: HTTPStatus, document: Any) -> None:
    """Write the answer, and close the output: the page waits for its end."""
    content = document if isinstance(document, bytes) else msgspec.json.encode(document)
    sys.stdout.buffer.write(b"%d\n" % status + content)
    sys.stdout.buffer.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_directory() -> Path:
    """Return the path of the run directory as the programs of supervisord have it."""
    return Path(os.environ.get("HOUSE_RUN") or Path.cwd())


# Answers


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
    """Return what the edit would do to the house."""
    house = house_of(checked(request))
    changes = operations.plan(house, run_directory())
    if house.files.included:
        place = house.locator().place
        changes = [with_places(change, place) for change in changes]
    return PlanDocument(
        changes=tuple(changes), restarts_mirror=any(change.name == request.mirror for change in changes)
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


# Jobs


def manage(request: ProgramRequest) -> None:
    """Restart, stop or start a process."""
    job = Job(request.action, request.name, request.by)
    answer(HTTPStatus.ACCEPTED, job.document)
    names = [request.name]

    def act() -> None:
        if request.action == "stop":
            operations.stop(names)
        elif request.action == "start":
            operations.start(names, READY_SECONDS, lambda _, __: None)
        else:
            operations.restart(names, READY_SECONDS, lambda _, __: None)

    carry_out(job, act)


def apply_edit(request: ProgramRequest) -> None:
    """Apply an edit: play the stories, write the file, reload the house."""
    with one_edit_at_a_time():
        found = checked(request)
        house, source = house_of(found), found.source
        new = NewText(request.name, request.by, source.file.path, source.file.text, found.content)
        job = Job("apply", request.name, request.by)
        answer(HTTPStatus.ACCEPTED, job.document)

        def act() -> None:
            if not request.untested:
                job.update(step="stories")
                if texts := failures(play_stories(house.files, run_directory())):
                    raise Failed(f"{texts}\nNothing was changed.", is_rolled_back=True)
            on_step = lambda step: job.update(step=step)  # noqa: E731
            job.update(changes=apply(new, house, run_directory(), on_step))

        carry_out(job, act)


def undo(request: ProgramRequest) -> None:
    """Undo the last edit."""
    with one_edit_at_a_time():
        new, files = undo_text()
        house = make_house(files, this_host())
        job = Job("undo", new.device, request.by)
        answer(HTTPStatus.ACCEPTED, job.document)

        def act() -> None:
            on_step = lambda step: job.update(step=step)  # noqa: E731
            job.update(changes=apply(new._replace(by=request.by), house, run_directory(), on_step))

        carry_out(job, act)


def carry_out(job: Job, act: Callable[[], None]) -> None:
    """Run the work of a job, and write how it has ended."""
    try:
        act()
    except Failed as error:
        job.end(str(error), is_rolled_back=error.is_rolled_back)
    except HouseError as error:
        job.end(str(error), is_rolled_back=True if job.document["what"] in ("apply", "undo") else None)
    except Exception as error:  # noqa: BLE001  there is no terminal that could show a traceback
        job.end(f"internal error: {type(error).__name__}: {error}"[:1000])
    else:
        job.end()


ANSWERS: dict[str, Callable[[ProgramRequest], Any]] = {
    "read": read,
    "form": change_by_form,
    "check": check,
    "plan": plan,
    "stories": play,
    "replay": replay_past,
}
JOBS: dict[str, Callable[[ProgramRequest], None]] = {
    "restart": manage,
    "stop": manage,
    "start": manage,
    "apply": apply_edit,
    "undo": undo,
}


if __name__ == "__main__":
    main()
