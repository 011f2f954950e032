"""The devices of one house at the broker. Pure; all payloads come from another machine, and have bounds."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from daemons.bus.message import NAME, Fields, Identifier, Unix
from daemons.bus.status import PRESENCES
from daemons.values import printable

MAX_DEVICES = 2000
MAX_STATE_BYTES = 64 * 1024
Shown = Literal["live", "stale", "offline", "restarting", "failed", "stopped"]


class RemoteState(Struct, frozen=True, kw_only=True):
    """The state of a device, as the bridge of its house publishes it."""

    state: Fields
    since: Unix | None = None
    at: Unix | None = None
    cause: Identifier | None = None


_decode = msgspec.json.Decoder(RemoteState).decode


class RemoteDevice(Struct, kw_only=True):
    """What is known of one device."""

    presence: Shown | None = None
    is_available: bool | None = None
    state: dict[str, Any] | None = None
    since: float | None = None
    """When the state last changed, by the clock of the house (Unix seconds)."""
    at: float | None = None
    """When the state was published, by the same clock."""
    cause: str | None = None


class OneHouse:
    """The devices of one house."""

    def __init__(self, base: str) -> None:
        """Read the topics that begin with `base`, which ends in the name of the house and a slash."""
        self._base = base
        self.devices: dict[str, RemoteDevice] = {}
        self.ignored = 0

    def on_message(self, topic: str, payload: bytes) -> None:
        """Read a message."""
        device, _, what = topic.removeprefix(self._base).partition("/")
        if not topic.startswith(self._base) or not NAME.fullmatch(device):
            self.ignored += 1
            return
        if device == "bridge" or what not in ("state", "presence", "availability") or not payload:
            return
        if device not in self.devices and len(self.devices) >= MAX_DEVICES:
            self.ignored += 1
            return
        if not self._read(device, what, payload):
            self.ignored += 1

    def _read(self, device: str, what: str, payload: bytes) -> bool:
        """Return whether a payload is valid; store it."""
        text = payload[:100].decode(errors="replace")
        if what == "state":
            try:
                found = _decode(payload) if len(payload) <= MAX_STATE_BYTES else None
            except (msgspec.MsgspecError, RecursionError, UnicodeError):
                found = None
            if found is None:
                return False
            known = self.devices.setdefault(device, RemoteDevice())
            known.state, known.since, known.at = printable(found.state), found.since, found.at
            known.cause = found.cause
        elif what == "presence":
            presence = next((word for word in PRESENCES if word == text), None)
            if presence is None:
                return False
            self.devices.setdefault(device, RemoteDevice()).presence = presence
        else:
            if text not in ("online", "offline"):
                return False
            self.devices.setdefault(device, RemoteDevice()).is_available = text == "online"
        return True
