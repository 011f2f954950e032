"""A session with the broker for an operator: it subscribes, receives in its own thread, and reconnects."""

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from daemons.cli.fleet.desk import FLEET, Desk
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt import CONNECT_SECONDS, KEEPALIVE_SECONDS, NO_DELAY, describe_error
from daemons.drivers.transports.mqtt_tls import broker_context
from daemons.drivers.transports.secret import read_secret
from daemons.errors import Unreachable
from daemons.runtime.backoff import backoff_seconds, with_jitter
from daemons.runtime.clock import uptime
from daemons.values import printable

MAX_PACKET_BYTES = 128 * 1024
"""A broker with MQTT 5 sends no longer packet; with MQTT 3.1.1 it is read, and then ignored."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
"""The first and the longest pause between two attempts."""
QUIET_SECONDS = 0.5
"""The retained messages have arrived if none comes for so long."""
REFUSED_LOGINS = (134, 135)
"""The reason codes for a bad user name or password, and for a client without permission."""
UNSUPPORTED_VERSION = 132
"""The reason code of a broker that has no MQTT 5."""

OnMessage = Callable[[str, bytes, bool], None]
"""Called with topic, payload, and whether the broker has retained the message, in the session's thread."""


class FleetSession:
    """Holds one subscription at one of the brokers; a context manager."""

    def __init__(self, desk: Desk, topics: Sequence[str], on_message: OnMessage) -> None:
        """Prepare a session; `on_message` is called with the lock held."""
        self._topics, self._on_message = topics, on_message
        self._username = desk.username
        self._brokers = desk.each_broker()
        self.changed = threading.Condition()
        """Guards what the callbacks write, and is notified of each change."""
        self.is_subscribed = False
        self.fault: str | None = None
        """Why there is no session; None before the first answer, and while there is one."""
        self.sessions = 0
        """How many sessions the brokers have accepted."""
        self._latest_at = uptime()
        self._client: paho.Client | None = None
        """The client of the present session, or of the present attempt."""
        self._may_be_old = False
        """Whether the broker of the present attempt may know only MQTT 3.1.1."""
        self._old_brokers: set[str] = set()
        """The brokers that know only MQTT 3.1.1."""
        self._faults: dict[str, str] = {}
        """By broker, why the latest session or attempt has ended."""
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def __enter__(self) -> Self:
        """Connect and subscribe.

        Raises Unreachable with the reason if this fails at each broker, and StorageError if a file of the
        password or of TLS cannot be used.
        """
        self._password = read_secret(FLEET, self._brokers[0].password_file)
        self._contexts = {broker.endpoint: broker_context(broker) for broker in self._brokers}
        self._thread.start()
        with self.changed:
            self.changed.wait_for(lambda: self.is_subscribed or len(self._faults) == len(self._contexts))
            if self.is_subscribed:
                return self
        self._end()
        *others, (last, why) = self._faults.items()
        earlier = "".join(f"{broker}: {fault}; broker " for broker, fault in others)
        raise Unreachable(FLEET, f"broker {earlier}{last}", why)

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._end()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message, at least once; nothing without a session."""
        if self._client is not None:
            self._client.publish(topic, payload, 1)

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until the retained messages have arrived, for at most `seconds`."""
        end = uptime() + seconds
        with self.changed:
            while (left := min(end, self._latest_at + QUIET_SECONDS) - uptime()) > 0:
                self.changed.wait(left)

    def _end(self) -> None:
        with self.changed:
            self._is_ended = True
            self.changed.notify_all()
        self._thread.join(CONNECT_SECONDS)

    def _run(self) -> None:
        """Hold one session after the other, with growing pauses while none succeeds."""
        failures = 0
        for attempt in itertools.count():
            sessions = self.sessions
            broker = self._brokers[attempt % len(self._brokers)]
            self._hold(broker)
            failures = 0 if self.sessions > sessions else failures + 1
            rounds = failures // len(self._brokers)
            with self.changed:
                self.is_subscribed, self._client = False, None
                self._faults[broker.endpoint] = self.fault or "the session has ended"
                self.changed.notify_all()
                pause = backoff_seconds(rounds + 1, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                if self.changed.wait_for(lambda: self._is_ended, with_jitter(pause)):
                    return

    def _hold(self, broker: Broker) -> None:
        """Hold a session until it ends; with MQTT 5, or with 3.1.1 if the broker may know no better."""
        is_old = broker.endpoint in self._old_brokers
        self._try(broker, paho.MQTTv311 if is_old else paho.MQTTv5)
        if not is_old and self._may_be_old:
            sessions = self.sessions
            self._try(broker, paho.MQTTv311)
            if self.sessions > sessions:
                self._old_brokers.add(broker.endpoint)

    def _try(self, broker: Broker, version: Any) -> None:
        """Open a session, and hold it until it ends."""
        client, properties = self._make_client(broker, version), None
        if version == paho.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        with self.changed:
            self.fault, self._client = None, client
            self._may_be_old = False
        try:
            client.connect(broker.broker, broker.port, keepalive=KEEPALIVE_SECONDS, properties=properties)
        except (OSError, ValueError) as error:
            with self.changed:
                self.fault = describe_error(error)
            return
        self._may_be_old = version == paho.MQTTv5  # until it answers: such a broker may also just hang up
        client.loop_start()
        with self.changed:
            if not self.changed.wait_for(
                lambda: self.is_subscribed or self.fault is not None or self._is_ended, CONNECT_SECONDS
            ):
                self.fault = f"it does not answer within {CONNECT_SECONDS:g} s"
            self.changed.wait_for(lambda: not self.is_subscribed or self._is_ended)
        client.on_disconnect = None
        client.disconnect()
        client.loop_stop()

    def _make_client(self, broker: Broker, version: Any) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"house-{FLEET}-{os.urandom(4).hex()}",
            protocol=version,
            reconnect_on_failure=False,
        )
        if self._username is not None or self._password is not None:
            client.username_pw_set(self._username, self._password)
        if (context := self._contexts[broker.endpoint]) is not None:
            client.tls_set_context(context)
        client.connect_timeout = CONNECT_SECONDS
        client.on_socket_open = lambda _, __, link: link.setsockopt(*NO_DELAY)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._receive
        return client

    # In the thread of the client

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        with self.changed:
            self._may_be_old = code.value == UNSUPPORTED_VERSION
            if code.is_failure:
                refused = "it refuses the user name or the password" if code.value in REFUSED_LOGINS else ""
                self.fault = printable(f"{refused} ({code})" if refused else str(code))
            else:
                client.subscribe([(topic, 0) for topic in self._topics])
            self.changed.notify_all()

    def _on_subscribe(self, _: Any, __: Any, ___: int, codes: list[ReasonCode], ____: Any) -> None:
        with self.changed:
            refused = [f"{t} ({c})" for t, c in zip(self._topics, codes, strict=False) if c.is_failure]
            self.is_subscribed = not refused
            self.fault = f"it refuses the subscription to {', '.join(refused)}" if refused else None
            self.sessions += not refused
            self._latest_at = uptime()
            self.changed.notify_all()

    def _on_disconnect(self, _: Any, __: Any, ___: Any, code: ReasonCode, ____: Any) -> None:
        with self.changed:
            self.is_subscribed = False
            self.fault = self.fault or printable(f"the connection was lost: {code}")
            self.changed.notify_all()

    def _receive(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        with self.changed:
            self._latest_at = uptime()
            self._on_message(topic, bytes(message.payload), message.retain)
            self.changed.notify_all()
