"""A Zigbee plug with a meter behind Zigbee2MQTT 2.x, as that talks for it."""

import json
from typing import Any, ClassVar

from tests.support.mqtt_plug import MqttPlug

NAME = "kitchen/kettle plug"


class ZigbeePlug(MqttPlug):
    """A Zigbee plug, and the Zigbee2MQTT in front of it."""

    driver: ClassVar[str] = "mqtt_zigbee2mqtt"

    def options(self) -> dict[str, Any]:
        """Give the driver's table."""
        return {**super().options(), "device": NAME}

    @property
    def will(self) -> tuple[str, str, str]:
        """Give its presence."""
        return f"zigbee2mqtt/{NAME}/availability", '{"state":"online"}', '{"state":"offline"}'

    @property
    def listens(self) -> str:
        """Give its orders' topics."""
        return f"zigbee2mqtt/{NAME}/+"

    def order(self, topic: str, said: str) -> None:
        """Take an order or a question."""
        match topic.rpartition("/")[2]:
            case "set":
                asked = json.loads(said)
                self.move(asked["state"] == "ON")
                self.armed_seconds = asked.get("on_time") if self.on else None
                self._tell()
            case "get":
                self._tell()

    def hand(self, on: bool) -> None:
        """Be switched by its button, and tell."""
        self.move(on)
        self._tell()

    def announce(self) -> None:
        """Say that the bridge is there, and what was known last."""
        self.say("zigbee2mqtt/bridge/state", '{"state":"online"}', retain=True)
        self._tell()

    def _tell(self) -> None:
        power = self.power_watts if self.on else 0
        told = {"state": "ON" if self.on else "OFF", "power": power, "energy": 12.34, "linkquality": 120}
        self.say(f"zigbee2mqtt/{NAME}", json.dumps(told))
