"""The MQTT topics of a house, under one prefix; docs/bridge.md lists them."""

from typing import NamedTuple

from daemons.bus.message import BRIDGE, NAME

ONLINE, OFFLINE = "online", "offline"
"""The two payloads of every availability topic."""


class Address(NamedTuple):
    """The device of a command topic, and the command, if the topic contains it."""

    device: str
    word: str | None


class Topics:
    """The topics of one house."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def node(self, device: str = BRIDGE) -> str:
        """Return the node id of a device for Home Assistant; it is unique over prefixes and devices."""
        return "-".join([*self._prefix.split("/"), device])

    def availability(self, device: str = BRIDGE) -> str:
        """Return the availability topic of a device, or of the bridge itself."""
        return f"{self._prefix}/{device}/availability"

    def alive(self) -> str:
        """Return the topic on which the house shows that it is alive."""
        return f"{self._prefix}/{BRIDGE}/alive"

    def state(self, device: str = BRIDGE) -> str:
        """Return the state topic of a device."""
        return f"{self._prefix}/{device}/state"

    def presence(self, device: str) -> str:
        """Return the topic of a device's presence."""
        return f"{self._prefix}/{device}/presence"

    def event(self, device: str) -> str:
        """Return the topic of the presses of a button."""
        return f"{self._prefix}/{device}/event"

    def receipt(self, device: str = BRIDGE) -> str:
        """Return the topic of the receipts of a device."""
        return f"{self._prefix}/{device}/receipt"

    def command(self, device: str, word: str | None = None) -> str:
        """Return the topic of all commands of a device, or of one command."""
        return f"{self._prefix}/{device}/command" + (f"/{word}" if word else "")

    @property
    def commands(self) -> str:
        """The topic filter of all commands."""
        return f"{self._prefix}/+/command/#"

    @property
    def echo(self) -> str:
        """The topic on which the bridge sends messages to itself; it matches the filter of all commands."""
        return self.command(BRIDGE, "echo")

    def read(self, topic: str) -> Address | None:
        """Parse a command topic; return None for any other topic."""
        if not topic.startswith(f"{self._prefix}/"):
            return None
        device, *rest = topic.removeprefix(f"{self._prefix}/").split("/")
        if not NAME.fullmatch(device) or not rest or rest[0] != "command" or len(rest) > 2:  # noqa: PLR2004
            return None
        return Address(device, rest[1] if len(rest) > 1 else None)
