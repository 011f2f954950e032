"""Simulated hardware: switches, warms up and draws power like real hardware, and can simulate faults.

Real hardware keeps its state when its process ends, and simulated hardware does the same. Its files are
in `run/hardware/NAME`:

- `switchings.jsonl` has one line for each switching, added by one write. The last line is the state of
  the relay, also if another program added it. All lines together are a record that is independent of the
  published states.
- `presses.jsonl` has one line for each press of the button. A person or a test adds the lines. The device
  remembers how much of it was read, together with what the presses did.
- `measured.json` overrides the measurements in the options. A person or a test writes it.
- `events.json` has the events of a calendar, in place of those in the options. A person or a test writes it.
- `messages.jsonl` has one line for each attempt of a messenger to deliver a message, with its result.
- `answer.json` decides the result of the next attempts, such as "refused". A person or a test writes it.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import asdict, replace

from daemons.drivers import Driver
from daemons.drivers.physics.events import EventText
from daemons.drivers.physics.relay import Relay, Switching
from daemons.drivers.physics.valve import with_valve
from daemons.kinds import (
    Ability,
    ButtonPress,
    DeliveryResult,
    Load,
    Message,
    Outcome,
    Reading,
    Setting,
    Touch,
)
from daemons.storage.line_file import LineFile, read_lines
from daemons.values import Seconds

if TYPE_CHECKING:
    from daemons.drivers.simulation.calendar import CalendarFile

T = TypeVar("T")
Celsius = Annotated[float, Meta(ge=-273.15, le=2000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Plain = Annotated[float, Meta(ge=0, le=200_000)]
WholePercent = Annotated[int, Meta(ge=0, le=100)]

POLL_SECONDS = 1.0
"""The longest delay until a change by a person or another process is noticed."""
SimulatedResult = DeliveryResult | Literal["hang"]
"""What the simulated server does with a message."""
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
    """The simulated fault. Messages are then taken late (`"slow"`), refused for now (`"fail"`), never
    answered (`"hang"`), or taken without a report of it (`"disagree"`)."""
    lag_seconds: Seconds = field(name="lag", default=Seconds(2))
    """The delay of each switching with `fault = "slow"`."""
    temperature_celsius: Celsius = 21.0
    """The temperature it measures, in °C."""
    humidity_percent: Percent = 45.0
    """The humidity it measures, in percent."""
    battery_percent: WholePercent = 100
    """The charge of its battery, in percent."""
    illuminance_lux: Plain | None = None
    """The light it measures, in lux; by default it measures none, as with the next four."""
    pressure_hectopascals: Plain | None = None
    """The pressure of the air, in hectopascals."""
    co2_ppm: Plain | None = None
    """The carbon dioxide in the air, in parts per million."""
    pm25_micrograms: Plain | None = None
    """The fine dust below 2.5 µm, in micrograms per cubic metre."""
    soil_moisture_percent: Percent | None = None
    """The water in the soil, in percent."""
    events: Annotated[tuple[EventText, ...], Meta(max_length=100)] = ()
    """The events of a calendar, such as `"2026-12-24 Holiday"`, `"tue Bins"` or `"mon 17:00-18:00 Piano"`."""


class SimulatedRelay:
    """A simulated relay whose switchings are the lines of a file."""

    def __init__(self, folder: Path, power_profile: tuple[Load, ...]) -> None:
        """Open the relay in `folder`. If the folder does not exist, create it; the relay is then off."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = LineFile(folder / "switchings.jsonl", Switching)
        self._relay = Relay(power_profile)

    def poll(self, now: float, found: os.stat_result | None) -> Relay:
        """Return the relay; first switch it off if its timer has expired.

        `found` is the present status of its file.
        """
        self._read_lines(found)
        if expired := self._relay.expired(now):
            self._add(expired)
        return self._relay

    def switch(self, setting: Setting, cause: str | None, now: float) -> None:
        """Apply a setting; if the relay already has it, add no line."""
        if switching := self.poll(now, self.file_stat()).switching(setting, cause, now):
            self._add(switching)

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
            self._relay.reset()
        for line in lines:
            self._relay.apply(line)

    def _add(self, switching: Switching) -> None:
        if self._file.append(switching):
            self._relay.apply(switching)
        else:
            self._read_lines(self.file_stat())


class PressRecord(Struct, frozen=True):
    """One line of `presses.jsonl`: the time and the type of a press."""

    at: float
    what: Touch


class SimulatedButton:
    """The button of the hardware. Each press is read once."""

    def __init__(self, folder: Path) -> None:
        """Read all presses that are recent enough, until `offset` is set."""
        self._path = folder / "presses.jsonl"
        self.offset = 0
        """How much of the file was read, in bytes. The device remembers it across restarts."""

    def read_presses(self, now: float, found: os.stat_result | None) -> tuple[ButtonPress, ...]:
        """Return the presses that were not read yet.

        `found` is the present status of its file; None if there is none.
        """
        if found is None or found.st_size == self.offset:
            return ()
        began = self.offset if self.offset <= found.st_size else 0  # a smaller file is a new file
        records, self.offset = read_lines(self._path, PressRecord, began)
        recent = [pressed.what for pressed in records if now - pressed.at < MAX_PRESS_AGE_SECONDS]
        return tuple(ButtonPress(touch, os.urandom(5).hex()) for touch in recent)


