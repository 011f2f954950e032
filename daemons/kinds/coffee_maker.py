"""A coffee maker: heats the water, brews, and keeps the coffee warm for a while."""

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import Load, Machine, PrimaryCommand, Reading, Result, Setting
from daemons.values import Seconds


class Options(Struct, frozen=True, kw_only=True):
    """The options of a coffee maker."""

    heat_seconds: Seconds = field(name="heat", default=Seconds(60))
    """How long it heats the water."""
    brew_seconds: Seconds = field(name="brew", default=Seconds(180))
    """How long it brews."""
    keep_warm_seconds: Seconds = field(name="keep_warm", default=Seconds(20 * 60))
    """How long it then keeps the coffee warm."""
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(40 * 60))
    """It is never on for longer than this."""

    def __post_init__(self) -> None:
        """Raise ValueError if the work takes no time, or takes longer than `max_on`."""
        if min(self.heat_seconds, self.brew_seconds) <= 0:
            raise ValueError("heat and brew must be longer than 0s")
        if self.heat_seconds + self.brew_seconds + self.keep_warm_seconds > self.max_on_seconds:
            raise ValueError("heat, brew and keep_warm together are longer than max_on allows")


class CoffeeMakerMemory(Struct, frozen=True):
    """The memory of a coffee maker."""

    phase: Literal["idle", "heating", "brewing", "ready"] = "idle"
    began: float = 0.0
    """When this phase began."""
    until: float | None = None
    """When this phase ends; None while idle."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a coffee maker."""

    status: bool
    """Whether it heats, brews or keeps warm."""
    phase: Literal["idle", "heating", "brewing", "ready"]
    ready: bool
    """Whether there is warm coffee."""
    progress_percent: float | None
    """The progress of the coffee; None while none is made."""
    remaining_seconds: float | None
    """The time until it is ready; None while none is made."""
    starts: int
    """How often it has started in its life."""
    power_watts: float | None
    fault: str | None = None


class Start(Struct, frozen=True):
    """Make coffee."""


class Stop(Struct, frozen=True):
    """Switch it off in any phase."""


class CoffeeMaker(Machine[Options, CoffeeMakerMemory]):
    """A coffee maker: heats the water, brews, and keeps the coffee warm for a while."""

    makes = "coffee"
    options_type = Options
    memory_type = CoffeeMakerMemory
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
            {"phase": "heating", "status": True, "ready": False},
            {"phase": "brewing", "status": True, "ready": False},
            {"phase": "ready", "status": True, "ready": True},
        )

    def handle_command(
        self, memory: CoffeeMakerMemory, command: Start | Stop, now: float
    ) -> CoffeeMakerMemory:
        """Start or stop; raise Rejected for a start while it heats or brews."""
        if isinstance(command, Stop):
            return CoffeeMakerMemory(starts=memory.starts)
        if memory.phase in ("heating", "brewing"):
            raise Rejected(f"it is already {memory.phase}", "already", phase=memory.phase)
        return self._heat(memory, now)

    def advance(self, memory: CoffeeMakerMemory, now: float) -> CoffeeMakerMemory:
        """Go from heating to brewing, to ready and to idle, each when its time has passed."""
        while memory.until is not None and now >= memory.until:
            if memory.phase == "heating":
                memory = self._enter_phase(memory, "brewing", self.options.brew_seconds)
            elif memory.phase == "brewing":
                memory = self._enter_phase(memory, "ready", self.options.keep_warm_seconds)
            else:
                memory = CoffeeMakerMemory(starts=memory.starts)
        return memory

    def adopt(self, memory: CoffeeMakerMemory, reading: Reading, now: float) -> CoffeeMakerMemory:
        """Follow a manual switch: on starts it, off stops it."""
        if reading.on and memory.phase == "idle":
            return self._heat(memory, now)
        return memory if reading.on else CoffeeMakerMemory(starts=memory.starts)

    def begin_again(self, memory: CoffeeMakerMemory, reading: Reading, now: float) -> CoffeeMakerMemory:
        """Begin the phase anew."""
        if memory.until is None:
            return memory
        return replace(memory, began=now, until=now + memory.until - memory.began)

    def next_deadline(self, memory: CoffeeMakerMemory) -> float | None:
        """Return the end of the phase."""
        return memory.until

    def desired_setting(self, memory: CoffeeMakerMemory) -> Setting:
        """Return on in every phase but idle."""
        return Setting(memory.phase != "idle")

    def state(self, memory: CoffeeMakerMemory, reading: Reading, now: float) -> State:
        """Return the phase, and the progress of the coffee."""
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
        """Return a high power for heating, less for brewing, and little for keeping warm."""
        return (
            (self.options.heat_seconds / self.speed, 1100.0),
            (self.options.brew_seconds / self.speed, 650.0),
            (1.0, 60.0),
        )

    def _heat(self, memory: CoffeeMakerMemory, now: float) -> CoffeeMakerMemory:
        return CoffeeMakerMemory(
            "heating", now, now + self.options.heat_seconds / self.speed, memory.starts + 1
        )

    def _enter_phase(
        self, memory: CoffeeMakerMemory, phase: Literal["brewing", "ready"], seconds: float
    ) -> CoffeeMakerMemory:
        began = memory.until or 0.0
        return CoffeeMakerMemory(phase, began, began + seconds / self.speed, memory.starts)
