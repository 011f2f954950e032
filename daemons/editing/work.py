"""The work of jobs: restart, stop or start a process, apply an edit, undo it."""

from collections.abc import Callable
from typing import Any

from daemons.config.house import make_house
from daemons.editing.answers import checked, house_of, run_directory
from daemons.editing.apply import Failed, apply
from daemons.editing.jobs import Job
from daemons.editing.record import FileChange, NewText
from daemons.editing.requests import ProgramRequest
from daemons.editing.undo import one_edit_at_a_time, undo_text
from daemons.editing.verbs import failures, play_stories
from daemons.errors import HouseError
from daemons.storage.paths import this_host
from daemons.supervision import operations

READY_SECONDS = 20.0
"""How long a process may take to become ready."""
OnBegin = Callable[[Any], None]
"""Gets the document of the job when it begins."""


def manage(request: ProgramRequest, on_begin: OnBegin) -> None:
    """Restart, stop or start a process."""
    job = Job(request.action, request.name, request.by)
    on_begin(job.document)
    names = [request.name]

    def act() -> None:
        if request.action == "stop":
            operations.stop(names)
        elif request.action == "start":
            operations.start(names, READY_SECONDS, lambda _, __: None)
        else:
            operations.restart(names, READY_SECONDS, lambda _, __: None)

    carry_out(job, act)


def apply_edit(request: ProgramRequest, on_begin: OnBegin) -> None:
    """Apply an edit: play the stories, write the file, reload the house."""
    with one_edit_at_a_time():
        found = checked(request)
        house, source = house_of(found), found.source
        change = FileChange(source.file.path, source.file.text, found.content)
        new = NewText(request.name, request.by, (change,), f"edit of {request.name}")
        job = Job("apply", request.name, request.by)
        on_begin(job.document)

        def act() -> None:
            if not request.untested:
                job.begin_step("stories")
                if texts := failures(play_stories(house.files, run_directory())):
                    raise Failed(f"{texts}\nNothing was changed.", is_rolled_back=True)
            job.update(changes=apply(new, house, run_directory(), job.begin_step))

        carry_out(job, act)


def undo(request: ProgramRequest, on_begin: OnBegin) -> None:
    """Undo the last edit."""
    with one_edit_at_a_time():
        new, files = undo_text()
        house = make_house(files, this_host())
        job = Job("undo", new.device, request.by)
        on_begin(job.document)

        def act() -> None:
            job.update(changes=apply(new._replace(by=request.by), house, run_directory(), job.begin_step))

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


JOBS: dict[str, Callable[[ProgramRequest, OnBegin], None]] = {
    "restart": manage,
    "stop": manage,
    "start": manage,
    "apply": apply_edit,
    "undo": undo,
}
