"""What a device with Tasmota reports about itself: its signal, its mains, its module and its firmware. Pure.

`STATE` has the signal, `SENSOR` has the mains, `STATUS2` has the firmware, `STATUS5` has the addresses, and
the answer to `Module` has the module (tasmota.github.io/docs/Commands).
"""

import re
from typing import Any

from msgspec.structs import replace

from daemons.drivers.tasmota.messages import number
from daemons.kinds import About

REQUESTS = (("Status", "2"), ("Status", "5"), ("Module", ""), ("TelePeriod", ""))
"""The commands, with their payloads, whose answers are the facts that no telemetry has."""
VERSION = re.compile(r"[\w.]+")
OLD_MODULE = re.compile(r"\d+ \((.+)\)")
"""The module as older firmware writes it, such as `1 (Sonoff Basic)`."""


def read(found: dict[str, Any], about: About | None, relay: int, *, has_phases: bool) -> dict[str, Any]:
    """Return the facts of a message as fields of a Reading; `about` is what is known already."""
    changes: dict[str, Any] = {}
    if isinstance(wifi := found.get("Wifi"), dict):
        changes["signal_dbm"] = number(wifi.get("Signal"))
    if isinstance(energy := found.get("ENERGY"), dict):
        changes |= mains(energy, relay, has_phases=has_phases)
    if isinstance(chip := found.get("ESP32"), dict):
        changes["device_temperature_celsius"] = celsius(chip.get("Temperature"), found)
    changes = {name: value for name, value in changes.items() if value is not None}
    told = {name: text for name, text in described(found).items() if text}
    if told:
        changes["about"] = replace(about or About(manufacturer="Tasmota"), **told)
    return changes


def mains(energy: dict[str, Any], relay: int, *, has_phases: bool) -> dict[str, float | None]:
    """Return voltage, current and power factor; of several phases, the mean voltage and the whole current."""

    def values(word: str) -> list[float]:
        value = energy.get(word)
        listed = value if isinstance(value, list) else [value]
        if isinstance(value, list) and not has_phases:
            listed = value[relay - 1 : relay]
        return [one for item in listed if (one := number(item)) is not None]

    volts, amperes, factors = values("Voltage"), values("Current"), values("Factor")
    return {
        "voltage_volts": sum(volts) / len(volts) if volts else None,
        "current_amperes": sum(amperes) if amperes else None,
        "power_factor": factors[0] if len(factors) == 1 else None,
    }


def described(found: dict[str, Any]) -> dict[str, str | None]:
    """Return what a message says about module, firmware and addresses, as fields of About."""
    own: dict[str, str | None] = {}
    if isinstance(firmware := found.get("StatusFWR"), dict):
        version = VERSION.match(str(firmware.get("Version", "")))
        own["firmware"] = version[0] if version else None
    if isinstance(network := found.get("StatusNET"), dict):
        own["mac"] = network["Mac"] if isinstance(network.get("Mac"), str) else None
        address = network.get("IPAddress")
        if isinstance(address, str) and address != "0.0.0.0" and network.get("Webserver"):  # noqa: S104  no address
            own["url"] = f"http://{address}/"
    module = found.get("Module")
    if isinstance(module, dict):
        own["model"] = next((name for name in module.values() if isinstance(name, str)), None)
    elif isinstance(module, str) and (old := OLD_MODULE.fullmatch(module)):
        own["model"] = old[1]
    return own


def tele_period(found: dict[str, Any]) -> float | None:
    """Return the TelePeriod of a message in seconds; None if it has none, or if telemetry is off."""
    value = found.get("TelePeriod")
    seconds = number(value.removesuffix("s") if isinstance(value, str) else value)
    return seconds or None


def celsius(value: Any, found: dict[str, Any]) -> float | None:
    """Return a temperature of a message in °C; `TempUnit` of the message says whether it is in °F."""
    measured = number(value)
    if measured is None or found.get("TempUnit") != "F":
        return measured
    return round((measured - 32) / 1.8, 2)
