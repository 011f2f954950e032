"""The sockets of the house: publisher, subscriber, command server and command client.

Publishers bind and subscribers connect. A publisher is an XPUB that is told of every new
subscription and then sends its current state again, so nobody waits for slow joiners: whoever
subscribes, or subscribes once more because a heartbeat told it that it missed something, has
the truth within a round trip (zmq_setsockopt(3), ZMQ_XPUB_VERBOSE).
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import zmq

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.message import Command, Heartbeat, Published, Receipt, Report
from daemons.bus.sequence import Numbers
from daemons.errors import DeviceError, MessageError, NoAnswer

BURST = 1000
"""The most messages taken from one socket before the others, and the timers, have their turn."""

LONGEST_SUBSCRIPTION = 256
"""Bytes; a subscription is kept as long as its sender is, so that a long one is not taken at all."""
MORE = int(zmq.SNDMORE)
RENEW_SECONDS = 2.0
"""Who has been silent so long is connected to anew."""

Socket = zmq.Socket[bytes]
Context = zmq.Context[Socket]
Logger = logging.Logger | logging.LoggerAdapter[Any]


def open_socket(context: Context, kind: int) -> Socket:
    """Open a socket with the house's options, which stand here and nowhere else."""
    socket = context.socket(kind)
    socket.set(zmq.LINGER, 100)  # the last receipt goes out; a stuck peer does not keep us
    socket.set(zmq.SNDHWM, 1000)
    socket.set(zmq.RCVHWM, 10_000)
    socket.set(zmq.RECONNECT_IVL, 7)  # then twice as long: at 7, 21 and 49 ms; a device is back before 21
    socket.set(zmq.RECONNECT_IVL_MAX, 100)  # who comes back after a while is heard before you blink, too
    socket.set(zmq.MAXMSGSIZE, message.LIMIT)
    return socket


def open_far_socket(context: Context, kind: int) -> Socket:
    """Open a socket for the network, where a connection can be cut without a word: then it is made anew.

    But not too soon: a new one takes some five round trips, and a poor network loses frames of it.
    """
    socket = open_socket(context, kind)
    socket.set(zmq.IPV6, 1)
    socket.set(zmq.RECONNECT_IVL_MAX, 1000)
    socket.set(zmq.CONNECT_TIMEOUT, 3000)  # TCP itself would wait ever longer to try again
    socket.set(zmq.HANDSHAKE_IVL, 20_000)
    socket.set(zmq.HEARTBEAT_IVL, 1000)
    socket.set(zmq.HEARTBEAT_TIMEOUT, 10_000)
    return socket


def bind(socket: Socket, device: str, endpoint: str) -> None:
    """Bind, or raise a DeviceError that names the endpoint and the reason."""
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise DeviceError(device, f"cannot bind {endpoint}: {error.strerror}") from error


class Refusals:
    """Counts what was dropped, and logs it once per source and window instead of once per frame."""

    WINDOW_SECONDS = 60.0
    MOST = 1000
    """Sources that are remembered; where there are more, the one that was told longest ago is forgotten."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._windows: dict[str, tuple[float, int]] = {}
        self.total = 0

    def add(self, source: str, why: object) -> None:
        """Drop one: the first of a window is told at once, the rest with the next window's first."""
        self.total += 1
        now = time.monotonic()
        began, number = self._windows.get(source, (float("-inf"), 0))
        if now - began < self.WINDOW_SECONDS:
            self._windows[source] = (began, number + 1)
            return
        more = f" (and {number - 1} before it)" if number > 1 else ""
        self._log.warning("dropped a bad message on %s: %s%s", source, why, more)
        self._windows.pop(source, None)
        self._windows[source] = (now, 1)  # the last in the order is the latest
        if len(self._windows) > self.MOST:
            del self._windows[next(iter(self._windows))]


class Publisher:
    """Says what one process knows, to whoever subscribes; holds what is current to say it again."""

    def __init__(self, context: Context, name: str) -> None:
        """Bind; DeviceError when the endpoint cannot be had."""
        self.socket = open_socket(context, zmq.XPUB)
        self.socket.set(zmq.XPUB_VERBOSE, 1)
        self.socket.set(zmq.MAXMSGSIZE, LONGEST_SUBSCRIPTION)  # it hears nothing but subscriptions
        bind(self.socket, name, publish_endpoint(name))
        self._current: dict[bytes, bytes] = {}

    def publish(self, message_: Published) -> None:
        """Send a message, which is then the current one of its topic."""
        topic = message.topic(message_)
        payload = self._current[topic] = message.encode(message_)
        self._send(topic, payload)

    def forget(self) -> None:
        """Have nothing that is current any more: what was said may not be so now."""
        self._current.clear()

    def answer_newcomers(self) -> None:
        """Take the new subscriptions, and send what is current once if any of them asks for it."""
        asked = {frames[0][1:] for frames in drain(self.socket) if frames[0][:1] == b"\x01"}
        for topic, payload in self._current.items():
            if any(topic.startswith(prefix) for prefix in asked):
                self._send(topic, payload)

    def _send(self, topic: bytes, payload: bytes) -> None:
        # Half the time of send_multipart, which combines its flags anew for each frame.
        self.socket.send(topic, MORE)
        self.socket.send(payload)


