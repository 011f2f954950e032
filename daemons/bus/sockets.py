"""The sockets of the house: publisher, subscriber and command server. The clients are in requests/.

Publishers bind and subscribers connect. A publisher is an XPUB that receives every new subscription
and then sends its current messages again. So nothing waits for slow joiners. A subscriber that
detects a lost message subscribes again, and has the current state after one round trip
(zmq_setsockopt(3), ZMQ_XPUB_VERBOSE).
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import zmq

from daemons.bus import message
from daemons.bus.dropped import DroppedLog, Logger
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.input import PREFIX as INPUT_PREFIX
from daemons.bus.input import EncodedInputs, Inputs, decode_inputs, input_topic
from daemons.bus.message import Command, EncodedState, KnownMoments, Published, Receipt
from daemons.bus.sequence import MessageFilter
from daemons.errors import DeviceError, MessageError

BURST, BURST_SECONDS = 1000, 0.1
"""The most messages of one socket, and the most time for them, before other sockets and timers are served."""

MAX_SUBSCRIPTION_BYTES = 256
"""A longer subscription is not accepted: libzmq keeps each one for as long as its sender is connected."""
MORE = int(zmq.SNDMORE)
MAX_COMMAND_FRAME_BYTES = 64 * 1024
"""No command socket accepts a longer frame. A payload above MAX_COMMAND_BYTES still gets a receipt."""
MAX_UNREAD_COMMANDS = 200
"""Unread messages of one client of a command socket; with the limit above, this bounds their memory."""
RECONNECT_SECONDS = 2.0
"""After this silence of a publisher, its subscriber connects again."""

Socket = zmq.Socket[bytes]
Context = zmq.Context[Socket]


def open_socket(context: Context, kind: int) -> Socket:
    """Open a socket with the options of the house, which are set here and nowhere else."""
    socket = context.socket(kind)
    socket.set(zmq.LINGER, 100)  # sends the last receipt, and does not wait for a client that hangs
    socket.set(zmq.SNDHWM, 1000)
    socket.set(zmq.RCVHWM, 10_000)
    socket.set(zmq.RECONNECT_IVL, 7)  # then twice as long: at 7, 21 and 49 ms; a device is back before 21
    socket.set(zmq.RECONNECT_IVL_MAX, 100)  # a device that was away for long is connected quickly, too
    socket.set(zmq.MAXMSGSIZE, message.MAX_FRAME_BYTES)
    return socket


def open_tcp_socket(context: Context, kind: int) -> Socket:
    """Open a socket for the network, where a connection can be cut without notice.

    The intervals are longer here: a new connection takes some five round trips, and a poor network
    loses frames of it.
    """
    socket = open_socket(context, kind)
    socket.set(zmq.IPV6, 1)
    socket.set(zmq.RECONNECT_IVL_MAX, 1000)
    socket.set(zmq.CONNECT_TIMEOUT, 3000)  # TCP itself would wait longer with each attempt
    socket.set(zmq.HANDSHAKE_IVL, 20_000)
    # The kernel finds a dead connection. With heartbeats, libzmq 4.3.5 ends the process if a connection
    # breaks whose queue is full: its timer sends all the same (`!_io_error` in stream_engine_base.cpp).
    socket.set(zmq.TCP_KEEPALIVE, 1)
    socket.set(zmq.TCP_KEEPALIVE_IDLE, 2)
    socket.set(zmq.TCP_KEEPALIVE_INTVL, 2)
    socket.set(zmq.TCP_KEEPALIVE_CNT, 4)
    socket.set(zmq.TCP_MAXRT, 10_000)  # the same for data that is not acknowledged
    return socket


def connect_commands(context: Any, endpoint: str) -> Any:
    """Open a DEALER socket to a command endpoint; its class is that of the context's sockets.

    Close it with `close_commands`: a command that was not sent by then must not arrive later.
    """
    socket = open_socket(context, zmq.DEALER)
    socket.set(zmq.LINGER, 0)
    socket.connect(endpoint)
    return socket


def close_commands(socket: Any) -> None:
    """Close a connected DEALER socket, and drop its unsent commands at once.

    `close` alone leaves this to libzmq's reaper thread. On a busy machine that thread runs late; by
    then the I/O thread may have connected to a device that has just started, and sent them.
    """
    socket.set(zmq.LINGER, 0)
    with suppress(zmq.ZMQError):  # it is not connected any more
        socket.disconnect(socket.get(zmq.LAST_ENDPOINT))
    socket.close()


def bind(socket: Socket, device: str, endpoint: str) -> None:
    """Bind a socket; DeviceError with the endpoint and the reason when that fails."""
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise DeviceError(device, f"cannot bind {endpoint}: {error.strerror}") from error


def drain(socket: Socket) -> Iterator[list[bytes]]:
    """Yield the waiting messages of a socket, at most BURST of them, and for at most BURST_SECONDS.

    The time includes that in which the caller handles the messages.
    """
    end = time.monotonic() + BURST_SECONDS
    for _ in range(BURST):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        if time.monotonic() >= end:
            return


def poll_until(socket: Socket, end: float) -> bool:
    """Wait until a socket is readable, at most until `end` (monotonic seconds); return whether it is."""
    left_seconds = end - time.monotonic()
    if left_seconds <= 0:
        return False
    return bool(socket.poll(None if left_seconds == float("inf") else int(left_seconds * 1000) + 1))


class Publisher:
    """Publishes the messages of one process, and retains the current ones for new subscribers."""

    def __init__(self, context: Context, name: str) -> None:
        """Bind the socket; DeviceError when its endpoint is taken."""
        self.socket = open_socket(context, zmq.XPUB)
        self.socket.set(zmq.XPUB_VERBOSE, 1)
        self.socket.set(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION_BYTES)  # it receives only subscriptions
        bind(self.socket, name, publish_endpoint(name))
        self._retained: dict[bytes, bytes] = {}

    def publish(self, message_: Published | EncodedState) -> None:
        """Send a message, and retain it as the current one of its topic."""
        self._retain(message.topic(message_), message.encode(message_))

    def publish_inputs(self, inputs: EncodedInputs) -> None:
        """Send the inputs of a device, and retain them."""
        self._retain(input_topic(inputs.device), message.encode(inputs))

    def clear_retained(self) -> None:
        """Clear the retained messages: they may be out of date."""
        self._retained.clear()

    def answer_subscriptions(self) -> None:
        """Receive the new subscriptions, and send each retained message once if one of them matches."""
        prefixes = {frames[0][1:] for frames in drain(self.socket) if frames[0][:1] == b"\x01"}
        for topic, payload in self._retained.items():
            if any(topic.startswith(prefix) for prefix in prefixes):
                self._send(topic, payload)

    def _retain(self, topic: bytes, payload: bytes) -> None:
        self._retained[topic] = payload
        self._send(topic, payload)

    def _send(self, topic: bytes, payload: bytes) -> None:
        # Half the time of send_multipart, which combines its flags again for each frame.
        self.socket.send(topic, MORE)
        self.socket.send(payload)


class Subscriber:
    """Receives from the processes it names: each message once, in order, and no bad frame."""

    def __init__(
        self,
        context: Context,
        names: Iterable[str],
        log: Logger,
        *,
        with_past: bool = True,
        heartbeats_only: bool = False,
        on_inputs: Callable[[Inputs], None] | None = None,
    ) -> None:
        """Subscribe to all messages of the processes `names`, or to their heartbeats alone.

        A publisher sends only what is subscribed to: a state wakes no subscriber of heartbeats. Without
        `with_past`, a received state has no past states. With `on_inputs`, subscribe to the inputs of devices
        too; `receive` calls it with each message of them, also with a repeated one.
        """
        self.socket = open_socket(context, zmq.SUB)
        self.socket.set(zmq.LINGER, 0)  # a subscription for a publisher that has ended is not waited for
        self._with_past = with_past
        self.dropped = DroppedLog(log)
        self._heartbeats_only = heartbeats_only
        self._on_inputs = on_inputs
        if on_inputs:
            self.socket.subscribe(INPUT_PREFIX)
        self._filter = MessageFilter(self.resubscribe)
        self._known_moments: KnownMoments = {}
        self._active_at: dict[str, float] = {}
        """When (monotonic seconds) each publisher last sent a message, or was connected to."""
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Subscribe to one more process; a known name changes nothing."""
        if name not in self._active_at:
            self._active_at[name] = time.monotonic()
            self.socket.connect(publish_endpoint(name))
            self.resubscribe(name)

    def remove(self, name: str) -> None:
        """Disconnect from a process; an unknown name changes nothing."""
        if self._active_at.pop(name, None) is not None:
            self._filter.remove(name)
            self._known_moments.pop(name, None)
            self.socket.disconnect(publish_endpoint(name))

    def reconnect_silent(self) -> None:
        """Connect again to each silent publisher; to be called once a second.

        After a protocol error, such as a message that is too long, libzmq gives up a connection for
        good and does not report it (libzmq issue 4196).
        """
        now = time.monotonic()
        for name, active_at in self._active_at.items():
            if now - active_at >= RECONNECT_SECONDS:
                self._active_at[name] = now
                self.socket.disconnect(publish_endpoint(name))
                self.socket.connect(publish_endpoint(name))

    def resubscribe(self, name: str) -> None:
        """Make a process send its current messages again; its work loop answers, unless the process hangs."""
        self.socket.subscribe(f"{name}/heartbeat" if self._heartbeats_only else f"{name}/")

    def receive(self) -> Iterator[Published]:
        """Yield the new messages that have arrived."""
        for frames in self.receive_frames():
            try:
                if self._on_inputs and frames[0].startswith(INPUT_PREFIX):
                    self._on_inputs(decode_inputs(frames))
                    continue
                received = message.decode(frames, self._known_moments, with_past=self._with_past)
            except MessageError as error:
                self.dropped.add("the bus", error)
                continue
            # Without the states, each heartbeat would show that one is missing, and every heartbeat is new.
            if self._heartbeats_only or self._filter.is_new(frames[0], received):
                yield received

    def receive_until(self, end: float, interval_seconds: float | None = None) -> Iterator[list[Published]]:
        """Yield the new messages, in batches, until `end` (monotonic seconds).

        With `interval_seconds`, an empty batch comes whenever nothing has arrived for this time.
        """
        while (now := time.monotonic()) < end:
            poll_until(self.socket, end if interval_seconds is None else min(end, now + interval_seconds))
            yield list(self.receive())

    def receive_frames(self) -> Iterator[list[bytes]]:
        """Yield the frames that have arrived from the subscribed processes, neither decoded nor filtered."""
        for frames in drain(self.socket):
            name = frames[0].removeprefix(INPUT_PREFIX).partition(b"/")[0].decode(errors="replace")
            if name in self._active_at:
                self._active_at[name] = time.monotonic()
                yield frames
            else:
                self.dropped.add("the bus", f"{name!r:.60} is not subscribed to")


