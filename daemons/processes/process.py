"""What every process of the house shares: name, lock, journal, loop, publisher, command server, heartbeat.

A process begins with `Startup` and then runs in a `Process`. The roles (device, mirror, steward,
recorder, exchange, bridge) put their own work on top.
"""

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TextIO, TypeVar

import msgspec
import zmq

from daemons.bus.input import EncodedInputs
from daemons.bus.message import Command, EncodedState, Heartbeat, Receipt, Report, StateContent
from daemons.bus.sockets import CommandServer, Publisher
from daemons.processes.process_run import ProcessRun, next_run
from daemons.runtime.clock import uptime
from daemons.runtime.log import Log, open_log
from daemons.runtime.loop import Loop
from daemons.storage.journal import Journal
from daemons.storage.lock import NameLock

DEADLINE_PASSED = "its deadline has passed"
BEAT_SECONDS = 1.0
"""The period of the heartbeat, and of forcing the journal to the disk."""


class Memory(Protocol):
    """What a process remembers across a crash contains at least its run."""

    @property
    def life(self) -> ProcessRun:
        """The run that wrote the memory."""


M = TypeVar("M", bound=Memory)


class Startup(Generic[M]):
    """The first steps of every process: open the log, lock the name, and load the last memory."""

    def __init__(self, name: str, memory_type: type[M], stream: TextIO | None = None) -> None:
        """Log to standard output, or to `stream`; raises AlreadyRunning if the name is locked."""
        self.name = name
        self.log = open_log(name, stream)
        self._lock = NameLock(name)
        self.journal: Journal[Any] = Journal(name, memory_type, self.log)
        self.last: M | None = self.journal.load()
        self.run = next_run(self.last.life if self.last else None)

    def process(self, now: Callable[[], float] = uptime) -> "Process":
        """Return the process, whose loop counts in the seconds that `now` returns."""
        return Process(self.name, self.run, self._lock, self.log, now, self.journal)


class Process:
    """One run under one name; a context manager that leaves nothing behind."""

    def __init__(
        self,
        name: str,
        life: ProcessRun,
        lock: NameLock,
        log: Log,
        now: Callable[[], float],
        journal: Journal[Any] | None = None,
    ) -> None:
        """Create the process; it forces the journal to the disk, once a second and at the end."""
        self.name = name
        self.log = log
        self.loop = Loop(now)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.life = life
        self._lock = lock
        self._journal = journal
        self.seq = 0
        """The number of the latest message."""

    def __enter__(self) -> Self:
        """Bind the sockets and handle the signals."""
        faulthandler.register(
            signal.SIGUSR1, sys.stderr, all_threads=True
        )  # the steward asks for the stacks of a process that hangs
        self.loop.__enter__()
        try:
            self._publisher = Publisher(self.context, self.name)
            self.server = CommandServer(self.context, self.name, self.log)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def run(self, handle_command: Callable[[Command], Receipt] | None) -> None:
        """Answer commands and new subscriptions, and beat, until the loop is stopped.

        Without `handle_command`, the role itself answers the commands that arrive at `server`.
        """

        def answer_commands() -> None:
            for request in self.server.receive():
                self.server.reply(request.envelope, handle_command(request.command))  # type: ignore[misc]

        if handle_command:
            self.loop.watch(self.server.socket, answer_commands)
        self.loop.watch(self._publisher.socket, self._publisher.answer_subscriptions)
        self.loop.every(BEAT_SECONDS, self._beat)
        if self._journal:
            self.loop.every(BEAT_SECONDS, self._journal.secure)
        self.log.info("is up (PID %d, restarts %d)", os.getpid(), self.life.restarts)
        reason = self.loop.run()
        self.log.info("ends, by %s", reason)

    def publish(self, content: StateContent) -> None:
        """Publish the state of this process."""
        self.seq += 1
        self._publisher.publish(
            EncodedState(
                device=self.name,
                boot=self.life.boot,
                seq=self.seq,
                at=time.time(),
                since=content.since,
                state=content.state,
                turned=content.turned,
                cause=content.cause,
                reason=content.reason,
                origin=content.origin,
                past=content.past,
            )
        )

    def publish_inputs(self, number: int, earlier: int, inputs: tuple[msgspec.Raw, ...]) -> None:
        """Publish the latest outside inputs of this device; `Inputs` explains the numbers."""
        at, boot = time.time(), self.life.boot
        self._publisher.publish_inputs(
            EncodedInputs(device=self.name, boot=boot, at=at, number=number, earlier=earlier, inputs=inputs)
        )

    def report(self, name: str, **fields: Any) -> Report:
        """Publish a report about another process, and return it."""
        self.seq += 1
        at, boot = time.time(), self.life.boot
        report = Report(device=name, boot=boot, seq=self.seq, at=at, by=self.name, **fields)
        self._publisher.publish(report)
        return report

    def answer(self, command: Command, result: dict[str, Any]) -> Receipt:
        """Return the receipt of a request for data, with the data as its result."""
        if command.deadline <= time.time():
            return Receipt(
                id=command.id, device=self.name, outcome="expired", at=time.time(), reason=DEADLINE_PASSED
            )
        return Receipt(id=command.id, device=self.name, outcome="applied", at=time.time(), result=result)

    def refuse(self, command: Command, reason: str) -> Receipt:
        """Return the receipt of a command that this process does not accept."""
        return Receipt(id=command.id, device=self.name, outcome="rejected", at=time.time(), reason=reason)

    def _beat(self) -> None:
        self._publisher.publish(
            Heartbeat(
                device=self.name,
                boot=self.life.boot,
                seq=self.seq,
                at=time.time(),
                pid=os.getpid(),
                restarts=self.life.restarts,
            )
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Force the journal to the disk, close the sockets, and release the name last of all."""
        self.loop.__exit__(kind, error, traceback)
        if self._journal:
            self._journal.secure()
            self._journal.close()
        self.context.destroy()
        self._lock.release()
