"""A flag: a value that is on or off, for people and rules to set, and for rules to ask.

It has no hardware. It keeps its value over every restart.
"""

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import PrimaryCommand, Reading, Result, Virtual


class Options(Struct, frozen=True):
    """The options of a flag."""

    initial: bool = False
    """Whether a new flag is on."""


class FlagMemory(Struct, frozen=True):
    """The memory of a flag."""

    on: bool | None = None
    """Whether it is on; None until it is set for the first time."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a flag."""

    status: bool
    """Whether it is on."""
    phase: str
    """"on" or "off"."""
    fault: str | None = None


class On(Struct, frozen=True):
    """Set it to on."""


class Off(Struct, frozen=True):
    """Set it to off."""


class Toggle(Struct, frozen=True):
    """Set it to on if it is off, and to off if it is on."""


class Flag(Virtual[Options, FlagMemory]):
    """A flag: a value that is on or off, for people and rules to set, and for rules to ask."""

    options_type = Options
    memory_type = FlagMemory
    state_type = State
    commands = (On, Off, Toggle)
    off_commands = ()
    primary_commands = (
        PrimaryCommand("off", "Turn off", when={"status": (True,)}),
        PrimaryCommand("on", "Turn on"),
    )
    resting_phases = ("off", "on")
    results = (Result("off", {"status": False}), Result("on", {"status": True}))
    entity_class = "switch"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return ({"phase": "on", "status": True}, {"phase": "off", "status": False})

    def handle_command(self, memory: FlagMemory, command: On | Off | Toggle, now: float) -> FlagMemory:
        """Set the value."""
        is_on = not self._is_on(memory) if isinstance(command, Toggle) else isinstance(command, On)
        return replace(memory, on=is_on)

    def advance(self, memory: FlagMemory, now: float) -> FlagMemory:
        """Change nothing: time makes no difference."""
        return memory

    def next_deadline(self, memory: FlagMemory) -> None:
        """Return None: time makes no difference."""

    def state(self, memory: FlagMemory, reading: Reading, now: float) -> State:
        """Return the value."""
        is_on = self._is_on(memory)
        return State(status=is_on, phase="on" if is_on else "off", fault=reading.fault)

    def _is_on(self, memory: FlagMemory) -> bool:
        return self.options.initial if memory.on is None else memory.on
