"""The WebSocket of the page: wrong handshakes, wrong frames, and messages that are no commands."""

import json
import socket
import struct
import time
from contextlib import suppress
from typing import Any

from bench.fuzz.door import Door, Kinds
from bench.fuzz.page_http import PageHttp, status_of
from bench.fuzz.tally import PATIENCE
from daemons.errors import HouseError

CONTINUE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
"""The opcodes of RFC 6455."""
FINAL = 0x80
OPEN_SOCKETS = 40
HANDSHAKE = (
    b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
WRONG_HANDSHAKES = (
    b"Sec-WebSocket-Version: 99", b"Sec-WebSocket-Key: \xff", b"Sec-WebSocket-Key: x", b"Upgrade: \xff",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99", b"Connection: close",
    b"Sec-WebSocket-Protocol: " + b"a," * 3000,
)  # fmt: skip
QUERIES = (
    "",
    "?device=stranger",
    "?room=%ff",
    "?after=x",
    "?after=1-2-3",
    "?after=" + "9" * 3000,
    "?device=" * 500,
)


class PageSocket(Door):
    """Sends wrong frames on WebSockets that were opened with the token."""

    name = "page, WebSocket"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._http = PageHttp(*args)
        self._open: list[socket.socket] = []

    @property
    def addresses(self) -> list[str]:
        """Return the only address."""
        return ["mirror"]

    def kinds(self) -> Kinds:
        """Return the kinds of wrong handshakes, frames and messages."""
        return {
            "wrong handshakes": self._handshakes,
            "random bytes": self._random_bytes,
            "wrong opcodes and bits": self._bits,
            "wrong masks": self._masks,
            "wrong lengths": self._lengths,
            "around the limit": self._sizes,
            "fragments without end": self._fragments,
            "wrong control frames": self._controls,
            "text that is no message": self._texts,
            "wrong commands": self._commands,
            "mutated messages": self._mutations,
            "floods": self._flood,
            "sockets that read nothing": self._open_socket,
        }

    def settle(self) -> None:
        """Close the sockets that were left open."""
        while self._open:
            self._open.pop().close()

    def check(self, kind: str) -> None:
        """Open a WebSocket as a program does, and send a ping; the pong must come."""
        with self.tally.answered(self.name, kind), self._connect("127.0.0.1") as client:
            client.sendall(frame(b'{"type":"ping"}'))
            end, read = time.monotonic() + PATIENCE, b""
            while b'"type":"pong"' not in read:
                part = client.recv(65536)
                if not part or time.monotonic() > end:
                    raise HouseError("the page answered no ping")
                read = read[-50:] + part
            self.tally.answers[self.name, "pong"] += 1

    def _connect(self, source: str = "", query: str = "") -> socket.socket:
        """Open a WebSocket with the token; HouseError when the page refuses it."""
        client = self._http.connect(source)
        client.sendall(self._http.request("GET", f"/api/live{query}", b"", *HANDSHAKE))
        status = status_of(client.recv(65536))
        if status != "101":
            client.close()
            raise HouseError(f"the page opens no WebSocket: {status or 'closed'}")
        return client

    def _burst(self, kind: str, frames: list[bytes]) -> None:
        """Send bytes on one WebSocket, and read until the page closes it or has read all."""
        with suppress(OSError), self._connect() as client:
            for content in frames:
                self.count(kind)
                client.sendall(content)
            client.sendall(frame(struct.pack(">H", 1000), CLOSE))
            client.settimeout(1.0)
            while client.recv(65536):
                pass
        self.check(kind)

    # The kinds

    def _handshakes(self, address: str) -> None:
        random = self.junk.random
        for _ in range(5):
            headers = [*random.sample(HANDSHAKE, random.randrange(5)), random.choice(WRONG_HANDSHAKES)]
            request = self._http.request("GET", f"/api/live{random.choice(QUERIES)}", b"", *headers)
            with self.tally.answered(self.name, "wrong handshakes"):
                answer = self._http.exchange(request + self.junk.noise(), "127.0.0.2")
                self.tally.answers[self.name, status_of(answer) or "closed"] += 1
                self.count("wrong handshakes")
        self.check("wrong handshakes")

    def _random_bytes(self, address: str) -> None:
        self._burst("random bytes", [self.junk.noise() for _ in range(3)])

    def _bits(self, address: str) -> None:
        first = self.junk.random.randrange(256)
        self._burst("wrong opcodes and bits", [bytes([first]) + frame(b"junk")[1:], frame(b"{}")])

    def _masks(self, address: str) -> None:
        wrong = self.junk.random.choice(
            [frame(b'{"type":"ping"}', masked=False), b"\x81\x85\xff", b"\x81\x05x"]
        )
        self._burst("wrong masks", [frame(b'{"type":"ping"}'), wrong])

    def _lengths(self, address: str) -> None:
        wrong = (
            b"\x81\xff" + b"\xff" * 12,
            b"\x81\xfe\x00\x01",
            b"\x81\xff" + bytes(7) + b"\x01",
            b"\x82\xff\x7f" + bytes(11),
        )
        self._burst("wrong lengths", [self.junk.random.choice(wrong) + b"abcd", frame(b"x")])

    def _sizes(self, address: str) -> None:
        size = self.junk.random.choice([self.junk.around(16 * 1024), 1 << 20])
        filler = self.junk.random.choice([b"[", b'"', b" ", b"\0"])
        self._burst("around the limit", [frame(filler * size, self.junk.random.choice([TEXT, BINARY]))])

    def _fragments(self, address: str) -> None:
        part = b"x" * self.junk.random.choice([0, 1, 1000])
        begin = [frame(part, self.junk.random.choice([TEXT, CONTINUE, BINARY]), final=False)]
        self._burst("fragments without end", begin + [frame(part, CONTINUE, final=False)] * 300)

    def _controls(self, address: str) -> None:
        random, made = self.junk.random, []
        for _ in range(10):
            opcode = random.choice([PING, PONG])
            made.append(frame(random.randbytes(random.choice([0, 125])), opcode))
        last = random.choice(
            [
                frame(bytes(126), PING),
                frame(b"x", CLOSE),
                frame(b"\x00\x01\xff", CLOSE),
                frame(b"", PING, final=False),
            ]
        )
        self._burst("wrong control frames", [*made, last])

    def _texts(self, address: str) -> None:
        self._burst(
            "text that is no message", [frame(self.junk.text_payload()[: 15 << 10]) for _ in range(10)]
        )

    def _commands(self, address: str) -> None:
        """Send commands that no device carries out: the word, the device or a field is wrong."""
        random, made = self.junk.random, []
        for _ in range(12):
            command = {
                "type": "command",
                "device": "toaster",
                "command": self.junk.identifier(),
                "id": "x",
                "args": {},
            }
            if random.random() < 0.3:
                command["device"] = random.choice(["stranger", "", "x" * 500, "steward", "\ud800"])
                made.append(frame(json.dumps(command).encode()))
            elif random.random() < 0.3:
                made.append(
                    frame(json.dumps({**command, "args": self.junk.names(self.junk.around(20))}).encode())
                )
            else:
                made.append(frame(self.junk.wrong_fields(command)))
        self._burst("wrong commands", made)

    def _mutations(self, address: str) -> None:
        good = json.dumps({"type": "command", "device": "stranger", "command": "fly", "id": "x"}).encode()
        self._burst("mutated messages", [frame(self.junk.mutate(good)) for _ in range(12)])

    def _flood(self, address: str) -> None:
        good = json.dumps({"type": "command", "device": "toaster", "command": "fly", "id": "x"}).encode()
        content = self.junk.random.choice([good, b'{"type":"ping"}'])
        self._burst("floods", [frame(content)] * 500)

    def _open_socket(self, address: str) -> None:
        """Open sockets and read nothing; each is closed when others have been opened."""
        for _ in range(5):
            with suppress(OSError, HouseError):
                self._open.append(self._connect())
                self.count("sockets that read nothing")
        while len(self._open) > OPEN_SOCKETS:
            self._open.pop(0).close()
        self.check("sockets that read nothing")


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True, masked: bool = True) -> bytes:
    """Return a frame of RFC 6455; its mask is zero, so that it leaves the payload as it is."""
    head = bytes([opcode | (FINAL if final else 0)])
    bit, size = 0x80 if masked else 0, len(payload)
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    return head + (bytes(4) if masked else b"") + payload
