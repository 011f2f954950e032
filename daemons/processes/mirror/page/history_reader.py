"""Answers requests for the history with the program `daemons.storage.history_program`.

The mirror itself never reads the history: its loop and the page's share one interpreter, which a long range
would occupy. The programs are kept for some minutes, because most requests follow another one.
Requests for an explanation and for rules are answered by `why_program` and `rules_program`. Each answers one
request and ends.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

import msgspec

from daemons.drivers.transports.program import die_with
from daemons.errors import HistoryError
from daemons.processes.mirror.page.child_programs import PageEnding, Program, ProgramStarter, end
from daemons.storage.history_query import NO_HISTORY, Answer, HistoryQuery
from daemons.storage.paths import interpreter

MAX_PROGRAMS = 2
"""How many programs run at once; other requests wait for them."""
READ_SECONDS = 60.0
"""How long one answer may take."""
WARM_SECONDS = 300.0
"""How long a program is kept after an answer: its start takes longer than most answers."""
BUFFER_BYTES = 1 << 20
"""How much of an answer is read at once."""


class WhyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: why a device changed last before a time (Unix seconds)."""

    name: str
    at: float


class RulesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: the rules of a device."""

    name: str
    visible: tuple[str, ...] | None = None
    """The devices that the answer may name; None for all."""


Query = HistoryQuery | WhyQuery | RulesQuery
PROGRAMS = {
    HistoryQuery: "daemons.storage.history_program",
    WhyQuery: "daemons.processes.mirror.page.why_program",
    RulesQuery: "daemons.processes.mirror.page.rules_program",
}
"""The program that answers each type of query."""
Pipes = tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]
Work = Callable[[Program], Awaitable[bytes]]


class ProgramEnded(Exception):
    """The program ended before it answered."""


class HistoryReader:
    """Runs the programs; each ends with the mirror, and when its client has gone."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_PROGRAMS)
        self._warm: list[tuple[Program, asyncio.TimerHandle]] = []
        """The programs that wait for a request, and when each is ended; the last one answered last."""
        self._starter = ProgramStarter()

    async def read(self, query: Query) -> bytes:
        """Return the answer; raises HistoryError if it cannot be read, or not in time."""
        async with self._free:
            if not isinstance(query, HistoryQuery):
                return await self._within_time(await self._start(query), explain)
            line = msgspec.json.encode(query) + b"\n"
            while self._warm:
                program, timer = self._warm.pop()
                timer.cancel()
                with suppress(ProgramEnded):  # an idle program may have ended; the next one answers
                    return await self._within_time(program, partial(ask, line=line), keep=True)
            program = await self._start(query)
            try:
                return await self._within_time(program, partial(ask, line=line), keep=True)
            except ProgramEnded as error:
                raise HistoryError(f"its reader failed: {error}") from None

    async def close(self) -> None:
        """End the programs that wait for a request, and start no other one."""
        await self._starter.close()
        while self._warm:
            program, timer = self._warm.pop()
            timer.cancel()
            await end(program)

    async def _start(self, query: Query) -> Program:
        try:
            return await self._starter.start(partial(start_program, query))
        except PageEnding as error:
            raise HistoryError(str(error)) from None

    async def _within_time(self, program: Program, work: Work, *, keep: bool = False) -> bytes:
        """Return the answer of a program; then keep it for the next request, or end it."""
        is_kept = False
        try:
            async with asyncio.timeout(READ_SECONDS):
                found = await work(program)
            is_kept = keep
        except TimeoutError:
            raise HistoryError(
                f"reading it takes longer than {READ_SECONDS:g} s; ask for fewer devices or less time"
            ) from None
        except HistoryError:
            is_kept = keep and program.returncode is None
            raise
        finally:
            if is_kept and not self._starter.is_closed:
                self._keep(program)
            else:
                await end(program)
        return found

    def _keep(self, program: Program) -> None:
        timer = asyncio.get_running_loop().call_later(WARM_SECONDS, self._end_oldest)
        self._warm.append((program, timer))

    def _end_oldest(self) -> None:
        """End the program that waits for the longest time: its input ends, and it follows."""
        program, _ = self._warm.pop(0)
        if program.stdin:
            program.stdin.close()


async def ask(program: Program, line: bytes) -> bytes:
    """Return a program's answer to a query; raises HistoryError, or ProgramEnded."""
    queries, answers, problems = cast("Pipes", (program.stdin, program.stdout, program.stderr))
    try:
        queries.write(line)
        await queries.drain()
        if head := await answers.readline():
            answer = msgspec.json.decode(head, type=Answer)
            content = await answers.readexactly(answer.length)
            if answer.fault is not None:
                raise HistoryError(answer.fault)
            return content
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    raise ProgramEnded(last_line(await problems.read()))


async def explain(program: Program) -> bytes:
    """Return the answer of the program that explains a change; raises HistoryError."""
    found, problem = await program.communicate()
    if program.returncode == NO_HISTORY:
        raise HistoryError(problem.decode())
    if program.returncode != 0:
        raise HistoryError(f"its reader failed: {last_line(problem)}")
    return found


async def start_program(query: Query) -> Program:
    """Start the program for a type of query; raises HistoryError if that fails."""
    words = [] if isinstance(query, HistoryQuery) else [msgspec.json.encode(query)]
    try:
        return await asyncio.create_subprocess_exec(
            interpreter(),
            "-P",
            "-m",
            PROGRAMS[type(query)],
            *words,
            stdin=asyncio.subprocess.DEVNULL if words else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=partial(die_with, os.getpid()),
            limit=BUFFER_BYTES,
        )
    except OSError as error:
        raise HistoryError(f"its reader cannot be started: {error.strerror}") from error


def last_line(output: bytes) -> str:
    """Return the last line of a program's error output, which names the error of a traceback."""
    return output.decode(errors="replace").strip().rpartition("\n")[2] or "it was ended"
