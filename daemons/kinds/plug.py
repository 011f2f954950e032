"""A smart plug: switches an appliance, and detects by its power when that runs and has finished.

With `max_on` it is never on for longer than that, whichever process dies, and a restart never switches
it on. Without `max_on` it keeps its state. Therefore every appliance that heats needs a `max_on`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Load, Machine, PrimaryCommand, Reading, Result, Setting
from daemons.values import Seconds

Watts = Annotated[float, Meta(ge=0, le=100_000)]
Phase = Literal["off", "on", "standby", "running", "finished"]
NO_METER = "its power is not told, so it is not known when it runs"
"""The fault of a plug with thresholds but without a meter."""
PROGRAM_SECONDS = 3600.0
"""How long a simulated washing machine runs."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a plug."""

    running_above_watts: Watts | None = None
    """From this power on, the appliance runs. Without this option, the plug is only on or off."""
    finished_below_watts: Watts | None = None
    """Below this power, the appliance may have finished."""
    finished_seconds: Seconds = field(name="finished_after", default=Seconds(180))
    """How long the power must stay that low; then the appliance has finished."""
    ready_seconds: Seconds = field(name="ready_for", default=Seconds(2 * 3600))
    """How long the appliance then counts as ready."""
    max_on_seconds: Seconds | None = field(name="max_on", default=None)
    """The plug is never on for longer than this. **Set it for anything that heats.**"""

    def __post_init__(self) -> None:
        """Raise ValueError for one threshold alone, for thresholds in the wrong order, and for no time."""
        above, below = self.running_above_watts, self.finished_below_watts
        if (above is None) != (below is None):
            raise ValueError("running_above_watts and finished_below_watts go together")
        if above is not None and below is not None and below >= above:
            raise ValueError("finished_below_watts must be below running_above_watts")
        if self.max_on_seconds is not None and self.max_on_seconds <= 0:
            raise ValueError("max_on must be longer than 0s; leave it out for no limit")


class PlugMemory(Struct, frozen=True):
    """The memory of a plug."""

    phase: Phase = "off"
    low_since: float | None = field(name="low", default=None)
    """Since when the power of a running appliance is low."""
    until: float | None = None
    """When it no longer counts as ready."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a plug."""

    status: bool
    """Whether it is on."""
    phase: Phase
    """"on" where no thresholds are set; else "standby", "running" or "finished"."""
    ready: bool
    """Whether the appliance has finished."""
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


class Plug(Machine[Options, PlugMemory]):
    """A smart plug: switches an appliance, and detects by its power when that runs and has finished."""

    options_type = Options
    memory_type = PlugMemory
    state_type = State
    commands = (On, Off, Toggle)
    primary_commands = (
        PrimaryCommand("off", "Turn off", when={"status": (True,)}),
        PrimaryCommand("on", "Turn on"),
    )
    values = ("power_watts",)
    resting_phases = ("off", "on", "standby")
    finished_phases = ("finished",)
    results = (Result("off", {"status": False}), Result("on", {"status": True}))
    entity_class = "switch"
    entity_device_class = "outlet"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return its phases: without thresholds it is only on or off, and never ready."""
        phases = (
            ("off", "on")
            if options.running_above_watts is None
            else ("off", "standby", "running", "finished")
        )
        return tuple(
            {"phase": phase, "status": phase != "off", "ready": phase == "finished"} for phase in phases
        )

    def handle_command(self, memory: PlugMemory, command: On | Off | Toggle, now: float) -> PlugMemory:
        """Switch; on for a plug that is on changes nothing, and off likewise."""
        on = memory.phase == "off" if isinstance(command, Toggle) else isinstance(command, On)
        return self._switch(memory, on)

    def resume(self, memory: PlugMemory, now: float) -> PlugMemory:
        """Begin the time of low power anew: the power may have risen and fallen again unseen."""
        return replace(memory, low_since=None)

    def advance(self, memory: PlugMemory, now: float) -> PlugMemory:
        """Finish when the power was low for long enough; go to standby when `ready_for` has passed."""
        if memory.phase == "running" and memory.low_since is not None:
            ended = self._finish_time(memory.low_since)
            if now >= ended:
                until = ended + self.options.ready_seconds / self.speed
                memory = replace(memory, phase="finished", low_since=None, until=until)
        if memory.until is not None and now >= memory.until:
            memory = replace(memory, phase="standby", until=None)
        return memory

    def adopt(self, memory: PlugMemory, reading: Reading, now: float) -> PlugMemory:
        """Follow a manual switch."""
        return self._switch(memory, bool(reading.on))

    def update_measurements(self, memory: PlugMemory, reading: Reading, now: float) -> PlugMemory:
        """Detect by the power whether the appliance runs."""
        above, below = self.options.running_above_watts, self.options.finished_below_watts
        if above is None or below is None or memory.phase == "off" or reading.on is False:
            return memory
        memory, watts = self.advance(memory, now), reading.power_watts
        if reading.reachable is False:
            return replace(memory, low_since=None)  # meanwhile the power may have risen and fallen again
        if watts is None:
            return memory
        if watts >= above:
            return replace(memory, phase="running", low_since=None, until=None)
        if memory.phase == "running" and watts >= below:
            return replace(memory, low_since=None)
        if memory.phase == "running" and memory.low_since is None:
            return replace(memory, low_since=now)
        return memory

    def next_deadline(self, memory: PlugMemory) -> float | None:
        """Return when the appliance has finished, or is no longer ready."""
        return memory.until if memory.low_since is None else self._finish_time(memory.low_since)

    def desired_setting(self, memory: PlugMemory) -> Setting:
        """Return on or off, as it was switched."""
        return Setting(memory.phase != "off")

    def state(self, memory: PlugMemory, reading: Reading, now: float) -> State:
        """Return the phase and the measurements."""
        lacks_meter = (
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
            fault=reading.fault or (NO_METER if lacks_meter else None),
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return the power of a kettle; with thresholds, the power of one wash."""
        above, below = self.options.running_above_watts, self.options.finished_below_watts
        if above is None or below is None:
            return ((1.0, 1000.0),)
        return ((PROGRAM_SECONDS / self.speed, 2 * above), (1.0, below / 2))

    def _finish_time(self, low_since: float) -> float:
        """Return when an appliance has finished whose power is low since then."""
        return low_since + self.options.finished_seconds / self.speed

    def _switch(self, memory: PlugMemory, on: bool) -> PlugMemory:
        if on == (memory.phase != "off"):
            return memory
        phase: Phase = "on" if self.options.running_above_watts is None else "standby"
        return PlugMemory(phase if on else "off", starts=memory.starts + on)
