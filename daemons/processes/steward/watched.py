"""One process in the steward's care: what is known of it, and what to do about it. Pure.

It is told what happened and when (seconds that run while the machine sleeps, clock_gettime(2)
CLOCK_BOOTTIME), and answers what must be done next.
"""

from typing import Literal

from msgspec import Struct

QUICK_TRIES = 2
"""So many deaths in a row are nothing but bad luck, and supervisord's own restart is enough."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
"""How long is waited before the next try after that: twice as long each time, up to this, for ever."""
STEADY_SECONDS = 10.0
"""Who has lived so long has recovered."""
START_FACTOR = 3.0
"""A process that has not been heard yet may take so many times longer to say its first word."""

Life = Literal["running", "restarting", "failed", "stopped"]
Action = Literal["ask", "kill", "start"]


class Ward(Struct):
    """What is known of one process; the steward remembers it across its own death."""

    name: str
    life: Life = "restarting"
    pid: int | None = None
    born: float = 0.0
    """When its present process was started."""
    heard: float = 0.0
    """When it last gave a sign of life."""
    is_heard: bool = False
    """Whether this process has given any."""
    asked: float = 0.0
    crashes: int = 0
    """How often in a row it has died of itself."""
    reason: str | None = None
    """What it died of last."""
    retry_at: float | None = None
    """While it is held back: when it is started again."""
    is_held: bool = False
    """Whether it has been seen to be stopped for being held back."""

    def started(self, pid: int, now: float) -> None:
        """Learn that a process was started for it."""
        if pid == self.pid:
            return
        if self.is_held:
            self.retry_at, self.is_held = None, False  # somebody could not wait for the next try
        self.pid, self.born, self.heard, self.is_heard = pid, now, now, False
        if self.life != "failed":
            self.life = "restarting"

    def spoke(self, pid: int, now: float) -> bool:
        """Learn that it gave a sign of life; True when that is a recovery worth a word."""
        if pid != self.pid or self.retry_at is not None:
            return False
        recovered = self.life == "failed"
        self.heard, self.is_heard, self.life = now, True, "running"
        if now - self.born >= STEADY_SECONDS:
            self.crashes = 0
        return recovered

    def died(self, reason: str, *, crashed: bool, now: float) -> bool:
        """Learn that it has ended without being asked to; True when it is to be held back for a while.

        `crashed` says that it ended of itself. One that was killed from outside is not to blame,
        and is back at once however often that happens.
        """
        if now - self.born >= STEADY_SECONDS:
            self.crashes = 0
        self.pid, self.reason = None, reason
        self.crashes += crashed
        if not crashed or self.crashes <= QUICK_TRIES:
            self.life = "restarting"
            return False
        self.life = "failed"
        wait = FIRST_WAIT_SECONDS * 2.0 ** min(self.crashes - QUICK_TRIES - 1, 20)
        self.retry_at = now + min(LONGEST_WAIT_SECONDS, wait)
        return True

    def stopped(self) -> None:
        """Learn that it was stopped because somebody asked for it."""
        self.pid = None
        self.is_held = self.retry_at is not None
        if not self.is_held:
            self.life, self.crashes = "stopped", 0

    def excuse(self, now: float) -> None:
        """Take it that it could not speak: the machine stood still."""
        self.heard = max(self.heard, now)

    def silent_seconds(self, now: float) -> float:
        """Say how long it should have been heard and was not."""
        if self.pid is None or self.life == "stopped" or self.retry_at is not None:
            return 0.0
        silence = now - self.heard
        return silence if self.is_heard else silence / START_FACTOR

    def todo(self, now: float, watchdog: float) -> Action | None:
        """Say what must be done now: start it again, ask it for a sign of life, or kill it."""
        if self.retry_at is not None:
            return "start" if now >= self.retry_at else None
        silence = self.silent_seconds(now)
        if silence >= watchdog:
            return "kill"
        if silence >= watchdog / 2 and now - self.asked >= watchdog / 4:
            self.asked = now
            return "ask"
        return None
