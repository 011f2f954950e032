"""A button: single, double and long presses, for rules to act on.

A press is a moment: the phase turns to what it was and at once back to "idle". It switches nothing
by itself, so it can do no harm by itself.
"""

from typing import Literal

from msgspec import Struct

from daemons.kinds import Ability, Load, Machine, Reading, Setting, Touch


class Options(Struct, frozen=True):
    """There is nothing to set."""


class Memory(Struct, frozen=True):
    """What it remembers."""

    phase: Literal["idle", "single", "double", "long"] = "idle"
    until: float | None = None
    """When the phase is over: as soon as it has been told."""
    last: Touch | None = None
    presses: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool = False
    """A button is never on."""
    phase: Literal["idle", "single", "double", "long"]
    """What it is pressed as; "idle" again at once."""
    last: Touch | None
    """How it was pressed last."""
    presses: int
    """How often it has been pressed in its life."""
    battery_percent: int | None = None
    power_watts: float | None = None
    fault: str | None = None


class Single(Struct, frozen=True):
    """Press it once."""


class Double(Struct, frozen=True):
    """Press it twice, quickly."""


class Long(Struct, frozen=True):
    """Press it and hold it."""


TOUCH: dict[type[Struct], Touch] = {Single: "single", Double: "double", Long: "long"}


class Button(Machine[Options, Memory]):
    """A button: single, double and long presses, for rules to act on."""

    drives = False
    needs = frozenset[Ability]({"press"})
    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (Single, Double, Long)

    def handle_command(self, memory: Memory, command: Single | Double | Long, now: float) -> Memory:
        """Be pressed, as by a hand."""
        return self.press(memory, TOUCH[type(command)], now)

    def press(self, memory: Memory, what: Touch, now: float) -> Memory:
        """Turn to what the press is."""
        return Memory(what, now, what, memory.presses + 1)

    def advance(self, memory: Memory, now: float) -> Memory:
        """Be idle again."""
        over = memory.until is not None and now >= memory.until
        return Memory(last=memory.last, presses=memory.presses) if over else memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Have nothing that could be on."""
        return memory

    def next_deadline(self, memory: Memory) -> float | None:
        """Be idle again at once."""
        return memory.until

    def desired_setting(self, memory: Memory) -> Setting:
        """Want nothing."""
        return Setting(on=False)

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show how it was pressed."""
        return State(
            phase=memory.phase,
            last=memory.last,
            presses=memory.presses,
            battery_percent=reading.battery_percent,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw nothing."""
        return ((1.0, 0.0),)
