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
from daemons.processes.mirror.page.child_programs import PageEnding, Program, ProgramStarter, end
from daemons.processes.mirror.page.responses import HttpError
from daemons.storage.paths import interpreter

PROGRAM = "daemons.editing.program"
QUICK_ACTIONS = ("read", "form", "check")
"""The requests of a person who types: one program answers all of them."""
CHECK_SECONDS, ANSWER_SECONDS = 25.0, 130.0
"""How long a program may take to its answer: to a quick request, and to any other."""
IDLE_SECONDS = 60.0
"""How long the program for quick requests lives without any."""
MAX_ANSWER_BYTES = 32 << 20
MAX_PROGRAMS = 3
"""How many programs may work on an answer at once; other requests wait."""
MAX_WAITING = 2
"""How many requests of one client may wait for its earlier one."""


class Answer(NamedTuple):
    """The answer of the program: a status, and a document as JSON."""

    status: int
    content: bytes


class ProgramEnded(HttpError):
    """The program has ended without an answer."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, "the program that edits has failed")


class EditProgram:
    """Runs the programs: one request at a time for each client."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_PROGRAMS)
        self._clients: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}
        self._starter = ProgramStarter()
        self._checker = Checker(self._starter)
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
            async with lock:
                if request.action in QUICK_ACTIONS:
                    return await self._checker.run(request)
                async with self._free:
                    return await self._run_alone(request)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client], self._clients[client]

    async def close(self) -> None:
        """End the program for quick requests, and start no other one; the program of a job goes on."""
        await self._starter.close()
        await self._checker.close()

    async def _run_alone(self, request: ProgramRequest) -> Answer:
        """Return the answer of a program of its own; that of a job goes on."""
        process = await start(self._starter, is_job=request.action in JOB_ACTIONS)
        found: Answer | None = None
        try:
            found = await ask(process, request, ANSWER_SECONDS)
            return found
        finally:
            if process.stdin:
                process.stdin.close()
            if request.action not in JOB_ACTIONS or found is None:
                kill(process)
            task = asyncio.create_task(process.wait())  # a child that ends must be waited for
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)


class Checker:
    """A program that answers one quick request after the other, so that its start is waited for only once.

    It ends when nothing was asked for a while.
    """

    def __init__(self, starter: ProgramStarter) -> None:
        self._starter = starter
        self._process: Program | None = None
        self._is_free = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, request: ProgramRequest) -> Answer:
        """Return the answer to a request; raises HttpError without one."""
        async with self._is_free:
            if self._idle:
                self._idle.cancel()
            is_new = self._process is None or self._process.returncode is not None
            try:
                found = await self._ask(request)
            except ProgramEnded:
                if is_new:
                    raise
                found = await self._ask(request)  # the program may have been killed since its last answer
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end)
            return found

    async def _ask(self, request: ProgramRequest) -> Answer:
        """Return the answer of the program, which is started if there is none."""
        if self._process is None or self._process.returncode is not None:
            self._process = await start(self._starter, is_job=False)
        found: Answer | None = None
        try:
            found = await ask(self._process, request, CHECK_SECONDS)
        finally:
            if found is None:  # the next request must not get the answer to this one
                kill(self._process)
                await self._process.wait()
        return found

    async def close(self) -> None:
        """End the program, also during a request."""
        if self._process is None:
            return
        kill(self._process)
        async with self._is_free:  # a request at work has no answer now
            if self._idle:
                self._idle.cancel()
            await end(self._process)

    def _end(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


async def ask(process: Program, request: ProgramRequest, seconds: float) -> Answer:
    """Return the answer of a program to a request; raises ProgramEnded, or HttpError if it takes too long."""
    if process.stdin is None or process.stdout is None:
        raise ProgramEnded
    try:
        async with asyncio.timeout(seconds):
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
    except TimeoutError:
        reason = f"this takes longer than {seconds:g} s"
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason) from None
    except (ConnectionError, ValueError):
        line = b""
    status, _, content = line.partition(b" ")
    if not status.isdigit():
        raise ProgramEnded
    return Answer(int(status), content)


def kill(process: Program) -> None:
    """Kill a program that may have ended already."""
    with suppress(ProcessLookupError):
        process.kill()


async def start(starter: ProgramStarter, *, is_job: bool) -> Program:
    """Start the program; raises HttpError if that fails, or the page is ending."""
    try:
        return await starter.start(partial(start_program, is_job=is_job))
    except PageEnding as error:
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None


async def start_program(*, is_job: bool) -> Program:
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
            limit=MAX_ANSWER_BYTES,
            start_new_session=is_job,  # supervisord kills the group of the mirror
            preexec_fn=None if is_job else partial(die_with, os.getpid()),
        )
    except OSError as error:
        reason = f"the program that edits cannot be started: {error.strerror}"
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason) from error
