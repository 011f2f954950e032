"""A button: single, double, triple and long presses, for rules to act on.

A press is a moment: the phase becomes the way it was pressed, and at once "idle" again. A button
switches nothing by itself.
"""

from typing import Literal

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.kinds import TOUCHES, Ability, Load, Machine, PrimaryCommand, Reading, Setting, Touch

Phase = Literal["idle", "single", "double", "triple", "long", "hold", "release"]


class Options(Struct, frozen=True):
    """A button has no options."""


class ButtonMemory(Struct, frozen=True):
    """The memory of a button."""

    phase: Phase = "idle"
    until: float | None = None
    """When the phase ends: as soon as it is published. None while idle."""
    last: Touch | None = None
    presses: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a button."""

    status: bool = False
    """A button is never on."""
    phase: Phase
    """The way it is pressed; at once "idle" again."""
    last: Touch | None
    """The way it was pressed last; None before the first press."""
    presses: int
    """How often it has been pressed in its life."""
    battery_percent: int | None = None
    power_watts: float | None = None
    fault: str | None = None


class Single(Struct, frozen=True):
    """Press the button once."""


class Double(Struct, frozen=True):
    """Press the button twice, quickly."""


class Triple(Struct, frozen=True):
    """Press the button three times, quickly."""


class Long(Struct, frozen=True):
    """Press the button and hold it."""


class Hold(Struct, frozen=True):
    """Go on holding the button."""


class Release(Struct, frozen=True):
    """Release the button after a long press."""


Command = Single | Double | Triple | Long | Hold | Release
TOUCH_OF_COMMAND: dict[type[Struct], Touch] = {
    Single: "single",
    Double: "double",
    Triple: "triple",
    Long: "long",
    Hold: "hold",
    Release: "release",
}


class Button(Machine[Options, ButtonMemory]):
    """A button: single, double, triple and long presses, for rules to act on."""

    drives = False
    needs = frozenset[Ability]({"press"})
    options_type = Options
    memory_type = ButtonMemory
    state_type = State
    commands = (Single, Double, Triple, Long, Hold, Release)
    primary_commands = (PrimaryCommand("single", "Press"),)
    buttons = (
        PrimaryCommand("single", "Press"),
        PrimaryCommand("double", "Double"),
        PrimaryCommand("long", "Long"),
    )
    momentary_phases = TOUCHES
    entity_class = "event"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return that a button is never on, and draws no power that it knows."""
        always: dict[str, Scalar] = {"status": False, "power_watts": None}
        return (
            {"phase": "idle", **always},
            *({"phase": touch, "last": touch, **always} for touch in TOUCHES),
        )

    def handle_command(self, memory: ButtonMemory, command: Command, now: float) -> ButtonMemory:
        """Count the command as a press by hand."""
        return self.press(memory, TOUCH_OF_COMMAND[type(command)], now)

    def press(self, memory: ButtonMemory, touch: Touch, now: float) -> ButtonMemory:
        """Set the phase to the way of the press, and count it."""
        return ButtonMemory(touch, now, touch, memory.presses + 1)

    def advance(self, memory: ButtonMemory, now: float) -> ButtonMemory:
        """Return to idle when the press is over."""
        over = memory.until is not None and now >= memory.until
        return ButtonMemory(last=memory.last, presses=memory.presses) if over else memory

    def adopt(self, memory: ButtonMemory, reading: Reading, now: float) -> ButtonMemory:
        """Change nothing: a button is never on."""
        return memory

    def next_deadline(self, memory: ButtonMemory) -> float | None:
        """Return the moment of the press, so that the phase ends at once."""
        return memory.until

    def desired_setting(self, memory: ButtonMemory) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def state(self, memory: ButtonMemory, reading: Reading, now: float) -> State:
        """Return the phase, the last press and the count."""
        return State(
            phase=memory.phase,
            last=memory.last,
            presses=memory.presses,
            battery_percent=reading.battery_percent,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)
