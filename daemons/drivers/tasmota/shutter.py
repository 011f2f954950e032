"""A shutter of a device with Tasmota: two relays are its motors, and the device knows its position.

It reports `Shutter1` with its position (0 is closed), its direction (1 opens, -1 closes, 0 stands) and its
target, in the answer to a command and in its telemetry (tasmota.github.io/docs/Blinds-and-Shutters).
"""

from typing import Any

from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.messages import number
from daemons.drivers.transports.mqtt_device import Message
from daemons.kinds import Setting

WORDS = {"open": "ShutterOpen", "close": "ShutterClose"}


class ShutterDevice(TasmotaDevice):
    """One shutter."""

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """The commands that request its state."""
        return (("Status", "10"), ("State", ""))

    def parse(self, found: dict[str, Any], *, is_whole: bool) -> dict[str, Any] | None:
        """Return its position and its direction."""
        shutter = found.get(f"Shutter{self._options.shutter}")
        if not isinstance(shutter, dict):
            if is_whole:
                raise ValueError(f"it has no shutter {self._options.shutter}; turn it on by SetOption80")
            return None
        changes: dict[str, Any] = {}
        if (position := number(shutter.get("Position"))) is not None:
            changes["position_percent"] = round(min(100.0, max(0.0, position)))
        if (moves := number(shutter.get("Direction"))) is not None:
            changes["on"] = moves != 0
            changes["direction"] = "open" if moves > 0 else "close" if moves < 0 else None
        return changes

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return a command that moves or stops it, and one that makes it report where it is."""
        word = WORDS[setting.direction] if setting.on and setting.direction else "ShutterStop"
        commands = ((f"{word}{self._options.shutter}", ""), ("Status", "10"))
        return [(f"{self._topics.command}{command}", value) for command, value in commands]

    def has_reached(self, setting: Setting) -> bool:
        """Return whether it moves, or stands, as it shall; one that is at its end already does not move."""
        return setting.is_met_by(self._reported) or setting.is_at_end(self._reported)
