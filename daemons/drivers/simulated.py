"""Simulated hardware: switches, warms up and draws power like real hardware, and can simulate faults.

Real hardware keeps its state when its process ends, and simulated hardware does the same. Its files are
in `run/hardware/NAME`:

- `switchings.jsonl` has one line for each switching, added by one write. The last line is the state of
  the relay, also if another program added it. All lines together are a record that is independent of the
  published states.
- `presses.jsonl` has one line for each press of the button. A person or a test adds the lines.
  `presses.taken` stores the offset up to which they were read.
- `measured.json` overrides the measurements in the options. A person or a test writes it.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import asdict, replace

from daemons.drivers import Driver
from daemons.errors import StorageError
from daemons.kinds import Ability, ButtonPress, Direction, Load, Reading, Setting, Touch
from daemons.storage.line_file import LineFile, read_lines
from daemons.storage.paths import replace_file
from daemons.values import Seconds

T = TypeVar("T")
Celsius = Annotated[float, Meta(ge=-273.15, le=2000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
WholePercent = Annotated[int, Meta(ge=0, le=100)]

POLL_SECONDS = 1.0
"""The longest delay until a change by a person or another process is noticed."""
FileStats = tuple[os.stat_result | None, ...]
SETTLED_SECONDS = 1.0
"""The age from which a file's size and time show reliably whether it was written again."""
MAX_PRESS_AGE_SECONDS = 60.0
"""A press that is older than this when it is read is dropped."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of simulated hardware."""

    speed: Annotated[float, Meta(ge=1, le=10_000)] = 1.0
    """How many times faster than usual the appliance works."""
    fault: Literal["none", "slow", "fail", "hang", "disagree"] = "none"
    """The simulated fault."""
    lag_seconds: Seconds = field(name="lag", default=Seconds(2))
    """The delay of each switching with `fault = "slow"`."""
    temperature_celsius: Celsius = 21.0
    """The temperature it measures, in °C."""
    humidity_percent: Percent = 45.0
    """The humidity it measures, in percent."""
    battery_percent: WholePercent = 100
    """The charge of its battery, in percent."""


Action = Literal["on", "off", "dim", "turn", "arm"]


class Switching(Struct, frozen=True, omit_defaults=True):
    """One line of `switchings.jsonl`: the state of the relay since `at`, and its cause."""

    at: float
    what: Action
    on: bool
    cause: str | None = None
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    direction: Direction | None = None
    off_at: float | None = None
    """When the hardware's timer switches it off, even if the process does not run."""
    energy_watt_hours: float = 0.0
    """The reading of the meter at that time."""


