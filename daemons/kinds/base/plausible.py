"""The values that a measurement can have in a house. All others come from broken sensors."""

from msgspec.structs import replace

from daemons.kinds.base.hardware import Reading

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "power_watts": (-100_000, 100_000),  # negative: a solar plant that feeds power in
    "energy_watt_hours": (-1e9, 1e9),
    "brightness_percent": (0, 100),
    "colour_temperature_kelvin": (500, 40_000),
    "position_percent": (0, 100),
    "temperature_celsius": (-100, 1500),  # from a deep freezer to the inside of a stove
    "humidity_percent": (0, 100),
    "battery_percent": (0, 100),
    "illuminance_lux": (0, 200_000),
    "pressure_hectopascals": (300, 1100),
    "co2_ppm": (0, 100_000),
    "pm25_micrograms": (0, 10_000),
    "soil_moisture_percent": (0, 100),
    "voltage_volts": (-1000, 1000),
    "current_amperes": (-1000, 1000),
    "power_factor": (-1, 1),
    "signal_dbm": (-150, 20),
    "link_quality": (0, 255),
    "device_temperature_celsius": (-100, 300),
    "target_celsius": (-50, 100),
    "valve_percent": (0, 100),
    "progress_percent": (0, 100),
    "remaining_seconds": (0, 1e9),
    "feels_like_celsius": (-150, 100),
    "wind_kmh": (0, 500),
    "gust_kmh": (0, 500),
    "rain_mm": (0, 1000),
    "rain_probability_percent": (0, 100),
    "rain_within_minutes": (0, 1440),
    "night_min_celsius": (-100, 70),
}
"""For each measurement, the lowest and the highest value that it can have in a house. A value outside comes
from a broken sensor, and counts as unknown."""
ROOM_CELSIUS = (-40.0, 60.0)
"""The temperatures that a room can have. What heats a room refuses all others."""


def is_plausible(name: str, value: object) -> bool:
    """Return whether a field can have a value; a field that is not in PLAUSIBLE can have any."""
    if name not in PLAUSIBLE or isinstance(value, bool) or not isinstance(value, int | float):
        return True
    low, high = PLAUSIBLE[name]
    return low <= value <= high  # false for NaN


def without_implausible(reading: Reading) -> Reading:
    """Return a reading whose implausible values are unknown (None); its fault names them."""
    refused = [
        name
        for name in PLAUSIBLE
        if (value := getattr(reading, name, None)) is not None and not is_plausible(name, value)
    ]
    if not refused:
        return reading
    return replace(reading, **dict.fromkeys(refused), fault=add_implausible(reading.fault, refused))


def add_implausible(fault: str | None, refused: list[str]) -> str:
    """Return a fault that names refused measurements. It has no value: a broken sensor always has another."""
    texts = [f"its {name} is not {range_text(name)}, and counts as unknown" for name in refused]
    return "; ".join([fault, *texts] if fault else texts)


def range_text(name: str) -> str:
    """Return the plausible range of a measurement."""
    low, high = PLAUSIBLE[name]
    return f"from {low:.0f} to {high:.0f}"
