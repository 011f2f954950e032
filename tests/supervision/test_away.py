"""How long a process is away: from the end of the old one to the first heartbeat of the new one."""

import os
import subprocess
import time
from pathlib import Path

import pytest
import zmq

from daemons.bus.message import Heartbeat
from daemons.bus.sockets import Publisher
from daemons.storage.paths import make_folders
from daemons.supervision.away import AwayWatch
from tests.support.house import eventually


def test_the_time_from_the_end_to_the_next_heartbeat_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat of the old process does not count, and a process that does not come back has no time."""
    monkeypatch.chdir(tmp_path)
    make_folders()
    old = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]  # noqa: S607
    watch = AwayWatch({"lamp": old[0].pid, "toaster": old[1].pid})
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    publisher = Publisher(context, "lamp")

    def beat(pid: int, seq: int) -> dict[str, float]:
        publisher.answer_subscriptions()
        publisher.publish(Heartbeat(device="lamp", boot=1, seq=seq, at=time.time(), pid=pid))
        return watch.seconds()

    assert beat(old[0].pid, 1) == {}
    began = time.monotonic()
    for process in old:
        process.kill()
        process.wait()
    numbers = iter(range(2, 10_000))
    for _ in range(20):
        assert beat(old[0].pid, next(numbers)) == {}
        time.sleep(0.01)  # a heartbeat that counts would be noticed meanwhile
    eventually(lambda: beat(os.getpid(), next(numbers)))
    longest = round(time.monotonic() - began, 3)  # as the time is rounded
    watch.close()
    context.destroy(linger=0)
    found = watch.seconds()
    assert list(found) == ["lamp"]
    assert 0 <= found["lamp"] <= longest
