"""The event protocol of supervisord, over real pipes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from daemons.supervision.events import tokens
from tests.support.patience import patience

LISTEN = """
import json, select, sys
from daemons.supervision.events import EventListener
listener = EventListener()
events = []
while events is not None:
    select.select([0], [], [])
    events = listener.receive()
    print(json.dumps(events), file=sys.stderr, flush=True)
"""


def event(name: str, **about: object) -> bytes:
    """Return an event as supervisord sends it: a line of headers, and a body of the announced length."""
    body = " ".join(f"{key}:{value}" for key, value in about.items()).encode()
    header = (
        f"ver:3.0 server:supervisor serial:21 pool:steward poolserial:10 eventname:{name} len:{len(body)}"
    )
    return header.encode() + b"\n" + body


class Wire:
    """A listener in a separate process, and supervisord's ends of its pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def write(self, piece: bytes) -> Any:
        """Write a part, and return the events that the listener has parsed."""
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.write(piece)
        return json.loads(self._process.stderr.readline())

    def hear(self, expected: bytes) -> None:
        """Read exactly the expected answer of the listener."""
        assert self._process.stdout is not None
        assert self._process.stdout.read(len(expected)) == expected

    def close(self) -> tuple[bytes, bytes]:
        """Close the pipes, and return the last output of the listener."""
        return self._process.communicate(timeout=patience())


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Yield a listener that is ready."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN], stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    ) as process:
        made = Wire(process)
        made.hear(b"READY\n")
        yield made
        process.kill()


ANSWER = b"RESULT 2\nOKREADY\n"
RUNNING = event(
    "PROCESS_STATE_RUNNING", processname="toaster", groupname="toaster", from_state="STARTING", pid=7
)
HEARD = [
    "PROCESS_STATE_RUNNING",
    {"processname": "toaster", "groupname": "toaster", "from_state": "STARTING"},
]
HEARD[1]["pid"] = "7"  # type: ignore[index]


def test_an_event_is_parsed_and_acknowledged(wire: Wire) -> None:
    """The listener acknowledges the event and is ready for the next one, in one write."""
    assert wire.write(RUNNING) == [HEARD]
    wire.hear(ANSWER)


def test_an_event_in_parts_is_parsed_when_it_is_complete(wire: Wire) -> None:
    """A pipe may cut an event anywhere: in the header, at its end, in the body. No piece is acknowledged."""
    end = RUNNING.index(b"\n")
    for begin, stop in ((0, 9), (9, end), (end, end + 1), (end + 1, len(RUNNING) - 1)):
        assert wire.write(RUNNING[begin:stop]) == []
    assert wire.write(RUNNING[-1:]) == [HEARD]
    wire.hear(ANSWER)


def test_several_events_at_once_are_all_parsed_in_order(wire: Wire) -> None:
    """Each one is acknowledged; the beginning of another one waits for its end."""
    gone = event("PROCESS_GROUP_REMOVED", groupname="toaster")
    assert wire.write(RUNNING + gone + b"\n"[:0] + RUNNING[:20]) == [
        HEARD,
        ["PROCESS_GROUP_REMOVED", {"groupname": "toaster"}],
    ]
    wire.hear(ANSWER + ANSWER)
    assert wire.write(RUNNING[20:]) == [HEARD]


def test_an_event_without_a_body_is_an_event(wire: Wire) -> None:
    """A tick event has an empty body."""
    assert wire.write(event("TICK_5")) == [["TICK_5", {}]]


def test_the_end_of_supervisord_is_noticed(wire: Wire) -> None:
    """The listener answers nothing more, and returns None."""
    assert wire.close() == (b"", b"null\n")


def test_tokens_are_pairs() -> None:
    """A value may contain a colon, or be empty."""
    assert tokens(b"a:1 b:x:y c:") == {"a": "1", "b": "x:y", "c": ""}
