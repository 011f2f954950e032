"""One watched process: what the steward knows about it, and what to do next. Pure.

All times are steady seconds that run while the machine sleeps (clock_gettime(2), CLOCK_BOOTTIME).
"""

from typing import Literal

from msgspec import Struct

from daemons.runtime.backoff import backoff_seconds

QUICK_TRIES = 2
"""After so many crashes in a row, supervisord's own restart is still enough."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
"""After that, the pause before each restart doubles from the first value up to the second one."""
STEADY_SECONDS = 10.0
"""A process that has lived so long has recovered."""
START_FACTOR = 3.0
"""The first heartbeat of a process may take so many times longer than the later ones."""

Life = Literal["running", "restarting", "failed", "stopped"]
Action = Literal["ask", "kill", "start"]


class WatchedProcess(Struct):
    """What the steward knows about one process, and remembers across its own death."""

    name: str
    life: Life = "restarting"
    pid: int | None = None
    born: float = 0.0
    """When the present process was started."""
    heard: float = 0.0
    """When the latest heartbeat arrived."""
    is_heard: bool = False
    """Whether any heartbeat of the present process has arrived."""
    asked: float = 0.0
    """When the steward last subscribed again, to request a sign of life."""
    crashes: int = 0
    """How many times in a row it has crashed."""
    reason: str | None = None
    """Why it ended last."""
    retry_at: float | None = None
    """When the steward starts it again, while it is held back."""
    is_held: bool = False
    """Whether supervisord has reported that it is stopped, because the steward holds it back."""

    def on_start(self, pid: int, now: float) -> None:
        """Note that supervisord has started the process."""
        if pid == self.pid:
            return
        if self.is_held:
            self.retry_at, self.is_held = None, False  # a person started it before the next attempt
        self.pid, self.born, self.heard, self.is_heard = pid, now, now, False
        if self.life != "failed":
            self.life = "restarting"

    def on_heartbeat(self, pid: int, now: float) -> bool:
        """Note a heartbeat; return True if the process has recovered from failing."""
        if pid != self.pid or self.retry_at is not None:
            return False
        recovered = self.life == "failed"
        self.heard, self.is_heard, self.life = now, True, "running"
        if now - self.born >= STEADY_SECONDS:
            self.crashes = 0
        return recovered

    def on_death(self, reason: str, *, crashed: bool, now: float) -> bool:
        """Note that the process has ended unasked; return True if it must be held back for a while.

        `crashed` is False if it was killed from outside. Then supervisord restarts it at once, however
        often that happens.
        """
        if now - self.born >= STEADY_SECONDS:
            self.crashes = 0
        self.pid, self.reason = None, reason
        self.crashes += crashed
        if not crashed or self.crashes <= QUICK_TRIES:
            self.life = "restarting"
            return False
        self.life = "failed"
        failures = self.crashes - QUICK_TRIES
        self.retry_at = now + backoff_seconds(failures, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
        return True

    def on_stop(self) -> None:
        """Note that supervisord has stopped the process on request."""
        self.pid = None
        self.is_held = self.retry_at is not None
        if not self.is_held:
            self.life, self.crashes = "stopped", 0

    def forgive_silence(self, now: float) -> None:
        """Start the measure of its silence anew: for a while no heartbeat could arrive."""
        self.heard = max(self.heard, now)

    def silent_seconds(self, now: float) -> float:
        """Return for how many seconds an expected heartbeat has been missing."""
        if self.pid is None or self.life == "stopped" or self.retry_at is not None:
            return 0.0
        silence = now - self.heard
        return silence if self.is_heard else silence / START_FACTOR

    def next_action(self, now: float, watchdog: float) -> Action | None:
        """Return what to do now: start it, request a sign of life, kill it, or None.

        `watchdog` is the allowed silence in seconds.
        """
        if self.retry_at is not None:
            return "start" if now >= self.retry_at else None
        silence = self.silent_seconds(now)
        if silence >= watchdog:
            return "kill"
        if silence >= watchdog / 2 and now - self.asked >= watchdog / 4:
            self.asked = now
            return "ask"
        return None
