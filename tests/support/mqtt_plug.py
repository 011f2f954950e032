"""What the emulated plugs behind a broker have in common: a client of a real mosquitto, and its faults."""

import threading
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.emulator import Emulator
from tests.support.mosquitto import USER, Mosquitto

GARBAGE = b"\xff\xfe{ I am a teapot"


class MqttPlug(Emulator):
    """A plug that is a client of a broker of its own."""

    arms = True
    meters = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.broker = Mosquitto(folder / f"broker-{password is not None}", password=password)
        self._client: paho.Client | None = None
        self._timers: list[threading.Timer] = []
        self._hangs = False
        self._garbles = False
        self._lag_seconds = 0.0

    @property
    @abstractmethod
    def will(self) -> tuple[str, str, str]:
        """Give the topic of its presence, and what stands there when it is there, and when not."""

    @property
    @abstractmethod
    def listens(self) -> str:
        """Give the topics that it takes orders on."""

    @abstractmethod
    def order(self, topic: str, said: str) -> None:
        """Take an order."""

    def options(self) -> dict[str, Any]:
        """Give how the broker is reached."""
        user = {"username": USER} if self.password is not None else {}
        return {"port": self.broker.port, **user}

    def plug_in(self) -> None:
        """Join the broker."""
        topic, there, gone = self.will
        client = paho.Client(CallbackAPIVersion.VERSION2)
        if self.password is not None:
            client.username_pw_set(USER, self.password)
        client.will_set(topic, gone, 1, retain=True)
        joined = threading.Event()
        client.on_message = lambda _client, _data, message: self._take(message)
        client.on_connect = lambda *_: (client.subscribe(self.listens, 1), None)[1]
        client.on_subscribe = lambda *_: joined.set()
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        assert joined.wait(20)
        self._client = client
        self.say(topic, there, retain=True)
        self.announce()

    def announce(self) -> None:
        """Say what such a plug says when it has joined."""

    def unplug(self) -> None:
        """Be gone without a word, as without power; the broker says the rest."""
        client, self._client = self._client, None
        for timer in self._timers:
            timer.cancel()
        if client is not None:
            client.loop_stop()
            if found := client.socket():
                found.close()

    def say(self, topic: str, said: str | bytes, *, retain: bool = False) -> None:
        """Say something to the broker, soon or late, or garbage instead."""
        client = self._client
        if client is None or self._hangs:
            return
        if self._garbles and not retain:
            said = GARBAGE
        if not self._lag_seconds:
            client.publish(topic, said, 1, retain=retain)
            return
        timer = threading.Timer(self._lag_seconds, client.publish, (topic, said, 1, retain))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _take(self, message: paho.MQTTMessage) -> None:
        if not self._hangs:
            self.order(message.topic, message.payload.decode())

    def hang(self) -> None:
        """Hear nothing and say nothing, while the session stays."""
        self._hangs = True

    def slow(self, seconds: float) -> None:
        """Say everything so late."""
        self._lag_seconds = seconds

    def garble(self) -> None:
        """Say garbage."""
        self._garbles = True

    def recover(self) -> None:
        """Work again."""
        self._hangs = self._garbles = False
        self._lag_seconds = 0.0

    def __enter__(self) -> Self:
        self.broker.start()
        try:
            self.plug_in()
        except BaseException:
            self.broker.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self.broker.kill()
