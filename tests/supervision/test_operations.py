"""Waiting for devices: which ones count as ready, and which ones as failed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zmq

from daemons.bus.message import STEWARD, Heartbeat, Published, Report
from daemons.bus.sockets import Publisher, Subscriber
from daemons.errors import NotReady, SupervisorError
from daemons.supervision import operations, ready
from daemons.supervision.ready import wait_ready
from daemons.supervision.supervisord import Supervisor
from tests.support.patience import patience

PID = 4242


class Supervised(Supervisor):
    """A fake supervisord that runs a lamp, and serves the publishers at each call."""

    def __init__(self, answer: Callable[[], None]) -> None:
        super().__init__()
        self._answer = answer

    def call(self, method: str, *args: Any) -> Any:
        """Return an answer to any call."""
        self._answer()
        return [{"name": name, "pid": PID} for name in ("lamp", "second_lamp", "third_lamp")]


def answer_all(publishers: list[Publisher]) -> None:
    """Answer the subscriptions to each publisher."""
    for publisher in publishers:
        publisher.answer_subscriptions()


class FakeTime:
    """A clock of `wait_ready` that only the test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(ready, "time", SimpleNamespace(monotonic=lambda: self.now, time=time.time))


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
    bound = patience()
    longest = 2 * bound if began < 100 else 0.5
    before = time.monotonic()
    with pytest.raises(NotReady, match=why):
        wait_ready(["lamp"], Supervised(steward.answer_subscriptions), longest, lambda *_: None, began)
    assert time.monotonic() - before < bound


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


def test_the_timeout_begins_anew_with_each_ready_device(
    publish: Callable[[str, Published], Publisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lamps are ready 8 s after one another; with a timeout of 10 s, all of them are awaited."""
    clock = FakeTime(monkeypatch)
    names = ["lamp", "second_lamp", "third_lamp"]
    made: list[Publisher] = []

    def progress(done: int, _of: int) -> None:
        if done == len(made) < 3:
            clock.now += 8
            name = names[len(made)]
            made.append(publish(name, Heartbeat(device=name, boot=1, seq=0, at=1.0, pid=PID)))

    supervisor = Supervised(lambda: answer_all(made))
    wait_ready(names, supervisor, 10, progress)
    assert clock.now == 24


def test_a_start_is_progress(
    publish: Callable[[str, Published], Publisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steward reports the lamp's start 8 s after the call; 8 s later the lamp is ready, within 10 s."""
    clock = FakeTime(monkeypatch)
    started = Report(device="lamp", boot=1, seq=1, at=time.time() + 60, life="restarting", since=1.0, pid=PID)
    made: list[Publisher] = []
    received: list[Published] = []

    class RecordingSubscriber(Subscriber):
        def receive(self) -> Iterator[Published]:
            for message in super().receive():
                received.append(message)
                yield message

    monkeypatch.setattr(ready, "Subscriber", RecordingSubscriber)

    def progress(_done: int, _of: int) -> None:
        if not made:
            clock.now = 8
            made.append(publish(STEWARD, started))
        elif len(made) == 1 and received == [started] and clock.now == 8:
            clock.now = 8.5  # this call has seen the report, the next one counts from here
        elif len(made) == 1 and received == [started]:
            clock.now = 16
            made.append(publish("lamp", Heartbeat(device="lamp", boot=1, seq=0, at=1.0, pid=PID)))

    supervisor = Supervised(lambda: answer_all(made))
    wait_ready(["lamp"], supervisor, 10, progress)
    assert clock.now == 16


def test_a_supervisord_that_is_too_busy_to_answer_is_awaited(
    publish: Callable[[str, Published], Publisher],
) -> None:
    """One call gets no answer in time; the next ones do. A refused call is an error at once."""
    lamp = publish("lamp", Heartbeat(device="lamp", boot=1, seq=0, at=1.0, pid=PID))
    failures = [SupervisorError("supervisord has not answered getAllProcessInfo within 10 s")]

    def answer() -> None:
        lamp.answer_subscriptions()
        if failures:
            raise failures.pop()

    wait_ready(["lamp"], Supervised(answer), 60, lambda *_: None)
    failures.append(SupervisorError("supervisord refuses getAllProcessInfo: SHUTDOWN_STATE", 6))
    with pytest.raises(SupervisorError, match="SHUTDOWN_STATE"):
        wait_ready(["lamp"], Supervised(answer), 60, lambda *_: None)


def test_a_process_that_survives_its_supervisord_is_killed(run: Path) -> None:
    """`down` kills it although supervisord has ended; if it cannot be killed, it is named with its PID."""
    assert operations.down() is None
    code = (
        "import fcntl, os, sys, time, setproctitle\n"
        "file = os.open('lock/lamp', os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "os.write(file, str(os.getpid()).encode())\n"
        "setproctitle.setproctitle('house: lamp')\n"
        "print('locked', flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        assert operations.down() == "The house is down."
        assert process.wait() == -signal.SIGKILL


def test_what_down_cannot_end_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the name and the PID of each process that is left."""
    monkeypatch.setattr(operations, "kill_orphans", lambda: (True, {"toaster": 42, "lamp": 7}))
    with pytest.raises(SupervisorError) as raised:
        operations.down()
    assert str(raised.value) == (
        "these processes are left and do not end, not even by SIGKILL: lamp (PID 7), toaster (PID 42); "
        "`house down` tries again"
    )
