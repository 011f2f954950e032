"""A sensor of temperature, humidity, light, air, soil or power, and of motion and other events.

If it is silent for `stale_after`, its values become unknown (None) instead of old. Then the devices
that act on them stop. A value that is kept over a restart keeps its age.

Values that change all the time are not written to the journal: that would wear out an SD card. So after a
kill they are unknown until the next report, and never older than what was published.
"""

from typing import Any, Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Ability, Load, Machine, Reading, Setting
from daemons.values import Seconds

Phase = Literal[
    "unknown", "stale", "measuring", "clear", "motion", "presence", "closed", "open", "dry", "water", "smoke",
    "gas", "carbon_monoxide", "vibration", "tamper",
]  # fmt: skip
Detects = Literal[
    "nothing", "motion", "presence", "opening", "water", "smoke", "gas", "carbon_monoxide", "vibration",
    "tamper",
]  # fmt: skip
PHASES: dict[str, tuple[Phase, Phase]] = {
    "nothing": ("measuring", "measuring"),
    "motion": ("clear", "motion"),
    "opening": ("closed", "open"),
    "water": ("dry", "water"),
    "smoke": ("clear", "smoke"),
    "presence": ("clear", "presence"),
    "gas": ("clear", "gas"),
    "carbon_monoxide": ("clear", "carbon_monoxide"),
    "vibration": ("clear", "vibration"),
    "tamper": ("clear", "tamper"),
}
"""By detection: the phase while it does not detect, and the phase while it does."""
CLASSES = {"presence": "occupancy", "water": "moisture"}
"""The detections that Home Assistant names differently."""
MEASURED = (
    "temperature_celsius",
    "humidity_percent",
    "illuminance_lux",
    "pressure_hectopascals",
    "co2_ppm",
    "pm25_micrograms",
    "soil_moisture_percent",
)
"""The measurements, apart from the battery. Power changes all the time, and is not kept over a restart."""
WRITE_SHARE = 20
"""An unchanged reading is written to the journal only after this part of `stale_after`. Values that change
again within this time are written when they have not changed for so long."""
NOISY_WRITE_SHARE = 2
"""While the values of a detector change all the time, its age is written after this part of `stale_after`."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a sensor."""

    detects: Detects = "nothing"
    """What it detects, in addition to its measurements."""
    stale_seconds: Seconds = field(name="stale_after", default=Seconds(3600))
    """How long it may be silent; after that its values are unknown."""
    open_seconds: Seconds | None = field(name="open_too_long", default=None)
    """A window or a door that is open for longer deserves attention: the mirror names it. By default as
    long as `open_too_long` of [house] says; with `"0s"`, never."""

    def __post_init__(self) -> None:
        """Raise ValueError if a value would be stale at once, and for a limit of what cannot be open."""
        if self.stale_seconds < 1:
            raise ValueError("stale_after must be 1s or longer")
        if self.open_seconds is not None and self.detects != "opening":
            raise ValueError('open_too_long is for detects = "opening"')


class SensorMemory(Struct, frozen=True):
    """The memory of a sensor."""

    heard_at: float | None = field(name="at", default=None)
    """When it last reported, to a twentieth of `stale_after`; None: never, or too long ago."""
    was_heard: bool = False
    """Whether it has ever reported."""
    detected: bool | None = None
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: int | None = None
    illuminance_lux: float | None = None
    pressure_hectopascals: float | None = None
    co2_ppm: float | None = None
    pm25_micrograms: float | None = None
    soil_moisture_percent: float | None = None
    changed_at: float | None = None
    """When a value last changed, in steady seconds."""
    is_settled: bool = True
    """Whether the values are written to the journal; False while they change all the time."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a sensor."""

    status: bool
    """Whether it detects."""
    phase: Phase
    temperature_celsius: float | None
    humidity_percent: float | None
    battery_percent: int | None
    illuminance_lux: float | None = None
    pressure_hectopascals: float | None = None
    co2_ppm: float | None = None
    pm25_micrograms: float | None = None
    soil_moisture_percent: float | None = None
    power_watts: float | None = None
    fault: str | None = None


