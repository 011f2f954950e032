"""Which devices the live view shows, and in which order: a filter and an order. Pure."""

from typing import Any

ORDERS = ("room", "name", "changed", "power")
"""By room, by name, the latest change first, the highest power first."""
FIELDS_OF_FILTER = ("name", "room", "kind", "presence")


def by_room(devices: dict[str, Any]) -> list[str]:
    """Return the names of the devices by room; the rooms are in the order of their first devices."""
    rooms = list(dict.fromkeys(str(device["room"]) for device in devices.values()))
    return sorted(devices, key=lambda name: rooms.index(str(devices[name]["room"])))


class Selection:
    """The filter and the order of the devices."""

    def __init__(self) -> None:
        self.filter = ""
        self.order = ORDERS[0]

    def next_order(self) -> None:
        """Go on to the next order."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]

    def names(self, devices: dict[str, Any]) -> list[str]:
        """Return the names of the shown devices in their order."""
        names = [name for name in by_room(devices) if self._matches(name, devices[name])]
        if self.order == "name":
            names.sort(key=lambda name: str(devices[name]["name"]).casefold())
        elif self.order == "changed":
            names.sort(key=lambda name: -(devices[name].get("since") or 0.0))
        elif self.order == "power":
            names.sort(key=lambda name: -self._watts(devices[name]))
        return names

    def _matches(self, name: str, device: dict[str, Any]) -> bool:
        """Return whether each word of the filter stands in the texts of a device."""
        state = device["state"] or {}
        texts = [
            name,
            str(state.get("phase", "")),
            *(str(device.get(field) or "") for field in FIELDS_OF_FILTER),
        ]
        text = " ".join(texts).casefold()
        return all(word in text for word in self.filter.casefold().split())

    @staticmethod
    def _watts(device: dict[str, Any]) -> float:
        watts = (device["state"] or {}).get("power_watts")
        return float(watts) if isinstance(watts, int | float) else -1.0
