"""Where what is said at an MQTT broker: the house's topics, under one prefix. docs/bridge.md lists them."""

from typing import NamedTuple

from daemons.bus.message import BRIDGE, NAME

ONLINE, OFFLINE = "online", "offline"
"""What stands on every topic of an availability."""


class Address(NamedTuple):
    """Whom a command is for, by its topic, and which command it is where the topic says that."""

    device: str
    word: str | None


class Topics:
    """The topics of one house."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def node(self, device: str = BRIDGE) -> str:
        """Name a device for Home Assistant: no other prefix and device have the same name."""
        return "-".join([*self._prefix.split("/"), device])

    def availability(self, device: str = BRIDGE) -> str:
        """Where stands whether what is said of a device holds; of the bridge, whether it is there."""
        return f"{self._prefix}/{device}/availability"

    def state(self, device: str = BRIDGE) -> str:
        """Where a device's state stands."""
        return f"{self._prefix}/{device}/state"

    def presence(self, device: str) -> str:
        """Where stands how the device's process does, in the mirror's words."""
        return f"{self._prefix}/{device}/presence"

    def event(self, device: str) -> str:
        """Where it is said that a button was pressed."""
        return f"{self._prefix}/{device}/event"

    def receipt(self, device: str = BRIDGE) -> str:
        """Where the receipts of its commands are given."""
        return f"{self._prefix}/{device}/receipt"

    def command(self, device: str, word: str | None = None) -> str:
        """Where it takes commands: any, or this one."""
        return f"{self._prefix}/{device}/command" + (f"/{word}" if word else "")

    @property
    def commands(self) -> str:
        """Give the filter of all commands."""
        return f"{self._prefix}/+/command/#"

    def read(self, topic: str) -> Address | None:
        """Say what a topic of a command says; nothing when it is none."""
        if not topic.startswith(f"{self._prefix}/"):
            return None
        device, *rest = topic.removeprefix(f"{self._prefix}/").split("/")
        if not NAME.fullmatch(device) or not rest or rest[0] != "command" or len(rest) > 2:  # noqa: PLR2004
            return None
        return Address(device, rest[1] if len(rest) > 1 else None)
