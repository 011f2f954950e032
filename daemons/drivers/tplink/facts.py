"""Numbers of a reply, and facts about the hardware: mains, signal, model, firmware and address. Pure."""

from collections.abc import Mapping
from typing import Any

from daemons.kinds import About

MOST = 1e12
"""A larger number is none: JSON can have any number of digits."""


def number(value: Any, scale: float = 1.0) -> float | None:
    """Return a number of a reply in another unit; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MOST:
        return None
    return round(value * scale, 3)


def is_fahrenheit(info: Mapping[str, Any]) -> bool:
    """Return whether a device is set to °F in TP-Link's app: then all its temperatures are in °F."""
    return bool(info.get("temp_unit") == "fahrenheit")


def celsius(info: Mapping[str, Any], name: str) -> float | None:
    """Return a temperature that a device reports, in °C; None if it does not report it."""
    value = number(info.get(name))
    return round((value - 32) / 1.8, 2) if value is not None and is_fahrenheit(info) else value


def mains(meter: Mapping[str, Any]) -> dict[str, Any]:
    """Return voltage and current: in milliunits, or in units on the oldest meters. A lamp reports zeros."""
    found: dict[str, Any] = {}
    for name, small, unit in (
        ("voltage_volts", "voltage_mv", "voltage"),
        ("current_amperes", "current_ma", "current"),
    ):
        value = number(meter.get(small), 0.001)
        found[name] = number(meter.get(unit)) if value is None else value
    return found if found["voltage_volts"] else {}


def facts(info: Mapping[str, Any], *, is_outlet: bool) -> dict[str, Any]:
    """Return the signal and what the hardware is. The outlets of a strip share its address, so have none."""
    firmware = info.get("sw_ver", info.get("fw_ver"))
    about = About(
        manufacturer="TP-Link",
        model=text(info.get("model")),
        firmware=text(str(firmware).partition(" ")[0] if firmware else None),
        mac=None if is_outlet else text(info.get("mac", info.get("mic_mac"))),
    )
    return {"signal_dbm": number(info.get("rssi")), "about": about}


def text(value: Any) -> str | None:
    """Return a text of a reply; None for anything else, and for an empty one."""
    return value if isinstance(value, str) and value else None
