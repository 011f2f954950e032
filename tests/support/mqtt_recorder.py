"""Another program at the broker, for tests: hears everything, says anything, and remembers all of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_SECONDS = 60.0


class Eavesdropper:
    """What was said at a broker, in order, and what stands there."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._changed = threading.Condition()
        self.said: list[tuple[str, bytes]] = []
        """Everything, the first first; but not what stood there before."""
        self.standing: dict[str, bytes] = {}
        """By topic, the last that was said; nothing where that was nothing."""
        client.on_message = self._take

    def _take(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            if not message.retain:
                self.said.append((message.topic, bytes(message.payload)))
            if message.payload:
                self.standing[message.topic] = bytes(message.payload)
            else:
                self.standing.pop(message.topic, None)
            self._changed.notify_all()

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until something is so by what was said, and give it; fail when it never is."""
        end = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while not (answer := holds()):
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not within {PATIENCE_SECONDS:g} s; {self.said[-20:]}")
                self._changed.wait(left)
            return answer

    def say(self, topic: str, payload: str | dict[str, Any], *, qos: int = 1, retain: bool = False) -> None:
        """Say something, and wait until the broker has it."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self._client.publish(topic, text, qos, retain=retain).wait_for_publish(PATIENCE_SECONDS)

    def forget(self) -> None:
        """Forget what was said so far."""
        with self._changed:
            self.said.clear()

    def all(self, topic: str) -> list[bytes]:
        """Give all that was said on a topic."""
        return [payload for where, payload in self.said if where == topic]

    def state(self, device: str, prefix: str = "house") -> dict[str, Any]:
        """Give the state of a device that stands there; empty before there is one."""
        found: dict[str, Any] = json.loads(self.standing.get(f"{prefix}/{device}/state", b'{"state": {}}'))
        state: dict[str, Any] = found["state"]
        return state

    def shows(self, device: str, **fields: Any) -> bool:
        """Tell whether a device's state there has these fields."""
        return all(self.state(device).get(key) == value for key, value in fields.items())

    def is_online(self, device: str, prefix: str = "house") -> bool:
        """Tell whether its availability says so."""
        return self.standing.get(f"{prefix}/{device}/availability") == b"online"

    def receipts(self, device: str) -> list[dict[str, Any]]:
        """Give every receipt of a device that was heard."""
        return [json.loads(payload) for payload in self.all(f"house/{device}/receipt")]

    def ask(self, topic: str, payload: str | dict[str, Any], *, retain: bool = False) -> dict[str, Any]:
        """Say a command, and give the receipt that follows."""
        device = topic.split("/")[1]
        before = len(self.receipts(device))
        self.say(topic, payload, retain=retain)
        found: dict[str, Any] = self.until(lambda: self.receipts(device)[before:])[0]
        return found


@contextmanager
def eavesdropping(port: int) -> Iterator[Eavesdropper]:
    """Hear a broker, through its restarts."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 1)
    joined = threading.Event()
    client.on_connect = lambda *_: (client.subscribe("#", 1), None)[1]
    client.on_subscribe = lambda *_: joined.set()
    made = Eavesdropper(client)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert joined.wait(PATIENCE_SECONDS)
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()
