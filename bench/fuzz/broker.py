"""The MQTT broker: junk for the bridge, and junk in the place of Tasmota and Zigbee2MQTT hardware."""

import json
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.fuzz.door import Door, Kinds
from bench.fuzz.tally import PATIENCE
from daemons.errors import HouseError
from tests.support.emulators.mqtt_tasmota import TOPIC
from tests.support.emulators.mqtt_zigbee2mqtt import NAME
from tests.support.mqtt_plug import MqttPlug

BRIDGE, TASMOTA, ZIGBEE = "bridge", "mqtt_tasmota", "mqtt_zigbee2mqtt"
PROBED = "kitchen_lamp"
MAX_PAYLOAD_BYTES = 16 * 1024
"""The longest command of the bridge."""
COMMAND: dict[str, Any] = {"command": "fly", "deadline": 1, "id": "fuzz", "args": {}}
TASMOTA_TOPICS = tuple(
    f"{kind}/{TOPIC}/{last}"
    for kind, last in (
        ("tele", "LWT"), ("tele", "STATE"), ("tele", "SENSOR"), ("stat", "RESULT"), ("stat", "POWER"),
        ("stat", "STATUS8"), ("stat", "STATUS10"), ("stat", "x/y"), ("tele", ""),
    )
)  # fmt: skip
ZIGBEE_TOPICS = tuple(
    f"zigbee2mqtt/{last}"
    for last in (NAME, f"{NAME}/availability", "bridge/state", f"{NAME}/x", "bridge/logging")
)
REPORTS: dict[str, dict[str, Any]] = {
    TASMOTA: {"POWER": "OFF", "ENERGY": {"Power": 1, "Total": 2.0}, "PulseTime1": {"Set": 1, "Remaining": 2}},
    ZIGBEE: {"state": "OFF", "power": 1, "energy": 2.0, "linkquality": 3, "brightness": 4},
}
RESEND_SECONDS = 2.0
"""How long a command waits for its receipt until it is sent again."""


