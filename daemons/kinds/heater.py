"""A heater with a thermostat: keeps a room at a temperature that another device measures.

It heats only on what it knows. When its sensor is silent, or says nothing, or what no room can
be, it goes off after `blind_after` and stays off, frost or not, until there is a temperature again.
It never heats for longer than `max_on` without a rest: who heats so long and is not warm has a
window open, or a sensor that lies.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Load, Machine, Reading, Setting
from daemons.values import Seconds

Celsius = Annotated[float, Meta(ge=5, le=30)]
Phase = Literal["off", "idle", "heating", "frost", "resting", "blind"]
PLAUSIBLE_CELSIUS = (-40.0, 60.0)
"""What a room can be; what lies outside is a broken sensor."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    source: str | None = None
    """The device whose temperature it goes by; nothing: what its own hardware measures."""
    target_celsius: Celsius = 20.0
    """The usual temperature."""
    hysteresis_celsius: Annotated[float, Meta(ge=0.1, le=5)] = 0.5
    """It goes on this far below the temperature it keeps, and off when that is reached."""
    frost_celsius: Annotated[float, Meta(ge=3, le=15)] | None = 6.0
    """What it keeps when it is off, so that no pipe bursts; nothing: it does not."""
    blind_seconds: Seconds = field(name="blind_after", default=Seconds(60))
    """How long it may heat without a temperature."""
    rest_seconds: Seconds = field(name="rest", default=Seconds(600))
    """How long it rests after `max_on`, or after a hand has switched it off."""
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(4 * 3600))
    """It never heats longer than this without a rest, whatever happens."""

    def __post_init__(self) -> None:
        """Refuse what protects from no frost, or takes no time."""
        if self.frost_celsius is not None and self.frost_celsius > self.target_celsius:
            raise ValueError("frost_celsius must not be above target_celsius")
        if min(self.max_on_seconds, self.rest_seconds, self.blind_seconds) <= 0:
            raise ValueError("max_on, rest and blind_after must be longer than 0s")


class Memory(Struct, frozen=True):
    """What it remembers."""

    enabled: bool = False
    """Whether it keeps its temperature; otherwise it only keeps the frost away."""
    target_celsius: float | None = None
    """The temperature it was told to keep, where that is not the usual one."""
    heating: bool = False
    heated: float | None = None
    """Since when it heats, or may not heat again before its rest."""
    rests: float | None = None
    """Until when it rests."""
    temperature_celsius: float | None = None
    blind: float | None = None
    """Since when it knows no temperature."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it heats."""
    phase: Phase
    """"idle" is warm enough, "frost" is heating although off, "blind" is without a temperature."""
    enabled: bool
    """Whether it keeps its temperature; otherwise it only keeps the frost away."""
    target_celsius: float
    """What it keeps when it is on."""
    temperature_celsius: float | None
    starts: int
    """How often it has begun to heat in its life."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Keep the temperature."""


class Off(Struct, frozen=True):
    """Keep nothing but the frost away."""


class Set(Struct, frozen=True):
    """Keep this temperature from now on."""

    celsius: Celsius


class Heater(Machine[Options, Memory]):
    """A heater with a thermostat: keeps a room at a temperature that another device measures."""

    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (On, Off, Set)

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:
        """Listen to the one that measures."""
        return {options.source: "temperature_celsius"} if options.source else {}

    def handle_command(self, memory: Memory, command: On | Off | Set, now: float) -> Memory:
        """Keep another temperature, or none; a rest is not cut short by it."""
        if isinstance(command, Set):
            memory = replace(memory, target_celsius=command.celsius)
        return self._decide(replace(memory, enabled=not isinstance(command, Off)), now)

    def advance(self, memory: Memory, now: float) -> Memory:
        """Stop when it has heated long enough, or blindly for too long; only a temperature starts it."""
        due = self.next_deadline(memory)
        if due is None or now < due:
            return memory
        if not memory.heating:
            return replace(memory, rests=None)
        blindly = memory.blind is not None and due == memory.blind + self.options.blind_seconds
        return (
            self._stop(memory)
            if blindly
            else self.advance(self._stop(memory, due + self.options.rest_seconds), now)
        )

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand: off is a rest; on is to keep the temperature from now on."""
        if not reading.on:
            return self._stop(memory, now + self.options.rest_seconds)
        return memory if memory.heating else self._start(replace(memory, enabled=True, rests=None), now)

    def update_measurements(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Take its own temperature, where no other device tells it."""
        if self.options.source is not None:
            return memory
        return self._feel(memory, reading.temperature_celsius if reading.reachable else None, now)

    def update_sources(
        self, memory: Memory, heard: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> Memory:
        """Take the temperature that its source tells."""
        if self.options.source is None or self.options.source not in heard:
            return memory  # it may still speak up
        state = heard[self.options.source]
        told = state.get("temperature_celsius") if state else None
        return self._feel(memory, told if isinstance(told, int | float) else None, now)

    def next_deadline(self, memory: Memory) -> float | None:
        """Wait for the end of heating, of heating blindly, or of the rest."""
        if not memory.heating:
            return memory.rests
        ends = [(memory.heated or 0.0) + self.options.max_on_seconds]
        if memory.blind is not None:
            ends.append(memory.blind + self.options.blind_seconds)
        return min(ends)

    def desired_setting(self, memory: Memory) -> Setting:
        """Be on while heating."""
        return Setting(memory.heating)

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show what it keeps, and how warm it is."""
        is_blind = memory.temperature_celsius is None and memory.blind is not None
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
        """Draw the same all the time."""
        return ((1.0, 1500.0),)

    def _phase(self, memory: Memory, is_blind: bool) -> Phase:
        if memory.heating:
            return "heating" if memory.enabled else "frost"
        if memory.rests is not None:
            return "resting"
        if is_blind:
            return "blind"
        return "idle" if memory.enabled else "off"

    def _target(self, memory: Memory) -> float:
        return self.options.target_celsius if memory.target_celsius is None else memory.target_celsius

    def _feel(self, memory: Memory, told: float | None, now: float) -> Memory:
        """Know the temperature, to the tenth of a degree, or since when there is none."""
        low, high = PLAUSIBLE_CELSIUS
        if told is None or not low <= told <= high:
            blind = now if memory.blind is None else memory.blind
            return self.advance(replace(memory, temperature_celsius=None, blind=blind), now)
        return self._decide(replace(memory, temperature_celsius=round(told, 1), blind=None), now)

    def _decide(self, memory: Memory, now: float) -> Memory:
        """Heat, or not, by what is known at this moment."""
        memory = self.advance(memory, now)
        if memory.rests is not None:
            return memory
        kept = self._target(memory) if memory.enabled else self.options.frost_celsius
        warm = memory.temperature_celsius
        if warm is None:
            return memory
        if memory.heating:
            return self._stop(memory) if kept is None or warm >= kept else memory
        cold = kept is not None and warm <= kept - self.options.hysteresis_celsius
        return self._start(memory, now) if cold else memory

    def _start(self, memory: Memory, now: float) -> Memory:
        return replace(memory, heating=True, heated=now, starts=memory.starts + 1)

    def _stop(self, memory: Memory, rests: float | None = None) -> Memory:
        return replace(memory, heating=False, heated=None, rests=rests)
