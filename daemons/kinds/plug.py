"""A smart plug: switches an appliance, and tells by its power when that runs and has finished.

With `max_on` it is never on for longer than that, whatever dies, and a restart never switches it
on; without, it stays as it was left. So what heats gets a `max_on`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.kinds import Load, Machine, Reading, Setting
from daemons.values import Seconds

Watts = Annotated[float, Meta(ge=0, le=100_000)]
Phase = Literal["off", "on", "standby", "running", "finished"]
NO_METER = "its power is not told, so it is not known when it runs"
PROGRAM_SECONDS = 3600.0
"""How long a washing machine on paper runs."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    running_above_watts: Watts | None = None
    """From this power on the appliance runs; without it the plug is on or off, and no more is told."""
    finished_below_watts: Watts | None = None
    """Below this power it may have finished."""
    finished_seconds: Seconds = field(name="finished_after", default=Seconds(180))
    """And has, when it stays there for so long: a washing machine rests in the middle of its work."""
    ready_seconds: Seconds = field(name="ready_for", default=Seconds(2 * 3600))
    """How long it then counts as ready."""
    max_on_seconds: Seconds | None = field(name="max_on", default=None)
    """It is never on longer than this, whatever happens; nothing: it may be."""

    def __post_init__(self) -> None:
        """Refuse half a pair of thresholds, one that is upside down, and no time at all."""
        above, below = self.running_above_watts, self.finished_below_watts
        if (above is None) != (below is None):
            raise ValueError("running_above_watts and finished_below_watts go together")
        if above is not None and below is not None and below >= above:
            raise ValueError("finished_below_watts must be below running_above_watts")
        if self.max_on_seconds is not None and self.max_on_seconds <= 0:
            raise ValueError("max_on must be longer than 0s; leave it out for no limit")


class Memory(Struct, frozen=True):
    """What it remembers."""

    phase: Phase = "off"
    low: float | None = None
    """Since when the power of what runs is low."""
    until: float | None = None
    """How long it counts as ready."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it is on."""
    phase: Phase
    """"on" where no thresholds are set; else "standby", "running" or "finished"."""
    ready: bool
    """Whether what it switches has finished."""
    starts: int
    """How often it has gone on in its life."""
    power_watts: float | None
    energy_watt_hours: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Switch it on."""


class Off(Struct, frozen=True):
    """Switch it off."""


class Toggle(Struct, frozen=True):
    """Switch it on if it is off, and off if it is on."""


class Plug(Machine[Options, Memory]):
    """A smart plug: switches an appliance, and tells by its power when that runs and has finished."""

    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (On, Off, Toggle)

    def handle_command(self, memory: Memory, command: On | Off | Toggle, now: float) -> Memory:
        """Switch; what already is as told stays as it is."""
        on = memory.phase == "off" if isinstance(command, Toggle) else isinstance(command, On)
        return self._turn(memory, on)

    def advance(self, memory: Memory, now: float) -> Memory:
        """Have finished when the power was low for long enough, and be ready no longer when that is over."""
        if memory.phase == "running" and memory.low is not None:
            ended = self._end(memory.low)
            if now >= ended:
                until = ended + self.options.ready_seconds / self.speed
                memory = replace(memory, phase="finished", low=None, until=until)
        if memory.until is not None and now >= memory.until:
            memory = replace(memory, phase="standby", until=None)
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand that switched it."""
        return self._turn(memory, bool(reading.on))

    def update_measurements(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Tell from the power whether it runs."""
        above, below = self.options.running_above_watts, self.options.finished_below_watts
        if above is None or below is None or memory.phase == "off" or reading.on is False:
            return memory
        memory, watts = self.advance(memory, now), reading.power_watts
        if reading.reachable is False:
            return replace(memory, low=None)  # it may rest, or run again: nobody knows
        if watts is None:
            return memory
        if watts >= above:
            return replace(memory, phase="running", low=None, until=None)
        if memory.phase == "running" and watts >= below:
            return replace(memory, low=None)
        if memory.phase == "running" and memory.low is None:
            return replace(memory, low=now)
        return memory

    def next_deadline(self, memory: Memory) -> float | None:
        """Wait for the end of the low, or of being ready."""
        return memory.until if memory.low is None else self._end(memory.low)

    def desired_setting(self, memory: Memory) -> Setting:
        """Have it as it was switched."""
        return Setting(memory.phase != "off")

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show what it does."""
        is_blind = (
            self.options.running_above_watts is not None
            and reading.power_watts is None
            and bool(reading.on)
            and bool(reading.reachable)
        )
        return State(
            status=memory.phase != "off",
            phase=memory.phase,
            ready=memory.phase == "finished",
            starts=memory.starts,
            power_watts=reading.power_watts,
            energy_watt_hours=reading.energy_watt_hours,
            fault=reading.fault or (NO_METER if is_blind else None),
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw what a kettle draws; with thresholds, what one wash draws."""
        above, below = self.options.running_above_watts, self.options.finished_below_watts
        if above is None or below is None:
            return ((1.0, 1000.0),)
        return ((PROGRAM_SECONDS / self.speed, 2 * above), (1.0, below / 2))

    def _end(self, low: float) -> float:
        """Say when what runs with a low power has finished."""
        return low + self.options.finished_seconds / self.speed

    def _turn(self, memory: Memory, on: bool) -> Memory:
        if on == (memory.phase != "off"):
            return memory
        phase: Phase = "on" if self.options.running_above_watts is None else "standby"
        return Memory(phase if on else "off", starts=memory.starts + on)