class Measurements(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The measurements of the hardware; None for one that it does not report."""

    temperature_celsius: Celsius | None = None
    humidity_percent: Percent | None = None
    battery_percent: WholePercent | None = None
    illuminance_lux: Plain | None = None
    pressure_hectopascals: Plain | None = None
    co2_ppm: Plain | None = None
    pm25_micrograms: Plain | None = None
    soil_moisture_percent: Percent | None = None


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


class MessageRecord(Struct, frozen=True):
    """One line of `messages.jsonl`: one attempt to deliver a message."""

    at: float
    message: Message
    result: SimulatedResult


class SimulatedServer:
    """The server of a messenger. It has one answer for all messages, until another one is chosen."""

    def __init__(self, folder: Path, options: Options) -> None:
        self._file = LineFile(folder / "messages.jsonl", MessageRecord)
        self._answer = folder / "answer.json"
        self._options = options
        self._due: tuple[float, Outcome] | None = None
        """The outcome that comes later, and when."""
        self._outcome: Outcome | None = None

    def take(self, message: Message, now: float) -> None:
        """Record a message with its result; the outcome follows, perhaps later."""
        result = self._result()
        delay_seconds = self._options.lag_seconds if self._options.fault == "slow" else 0.0
        try:
            self._file.append(MessageRecord(now, message, result))
        except OSError as error:
            text = f"its record {self._file.path} cannot be written: {error.strerror}"
            result, delay_seconds = "refused_for_now", 0.0
        else:
            text = "" if result == "taken" else f"the simulated server says: {result}"
        self._due = None
        if result != "hang":
            self._due = (now + delay_seconds, Outcome(message.key, message.attempt, result, text))

    def outcome(self, now: float) -> Outcome | None:
        """Return the latest outcome."""
        if self._due is not None and now >= self._due[0]:
            self._outcome, self._due = self._due[1], None
        return self._outcome

    @property
    def due(self) -> float | None:
        """When the next outcome comes; None if none does."""
        return None if self._due is None else self._due[0]

    def close(self) -> None:
        """Close the record."""
        self._file.close()

    def _result(self) -> SimulatedResult:
        """Return the result that the file or the options demand."""
        with suppress(OSError, msgspec.MsgspecError):
            found: SimulatedResult = msgspec.json.decode(self._answer.read_bytes(), type=SimulatedResult)
            return found
        faults: dict[str, SimulatedResult] = {
            "fail": "refused_for_now",
            "hang": "hang",
            "disagree": "unknown",
        }
        return faults.get(self._options.fault, "taken")


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
        self._server: SimulatedServer | None = None
        """The server of a messenger, from its first message on."""
        self._calendar: CalendarFile | None = None
        """The calendar, for a device that needs events."""
        self._idle: tuple[FileStats, Reading] | None = None
        """The state of the files and the last reading, while the hardware is idle."""

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Open the hardware's files; the hardware keeps its state from the last process."""
        folder = Path("hardware") / self.device
        if "events" in self.wanted:
            from daemons.drivers.simulation.calendar import CalendarFile  # noqa: PLC0415  few devices need it

            self._calendar = CalendarFile(folder, self.options.events)
        self._relay = SimulatedRelay(folder, power_profile)
        self._relay.poll(now, self._relay.file_stat())
        self._button = SimulatedButton(folder)
        self._sensor = SimulatedSensor(folder, self.options)
        self._files = [str(folder / name) for name in ("switchings.jsonl", "presses.jsonl", "measured.json")]

    def skip_presses(self, until: int) -> None:
        """Go on after the presses that the last process handled."""
        self._button.offset = until

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Switch, or simulate the fault in the options."""
        self._idle = None
        if setting.message is not None:
            folder = Path("hardware") / self.device
            self._server = self._server or SimulatedServer(folder, self.options)
            self._server.take(setting.message, now)
            return
        if self._server is not None:
            return  # nothing is switched by a messenger
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
        """Return the state of the relay, the meter, the sensor and the button, or a calendar."""
        if self._calendar:
            return self._calendar.read(now)
        if self._hung:
            return self._hung
        stats = self._stat_files()
        if self._idle and self._idle[0] == stats:
            return replace(self._idle[1], at=now)
        reading = self._read_hardware(now, stats)
        presses = self._button.read_presses(now, stats[1])
        reading = replace(reading, presses=presses, presses_until=self._button.offset)
        is_waited_for = self._delayed or (self._server and self._server.due is not None)
        is_quiet = not (reading.on or reading.fault or reading.presses or is_waited_for)
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
        relay = self._relay.poll(now, switchings)
        self._sensor.poll(now, measured)
        faults = [fault for fault in (self._fault, self._sensor.fault) if fault]
        reading = replace(
            relay.reading(now),
            fault="; ".join(faults) or None,
            at=self._sensor.at,
            outcome=self._server and self._server.outcome(now),
            **asdict(self._sensor.last),
        )
        return with_valve(reading)

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
        delayed = self._delayed[0] if self._delayed else None
        times = (now + POLL_SECONDS, delayed, self._server.due if self._server else None)
        return min(at for at in times if at is not None)

    def close(self) -> None:
        """Close the hardware's files; the hardware stays as it is."""
        self._relay.close()
        if self._server is not None:
            self._server.close()