class Request(NamedTuple):
    """A command, and the envelope that leads back to its sender."""

    command: Command
    envelope: list[bytes]


class CommandServer:
    """Receives the commands for one device; each gets a receipt, and so does a faulty one that has an id."""

    def __init__(self, context: Context, device: str, log: Logger) -> None:
        """Bind the socket; DeviceError when its endpoint is taken."""
        self.socket = open_socket(context, zmq.ROUTER)
        self.socket.set(zmq.MAXMSGSIZE, MAX_COMMAND_FRAME_BYTES)
        self.socket.set(zmq.RCVHWM, MAX_UNREAD_COMMANDS)
        bind(self.socket, device, command_endpoint(device))
        self._device = device
        self.dropped = DroppedLog(log)

    def receive(self) -> Iterator[Request]:
        """Yield the commands that have arrived; a faulty one is counted, rejected and dropped."""
        for frames in drain(self.socket):
            envelope, body = split_envelope(frames)
            try:
                if len(body) != 1:
                    raise MessageError(f"{len(body)} frames; a command has 1")
                yield Request(message.decode_command(body[0]), envelope)
            except MessageError as error:
                self.dropped.add("the command socket", error)
                if id_ := message.readable_id(body[-1] if body else b""):
                    rejection = Receipt(
                        id=id_, device=self._device, outcome="rejected", at=time.time(), reason=str(error)
                    )
                    self.reply(envelope, rejection)

    def reply(self, envelope: list[bytes], receipt: Receipt) -> None:
        """Send a receipt; a client that has gone, or does not read, causes no delay."""
        try:
            self.socket.send_multipart([*envelope, message.encode(receipt)], zmq.NOBLOCK)
        except zmq.ZMQError:
            self.dropped.add("the command socket", "the client does not read its receipts")


def split_envelope(frames: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Split the frames of a ROUTER into the envelope and the body.

    A REQ client puts an empty frame before its payload, a DEALER need not.
    """
    length = 2 if len(frames) == 3 and not frames[1] else 1  # noqa: PLR2004
    return frames[:length], frames[length:]