class Sensor(Machine[Options, SensorMemory]):
    """A sensor of temperature, humidity, light, air, soil or power, and of motion and other events."""

    drives = False
    needs = frozenset[Ability]({"sense"})
    options_type = Options
    memory_type = SensorMemory
    state_type = State
    resting_phases = ("unknown", "stale", "measuring", "clear", "closed", "dry")
    unknown_phases = ("unknown", "stale")
    values = MEASURED
    detections = {word: CLASSES.get(word, word) for word in get_args(Detects)[1:]}  # noqa: RUF012

    @classmethod
    def detects(cls, options: Options) -> str | None:
        """Return the detection of the options."""
        return None if options.detects == "nothing" else options.detects

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return the phases of its detection. Without one, its status is always false."""
        phases = dict.fromkeys((*cls.unknown_phases, *PHASES[options.detects]))
        detecting = None if options.detects == "nothing" else PHASES[options.detects][1]
        more: dict[str, Scalar] = {} if detecting is None else {"power_watts": None}
        return tuple({"phase": phase, "status": phase == detecting, **more} for phase in phases)

    def handle_command(self, memory: SensorMemory, command: Struct, now: float) -> SensorMemory:
        """Return the memory unchanged: it has no commands."""
        return memory

    def advance(self, memory: SensorMemory, now: float) -> SensorMemory:
        """Clear all values when they are too old; settle those that have ceased to change."""
        if memory.heard_at is not None and now >= memory.heard_at + self.options.stale_seconds:
            return SensorMemory(was_heard=True)
        is_over = memory.changed_at is not None and now >= memory.changed_at + self._write_seconds
        return replace(memory, is_settled=True) if is_over else memory

    def resume(self, memory: SensorMemory, now: float) -> SensorMemory:
        """Forget values that changed all the time before a kill: the latest of them were not written.

        A detection was written. Without one, no age was written either, so the sensor gets time to report.
        """
        if memory.is_settled:
            return memory
        if self.options.detects == "nothing":
            heard_at = now - self.options.stale_seconds + self._write_seconds
            return SensorMemory(heard_at=heard_at, was_heard=True)
        return SensorMemory(heard_at=memory.heard_at, was_heard=True, detected=memory.detected)

    def is_worth_writing(self, written: SensorMemory, memory: SensorMemory) -> bool:
        """Return False while only values change, again and again, and for the age of values unwritten."""
        if memory.is_settled or written.is_settled:
            return True
        if self.options.detects == "nothing":
            return False
        seconds = (memory.heard_at or 0.0) - (written.heard_at or 0.0)
        return memory.detected != written.detected or seconds > self.options.stale_seconds / NOISY_WRITE_SHARE

    def before_stop(self, memory: SensorMemory) -> SensorMemory:
        """Return the memory with its values settled: none that is newer will follow."""
        return replace(memory, is_settled=True)

    def adopt(self, memory: SensorMemory, reading: Reading, now: float) -> SensorMemory:
        """Change nothing: `update_measurements` stores the reading."""
        return memory

    def update_measurements(self, memory: SensorMemory, reading: Reading, now: float) -> SensorMemory:
        """Store the reading, with each measurement rounded to a tenth."""
        if reading.at is None or now >= reading.at + self.options.stale_seconds:
            return memory
        measured: dict[str, Any] = {name: rounded(getattr(reading, name)) for name in MEASURED}
        new = SensorMemory(
            heard_at=memory.heard_at,
            was_heard=True,
            detected=reading.on,
            battery_percent=reading.battery_percent,
            changed_at=memory.changed_at,
            is_settled=memory.is_settled,
            **measured,
        )
        is_write_due = reading.at - (memory.heard_at or 0.0) > self._write_seconds
        if new == memory:
            return replace(new, heard_at=reading.at) if is_write_due else memory
        new = replace(new, heard_at=reading.at)
        if new == replace(memory, heard_at=reading.at, was_heard=True, detected=reading.on):
            return new
        is_quiet = memory.changed_at is None or reading.at - memory.changed_at > self._write_seconds
        return replace(new, changed_at=reading.at, is_settled=is_quiet)

    def next_deadline(self, memory: SensorMemory) -> float | None:
        """Return when its last reading becomes too old, or before that when its values have settled."""
        if memory.heard_at is None:
            return None
        stale_at = memory.heard_at + self.options.stale_seconds
        if memory.is_settled or memory.changed_at is None:
            return stale_at
        return min(stale_at, memory.changed_at + self._write_seconds)

    def desired_setting(self, memory: SensorMemory) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def state(self, memory: SensorMemory, reading: Reading, now: float) -> State:
        """Return the values of its last reading, or None where that is too old."""
        return State(
            status=bool(memory.detected) and self.options.detects != "nothing",
            phase=self._phase(memory),
            battery_percent=memory.battery_percent,
            **{name: getattr(memory, name) for name in MEASURED},
            power_watts=rounded(reading.power_watts) if self._is_meter(memory) else None,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)

    @property
    def _write_seconds(self) -> float:
        return self.options.stale_seconds / WRITE_SHARE

    def _is_meter(self, memory: SensorMemory) -> bool:
        return memory.heard_at is not None and self.options.detects == "nothing"

    def _phase(self, memory: SensorMemory) -> Phase:
        if memory.heard_at is None:
            return "stale" if memory.was_heard else "unknown"
        if memory.detected is None and self.options.detects != "nothing":
            return "unknown"  # a door that does not report whether it is open is not closed
        quiet, detecting = PHASES[self.options.detects]
        return detecting if memory.detected else quiet


def rounded(value: float | None) -> float | None:
    """Return a measurement rounded to a tenth, so that noise causes no message and no write."""
    return None if value is None else round(value, 1)
