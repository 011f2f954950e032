"""A thermostat or a radiator valve that keeps a temperature by itself: the house sets its target.

It measures, opens its valve and closes it without the house, so it goes on if a process or the network
fails. Off is the lowest target of the hardware, which keeps the frost away, or its own off mode.
A target that a hand sets at its knob holds until the schedule, the number or the mode has another one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import (
    Ability,
    Control,
    Kind,
    Load,
    Machine,
    PrimaryCommand,
    Reading,
    Result,
    Setting,
    TimetableEntry,
)
from daemons.kinds.climate import plan as plans
from daemons.kinds.climate.options import HIGHEST_CELSIUS, LOWEST_CELSIUS, Celsius, Entry, PlannedOptions
from daemons.kinds.climate.plan import Plan
from daemons.kinds.climate.windows import Windows

Phase = Literal["off", "idle", "heating", "frost", "paused"]
STEP_CELSIUS = 0.5


class Options(PlannedOptions, frozen=True, kw_only=True):
    """The options of a thermostat."""


class ThermostatMemory(Struct, frozen=True):
    """The memory of a thermostat."""

    enabled: bool = False
    """Whether it keeps its target temperature."""
    target_celsius: float | None = None
    """The temperature of the last `set`, or of its knob; None for the planned or the usual one."""
    plan: Plan = Plan()
    lacks_target: bool = False
    """Whether its number or its mode has no value that is a target."""
    windows: Windows = Windows()


class State(Struct, frozen=True, kw_only=True):
    """The published state of a thermostat."""

    status: bool
    """Whether it heats."""
    phase: Phase
    """"idle" is warm enough, "frost" is heating although off, "paused" waits for a window to be closed."""
    enabled: bool
    """Whether it keeps its target temperature."""
    target_celsius: float
    """The temperature that it keeps while it is enabled."""
    temperature_celsius: float | None
    humidity_percent: float | None
    valve_percent: float | None
    """How far open its valve is."""
    window_open: bool | None
    """Whether it has detected an open window by itself; None if it does not report that."""
    paused_by: str | None
    """The open window for which it is paused; None while it is not paused."""
    battery_percent: int | None
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Keep the target temperature."""


class Off(Struct, frozen=True):
    """Only keep the frost away."""


class Set(Struct, frozen=True):
    """Keep this temperature from now on, until the schedule, the number or the mode has another one."""

    celsius: Celsius


