"""A time of day that people set on the page, such as that of the alarm clock.

It has no hardware. At its time the phase becomes "due", and at once "armed" again. A kind has no clock:
its device sends it the command `ring` at the time, as a rule with `at` would. So it rings once for each
time, on days of a clock change as well, and after a restart within its grace.
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Control, DailyTime, PrimaryCommand, Reading, Result, Virtual
from daemons.values import ClockTime, DayWords, Seconds, format_seconds

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EVERY_DAY: tuple[Day, ...] = get_args(Day)
Phase = Literal["off", "armed", "soon", "due"]
LONGEST_BEFORE_SECONDS = 12 * 3600
MOMENT_SECONDS = 0.01
"""How long a momentary phase lasts: its device publishes it, and then the next one."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a moment."""

    time: ClockTime = ClockTime("07:00")
    """The time of a new moment."""
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] = EVERY_DAY
    """The days of a new moment."""
    armed: bool = False
    """Whether a new moment is armed."""
    before_seconds: Seconds = field(name="before", default=Seconds(0))
    """How long before its time the phase becomes `soon`, at most `"12h"`. With `"0s"` it never does."""

    def __post_init__(self) -> None:
        """Raise ValueError if `before` is too long."""
        if self.before_seconds > LONGEST_BEFORE_SECONDS:
            raise ValueError("before must be at most 12h")


class MomentMemory(Struct, frozen=True):
    """The memory of a moment. A value is None until it is set for the first time."""

    time: str | None = None
    days: str | None = None
    on: bool | None = None
    """Whether it is armed."""
    phase: Literal["soon", "due"] | None = None
    """What it says at this moment; None at all other times."""
    until: float | None = None
    """When this phase ends, in the device's steady seconds."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a moment."""

    status: bool
    """Whether it is armed."""
    phase: Phase
    """`due` at its time, and `soon` as long before as `before` says; both end at once."""
    time: str
    """Its time, such as "06:45"."""
    days: str
    """Its days, such as "mon tue wed", or "every day"."""
    fault: str | None = None


class Set(Struct, frozen=True):
    """Set the time, and arm it."""

    time: ClockTime
    days: DayWords | None = None
    """Its days; None leaves them unchanged."""


class On(Struct, frozen=True):
    """Arm it."""


class Off(Struct, frozen=True):
    """Disarm it: its time passes without effect."""


class Toggle(Struct, frozen=True):
    """Arm it, or disarm it."""


class Ring(Struct, frozen=True):
    """Ring now, for a trial. The device itself sends this command at the time."""


class Announce(Struct, frozen=True):
    """Announce the time now, for a trial. The device itself sends this command `before` the time."""


class Moment(Virtual[Options, MomentMemory]):
    """A time of day that people set on the page, such as that of the alarm clock."""

    options_type = Options
    memory_type = MomentMemory
    state_type = State
    commands = (Set, On, Off, Toggle, Ring, Announce)
    off_commands = ()
    primary_commands = (
        PrimaryCommand("off", "Turn off", when={"status": (True,)}),
        PrimaryCommand("on", "Turn on"),
    )
    resting_phases = ("off", "armed", "soon", "due")
    momentary_phases = ("soon", "due")
    results = (Result("set", {}, {"time": "time"}, restores=False),)
    entity_class = "switch"
    uses_clock = True

    @classmethod
    def control(cls, options: Options) -> Control:  # noqa: ARG003  the same with all options
        """Return the input of the time."""
        return Control(command="set", argument="time", field="time", label="Time", takes="time")

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  as above
        """Return its phases; a trial is possible while it is off."""
        pairs: tuple[tuple[Phase, bool], ...] = (
            *(("off", False), ("armed", True)),
            *(("soon", False), ("soon", True), ("due", False), ("due", True)),
        )
        return tuple({"phase": phase, "status": status} for phase, status in pairs)

    def handle_command(
        self, memory: MomentMemory, command: Set | On | Off | Toggle | Ring | Announce, now: float
    ) -> MomentMemory:
        """Set the time, arm or disarm it, or be due."""
        match command:
            case Set():
                days = memory.days if command.days is None else DayWords.of(command.days.days)
                return replace(memory, time=str(command.time), days=days and str(days), on=True)
            case Ring() | Announce():
                phase: Literal["soon", "due"] = "due" if isinstance(command, Ring) else "soon"
                return replace(memory, phase=phase, until=now + MOMENT_SECONDS)
            case Toggle():
                return replace(memory, on=not self._is_armed(memory))
            case _:
                return replace(memory, on=isinstance(command, On))

    def advance(self, memory: MomentMemory, now: float) -> MomentMemory:
        """End a momentary phase."""
        is_over = memory.until is not None and now >= memory.until
        return replace(memory, phase=None, until=None) if is_over else memory

    def next_deadline(self, memory: MomentMemory) -> float | None:
        """Return when a momentary phase ends."""
        return memory.until

    def daily_times(self, memory: MomentMemory) -> tuple[DailyTime, ...]:
        """Return its time while it is armed, and the time before it."""
        if not self._is_armed(memory):
            return ()
        time, days = self._time(memory), self._days(memory)
        due = DailyTime(time, "ring", days)
        if not self.options.before_seconds:
            return (due,)
        before = format_seconds(self.options.before_seconds)
        return (DailyTime(f"{time}-{before}", "announce", days), due)

    def state(self, memory: MomentMemory, reading: Reading, now: float) -> State:
        """Return the phase and the time."""
        is_armed = self._is_armed(memory)
        return State(
            status=is_armed,
            phase=memory.phase or ("armed" if is_armed else "off"),
            time=self._time(memory),
            days=str(DayWords.of(self._days(memory))),
            fault=reading.fault,
        )

    def _is_armed(self, memory: MomentMemory) -> bool:
        return self.options.armed if memory.on is None else memory.on

    def _time(self, memory: MomentMemory) -> str:
        return str(self.options.time) if memory.time is None else memory.time

    def _days(self, memory: MomentMemory) -> tuple[str, ...]:
        return self.options.days if memory.days is None else DayWords(memory.days).days
