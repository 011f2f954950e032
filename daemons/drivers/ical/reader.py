"""Runs the program that expands a calendar, with limits, and returns the events."""

import asyncio
import os
from contextlib import suppress
from functools import partial

import msgspec

from daemons.drivers.ical.result import Expanded
from daemons.drivers.transports.http_response import BadResponse
from daemons.drivers.transports.program import die_with
from daemons.storage.paths import interpreter
from daemons.values import printable

PROGRAM = "daemons.drivers.ical.program"
READ_SECONDS = 60.0
"""How long the program may take; its own limits are shorter."""
MAX_REASON = 200


async def expand_in_program(body: bytes, begin: float, until: float, form: str) -> Expanded:
    """Return the events of a calendar in a span of time (Unix seconds); `form` is "ics" or "xml".

    Raises BadResponse if the text cannot be read, and OSError if the program cannot be started.
    """
    program = await asyncio.create_subprocess_exec(
        interpreter(),
        "-P",
        "-m",
        PROGRAM,
        repr(begin),
        repr(until),
        form,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=partial(die_with, os.getpid()),
    )
    try:
        async with asyncio.timeout(READ_SECONDS):
            printed, complaint = await program.communicate(body)
    except TimeoutError:
        raise BadResponse("it takes too long to read: it has too many events that repeat") from None
    finally:
        if program.returncode is None:
            with suppress(ProcessLookupError):
                program.kill()
            await program.communicate()  # closes its pipes
    if program.returncode != 0:
        raise BadResponse(f"it cannot be read: {reason(program.returncode or 0, complaint)}")
    return checked(msgspec.json.decode(printed, type=Expanded), body)


def checked(found: Expanded, body: bytes) -> Expanded:
    """Return what was read; raises BadResponse if that is no whole calendar."""
    if found.problem is not None:
        raise BadResponse(found.problem)
    if not found.is_calendar:
        is_page = body.lstrip()[:1] == b"<"
        what = "a web page" if is_page else "no calendar"
        raise BadResponse(f"this is {what}; use the address that returns the calendar itself (iCal, .ics)")
    if not found.is_whole:
        raise BadResponse("its calendar ends in the middle")
    return found


def reason(status: int, complaint: bytes) -> str:
    """Return why the program has failed."""
    if status < 0:
        return "it takes too much time or memory"
    last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
    return str(printable(last))[:MAX_REASON] or f"its reader ended with the exit status {status}"
