"""Many publishers in one process, as load for a mirror.

usage: python -m bench.publisher_load PEER FOLDER PORT PUBLISHERS

Each line of the standard input is a count and a rate (states a second; 0 is as fast as possible). The
process publishes this many states, from one publisher after the other. Then it prints the time of each
(JSON, Unix seconds). The states belong to lamps: their power changes a little each time, and every tenth
state switches the lamp. A house accepts them as its own lamps' states if PEER is `pyzmq` and FOLDER its
run directory.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from bench import peers
from bench.peer_roles import PAST, Message, StateBuilder, encode, topic
from bench.peers.pyzmq import Pyzmq

SWITCHED_EVERY = 10
AHEAD_SECONDS = 0.0002
"""A shorter wait is skipped: a sleep would take longer."""


class PublisherLoad:
    """Starts and controls the process of the publishers; a context manager."""

    def __init__(self, word: str, folder: Path, port: int, publishers: int) -> None:
        self.publishers = publishers
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.publisher_load", word, str(folder), str(port), str(publishers)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._sent = 0

    @property
    def sent(self) -> int:
        """The number of states published so far."""
        return self._sent

    def begin(self, count: int, rate: float = 0.0) -> None:
        """Start to publish this many states."""
        assert self._process.stdin is not None  # noqa: S101  Popen opened it
        print(count, rate, file=self._process.stdin, flush=True)
        self._sent += count

    def finish(self) -> list[float]:
        """Wait until all are published, and return the time of each."""
        assert self._process.stdout is not None  # noqa: S101
        times: list[float] = json.loads(self._process.stdout.readline())
        return times

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def states(publishers: int, first: int, count: int, rate: float, times: list[float]) -> Iterator[Message]:
    """Yield this many states, no faster than the rate; append the time of each to `times`."""
    past = [
        {"state": {"status": True, "phase": "on", "fault": None}, "turned": {"status": 1.5e9 + i}}
        for i in range(PAST)
    ]
    began = time.perf_counter()
    for number in range(first, first + count):
        if rate:
            ahead = (number - first) / rate - (time.perf_counter() - began)
            if ahead > AHEAD_SECONDS:
                time.sleep(ahead)
        index, seq = number % publishers, number // publishers + 1
        now = time.time()
        state = StateBuilder.state(f"lamp_{index}", seq, now, (seq // SWITCHED_EVERY) % 2 == 0, None, past)
        turned = BORN + seq // SWITCHED_EVERY
        state["turned"] = {"status": turned, "phase": turned}
        state["since"] = turned
        state["boot"] = BOOT
        state["state"]["power_watts"] = 9 + seq % 7 / 10
        del state["state"]["presses"]
        times.append(now)
        yield topic(index), encode(state)


BORN = 1.6e9
BOOT = int(time.time() * 1000)
"""The boot of these publishers: later than that of the real lamps, whose states the mirror has."""


def main() -> None:
    """Publish the requested states."""
    word, folder, port, publishers = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    peer = peers.find(word)(folder, port, "publishers", ())
    peer.connect()
    if isinstance(peer, Pyzmq):
        peer.bind(topic(index) for index in range(publishers))
    first = 0
    for line in sys.stdin:
        count, rate = int(line.split()[0]), float(line.split()[1])
        times: list[float] = []
        peer.publish_many(states(publishers, first, count, rate, times), paced=bool(rate))
        first += count
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