class Thermostat(Machine[Options, ThermostatMemory]):
    """A thermostat or a radiator valve that keeps a temperature by itself: the house sets its target."""

    needs = frozenset[Ability]({"regulate"})
    keeps_trying = True
    options_type = Options
    memory_type = ThermostatMemory
    state_type = State
    commands = (On, Off, Set)
    primary_commands = (
        PrimaryCommand("on", "Turn on", when={"enabled": (False,)}),
        PrimaryCommand("off", "Turn off"),
    )
    resting_phases = ("off", "idle", "paused")
    results = (
        Result("off", {"enabled": False}),
        Result("set", {"enabled": True}, {"celsius": "target_celsius"}),
        Result("on", {"enabled": True}),
    )
    values = ("temperature_celsius",)
    entity_class = "climate"

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:
        """Return the devices that watch the windows and set the target."""
        return plans.sources(options)

    @classmethod
    def refused_sources(
        cls, options: Any, found: Mapping[str, tuple[type[Kind], Any]]
    ) -> Iterator[tuple[str, str]]:
        """Yield windows that detect no opening, a target that is no number, and values a mode never has."""
        return plans.refused_sources(options, found)

    @classmethod
    def timetable(cls, options: Any) -> tuple[TimetableEntry, ...]:
        """Return its schedule."""
        entries: tuple[Entry, ...] = options.schedule
        return entries

    @classmethod
    def control(cls, options: Any) -> Control:  # noqa: ARG003  the same with all options
        """Return an input for the target."""
        return Control(
            command="set",
            argument="celsius",
            field="target_celsius",
            label="Target",
            takes="number",
            lowest=LOWEST_CELSIUS,
            highest=HIGHEST_CELSIUS,
            step=STEP_CELSIUS,
            shape="steps",
            unit="°C",
        )

    @classmethod
    def possible_states(cls, options: Any) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  as above
        """Return its phases. The hardware may pause for a window that the house does not know."""
        return (
            {"phase": "off", "status": False, "enabled": False},
            {"phase": "idle", "status": False, "enabled": True},
            {"phase": "heating", "status": True, "enabled": True},
            {"phase": "frost", "status": True},
            {"phase": "paused", "status": False, "enabled": True},
        )

    def handle_command(
        self, memory: ThermostatMemory, command: On | Off | Set, now: float
    ) -> ThermostatMemory:
        """Change the target, or switch on or off."""
        memory = replace(self.advance(memory, now), enabled=not isinstance(command, Off))
        return replace(memory, target_celsius=command.celsius) if isinstance(command, Set) else memory

    def advance(self, memory: ThermostatMemory, now: float) -> ThermostatMemory:
        """Pause for a window that has been open for long enough."""
        while (due := self.next_deadline(memory)) is not None and due <= now:
            memory = replace(memory, windows=memory.windows.advance(due, self.options.window_seconds))
        return memory

    def adopt(self, memory: ThermostatMemory, reading: Reading, now: float) -> ThermostatMemory:
        """Follow the knob; while the hardware pauses for a window, nothing is adopted."""
        if reading.window_open:
            return memory
        target = reading.target_celsius if reading.on else None
        if target is None or target == self._target(memory):
            return replace(memory, enabled=bool(reading.on))
        return replace(memory, enabled=True, target_celsius=target)

    def update_sources(
        self, memory: ThermostatMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> ThermostatMemory:
        """Store what its windows and its target report."""
        memory = self.advance(memory, now)
        if not states:
            return memory
        windows = memory.windows.hear(self.options.windows, states, now)
        memory = self.advance(replace(memory, windows=windows), now)
        if (found := plans.follow(self.options, memory.plan, states)) is None:
            return memory
        plan, lacks_target = found
        return self._set_plan(replace(memory, lacks_target=lacks_target), plan)

    def update_timetable(
        self, memory: ThermostatMemory, index: int, began_at: float, now: float
    ) -> ThermostatMemory:
        """Keep the target of the entry of the schedule that is in force."""
        celsius = self.options.schedule[index].celsius
        return self._set_plan(self.advance(memory, now), memory.plan.after_entry(began_at, celsius))

    def next_deadline(self, memory: ThermostatMemory) -> float | None:
        """Return when the patience with a window ends."""
        seconds = self.options.window_seconds
        return memory.windows.next_deadline(seconds) if self.options.windows else None

    def desired_setting(self, memory: ThermostatMemory) -> Setting:
        """Return the target, or off while it is paused."""
        if not memory.enabled or self._is_paused(memory):
            return Setting(on=False)
        return Setting(on=True, target_celsius=self._target(memory))

    def state(self, memory: ThermostatMemory, reading: Reading, now: float) -> State:
        """Return the target, and what the hardware measures and does."""
        heats = self._heats(memory, reading)
        is_paused = self._is_paused(memory) or bool(reading.window_open)
        keeps_target = memory.enabled and not is_paused
        at_rest: Phase = "idle" if keeps_target else "paused" if memory.enabled else "off"
        return State(
            status=heats,
            phase=("heating" if keeps_target else "frost") if heats else at_rest,
            enabled=memory.enabled,
            target_celsius=self._target(memory),
            temperature_celsius=rounded(reading.temperature_celsius),
            humidity_percent=rounded(reading.humidity_percent),
            valve_percent=rounded(reading.valve_percent),
            window_open=reading.window_open,
            paused_by=memory.windows.open[0] if memory.enabled and self._is_paused(memory) else None,
            battery_percent=reading.battery_percent,
            power_watts=reading.power_watts,
            fault=reading.fault or "; ".join(self._faults(memory)) or None,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero: the heat comes from somewhere else."""
        return ((1.0, 0.0),)

    def _heats(self, memory: ThermostatMemory, reading: Reading) -> bool:
        """Return whether it heats: as the hardware reports, or by its valve, or by the temperature."""
        if reading.heating is not None:
            return reading.heating
        if reading.valve_percent is not None:
            return reading.valve_percent > 0
        if not self.desired_setting(memory).on or reading.on is False or reading.window_open:
            return False
        celsius = reading.temperature_celsius
        return celsius is None or celsius < self._target(memory)

    def _faults(self, memory: ThermostatMemory) -> Iterator[str]:
        if memory.lacks_target and (self.options.target or self.options.mode):
            yield f"there is no target from {self.options.target or self.options.mode}"
        for window in self.options.windows:
            if window in memory.windows.unknown:
                yield f"it is unknown whether {window} is open"

    def _is_paused(self, memory: ThermostatMemory) -> bool:
        return bool(self.options.windows) and memory.windows.is_paused

    def _target(self, memory: ThermostatMemory) -> float:
        return plans.target(self.options, memory.plan, memory.target_celsius)

    def _set_plan(self, memory: ThermostatMemory, plan: Plan) -> ThermostatMemory:
        """Store the plan. A new entry or a new value ends a target that was set by hand."""
        if plan == memory.plan:
            return memory
        set_by_hand = None if plan.is_new(memory.plan) else memory.target_celsius
        return replace(memory, plan=plan, target_celsius=set_by_hand)


def rounded(value: float | None) -> float | None:
    """Return a measurement rounded to a tenth, so that noise causes no message."""
    return None if value is None else round(value, 1)
