"""Floods of large messages inside a real house: no process is taken for hung, and all do their work."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zmq

from daemons.bus.endpoints import command_endpoint, publish_endpoint
from tests.support.house import BREAKFAST, HouseFactory, Listener, TemporaryHouse

KILOBYTES = 1000
SECONDS = 5.0
"""Longer than the watchdog of the house, which is 3 s."""


def large_message(size_kilobytes: int, **fields: Any) -> bytes:
    """Return a JSON object with thousands of names, as long as possible within a size."""
    number = size_kilobytes * KILOBYTES // 11
    names = {f"{name:06d}": 0 for name in range(number)}
    return json.dumps({**fields, "args": names, "state": {}}, separators=(",", ":")).encode()


@contextmanager
def flood(kind: int, endpoint: str, frames: list[bytes]) -> Iterator[None]:
    """Send a message again and again until the end of the block."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(kind)
    socket.set(zmq.SNDHWM, 100)
    (socket.bind if kind == zmq.PUB else socket.connect)(endpoint)
    ends = threading.Event()

    def send() -> None:
        while not ends.is_set():
            if socket.poll(20, zmq.POLLOUT):
                socket.send_multipart(frames, zmq.NOBLOCK)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
        context.destroy(linger=0)


def watch_heartbeats(listener: Listener, *names: str) -> None:
    """Receive heartbeats of the same processes for some seconds."""
    listener.wait_for(lambda listener: all(name in listener.heartbeats for name in names))
    first = dict(listener.heartbeats)
    listener.wait_for(
        lambda listener: all(listener.heartbeats[name].at > first[name].at + SECONDS for name in names)
    )
    assert [listener.heartbeats[name].pid for name in names] == [first[name].pid for name in names]


def check(house: TemporaryHouse) -> None:
    """Check that the steward has killed no process."""
    assert "hung" not in house.log("steward")


@pytest.mark.parametrize("size_kilobytes", [pytest.param(60, marks=pytest.mark.long), 990])
def test_large_commands_do_not_starve_a_device(make_house: HouseFactory, size_kilobytes: int) -> None:
    """The device sends its heartbeats and obeys its rules, while its command socket is flooded."""
    house = make_house(BREAKFAST)
    house.house("up")
    frame = large_message(size_kilobytes, id="a", command="start", deadline=1)
    with house.listen("toaster") as listener, flood(zmq.DEALER, command_endpoint("toaster"), [frame]):
        watch_heartbeats(listener, "toaster")
        assert house.send("bathroom_light", "press")["outcome"] == "applied"
        listener.wait_for(lambda listener: listener.has_state("toaster", phase="toasting"))
    check(house)


@pytest.mark.long
@pytest.mark.parametrize("size_kilobytes", [pytest.param(60, marks=pytest.mark.long), 990])
def test_large_states_do_not_starve_their_subscribers(make_house: HouseFactory, size_kilobytes: int) -> None:
    """A publisher floods the bus in the place of the switch that the others listen to."""
    house = make_house(BREAKFAST)
    house.house("up")
    house.house("stop", "bathroom_light")
    names = {f"{name:06d}": 0 for name in range(size_kilobytes * KILOBYTES // 11)}
    state = {"device": "bathroom_light", "boot": 1, "seq": 1, "at": 1, "since": 1, "state": names}
    frames = [b"bathroom_light/state", json.dumps(state, separators=(",", ":")).encode()]
    with (
        house.listen("toaster", "coffee_maker", "mirror") as listener,
        flood(zmq.PUB, publish_endpoint("bathroom_light"), frames),
    ):
        watch_heartbeats(listener, "toaster", "coffee_maker", "mirror")
        assert house.send("toaster", "start")["outcome"] == "applied"
    check(house)
