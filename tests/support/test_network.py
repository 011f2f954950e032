"""The simulated network causes the faults that the tests of several hosts rely on."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.house import PROJECT
from tests.support.network import HostPort, Network
from tests.support.reaper import NETNS


@pytest.fixture
def ends(network: Network) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Open a socket on each of two hosts, the first connected to the second."""
    hall, kitchen = network.add("hall"), network.add("kitchen")
    sender, receiver = (port.open_socket(socket.SOCK_DGRAM) for port in (hall, kitchen))
    with sender, receiver:
        receiver.bind((kitchen.address, 7))
        receiver.settimeout(5)
        sender.connect((kitchen.address, 7))
        sender.send(b"hello")
        assert receiver.recv(10) == b"hello"
        yield sender, receiver


def test_frames_are_delayed(network: Network, ends: tuple[socket.socket, socket.socket]) -> None:
    """A frame takes at least the configured delay."""
    network.set("hall", "kitchen", delay_seconds=0.2)
    began = time.monotonic()
    ends[0].send(b"late")
    assert ends[1].recv(10) == b"late"
    assert time.monotonic() - began >= 0.2


def test_frames_overtake_each_other_and_are_lost(
    network: Network, ends: tuple[socket.socket, socket.socket]
) -> None:
    """With loss and spread, some of many frames arrive, and not in order."""
    network.set(spread_seconds=0.1, loss=0.3)
    for number in range(100):
        ends[0].send(bytes([number]))
    ends[1].settimeout(0.5)
    received = b""
    with suppress(TimeoutError):
        while True:
            received += ends[1].recv(10)
    assert 0 < len(received) < 100
    assert list(received) != sorted(received)


def test_a_cut_drops_frames_and_a_healed_link_forwards_them(
    network: Network, ends: tuple[socket.socket, socket.socket]
) -> None:
    """A frame that is sent or under way during a cut does not arrive later either."""
    network.set(delay_seconds=0.5)
    ends[0].send(b"on its way")
    network.cut("hall", "kitchen")
    ends[0].send(b"while cut")
    ends[1].settimeout(0.8)
    with pytest.raises(TimeoutError):
        ends[1].recv(10)
    network.heal("hall", "kitchen")
    ends[0].send(b"healed")
    ends[1].settimeout(10)
    assert ends[1].recv(10) == b"healed"


def test_a_host_can_be_removed_and_added_again(network: Network) -> None:
    """The namespace is removed, and the new one has the same address."""
    first: HostPort = network.add("hall")
    network.remove("hall")
    assert not (NETNS / first.namespace).exists()
    assert network.add("hall").address == first.address


def test_a_killed_test_run_leaves_no_host_behind(network: Network) -> None:
    """The reaper outlives the test run, and removes the registered namespaces."""
    hall = network.add("hall")
    guard = [sys.executable, str(PROJECT / "tests" / "support" / "reaper.py")]
    subprocess.run(guard, input=f"{hall.namespace}\n", text=True, check=True)
    assert not (NETNS / hall.namespace).exists()
