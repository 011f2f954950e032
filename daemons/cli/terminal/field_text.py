"""The fields of a state for a person: a name without its unit, and a value with it. Pure."""

from datetime import datetime, tzinfo
from typing import Any

UNITS = {
    "power_watts": "W",
    "watts": "W",
    "watt_hours": "Wh",
    "kwh": "kWh",
    "celsius": "°C",
    "kelvin": "K",
    "percent": "%",
    "lux": "lx",
    "hectopascals": "hPa",
    "ppm": "ppm",
    "micrograms": "µg/m³",
    "volts": "V",
    "amperes": "A",
    "dbm": "dBm",
    "seconds": "s",
}
"""The end of a field's name, with the unit of its value."""
NAMES = {"co2_ppm": "CO2", "pm25_micrograms": "Fine dust", "status": "On", "url": "URL", "id": "Id"}
"""Fields whose name is not made of their own words."""
MOMENTS = ("_at", "_since", "_until")
"""The ends of the names of moments, in Unix seconds."""
EARLIEST_MOMENT = 1e9


def unit_of(name: str) -> str | None:
    """Return the unit of a field, by the end of its name; None if it has none."""
    return next((unit for end, unit in UNITS.items() if name == end or name.endswith(f"_{end}")), None)


def field_name(name: str) -> str:
    """Return the name of a field for a person: "Power" for `power_watts`."""
    if name in NAMES:
        return NAMES[name]
    end = next((end for end in UNITS if end != "power_watts" and name.endswith(f"_{end}")), None)
    plain = name.removesuffix(f"_{end}") if end else name
    words = plain.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def field_value(name: str, value: Any, zone: tzinfo, unit: str | None = None) -> str:
    """Return the value of a field for a person, with its unit; `unit` is the one that the state names."""
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case int() | float() if name.endswith(MOMENTS) and value > EARLIEST_MOMENT:
            return f"{datetime.fromtimestamp(value, zone):%a %d %b %H:%M:%S %Z}"
        case int() | float():
            shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
            if name.endswith("_seconds") and value >= 120:  # noqa: PLR2004
                return f"{shown} s ({length(value)})"
            found = unit_of(name) or unit
            return f"{shown} {found}" if found else shown
        case list() | tuple():
            return ", ".join(field_value("", one, zone) for one in value) or "none"
        case dict():
            return ", ".join(f"{key} {field_value(key, one, zone)}" for key, one in value.items()) or "none"
    return str(value)


def length(seconds: float) -> str:
    """Return a duration in its two largest units, such as "2 h 5 min"."""
    whole = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, whole = divmod(whole, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"
