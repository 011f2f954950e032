"""Waiting for devices: which ones count as ready, and which ones as failed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from daemons.bus.message import STEWARD, Heartbeat, Published, Report
from daemons.bus.sockets import Publisher
from daemons.errors import NotReady
from daemons.supervision.ready import wait_ready
from daemons.supervision.supervisord import Supervisor

PID = 4242


class Supervised(Supervisor):
    """A fake supervisord that runs a lamp, and serves the publishers at each call."""

    def __init__(self, answer: Callable[[], None]) -> None:
        super().__init__()
        self._answer = answer

    def call(self, method: str, *args: Any) -> Any:
        """Return an answer to any call."""
        self._answer()
        return [{"name": "lamp", "pid": PID}]


@pytest.fixture
def publish(run: Path) -> Iterator[Callable[[str, Published], Publisher]]:
    """Yield publishers of processes in a run directory."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    made: list[Publisher] = []

    def make(name: str, message: Published) -> Publisher:
        made.append(Publisher(context, name))
        made[-1].publish(message)
        return made[-1]

    yield make
    context.destroy(linger=0)
    made.clear()


def failure(since: float) -> Report:
    """Return a report of the steward that the lamp fails, since a time."""
    return Report(device="lamp", boot=1, seq=1, at=since, life="failed", since=since)


@pytest.mark.parametrize(
    ("began", "why"), [(99.0, "fails again and again"), (101.0, "is not ready after 0.5 s")]
)
def test_a_failure_counts_from_when_the_work_began(
    publish: Callable[[str, Published], Publisher], began: float, why: str
) -> None:
    """A device can fail before the wait begins; a failure from before the operation does not count."""
    steward = publish(STEWARD, failure(100.0))
    patience = 60.0 if began < 100 else 0.5
    before = time.monotonic()
    with pytest.raises(NotReady, match=why):
        wait_ready(["lamp"], Supervised(steward.answer_subscriptions), patience, lambda *_: None, began)
    assert time.monotonic() - before < 30


@pytest.mark.parametrize(("pid", "is_ready"), [(PID, True), (PID + 1, False)])
def test_a_process_is_ready_if_its_heartbeat_is_from_the_running_process(
    publish: Callable[[str, Published], Publisher], pid: int, is_ready: bool
) -> None:
    """A heartbeat of the previous process, which is about to end, does not count."""
    lamp = publish("lamp", Heartbeat(device="lamp", boot=1, seq=0, at=1.0, pid=pid))
    progress: list[tuple[int, int]] = []
    supervisor = Supervised(lamp.answer_subscriptions)
    if is_ready:
        wait_ready(["lamp"], supervisor, 60, lambda *done: progress.append(done))
        assert progress[-1] == (1, 1)
    else:
        with pytest.raises(NotReady):
            wait_ready(["lamp"], supervisor, 0.5, lambda *done: progress.append(done))
        assert set(progress) == {(0, 1)}
