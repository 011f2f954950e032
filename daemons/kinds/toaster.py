"""A toaster: toasts for its browning level, pops, and says that the toast is ready."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemons.errors import Rejected
from daemons.kinds import Load, Machine, Reading, Setting
from daemons.values import Seconds

Browning = Annotated[int, Meta(ge=1, le=7)]
SECONDS_PER_LEVEL = 40.0
"""Level 3, golden, takes two minutes."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    browning: Browning = 3
    """The usual level, from 1 (warm) to 7 (black)."""
    ready_seconds: Seconds = field(name="ready_for", default=Seconds(10 * 60))
    """How long the toast counts as fresh once it has popped."""
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(6 * 60))
    """It is never on longer than this, whatever happens."""

    def __post_init__(self) -> None:
        """Refuse a level that would be cut off half done."""
        if self.browning * SECONDS_PER_LEVEL > self.max_on_seconds:
            raise ValueError(f"browning {self.browning} takes longer than max_on allows")


class Memory(Struct, frozen=True):
    """What it remembers."""

    phase: Literal["idle", "toasting", "ready"] = "idle"
    began: float = 0.0
    until: float | None = None
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it is toasting."""
    phase: Literal["idle", "toasting", "ready"]
    ready: bool
    """Whether there is fresh toast."""
    progress_percent: float | None
    """How far the toast is; nothing while none is being made."""
    remaining_seconds: float | None
    """How long until it pops; nothing while none is being made."""
    starts: int
    """How often it has started in its life."""
    power_watts: float | None
    fault: str | None = None


class Start(Struct, frozen=True):
    """Toast, as brown as told or as usual."""

    browning: Browning | None = None


class Stop(Struct, frozen=True):
    """Pop now."""


class Toaster(Machine[Options, Memory]):
    """A toaster: toasts for its browning level, pops, and says that the toast is ready."""

    makes = "toast"
    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (Start, Stop)

    def handle_command(self, memory: Memory, command: Start | Stop, now: float) -> Memory:
        """Start, unless it is at it already, or pop."""
        if isinstance(command, Stop):
            return Memory(starts=memory.starts)
        if memory.phase == "toasting":
            raise Rejected("it is already toasting")
        browning = command.browning or self.options.browning
        if browning * SECONDS_PER_LEVEL > self.options.max_on_seconds:
            raise Rejected(f"browning {browning} takes longer than max_on allows")
        return self._toast(memory, browning, now)

    def advance(self, memory: Memory, now: float) -> Memory:
        """Go from toasting to ready, to idle, each when its time has come."""
        while memory.until is not None and now >= memory.until:
            if memory.phase == "toasting":
                until = memory.until + self.options.ready_seconds / self.speed
                memory = Memory("ready", memory.until, until, memory.starts)
            else:
                memory = Memory(starts=memory.starts)
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand that pushed the lever, or popped it."""
        if reading.on and memory.phase != "toasting":
            return self._toast(memory, self.options.browning, now)
        if not reading.on and memory.phase == "toasting":
            return Memory(starts=memory.starts)
        return memory

    def next_deadline(self, memory: Memory) -> float | None:
        """Wait for the end of the phase."""
        return memory.until

    def desired_setting(self, memory: Memory) -> Setting:
        """Be on while toasting."""
        return Setting(memory.phase == "toasting")

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show the phase, and how far the toast is."""
        progress = remaining = None
        if memory.phase == "toasting" and memory.until is not None:
            left = min(max(0.0, memory.until - now), memory.until - memory.began)
            remaining = round(left, 1)
            progress = round(100 * (1 - left / (memory.until - memory.began)), 1)
        return State(
            status=memory.phase == "toasting",
            phase=memory.phase,
            ready=memory.phase == "ready",
            progress_percent=progress,
            remaining_seconds=remaining,
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw the same all the time."""
        return ((1.0, 850.0),)

    def _toast(self, memory: Memory, browning: int, now: float) -> Memory:
        until = now + browning * SECONDS_PER_LEVEL / self.speed
        return Memory("toasting", now, until, memory.starts + 1)
