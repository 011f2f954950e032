"""Processes of bare pyzmq that only publish heartbeats: the lower limit for this number of processes.

usage: python -m bench.heartbeat_processes FOLDER DEVICES

Each publishes a heartbeat once a second, as long as the house's own, and receives that of the first. Three
more receive all heartbeats and decode the JSON, as the mirror, the steward and the recorder do. All are
forked from one process that has imported zmq and msgspec and then sleeps, so they share its memory.
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

from bench.house import kill_all, kill_at_exit

BEAT_SECONDS = 1.0
LISTENERS = 3
PIDS, READY = b"pids", b"received"
"""The first word of an output line: the PIDs, or a listener that has received every heartbeat."""


class HeartbeatProcesses:
    """Starts and stops the processes; a context manager."""

    def __init__(self, devices: int) -> None:
        self._devices = devices
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Wait until every heartbeat has been received."""
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        kill_at_exit(folder)
        self._stack.callback(kill_all, folder)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.heartbeat_processes", str(folder), str(self._devices)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdout=subprocess.PIPE,
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        assert process.stdout is not None  # noqa: S101  Popen opened it
        lines = [process.stdout.readline().split() for _ in range(LISTENERS + 1)]
        if [] in lines:
            self._stack.close()
            raise ChildProcessError("bench.heartbeat_processes ended before every heartbeat was received")
        found = next(map(int, words[1:]) for words in lines if words[0] == PIDS)
        names = [f"lamp_{index}" for index in range(self._devices)]
        names += [f"listener_{index}" for index in range(LISTENERS)]
        self.pids = dict(zip(names, found, strict=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill the processes."""
        self._stack.close()


def open_socket(kind: int, number: int, *, binds: bool) -> "zmq.Socket[bytes]":
    """Bind the publisher of this number, or connect to it."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    (socket.bind if binds else socket.connect)(f"ipc://{number}")
    return socket


def run_device(number: int) -> None:
    """Run a device."""
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
        lines: dict[str, Any] = {
            "device": f"lamp_{number}",
            "boot": 1764000000000,
            "seq": seq,
            "at": time.time(),
        }
        lines |= {"pid": os.getpid(), "restarts": 0}
        publisher.send_multipart([topic, encode(lines)])


def run_listener(devices: int) -> None:
    """Run a listener to all devices; print a line when each has been received."""
    subscriber: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    subscriber.subscribe("")
    for number in range(devices):
        subscriber.connect(f"ipc://{number}")
    decode = msgspec.json.Decoder().decode
    received: dict[bytes, Any] = {}
    while True:
        topic, payload = subscriber.recv_multipart()
        is_new = topic not in received
        received[topic] = decode(payload)
        if is_new and len(received) == devices:
            os.write(1, READY + b"\n")


def main() -> None:
    """Fork all processes, print their PIDs, and wait for the end."""
    folder, devices = Path(sys.argv[1]), int(sys.argv[2])
    os.chdir(folder)

    def fork(run: Any, number: int) -> int:
        if (pid := os.fork()) == 0:
            try:
                run(number)
            finally:
                os._exit(1)
        return pid

    pids = [fork(run_device, number) for number in range(devices)]
    pids += [fork(run_listener, devices) for _ in range(LISTENERS)]
    os.write(1, b" ".join([PIDS, *(b"%d" % pid for pid in pids)]) + b"\n")
    signal.pause()


if __name__ == "__main__":
    main()
