"""A sensor: temperature, humidity, and whether it detects motion, an opening, water or smoke.

What it has not told for `stale_after` counts as not known: its values are then nothing rather
than old, so whoever acts on them stops. A value that is remembered over a restart keeps its age.
"""

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.kinds import Ability, Load, Machine, Reading, Setting
from daemons.values import Seconds

Phase = Literal["unknown", "stale", "measuring", "clear", "motion", "closed", "open", "dry", "water", "smoke"]
WORDS: dict[str, tuple[Phase, Phase]] = {
    "nothing": ("measuring", "measuring"),
    "motion": ("clear", "motion"),
    "opening": ("closed", "open"),
    "water": ("dry", "water"),
    "smoke": ("clear", "smoke"),
}
"""Of each sort, its phase when it does not detect, and when it does."""
REMEMBER_SHARE = 20
"""Its last word is written down anew after this part of `stale_after`: not with every word."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    detects: Literal["nothing", "motion", "opening", "water", "smoke"] = "nothing"
    """What it detects, beside what it measures."""
    stale_seconds: Seconds = field(name="stale_after", default=Seconds(3600))
    """How long it may say nothing; many that run on a battery speak only when something changes."""

    def __post_init__(self) -> None:
        """Refuse a value that is old before it is heard."""
        if self.stale_seconds < 1:
            raise ValueError("stale_after must be 1s or longer")


class Memory(Struct, frozen=True):
    """What it remembers."""

    at: float | None = None
    """When it last said anything, give or take a little; nothing: never, or too long ago."""
    was_heard: bool = False
    detected: bool | None = None
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: int | None = None


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it detects what it is for."""
    phase: Phase
    temperature_celsius: float | None
    humidity_percent: float | None
    battery_percent: int | None
    power_watts: float | None = None
    fault: str | None = None


class Sensor(Machine[Options, Memory]):
    """A sensor: temperature, humidity, and whether it detects motion, an opening, water or smoke."""

    drives = False
    needs = frozenset[Ability]({"sense"})
    options_type = Options
    memory_type = Memory
    state_type = State

    @classmethod
    def detects(cls, options: Options) -> str | None:
        """Detect what it is set to."""
        return None if options.detects == "nothing" else options.detects

    def handle_command(self, memory: Memory, command: Struct, now: float) -> Memory:
        """Take no command; it has none."""
        return memory

    def advance(self, memory: Memory, now: float) -> Memory:
        """Know nothing any more of what is too long ago."""
        if memory.at is not None and now >= memory.at + self.options.stale_seconds:
            return Memory(was_heard=True)
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Take it in `update_measurements`."""
        return memory

    def update_measurements(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Take what it says, rounded to what a hand could feel."""
        if reading.at is None or now >= reading.at + self.options.stale_seconds:
            return memory
        new = Memory(
            at=memory.at,
            was_heard=True,
            detected=reading.on,
            temperature_celsius=rounded(reading.temperature_celsius),
            humidity_percent=rounded(reading.humidity_percent),
            battery_percent=reading.battery_percent,
        )
        old = reading.at - (memory.at or 0.0) > self.options.stale_seconds / REMEMBER_SHARE
        return replace(new, at=reading.at) if old or new != memory else memory

    def next_deadline(self, memory: Memory) -> float | None:
        """Wait for its last word to be too old."""
        return None if memory.at is None else memory.at + self.options.stale_seconds

    def desired_setting(self, memory: Memory) -> Setting:
        """Want nothing."""
        return Setting(on=False)

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show what it says, as long as that is young enough."""
        return State(
            status=bool(memory.detected) and self.options.detects != "nothing",
            phase=self._phase(memory),
            temperature_celsius=memory.temperature_celsius,
            humidity_percent=memory.humidity_percent,
            battery_percent=memory.battery_percent,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw nothing."""
        return ((1.0, 0.0),)

    def _phase(self, memory: Memory) -> Phase:
        if memory.at is None:
            return "stale" if memory.was_heard else "unknown"
        if memory.detected is None and self.options.detects != "nothing":
            return "unknown"  # a door that says nothing of itself is not closed
        quiet, detecting = WORDS[self.options.detects]
        return detecting if memory.detected else quiet


def rounded(value: float | None) -> float | None:
    """Give a measurement to the tenth: noise below that is not worth a word, nor a write."""
    return None if value is None else round(value, 1)
