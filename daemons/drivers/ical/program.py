"""Expands the text of a calendar, from standard input, in a process of its own with limits.

usage: python -m daemons.drivers.ical.program BEGIN UNTIL ics|xml

BEGIN and UNTIL are Unix seconds. The output is an `Expanded` as JSON. A stranger wrote the text: if it takes
all of the time or the memory, this process ends, and the device goes on. The heavy libraries are loaded
here, so the device itself stays light.
"""

import os
import resource
import sys

import msgspec

from daemons.drivers.ical.dav import calendars_in
from daemons.drivers.ical.expand import expand
from daemons.drivers.ical.result import Expanded
from daemons.errors import MessageError

PROCESSOR_SECONDS = 30
MEMORY_BYTES = 1 << 30
"""How much memory the process may reserve; it uses some 60 MB."""
NICENESS = 10


def main(begin: str, until: str, form: str) -> None:
    """Read a text, and print its events."""
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)
    body = sys.stdin.buffer.read()
    try:
        text = calendars_in(body) if form == "xml" else body.decode("utf-8-sig", errors="replace")
        found = expand(text, float(begin), float(until))
    except MessageError as error:
        found = Expanded(problem=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
