"""A sensor of a device with Tasmota: a section of its telemetry, such as `"AM2301": {"Temperature": 21.5}`.

The sensors of all makers use the same words for the same measurements. `ENERGY` is a meter.
"""

from collections.abc import Mapping
from typing import Any

from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.facts import celsius
from daemons.drivers.tasmota.messages import channel_number, number
from daemons.drivers.transports.mqtt_device import Message
from daemons.kinds import Setting

METER = "ENERGY"
CHIPS = ("ESP32",)
"""The sections about the device itself."""
WORDS: dict[str, str] = {
    "Humidity": "humidity_percent",
    "Illuminance": "illuminance_lux",
    "CarbonDioxide": "co2_ppm",
    "PM2.5": "pm25_micrograms",
    "Moisture": "soil_moisture_percent",
    "Battery": "battery_percent",
}
"""By word of Tasmota, the field of a Reading. `Temperature` and `Pressure` have units."""
PRESSURES = {"hPa": 1.0, "mmHg": 1.33322, "inHg": 33.8639}
"""By `PressureUnit`, so many hectopascals are one."""


def measurements(section: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return what a sensor measures as fields of a Reading; None for what it fails to measure.

    `found` is the whole message, which has the units.
    """
    changes: dict[str, Any] = {
        field: number(section[word]) for word, field in WORDS.items() if word in section
    }
    if "Temperature" in section:
        changes["temperature_celsius"] = celsius(section["Temperature"], found)
    if "Pressure" in section:
        factor = PRESSURES.get(str(found.get("PressureUnit", "hPa")))
        measured = number(section["Pressure"])
        is_known = factor is not None and measured is not None
        changes["pressure_hectopascals"] = round(measured * factor, 1) if is_known else None  # type: ignore[operator]
    if (battery := changes.get("battery_percent")) is not None:
        changes["battery_percent"] = round(battery)
    return changes


def meter(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a meter measures as fields of a Reading; its phases are added up."""
    words = (("power_watts", "Power", 1), ("energy_watt_hours", "Total", 1000))
    found = {
        field: (channel_number(section.get(word), 1, has_phases=True), factor)
        for field, word, factor in words
    }
    return {field: round(value * factor, 3) for field, (value, factor) in found.items() if value is not None}


def sensors(found: dict[str, Any]) -> dict[str, bool]:
    """Return the names of the sensors in a message, each with whether it measures anything that is read."""
    sections = {name: section for name, section in found.items() if isinstance(section, dict)}
    return {
        name: bool(meter(section) if name == METER else measurements(section, found))
        for name, section in sections.items()
        if name not in CHIPS and not name.startswith("Shutter")
    }


class SensorDevice(TasmotaDevice):
    """One sensor."""

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """The commands that request its state."""
        return (("Status", "10"), ("State", ""))

    @property
    def is_known(self) -> bool:
        """Whether it has reported: it need not detect anything."""
        return True

    def parse(self, found: dict[str, Any], *, is_whole: bool) -> dict[str, Any] | None:
        """Return its measurements."""
        name = self._options.sensor or ""
        section = found.get(name)
        if isinstance(section, dict):
            self._has_phases = name == METER
            return meter(section) if name == METER else measurements(section, found)
        if is_whole:
            others = ", ".join(sensors(found)) or "none"
            raise ValueError(f"it has no sensor {name}; its sensors: {others}")
        return None

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return nothing: a sensor is not set."""
        return []

    def has_reached(self, setting: Setting) -> bool:
        """Return true: a sensor is not set."""
        return True