class Subscriber:
    """Hears the processes it names; yields each message once, in order, and no bad frame."""

    def __init__(self, context: Context, names: Iterable[str], log: Logger) -> None:
        self.socket = open_socket(context, zmq.SUB)
        self.refusals = Refusals(log)
        self._numbers: dict[str, Numbers] = {}
        """Of each publisher, what has come of it."""
        self._heard: dict[bytes, tuple[int, int]] = {}
        """Of each topic, the last (boot, seq) heard."""
        self._renewed: dict[str, float] = {}
        """When each publisher was last heard, or connected to (monotonic seconds)."""
        self._asked: dict[str, float] = {}
        """For which sign of life (its `at`) each publisher was last asked what was missed."""
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Listen to one more."""
        if name not in self._numbers:
            self._numbers[name] = Numbers()
            self._renewed[name] = time.monotonic()
            self.socket.connect(publish_endpoint(name))
            self.ask(name)

    def remove(self, name: str) -> None:
        """Listen to one less."""
        if self._numbers.pop(name, None) is not None:
            del self._renewed[name]
            self._asked.pop(name, None)
            self.socket.disconnect(publish_endpoint(name))

    def renew(self) -> None:
        """Connect anew to who is silent; to be called once a second.

        libzmq gives up a connection for good after a protocol error, such as a message that is
        too long, and does not say so (libzmq issue 4196).
        """
        now = time.monotonic()
        for name in self._numbers:
            if now - self._renewed[name] >= RENEW_SECONDS:
                self._renewed[name] = now
                self.socket.disconnect(publish_endpoint(name))
                self.socket.connect(publish_endpoint(name))

    def ask(self, name: str) -> None:
        """Have a process say again what is current; its work loop answers, or it is not at work."""
        self.socket.subscribe(f"{name}/")

    def receive(self) -> Iterator[Published]:
        """Yield what has arrived and is new."""
        for frames in self.frames():
            try:
                heard = message.decode(frames)
            except MessageError as error:
                self.refusals.add("the bus", error)
                continue
            if self._is_new(frames[0], message.publisher(heard), heard):
                yield heard

    def frames(self) -> Iterator[list[bytes]]:
        """Yield what has arrived of who is listened to, as it is: neither read nor compared."""
        for frames in drain(self.socket):
            name = frames[0].partition(b"/")[0].decode(errors="replace")
            if name in self._renewed:
                self._renewed[name] = time.monotonic()
                yield frames
            else:
                self.refusals.add("the bus", f"nobody here listens to {name!r:.60}")

    def _is_new(self, topic: bytes, name: str, heard: Published) -> bool:
        numbers, mark = self._numbers[name], (heard.boot, heard.seq)
        if heard.boot < numbers.latest[0]:
            return False  # of a life that has ended
        if isinstance(heard, Heartbeat):
            # A sign of life that comes with the answer is no reason to ask again.
            if self._asked.get(name) != heard.at and numbers.lacks(*mark):
                self._asked[name] = heard.at
                self.ask(name)
            return True
        numbers.take(*mark, is_report=isinstance(heard, Report))
        if mark <= self._heard.get(topic, (0, 0)):
            return False
        self._heard[topic] = mark
        return True


class Request(NamedTuple):
    """A command, and the way back to who sent it."""

    command: Command
    envelope: list[bytes]


class CommandServer:
    """Takes commands for one device; each gets a receipt, and so does what is none but has an id."""

    def __init__(self, context: Context, device: str, log: Logger) -> None:
        """Bind; DeviceError when the endpoint cannot be had."""
        self.socket = open_socket(context, zmq.ROUTER)
        bind(self.socket, device, command_endpoint(device))
        self._device = device
        self.refusals = Refusals(log)

    def receive(self) -> Iterator[Request]:
        """Yield the commands that have arrived; what is none is counted and dropped."""
        for frames in drain(self.socket):
            envelope, body = part(frames)
            try:
                if len(body) != 1:
                    raise MessageError(f"{len(body)} frames where a command has 1")
                yield Request(message.decode_command(body[0]), envelope)
            except MessageError as error:
                self.refusals.add("the command socket", error)
                if id_ := message.readable_id(body[-1] if body else b""):
                    refusal = Receipt(
                        id=id_, device=self._device, outcome="rejected", at=time.time(), reason=str(error)
                    )
                    self.reply(envelope, refusal)

    def reply(self, envelope: list[bytes], receipt: Receipt) -> None:
        """Send the receipt; a client that has gone, or reads nothing, does not hold us up."""
        try:
            self.socket.send_multipart([*envelope, message.encode(receipt)], zmq.NOBLOCK)
        except zmq.ZMQError:
            self.refusals.add("the command socket", "its sender takes no receipt")


def part(frames: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Part what a ROUTER got into the way back and the rest.

    A REQ client puts an empty frame before its payload, a DEALER need not.
    """
    length = 2 if len(frames) == 3 and not frames[1] else 1  # noqa: PLR2004
    return frames[:length], frames[length:]


def command(word: str, seconds: float, args: dict[str, Any] | None = None, id_: str | None = None) -> Command:
    """Make a command with a deadline that many seconds from now, and a new id unless it has one."""
    id_ = id_ or os.urandom(5).hex()
    return Command(id=id_, command=word, deadline=time.time() + seconds, args=args or {})


def ask(context: Context, device: str, command: Command) -> Receipt:
    """Send a command and wait for its receipt, until its deadline; NoAnswer after that."""
    patience = command.deadline - time.time()
    end = time.monotonic() + patience
    with open_socket(context, zmq.DEALER) as socket:
        socket.set(zmq.LINGER, 0)  # a wish that nobody took ends with its deadline
        socket.connect(command_endpoint(device))
        socket.send_multipart([b"", message.encode(command)])
        while (left := end - time.monotonic()) > 0:
            if not socket.poll(int(left * 1000) + 1):
                break
            receipt = message.decode_receipt(socket.recv_multipart()[-1])
            if receipt.id == command.id:
                return receipt
    raise NoAnswer(
        device, round(patience, 1), "is it running? `house status` shows it, `house logs` says why"
    )


def drain(socket: Socket) -> Iterator[list[bytes]]:
    """Yield what waits on a socket, at most a burst of it."""
    for _ in range(BURST):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
