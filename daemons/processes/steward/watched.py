"""The steward's record of one process, and the choice of the next action for the process. Pure.

All times are monotonic seconds that include sleep (clock_gettime(2), CLOCK_BOOTTIME).
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from daemons.runtime.backoff import backoff_seconds

QUICK_TRIES = 2
"""For up to so many crashes in a row, supervisord restarts the process at once."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
"""After more crashes, the pause before each restart doubles from the first value to the second one."""
STEADY_SECONDS = 10.0
"""A process that has run for this time has recovered; its crashes no longer count."""
UNCONFIRMED_SECONDS = 15.0
"""So long the next attempt waits for supervisord to confirm that the process is stopped. A process that is
started before would seem to be stopped by a person when the confirmation arrives."""
START_FACTOR = 3.0
"""The allowed silence before the first heartbeat of a process, as a multiple of the later one."""
STARVED_SHARE = 0.1
"""A process is starved if it waits for a processor or a disk for more than this share of the time."""

Life = Literal["running", "restarting", "failed", "stopped"]
Action = Literal["ask", "kill", "start"]


class WatchedProcess(Struct, omit_defaults=True):
    """The data about one process that the steward stores in its journal, so that they survive a crash."""

    name: str
    life: Life = "restarting"
    since: float = 0.0
    """When (Unix seconds) the reported life began: a rule acts once on this moment, also after a restart."""
    reported: Life | None = None
    """The life that was reported last."""
    pid: int | None = None
    born: float = 0.0
    """When the current process was started."""
    heard: float = 0.0
    """When the latest heartbeat arrived."""
    is_heard: bool = False
    """Whether a heartbeat of the current process has arrived."""
    asked: float = 0.0
    """When the steward last renewed its subscription, to request a heartbeat."""
    crashes: int = 0
    """The number of crashes in a row."""
    reason: str | None = None
    """The reason of the last end of the process."""
    retry_at: float | None = None
    """When the steward starts the process again; None if the process is not held back."""
    is_held: bool = False
    """Whether supervisord has confirmed the stop of a process that the steward holds back."""
    starved: float = 0.0
    """For how many seconds of its silence the process waited for a processor or a disk."""
    waited: float | None = None
    """The seconds that it has waited for a processor in its life, as last read in this silence."""
    waited_at: float = 0.0
    """When that was read."""

    def remembered(self) -> "WatchedProcess":
        """Return a copy with what must survive a crash: a new steward measures every silence anew."""
        return replace(self, heard=0.0, asked=0.0, starved=0.0, waited=None, waited_at=0.0)

    def report_life(self, wall: float) -> float:
        """Return since when (Unix seconds) the process has the life that is reported now, at `wall`."""
        if self.life != self.reported:
            self.reported, self.since = self.life, wall
        return self.since

    def on_start(self, pid: int, now: float) -> None:
        """Record that supervisord has started the process."""
        if pid == self.pid:
            return
        if self.is_held:
            self.retry_at, self.is_held = None, False  # a person started the process before the next attempt
        self.pid, self.born, self.heard, self.is_heard = pid, now, now, False
        self.starved, self.waited, self.waited_at = 0.0, 0.0, now
        if self.life != "failed":
            self.life = "restarting"

    def on_heartbeat(self, pid: int, now: float) -> bool:
        """Record a heartbeat; return True if the process was "failed" until now."""
        if pid != self.pid or self.retry_at is not None:
            return False
        recovered = self.life == "failed"
        self.heard, self.is_heard, self.life = now, True, "running"
        self.starved, self.waited = 0.0, None
        if now - self.born >= STEADY_SECONDS:
            self.crashes = 0
        return recovered

    def on_death(self, reason: str, *, crashed: bool, now: float) -> bool:
        """Record an unrequested end of the process; return True if it must be held back for a while.

        `crashed` is False if another process killed it. In this case supervisord always restarts it at
        once.
        """
        if now - self.born >= STEADY_SECONDS:
            self.crashes = 0
        self.pid, self.reason, self.is_held = None, reason, False
        self.crashes += crashed
        if not crashed or self.crashes <= QUICK_TRIES:
            self.life = "restarting"
            return False
        self.life = "failed"
        failures = self.crashes - QUICK_TRIES
        self.retry_at = now + backoff_seconds(failures, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
        return True

    def on_stop(self) -> None:
        """Record that supervisord has stopped the process on request."""
        self.pid = None
        self.is_held = self.retry_at is not None
        if not self.is_held:
            self.life, self.crashes = "stopped", 0

    def forgive_silence(self, now: float) -> None:
        """Restart the measurement of the silence, because no heartbeat could arrive for a while."""
        self.heard = max(self.heard, now)
        self.starved, self.waited = 0.0, None

    def on_wait(self, waited: float, now: float, *, for_disk: bool = False) -> None:
        """Record how many seconds the threads of a silent process have waited for a processor in their life.

        Threads wait side by side, so at most the time since the last reading counts. If a thread waits for a
        disk now (`for_disk`), all of this time counts.
        """
        if self.waited is not None:
            passed = now - self.waited_at
            self.starved += passed if for_disk else min(max(0.0, waited - self.waited), passed)
        self.waited, self.waited_at = waited, now

    def is_starved(self, now: float) -> bool:
        """Return whether a silent process waited for a processor or a disk for a good part of its silence."""
        return self.starved > STARVED_SHARE * (now - self.heard)

    def silent_seconds(self, now: float) -> float:
        """Return for how many seconds an expected heartbeat has been missing.

        The time does not count in which the process waited for a processor or a disk: it could do nothing
        then, and after a kill its successor would wait, too.
        """
        if self.pid is None or self.life == "stopped" or self.retry_at is not None:
            return 0.0
        silence = max(0.0, now - self.heard - self.starved)
        return silence if self.is_heard else silence / START_FACTOR

    def due_at(self, watchdog: float) -> float | None:
        """Return when the process must be looked at, if no heartbeat arrives until then; None for never."""
        if self.retry_at is not None:
            return 0.0  # at each tick: a person may stop the process meanwhile
        if self.pid is None or self.life == "stopped":
            return None
        return self.heard + watchdog / 2 * (1.0 if self.is_heard else START_FACTOR)

    def next_action(self, now: float, watchdog: float) -> Action | None:
        """Return the next action: "start", "ask" (request a heartbeat), "kill", or None.

        `watchdog` is the allowed silence in seconds.
        """
        if self.retry_at is not None:
            earliest = self.retry_at if self.is_held else self.retry_at + UNCONFIRMED_SECONDS
            return "start" if now >= earliest else None
        silence = self.silent_seconds(now)
        if silence >= watchdog:
            return "kill"
        if silence >= watchdog / 2 and now - self.asked >= watchdog / 4:
            self.asked = now
            return "ask"
        return None