class Broker(Door):
    """Publishes junk at the broker, as any of its clients can."""

    name = "MQTT broker"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._receipts: set[str] = set()
        self._changed = threading.Condition()
        self._retained: set[str] = set()
        """The topics on which retained junk may be."""
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        joined = threading.Event()
        self._client.on_subscribe = lambda *_: joined.set()
        self._client.on_connect = lambda *_: (self._client.subscribe(f"house/{PROBED}/receipt", 1), None)[1]
        assert self.target.broker is not None  # noqa: S101  for the type checker
        self._client.connect("127.0.0.1", self.target.broker.port)
        self._client.loop_start()
        joined.wait(PATIENCE)

    @property
    def addresses(self) -> list[str]:
        """Return the processes that are clients of the broker."""
        return [BRIDGE, TASMOTA, ZIGBEE]

    def kinds(self) -> Kinds:
        """Return the kinds of junk payloads and topics."""
        return {
            "random payloads": self._random_payloads,
            "around the limit": self._sizes,
            "wrong fields": self._fields,
            "mutated payloads": self._mutations,
            "wrong topics": self._topics,
            "retained payloads": self._retained_payloads,
            "floods": self._flood,
        }

    def settle(self) -> None:
        """Clear the retained junk, and let the hardware announce itself as at its start."""
        while self._retained:
            self._client.publish(self._retained.pop(), b"", 1, retain=True).wait_for_publish(PATIENCE)
        for plug in self.target.plugs.values():
            if isinstance(plug, MqttPlug):
                topic, online, _ = plug.will
                plug.publish(topic, online, retain=True)
                plug.announce()

    def close(self) -> None:
        """Disconnect."""
        self.settle()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _: Any, __: Any, received: paho.MQTTMessage) -> None:
        with self._changed:
            self._receipts.add(json.loads(received.payload).get("id"))
            self._changed.notify_all()

    def check(self, kind: str) -> None:
        """Send a command with a past deadline by the bridge; its receipt must come.

        A flood can delay the bridge's messages to itself, and then it connects anew. A command that the
        broker delivers meanwhile is lost, so it is sent again, with the same id.
        """
        with self.tally.answered(self.name, kind):
            id_ = self.junk.identifier()
            payload = json.dumps({"command": "toggle", "deadline": 1, "id": id_})
            end = time.monotonic() + PATIENCE
            while not self._has_receipt(id_):
                if time.monotonic() > end:
                    raise HouseError("the bridge did not answer")
                self._client.publish(f"house/{PROBED}/command", payload, 1)
                with self._changed:
                    self._changed.wait_for(lambda: id_ in self._receipts, RESEND_SECONDS)
            self.tally.answers[self.name, "receipts"] += 1

    def _has_receipt(self, id_: str) -> bool:
        """Return whether a receipt has arrived; then forget all of them."""
        with self._changed:
            found = id_ in self._receipts
            if found:
                self._receipts.clear()
            return found

    def _burst(self, kind: str, messages: list[tuple[str, bytes]], *, retain: bool = False) -> None:
        last = None
        for topic, payload in messages:
            last = self._client.publish(topic, payload, self.junk.random.choice([0, 1]), retain=retain)
            self.count(kind)
        if last:
            last.wait_for_publish(PATIENCE)
        self.check(kind)

    def _topic(self, process: str) -> str:
        """Return a topic that a process has subscribed to."""
        random = self.junk.random
        if process == TASMOTA:
            return random.choice(TASMOTA_TOPICS)
        if process == ZIGBEE:
            return random.choice(ZIGBEE_TOPICS)
        device = random.choice([*self.target.devices, "stranger", "bridge"])
        word = random.choice(["", "/fly", "/echo", f"/{self.junk.identifier()}"])
        return f"house/{device}/command{word}"

    # The kinds

    def _random_payloads(self, process: str) -> None:
        self._burst("random payloads", [(self._topic(process), self.junk.text_payload()) for _ in range(40)])

    def _sizes(self, process: str) -> None:
        sizes = (
            self.junk.around(MAX_PAYLOAD_BYTES),
            self.junk.around(64 * 1024),
            self.junk.random.choice([0, 1 << 20]),
        )
        filler = self.junk.random.choice([b"{", b"[", b'"', b"\0"])
        self._burst("around the limit", [(self._topic(process), filler * size) for size in sizes])

    def _fields(self, process: str) -> None:
        """Publish an object with one field that is wrong; a report of hardware has it at any depth."""
        messages = []
        for _ in range(40):
            good = REPORTS.get(process) or COMMAND
            payload = self.junk.wrong_fields(dict(good))
            if process == TASMOTA and self.junk.random.random() < 0.5:
                payload = (
                    b'{"StatusSNS":{"ENERGY":' + self.junk.wrong_fields({"Power": 1, "Total": 2}) + b"}}"
                )
            messages.append((self._topic(process), payload))
        self._burst("wrong fields", messages)

    def _mutations(self, process: str) -> None:
        good = json.dumps(REPORTS.get(process) or COMMAND).encode()
        self._burst("mutated payloads", [(self._topic(process), self.junk.mutate(good)) for _ in range(40)])

    def _topics(self, process: str) -> None:
        """Publish at topics that are almost those of a process."""
        base = self._topic(process)
        wrong = (
            f"{base}/x",
            f"{base}//",
            base.upper(),
            f"/{base}",
            f"{base}/{'y' * 2000}",
            f"{base}/\u00fc",
            "house/+x"[:-2],
        )
        messages = [(self.junk.random.choice(wrong), json.dumps(COMMAND).encode()) for _ in range(30)]
        others = (
            "homeassistant/status",
            "house/bridge/command/echo",
            "house/bridge/command",
            "house/x/y/z/command",
        )
        messages += [(self.junk.random.choice(others), self.junk.text_payload()) for _ in range(10)]
        self._burst("wrong topics", messages)

    def _retained_payloads(self, process: str) -> None:
        messages = [(self._topic(process), self.junk.text_payload() or b"x") for _ in range(5)]
        self._retained.update(topic for topic, _ in messages)
        self._burst("retained payloads", messages, retain=True)

    def _flood(self, process: str) -> None:
        topic, payload = self._topic(process), self.junk.text_payload()
        self._burst("floods", [(topic, payload[:2000])] * 500)
