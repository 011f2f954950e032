"""A Zigbee plug with a meter behind Zigbee2MQTT 2.x."""

import json
from typing import Any, ClassVar

from tests.support.mqtt_plug import MqttPlug

NAME = "kitchen/kettle plug"


class ZigbeePlug(MqttPlug):
    """A Zigbee plug and its Zigbee2MQTT."""

    driver: ClassVar[str] = "mqtt_zigbee2mqtt"

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {**super().options(), "device": NAME}

    @property
    def will(self) -> tuple[str, str, str]:
        """Return the topic and payloads of its availability."""
        return f"zigbee2mqtt/{NAME}/availability", '{"state":"online"}', '{"state":"offline"}'

    @property
    def subscription(self) -> str:
        """Return the topics of its commands."""
        return f"zigbee2mqtt/{NAME}/+"

    def on_message(self, topic: str, payload: str) -> None:
        """Handle a command or a request."""
        match topic.rpartition("/")[2]:
            case "set":
                request = json.loads(payload)
                self.switch_relay(request["state"] == "ON")
                self.armed_seconds = request.get("on_time") if self.on else None
                self._publish_state()
            case "get":
                self._publish_state()

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the plug's button, and report it."""
        self.switch_relay(on)
        self._publish_state()

    def announce(self) -> None:
        """Publish that the bridge is online, and the last known state."""
        self.publish("zigbee2mqtt/bridge/state", '{"state":"online"}', retain=True)
        self._publish_state()

    def _publish_state(self) -> None:
        power = self.power_watts if self.on else 0
        reply_ = {"state": "ON" if self.on else "OFF", "power": power, "energy": 12.34, "linkquality": 120}
        self.publish(f"zigbee2mqtt/{NAME}", json.dumps(reply_))
