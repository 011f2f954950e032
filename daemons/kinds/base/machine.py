"""The decisions of a kind that has hardware: a pure state machine."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct, structs

from daemons.bus.message import Scalar
from daemons.kinds.base.hardware import Ability, Load, Reading, Setting, Touch
from daemons.kinds.base.kind import DailyTime, Kind
from daemons.kinds.base.published import HARDWARE_FACTS, HardwareFacts, HardwareLink, HardwareMeter

O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options, M for Memory
M = TypeVar("M", bound=Struct)


class Machine(Kind, Generic[O, M]):
    """A kind with hardware: a pure state machine. Every `now` is in the device's steady seconds."""

    drives: ClassVar[bool] = True
    """Whether it switches anything; a button or a sensor only reports."""
    needs: ClassVar[frozenset[Ability]] = frozenset({"switch"})
    """The abilities of a driver; at least one of them is needed. A kind without hardware needs none."""
    memory_type: ClassVar[type[Struct]]
    keeps_trying: ClassVar[bool] = False
    """Whether a setting that lost hardware could not get is sent when it is back, however late that is."""
    zone: tzinfo = UTC
    """The timezone of the house."""

    def __init__(self, options: O, speed: float = 1.0) -> None:
        """Keep the options; `speed` is how many times faster than usual simulated hardware works."""
        self.options = options
        self.speed = speed

    @property
    def heats(self) -> bool:
        """Whether it can start a fire. A kind with `max_on_seconds` is never on for longer than that."""
        return getattr(self.options, "max_on_seconds", None) is not None

    @classmethod
    @cache
    def fields(cls) -> dict[str, Any]:
        """Return the type of each field of the published state, with those that the device adds."""
        own = super().fields()
        groups = (HardwareMeter, HardwareLink, HardwareFacts) if cls.needs else ()
        added = [f for group in groups for f in structs.fields(group)]
        return own | {f.encode_name: f.type for f in added if f.encode_name not in own}

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Return the fields that are measurements. `confirmed` is one of them, so no rule waits for it."""
        return super().measurements() | ({"confirmed"} | HARDWARE_FACTS if cls.needs else frozenset())

    @abstractmethod
    def handle_command(self, memory: M, command: Any, now: float) -> M:
        """Return the memory after one of the `commands`; raise Rejected with the reason for a refusal."""

    @abstractmethod
    def advance(self, memory: M, now: float) -> M:
        """Return the memory at `now`. Called at `next_deadline`; harmless at any other moment."""

    @abstractmethod
    def adopt(self, memory: M, reading: Reading, now: float) -> M:
        """Return the memory that fits the hardware, where `reading.on` is always true or false.

        Called after a manual switch, or when the hardware did not reach the desired setting.
        """

    def resume(self, memory: M, now: float) -> M:
        """Return the memory after a restart, in which all that was not seen meanwhile is unknown.

        Called once, before `advance`.
        """
        return memory

    def begin_again(self, memory: M, reading: Reading, now: float) -> M:
        """Return the memory after a start that waited until its hardware can be reached.

        Times that were counted from the start are counted from `now`. `reading` is the first one since. It is
        unknown whether the hardware was on meanwhile.
        """
        return memory

    def update_measurements(self, memory: M, reading: Reading, now: float) -> M:
        """Return the memory with the values of a reading. Called with every reading, before `adopt`."""
        return memory

    def press(self, memory: M, touch: Touch, now: float) -> M:
        """Return the memory after a press of the hardware's own button."""
        return memory

    def update_sources(self, memory: M, states: Mapping[str, Mapping[str, Scalar] | None], now: float) -> M:
        """Return the memory with the states of its `sources`. The state of a silent device is None.

        `states` leaves out a device that has sent nothing yet and is not late.
        """
        return memory

    def update_clock(self, memory: M, offset: float | None, now: float) -> M:
        """Return the memory with the wall clock less the steady clock, in seconds.

        Called often, also if nothing changed. `offset` is None until the wall clock is known to be right.
        """
        return memory

    def is_worth_writing(self, written: M, memory: M) -> bool:
        """Return whether a new memory is written to the journal; `written` is what was written last.

        A kill loses what was not written, so it must be possible to learn or to miss it again.
        """
        return True

    def before_stop(self, memory: M) -> M:
        """Return the memory to write at the end of the process: the latest one, worth writing or not."""
        return memory

    def update_timetable(self, memory: M, index: int, began_at: float, now: float) -> M:
        """Return the memory while an entry of its `timetable` is in force.

        Called again and again. `began_at` is the moment of the entry in Unix seconds: after a step of the
        wall clock, an earlier entry may be in force again. While the clock is not known to be right, this is
        not called.
        """
        return memory

    def daily_times(self, memory: M) -> tuple[DailyTime, ...]:
        """Return the times of day at which it sends itself a command. A kind with any has `uses_clock`."""
        return ()

    @abstractmethod
    def next_deadline(self, memory: M) -> float | None:
        """Return the next moment at which time makes a difference, or None."""

    @abstractmethod
    def desired_setting(self, memory: M) -> Setting:
        """Return the setting that the hardware shall have."""

    @abstractmethod
    def state(self, memory: M, reading: Reading, now: float) -> Struct:
        """Return the State. As time passes, only its measurements change without a new memory or reading."""

    @abstractmethod
    def power_profile(self) -> tuple[Load, ...]:
        """Return the power of such an appliance over time after it is switched on; the last phase lasts."""


class Virtual(Machine[O, M]):
    """A kind without hardware: a value that people and rules set, or that follows from other devices."""

    default_driver = "virtual"
    drives = False
    needs = frozenset()

    def adopt(self, memory: M, reading: Reading, now: float) -> M:
        """Change nothing: there is no hardware."""
        return memory

    def desired_setting(self, memory: M) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)
