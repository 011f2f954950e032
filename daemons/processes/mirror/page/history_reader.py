"""Answers requests for the history with the program `daemons.storage.history_program`.

Requests for an explanation and for rules are answered with `why_program` and `rules_program` in the same way.
The mirror itself never reads the history: its loop and the page's share one interpreter, which a long range
would occupy for seconds.
"""

import asyncio
import os
from contextlib import suppress
from functools import partial

import msgspec

from daemons.drivers.transports.program import die_with
from daemons.errors import HistoryError
from daemons.storage.history_program import NO_HISTORY, HistoryQuery
from daemons.storage.paths import interpreter

MAX_PROGRAMS = 2
"""How many programs run at once; other requests wait for them."""
READ_SECONDS = 60.0
"""How long one program may take."""


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


class HistoryReader:
    """Runs the programs; each ends with the mirror, and when its client has gone."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_PROGRAMS)

    async def read(self, query: Query) -> bytes:
        """Return the answer as JSON; raises HistoryError if it cannot be read, or not in time."""
        async with self._free:
            program = await start_program(query)
            try:
                async with asyncio.timeout(READ_SECONDS):
                    found, problem = await program.communicate()
            except TimeoutError:
                raise HistoryError(
                    f"reading it takes longer than {READ_SECONDS:g} s; ask for fewer devices or less time"
                ) from None
            finally:
                if program.returncode is None:
                    with suppress(ProcessLookupError):
                        program.kill()
                    await program.communicate()  # closes its pipes
        if program.returncode == NO_HISTORY:
            raise HistoryError(problem.decode())
        if program.returncode != 0:
            raise HistoryError(f"its reader failed: {last_line(problem)}")
        return found


async def start_program(query: Query) -> asyncio.subprocess.Process:
    """Start the program; raises HistoryError if that fails."""
    try:
        return await asyncio.create_subprocess_exec(
            interpreter(),
            "-P",
            "-m",
            PROGRAMS[type(query)],
            msgspec.json.encode(query),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=partial(die_with, os.getpid()),
        )
    except OSError as error:
        raise HistoryError(f"its reader cannot be started: {error.strerror}") from error


def last_line(output: bytes) -> str:
    """Return the last line of a program's error output, which names the error of a traceback."""
    return output.decode(errors="replace").strip().rpartition("\n")[2] or "it was ended"
