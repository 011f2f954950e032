"""A lamp that can be dimmed, and that rules can turn on and off.

It stays as it was left, through every restart, and follows the hand that switches or dims it.
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from daemons.kinds import Load, Machine, Reading, Setting

Percent = Annotated[int, Meta(ge=1, le=100)]
Kelvin = Annotated[int, Meta(ge=1000, le=10_000)]


class Options(Struct, frozen=True):
    """What can be set."""

    brightness_percent: Percent = 100
    """How bright it goes on when nothing else is said."""
    colour_temperature_kelvin: Kelvin | None = None
    """How warm its white is when nothing else is said; nothing: as the lamp has it."""
    lamp_watts: Annotated[float, Meta(ge=0, le=10_000)] = 7.0
    """What it draws at full brightness."""


class Memory(Struct, frozen=True):
    """What it remembers."""

    on: bool = False
    brightness_percent: int = 100
    starts: int = 0
    colour_temperature_kelvin: int | None = None


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it is on."""
    phase: str
    """"on" or "off"."""
    brightness_percent: int
    """How bright it is when on, or was when it last was."""
    colour_temperature_kelvin: int | None
    """How warm its white is: 2700 is warm, 6500 is cold; nothing where that is neither set nor told."""
    starts: int
    """How often it has gone on in its life."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Turn it on, as bright and as warm as told, or as usual."""

    brightness_percent: Percent | None = None
    colour_temperature_kelvin: Kelvin | None = None


class Off(Struct, frozen=True):
    """Turn it off."""


class Toggle(Struct, frozen=True):
    """Turn it on if it is off, and off if it is on."""


class Lamp(Machine[Options, Memory]):
    """A lamp that can be dimmed, and that rules can turn on and off."""

    lights = True
    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (On, Off, Toggle)

    def handle_command(self, memory: Memory, command: On | Off | Toggle, now: float) -> Memory:
        """Switch or dim."""
        if isinstance(command, Off) or (isinstance(command, Toggle) and memory.on):
            return replace(memory, on=False)
        asked = command if isinstance(command, On) else On()
        return self._on(
            memory,
            asked.brightness_percent or self.options.brightness_percent,
            asked.colour_temperature_kelvin or self.options.colour_temperature_kelvin,
        )

    def advance(self, memory: Memory, now: float) -> Memory:
        """Stay as it is."""
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand that switched or dimmed it."""
        if not reading.on:
            return replace(memory, on=False)
        bright = reading.brightness_percent or memory.brightness_percent
        return self._on(memory, bright, reading.colour_temperature_kelvin)

    def next_deadline(self, memory: Memory) -> None:
        """Wait for nothing."""

    def desired_setting(self, memory: Memory) -> Setting:
        """Have the light as it was switched."""
        if not memory.on:
            return Setting(on=False)
        return Setting(
            on=True,
            brightness_percent=memory.brightness_percent,
            colour_temperature_kelvin=memory.colour_temperature_kelvin,
        )

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show the light."""
        return State(
            status=memory.on,
            phase="on" if memory.on else "off",
            brightness_percent=memory.brightness_percent,
            colour_temperature_kelvin=memory.colour_temperature_kelvin or reading.colour_temperature_kelvin,
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw what the lamp draws."""
        return ((1.0, self.options.lamp_watts),)

    @staticmethod
    def _on(memory: Memory, brightness_percent: int, kelvin: int | None) -> Memory:
        kelvin = kelvin or memory.colour_temperature_kelvin
        return Memory(True, max(1, brightness_percent), memory.starts + (not memory.on), kelvin)
