"""mosquitto with paho-mqtt, at QoS 0; TCP_NODELAY on both sides."""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from bench.peer_roles import Message, Role
from bench.peers import Peer

BATCH = 20
"""After this many messages of a load, paho's loop runs."""


class Mosquitto(Peer):
    """One MQTT client."""

    program = "mosquitto"
    package = "mosquitto"
    module = "paho.mqtt.client"
    qos: ClassVar[int] = 0

    @classmethod
    def lines(cls, folder: Path, port: int) -> list[str]:  # noqa: ARG003
        """Return the configuration of a broker with open access and unlimited queues."""
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true"]
        return [*lines, "max_queued_messages 0", "max_inflight_messages 0"]

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:
        """Return the command of the broker."""
        lines = cls.lines(folder, port)
        if os.getuid() == 0:
            lines += ["user root"]  # else it changes to a user that cannot read this folder
        conf = folder / "mosquitto.conf"
        conf.write_text("\n".join([*lines, ""]))
        return ["mosquitto", "-c", str(conf)]

    def run(self, role: Role) -> None:
        """Run paho's own loop, which calls back."""

        def on_message(client: Any, _: Any, message: Any) -> None:
            for topic, payload in role.handle(message.topic, message.payload):
                client.publish(topic, payload, self.qos)

        self._client = self._make(on_message)
        self._client.loop_forever()

    def connect(self) -> None:
        """Connect, and keep the received messages."""
        self._received: list[bytes] = []
        self._client = self._make(lambda _client, _, message: self._received.append(message.payload))
        end = time.monotonic() + 5
        while not self._client.is_connected() and time.monotonic() < end:
            self._client.loop(0.05)

    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, and run paho's loop until the answer arrives."""
        self._client.loop(0)
        self._received.clear()  # late answers to earlier requests
        began, end = time.time(), time.monotonic() + patience
        self._client.publish(topic, payload, self.qos)
        while time.monotonic() < end:
            for received in self._received:
                if mark in received:
                    return began, received
            self._client.loop(0.1)
        return None

    def publish_many(self, messages: Iterable[Message], *, paced: bool) -> None:
        """Publish, and run paho's loop in between."""
        for number, (topic, payload) in enumerate(messages):
            self._client.publish(topic, payload, self.qos)
            if paced or number % BATCH == 0:
                self._client.loop(0)
        while self._client.want_write():
            self._client.loop(0.01)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop(0.01)

    def _session(self) -> dict[str, Any]:
        """Return the options of a session that ends with its process."""
        return {"client_id": f"{self.name}-{os.getpid()}"}

    def _make(self, on_message: Any) -> Any:
        from paho.mqtt import client as paho  # noqa: PLC0415  without paho the others can be measured

        client = paho.Client(paho.CallbackAPIVersion.VERSION2, **self._session())
        client.max_inflight_messages_set(0)
        client.on_message = on_message
        client.on_connect = lambda client, *_: [client.subscribe(topic, self.qos) for topic in self.topics]
        client.connect("127.0.0.1", self.port)
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client
