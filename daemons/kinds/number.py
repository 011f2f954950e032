"""A number that people and rules set, such as the temperature that the house shall have.

It has no hardware. It keeps its value over every restart.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import Control, PrimaryCommand, Reading, Result, Virtual

DECIMALS = 6
"""A step leads to a value with so many decimals, so that ten steps of 0.1 are 1."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a number."""

    lowest: float = field(name="min", default=0.0)
    """The lowest value."""
    highest: float = field(name="max", default=100.0)
    """The highest value."""
    step: Annotated[float, Meta(gt=0)] = 1.0
    """The difference that `increase` and `decrease` make."""
    unit: Annotated[str, Meta(max_length=12)] = ""
    """The unit, for people, such as `"°C"`."""
    initial: float | None = None
    """The value of a new number. By default, `min`."""

    def __post_init__(self) -> None:
        """Raise ValueError if the limits contradict each other."""
        if self.lowest >= self.highest:
            raise ValueError("min must be below max")
        if self.step > self.highest - self.lowest:
            raise ValueError("step must not be greater than max - min")
        if self.initial is not None and not self.lowest <= self.initial <= self.highest:
            raise ValueError("initial must be from min to max")


class NumberMemory(Struct, frozen=True):
    """The memory of a number."""

    value: float | None = None
    """Its value; None until it is set for the first time."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a number."""

    status: bool = False
    """A number is never on."""
    phase: Literal["set"] = "set"
    """A number is always set."""
    value: float
    unit: str | None = None
    fault: str | None = None


class Set(Struct, frozen=True):
    """Set the value."""

    value: float


class Increase(Struct, frozen=True):
    """Add a step, at most up to the highest value."""


class Decrease(Struct, frozen=True):
    """Subtract a step, at most down to the lowest value."""


class Number(Virtual[Options, NumberMemory]):
    """A number that people and rules set, such as the temperature that the house shall have."""

    options_type = Options
    memory_type = NumberMemory
    state_type = State
    commands = (Set, Increase, Decrease)
    off_commands = ()
    primary_commands = (PrimaryCommand("increase", "+"),)
    secondary_commands = (PrimaryCommand("decrease", "−"),)
    resting_phases = ("set",)
    results = (Result("set", {}, {"value": "value"}),)
    entity_class = "number"

    @classmethod
    def control(cls, options: Options) -> Control:
        """Return the input of the value."""
        return Control(
            command="set",
            argument="value",
            field="value",
            label="Value",
            takes="number",
            lowest=options.lowest,
            highest=options.highest,
            step=options.step,
            unit=options.unit,
        )

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return that only its value changes."""
        return ({"phase": "set", "status": False, "unit": options.unit or None},)

    def handle_command(
        self, memory: NumberMemory, command: Set | Increase | Decrease, now: float
    ) -> NumberMemory:
        """Set the value; raise Rejected if it is beyond a limit."""
        if isinstance(command, Set):
            if reason := self.control(self.options).refusal(command.value):
                raise Rejected(reason)
            return NumberMemory(float(command.value))
        options, old = self.options, self._value(memory)
        step = options.step if isinstance(command, Increase) else -options.step
        new = self._within_limits(round(old + step, DECIMALS))
        if new == old:
            end = "highest" if step > 0 else "lowest"
            raise Rejected(f"it is {end} already: {old:g}", end, value=old)
        return NumberMemory(new)

    def advance(self, memory: NumberMemory, now: float) -> NumberMemory:
        """Change nothing: time makes no difference."""
        return memory

    def next_deadline(self, memory: NumberMemory) -> None:
        """Return None: time makes no difference."""

    def state(self, memory: NumberMemory, reading: Reading, now: float) -> State:
        """Return the value."""
        return State(value=self._value(memory), unit=self.options.unit or None, fault=reading.fault)

    def _value(self, memory: NumberMemory) -> float:
        """Return the value, within the limits: the configuration may have new ones."""
        initial = self.options.lowest if self.options.initial is None else self.options.initial
        return self._within_limits(initial if memory.value is None else memory.value)

    def _within_limits(self, value: float) -> float:
        return float(min(max(value, self.options.lowest), self.options.highest))
