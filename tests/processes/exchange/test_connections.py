"""Who has come by the network, with real connections: how much each may, and who is ended."""

import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from daemons.processes.exchange import connections
from daemons.processes.exchange.connections import Callers, Mark, peer, shut

LOG = logging.getLogger("test_caller")


class Line:
    """A TCP connection into this process."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.far = socket.create_connection(server.getsockname())
            self.near, _ = server.accept()
        self.far.setblocking(False)

    @property
    def is_ended(self) -> bool:
        """Tell whether the other side sees its end."""
        try:
            return self.far.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Take it down."""
        self.far.close()
        self.near.close()


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """Have a few connections."""
    made = [Line() for _ in range(3)]
    yield made
    for line in made:
        line.close()


@pytest.fixture
def callers() -> Callers:
    """Have a clock that stands still."""
    return Callers(LOG, lambda: 100.0)


def let_in(callers: Callers, who: str, line: Line) -> Mark:
    """Let somebody in."""
    admitted = callers.admit(who)
    assert admitted is not None
    number, _, name = admitted.partition(" ")
    assert name == who
    return Mark(int(number), who, line.near.fileno())


def test_an_end_is_seen_at_the_other_side_and_a_descriptor_that_is_none_is_let_be(lines: list[Line]) -> None:
    """Only TCP is shut down: a file, a pipe, a socket of another kind, or nothing at all stays as it is."""
    assert peer(lines[0].near.fileno()) == lines[0].far.getsockname()
    shut(lines[0].near.fileno())
    assert lines[0].is_ended
    reading, writing = os.pipe()
    one, two = socket.socketpair()
    for descriptor in (reading, one.fileno(), 10_000, -1):
        assert peer(descriptor) is None
        shut(descriptor)
    two.send(b"x")
    assert one.recv(1) == b"x"
    for left in (reading, writing):
        os.close(left)
    one.close()
    two.close()


def test_a_keys_end_is_the_end_of_its_connections_only(callers: Callers, lines: list[Line]) -> None:
    """And what it does afterwards is a new connection's."""
    one, two, other = (let_in(callers, who, line) for who, line in zip(("a", "a", "b"), lines, strict=True))
    assert all(callers.has_room(mark, begins=True, prefix=b"x/") for mark in (one, two, other))
    callers.end("a")
    assert [line.is_ended for line in lines] == [True, True, False]
    again = callers.admit("a")
    assert again is not None
    assert int(again.partition(" ")[0]) > other.number


def test_a_descriptor_that_is_another_connections_by_now_is_let_be(
    callers: Callers, lines: list[Line]
) -> None:
    """The first has gone, the second has its number."""
    mark = let_in(callers, "a", lines[0])
    callers.has_room(mark, begins=True, prefix=b"x/")
    os.dup2(lines[1].near.fileno(), lines[0].near.fileno())
    callers.end("a")
    assert not lines[1].is_ended


def test_subscriptions_are_counted_over_all_connections_of_a_key(
    callers: Callers, lines: list[Line], caplog: pytest.LogCaptureFixture
) -> None:
    """The same one again costs nothing, one that has ended makes room; too much, and it is shut out."""
    one, two, other = (let_in(callers, who, line) for who, line in zip(("a", "a", "b"), lines, strict=True))
    callers.has_room(other, begins=True, prefix=b"x/")
    half = connections.LARGEST // 2 // (200 + connections.EACH)
    prefixes = [f"{number:0200}".encode() for number in range(2 * half + 1)]
    for _ in range(3):
        assert all(callers.has_room(one, begins=True, prefix=prefix) for prefix in prefixes[:half])
    assert all(callers.has_room(two, begins=True, prefix=prefix) for prefix in prefixes[half : 2 * half])
    assert callers.has_room(two, begins=False, prefix=prefixes[half])
    assert callers.has_room(two, begins=True, prefix=prefixes[half])
    assert not callers.has_room(two, begins=True, prefix=prefixes[-1])
    assert "a is shut out for 10 s: its subscriptions have more than 65536 bytes" in caplog.text
    assert [line.is_ended for line in lines] == [True, True, False]
    assert callers.admit("a") is None
    assert callers.admit("b")


def test_connections_that_have_gone_count_no_more(callers: Callers) -> None:
    """However often somebody comes and goes, it is as many as there are."""
    for _ in range(connections.MOST_HEARING + 20):
        line = Line()
        assert callers.has_room(let_in(callers, "a", line), begins=True, prefix=b"x/")
        line.close()


def test_more_connections_than_a_key_may_have_end_them_all(callers: Callers) -> None:
    """It is one program's key."""
    made = [Line() for _ in range(connections.MOST_HEARING + 1)]
    room = [callers.has_room(let_in(callers, "a", line), begins=True, prefix=b"x/") for line in made]
    assert room == [True] * connections.MOST_HEARING + [False]
    for line in made:
        line.close()


class Frame:
    """As much of a frame as is looked at."""

    def __init__(self, user_id: str | None, descriptor: int) -> None:
        self._found: dict[Any, Any] = {"User-Id": user_id, 2: descriptor}

    def get(self, name: Any) -> Any:
        """Give what libzmq knows of it."""
        return self._found[name]


def test_who_sends_too_much_is_shut_out_and_comes_again_after_a_while(lines: list[Line]) -> None:
    """By its key; somebody else's frames are taken meanwhile."""
    now = 100.0
    callers = Callers(LOG, lambda: now)
    mark = let_in(callers, "a", lines[0])
    frame: Any = Frame(f"{mark.number} a", mark.descriptor)
    taken = 0
    while callers.take(frame):
        taken += 1
    assert connections.FRAMES_AT_ONCE <= taken < 2 * connections.FRAMES_AT_ONCE
    assert lines[0].is_ended
    assert callers.admit("a") is None
    other = let_in(callers, "b", lines[1])
    found: Any = Frame(f"{other.number} b", other.descriptor)
    assert callers.take(found) == other
    now += connections.SHUT_OUT_SECONDS
    assert callers.admit("a")
