"""Runs a house in the foreground for a service manager, as `house up --foreground` does.

The manager learns that the house is ready as soon as supervisord answers. A device that is not ready is named
in the status of the service, and never makes the manager restart the house.
"""

import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import zmq

from daemons.bus.message import STEWARD, Report
from daemons.bus.sockets import Subscriber
from daemons.config.house import House
from daemons.errors import AlreadyRunning, SupervisorError
from daemons.runtime.loop import Loop
from daemons.storage.lock import FOREGROUND, NameLock
from daemons.storage.paths import stopped_path
from daemons.supervision import operations, upgrade
from daemons.supervision.environment import present
from daemons.supervision.notify import Notifier
from daemons.supervision.supervisord import PIDFILE, Supervisor, running_pid, wait_for_pid

CHECK_SECONDS, CALL_SECONDS = 15.0, 5.0
"""How often supervisord is called, and how long it may take to answer. A short watchdog: more often."""
MOST_FAILURES = 4
"""Without a watchdog of the manager, so many calls without an answer in a row end this process."""
MOST_NAMES = 10
"""So many devices the status names."""
ENDED, HUNG = "the end of supervisord", "a supervisord that hangs"
"""Reasons of the end of the loop; every other one is a signal."""


def run_foreground(house: House | None, run: Path, notifier: Notifier) -> None:
    """Start the house unless it runs, watch its supervisord, and stop the house at SIGTERM or SIGINT.

    Without `house`, it runs already, and nothing is started.

    At SIGUSR1, which `house upgrade` sends, it starts the supervisord of the new version beside the present
    one. When the present one has ended, this process becomes one of the new version.

    Raises SupervisorError if supervisord has ended without `house down`, or has not answered for long.
    """
    with Loop(time.monotonic) as loop:
        signal.signal(signal.SIGUSR1, lambda *_: loop.at(loop.now(), lambda: start_second(loop)))
        with suppress(AlreadyRunning):  # `house upgrade` asks the other one
            NameLock(FOREGROUND)  # it is held until this process ends
        if house is not None:
            operations.begin(house, run)
        pid = wait_for_pid()
        watch = Watch(loop, notifier, pid)
        try:
            reason = loop.run()
        finally:
            watch.close()
        if reason == ENDED:
            if (successor := running_pid()) not in (None, pid):
                become_new_version(notifier)
            if successor is None and Path(PIDFILE).exists():  # supervisord deletes it when it ends by itself
                raise SupervisorError(f"supervisord (PID {pid}) has ended")
            return
        if reason == HUNG:
            raise SupervisorError(f"supervisord (PID {pid}) hangs")
        notifier.send(STOPPING=1, STATUS="The devices are being stopped.")
        try:
            operations.down()
        except AlreadyRunning:  # most likely `house upgrade`, which must not start the house again
            upgrade.note_down()
            operations.end_supervisords()


def start_second(loop: Loop) -> None:
    """Start a supervisord of the version that `house upgrade` has noted; it belongs to the same service."""
    record = upgrade.read_record()
    if record is None or record.step != "restart":
        return
    process = upgrade.open_second(record)
    pidfd = os.pidfd_open(process.pid)

    def on_end() -> None:
        loop.unwatch(pidfd)
        os.close(pidfd)
        upgrade.note_second(process)

    loop.watch(pidfd, on_end)


def become_new_version(notifier: Notifier) -> None:
    """Replace this process by the same one of the version that now runs the house; the PID stays."""
    record = upgrade.read_record()
    if record is None:
        return
    notifier.restore()
    words = record.environment(str(present(Path(record.link)))).command("up", "--attach")
    os.execv(words[0], words)  # noqa: S606


class Watch:
    """Watches supervisord and the reports of the steward, and tells the service manager."""

    def __init__(self, loop: Loop, notifier: Notifier, pid: int) -> None:
        self._loop = loop
        self._notifier = notifier
        check_seconds, call_seconds = CHECK_SECONDS, CALL_SECONDS
        if notifier.watchdog_seconds is not None:
            check_seconds = min(check_seconds, notifier.watchdog_seconds / 4)
            call_seconds = min(call_seconds, notifier.watchdog_seconds / 4)
        self._supervisor = Supervisor(call_seconds)
        self._failures = 0
        self._is_ready = False
        self._lives: dict[str, str] = {}
        """The life of each process, as the steward reports it."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._subscriber = Subscriber(self._context, [STEWARD], logging.getLogger("house"))
        self._pidfd = os.pidfd_open(pid)
        loop.watch(self._pidfd, lambda: loop.stop(ENDED))
        loop.watch(self._subscriber.socket, self._on_message)
        loop.every(1.0, self._subscriber.reconnect_silent)
        loop.every(check_seconds, self._check)

    def close(self) -> None:
        """Close the sockets."""
        self._supervisor.close()
        os.close(self._pidfd)
        self._context.destroy(linger=0)

    def _check(self) -> None:
        """Call supervisord; only its answer is worth a WATCHDOG."""
        try:
            self._supervisor.call("getState")
        except SupervisorError as error:
            self._failures += 1
            self._notifier.send_status(str(error).partition(";")[0])
            if self._failures >= MOST_FAILURES and self._notifier.watchdog_seconds is None:
                self._loop.stop(HUNG)
            return
        self._failures = 0
        if not self._is_ready:
            self._is_ready = True
            self._notifier.send(READY=1)
        self._notifier.send(WATCHDOG=1)
        self._send_status()

    def _on_message(self) -> None:
        for message in self._subscriber.receive():
            if isinstance(message, Report):
                self._lives[message.device] = message.life
        if self._is_ready and not self._failures:
            self._send_status()

    def _send_status(self) -> None:
        names = {path.stem for path in Path("programs").glob("*.conf")} - {STEWARD}
        self._notifier.send_status(describe(names, self._lives))


def describe(names: set[str], lives: dict[str, str]) -> str:
    """Return the sentence about the processes of a house; `lives` are those that the steward reports."""
    wanted = sorted(name for name in names if not stopped_path(name).exists())
    waiting = [name for name in wanted if lives.get(name) != "running"]
    if not waiting:
        return f"All {len(wanted)} processes are ready."
    shown = [f"{name} (failed)" if lives.get(name) == "failed" else name for name in waiting[:MOST_NAMES]]
    more = len(waiting) - len(shown)
    text = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"{len(wanted) - len(waiting)} of {len(wanted)} processes are ready; not ready: {text}."
