"""A timer: it runs for a time, and rules act when it has finished.

It has no hardware. It goes on over every restart. While its process is away, the time passes.
"""

from typing import Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import PrimaryCommand, Reading, Virtual
from daemons.values import Seconds

Phase = Literal["idle", "running", "paused", "finished"]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a timer."""

    duration_seconds: Seconds = field(name="duration", default=Seconds(300))
    """How long it runs, if `start` does not say it."""

    def __post_init__(self) -> None:
        """Raise ValueError for a timer that would be over at once."""
        if self.duration_seconds <= 0:
            raise ValueError("duration must be longer than 0s")


class TimerMemory(Struct, frozen=True):
    """The memory of a timer. Times are in the device's steady seconds."""

    phase: Phase = "idle"
    duration_seconds: float = 0.0
    """How long this run is in all."""
    ends_at: float | None = None
    """When it finishes; None while it does not run."""
    left_seconds: float | None = None
    """How much is left while it is paused; None otherwise."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a timer."""

    status: bool
    """Whether it runs."""
    phase: Phase
    """`finished` stays until the next start, or until `cancel`."""
    remaining_seconds: float | None
    progress_percent: float | None
    usual_seconds: float
    """How long it runs if `start` does not say it."""
    fault: str | None = None


class Start(Struct, frozen=True):
    """Start it, also if it runs already: then it begins anew."""

    duration: Seconds | None = None
    """How long it runs; None: as the configuration says."""


class Pause(Struct, frozen=True):
    """Stop the time; `resume` goes on."""


class Resume(Struct, frozen=True):
    """Go on after a pause."""


class Cancel(Struct, frozen=True):
    """Stop it without an end, or acknowledge that it has finished."""


class Timer(Virtual[Options, TimerMemory]):
    """A timer: it runs for a time, and rules act when it has finished."""

    options_type = Options
    memory_type = TimerMemory
    state_type = State
    commands = (Start, Pause, Resume, Cancel)
    off_commands = ()
    primary_commands = (
        PrimaryCommand("pause", "Pause", when={"phase": ("running",)}),
        PrimaryCommand("resume", "Go on", when={"phase": ("paused",)}),
        PrimaryCommand("start", "Start"),
    )
    secondary_commands = (PrimaryCommand("cancel", "Cancel", when={"phase": ("running", "paused")}),)
    resting_phases = ("idle", "finished")
    finished_phases = ("finished",)

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        phases: tuple[Phase, ...] = get_args(Phase)
        return tuple({"phase": phase, "status": phase == "running"} for phase in phases)

    def handle_command(
        self, memory: TimerMemory, command: Start | Pause | Resume | Cancel, now: float
    ) -> TimerMemory:
        """Start, pause, resume or cancel; raise Rejected if there is nothing to pause or to resume."""
        memory = self.advance(memory, now)
        match command:
            case Start():
                seconds = float(command.duration or self.options.duration_seconds)
                return TimerMemory("running", seconds, now + seconds)
            case Pause():
                if memory.ends_at is None:
                    reason = f"it does not run: it is {memory.phase}"
                    raise Rejected(reason, "not_running", phase=memory.phase)
                return replace(memory, phase="paused", ends_at=None, left_seconds=memory.ends_at - now)
            case Resume():
                if memory.left_seconds is None:
                    reason = f"it is not paused: it is {memory.phase}"
                    raise Rejected(reason, "not_paused", phase=memory.phase)
                ends_at = now + memory.left_seconds
                return replace(memory, phase="running", ends_at=ends_at, left_seconds=None)
            case Cancel():
                return TimerMemory()

    def advance(self, memory: TimerMemory, now: float) -> TimerMemory:
        """Finish when the time is over."""
        if memory.ends_at is not None and now >= memory.ends_at:
            return TimerMemory("finished", memory.duration_seconds)
        return memory

    def next_deadline(self, memory: TimerMemory) -> float | None:
        """Return when it finishes."""
        return memory.ends_at

    def state(self, memory: TimerMemory, reading: Reading, now: float) -> State:
        """Return the phase, and how much is left."""
        left = memory.left_seconds if memory.ends_at is None else max(0.0, memory.ends_at - now)
        return State(
            status=memory.phase == "running",
            phase=memory.phase,
            remaining_seconds=left,
            progress_percent=None if left is None else progress(left, memory.duration_seconds),
            usual_seconds=float(self.options.duration_seconds),
            fault=reading.fault,
        )


def progress(left_seconds: float, duration_seconds: float) -> float:
    """Return how much of the time has passed, in percent."""
    return 100 * min(1.0, max(0.0, 1 - left_seconds / duration_seconds))
