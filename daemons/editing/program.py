"""The program that does what the page asks: `python -m daemons.editing.program`.

Each line of the input is a ProgramRequest as JSON; the working directory is the run directory. Each line of
the output has the status of the answer, a space, and its document. The program of a job answers at once, goes
on, and reads no further line.
"""

import os
import signal
import sys
from http import HTTPStatus
from typing import Any

import msgspec

from daemons.editing.requests import JOB_ACTIONS, ProgramRequest
from daemons.errors import HouseError
from daemons.storage.history_program import NICE

CHECK_SECONDS, PLAY_SECONDS = 20, 125
"""How long an answer may take; then the kernel ends the program."""


def main() -> None:
    """Answer each request."""
    os.umask(0o077)
    is_nice = False
    for line in sys.stdin.buffer:
        request = msgspec.json.decode(line, type=ProgramRequest)
        if request.action in JOB_ACTIONS:
            begin_job(request)
            return
        if not is_nice:
            os.nice(NICE)
            is_nice = True
        signal.alarm(PLAY_SECONDS if request.action in ("stories", "replay") else CHECK_SECONDS)
        reply(request)
        signal.alarm(0)


def reply(request: ProgramRequest) -> None:
    """Answer a request that changes nothing."""
    from daemons.editing.answers import ANSWERS  # noqa: PLC0415  a restart needs no configuration

    try:
        write_answer(HTTPStatus.OK, ANSWERS[request.action](request))
    except HouseError as error:
        refuse(error)


def begin_job(request: ProgramRequest) -> None:
    """Begin a job, answer, and do the work."""
    from daemons.editing.work import JOBS  # noqa: PLC0415  only a job needs supervisord

    def on_begin(document: Any) -> None:
        write_answer(HTTPStatus.ACCEPTED, document)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the page waits for the end of it

    try:
        JOBS[request.action](request, on_begin)
    except HouseError as error:
        refuse(error)


def refuse(error: HouseError) -> None:
    """Answer with the reason of an error."""
    from daemons.editing.statuses import status_of  # noqa: PLC0415  only an error needs it

    write_answer(status_of(error), {"reason": str(error)})


def write_answer(status: HTTPStatus, document: Any) -> None:
    """Write an answer."""
    content = document.strip() if isinstance(document, bytes) else msgspec.json.encode(document)
    sys.stdout.buffer.write(b"%d " % status + content.replace(b"\n", b" ") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
