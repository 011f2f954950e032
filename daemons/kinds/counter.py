"""A counter that people and rules count with, such as the coffees of a day.

It has no hardware. It keeps its count over every restart.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import Control, PrimaryCommand, Reading, Result, Virtual

Number = Annotated[int, Meta(ge=-999_999, le=999_999)]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a counter."""

    lowest: Number = field(name="min", default=0)
    """The lowest count."""
    highest: Number = field(name="max", default=999_999)
    """The highest count."""
    step: Annotated[int, Meta(ge=1, le=999_999)] = 1
    """How far `increment` and `decrement` count."""
    initial: Number | None = None
    """The count of a new counter, and after `reset`. By default 0, or the limit next to it."""

    def __post_init__(self) -> None:
        """Raise ValueError if the limits contradict each other."""
        if self.lowest >= self.highest:
            raise ValueError("min must be below max")
        if self.initial is not None and not self.lowest <= self.initial <= self.highest:
            raise ValueError("initial must be from min to max")


class CounterMemory(Struct, frozen=True):
    """The memory of a counter."""

    count: int | None = None
    """Its count; None until it counts for the first time."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a counter."""

    status: bool = False
    """A counter is never on."""
    phase: Literal["counting", "full"]
    """`full` at the highest count."""
    count: int
    fault: str | None = None


class Increment(Struct, frozen=True):
    """Count up by a step, at most to the highest count."""


class Decrement(Struct, frozen=True):
    """Count down by a step, at most to the lowest count."""


class Reset(Struct, frozen=True):
    """Go back to the initial count."""


class Set(Struct, frozen=True):
    """Set the count."""

    count: Number


class Counter(Virtual[Options, CounterMemory]):
    """A counter that people and rules count with, such as the coffees of a day."""

    options_type = Options
    memory_type = CounterMemory
    state_type = State
    commands = (Increment, Decrement, Reset, Set)
    off_commands = ()
    primary_commands = (PrimaryCommand("increment", "+1"),)
    secondary_commands = (PrimaryCommand("reset", "Reset"),)
    resting_phases = ("counting", "full")
    results = (Result("set", {}, {"count": "count"}),)
    entity_class = "number"

    @classmethod
    def control(cls, options: Options) -> Control:
        """Return the input of the count."""
        return Control(
            command="set",
            argument="count",
            field="count",
            label="Count",
            takes="number",
            lowest=options.lowest,
            highest=options.highest,
        )

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return ({"phase": "counting", "status": False}, {"phase": "full", "status": False})

    def handle_command(
        self, memory: CounterMemory, command: Increment | Decrement | Reset | Set, now: float
    ) -> CounterMemory:
        """Count; raise Rejected at a limit."""
        if isinstance(command, Reset):
            return CounterMemory(self._initial())
        if isinstance(command, Set):
            if reason := self.control(self.options).refusal(command.count):
                raise Rejected(reason)
            return CounterMemory(command.count)
        options, old = self.options, self._count(memory)
        step = options.step if isinstance(command, Increment) else -options.step
        new = self._within_limits(old + step)
        if new == old:
            end = "highest" if step > 0 else "lowest"
            raise Rejected(f"it is {end} already: {old}", end, value=old)
        return CounterMemory(new)

    def advance(self, memory: CounterMemory, now: float) -> CounterMemory:
        """Change nothing: time makes no difference."""
        return memory

    def next_deadline(self, memory: CounterMemory) -> None:
        """Return None: time makes no difference."""

    def state(self, memory: CounterMemory, reading: Reading, now: float) -> State:
        """Return the count."""
        count = self._count(memory)
        phase: Literal["counting", "full"] = "full" if count == self.options.highest else "counting"
        return State(phase=phase, count=count, fault=reading.fault)

    def _initial(self) -> int:
        return self._within_limits(0 if self.options.initial is None else self.options.initial)

    def _count(self, memory: CounterMemory) -> int:
        """Return the count, within the limits: the configuration may have new ones."""
        return self._initial() if memory.count is None else self._within_limits(memory.count)

    def _within_limits(self, count: int) -> int:
        return min(max(count, self.options.lowest), self.options.highest)
