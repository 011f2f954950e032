"""The network of the tests does what it says: else they would try nothing."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.house import PROJECT
from tests.support.network import Port, Wire
from tests.support.reaper import NETNS


@pytest.fixture
def ends(wire: Wire) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Have a socket on each of two hosts, the first connected to the second."""
    hall, kitchen = wire.add("hall"), wire.add("kitchen")
    sender, receiver = (port.open_socket(socket.SOCK_DGRAM) for port in (hall, kitchen))
    with sender, receiver:
        receiver.bind((kitchen.address, 7))
        receiver.settimeout(5)
        sender.connect((kitchen.address, 7))
        sender.send(b"hello")
        assert receiver.recv(10) == b"hello"
        yield sender, receiver


def test_frames_are_delayed(wire: Wire, ends: tuple[socket.socket, socket.socket]) -> None:
    """A frame takes as long as it was told, at the least."""
    wire.set("hall", "kitchen", delay_seconds=0.2)
    began = time.monotonic()
    ends[0].send(b"late")
    assert ends[1].recv(10) == b"late"
    assert time.monotonic() - began >= 0.2


def test_frames_overtake_each_other_and_are_lost(
    wire: Wire, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Of many, some come and some do not, and not in their order."""
    wire.set(spread_seconds=0.1, loss=0.3)
    for number in range(100):
        ends[0].send(bytes([number]))
    ends[1].settimeout(0.5)
    heard = b""
    with suppress(TimeoutError):
        while True:
            heard += ends[1].recv(10)
    assert 0 < len(heard) < 100
    assert list(heard) != sorted(heard)


def test_nothing_comes_through_a_cut_and_all_through_a_healed_one(
    wire: Wire, ends: tuple[socket.socket, socket.socket]
) -> None:
    """What is sent while it is cut does not come later either."""
    wire.set(delay_seconds=0.5)
    ends[0].send(b"under way")
    wire.cut("hall", "kitchen")
    ends[0].send(b"while cut")
    ends[1].settimeout(0.8)
    with pytest.raises(TimeoutError):
        ends[1].recv(10)
    wire.heal("hall", "kitchen")
    ends[0].send(b"healed")
    ends[1].settimeout(10)
    assert ends[1].recv(10) == b"healed"


def test_a_host_can_go_and_come_back(wire: Wire) -> None:
    """Its namespace is gone with it, and at the end so are all others."""
    first: Port = wire.add("hall")
    wire.remove("hall")
    assert not (NETNS / first.namespace).exists()
    assert wire.add("hall").address == first.address


def test_a_killed_test_run_leaves_no_host_behind(wire: Wire) -> None:
    """The guard outlives it, and removes the namespaces that it was told."""
    hall = wire.add("hall")
    guard = [sys.executable, str(PROJECT / "tests" / "support" / "reaper.py")]
    subprocess.run(guard, input=f"{hall.namespace}\n", text=True, check=True)
    assert not (NETNS / hall.namespace).exists()
