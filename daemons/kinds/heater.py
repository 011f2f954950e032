"""A heater with a thermostat: keeps a room at a temperature that another device measures.

It heats only with a known temperature. If its sensor is silent, or reports no plausible temperature, the
heater goes off after `blind_after`. It stays off, also in frost, until there is a temperature again.
It never heats for longer than `max_on` without a rest. A room that is still cold after that time has an
open window or a broken sensor.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import ROOM_CELSIUS, Load, Machine, PrimaryCommand, Reading, Result, Setting
from daemons.values import Seconds

Celsius = Annotated[float, Meta(ge=5, le=30)]
Phase = Literal["off", "idle", "heating", "frost", "resting", "blind"]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a heater."""

    source: str | None = None
    """The device whose `temperature_celsius` it uses. By default its own hardware measures."""
    target_celsius: Celsius = 20.0
    """The usual temperature in °C."""
    hysteresis_celsius: Annotated[float, Meta(ge=0.1, le=5)] = 0.5
    """It starts this far below the temperature it keeps, and stops at that temperature."""
    frost_celsius: Annotated[float, Meta(ge=3, le=15)] | None = 6.0
    """The temperature it keeps while it is off, in °C."""
    blind_seconds: Seconds = field(name="blind_after", default=Seconds(60))
    """How long it may heat without a temperature."""
    rest_seconds: Seconds = field(name="rest", default=Seconds(600))
    """How long it rests after `max_on`, and after a hand has switched it off."""
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(4 * 3600))
    """It never heats for longer than this without a rest."""

    def __post_init__(self) -> None:
        """Raise ValueError for a frost temperature above the target, and for a time of zero."""
        if self.frost_celsius is not None and self.frost_celsius > self.target_celsius:
            raise ValueError("frost_celsius must not be above target_celsius")
        if min(self.max_on_seconds, self.rest_seconds, self.blind_seconds) <= 0:
            raise ValueError("max_on, rest and blind_after must be longer than 0s")


class HeaterMemory(Struct, frozen=True):
    """The memory of a heater."""

    enabled: bool = False
    """Whether it keeps its target temperature; otherwise it only protects from frost."""
    target_celsius: float | None = None
    """The temperature of the last `set`; None for the usual one."""
    heating: bool = False
    heating_since: float | None = field(name="heated", default=None)
    """Since when it heats; None while it does not."""
    resting_until: float | None = field(name="rests", default=None)
    """When its rest ends; None while it does not rest."""
    temperature_celsius: float | None = None
    blind_since: float | None = field(name="blind", default=None)
    """Since when the temperature is unknown; None while it is known."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a heater."""

    status: bool
    """Whether it heats."""
    phase: Phase
    """"idle" is warm enough, "frost" is heating although off, "blind" is without a temperature."""
    enabled: bool
    """Whether it keeps its target temperature; otherwise it only protects from frost."""
    target_celsius: float
    """The temperature that it keeps while it is enabled."""
    temperature_celsius: float | None
    starts: int
    """How often it has begun to heat in its life."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Keep the target temperature."""


class Off(Struct, frozen=True):
    """Only protect from frost."""


class Set(Struct, frozen=True):
    """Keep this temperature from now on."""

    celsius: Celsius


