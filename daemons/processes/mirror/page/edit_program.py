"""Starts the program that edits the house and manages its processes, and returns its answer.

The mirror itself loads no configuration. The program of a job goes on when the mirror ends: an edit may
restart it. Any other program ends with the mirror.
"""

import asyncio
import os
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from daemons.drivers.transports.program import die_with
from daemons.editing.requests import JOB_ACTIONS, ProgramRequest
from daemons.processes.mirror.page.responses import HttpError
from daemons.storage.paths import interpreter

PROGRAM = "daemons.editing.program"
ANSWER_SECONDS = 130.0
"""How long a program may take to its answer."""
MAX_PROGRAMS = 3
"""How many programs may work on an answer at once; other requests wait."""
MAX_WAITING = 2
"""How many requests of one client may wait for its earlier one."""


class Answer(NamedTuple):
    """The answer of the program: a status, and a document as JSON."""

    status: int
    content: bytes


class EditProgram:
    """Runs the programs: one at a time for each client."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_PROGRAMS)
        self._clients: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}
        self._ends: set[asyncio.Task[int]] = set()

    async def run(self, request: ProgramRequest, client: str) -> Answer:
        """Return the answer to a request; raises HttpError if the client asks too often, or without one."""
        waiting = self._waiting.get(client, 0)
        if waiting > MAX_WAITING:
            reason = "your earlier requests are not answered yet"
            raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, reason, {"Retry-After": "1"})
        self._waiting[client] = waiting + 1
        lock = self._clients.setdefault(client, asyncio.Lock())
        try:
            async with lock, self._free:
                return await self._answer(request)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client], self._clients[client]

    async def _answer(self, request: ProgramRequest) -> Answer:
        is_job = request.action in JOB_ACTIONS
        process = await start_program(is_job=is_job)
        output = b""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                output = await exchange(process, msgspec.json.encode(request))
        except TimeoutError:
            raise HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"this takes longer than {ANSWER_SECONDS:g} s"
            ) from None
        finally:
            if not (is_job and output) and process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            end = asyncio.create_task(process.wait())  # a child that ends must be waited for
            self._ends.add(end)
            end.add_done_callback(self._ends.discard)
        status, _, content = output.partition(b"\n")
        if not status.isdigit():
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the program that edits has failed")
        return Answer(int(status), content)


async def exchange(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    """Send the request to the program, and return its output."""
    if process.stdin is None or process.stdout is None:
        return b""
    with suppress(ConnectionError):
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    return await process.stdout.read()


async def start_program(*, is_job: bool) -> asyncio.subprocess.Process:
    """Start the program; raises HttpError if that fails."""
    try:
        return await asyncio.create_subprocess_exec(
            interpreter(),
            "-P",
            "-m",
            PROGRAM,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=is_job,  # supervisord kills the group of the mirror
            preexec_fn=None if is_job else partial(die_with, os.getpid()),
        )
    except OSError as error:
        reason = f"the program that edits cannot be started: {error.strerror}"
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason) from error
