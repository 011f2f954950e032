"""A toaster: toasts for its browning level, pops, and reports that the toast is ready."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import Load, Machine, PrimaryCommand, Reading, Result, Setting
from daemons.values import Seconds

Browning = Annotated[int, Meta(ge=1, le=7)]
SECONDS_PER_LEVEL = 40.0
"""Level 3, golden, takes two minutes."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a toaster."""

    browning: Browning = 3
    """The usual level, from 1 (warm) to 7 (black). Each level takes 40 s."""
    ready_seconds: Seconds = field(name="ready_for", default=Seconds(10 * 60))
    """How long the toast counts as fresh."""
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(6 * 60))
    """It is never on for longer than this."""

    def __post_init__(self) -> None:
        """Raise ValueError for a level that takes longer than `max_on`."""
        if self.browning * SECONDS_PER_LEVEL > self.max_on_seconds:
            raise ValueError(f"browning {self.browning} takes longer than max_on allows")


class ToasterMemory(Struct, frozen=True):
    """The memory of a toaster."""

    phase: Literal["idle", "toasting", "ready"] = "idle"
    began: float = 0.0
    """When this phase began."""
    until: float | None = None
    """When this phase ends; None while idle."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a toaster."""

    status: bool
    """Whether it toasts."""
    phase: Literal["idle", "toasting", "ready"]
    ready: bool
    """Whether there is fresh toast."""
    progress_percent: float | None
    """The progress of the toast; None while none is made."""
    remaining_seconds: float | None
    """The time until it pops; None while none is made."""
    starts: int
    """How often it has started in its life."""
    power_watts: float | None
    fault: str | None = None


class Start(Struct, frozen=True):
    """Toast at this level, or at the usual one."""

    browning: Browning | None = None


class Stop(Struct, frozen=True):
    """Pop now."""


class Toaster(Machine[Options, ToasterMemory]):
    """A toaster: toasts for its browning level, pops, and reports that the toast is ready."""

    makes = "toast"
    options_type = Options
    memory_type = ToasterMemory
    state_type = State
    commands = (Start, Stop)
    results = (Result("stop", {"status": False}), Result("start", {"status": True}, restores=False))
    primary_commands = (
        PrimaryCommand("stop", "Stop", when={"status": (True,)}),
        PrimaryCommand("start", "Start"),
    )

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return (
            {"phase": "idle", "status": False, "ready": False},
            {"phase": "toasting", "status": True, "ready": False},
            {"phase": "ready", "status": False, "ready": True},
        )

    def handle_command(self, memory: ToasterMemory, command: Start | Stop, now: float) -> ToasterMemory:
        """Start or pop; raise Rejected for a start while it toasts, or for a level above `max_on`."""
        if isinstance(command, Stop):
            return ToasterMemory(starts=memory.starts)
        if memory.phase == "toasting":
            raise Rejected("it is already toasting", "already", phase="toasting")
        browning = command.browning or self.options.browning
        if browning * SECONDS_PER_LEVEL > self.options.max_on_seconds:
            reason = f"browning {browning} takes longer than max_on allows"
            raise Rejected(reason, "too_long", value=browning)
        return self._toast(memory, browning, now)

    def advance(self, memory: ToasterMemory, now: float) -> ToasterMemory:
        """Go from toasting to ready and to idle, each when its time has passed."""
        while memory.until is not None and now >= memory.until:
            if memory.phase == "toasting":
                until = memory.until + self.options.ready_seconds / self.speed
                memory = ToasterMemory("ready", memory.until, until, memory.starts)
            else:
                memory = ToasterMemory(starts=memory.starts)
        return memory

    def adopt(self, memory: ToasterMemory, reading: Reading, now: float) -> ToasterMemory:
        """Follow a person that pushed the lever, or popped the toast."""
        if reading.on and memory.phase != "toasting":
            return self._toast(memory, self.options.browning, now)
        if not reading.on and memory.phase == "toasting":
            return ToasterMemory(starts=memory.starts)
        return memory

    def begin_again(self, memory: ToasterMemory, reading: Reading, now: float) -> ToasterMemory:
        """Begin the phase anew."""
        if memory.until is None:
            return memory
        return replace(memory, began=now, until=now + memory.until - memory.began)

    def next_deadline(self, memory: ToasterMemory) -> float | None:
        """Return the end of the phase."""
        return memory.until

    def desired_setting(self, memory: ToasterMemory) -> Setting:
        """Return on while toasting."""
        return Setting(memory.phase == "toasting")

    def state(self, memory: ToasterMemory, reading: Reading, now: float) -> State:
        """Return the phase, and the progress of the toast."""
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
        """Return one constant power."""
        return ((1.0, 850.0),)

    def _toast(self, memory: ToasterMemory, browning: int, now: float) -> ToasterMemory:
        until = now + browning * SECONDS_PER_LEVEL / self.speed
        return ToasterMemory("toasting", now, until, memory.starts + 1)
