"""A Zigbee bulb with colours behind Zigbee2MQTT 2.x."""

import json
from pathlib import Path
from typing import Any

from tests.support.emulators.mqtt_zigbee2mqtt import NAME, ZigbeePlug

STEPS = 65535
"""The x and the y of Zigbee are whole numbers up to this one."""


class ZigbeeBulb(ZigbeePlug):
    """A bulb: it shows a white or a colour, and rounds both."""

    has_meter = False

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.light: dict[str, Any] = {
            "state": "OFF", "brightness": 254, "color_mode": "color_temp", "color_temp": 370,
            "color": {"x": 0.46, "y": 0.41},
        }  # fmt: skip

    def on_message(self, topic: str, payload: str) -> None:
        """Handle a command or a request."""
        match topic.rpartition("/")[2]:
            case "set":
                self._set(json.loads(payload))
            case "get":
                self._publish_state()

    def set_by_hand(self, **light: Any) -> None:
        """Change the light by the remote control of the bulb."""
        self._set(light)

    def _set(self, light: dict[str, Any]) -> None:
        if "color" in light:
            color = {axis: round(round(part * STEPS) / STEPS, 4) for axis, part in light["color"].items()}
            light = {**light, "color": color, "color_mode": "xy"}
        elif "color_temp" in light:
            light = {**light, "color_mode": "color_temp"}
        self.light |= light
        self.switch_relay(self.light["state"] == "ON")
        self._publish_state()

    def _publish_state(self) -> None:
        self.publish(f"zigbee2mqtt/{NAME}", json.dumps({**self.light, "linkquality": 120}))
