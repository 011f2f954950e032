"""A heater or an air conditioner with a thermostat: keeps a room at a temperature that is measured.

It works only with a known temperature. If its sensor is silent, or reports no plausible temperature, the
heater goes off after `blind_after`. It stays off, also in frost, until there is a temperature again.
It never works for longer than `max_on` without a rest. A room that is still cold after that time has an
open window or a broken sensor.

What it is told to keep is its target: that of the last `set`, of its schedule, of a number or of a mode.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import (
    ROOM_CELSIUS,
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
from daemons.kinds.climate.options import Celsius, Entry, Options
from daemons.kinds.climate.plan import Plan, is_number
from daemons.kinds.climate.windows import Windows

Phase = Literal["off", "idle", "heating", "frost", "cooling", "hot", "paused", "resting", "blind"]


class HeaterMemory(Struct, frozen=True):
    """The memory of a heater."""

    enabled: bool = False
    """Whether it keeps its target temperature; otherwise it only protects from frost."""
    target_celsius: float | None = None
    """The temperature of the last `set`; None for the planned or the usual one."""
    heating: bool = False
    heating_since: float | None = field(name="heated", default=None)
    """Since when it heats or cools; None while it does not."""
    resting_until: float | None = field(name="rests", default=None)
    """When its rest ends; None while it does not rest."""
    temperature_celsius: float | None = None
    blind_since: float | None = field(name="blind", default=None)
    """Since when the temperature is unknown; None while it is known."""
    starts: int = 0
    waiting_until: float | None = field(name="waits", default=None)
    """When `min_off` ends; None if it has ended."""
    plan: Plan = Plan()
    lacks_target: bool = False
    """Whether its number or its mode has no value that is a target."""
    windows: Windows = Windows()


class State(Struct, frozen=True, kw_only=True):
    """The published state of a heater."""

    status: bool
    """Whether it heats, or cools."""
    phase: Phase
    """"idle" is warm enough, "frost" is heating although off, "hot" is cooling although off, "paused" waits
    for a window to be closed, "blind" is without a temperature."""
    enabled: bool
    """Whether it keeps its target temperature; otherwise it only protects from frost."""
    target_celsius: float
    """The temperature that it keeps while it is enabled."""
    temperature_celsius: float | None
    starts: int
    """How often it has begun to heat in its life."""
    paused_by: str | None
    """The open window for which it is paused; None while it is not paused."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Keep the target temperature."""


class Off(Struct, frozen=True):
    """Only protect from frost."""


class Set(Struct, frozen=True):
    """Keep this temperature from now on, until the schedule, the number or the mode has another one."""

    celsius: Celsius


