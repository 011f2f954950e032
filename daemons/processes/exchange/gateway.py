"""The gateway: three sockets side by side, for programs that are not processes of the house.

    publisher   XPUB     messages of the house, out to the subscribers
    states      SUB      states that programs report of their own devices
    commands    ROUTER   commands in, receipts out

The local gateway stands in the run directory, so its only client is the owner. Clients of the remote
gateway are known by their keys, and each frame carries the name of the key. A message that the rights
of its key do not allow is refused here and goes no further.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import zmq

from daemons.bus import message
from daemons.bus.dropped import DroppedLog
from daemons.bus.endpoints import tcp_endpoint
from daemons.bus.keys import OWNER_RIGHTS, Rights
from daemons.bus.message import Command, Receipt
from daemons.bus.sockets import (
    BURST,
    BURST_SECONDS,
    MAX_SUBSCRIPTION_BYTES,
    Context,
    Socket,
    bind,
    open_socket,
    open_tcp_socket,
    split_envelope,
)
from daemons.errors import DeviceError, MessageError
from daemons.processes.exchange.connections import ConnectionId, Connections
from daemons.processes.exchange.receipts import rejected, rejected_id
from daemons.runtime.rate_limit import TokenBuckets
from daemons.storage.key_pair import KeyPair

RESEND_SECONDS = 0.1
"""The least time between two sendings of the retained messages, however often clients subscribe."""
MAX_MESSAGE_BYTES = 64 * 1024
"""The longest state or command of a remote client."""
MAX_HANDSHAKE_BYTES = 1024
"""A handshake has longer frames than any subscription."""
QUEUE = 100
"""Unread messages of one remote client; with MAX_MESSAGE_BYTES, this bounds the memory that a flood takes."""
RECEIVE_BUFFER_BYTES = 64 * 1024
"""What the kernel keeps of one connection until libzmq reads it, which it does even after the connection was
closed. Without this limit, it is up to the last value of net.ipv4.tcp_rmem, often 6 or 32 MB (tcp(7))."""
COMMANDS_PER_SECOND, COMMANDS_AT_ONCE = 50, 100
MAX_FRAMES = 4
"""No message of a client has more frames; what follows in a longer message is read and not kept."""
OWNER_NAME = "the owner"
Envelope = list[bytes]


class GatewaySockets(NamedTuple):
    """The three sockets of one gateway."""

    publisher: Socket
    states: Socket
    commands: Socket


class ReceivedFrames(NamedTuple):
    """A message of a client; at the remote gateway with its connection."""

    client: str
    rights: Rights
    frames: list[bytes]
    connection: ConnectionId | None


class ReceivedCommand(NamedTuple):
    """A command of a client, and the envelope that leads back to the client."""

    client: str
    rights: Rights
    command: Command
    envelope: Envelope


class ReceivedReceipt(NamedTuple):
    """A receipt that a program gives for a command to its device."""

    client: str
    rights: Rights
    receipt: Receipt


def open_local(
    context: Context, name: str, publish_endpoint: str, states_endpoint: str, commands: Socket
) -> GatewaySockets:
    """Bind the gateway in the run directory, which needs no keys; DeviceError when an endpoint is taken."""
    sockets = GatewaySockets(open_socket(context, zmq.XPUB), open_socket(context, zmq.SUB), commands)
    sockets.publisher.set(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION_BYTES)
    _set_options(sockets)
    bind(sockets.publisher, name, publish_endpoint)
    bind(sockets.states, name, states_endpoint)
    return sockets


def open_remote(context: Context, name: str, address: str, port: int, own: KeyPair) -> GatewaySockets:
    """Bind the gateway for the network, at `port` and the two after it; DeviceError when one is taken."""
    sockets = GatewaySockets(*(open_tcp_socket(context, kind) for kind in (zmq.XPUB, zmq.SUB, zmq.ROUTER)))
    try:
        _bind_remote(sockets, name, address, port, own)
    except DeviceError:
        for socket in sockets:
            socket.close()
        raise
    return sockets


def _bind_remote(sockets: GatewaySockets, name: str, address: str, port: int, own: KeyPair) -> None:
    for number, socket in enumerate(sockets):
        is_publisher = socket is sockets.publisher
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = own.public_key.encode(), own.secret_key.encode()
        socket.zap_domain = b"house"
        socket.set(zmq.MAXMSGSIZE, MAX_HANDSHAKE_BYTES if is_publisher else MAX_MESSAGE_BYTES)
        socket.set(zmq.RCVHWM, QUEUE)
        socket.set(zmq.RCVBUF, RECEIVE_BUFFER_BYTES)
        if is_publisher:
            _set_options(sockets)
        bind(socket, name, tcp_endpoint(address, port + number))


def _set_options(sockets: GatewaySockets) -> None:
    sockets.publisher.set(zmq.LINGER, 0)
    sockets.publisher.set(zmq.XPUB_VERBOSE, 1)
    sockets.publisher.set(zmq.XPUB_MANUAL, 1)  # a subscription counts only after we have accepted it
    sockets.states.subscribe(b"")


class Gateway:
    """One gateway: it checks each message of its clients against their rights."""

    def __init__(
        self,
        sockets: GatewaySockets,
        dropped: DroppedLog,
        rights_of: Callable[[str], Rights] | None = None,
        connections: Connections | None = None,
    ) -> None:
        """`rights_of` returns the rights of a client; without it and `connections`, all are the owner."""
        self.sockets = sockets
        self._rights_of = rights_of
        self._connections = connections
        self._dropped = dropped
        self._command_rates = TokenBuckets(COMMANDS_PER_SECOND, COMMANDS_AT_ONCE)
        self._new_prefixes: set[bytes] = set()
        """The subscriptions that have not got the retained messages yet."""
        self._last_sent = float("-inf")

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Send a message to its subscribers; one that reads too slowly loses it and delays no other."""
        self.sockets.publisher.send_multipart((topic, payload))

    def accept_subscriptions(self) -> None:
        """Accept the subscriptions that have arrived, as far as the rights of their clients allow."""
        for client, rights, frames, connection in self._receive(self.sockets.publisher):
            begins, prefix = frames[0][:1] == b"\1", frames[0][1:]
            if not self._has_room(connection, begins, prefix):
                continue
            is_known = begins or frames[0][:1] == b"\0"
            if len(frames) != 1 or not is_known or len(prefix) > MAX_SUBSCRIPTION_BYTES:
                self._dropped.add(client, "this socket accepts only subscriptions")
                continue
            granted = rights.allowed_prefixes(prefix)
            for reach in granted:  # libzmq applies this to the connection that was read last
                (self.sockets.publisher.subscribe if begins else self.sockets.publisher.unsubscribe)(reach)
            if begins:
                self._new_prefixes.update(granted)
                if not granted:
                    self._dropped.add(client, f"it may not hear {prefix.decode(errors='replace')!r}")

    def send_retained(self, retained: dict[bytes, bytes], now: float) -> float | None:
        """Send the retained messages to new subscribers; return when to call again if it is too early now.

        `retained` has the payload of each topic, `now` is in steady seconds.
        """
        if not self._new_prefixes:
            return None
        if now - self._last_sent < RESEND_SECONDS:
            return self._last_sent + RESEND_SECONDS
        prefixes, self._new_prefixes, self._last_sent = tuple(self._new_prefixes), set(), now
        for topic, payload in retained.items():
            if topic.startswith(prefixes):
                self.publish(topic, payload)
        return None

    def received_states(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield the states that programs report of their devices: client, device and payload."""
        for client, rights, frames, _ in self._receive(self.sockets.states):
            device, _, what = frames[0].decode(errors="replace").partition("/")
            if len(frames) != 2 or what != "state":  # noqa: PLR2004
                self._dropped.add(client, "a state has two frames: the topic NAME/state and a JSON object")
            elif not rights.may_publish(device):
                self._dropped.add(client, f"it may not speak for {device!r:.60}")
            else:
                yield client, device, frames[1]

    def received_commands(self) -> Iterator["ReceivedCommand | ReceivedReceipt"]:
        """Yield the commands that have arrived, and the receipts that programs give for their devices."""
        for client, rights, frames, _ in self._receive(self.sockets.commands):
            envelope, body = split_envelope(frames)
            payload = body[0] if len(body) == 1 else b""
            try:
                received = message.decode_command_or_receipt(payload)
            except MessageError as error:
                self._dropped.add(client, error)
                if id_ := message.readable_id(payload):
                    self.reply(envelope, rejected_id(id_, message.EXCHANGE, str(error)))
                continue
            if isinstance(received, Receipt):
                yield ReceivedReceipt(client, rights, received)
            elif self._rights_of and not self._command_rates.allow(client):
                self.reply(envelope, rejected(received, "too many commands; wait a little"))
            else:
                yield ReceivedCommand(client, rights, received, envelope)

    def reply(self, envelope: Envelope, receipt: Receipt) -> None:
        """Send a receipt; a client that has gone, or does not read, causes no delay."""
        self.send(envelope, message.encode(receipt))

    def send(self, envelope: Envelope, payload: bytes) -> None:
        """Send a payload to a client of the command socket; it is lost when the client does not read."""
        with suppress(zmq.ZMQError):
            self.sockets.commands.send_multipart([*envelope, payload], zmq.NOBLOCK)

    def _has_room(self, connection: ConnectionId | None, begins: bool, prefix: bytes) -> bool:
        if connection is None or self._connections is None:
            return True
        return self._connections.count_subscription(connection, begins, prefix)

    def _receive(self, socket: Socket) -> Iterator[ReceivedFrames]:
        """Yield the messages that have arrived, at most BURST of them, and for at most BURST_SECONDS.

        The processor time that a message takes until the next one is read is counted for its client.
        """
        end = time.monotonic() + BURST_SECONDS
        for _ in range(BURST):
            if time.monotonic() >= end:
                return
            began = time.thread_time()
            try:
                frames = receive_frames(socket)
            except zmq.Again:
                return
            contents = [frame.bytes for frame in frames]
            if self._connections is None or self._rights_of is None:
                yield ReceivedFrames(OWNER_NAME, OWNER_RIGHTS, contents, None)
            elif connection := self._connections.identify(frames[-1]):
                yield ReceivedFrames(
                    connection.client, self._rights_of(connection.client), contents, connection
                )
                self._connections.count_time(connection, time.thread_time() - began)


def receive_frames(socket: Any) -> list[zmq.Frame]:
    """Receive a message, and return at most its first MAX_FRAMES frames; zmq.Again if none has arrived."""
    frames = [socket.recv(zmq.NOBLOCK, copy=False)]
    frame = frames[0]
    while frame.more:
        frame = socket.recv(copy=False)
        if len(frames) < MAX_FRAMES:
            frames.append(frame)
    return frames
