"""What an appliance is. One file a kind, and its file name is its word in the configuration.

A kind has three frozen values: Options (what a person sets), Memory (what must outlive a
crash) and State (what it shows). A Machine decides: each method takes the memory and what
happened, and gives the new memory; what the hardware shall do, what is shown and when to look
again follow from the memory alone. So a machine has no I/O and no clock of its own, and being
restored after a crash is nothing special. The first line of the file is its entry in
`house kinds`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

from msgspec import Struct, structs

from daemons.bus.message import Scalar

Load = tuple[float, float]
"""A stretch of an appliance's work once it is switched on: its seconds, and the watts it draws."""
Ability = Literal["switch", "dim", "tint", "move", "press", "sense"]
"""What a driver can: switch something on and off, dim it, change the colour temperature of its
white, move it both ways, tell presses of a button, tell measurements."""
ABILITIES: tuple[Ability, ...] = get_args(Ability)
Touch = Literal["single", "double", "long"]
"""How a button is pressed."""
TOUCHES: tuple[Touch, ...] = get_args(Touch)
Direction = Literal["open", "close"]

BRIGHTNESS_TOLERANCE_PERCENT = 1
"""Bulbs count in 254 steps, so what comes back is not always what was asked."""
COLOUR_TOLERANCE = 0.05
"""A share of the colour temperature: bulbs count in mireds, and round."""


class Setting(Struct, frozen=True):
    """What the hardware shall do."""

    on: bool
    brightness_percent: int | None = None
    """How bright, for what can be dimmed; nothing for what cannot."""
    colour_temperature_kelvin: int | None = None
    """How warm its white is, for what can change it."""
    direction: Direction | None = None
    """Which way to move while it is on, for what moves."""
    off_after_seconds: float | None = None
    """A dead-man's switch: the hardware goes off by itself after this long. Nothing: it stays."""

    def is_met_by(self, reading: "Reading") -> bool:
        """Tell whether the hardware is as asked; what it does not tell counts as done."""
        if reading.on is not self.on:
            return False
        if not self.on:
            return True
        bright, kelvin = reading.brightness_percent, reading.colour_temperature_kelvin
        return (
            self.direction in (None, reading.direction or self.direction)
            and (
                self.brightness_percent is None
                or bright is None
                or abs(self.brightness_percent - bright) <= BRIGHTNESS_TOLERANCE_PERCENT
            )
            and (
                self.colour_temperature_kelvin is None
                or kelvin is None
                or abs(kelvin / self.colour_temperature_kelvin - 1) <= COLOUR_TOLERANCE
            )
        )


class Press(Struct, frozen=True):
    """A hand at a button of the hardware."""

    what: Touch
    id: str
    """The cause of all that follows from it."""


class Reading(Struct, frozen=True, kw_only=True):
    """What the hardware does, as it says itself; nothing stands for what it does not say."""

    on: bool | None = None
    """Whether it is on; of what detects, whether it detects. Nothing: it is not known."""
    power_watts: float | None = None
    energy_watt_hours: float | None = None
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    direction: Direction | None = None
    """Which way it moves."""
    position_percent: int | None = None
    """How far open it is: 0 is closed, 100 is open."""
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: int | None = None
    cause: str | None = None
    """What switched it last, if the driver can tell; nothing for a hand at the appliance."""
    fault: str | None = None
    """What the hardware, or the way to it, complains of."""
    reachable: bool | None = True
    """Whether it answers; nothing while that is being found out."""
    losses: int = 0
    """How often it was lost so far: it may have been away between two readings."""
    at: float | None = None
    """When the hardware last said anything, in the device's steady seconds."""
    presses: tuple[Press, ...] = ()
    """The hands at its button since the last reading."""


O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options, M for Memory
M = TypeVar("M", bound=Struct)


class Link(Struct, frozen=True, kw_only=True):
    """What every device with hardware shows of the way to it, beside its kind's own State."""

    confirmed: bool
    """Whether the hardware, in this life of the process, was seen to be as shown."""
    reachable: bool
    """Whether the hardware answers."""
    unreachable_since: float | None
    """Since when (Unix seconds) it does not."""


