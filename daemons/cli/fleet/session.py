"""A session with the broker for an operator: it subscribes, receives in its own thread, and reconnects."""

import os
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from daemons.cli.fleet.desk import FLEET, Desk
from daemons.drivers.transports.mqtt import CONNECT_SECONDS, KEEPALIVE_SECONDS, NO_DELAY, describe_error
from daemons.drivers.transports.secret import read_secret
from daemons.errors import Unreachable
from daemons.runtime.clock import uptime
from daemons.values import printable

MAX_PACKET_BYTES = 128 * 1024
"""A broker with MQTT 5 sends no longer packet; with MQTT 3.1.1 it is read, and then ignored."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1, 10
QUIET_SECONDS = 0.5
"""The retained messages have arrived if none comes for so long."""
REFUSED_LOGINS = (134, 135)
"""The reason codes for a bad user name or password, and for a client without permission."""
UNSUPPORTED_VERSION = 132
"""The reason code of a broker that has no MQTT 5."""

OnMessage = Callable[[str, bytes, bool], None]
"""Called with topic, payload, and whether the broker has retained the message, in the session's thread."""


class FleetSession:
    """Holds one subscription at a broker; a context manager."""

    def __init__(self, desk: Desk, topics: Sequence[str], on_message: OnMessage) -> None:
        """Prepare a session; `on_message` is called with the lock held."""
        self._desk, self._topics, self._on_message = desk, topics, on_message
        self.changed = threading.Condition()
        """Guards what the callbacks write, and is notified of each change."""
        self.is_subscribed = False
        self.fault: str | None = None
        """Why there is no session; None before the first answer, and while there is one."""
        self.sessions = 0
        """How many sessions the broker has accepted."""
        self._latest_at = uptime()
        self._client = self._make_client(paho.MQTTv5)

    def __enter__(self) -> Self:
        """Connect and subscribe; raises Unreachable with the reason if this fails."""
        self._connect()
        if not self.is_subscribed and self._speaks_old_version:  # such a broker may also just hang up
            self._end()
            self._client = self._make_client(paho.MQTTv311)
            self._connect()
        if not self.is_subscribed:
            self._end()
            raise self._unreachable(self.fault or f"it does not answer within {CONNECT_SECONDS:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._end()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message, at least once."""
        self._client.publish(topic, payload, 1)

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until the retained messages have arrived, for at most `seconds`."""
        end = uptime() + seconds
        with self.changed:
            while (left := min(end, self._latest_at + QUIET_SECONDS) - uptime()) > 0:
                self.changed.wait(left)

    def _make_client(self, version: Any) -> paho.Client:
        options = self._desk.options
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"house-fleet-{os.urandom(4).hex()}", protocol=version
        )
        password = read_secret(FLEET, options.password_file)
        if options.username is not None or password is not None:
            client.username_pw_set(options.username, password)
        if options.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=options.certificate_authority))
            except (OSError, ssl.SSLError) as error:
                why = getattr(error, "strerror", None) or "it contains no certificate"
                raise self._unreachable(f"{options.certificate_authority} cannot be used: {why}") from error
        client.connect_timeout = CONNECT_SECONDS
        client.reconnect_delay_set(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        client.on_socket_open = lambda _, __, link: link.setsockopt(*NO_DELAY)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._receive
        self._version = version
        self._speaks_old_version = version == paho.MQTTv5
        return client

    def _connect(self) -> None:
        """Connect, and wait for the answer to the subscription."""
        options, properties = self._desk.options, None
        if self._version == paho.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        self.fault = None
        try:
            self._client.connect(
                options.broker, options.port, keepalive=KEEPALIVE_SECONDS, properties=properties
            )
        except (OSError, ValueError) as error:
            raise self._unreachable(describe_error(error)) from error
        self._client.loop_start()
        end = time.monotonic() + CONNECT_SECONDS
        with self.changed:
            while not self.is_subscribed and self.fault is None and time.monotonic() < end:
                self.changed.wait(end - time.monotonic())

    def _end(self) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(FLEET, f"broker {self._desk.options.endpoint}", why)

    # In the thread of the client

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        with self.changed:
            self._speaks_old_version = code.value == UNSUPPORTED_VERSION
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
