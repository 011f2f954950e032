"""A wall switch with its light: a press turns it on or off, and the house hears it."""

from typing import Annotated

from msgspec import Meta, Struct

from daemons.kinds import Load, Machine, Reading, Setting, Touch


class Options(Struct, frozen=True):
    """What can be set."""

    light_watts: Annotated[float, Meta(ge=0, le=10_000)] = 9.0


class Memory(Struct, frozen=True):
    """What it remembers."""

    on: bool = False
    presses: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether the light is on."""
    phase: str
    """"on" or "off"."""
    presses: int
    """How often it has been switched in its life."""
    power_watts: float | None
    fault: str | None = None


class Press(Struct, frozen=True):
    """Turn the light on if it is off, and off if it is on."""


class On(Struct, frozen=True):
    """Turn the light on."""


class Off(Struct, frozen=True):
    """Turn the light off."""


class LightSwitch(Machine[Options, Memory]):
    """A wall switch with its light: a press turns it on or off, and the house hears it."""

    lights = True
    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (Press, On, Off)

    def handle_command(self, memory: Memory, command: Press | On | Off, now: float) -> Memory:
        """Switch; a light that already is as told stays as it is."""
        on = not memory.on if isinstance(command, Press) else isinstance(command, On)
        return memory if on == memory.on else Memory(on, memory.presses + 1)

    def advance(self, memory: Memory, now: float) -> Memory:
        """Stay as it is."""
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Count a hand at the switch itself as a press."""
        return memory if reading.on == memory.on else Memory(bool(reading.on), memory.presses + 1)

    def press(self, memory: Memory, what: Touch, now: float) -> Memory:
        """Switch for a single press of a button in the wall; the others are free for something else."""
        return Memory(not memory.on, memory.presses + 1) if what == "single" else memory

    def next_deadline(self, memory: Memory) -> None:
        """Wait for nothing."""

    def desired_setting(self, memory: Memory) -> Setting:
        """Have the light as it was switched."""
        return Setting(memory.on)

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show the light."""
        return State(
            status=memory.on,
            phase="on" if memory.on else "off",
            presses=memory.presses,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw what the light draws."""
        return ((1.0, self.options.light_watts),)