class SimulatedRelay:
    """A simulated relay with a meter and a timer."""

    def __init__(self, folder: Path, power_profile: tuple[Load, ...]) -> None:
        """Open the relay in `folder`. If the folder does not exist, create it; the relay is then off."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = LineFile(folder / "switchings.jsonl", Switching)
        self._power_profile = power_profile
        self._last = Switching(0.0, "off", on=False)
        self._on_since = 0.0

    def poll(self, now: float, found: os.stat_result | None) -> Switching:
        """Return the last switching; first switch off if the relay's timer has expired.

        `found` is the present status of its file.
        """
        self._read_lines(found)
        last = self._last
        if last.on and last.off_at is not None and now >= last.off_at:
            self._add(last.off_at, "off", Setting(on=False), "off_timer")
        return self._last

    def switch(self, setting: Setting, cause: str | None, now: float) -> None:
        """Apply a setting; if the relay already has it, add no line."""
        last = self.poll(now, self.file_stat())
        off_at = now + setting.off_after_seconds if setting.on and setting.off_after_seconds else None
        light = (setting.brightness_percent, setting.colour_temperature_kelvin)
        if setting.on != last.on:
            what: Action = "on" if setting.on else "off"
        elif setting.on and setting.direction != last.direction:
            what = "turn"
        elif setting.on and light != (last.brightness_percent, last.colour_temperature_kelvin):
            what = "dim"
        elif abs((off_at or 0.0) - (last.off_at or 0.0)) > 1:
            what = "arm"
        else:
            return
        self._add(now, what, setting, cause, off_at)

    def watts(self, now: float) -> float:
        """Return the present power in watts."""
        if not self._last.on:
            return 0.0
        left = now - self._on_since
        for seconds, watts in self._power_profile[:-1]:
            if left < seconds:
                return watts * self._dim_factor
            left -= seconds
        return self._power_profile[-1][1] * self._dim_factor

    def energy(self, now: float) -> float:
        """Return the total energy that the relay has drawn, in watt-hours."""
        if not self._last.on:
            return self._last.energy_watt_hours
        return (
            self._last.energy_watt_hours
            + (self._energy_until(now) - self._energy_until(self._last.at)) * self._dim_factor
        )

    @property
    def _dim_factor(self) -> float:
        return (self._last.brightness_percent or 100) / 100

    def _energy_until(self, until: float) -> float:
        left, watt_seconds = max(0.0, until - self._on_since), 0.0
        for index, (seconds, watts) in enumerate(self._power_profile):
            last = index == len(self._power_profile) - 1
            stretch = left if last else min(left, seconds)
            watt_seconds += stretch * watts
            left -= stretch
        return watt_seconds / 3600

    def file_stat(self) -> os.stat_result | None:
        """Return the present status of its file; None if there is none."""
        return file_stat(self._file.path)

    def close(self) -> None:
        """Close its file; the hardware stays as it is."""
        self._file.close()

    def _read_lines(self, found: os.stat_result | None) -> None:
        """Apply the lines that another process or a person has added. Without a file, the relay stays."""
        try:
            lines, is_other = self._file.read_new(found)
        except FileNotFoundError:
            return
        if is_other and lines:
            self._last = Switching(0.0, "off", on=False)
        for line in lines:
            self._apply(line)

    def _apply(self, line: Switching) -> None:
        if line.on and not self._last.on:
            self._on_since = line.at
        self._last = line

    def _add(
        self, at: float, what: Action, setting: Setting, cause: str | None, off_at: float | None = None
    ) -> None:
        line = Switching(
            at,
            what,
            setting.on,
            cause,
            setting.brightness_percent,
            setting.colour_temperature_kelvin,
            setting.direction,
            off_at,
            round(self.energy(at), 4),
        )
        if self._file.append(line):
            self._apply(line)
        else:
            self._read_lines(self.file_stat())


class PressRecord(Struct, frozen=True):
    """One line of `presses.jsonl`: the time and the type of a press."""

    at: float
    what: Touch


class SimulatedButton:
    """The button of the hardware. Each press is read once, also over restarts."""

    def __init__(self, folder: Path) -> None:
        """Continue at the stored offset. If it cannot be read, read all presses that are recent enough."""
        self._path = folder / "presses.jsonl"
        self._position_path = folder / "presses.taken"
        try:
            self._offset = int(self._position_path.read_bytes())
        except (OSError, ValueError):
            self._offset = 0

    def read_presses(self, now: float, found: os.stat_result | None) -> tuple[ButtonPress, ...]:
        """Return the presses that were not read yet; raises StorageError if the offset cannot be stored.

        `found` is the present status of its file; None if there is none.
        The offset is stored before the presses are returned. So a process that is killed at that moment
        loses a press, as with a radio button, and never handles a press twice.
        """
        if found is None or found.st_size == self._offset:
            return ()
        began = self._offset if self._offset <= found.st_size else 0  # a smaller file is a new file
        records, offset = read_lines(self._path, PressRecord, began)
        if offset != self._offset:
            replace_file(self._position_path, str(offset).encode())
            self._offset = offset
        recent = [pressed.what for pressed in records if now - pressed.at < MAX_PRESS_AGE_SECONDS]
        return tuple(ButtonPress(touch, os.urandom(5).hex()) for touch in recent)


class Measurements(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The measurements of the hardware; None for one that it does not report."""

    temperature_celsius: Celsius | None = None
    humidity_percent: Percent | None = None
    battery_percent: WholePercent | None = None


DECODER = msgspec.json.Decoder(dict[str, int | float | None])
msgspec.convert({}, Measurements)  # builds the type's decoder now, before prefork forks


