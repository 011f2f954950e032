"""A coffee maker: heats the water, brews, and keeps the coffee warm for a while."""

from typing import Literal

from msgspec import Struct, field

from daemons.errors import Rejected
from daemons.kinds import Load, Machine, Reading, Setting
from daemons.values import Seconds


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    heat_seconds: Seconds = field(name="heat", default=Seconds(60))
    brew_seconds: Seconds = field(name="brew", default=Seconds(180))
    keep_warm_seconds: Seconds = field(name="keep_warm", default=Seconds(20 * 60))
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(40 * 60))
    """It is never on longer than this, whatever happens."""

    def __post_init__(self) -> None:
        """Refuse a pot that would be cut off while it is still at work, or that has nothing to do."""
        if min(self.heat_seconds, self.brew_seconds) <= 0:
            raise ValueError("heat and brew must be longer than 0s")
        if self.heat_seconds + self.brew_seconds + self.keep_warm_seconds > self.max_on_seconds:
            raise ValueError("heat, brew and keep_warm together are longer than max_on allows")


class Memory(Struct, frozen=True):
    """What it remembers."""

    phase: Literal["idle", "heating", "brewing", "ready"] = "idle"
    began: float = 0.0
    """When this phase began, and until when it lasts."""
    until: float | None = None
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it is on: heating, brewing or keeping warm."""
    phase: Literal["idle", "heating", "brewing", "ready"]
    ready: bool
    """Whether there is warm coffee."""
    progress_percent: float | None
    """How far the coffee is; nothing while none is being made."""
    remaining_seconds: float | None
    """How long until it is ready; nothing while none is being made."""
    starts: int
    """How often it has started in its life."""
    power_watts: float | None
    fault: str | None = None


class Start(Struct, frozen=True):
    """Make coffee."""


class Stop(Struct, frozen=True):
    """Switch it off, whatever it is doing."""


class CoffeeMaker(Machine[Options, Memory]):
    """A coffee maker: heats the water, brews, and keeps the coffee warm for a while."""

    makes = "coffee"
    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (Start, Stop)

    def handle_command(self, memory: Memory, command: Start | Stop, now: float) -> Memory:
        """Start, unless it is at it already, or stop."""
        if isinstance(command, Stop):
            return Memory(starts=memory.starts)
        if memory.phase in ("heating", "brewing"):
            raise Rejected(f"it is already {memory.phase}")
        return self._heat(memory, now)

    def advance(self, memory: Memory, now: float) -> Memory:
        """Go from heating to brewing, to ready, to idle, each when its time has come."""
        while memory.until is not None and now >= memory.until:
            if memory.phase == "heating":
                memory = self._next(memory, "brewing", self.options.brew_seconds)
            elif memory.phase == "brewing":
                memory = self._next(memory, "ready", self.options.keep_warm_seconds)
            else:
                memory = Memory(starts=memory.starts)
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand that switched it."""
        if reading.on and memory.phase == "idle":
            return self._heat(memory, now)
        return memory if reading.on else Memory(starts=memory.starts)

    def next_deadline(self, memory: Memory) -> float | None:
        """Wait for the end of the phase."""
        return memory.until

    def desired_setting(self, memory: Memory) -> Setting:
        """Be on in every phase but idle."""
        return Setting(memory.phase != "idle")

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show the phase, and how far the coffee is."""
        progress = remaining = None
        if memory.phase in ("heating", "brewing") and memory.until is not None:
            total = (self.options.heat_seconds + self.options.brew_seconds) / self.speed
            after = self.options.brew_seconds / self.speed if memory.phase == "heating" else 0.0
            left = min(max(0.0, memory.until - now) + after, total)
            remaining = round(left, 1)
            progress = round(100 * (1 - left / total), 1)
        return State(
            status=memory.phase != "idle",
            phase=memory.phase,
            ready=memory.phase == "ready",
            progress_percent=progress,
            remaining_seconds=remaining,
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw much while heating, less while brewing, little while keeping warm."""
        return (
            (self.options.heat_seconds / self.speed, 1100.0),
            (self.options.brew_seconds / self.speed, 650.0),
            (1.0, 60.0),
        )

    def _heat(self, memory: Memory, now: float) -> Memory:
        return Memory("heating", now, now + self.options.heat_seconds / self.speed, memory.starts + 1)

    def _next(self, memory: Memory, phase: Literal["brewing", "ready"], seconds: float) -> Memory:
        began = memory.until or 0.0
        return Memory(phase, began, began + seconds / self.speed, memory.starts)
