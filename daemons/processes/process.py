"""What every process of the house is: one life under one name, heard and asked on the bus.

It holds the name's lock, the loop, the publisher and the command server, and beats once a
second. Roles put their own work on top.
"""

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import zmq
from msgspec import Struct

from daemons.bus.message import Command, Heartbeat, Moment, Receipt, Report, State
from daemons.bus.sockets import CommandServer, Publisher
from daemons.runtime.log import Log
from daemons.runtime.loop import Loop
from daemons.storage.lock import Lock

LATE = "its deadline has passed"
BEAT_SECONDS = 1.0


class Life(Struct, frozen=True):
    """Which life of a process this is; remembered, so that the next one can count on."""

    boot: int
    """Grows with every life: milliseconds since 1970, or one more than the last where that is later."""
    supervisor: int
    """The PID of what started it."""
    restarts: int
    """How often it has been started again by the same supervisor."""


def next_life(last: Life | None) -> Life:
    """Begin a life after the last one, if there was one."""
    boot, supervisor = int(time.time() * 1000), os.getppid()
    if last is None:
        return Life(boot, supervisor, 0)
    restarts = last.restarts + 1 if last.supervisor == supervisor else 0
    return Life(max(boot, last.boot + 1), supervisor, restarts)


class Process:
    """One life under one name; a context manager, at whose end nothing is left behind."""

    def __init__(self, name: str, life: Life, lock: Lock, log: Log, now: Callable[[], float]) -> None:
        self.name = name
        self.log = log
        self.loop = Loop(now)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.life = life
        self._lock = lock
        self._seq = 0

    def __enter__(self) -> Self:
        """Bind the sockets and take over the signals."""
        faulthandler.register(signal.SIGUSR1, sys.stderr, all_threads=True)  # who asks where we hang
        self.loop.__enter__()
        try:
            self._publisher = Publisher(self.context, self.name)
            self.server = CommandServer(self.context, self.name, self.log)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def run(self, obey: Callable[[Command], Receipt] | None) -> None:
        """Answer commands and newcomers, and beat, until the loop is stopped.

        Without `obey`, the role answers the commands at `server` itself.
        """

        def take_commands() -> None:
            for request in self.server.receive():
                self.server.reply(request.envelope, obey(request.command))  # type: ignore[misc]

        if obey:
            self.loop.watch(self.server.socket, take_commands)
        self.loop.watch(self._publisher.socket, self._publisher.answer_newcomers)
        self.loop.every(BEAT_SECONDS, self._beat)
        self.log.info("is up (PID %d, restarts %d)", os.getpid(), self.life.restarts)
        reason = self.loop.run()
        self.log.info("ends, by %s", reason)

    def publish(
        self,
        state: dict[str, Any],
        since: float,
        turned: dict[str, float],
        cause: str | None,
        past: tuple[Moment, ...] = (),
    ) -> None:
        """Say what this process shows now."""
        self._seq += 1
        self._publisher.publish(
            State(
                device=self.name,
                boot=self.life.boot,
                seq=self._seq,
                at=time.time(),
                since=since,
                state=state,
                turned=turned,
                cause=cause,
                past=past,
            )
        )

    def report(self, name: str, **fields: Any) -> Report:
        """Say what is known of another process, and give it as it was said."""
        self._seq += 1
        at, boot = time.time(), self.life.boot
        report = Report(device=name, boot=boot, seq=self._seq, at=at, by=self.name, **fields)
        self._publisher.publish(report)
        return report

    def answer(self, command: Command, result: dict[str, Any]) -> Receipt:
        """Give the receipt of a question, with what was asked for."""
        if command.deadline <= time.time():
            return Receipt(id=command.id, device=self.name, outcome="expired", at=time.time(), reason=LATE)
        return Receipt(id=command.id, device=self.name, outcome="applied", at=time.time(), result=result)

    def refuse(self, command: Command, reason: str) -> Receipt:
        """Give the receipt of a command that this process does not take."""
        return Receipt(id=command.id, device=self.name, outcome="rejected", at=time.time(), reason=reason)

    def snapshot(self, state: dict[str, Any], since: float, cause: str | None) -> dict[str, Any]:
        """Give what the mirror knows of itself, in the form that it gives of others."""
        life = {
            "boot": self.life.boot,
            "seq": self._seq,
            "pid": os.getpid(),
            "restarts": self.life.restarts,
            "started_at": self.life.boot / 1000,
        }
        return {
            "presence": "live",
            "presence_since": self.life.boot / 1000,
            "state": state,
            "cause": cause,
            "since": since,
            "at": time.time(),
            "age_seconds": 0.0,
            **life,
            "reason": None,
            "last_lines": [],
            "retry_at": None,
        }

    def _beat(self) -> None:
        self._publisher.publish(
            Heartbeat(
                device=self.name,
                boot=self.life.boot,
                seq=self._seq,
                at=time.time(),
                pid=os.getpid(),
                restarts=self.life.restarts,
            )
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the sockets, wait until their paths are gone, and only then let go of the name."""
        self.loop.__exit__(kind, error, traceback)
        self.context.destroy()
        self._lock.release()
