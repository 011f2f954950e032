"""So many publishers in one process, and a mirror that has to keep up with them; a process of its own.

usage: python -m bench.flood PEER FOLDER PORT PUBLISHERS

Each line of its standard input is a count and a rate (states a second; 0 is as fast as can be):
it publishes so many states, one publisher after the other, and answers with the moment of each
(JSON, Unix seconds). The states are those of lamps that draw a little more or less each time,
and are switched every tenth time. A house takes them for its own lamps: PEER is then `pyzmq`,
and FOLDER its run directory.
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
from bench.part import PAST, Message, Teller, encode, topic
from bench.peers.pyzmq import Pyzmq

SWITCHED_EVERY = 10
AHEAD_SECONDS = 0.0002
"""Waits shorter than this are not worth a sleep."""


class Flood:
    """The publishers, from outside; a context manager."""

    def __init__(self, word: str, folder: Path, port: int, publishers: int) -> None:
        self.publishers = publishers
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.flood", word, str(folder), str(port), str(publishers)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._sent = 0

    @property
    def sent(self) -> int:
        """Say how many states were published in all."""
        return self._sent

    def begin(self, count: int, rate: float = 0.0) -> None:
        """Begin to publish so many."""
        assert self._process.stdin is not None  # noqa: S101  it was made with one
        print(count, rate, file=self._process.stdin, flush=True)
        self._sent += count

    def finish(self) -> list[float]:
        """Wait until they are published, and give the moment of each."""
        assert self._process.stdout is not None  # noqa: S101
        times: list[float] = json.loads(self._process.stdout.readline())
        return times

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def states(publishers: int, first: int, count: int, rate: float, times: list[float]) -> Iterator[Message]:
    """Give so many states, no faster than the rate; `times` gets the moment of each."""
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
        state = Teller.state(f"lamp_{index}", seq, now, (seq // SWITCHED_EVERY) % 2 == 0, None, past)
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
"""Of a life after the real lamps', which the mirror has heard."""


def main() -> None:
    """Publish what is asked for."""
    word, folder, port, publishers = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    peer = peers.find(word)(folder, port, "flood", ())
    peer.connect()
    if isinstance(peer, Pyzmq):
        peer.bind(topic(index) for index in range(publishers))
    first = 0
    for line in sys.stdin:
        count, rate = int(line.split()[0]), float(line.split()[1])
        times: list[float] = []
        peer.flood(states(publishers, first, count, rate, times), calm=bool(rate))
        first += count
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
