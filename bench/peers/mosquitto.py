"""mosquitto with paho-mqtt, at QoS 0; TCP_NODELAY on both sides."""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from bench.part import Message
from bench.peers import Hear, Peer

BETWEEN = 20
"""So many messages of a flood, and the library has its turn."""


class Mosquitto(Peer):
    """One MQTT client."""

    program = "mosquitto"
    package = "mosquitto"
    module = "paho.mqtt.client"
    qos: ClassVar[int] = 0

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:
        """Start a broker that lets everybody in and drops nothing that it can hold."""
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true"]
        lines += ["max_queued_messages 0", "max_inflight_messages 0"]
        if os.getuid() == 0:
            lines += ["user root"]  # it would become another user, who cannot read this folder
        conf = folder / "mosquitto.conf"
        conf.write_text("\n".join([*lines, ""]))
        return ["mosquitto", "-c", str(conf)]

    def run(self, hear: Hear) -> None:
        """Let paho's own loop call us."""

        def on_message(client: Any, _: Any, message: Any) -> None:
            for topic, payload in hear(message.topic, message.payload):
                client.publish(topic, payload, self.qos)

        self._client = self._make(on_message)
        self._client.loop_forever()

    def connect(self) -> None:
        """Connect, and keep what is heard."""
        self._heard: list[bytes] = []
        self._client = self._make(lambda _client, _, message: self._heard.append(message.payload))
        end = time.monotonic() + 5
        while not self._client.is_connected() and time.monotonic() < end:
            self._client.loop(0.05)

    def ask(self, topic: str, payload: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, and turn paho's loop until something is heard."""
        self._client.loop(0)
        self._heard.clear()  # an answer that nobody waits for any more
        began, end = time.time(), time.monotonic() + patience
        self._client.publish(topic, payload, self.qos)
        while not self._heard and time.monotonic() < end:
            self._client.loop(0.1)
        return (began, self._heard[0]) if self._heard else None

    def flood(self, messages: Iterable[Message], *, calm: bool) -> None:
        """Publish, and let paho write."""
        for number, (topic, payload) in enumerate(messages):
            self._client.publish(topic, payload, self.qos)
            if calm or number % BETWEEN == 0:
                self._client.loop(0)
        while self._client.want_write():
            self._client.loop(0.01)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop(0.01)

    def _make(self, on_message: Any) -> Any:
        from paho.mqtt import client as paho  # noqa: PLC0415  who has no paho can measure the others

        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"{self.name}-{os.getpid()}")
        client.max_inflight_messages_set(0)
        client.on_message = on_message
        client.on_connect = lambda client, *_: [client.subscribe(topic, self.qos) for topic in self.hears]
        client.connect("127.0.0.1", self.port)
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client
