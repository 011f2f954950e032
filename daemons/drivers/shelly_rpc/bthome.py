"""The sensors of a Bluetooth device at a gateway, by their numbers in BTHome (bthome.io/format). Pure."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from daemons.drivers.transports.json_values import is_number

OLD_SECONDS = 3600.0
"""At the start of a connection, a packet that is older than this counts no more."""

MEASURED: dict[int, tuple[str, float]] = {
    2: ("temperature_celsius", 1),
    69: ("temperature_celsius", 1),
    87: ("temperature_celsius", 1),
    88: ("temperature_celsius", 1),
    3: ("humidity_percent", 1),
    46: ("humidity_percent", 1),
    4: ("pressure_hectopascals", 1),
    5: ("illuminance_lux", 1),
    11: ("power_watts", 1),
    92: ("power_watts", 1),
    10: ("energy_watt_hours", 1000),
    77: ("energy_watt_hours", 1000),
    13: ("pm25_micrograms", 1),
    18: ("co2_ppm", 1),
    20: ("soil_moisture_percent", 1),
    47: ("soil_moisture_percent", 1),
}
"""By the number of an object: the field of a Reading, and the factor."""
DETECTED: dict[int, str] = {
    17: "opening",
    26: "opening",
    27: "opening",
    45: "opening",
    23: "carbon_monoxide",
    28: "gas",
    32: "water",
    33: "motion",
    35: "presence",
    37: "presence",
    41: "smoke",
    43: "tamper",
    44: "vibration",
}
"""By the number of an object, the word of the detection."""
BUTTON = 58


def sensors_of(key: str, components: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the numbers of the sensors that belong to a Bluetooth device, by component."""
    settings = {str(one.get("key")): one.get("config") for one in components}
    configs = {name: config for name, config in settings.items() if isinstance(config, dict)}
    address = configs.get(key, {}).get("addr")
    return {
        name: config["obj_id"]
        for name, config in configs.items()
        if name.startswith("bthomesensor:")
        and address is not None
        and config.get("addr") == address
        and isinstance(config.get("obj_id"), int)
    }


def packet_at(key: str, known: Mapping[str, Any]) -> float | None:
    """Return when a device sent its last packet, in Unix seconds of the gateway; None if that is unknown."""
    at = known.get(key, {}).get("last_updated_ts")
    return float(at) if is_number(at) else None


def age_text(at: float | None, known: Mapping[str, Any]) -> str | None:
    """Return a text if a packet is too old to count, by the gateway's own clock."""
    if at is None:
        return "no packet of it has come yet"
    now = known.get("sys", {}).get("unixtime")
    age = (now if is_number(now) else time.time()) - at
    return f"its last packet is {age / 3600:.0f} h old, and counts no more" if age > OLD_SECONDS else None


def read(sensors: Mapping[str, int], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a Bluetooth device as fields of a Reading. Of two equal sensors, one counts."""
    found: dict[str, Any] = {}
    detected: dict[str, bool] = {}
    for key, number in sensors.items():
        value = known.get(key, {}).get("value")
        if number in DETECTED and isinstance(value, bool | int):
            detected.setdefault(DETECTED[number], bool(value))
        elif number in MEASURED and is_number(value):
            field, factor = MEASURED[number]
            found.setdefault(field, value * factor)
    if detected:
        found |= {"detections": detected, "on": next(iter(detected.values()))}
    return found


def radio(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the battery of a Bluetooth device, and the strength of its signal."""
    names = {"battery_percent": "battery", "signal_dbm": "rssi"}
    return {field: round(status[name]) for field, name in names.items() if is_number(status.get(name))}
