"""What a sensor of a node measures, by its device class and its unit. Pure."""

import math
from typing import NamedTuple

CLASSES = {
    "temperature": "temperature_celsius",
    "humidity": "humidity_percent",
    "moisture": "soil_moisture_percent",
    "illuminance": "illuminance_lux",
    "pressure": "pressure_hectopascals",
    "atmospheric_pressure": "pressure_hectopascals",
    "carbon_dioxide": "co2_ppm",
    "pm25": "pm25_micrograms",
    "battery": "battery_percent",
    "power": "power_watts",
    "energy": "energy_watt_hours",
    "voltage": "voltage_volts",
    "current": "current_amperes",
    "power_factor": "power_factor",
    "signal_strength": "signal_dbm",
}
"""By the device class of a sensor, the field of a reading."""
UNITS: dict[str, dict[str, tuple[float, float]]] = {
    "temperature_celsius": {"°C": (1, 0), "°F": (5 / 9, -160 / 9), "K": (1, -273.15)},
    "humidity_percent": {"%": (1, 0)},
    "soil_moisture_percent": {"%": (1, 0)},
    "illuminance_lux": {"lx": (1, 0), "klx": (1000, 0)},
    "pressure_hectopascals": {"hPa": (1, 0), "mbar": (1, 0), "kPa": (10, 0), "Pa": (0.01, 0)},
    "co2_ppm": {"ppm": (1, 0)},
    "pm25_micrograms": {"µg/m³": (1, 0), "μg/m³": (1, 0)},
    "battery_percent": {"%": (1, 0)},
    "power_watts": {"W": (1, 0), "kW": (1000, 0), "mW": (0.001, 0)},
    "energy_watt_hours": {"Wh": (1, 0), "kWh": (1000, 0), "MWh": (1_000_000, 0)},
    "voltage_volts": {"V": (1, 0), "mV": (0.001, 0)},
    "current_amperes": {"A": (1, 0), "mA": (0.001, 0)},
    "power_factor": {"": (1, 0), "%": (0.01, 0)},
    "signal_dbm": {"dBm": (1, 0)},
}
"""By field, the units that are known: the factor, and what is then added."""
BY_UNIT = {
    unit: field
    for field, units in UNITS.items()
    for unit in units
    if unit not in ("", "%", "ppm", "K", "µg/m³", "μg/m³")
}
"""The field of a sensor without a device class, where the unit alone decides it."""
WHOLE = {"battery_percent"}
NODE_FIELDS = {"signal_dbm", "device_temperature_celsius"}
"""The fields about the node itself, which each of its devices reports."""


class Measurement(NamedTuple):
    """The field of a reading that a sensor fills, and how its values are converted."""

    field: str
    factor: float = 1.0
    offset: float = 0.0

    def convert(self, value: float) -> float | int | None:
        """Return a value in the unit of the field; None if the sensor has none."""
        if not math.isfinite(value):
            return None
        converted = value * self.factor + self.offset
        return round(converted) if self.field in WHOLE else round(converted, 6)


def measurement_of(device_class: str, unit: str, *, is_diagnostic: bool = False) -> Measurement | None:
    """Return what a sensor measures; None if no field of a reading has it, or its unit is unknown."""
    field = CLASSES.get(device_class) if device_class else BY_UNIT.get(unit)
    if field is None or unit not in UNITS[field]:
        return None
    factor, offset = UNITS[field][unit]
    if field == "temperature_celsius" and is_diagnostic:
        field = "device_temperature_celsius"
    return Measurement(field, factor, offset)