class Kind(ABC):
    """Anything that can stand as `kind` in the configuration."""

    role: ClassVar[str] = "device"
    """The file in daemons/ that runs it."""
    options_type: ClassVar[type[Struct]]
    state_type: ClassVar[type[Struct]]
    makes: ClassVar[str | None] = None
    """What it has ready in the end, in a word, for the mirror's sentence."""
    lights: ClassVar[bool] = False
    """Whether what it switches on and off is a light, for those who tell lights from other things."""
    commands: ClassVar[tuple[type[Struct], ...]] = ()
    """Its commands: the class's name in lower case is the word, its fields are the arguments."""

    @classmethod
    @cache  # msgspec reads the annotations anew each time, and prefork does it once for all devices
    def fields(cls) -> dict[str, Any]:
        """Give the type of each field that such a device shows."""
        return {field.encode_name: field.type for field in structs.fields(cls.state_type)}

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Name the fields of the state that only measure: always changing, and nothing to turn to."""
        return frozenset(name for name, type_ in cls.fields().items() if type_ in (float, float | None))

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:  # noqa: ARG003  most listen to nobody
        """Name the devices that one with these options listens to, each with the field that it needs."""
        return {}

    @classmethod
    def detects(cls, options: Any) -> str | None:  # noqa: ARG003  most detect nothing
        """Say in a word what `status` detects, such as "motion"; nothing: it says what the device does."""
        return None


class Machine(Kind, Generic[O, M]):
    """A kind that drives hardware: a pure state machine."""

    drives: ClassVar[bool] = True
    """Whether it switches something; what only tells (a button, a sensor) does not."""
    needs: ClassVar[frozenset[Ability]] = frozenset({"switch"})
    """What its driver must be able to do; one of these is enough."""
    memory_type: ClassVar[type[Struct]]

    def __init__(self, options: O, speed: float = 1.0) -> None:
        """`speed` is how many times faster than usual the hardware works (a simulated one can)."""
        self.options = options
        self.speed = speed

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Count `confirmed` among what changes all the time: it is no turn that anybody acts on."""
        return super().measurements() | {"confirmed"}

    @property
    def heats(self) -> bool:
        """Whether it can burn the house down: what has `max_on_seconds` is never on for longer."""
        return getattr(self.options, "max_on_seconds", None) is not None

    @classmethod
    @cache
    def fields(cls) -> dict[str, Any]:
        """Give the type of each field that such a device shows, those of its Link too."""
        return super().fields() | {field.encode_name: field.type for field in structs.fields(Link)}

    @abstractmethod
    def handle_command(self, memory: M, command: Any, now: float) -> M:
        """Do as told by one of `commands`, or raise Rejected with the reason."""

    @abstractmethod
    def advance(self, memory: M, now: float) -> M:
        """Let time pass: called at `next_deadline`, and harmless at any other moment."""

    @abstractmethod
    def adopt(self, memory: M, reading: Reading, now: float) -> M:
        """Take it as it is: the hardware was switched by something else, or does not follow.

        Here `reading.on` is always true or false.
        """

    def update_measurements(self, memory: M, reading: Reading, now: float) -> M:
        """Take note of what is measured; called with every reading, before all else."""
        return memory

    def press(self, memory: M, what: Touch, now: float) -> M:
        """Take a hand at the hardware's own button."""
        return memory

    def update_sources(self, memory: M, heard: Mapping[str, Mapping[str, Scalar] | None], now: float) -> M:
        """Take note of the devices it listens to: what each shows, nothing for one that is silent.

        One that was not heard yet, and may still be, is not among them.
        """
        return memory

    @abstractmethod
    def next_deadline(self, memory: M) -> float | None:
        """Say when time makes a difference next."""

    @abstractmethod
    def desired_setting(self, memory: M) -> Setting:
        """Say what the hardware shall do."""

    @abstractmethod
    def state(self, memory: M, reading: Reading, now: float) -> Struct:
        """Give the State."""

    @abstractmethod
    def power_profile(self) -> tuple[Load, ...]:
        """Say what such an appliance draws over time, once on; the last stretch lasts."""