class Heater(Machine[Options, HeaterMemory]):
    """A heater with a thermostat: keeps a room at a temperature that another device measures."""

    options_type = Options
    memory_type = HeaterMemory
    state_type = State
    commands = (On, Off, Set)
    primary_commands = (
        PrimaryCommand("on", "Turn on", when={"phase": ("off", "frost")}),
        PrimaryCommand("off", "Turn off"),
    )
    resting_phases = ("off", "idle", "resting", "blind")
    results = (
        Result("off", {"enabled": False}),
        Result("set", {"enabled": True}, {"celsius": "target_celsius"}),
        Result("on", {"enabled": True}),
    )
    entity_class = "climate"

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:
        """Return the device that measures the temperature, if it is another one."""
        return {options.source: "temperature_celsius"} if options.source else {}

    @classmethod
    def possible_states(cls, options: Any) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return (
            {"phase": "off", "status": False, "enabled": False},
            {"phase": "idle", "status": False, "enabled": True},
            {"phase": "heating", "status": True, "enabled": True},
            {"phase": "frost", "status": True, "enabled": False},
            {"phase": "resting", "status": False},
            {"phase": "blind", "status": False},
        )

    def handle_command(self, memory: HeaterMemory, command: On | Off | Set, now: float) -> HeaterMemory:
        """Change the target, or switch on or off; a rest continues."""
        if isinstance(command, Set):
            memory = replace(memory, target_celsius=command.celsius)
        return self._decide(replace(memory, enabled=not isinstance(command, Off)), now)

    def advance(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        """Stop at `max_on`, or at `blind_after` without a temperature; end a rest. Nothing starts here."""
        due = self.next_deadline(memory)
        if due is None or now < due:
            return memory
        if not memory.heating:
            return replace(memory, resting_until=None)
        is_too_blind = (
            memory.blind_since is not None and due == memory.blind_since + self.options.blind_seconds
        )
        return (
            self._stop(memory)
            if is_too_blind
            else self.advance(self._stop(memory, due + self.options.rest_seconds), now)
        )

    def adopt(self, memory: HeaterMemory, reading: Reading, now: float) -> HeaterMemory:
        """Follow a manual switch: off begins a rest, on enables it."""
        if not reading.on:
            return self._stop(memory, now + self.options.rest_seconds)
        return (
            memory if memory.heating else self._start(replace(memory, enabled=True, resting_until=None), now)
        )

    def update_measurements(self, memory: HeaterMemory, reading: Reading, now: float) -> HeaterMemory:
        """Store the temperature of its own hardware, if it has no source."""
        if self.options.source is not None:
            return memory
        return self._set_temperature(memory, reading.temperature_celsius if reading.reachable else None, now)

    def update_sources(
        self, memory: HeaterMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> HeaterMemory:
        """Store the temperature that its source reports."""
        if self.options.source is None or self.options.source not in states:
            return memory  # the source has just started, and may still report
        state = states[self.options.source]
        celsius = state.get("temperature_celsius") if state else None
        return self._set_temperature(memory, celsius if isinstance(celsius, int | float) else None, now)

    def next_deadline(self, memory: HeaterMemory) -> float | None:
        """Return the end of heating, of heating without a temperature, or of the rest."""
        if not memory.heating:
            return memory.resting_until
        ends = [(memory.heating_since or 0.0) + self.options.max_on_seconds]
        if memory.blind_since is not None:
            ends.append(memory.blind_since + self.options.blind_seconds)
        return min(ends)

    def desired_setting(self, memory: HeaterMemory) -> Setting:
        """Return on while heating."""
        return Setting(memory.heating)

    def state(self, memory: HeaterMemory, reading: Reading, now: float) -> State:
        """Return the target and the temperature."""
        is_blind = memory.temperature_celsius is None and memory.blind_since is not None
        fault = f"there is no temperature from {self.options.source or 'its hardware'}" if is_blind else None
        return State(
            status=memory.heating,
            phase=self._phase(memory, is_blind),
            enabled=memory.enabled,
            target_celsius=self._target(memory),
            temperature_celsius=memory.temperature_celsius,
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault or fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return one constant power."""
        return ((1.0, 1500.0),)

    def _phase(self, memory: HeaterMemory, is_blind: bool) -> Phase:
        if memory.heating:
            return "heating" if memory.enabled else "frost"
        if memory.resting_until is not None:
            return "resting"
        if is_blind:
            return "blind"
        return "idle" if memory.enabled else "off"

    def _target(self, memory: HeaterMemory) -> float:
        return self.options.target_celsius if memory.target_celsius is None else memory.target_celsius

    def _set_temperature(self, memory: HeaterMemory, celsius: float | None, now: float) -> HeaterMemory:
        """Store the temperature, rounded to a tenth of a degree, or since when it is unknown."""
        low, high = ROOM_CELSIUS
        if celsius is None or not low <= celsius <= high:
            blind_since = now if memory.blind_since is None else memory.blind_since
            return self.advance(replace(memory, temperature_celsius=None, blind_since=blind_since), now)
        return self._decide(replace(memory, temperature_celsius=round(celsius, 1), blind_since=None), now)

    def _decide(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        """Start or stop heating by the temperature; change nothing during a rest or without a temperature."""
        memory = self.advance(memory, now)
        if memory.resting_until is not None:
            return memory
        wanted = self._target(memory) if memory.enabled else self.options.frost_celsius
        warm = memory.temperature_celsius
        if warm is None:
            return memory
        if memory.heating:
            return self._stop(memory) if wanted is None or warm >= wanted else memory
        cold = wanted is not None and warm <= wanted - self.options.hysteresis_celsius
        return self._start(memory, now) if cold else memory

    def _start(self, memory: HeaterMemory, now: float) -> HeaterMemory:
        return replace(memory, heating=True, heating_since=now, starts=memory.starts + 1)

    def _stop(self, memory: HeaterMemory, resting_until: float | None = None) -> HeaterMemory:
        return replace(memory, heating=False, heating_since=None, resting_until=resting_until)
