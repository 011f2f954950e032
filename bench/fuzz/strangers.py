"""The three TCP ports of the exchange, by clients without a valid key."""

import socket
from contextlib import suppress
from typing import Any

import zmq

from bench.fuzz.door import Door, Kinds
from bench.fuzz.gateway import check_gateway
from bench.fuzz.page_http import SOURCES
from bench.fuzz.publishers import GREETING, SUB, zmtp_lies
from bench.fuzz.tally import PATIENCE

CURVE = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
"""The greeting of a CURVE client (rfc.zeromq.org/spec/26)."""
HELLO_BYTES = 200
OPEN_CONNECTIONS = 250
"""More than the exchange keeps without a key."""


class Strangers(Door):
    """Sends raw bytes, broken handshakes and unknown keys."""

    name = "gateway, strangers"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: list[socket.socket] = []

    @property
    def addresses(self) -> list[str]:
        """Return the three ports."""
        return [str(self.target.port + number) for number in range(3)]

    def kinds(self) -> Kinds:
        """Return the kinds of broken handshakes."""
        return {
            "random bytes": self._random_bytes,
            "frames without a key": self._lies,
            "broken CURVE handshakes": self._handshakes,
            "unknown keys": self._unknown_keys,
            "floods of connections": self._flood,
        }

    def settle(self) -> None:
        """Close the connections that were left open."""
        while self._open:
            self._open.pop().close()

    def _send(self, port: str, kind: str, contents: list[bytes]) -> None:
        for content in contents:
            with suppress(OSError), self._connect(port) as client:
                self.count(kind)
                client.sendall(content)
                client.settimeout(0.02)
                client.recv(1000)
        check_gateway(self, kind)

    def _connect(self, port: str) -> socket.socket:
        source = self.junk.random.choice(SOURCES)
        return socket.create_connection(("127.0.0.1", int(port)), PATIENCE, source_address=(source, 0))

    def _random_bytes(self, port: str) -> None:
        self._send(port, "random bytes", [self.junk.noise() for _ in range(10)])

    def _lies(self, port: str) -> None:
        begin = self.junk.random.choice(
            [b"", GREETING, GREETING + SUB, CURVE, CURVE[: self.junk.random.randrange(64)]]
        )
        self._send(port, "frames without a key", [begin + lie for lie in zmtp_lies(self.junk.noise())])

    def _handshakes(self, port: str) -> None:
        """Send a HELLO, INITIATE or other command of CURVE with a wrong length or wrong boxes."""
        random, made = self.junk.random, []
        for _ in range(10):
            word = random.choice([b"\x05HELLO", b"\x08INITIATE", b"\x07MESSAGE", b"\x05READY", b"\x05ERROR"])
            body = (
                word
                + b"\x01\x00"
                + random.randbytes(random.choice([0, HELLO_BYTES - 8, HELLO_BYTES, 1015, 60_000]))
            )
            size = bytes([len(body)]) if len(body) < 256 else len(body).to_bytes(8, "big")
            made.append(CURVE + bytes([4 if len(body) < 256 else 6]) + size + body)
        self._send(port, "broken CURVE handshakes", made)

    def _unknown_keys(self, port: str) -> None:
        """Connect by a library with a key that the house does not know, or with a wrong one of the house."""
        number = int(port) - self.target.port
        sockets = []
        for _ in range(3):
            client = self.target.connect_gateway(
                (zmq.XSUB, zmq.XPUB, zmq.DEALER)[number], number, self.target.stranger_key()
            )
            sockets.append(client)
            with suppress(zmq.Again):
                for _ in range(10):
                    client.send_multipart([b"", b"{}"] if number else [b"\x01"], zmq.NOBLOCK)
                    self.count("unknown keys")
        check_gateway(self, "unknown keys")
        for client in sockets:
            client.close()

    def _flood(self, port: str) -> None:
        """Open connections that show no key, and leave them open."""
        for _ in range(self.junk.random.choice([20, OPEN_CONNECTIONS])):
            with suppress(OSError):
                client = self._connect(port)
                self._open.append(client)
                client.sendall(self.junk.random.choice([b"", CURVE[:11], CURVE]))
                self.count("floods of connections")
        while len(self._open) > OPEN_CONNECTIONS:
            self._open.pop(0).close()
        check_gateway(self, "floods of connections")
