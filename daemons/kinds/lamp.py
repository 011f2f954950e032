"""A lamp that can be dimmed, and that rules can turn on and off."""

from typing import Annotated

from msgspec import Meta, Struct

from daemons.hardware import Load, Reading, Setting
from daemons.kinds import Machine

Percent = Annotated[int, Meta(ge=1, le=100)]


class Options(Struct, frozen=True):
    """What can be set."""

    brightness_percent: Percent = 100
    """How bright it goes on when nothing else is said."""
    lamp_watts: Annotated[float, Meta(ge=0, le=10_000)] = 7.0
    """What it draws at full brightness."""


class Memory(Struct, frozen=True):
    """What it remembers."""

    on: bool = False
    brightness_percent: int = 100
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it is on."""
    phase: str
    """"on" or "off"."""
    brightness_percent: int
    """How bright it is when on, or was when it last was."""
    starts: int
    """How often it has gone on in its life."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Turn it on, as bright as told or as usual."""

    brightness_percent: Percent | None = None


class Off(Struct, frozen=True):
    """Turn it off."""


class Toggle(Struct, frozen=True):
    """Turn it on if it is off, and off if it is on."""


class Lamp(Machine[Options, Memory]):
    """A lamp that can be dimmed, and that rules can turn on and off."""

    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (On, Off, Toggle)

    def obey(self, memory: Memory, command: On | Off | Toggle, now: float) -> Memory:
        """Switch or dim."""
        if isinstance(command, Off) or (isinstance(command, Toggle) and memory.on):
            return Memory(on=False, brightness_percent=memory.brightness_percent, starts=memory.starts)
        asked = command.brightness_percent if isinstance(command, On) else None
        return self._on(memory, asked or self.options.brightness_percent)

    def elapse(self, memory: Memory, now: float) -> Memory:
        """Stay as it is."""
        return memory

    def observe(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand that switched it."""
        if reading.on:
            return self._on(memory, reading.brightness_percent or memory.brightness_percent)
        return Memory(on=False, brightness_percent=memory.brightness_percent, starts=memory.starts)

    def due(self, memory: Memory) -> None:
        """Wait for nothing."""

    def wants(self, memory: Memory) -> Setting:
        """Have the light as it was switched."""
        return Setting(memory.on, brightness_percent=memory.brightness_percent if memory.on else None)

    def shows(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show the light."""
        return State(
            status=memory.on,
            phase="on" if memory.on else "off",
            brightness_percent=memory.brightness_percent,
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def loads(self) -> tuple[Load, ...]:
        """Draw what the lamp draws."""
        return ((1.0, self.options.lamp_watts),)

    @staticmethod
    def _on(memory: Memory, brightness_percent: int) -> Memory:
        return Memory(True, brightness_percent, memory.starts + (not memory.on))
