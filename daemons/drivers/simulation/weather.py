"""The simulated weather of one device.

The file `hardware/NAME/measured.json` changes it, from the moment at which it is written.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from daemons.drivers.physics.weather import HOUR_SECONDS, SETTABLE, Change, changed, simulated_forecast
from daemons.kinds import About, Forecast, Reading, is_plausible, range_text

ABOUT = About(manufacturer="House", model="simulated weather")


class Changes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file changes; None for what it does not."""

    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    wind_kmh: float | None = None
    gust_kmh: float | None = None
    rain_mm: float | None = None
    rain_within_minutes: float | None = None
    """Rain begins so long after the file was written."""
    night_min_celsius: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a value that no weather has."""
        for name in SETTABLE:
            if (value := getattr(self, name)) is not None and not is_plausible(name, value):
                raise ValueError(f"{name} is {value:g}, and not {range_text(name)}")


class SimulatedWeather:
    """A weather that follows from the day, and from a file."""

    def __init__(self, folder: Path, *, answers: bool, wall: Callable[[], float] = time.time) -> None:
        """`answers` is whether there is a forecast; `wall` returns the wall clock in Unix seconds."""
        self._answers = answers
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "measured.json"
        self._wall = wall
        self._made: tuple[object, Forecast] | None = None
        """The latest forecast, and what it was made for: the hour and the changes."""
        self._changes: dict[str, Change] = {}
        self._version: tuple[int, int, int] | None = None
        self._fault: str | None = None

    def read(self, now: float) -> Reading:
        """Return the forecast of this hour."""
        if not self._answers:
            return Reading(reachable=False, about=ABOUT, fault="the simulated server does not answer")
        self._read_file()
        wall = self._wall()
        made_for = (wall // HOUR_SECONDS, self._changes)
        if self._made is None or self._made[0] != made_for:
            self._made = made_for, simulated_forecast(wall, self._changes)
        return Reading(forecast=self._made[1], at=now, about=ABOUT, fault=self._fault)

    def _read_file(self) -> None:
        """Read the file if it has changed. If it is not valid, set a fault and keep the last weather."""
        found = None
        with suppress(OSError):
            found = os.stat(self._path)  # noqa: PTH116  faster; it is called each second
        version = found and (found.st_ino, found.st_size, found.st_mtime_ns)
        if version == self._version:
            return
        try:
            written = self._path.read_bytes().strip() if found else b"{}"
            if not written:
                return  # another process is writing the file
            values = msgspec.json.decode(written, type=Changes)
        except (OSError, msgspec.MsgspecError) as error:
            self._fault = f"{self._path} cannot be read: {error}"
        else:
            self._fault = None
            self._changes = changed(self._changes, asdict(values), found.st_mtime if found else 0.0)
        self._version = version
