"""The client of aiomqtt, and the reason codes that it does not read: of refused messages, and of the end."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

T = TypeVar("T")
FAILURE = 0x80
"""A reason code from here on is a failure. In MQTT 3.1.1 only the answer to SUBSCRIBE has one."""


class RefusedMessage(aiomqtt.MqttError):
    """The broker has refused a message."""


class NoConnack(aiomqtt.MqttError):
    """The broker has closed the connection instead of an answer to CONNECT."""


class MqttClient(aiomqtt.Client):
    """A client that reads each reason code. aiomqtt reads only those of CONNECT and SUBSCRIBE."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client.connect_timeout = self.timeout
        self.granted: dict[str, int] = {}
        """By topic filter, the QoS of the subscription."""
        self.end_reason: str | None = None
        """Why the broker has ended the session, if it has said so (MQTT 5)."""
        self._refused: dict[int, ReasonCode] = {}
        """By message id, the code of a refused message."""
        self._is_given_up = False

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except BaseException:
            # aiomqtt leaves the connection open. A late answer would open a session without an owner.
            self._is_given_up = True
            self._cut()
            raise

    def _client_connect(self) -> None:
        """Connect; in another thread, so that the session may be given up meanwhile."""
        super()._client_connect()
        if self._is_given_up:
            self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        """Cut the connection. The client then reads its end, and closes the socket."""
        if (link := self._client.socket()) is not None:
            with suppress(OSError):  # the broker has cut it
                link.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _pending_call(self, mid: int, value: T, pending_dict: dict[int, T]) -> Iterator[None]:
        """Wait for the acknowledgement of a message; raises RefusedMessage if the broker refuses it."""
        self._refused.pop(mid, None)
        with super()._pending_call(mid, value, pending_dict):
            yield
        if (code := self._refused.pop(mid, None)) is not None:
            raise RefusedMessage(describe_code(code))

    def _on_publish(
        self, client: PahoClient, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.value >= FAILURE:
            self._refused[mid] = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self,
        client: PahoClient,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():  # aiomqtt would wait for its timeout
            self._connected.set_exception(NoConnack("it has closed the connection without an answer"))
        if flags.is_disconnect_packet_from_server:
            self.end_reason = describe_code(reason_code)
        super()._on_disconnect(client, userdata, flags, reason_code, properties)


def describe_code(code: ReasonCode) -> str:
    """Return a reason code in words, with its number."""
    words = str(code)
    return f"{words[:1].lower()}{words[1:]} (code {code.value})"
