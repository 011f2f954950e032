"""Processes of bare pyzmq that only beat: what so many would cost if they were nothing but alive.

usage: python -m bench.pulse FOLDER DEVICES

Each publishes a heartbeat once a second, as long as the house's own, and hears that of the first; three
more hear all of them and read the JSON, as the mirror, the steward and the recorder do. All are
forked from one that has imported zmq and msgspec and then sleeps, so that they share what they can.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import zmq

from bench.house import kill_all, watch_over

BEAT_SECONDS = 1.0
LISTENERS = 3
TOLD, HEARD = b"pids", b"heard"
"""What lines of its standard output begin with: who they are; one of the listeners has heard everybody."""


class Pulse:
    """The processes, from outside; a context manager."""

    def __init__(self, devices: int) -> None:
        self._devices = devices
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Wait until all have been heard."""
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        watch_over(folder)
        self._stack.callback(kill_all, folder)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.pulse", str(folder), str(self._devices)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdout=subprocess.PIPE,
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        assert process.stdout is not None  # noqa: S101  it was made with one
        said = [process.stdout.readline().split() for _ in range(LISTENERS + 1)]
        if [] in said:
            self._stack.close()
            raise ChildProcessError("bench.pulse ended before everybody was heard")
        found = next(map(int, words[1:]) for words in said if words[0] == TOLD)
        names = [f"lamp_{index}" for index in range(self._devices)]
        names += [f"listener_{index}" for index in range(LISTENERS)]
        self.pids = dict(zip(names, found, strict=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill them."""
        self._stack.close()


def open_socket(kind: int, number: int, *, binds: bool) -> "zmq.Socket[bytes]":
    """Be the publisher of that number, or hear it."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    (socket.bind if binds else socket.connect)(f"ipc://{number}")
    return socket


def beat(number: int) -> None:
    """Be a device."""
    publisher = open_socket(zmq.PUB, number, binds=True)
    subscriber = open_socket(zmq.SUB, 0, binds=False)
    subscriber.subscribe("")
    topic, encode, seq = f"lamp_{number}/heartbeat".encode(), msgspec.json.Encoder().encode, 0
    due = time.monotonic() + BEAT_SECONDS * ((number * 0.618) % 1)  # spread over the second
    while True:
        while (left := due - time.monotonic()) > 0:
            if subscriber.poll(int(left * 1000) + 1):
                subscriber.recv_multipart()
        seq, due = seq + 1, due + BEAT_SECONDS
        said: dict[str, Any] = {
            "device": f"lamp_{number}",
            "boot": 1764000000000,
            "seq": seq,
            "at": time.time(),
        }
        said |= {"pid": os.getpid(), "restarts": 0}
        publisher.send_multipart([topic, encode(said)])


def listen(devices: int) -> None:
    """Be one who hears everybody; say so, once it is true."""
    subscriber: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    subscriber.subscribe("")
    for number in range(devices):
        subscriber.connect(f"ipc://{number}")
    decode = msgspec.json.Decoder().decode
    heard: dict[bytes, Any] = {}
    while True:
        topic, payload = subscriber.recv_multipart()
        is_new = topic not in heard
        heard[topic] = decode(payload)
        if is_new and len(heard) == devices:
            os.write(1, HEARD + b"\n")


def main() -> None:
    """Fork everybody, tell their PIDs, and wait for the end."""
    folder, devices = Path(sys.argv[1]), int(sys.argv[2])
    os.chdir(folder)

    def fork(play: Any, number: int) -> int:
        if (pid := os.fork()) == 0:
            try:
                play(number)
            finally:
                os._exit(1)
        return pid

    pids = [fork(beat, number) for number in range(devices)]
    pids += [fork(listen, devices) for _ in range(LISTENERS)]
    os.write(1, b" ".join([TOLD, *(b"%d" % pid for pid in pids)]) + b"\n")
    signal.pause()


if __name__ == "__main__":
    main()
