"""A mode: one of a few words, such as home, away and night, for people and rules to set.

It has no hardware. Its phase is the word, and stays over every restart.
"""

from typing import Annotated

from msgspec import Meta, Struct

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import Control, PrimaryCommand, Reading, Result, Virtual
from daemons.values import format_toml, suggest

Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
"""A value: up to 40 lower-case letters, digits and _, a letter first."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a mode."""

    values: Annotated[tuple[Word, ...], Meta(min_length=2, max_length=20)] = ("home", "away")
    """Its values, from 2 to 20: words of lower-case letters, digits and `_`, in the order of `next`."""
    initial: str | None = None
    """The value of a new mode. By default, the first one."""

    def __post_init__(self) -> None:
        """Raise ValueError if a value stands there twice, or if the initial one is none of them."""
        if len(set(self.values)) < len(self.values):
            raise ValueError("values has the same word twice")
        if self.initial is not None and self.initial not in self.values:
            text = f"initial {format_toml(self.initial)} is none of the values"
            raise ValueError(f"{text}; {suggest(self.initial, self.values)}")


class ModeMemory(Struct, frozen=True):
    """The memory of a mode."""

    value: str | None = None
    """Its value; None until it is set for the first time."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a mode."""

    status: bool = False
    """A mode is never on."""
    phase: str
    """Its value."""
    fault: str | None = None


class Set(Struct, frozen=True):
    """Set the value."""

    value: str


class Next(Struct, frozen=True):
    """Set the next value; after the last comes the first."""


class Mode(Virtual[Options, ModeMemory]):
    """A mode: one of a few words, such as home, away and night, for people and rules to set."""

    options_type = Options
    memory_type = ModeMemory
    state_type = State
    commands = (Set, Next)
    off_commands = ()
    primary_commands = (PrimaryCommand("next", "Next"),)
    results = (Result("set", {}, {"value": "phase"}),)
    entity_class = "select"

    @classmethod
    def control(cls, options: Options) -> Control:
        """Return the choice of a value."""
        return Control(
            command="set",
            argument="value",
            field="phase",
            label="Mode",
            takes="choice",
            choices=options.values,
        )

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return its values."""
        return tuple({"phase": value, "status": False} for value in options.values)

    def handle_command(self, memory: ModeMemory, command: Set | Next, now: float) -> ModeMemory:
        """Set the value."""
        values = self.options.values
        if isinstance(command, Next):
            return ModeMemory(values[(values.index(self._value(memory)) + 1) % len(values)])
        if reason := self.control(self.options).refusal(command.value):
            raise Rejected(reason)
        return ModeMemory(command.value)

    def advance(self, memory: ModeMemory, now: float) -> ModeMemory:
        """Change nothing: time makes no difference."""
        return memory

    def next_deadline(self, memory: ModeMemory) -> None:
        """Return None: time makes no difference."""

    def state(self, memory: ModeMemory, reading: Reading, now: float) -> State:
        """Return the value."""
        return State(phase=self._value(memory), fault=reading.fault)

    def _value(self, memory: ModeMemory) -> str:
        """Return the value; the initial one if the configuration no longer has the value that was set."""
        initial = self.options.initial or self.options.values[0]
        return memory.value if memory.value in self.options.values and memory.value else initial