class SimulatedSensor:
    """The simulated sensor: the measurements in the options, overridden by `measured.json`."""

    def __init__(self, folder: Path, options: Options) -> None:
        self._path = folder / "measured.json"
        self._defaults = {name: getattr(options, name) for name in Measurements.__struct_fields__}
        self._is_read = False
        """Whether `last` is what the file contains, in its version `_version`."""
        self._version: tuple[int, int, int] | None = None
        self.last = Measurements()
        """The last valid measurements."""
        self.at: float | None = None
        """When they were read."""
        self.fault: str | None = None

    def poll(self, now: float, found: os.stat_result | None) -> None:
        """Read the measurements. If the file is not valid, set a fault and keep the last measurements.

        `found` is the present status of the file; None if there is none. The file is read if it has changed.
        """
        version = found and (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._is_read and version == self._version:
            self.at = now
            return
        self._is_read = False
        written = b"{}"
        try:
            with suppress(FileNotFoundError):
                written = self._path.read_bytes().strip()
            if not written:
                return  # another process is writing the file
            changed = DECODER.decode(written)
            self.last = msgspec.convert({**self._defaults, **changed}, Measurements)
        except (OSError, msgspec.MsgspecError) as error:
            self.fault = f"{self._path} cannot be read: {error}"
        else:
            self.at, self.fault = now, None
            self._version, self._is_read = version, is_settled(found)


def read_switchings(path: Path, offset: int = 0) -> tuple[list[Switching], int]:
    """Return every switching from `offset`, oldest first, and the offset for the next call."""
    return read_lines(path, Switching, offset)


def file_stat(path: Path | str) -> os.stat_result | None:
    """Return the size and time of a file; None if it does not exist."""
    try:
        return os.stat(path)  # noqa: PTH116  faster; each poll of an idle device calls it
    except OSError:
        return None


def is_settled(found: os.stat_result | None) -> bool:
    """Return whether another write would show: within the clock's resolution it leaves the same time."""
    return found is None or time.time() - found.st_mtime > SETTLED_SECONDS


class Simulated(Driver[Options]):
    """Simulated hardware: switches, warms up and draws power, and can simulate faults."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset(get_args(Ability))
    real = False

    def __init__(self, device: str, options: Options) -> None:
        super().__init__(device, options)
        self.speed = options.speed
        self._delayed: tuple[float, Setting, str | None] | None = None
        self._fault: str | None = None
        self._hung: Reading | None = None
        self._idle: tuple[FileStats, Reading] | None = None
        """The state of the files and the last reading, while the hardware is idle."""

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Open the hardware's files; the hardware keeps its state from the last process."""
        folder = Path("hardware") / self.device
        self._relay = SimulatedRelay(folder, power_profile)
        self._relay.poll(now, self._relay.file_stat())
        self._button = SimulatedButton(folder)
        self._sensor = SimulatedSensor(folder, self.options)
        self._files = [str(folder / name) for name in ("switchings.jsonl", "presses.jsonl", "measured.json")]

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Switch, or simulate the fault in the options."""
        self._idle = None
        match self.options.fault:
            case "none":
                self._switch(setting, cause, now)
            case "slow":
                self._delayed = (now + self.options.lag_seconds, setting, cause)
            case "fail":
                self._fault = "the hardware refuses to switch"
            case "hang":
                self._hung = self._hung or self._read_hardware(now, self._stat_files())
            case "disagree":
                pass

    def read(self, now: float) -> Reading:
        """Return the state of the relay, the meter, the sensor and the button."""
        if self._hung:
            return self._hung
        stats = self._stat_files()
        if self._idle and self._idle[0] == stats:
            return replace(self._idle[1], at=now)
        reading = self._read_hardware(now, stats)
        try:
            if presses := self._button.read_presses(now, stats[1]):
                reading = replace(reading, presses=presses)
        except StorageError as error:
            reading = replace(reading, fault=reading.fault or str(error))
        is_quiet = not (reading.on or reading.fault or reading.presses or self._delayed)
        self._idle = (stats, reading) if is_quiet and all(map(is_settled, stats)) else None
        return reading

    def _stat_files(self) -> FileStats:
        return tuple(map(file_stat, self._files))

    def _read_hardware(self, now: float, stats: FileStats) -> Reading:
        switchings, _, measured = stats
        if self._delayed and now >= self._delayed[0]:
            _, setting, cause = self._delayed
            self._delayed = None
            self._switch(setting, cause, now)
            switchings = self._relay.file_stat()
        last = self._relay.poll(now, switchings)
        self._sensor.poll(now, measured)
        faults = [fault for fault in (self._fault, self._sensor.fault) if fault]
        return Reading(
            on=last.on,
            power_watts=self._relay.watts(now),
            energy_watt_hours=round(self._relay.energy(now), 3),
            brightness_percent=last.brightness_percent,
            colour_temperature_kelvin=last.colour_temperature_kelvin,
            direction=last.direction,
            off_after_seconds=last.off_at - now if last.on and last.off_at is not None else None,
            cause=last.cause,
            fault="; ".join(faults) or None,
            at=self._sensor.at,
            **asdict(self._sensor.last),
        )

    def _switch(self, setting: Setting, cause: str | None, now: float) -> None:
        """Switch the relay. If the record cannot be written, the relay does not move: set a fault."""
        try:
            self._relay.switch(setting, cause, now)
        except OSError as error:
            self._fault = f"its record under hardware/{self.device} cannot be written: {error.strerror}"
        else:
            self._fault = None

    def due(self, now: float) -> float:
        """Return the next poll: a person or another process may change the files."""
        return min(now + POLL_SECONDS, self._delayed[0] if self._delayed else now + POLL_SECONDS)

    def close(self) -> None:
        """Close the hardware's files; the hardware stays as it is."""
        self._relay.close()