class Heater(Machine[Options, HeaterMemory]):
    """A heater or an air conditioner with a thermostat: keeps a room at a temperature that is measured."""

    options_type = Options
    memory_type = HeaterMemory
    state_type = State
    commands = (On, Off, Set)
    primary_commands = (
        PrimaryCommand("on", "Turn on", when={"phase": ("off", "frost", "hot")}),
        PrimaryCommand("off", "Turn off"),
    )
    resting_phases = ("off", "idle", "paused", "resting", "blind")
    results = (
        Result("off", {"enabled": False}),
        Result("set", {"enabled": True}, {"celsius": "target_celsius"}),
        Result("on", {"enabled": True}),
    )
    values = ("temperature_celsius",)
    entity_class = "climate"

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:
        """Return the devices that measure the temperature, watch the windows and set the target."""
        return plans.sources(options) | ({options.source: "temperature_celsius"} if options.source else {})

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
    def climate_mode(cls, options: Any) -> Literal["heat", "cool"]:
        """Return whether it heats or cools."""
        return "cool" if options.cools else "heat"

    @classmethod
    def possible_states(cls, options: Any) -> tuple[dict[str, Scalar], ...]:
        """Return its phases."""
        work, guard = ("cooling", "hot") if options.cools else ("heating", "frost")
        found: tuple[dict[str, Scalar], ...] = (
            {"phase": "off", "status": False, "enabled": False},
            {"phase": "idle", "status": False, "enabled": True},
            {"phase": work, "status": True, "enabled": True},
            {"phase": "resting", "status": False},
            {"phase": "blind", "status": False},
        )
        if options.guard_celsius is not None:
            found += ({"phase": guard, "status": True, "enabled": False},)
        if options.windows:
            found += ({"phase": "paused", "status": False, "enabled": True},)
        return found

    def handle_command(self, memory: HeaterMemory, command: On | Off | Set, now: float) -> HeaterMemory:
        """Change the target, or switch on or off; a rest continues. `off` does not wait for `min_on`."""
        memory = replace(self.advance(memory, now), enabled=not isinstance(command, Off))
        if isinstance(command, Set):
            memory = replace(memory, target_celsius=command.celsius)
        if isinstance(command, Off) and memory.heating:
            is_over = memory.temperature_celsius is None or self._is_done(memory)
            return self._stop(memory, now) if is_over else memory
        return self._decide(memory, now)

    def advance(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        """Stop at each limit, pause for a window, and end a rest. Nothing starts here."""
        while (due := self.next_deadline(memory)) is not None and due <= now:
            memory = self._pass(memory, due)
        return memory

    def adopt(self, memory: HeaterMemory, reading: Reading, now: float) -> HeaterMemory:
        """Follow a manual switch: off begins a rest, on enables it."""
        if not reading.on:
            return self._stop(memory, now, now + self.options.rest_seconds)
        if memory.heating:
            return memory
        return self._start(replace(memory, enabled=True, resting_until=None, waiting_until=None), now)

    def update_measurements(self, memory: HeaterMemory, reading: Reading, now: float) -> HeaterMemory:
        """Store the temperature of its own hardware, if it has no source."""
        if self.options.source is not None:
            return memory
        return self._set_temperature(memory, reading.temperature_celsius if reading.reachable else None, now)

    def is_worth_writing(self, written: HeaterMemory, memory: HeaterMemory) -> bool:
        """Return False if nothing but the temperature changed: it is measured again after a restart."""
        if written.temperature_celsius is None or memory.temperature_celsius is None:
            return True
        return replace(written, temperature_celsius=memory.temperature_celsius) != memory

    def update_sources(
        self, memory: HeaterMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> HeaterMemory:
        """Store what its windows, its target and its thermometer report, and decide by that."""
        memory = self.advance(memory, now)
        if not states:
            return memory
        windows = memory.windows.hear(self.options.windows, states, now)
        memory = self._follow(self.advance(replace(memory, windows=windows), now), states, now)
        if self.options.source is None:
            return self._decide(memory, now)
        if self.options.source not in states:
            return memory  # the source has just started, and may still report
        state = states[self.options.source]
        celsius = state.get("temperature_celsius") if state else None
        return self._set_temperature(memory, celsius if is_number(celsius) else None, now)

    def update_timetable(self, memory: HeaterMemory, index: int, began_at: float, now: float) -> HeaterMemory:
        """Keep the target of the entry of the schedule that is in force. Nothing starts here."""
        celsius = self.options.schedule[index].celsius
        return self._set_plan(memory, memory.plan.after_entry(began_at, celsius), now)

    def next_deadline(self, memory: HeaterMemory) -> float | None:
        """Return when a limit, `min_on`, `min_off`, a rest or the patience with a window ends."""
        ends = [memory.windows.next_deadline(self.options.window_seconds) if self.options.windows else None]
        if not memory.heating:
            ends += [memory.resting_until, memory.waiting_until]
        else:
            ends += [self._max_end(memory), self._blind_end(memory)]
            if self._is_done(memory):
                ends.append(self._least_end(memory))
        return min((end for end in ends if end is not None), default=None)

    def desired_setting(self, memory: HeaterMemory) -> Setting:
        """Return on while heating or cooling."""
        return Setting(memory.heating)

    def state(self, memory: HeaterMemory, reading: Reading, now: float) -> State:
        """Return the target and the temperature."""
        return State(
            status=memory.heating,
            phase=self._phase(memory),
            enabled=memory.enabled,
            target_celsius=self._target(memory),
            temperature_celsius=memory.temperature_celsius,
            starts=memory.starts,
            paused_by=memory.windows.open[0] if self._phase(memory) == "paused" else None,
            power_watts=reading.power_watts,
            fault=reading.fault or "; ".join(self._faults(memory)) or None,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return one constant power."""
        return ((1.0, 1500.0),)

    # What it shows

    def _phase(self, memory: HeaterMemory) -> Phase:
        if memory.heating:
            work: tuple[Phase, Phase] = ("cooling", "hot") if self.options.cools else ("heating", "frost")
            return work[0 if memory.enabled else 1]
        if memory.resting_until is not None:
            return "resting"
        if self._is_blind(memory):
            return "blind"
        if not memory.enabled:
            return "off"
        return "paused" if self._is_paused(memory) else "idle"

    def _faults(self, memory: HeaterMemory) -> Iterator[str]:
        if self._is_blind(memory):
            yield f"there is no temperature from {self.options.source or 'its hardware'}"
        if memory.lacks_target and (self.options.target or self.options.mode):
            yield f"there is no target from {self.options.target or self.options.mode}"
        for window in self.options.windows:
            if window in memory.windows.unknown:
                yield f"it is unknown whether {window} is open"

    def _is_blind(self, memory: HeaterMemory) -> bool:
        return memory.temperature_celsius is None and memory.blind_since is not None

    def _is_paused(self, memory: HeaterMemory) -> bool:
        return bool(self.options.windows) and memory.windows.is_paused

    # The target

    def _target(self, memory: HeaterMemory) -> float:
        """Return the temperature to keep while it is enabled: set by hand, planned, or the usual one."""
        return plans.target(self.options, memory.plan, memory.target_celsius)

    def _follow(
        self, memory: HeaterMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> HeaterMemory:
        """Return the memory with the target of its number or its mode; without a value it keeps the last."""
        if (found := plans.follow(self.options, memory.plan, states)) is None:
            return memory
        plan, lacks_target = found
        return self._set_plan(replace(memory, lacks_target=lacks_target), plan, now)

    def _set_plan(self, memory: HeaterMemory, plan: Plan, now: float) -> HeaterMemory:
        """Store the plan. A new entry or a new value ends a target that was set by hand."""
        if plan == memory.plan:
            return memory
        set_by_hand = None if plan.is_new(memory.plan) else memory.target_celsius
        return self._settle(replace(self.advance(memory, now), plan=plan, target_celsius=set_by_hand), now)

    # Decisions

    def _set_temperature(self, memory: HeaterMemory, celsius: float | None, now: float) -> HeaterMemory:
        """Store the temperature, rounded to a tenth of a degree, or since when it is unknown."""
        low, high = ROOM_CELSIUS
        memory = self.advance(memory, now)
        if celsius is None or not low <= celsius <= high:
            blind_since = now if memory.blind_since is None else memory.blind_since
            return self.advance(replace(memory, temperature_celsius=None, blind_since=blind_since), now)
        return self._decide(replace(memory, temperature_celsius=round(celsius, 1), blind_since=None), now)

    def _decide(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        """Start or stop by the temperature; a rest, `min_off` and a lost thermometer prevent a start.

        Time must have advanced before the change that leads here: a stop counts from `now`.
        """
        if memory.heating:
            return self._settle(memory, now)
        wanted, measured = self._wanted(memory), memory.temperature_celsius
        is_held = memory.resting_until is not None or memory.waiting_until is not None
        if is_held or wanted is None or measured is None:
            return memory
        deviation = measured - wanted if self.options.cools else wanted - measured
        is_due = deviation >= self.options.hysteresis_celsius
        return self._start(memory, now) if is_due else memory

    def _wanted(self, memory: HeaterMemory) -> float | None:
        """Return the temperature to keep now: the target within the guards, or that of the guard alone."""
        options, guard = self.options, self.options.guard_celsius
        if not memory.enabled or self._is_paused(memory):
            return guard
        target = self._target(memory)
        if options.cools and guard is not None:
            target = min(target, guard)
        return target if options.frost_celsius is None else max(target, options.frost_celsius)

    def _is_done(self, memory: HeaterMemory) -> bool:
        """Return whether the room has the temperature to keep, or there is none to keep."""
        wanted, measured = self._wanted(memory), memory.temperature_celsius
        if wanted is None or measured is None:
            return wanted is None
        return measured <= wanted if self.options.cools else measured >= wanted

    def _settle(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        """Stop if the room has its temperature, and `min_on` is over."""
        is_over = memory.heating and self._is_done(memory) and now >= self._least_end(memory)
        return self._stop(memory, now) if is_over else memory

    def _pass(self, memory: HeaterMemory, due: float) -> HeaterMemory:
        """Return the memory after its next deadline."""
        options = self.options
        if memory.heating:
            blind_end = self._blind_end(memory)
            if due >= self._max_end(memory):
                return self._stop(memory, due, due + options.rest_seconds)
            if blind_end is not None and due >= blind_end:
                return self._stop(memory, due)
        windows = memory.windows.advance(due, options.window_seconds) if options.windows else memory.windows
        if windows != memory.windows:
            return self._settle(replace(memory, windows=windows), due)
        if memory.heating:
            return self._settle(memory, due)
        return replace(
            memory,
            resting_until=after(memory.resting_until, due),
            waiting_until=after(memory.waiting_until, due),
        )

    def _max_end(self, memory: HeaterMemory) -> float:
        return (memory.heating_since or 0.0) + self.options.max_on_seconds

    def _least_end(self, memory: HeaterMemory) -> float:
        return (memory.heating_since or 0.0) + self.options.min_on_seconds

    def _blind_end(self, memory: HeaterMemory) -> float | None:
        if memory.blind_since is None:
            return None
        return max(memory.blind_since + self.options.blind_seconds, memory.heating_since or 0.0)

    def _start(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        return replace(memory, heating=True, heating_since=now, starts=memory.starts + 1)

    def _stop(self, memory: HeaterMemory, now: float, resting_until: float | None = None) -> HeaterMemory:
        wait = self.options.off_seconds
        return replace(
            memory,
            heating=False,
            heating_since=None,
            resting_until=resting_until,
            waiting_until=now + wait if wait else None,
        )


def after(moment: float | None, now: float) -> float | None:
    """Return a moment that is still to come, or None."""
    return moment if moment is not None and moment > now else None
