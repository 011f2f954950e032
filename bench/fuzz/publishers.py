"""The publish sockets of the bus: subscriptions, frames that are none, and bytes without a library."""

import socket
import string
import time
from contextlib import suppress
from typing import Any

import zmq

from bench.fuzz.commands import connect, send
from bench.fuzz.door import Door, Kinds
from bench.fuzz.tally import PATIENCE
from daemons.bus import message
from daemons.bus.endpoints import publish_endpoint
from daemons.bus.sockets import MAX_COMMAND_FRAME_BYTES, MAX_SUBSCRIPTION_BYTES
from daemons.errors import HouseError

HALF_OPEN = 40
"""The number of half-open connections kept at a time."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
"""The greeting of a ZMTP 3.0 peer (rfc.zeromq.org/spec/23)."""
SUB = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
DEALER = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


class Publishers(Door):
    """Sends wrong subscriptions, and raw bytes to both sockets of each process."""

    name = "publish sockets"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._half_open: list[socket.socket] = []

    @property
    def addresses(self) -> list[str]:
        """Return the names of all processes, and of the foreign device."""
        return self.target.names

    def kinds(self) -> Kinds:
        """Return the kinds of wrong subscriptions and bytes."""
        return {
            "subscriptions": self._subscriptions,
            "long subscriptions": self._long_subscription,
            "unfinished messages": self._unfinished,
            "frames that are no subscription": self._frames,
            "raw bytes": self._raw_bytes,
            "half-open connections": self._half_open_connection,
        }

    def settle(self) -> None:
        """Close the half-open connections."""
        while self._half_open:
            self._half_open.pop().close()

    def check(self, name: str, kind: str = "") -> None:
        """Subscribe as a normal client: the work loop must answer with the current state."""
        with (
            self.tally.answered(self.name, kind),
            connect(self.target, publish_endpoint(name), zmq.XSUB) as client,
        ):
            send(client, [b"\x01" + f"{name}/state".encode()])
            if not client.poll(int(PATIENCE * 1000)):
                raise HouseError(f"{name} did not publish its state again")
            self.tally.answers[self.name, "current state"] += 1

    def _subscriptions(self, name: str) -> None:
        random = self.junk.random
        number, size = random.choice([(1, MAX_SUBSCRIPTION_BYTES), (200, 40), (5000, 8)])
        alphabet = string.ascii_lowercase + "/"
        with connect(self.target, publish_endpoint(name), zmq.XSUB) as client:
            for index in range(number):
                prefix = "".join(random.choices(alphabet, k=random.randrange(size)))
                send(client, [bytes([random.randrange(2)]) + f"{prefix}{index}".encode()])
            self.count("subscriptions", number)
            self.check(name, "subscriptions")

    def _long_subscription(self, name: str) -> None:
        """Subscribe with raw bytes: a library stores its subscriptions, and cannot store this one."""
        for limit in (MAX_SUBSCRIPTION_BYTES, MAX_COMMAND_FRAME_BYTES, message.MAX_FRAME_BYTES):
            size = self.junk.around(limit)
            prefix = b"\x01" + self.junk.random.randbytes(4) + bytes(size - 5)
            self._send_bytes(name, "publish", GREETING + SUB + b"\x02" + size.to_bytes(8, "big") + prefix)
        self.count("long subscriptions", 3)
        self.check(name, "long subscriptions")

    def _unfinished(self, name: str) -> None:
        """Send frames that announce more frames, and disconnect."""
        size = self.junk.random.choice([10, MAX_COMMAND_FRAME_BYTES])
        frame = b"\x03" + size.to_bytes(8, "big") + bytes(size)
        self._send_bytes(name, "command", GREETING + DEALER + frame * 16)
        self.count("unfinished messages", 16)
        self.check(name, "unfinished messages")

    def _frames(self, name: str) -> None:
        random = self.junk.random
        with connect(self.target, publish_endpoint(name), zmq.XSUB) as client:
            for _ in range(30):
                first = bytes([random.randrange(2, 256)]) + random.randbytes(20)
                send(client, [first, *[b"x"] * random.randrange(5)])
            self.count("frames that are no subscription", 30)
            self.check(name, "frames that are no subscription")

    def _raw_bytes(self, name: str) -> None:
        """Connect without a library: with a greeting, without, and with frames of a wrong length."""
        random = self.junk.random
        begin = random.choice([b"", GREETING, GREETING + SUB, GREETING[: random.randrange(64)]])
        with suppress(OSError), self._unix_socket(name) as client:
            for lie in random.sample(zmtp_lies(random.randbytes(300)), 3):
                self.count("raw bytes")
                client.sendall(begin + lie)
                begin = b""

    def _half_open_connection(self, name: str) -> None:
        """Start a connection, and never finish it."""
        with suppress(OSError):
            client = self._unix_socket(name)
            self._half_open.append(client)
            client.sendall(self.junk.random.choice([b"", GREETING[:11], GREETING, GREETING + SUB]))
            self.count("half-open connections")
        while len(self._half_open) > HALF_OPEN:
            self._half_open.pop(0).close()

    def _send_bytes(self, name: str, which: str, text: bytes) -> None:
        """Send raw bytes, read the peer's greeting, and stay connected for a moment."""
        with suppress(OSError), self._unix_socket(name, which) as client:
            client.sendall(text)
            time.sleep(0.02)
            client.recv(1000)

    def _unix_socket(self, name: str, which: str = "") -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(f"bus/{name}.{which or self.junk.random.choice(['command', 'publish'])}")
        return client


def zmtp_lies(junk: bytes) -> list[bytes]:
    """Return bytes that are no frames of ZMTP, or frames with a wrong length."""
    return [
        b"\x02\x7f" + b"\xff" * 7,  # a frame of 2^63 bytes
        b"\x02" + bytes(4) + b"\x00\x00\x80\x00" + b"half",  # a part of a frame of half the limit
        b"\x01\x05four" * 100,  # frames that announce more, without end
        b"\x04\xff" * 50,  # commands that never end
        b"\x06" + bytes(7) + b"\x08\x04PING\x00\x00\x00",
        junk,
    ]
