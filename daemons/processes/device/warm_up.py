"""Prepares in the parent process, before the fork, what is the same in each device process.

Each page that the parent has written before the fork, and a device does not write again, is shared by
all devices. No kind but the lamp runs here, and nothing stays: no file, no socket, no thread.
"""

import faulthandler
import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from typing import Any

import msgspec

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, EncodedState, Heartbeat
from daemons.bus.sockets import Publisher, close_commands, connect_commands
from daemons.config.device import build
from daemons.config.loader import kind_or_none
from daemons.config.rule import Rule
from daemons.config.slice import Slice, read_slice, slice_path
from daemons.kinds import Machine
from daemons.processes.device import device
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process import Process
from daemons.runtime.log import APPENDS_VARIABLE
from daemons.storage.paths import make_folders

ROUNDS = 4
"""Python rewrites the code of a function at one of its first runs, and that of a loop after a few more."""
STEPS = 6
"""How many commands and messages the lamp gets in each round."""
STEP_SECONDS = 0.003
"""The time between two of them: the lamp has finished one before the next comes."""
NAME = "lamp"
SWITCH = "switch"
RULES = [{"device": SWITCH, "turns": {"status": on}, "do": "on" if on else "off"} for on in (True, False)]


def warm_up(kind: str) -> None:
    """Build the decoders of a kind.

    msgspec analyses the annotations of a type at its first use. That takes a millisecond, and writes
    to a twentieth of a device's memory, which the forked processes then no longer share.
    """
    build(kind, {"kind": kind, "driver": "simulated"}, (), [])  # a kind that needs an option makes no device
    found = kind_or_none(kind)
    if found and issubclass(found, Machine):
        found.measurements()
        for type_ in (Slice, DeviceMemory, Rule, found.memory_type, *found.commands):
            msgspec.json.Decoder(type_)


def run_trial() -> None:
    """Run a lamp that follows a switch: a whole device process, in this process and for a moment.

    While Python runs a function for the first times, it writes to its code (PEP 659). It also creates
    many objects at their first use. The run directory is a temporary folder; raises OSError without one.
    A signal that would end this process comes after the trial.
    """
    table = {"kind": "lamp", "driver": "simulated", "when": RULES}
    with tempfile.TemporaryDirectory() as folder, chdir(folder), log_to_file(), later_signals():
        make_folders()
        slice_path(NAME).write_bytes(Slice(name=NAME, house={}, table=table).encode())
        for _ in range(ROUNDS):
            try:
                slice_ = read_slice(NAME)
                slice_.add_extensions()
                device.run(slice_, Trial)
            finally:
                faulthandler.unregister(signal.SIGUSR1)
                handlers = logging.getLogger(NAME).handlers
                while handlers:
                    handlers.pop().close()


@contextmanager
def later_signals() -> Iterator[None]:
    """Hold back the signals that a device handles."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def log_to_file() -> Iterator[None]:
    """Send the log where it goes under supervisord: the lamp appends to its file, and prints nothing."""
    reader, writer = os.pipe()
    before = os.environ.get(APPENDS_VARIABLE)
    os.environ[APPENDS_VARIABLE] = "1"
    try:
        with open(reader), open(writer, "w") as stream, redirect_stdout(stream):  # noqa: PTH123
            yield
    finally:
        if before is None:
            del os.environ[APPENDS_VARIABLE]


class Trial:
    """What the lamp hears in one round: a switch, and a person who commands. At the end it stops the lamp."""

    def __init__(self, process: Process, runner: DeviceRunner) -> None:
        """Begin once the loop of the process runs."""
        self._loop = process.loop
        self._runner = runner
        self._switch = Publisher(process.context, SWITCH)
        self._client = connect_commands(process.context, command_endpoint(NAME))
        self._step = 0
        self._later()

    def _later(self) -> None:
        self._loop.at(self._loop.now() + STEP_SECONDS, self._go_on)

    def _go_on(self) -> None:
        """Read the hardware twice, switch the switch, and command the lamp."""
        self._step += 1
        self._runner.poll()
        self._runner.poll()
        self._switch.answer_subscriptions()
        if self._step > STEPS:
            self._switch.socket.close()
            close_commands(self._client)
            self._loop.stop("the trial is over")
            return
        now, is_on = time.time(), self._step % 2 == 0
        head: dict[str, Any] = {"device": SWITCH, "boot": 1, "seq": self._step, "at": now}
        self._switch.publish(
            EncodedState(**head, since=now, state={"status": is_on}, turned={"status": now}, cause="trial")
        )
        self._switch.publish(Heartbeat(**head, pid=1))
        sent = Command(id=f"trial-{now}", command="toggle", deadline=now + 1)
        self._client.send(message.encode(sent))
        self._later()
