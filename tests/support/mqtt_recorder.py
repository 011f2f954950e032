"""A client that records all messages of a broker, and publishes any message."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.patience import Deadline, patience


class MqttRecorder:
    """The messages of a broker in order, and its retained messages."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._changed = threading.Condition()
        self.messages: list[tuple[str, bytes]] = []
        """All messages in order, without those that were retained before the subscription."""
        self.retained: dict[str, bytes] = {}
        """The last payload of each topic; a topic whose last payload is empty is left out."""
        client.on_message = self._on_message

    def _on_message(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            if not message.retain:
                self.messages.append((message.topic, bytes(message.payload)))
            if message.payload:
                self.retained[message.topic] = bytes(message.payload)
            else:
                self.retained.pop(message.topic, None)
            self._changed.notify_all()

    def wait_for(self, met: Callable[[], Any]) -> Any:
        """Wait until a condition is met, and return its value; fail after the timeout."""
        deadline = Deadline()
        with self._changed:
            while not (value := met()):
                left = deadline.left()
                if left <= 0:
                    raise AssertionError(f"{deadline}; {self.messages[-20:]}")
                self._changed.wait(left)
            return value

    def publish(
        self, topic: str, payload: str | dict[str, Any], *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish a message, and wait until the broker has it."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self._client.publish(topic, text, qos, retain=retain).wait_for_publish(patience())

    def clear(self) -> None:
        """Drop the messages so far."""
        with self._changed:
            self.messages.clear()

    def payloads(self, topic: str) -> list[bytes]:
        """Return all payloads of a topic."""
        return [payload for sent_to, payload in self.messages if sent_to == topic]

    def state(self, device: str, prefix: str = "house") -> dict[str, Any]:
        """Return the retained state of a device; empty before the first one."""
        found: dict[str, Any] = json.loads(self.retained.get(f"{prefix}/{device}/state", b'{"state": {}}'))
        state: dict[str, Any] = found["state"]
        return state

    def shows(self, device: str, **fields: Any) -> bool:
        """Return whether the retained state of a device has these fields."""
        return all(self.state(device).get(key) == value for key, value in fields.items())

    def is_online(self, device: str, prefix: str = "house") -> bool:
        """Return whether the availability of a device is `online`."""
        return self.retained.get(f"{prefix}/{device}/availability") == b"online"

    def receipts(self, device: str) -> list[dict[str, Any]]:
        """Return every receipt of a device so far."""
        return [json.loads(payload) for payload in self.payloads(f"house/{device}/receipt")]

    def send_command(
        self, topic: str, payload: str | dict[str, Any], *, retain: bool = False
    ) -> dict[str, Any]:
        """Publish a command, and return the receipt that follows."""
        device = topic.split("/")[1]
        before = len(self.receipts(device))
        self.publish(topic, payload, retain=retain)
        found: dict[str, Any] = self.wait_for(lambda: self.receipts(device)[before:])[0]
        return found


@contextmanager
def record_broker(port: int) -> Iterator[MqttRecorder]:
    """Subscribe to everything at a broker, also after it restarts."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 1)
    joined = threading.Event()
    client.on_connect = lambda *_: (client.subscribe("#", 1), None)[1]
    client.on_subscribe = lambda *_: joined.set()
    made = MqttRecorder(client)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert joined.wait(patience())
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()
