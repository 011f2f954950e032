"""What a drill sees of the running house, and how it reaches one process: by signal and by command."""

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import zmq

from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Heartbeat, Receipt, State
from daemons.bus.requests.blocking import BlockingConnection
from daemons.bus.requests.protocol import TERMINAL, new_command
from daemons.bus.sockets import Subscriber, connect_commands
from daemons.cli.drill_report import DrillReport
from daemons.drivers.physics.relay import Switching
from daemons.drivers.simulated import read_switchings
from daemons.errors import DeviceError

PATIENCE_SECONDS = 20.0
"""How long the drill waits for a receipt or for a condition; a starved house is slow."""
RESEND_SECONDS = 0.25
"""After this time without a receipt, the command is sent again with the same id."""
POLL_SECONDS = 0.005
"""The interval between two checks of a condition while no message arrives."""


class HardwareLog:
    """The recorded switchings of simulated hardware; each read continues where the last one ended."""

    def __init__(self, names: list[str]) -> None:
        self.lines: dict[str, list[Switching]] = {name: [] for name in names}
        self._offsets = dict.fromkeys(names, 0)

    def read(self, name: str) -> list[Switching]:
        """Return all switchings of a device until now."""
        path = Path("hardware") / name / "switchings.jsonl"
        if path.exists():
            new, self._offsets[name] = read_switchings(path, self._offsets[name])
            self.lines[name] += new
        return self.lines[name]

    def is_on(self, name: str) -> bool:
        """Return whether the hardware of a device is on."""
        lines = self.read(name)
        return bool(lines) and lines[-1].on


class DrillMonitor:
    """Subscribes to every process of the house, and keeps the latest states and heartbeats."""

    def __init__(self, names: list[str], hang_limit: float, report: DrillReport) -> None:
        """`hang_limit` is the time in seconds after which a process that hangs must be back."""
        self.names = names
        self.states: dict[str, State] = {}
        self.beats: dict[str, Heartbeat] = {}
        self.hang_limit = hang_limit
        self._report = report
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._subscriber = Subscriber(self._context, names, logging.getLogger("drill"))

    def close(self) -> None:
        """Close every socket."""
        self._context.destroy(linger=0)

    def wait(self, condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> float | None:
        """Receive messages until a condition is true.

        Return the elapsed seconds, or None if the condition was not true within `seconds`.
        """
        began = time.monotonic()
        if condition():
            return 0.0
        for messages in self._subscriber.receive_until(began + seconds, POLL_SECONDS):
            for message in messages:
                if isinstance(message, State):
                    self.states[message.device] = message
                elif isinstance(message, Heartbeat):
                    self.beats[message.device] = message
            if condition():
                return time.monotonic() - began
        return None

    def pause(self, seconds: float) -> None:
        """Receive messages for some time."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, seconds)

    def pids(self) -> dict[str, int]:
        """Return the PID in the latest heartbeat of each process."""
        return {name: beat.pid for name, beat in self.beats.items()}

    def boot(self, name: str) -> int:
        """Return the run of a process that both its latest state and its latest heartbeat have reached."""
        return min(self._boot_of_state(name), self.beats[name].boot) if name in self.beats else 0

    def _boot_of_state(self, name: str) -> int:
        return self.states[name].boot if name in self.states else 0

    def forget_beat(self, name: str) -> None:
        """Forget the latest heartbeat of a process, and ask for a new one."""
        self.beats.pop(name, None)
        self._subscriber.resubscribe(name)

    def wait_for_boot(self, name: str, boot: int) -> None:
        """Wait for a state and a heartbeat of a run after `boot`; raises DeviceError if none arrives."""
        if self.wait(lambda: self.boot(name) > boot, self.hang_limit) is None:
            raise DeviceError(name, f"is not back after {self.hang_limit:g} s; the drill ends here")

    def wait_until_back(self, name: str) -> None:
        """Wait until the latest state and heartbeat are of one run; raises DeviceError if they never are."""

        def is_back() -> bool:
            return name in self.beats and self._boot_of_state(name) == self.beats[name].boot

        if self.wait(is_back, self.hang_limit) is None:
            raise DeviceError(name, f"is not back after {self.hang_limit:g} s; the drill ends here")

    def signal(self, name: str, number: signal.Signals) -> Heartbeat:
        """Send a signal to a process; between two lives of the process, wait for the next one.

        Return the last heartbeat of the process that received the signal.
        """
        while True:
            beat = self.beats[name]
            try:
                os.kill(beat.pid, number)
            except ProcessLookupError:
                if self.wait(lambda pid=beat.pid: self.beats[name].pid != pid, self.hang_limit) is None:  # type: ignore[misc]
                    raise DeviceError(
                        name, f"has no process for {self.hang_limit:g} s; the drill ends here"
                    ) from None
            else:
                return beat

    def send(self, name: str, command: Command) -> BlockingConnection:
        """Send a command; return the connection that receives its receipt."""
        connection = BlockingConnection(
            lambda: connect_commands(self._context, command_endpoint(name)),
            lambda error: self._report.broken.append(f"{name} sent an invalid receipt: {error}"),
        )
        connection.send(command)
        return connection

    def receive(self, command: Command, connection: BlockingConnection) -> Receipt | None:
        """Wait for a receipt; while none arrives, send the command again with the same id."""
        end = time.monotonic() + PATIENCE_SECONDS
        receipt = None
        while receipt is None and time.monotonic() < end:
            receipt = connection.receive(command.id, time.monotonic() + RESEND_SECONDS)
            if receipt is None:
                connection.reconnect()
                connection.send(command)
        connection.close()
        self._report.add_receipt(receipt.outcome if receipt else "unanswered")
        return receipt

    def send_and_wait(self, name: str, word: str) -> Receipt | None:
        """Send a command, and return its receipt."""
        command = new_command(word, PATIENCE_SECONDS, who=TERMINAL)
        return self.receive(command, self.send(name, command))

    def send_invalid(self, name: str, messages: list[list[bytes]]) -> None:
        """Send multipart messages to the command socket of a process, as many as it accepts now."""
        dealer = connect_commands(self._context, command_endpoint(name))
        for parts in messages:
            with suppress(zmq.Again):
                dealer.send_multipart(parts, zmq.NOBLOCK)
        dealer.close()
