"""The common part of the emulated plugs behind a broker: a client of a real mosquitto, and its faults."""

import threading
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.emulator import Emulator, Garbage
from tests.support.mosquitto import USER, Mosquitto

GARBAGE = b"\xff\xfe{ I am a teapot"


class MqttPlug(Emulator):
    """A plug that is a client of its own broker."""

    has_timer = True
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.broker = Mosquitto(folder / f"broker-{password is not None}", password=password)
        self._client: paho.Client | None = None
        self._timers: list[threading.Timer] = []
        self._hangs = False
        self._garbage: Garbage | None = None
        self._lag_seconds = 0.0

    @property
    @abstractmethod
    def will(self) -> tuple[str, str, str]:
        """Return the topic of its availability, and the payloads for online and offline."""

    @property
    @abstractmethod
    def subscription(self) -> str:
        """Return the topics on which it receives commands."""

    @abstractmethod
    def on_message(self, topic: str, payload: str) -> None:
        """Handle a command."""

    def options(self) -> dict[str, Any]:
        """Return the options of the broker."""
        user = {"username": USER} if self.password is not None else {}
        return {"port": self.broker.port, **user}

    def open(self) -> None:
        """Connect to the broker."""
        topic, there, gone = self.will
        client = paho.Client(CallbackAPIVersion.VERSION2)
        if self.password is not None:
            client.username_pw_set(USER, self.password)
        client.will_set(topic, gone, 1, retain=True)
        joined = threading.Event()
        client.on_message = lambda _client, _data, message: self._on_message(message)
        client.on_connect = lambda *_: (client.subscribe(self.subscription, 1), None)[1]
        client.on_subscribe = lambda *_: joined.set()
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        assert joined.wait(20)
        self._client = client
        self.publish(topic, there, retain=True)
        self.announce()

    def announce(self) -> None:
        """Publish the first messages after the connection."""

    def stop(self) -> None:
        """Disconnect without a message, as at a power cut; the broker publishes the last will."""
        client, self._client = self._client, None
        for timer in self._timers:
            timer.cancel()
        if client is not None:
            client.loop_stop()
            if found := client.socket():
                found.close()

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish a message: delayed, as garbage, or not at all, according to the present faults."""
        client = self._client
        if client is None or self._hangs:
            return
        if self._garbage and not retain:
            payload = self._garbage()
        if not self._lag_seconds:
            client.publish(topic, payload, 1, retain=retain)
            return
        timer = threading.Timer(self._lag_seconds, client.publish, (topic, payload, 1, retain))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if not self._hangs:
            self.on_message(message.topic, message.payload.decode(errors="replace"))

    def hang(self) -> None:
        """Handle no message and publish none; the connection stays open."""
        self._hangs = True

    def slow_down(self, seconds: float) -> None:
        """Delay every published message."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Publish garbage instead of every message."""
        self._garbage = garbage or (lambda: GARBAGE)

    def recover(self) -> None:
        """End all faults."""
        self._hangs, self._garbage = False, None
        self._lag_seconds = 0.0

    def __enter__(self) -> Self:
        self.broker.start()
        try:
            self.open()
        except BaseException:
            self.broker.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.broker.kill()
