"""State changes among published messages."""

import time
from pathlib import Path
from typing import Any

import pytest

from daemons.bus import message
from daemons.bus.message import Heartbeat, Published, Report, State
from daemons.client.changes import ChangeSubscription, ChangeTracker
from daemons.client.route import Route
from tests.support import factories


def state(seq: int, boot: int = 1, **fields: Any) -> list[bytes]:
    """Return the frames of a state."""
    return frames(
        State(device="lamp", boot=boot, seq=seq, at=9.0, since=1.0, state={"status": True, **fields})
    )


def frames(sent: Published) -> list[bytes]:
    """Return the frames of a message."""
    return [message.topic(sent), message.encode(sent)]


def test_the_reports_of_the_steward_are_no_gap() -> None:
    """They are counted too, so the seq of its heartbeat is higher than that of its state."""
    tracker = ChangeTracker([])
    own = factories.state("steward", seq=1, status=True)
    report = Report(device="lamp", boot=own.boot, seq=2, at=2.0, life="running", since=2.0)
    beat = Heartbeat(device="steward", boot=own.boot, seq=2, at=3.0, pid=1)
    found = [tracker.on_message(frames(sent)) for sent in (report, own, beat)]
    assert [change and change.device for change in found] == [None, "steward", None]
    assert not tracker.resubscribe
    tracker.on_message(frames(Heartbeat(device="steward", boot=own.boot, seq=3, at=4.0, pid=1)))
    assert tracker.resubscribe == ["steward/"]


def test_each_change_comes_once_and_a_lost_one_is_requested_again() -> None:
    """Earlier and equal states are no change; a heartbeat with a higher number shows a lost message."""
    tracker = ChangeTracker(["lamp"])
    assert tracker.prefixes == ["lamp/"]
    first = tracker.on_message(state(1, power_watts=1.0))
    assert first is not None
    assert first.state["power_watts"] == 1.0
    assert tracker.on_message(state(1, power_watts=1.0)) is None
    assert tracker.on_message(state(2, power_watts=1.0)) is None, "a program repeats its state"
    assert tracker.on_message(state(3, power_watts=2.0)) is not None
    assert tracker.on_message(state(2, power_watts=9.0)) is None
    assert tracker.on_message(frames(Heartbeat(device="lamp", boot=1, seq=5, at=1.0, pid=1))) is None
    assert tracker.resubscribe == ["lamp/"]
    assert tracker.on_message(state(1, boot=2, power_watts=3.0)) is not None, "a new boot"
    assert tracker.on_message(state(9, boot=1, power_watts=4.0)) is None, "an earlier boot"
    assert tracker.on_message([b"x", b"y"]) is None
    assert ChangeTracker([]).prefixes == [""]


class FakeSocket:
    """Records the endpoints and subscriptions of a SUB socket."""

    def __init__(self) -> None:
        self.endpoints: set[str] = set()
        self.prefixes: list[str] = []

    def connect(self, endpoint: str) -> None:
        """Add an endpoint."""
        self.endpoints.add(endpoint)

    def disconnect(self, endpoint: str) -> None:
        """Remove an endpoint."""
        self.endpoints.remove(endpoint)

    def subscribe(self, prefix: str) -> None:
        """Add a subscription."""
        self.prefixes.append(prefix)


def test_a_subscription_follows_the_processes_of_the_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reload it connects to new devices, leaves old ones, and changes over to a new exchange."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.chdir(tmp_path)
    for folder in ("bus", "devices"):
        Path(folder).mkdir()
    Path("devices/lamp.json").touch()
    socket = FakeSocket()
    subscription = ChangeSubscription(Route(Path()), socket, [])
    assert subscription.refresh() == 101.0
    assert socket.endpoints == {"ipc://bus/lamp.publish"}
    Path("devices/lamp.json").rename("devices/toaster.json")
    assert subscription.refresh() == 101.0
    assert socket.endpoints == {"ipc://bus/lamp.publish"}, "it looks once a second"
    now = 101.0
    assert subscription.refresh() == 102.0
    assert socket.endpoints == {"ipc://bus/toaster.publish"}
    Path("devices/exchange.json").touch()
    now = 102.0
    subscription.refresh()
    assert socket.endpoints == {"ipc://bus/exchange.hear"}
    beat = Heartbeat(device="lamp", boot=1, seq=5, at=1.0, pid=1)
    assert subscription.on_message(frames(beat)) is None
    assert socket.prefixes == ["", "lamp/"]
