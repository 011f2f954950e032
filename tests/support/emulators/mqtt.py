"""A plug of a person's own making: one JSON state, a topic for commands, and a last will."""

import json
from typing import Any, ClassVar

from tests.support.mqtt_plug import MqttPlug

BASE = "shed/pump"


class OwnPlug(MqttPlug):
    """A plug with a meter and without a timer."""

    driver: ClassVar[str] = "mqtt"
    has_timer = False

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {
            **super().options(),
            "topic": f"{BASE}/status",
            "state_path": "relay.0.state",
            "command_topic": f"{BASE}/set",
            "on": "1",
            "off": "0",
            "request_topic": f"{BASE}/get",
            "availability_topics": [f"{BASE}/will"],
            "online": "here",
            "offline": "gone",
            "measurements": {"power_watts": {"path": "milliwatts", "factor": 0.001}},
        }

    @property
    def will(self) -> tuple[str, str, str]:
        """Return the topic and payloads of its availability."""
        return f"{BASE}/will", "here", "gone"

    @property
    def subscription(self) -> str:
        """Return the topics of its commands."""
        return f"{BASE}/+"

    def on_message(self, topic: str, payload: str) -> None:
        """Handle a command or a request."""
        match topic.removeprefix(f"{BASE}/"):
            case "set":
                self.switch_relay(payload == "1")
                self._publish_state()
            case "get":
                self._publish_state()

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the plug's button, and report it."""
        self.switch_relay(on)
        self._publish_state()

    def announce(self) -> None:
        """Publish the state, as at every start."""
        self._publish_state()

    def _publish_state(self) -> None:
        milliwatts = self.power_watts * 1000 if self.on else 0
        state = {"relay": [{"state": self.on}], "milliwatts": milliwatts}
        self.publish(f"{BASE}/status", json.dumps(state))
