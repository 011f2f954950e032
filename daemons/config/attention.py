"""What the configuration says about a device, for the notices about it."""

from typing import Any

from daemons.bus.facts import Facts
from daemons.bus.notice import Code
from daemons.config.tables import DEFAULT_ROOM, Settings
from daemons.kinds import Kind, Machine

DETECTED: dict[str, Code] = {
    "smoke": "smoke",
    "gas": "gas",
    "carbon_monoxide": "carbon_monoxide",
    "moisture": "water",
    "safety": "danger",
    "heat": "danger",
    "tamper": "tamper",
    "door": "open",
    "garage_door": "open",
    "opening": "open",
    "window": "open",
}
"""By Home Assistant's device class of a detection, the notice that it leads to."""


def facts_of(title: str, room: str, kind: type[Kind] | None, options: Any, settings: Settings) -> Facts:
    """Return the facts of a device; without its kind or its options, those that are known."""
    place = None if room == DEFAULT_ROOM else room
    if kind is None:
        return Facts(name=title, room=place)
    word = kind.detects(options) if options is not None else None
    detects = DETECTED.get(kind.detections.get(word) or word) if word is not None else None
    open_seconds = None
    if detects == "open":
        own = getattr(options, "open_seconds", None)
        open_seconds = float(settings.open_seconds if own is None else own) or None
    longest = getattr(options, "max_on_seconds", None)
    is_sensor = issubclass(kind, Machine) and not kind.drives and "sense" in kind.needs
    is_ready = kind.role == "device" and "ready" in kind.fields()
    return Facts(
        name=title,
        room=place,
        detects=detects,
        has_hardware=issubclass(kind, Machine) and bool(kind.needs),
        is_sensor=is_sensor,
        unknown_phases=kind.unknown_phases,
        max_on_seconds=None if longest is None else float(longest),
        open_seconds=open_seconds,
        battery_percent=settings.battery_percent,
        makes=kind.makes if is_ready else None,
        finished_phases=kind.finished_phases,
    )


def facts_of_service(name: str) -> Facts:
    """Return the facts of a service of the house, such as the steward."""
    return Facts(name=name.capitalize(), is_service=True)
