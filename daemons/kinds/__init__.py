"""What an appliance is. One file a kind, and its file name is its word in the configuration.

A kind has three frozen values: Options (what a person sets), Memory (what must outlive a
crash) and State (what it shows). A Machine decides: each method takes the memory and what
happened, and gives the new memory; what the hardware shall do, what is shown and when to look
again follow from the memory alone. So a machine has no I/O and no clock of its own, and being
restored after a crash is nothing special. The first line of the file is its entry in
`house kinds`.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct, structs

from daemons.hardware import Load, Reading, Setting

O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options, M for Memory
M = TypeVar("M", bound=Struct)


class Kind(ABC):
    """Anything that can stand as `kind` in the configuration."""

    role: ClassVar[str] = "device"
    """The file in daemons/ that runs it."""
    options_type: ClassVar[type[Struct]]
    state_type: ClassVar[type[Struct]]
    makes: ClassVar[str | None] = None
    """What it has ready in the end, in a word, for the mirror's sentence."""
    commands: ClassVar[tuple[type[Struct], ...]] = ()
    """Its commands: the class's name in lower case is the word, its fields are the arguments."""

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Name the fields of the state that only measure: always changing, and nothing for a rule."""
        fields = structs.fields(cls.state_type)
        return frozenset(f.encode_name for f in fields if f.type in (float, float | None))


class Machine(Kind, Generic[O, M]):
    """A kind that drives hardware: a pure state machine."""

    heats: ClassVar[bool] = False
    """Whether it can burn the house down; then its options have `max_on_seconds`."""
    memory_type: ClassVar[type[Struct]]

    def __init__(self, options: O, pace: float = 1.0) -> None:
        """`pace` is how many times faster than usual the hardware works (a simulated one can)."""
        self.options = options
        self.pace = pace

    @abstractmethod
    def obey(self, memory: M, command: Any, now: float) -> M:
        """Do as told by one of `commands`, or raise Rejected with the reason."""

    @abstractmethod
    def elapse(self, memory: M, now: float) -> M:
        """Let time pass: called at `due`, and harmless at any other moment."""

    @abstractmethod
    def observe(self, memory: M, reading: Reading, now: float) -> M:
        """Take it as it is: the hardware was switched by something else, or does not follow."""

    @abstractmethod
    def due(self, memory: M) -> float | None:
        """Say when time makes a difference next."""

    @abstractmethod
    def wants(self, memory: M) -> Setting:
        """Say what the hardware shall do."""

    @abstractmethod
    def shows(self, memory: M, reading: Reading, now: float) -> Struct:
        """Give the State."""

    @abstractmethod
    def loads(self) -> tuple[Load, ...]:
        """Say what such an appliance draws over time, once on; the last stretch lasts."""
