"""Measures for how long each process of a house is away while the house is restarted."""

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

import zmq

from daemons.bus.message import Heartbeat
from daemons.bus.sockets import Subscriber

POLL_MILLISECONDS = 100


class AwayWatch:
    """Notes the end of each process, and the first heartbeat of its successor."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """Watch the processes with these PIDs from now on; the working directory is the run directory."""
        self._pids = dict(pids)
        self._ended: dict[str, float] = {}
        self._ready: dict[str, float] = {}
        self._files = dict[int, str]()
        for name, pid in self._pids.items():
            with suppress(OSError):
                self._files[os.pidfd_open(pid)] = name
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="away", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the measurement."""
        self._is_over.set()
        self._thread.join()

    def seconds(self) -> dict[str, float]:
        """Return how long each process was away, from its end to the first heartbeat after it."""
        return {
            name: round(self._ready[name] - ended, 3)
            for name, ended in sorted(self._ended.items())
            if name in self._ready
        }

    def _run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            subscriber = Subscriber(context, list(self._pids), logging.getLogger("house"))
            poller = zmq.Poller()
            poller.register(subscriber.socket, zmq.POLLIN)
            for file in self._files:
                poller.register(file, zmq.POLLIN)
            while not self._is_over.is_set():
                for found, _ in poller.poll(POLL_MILLISECONDS):
                    if isinstance(found, int):
                        self._ended[self._files[found]] = time.monotonic()
                        poller.unregister(found)
                for message in subscriber.receive():
                    if isinstance(message, Heartbeat) and message.pid != self._pids.get(message.device):
                        self._ready.setdefault(message.device, time.monotonic())
                subscriber.reconnect_silent()
        finally:
            for file in self._files:
                os.close(file)
            context.destroy(linger=0)
