"""A light behind a program in plain pyzmq: a publisher for its state, and a subscriber for commands."""

import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import zmq

from tests.support.emulator import Emulator, Garbage
from tests.support.ports import free_port

REPEAT_SECONDS = 0.2
"""How often it publishes its state, as programs of tutorials do."""


class ZmqLight(Emulator):
    """A light with a meter, served from a thread."""

    driver: ClassVar[str] = "zmq"
    unsupported_tests = frozenset({"a_password_is_accepted", "a_wrong_password_is_refused"})
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.port, self.command_port = free_port(), free_port()
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._hangs = False
        self._garbage: Garbage | None = None
        self._lag_seconds = 0.0

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {
            "subscribe": f"tcp://127.0.0.1:{self.port}",
            "publish": f"tcp://127.0.0.1:{self.command_port}",
            "on": "light is ON",
            "off": "light is OFF",
            "measures": "power_watts",
            "silent_after": "1s",
        }

    def open(self) -> None:
        """Bind the publisher, and connect the subscriber."""
        self._is_running = True
        bound = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(bound,), daemon=True)
        self._thread.start()
        assert bound.wait(20)

    def stop(self) -> None:
        """Close both sockets."""
        self._is_running = False
        if self._thread:
            self._thread.join(20)

    def _run(self, bound: threading.Event) -> None:
        context = zmq.Context()
        publisher, subscriber = context.socket(zmq.PUB), context.socket(zmq.SUB)
        publisher.bind(f"tcp://127.0.0.1:{self.port}")
        subscriber.connect(f"tcp://127.0.0.1:{self.command_port}")
        subscriber.subscribe("")
        bound.set()
        commands: list[tuple[float, bool]] = []
        publish_at = 0.0
        while self._is_running:
            if subscriber.poll(20) and not self._hangs:
                commands.append((time.monotonic() + self._lag_seconds, subscriber.recv_string() == "on"))
                publish_at = 0.0
            while commands and commands[0][0] <= time.monotonic():
                self.switch_relay(commands.pop(0)[1])
                publish_at = 0.0
            if time.monotonic() >= publish_at and not self._hangs:
                publish_at = time.monotonic() + REPEAT_SECONDS
                self._publish(publisher)
        context.destroy(linger=0)

    def _publish(self, publisher: Any) -> None:
        if self._garbage:
            publisher.send(self._garbage())
            return
        publisher.send_string("light is ON" if self.on else "light is OFF")
        publisher.send_string(str(self.power_watts if self.on else 0.0))

    def switch_by_hand(self, on: bool) -> None:
        """Switch at the light; its program publishes it."""
        self.switch_relay(on)

    def hang(self) -> None:
        """Publish nothing, and read no command."""
        self._hangs = True

    def slow_down(self, seconds: float) -> None:
        """Carry out each command later."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Publish garbage in place of each state."""
        self._garbage = garbage or (lambda: b"I am a \xff teapot")

    def recover(self) -> None:
        """End all faults."""
        self._hangs, self._garbage, self._lag_seconds = False, None, 0.0
