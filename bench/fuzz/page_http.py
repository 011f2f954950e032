"""The page, by HTTP: wrong requests, wrong bodies, wrong tokens, and connections that are left open."""

import json
import socket
from contextlib import suppress
from typing import Any

from bench.fuzz.door import Door, Kinds
from bench.fuzz.tally import PATIENCE
from daemons.errors import HouseError

SOURCES = [f"127.0.0.{number}" for number in range(2, 10)]
"""Junk comes from several addresses: the page limits the commands and the wrong tokens of each."""
OPEN_CONNECTIONS = 300
JUNK_SECONDS = 0.1
"""How long junk waits for an answer. Where the page waits for more, the connection is closed then."""
METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PATCH",
    "get",
    "G\x00T",
    "X" * 9000,
)
PATHS = (
    "/", "/login", "/healthz", "/metrics", "/api/house", "/api/devices/toaster",
    "/api/devices/toaster/start",
    "/api/live", "/api/history", "/api/openapi.json", "/page/", "/page/page.js",
)  # fmt: skip
WRONG_PATHS = (
    "/../../etc/passwd", "/page/../../house.toml", "/page/%2e%2e%2ftoken", "/page/..%2f..%2ftoken", "/%",
    "/%ff",
    "/%00", "//", "/api/devices/", "/api/devices/%ff/on", "/api/devices/toaster/%ff", "http://[", "*", "",
    "/\xff",
    "/api/devices/toaster/" + "x" * 5000, "/?" + "a&" * 3000, "/" + "a/" * 4000,
    "/api/history?device=" + "y" * 900,
)  # fmt: skip
HISTORY = (
    "since=1e999",
    "until=-1",
    "points=99999999999",
    "points=%D9%A3",
    "since=%00",
    "device=toaster&" * 500,
)
HEADERS = (
    b"Host: \xff\xfe", b"\xff: x", b"Bad Header: x", b": x", b"Cookie: house=\xed\xa0\x80",
    b"Cookie: " + b"a=b;" * 900,
    b"Authorization: Bearer \xc3", b"Authorization: Bearer", b"Content-Length: -1", b"Content-Length: 1e3",
    b"Content-Length: 99999999999999999999", b"Transfer-Encoding: gzip, chunked", b"Expect: 100-continue",
    b"Content-Encoding: deflate", b"Range: bytes=0-0,-1,5-1", b"If-Modified-Since: \xff",
    b"X: " + b"x" * 20_000,
    b"Accept-Encoding: \x01", b"Content-Type: multipart/form-data",
    b"Content-Type: text/\xff; charset=nonsense",
)  # fmt: skip
CHUNKS = (
    b"zz\r\nx\r\n", b"-1\r\n", b"ffffffffffffffff\r\nx", b"5\r\nab\r\n", b"1;" + b"e" * 9000 + b"\r\nx\r\n",
    b"0\r\n" + b"Trailer: x\r\n" * 2000, b"1\r\nx\r\n" * 3000, b"0x5\r\nhello\r\n0\r\n\r\n", b"\r\n\r\n",
)  # fmt: skip


class PageHttp(Door):
    """Sends raw requests to the page."""

    name = "page, HTTP"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: list[socket.socket] = []
        self._limit = 16 * 1024
        """The longest body (docs/page.md)."""

    @property
    def addresses(self) -> list[str]:
        """Return the only address."""
        return ["mirror"]

    def kinds(self) -> Kinds:
        """Return the kinds of wrong requests."""
        return {
            "random bytes": self._random_bytes,
            "wrong request lines": self._request_lines,
            "wrong headers": self._headers,
            "wrong paths and methods": self._paths,
            "bodies around the limit": self._bodies,
            "wrong chunks": self._chunks,
            "wrong commands": self._commands,
            "wrong tokens": self._tokens,
            "wrong hosts and origins": self._origins,
            "wrong sign-ins": self._logins,
            "mutated requests": self._mutations,
            "pipelined requests": self._pipelines,
            "unfinished requests": self._unfinished,
        }

    def settle(self) -> None:
        """Close the connections that were left open."""
        while self._open:
            self._open.pop().close()

    def check(self, kind: str) -> None:
        """Ask for the house as a program with the token does; the answer must be 200."""
        with self.tally.answered(self.name, kind):
            request = self.request("GET", "/api/house", b"", b"Connection: close")
            status = status_of(self.exchange(request, "127.0.0.1", PATIENCE))
            if status != "200":
                raise HouseError(f"the page answered {status or 'nothing'}")

    def request(self, method: str, path: str, body: bytes = b"", *headers: bytes, **kept: bool) -> bytes:
        """Return a request, with the right host and token unless `host` or `token` is False."""
        host, port = self.target.page
        lines = [f"{method} {path} HTTP/1.1".encode("latin-1"), *headers]
        lines += [f"Host: {host}:{port}".encode()] if kept.get("host", True) else []
        lines += [f"Authorization: Bearer {self.target.token}".encode()] if kept.get("token", True) else []
        lines += [b"Content-Length: %d" % len(body), b"Content-Type: application/json"] if body else []
        return b"\r\n".join([*lines, b"", b""]) + body

    def exchange(self, request: bytes, source: str, seconds: float = JUNK_SECONDS) -> bytes:
        """Send a request, and return all that is answered until the page closes the connection.

        The connection is closed from this side when nothing more comes within `seconds`.
        """
        answer = b""
        with suppress(ConnectionError, TimeoutError), self.connect(source) as client:
            client.sendall(request)
            client.settimeout(seconds)
            while part := client.recv(65536):
                answer += part
        return answer

    def connect(self, source: str = "") -> socket.socket:
        """Connect to the page, by default from one of the addresses for junk."""
        host, port = self.target.page
        source = source or self.junk.random.choice(SOURCES)
        return socket.create_connection((host, int(port)), PATIENCE, source_address=(source, 0))

    def _burst(self, kind: str, requests: list[bytes]) -> None:
        """Send wrong requests, each on a connection of its own, and count the answers."""
        with self.tally.answered(self.name, kind):
            for request in requests:
                self.count(kind)
                answer = self.exchange(request, self.junk.random.choice(SOURCES))
                self.tally.answers[self.name, status_of(answer) or "closed"] += 1
        self.check(kind)

    # The kinds

    def _random_bytes(self, address: str) -> None:
        self._burst("random bytes", [self.junk.noise() for _ in range(10)])

    def _request_lines(self, address: str) -> None:
        lines = [
            b"GET", b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1.1 x", b"\r\n" * 500, b"GET  / HTTP/1.1",
            b"\x16\x03\x01",
            b"GET /" + b"x" * self.junk.around(8190) + b" HTTP/1.1", b"PRI * HTTP/2.0",
            b"GET / HTTP/1.1\nHost: x",
        ]  # fmt: skip
        self._burst("wrong request lines", [line + b"\r\n\r\n" for line in self.junk.random.sample(lines, 5)])

    def _headers(self, address: str) -> None:
        made = []
        for _ in range(10):
            headers = self.junk.random.sample(HEADERS, self.junk.random.randrange(1, 4))
            headers *= self.junk.random.choice([1, 1, 1, 200])
            path = self.junk.random.choice(PATHS)
            made.append(self.request("GET", path, b"", *headers, host=self.junk.random.random() < 0.5))
        self._burst("wrong headers", made)

    def _paths(self, address: str) -> None:
        random, made = self.junk.random, []
        for _ in range(10):
            path = random.choice([*PATHS, *WRONG_PATHS, *(f"/api/history?{query}" for query in HISTORY)])
            method = random.choice(METHODS)
            if (method, path) == ("POST", "/api/devices/toaster/start"):
                method = "PUT"
            made.append(self.request(method, path, token=random.random() < 0.7))
        self._burst("wrong paths and methods", made)

    def _bodies(self, address: str) -> None:
        made = []
        for _ in range(5):
            size = self.junk.random.choice([self.junk.around(self._limit), 1 << 20])
            filler = self.junk.random.choice([b"[", b'"', b" ", b"\0", b"\xff"])
            path = self.junk.random.choice(["/api/devices/toaster/fly", "/login", "/healthz"])
            made.append(self.request("POST", path, filler * size))
        self._burst("bodies around the limit", made)

    def _chunks(self, address: str) -> None:
        made = []
        for _ in range(5):
            path = self.junk.random.choice(["/api/devices/toaster/fly", "/login"])
            begin = self.request("POST", path, b"", b"Transfer-Encoding: chunked")
            made.append(begin + self.junk.random.choice(CHUNKS) * self.junk.random.choice([1, 1, 20]))
        self._burst("wrong chunks", made)

    def _commands(self, address: str) -> None:
        """Send commands with a valid token: to unknown devices, with unknown words, and with wrong bodies."""
        random, made = self.junk.random, []
        for _ in range(10):
            device = random.choice([*self.target.devices, "stranger", "steward"])
            word = random.choice([self.junk.identifier(), "%20", "%ff", "x" * 65])
            body = self.junk.text_payload()
            if random.random() < 0.5:
                body = self.junk.wrong_fields({"args": {}, "id": "x", "timeout_seconds": 1, "unknown": 1})
            made.append(self.request("POST", f"/api/devices/{device}/{word}", body or b"\0"))
        self._burst("wrong commands", made)

    def _tokens(self, address: str) -> None:
        wrong = (
            b"Bearer x",
            b"Bearer " + b"\xff" * 30,
            b"Basic eDp4",
            b"bearer",
            self.junk.noise().replace(b"\n", b""),
        )
        made = []
        for _ in range(10):
            header = b"Authorization: " + self.junk.random.choice(wrong)
            path = self.junk.random.choice(PATHS)
            made.append(
                self.request(self.junk.random.choice(["GET", "POST"]), path, b"", header, token=False)
            )
        self._burst("wrong tokens", made)

    def _origins(self, address: str) -> None:
        headers = (
            b"Host: evil.example", b"Host:", b"Host: a\x00b", b"Host: 127.0.0.1.evil.example",
            b"Host: \xff",
            b"Origin: http://evil.example", b"Origin: null", b"Origin: \xff",
            b"Origin: javascript://" + b"x" * 5000,
        )  # fmt: skip
        made = []
        for _ in range(10):
            header = self.junk.random.choice(headers)
            method, path = self.junk.random.choice(
                [("GET", "/api/live"), ("POST", "/api/devices/toaster/start")]
            )
            made.append(self.request(method, path, b"", header, host=not header.startswith(b"Host")))
        self._burst("wrong hosts and origins", made)

    def _logins(self, address: str) -> None:
        made = []
        for _ in range(5):
            body = self.junk.random.choice(
                [
                    b"token=%ff",
                    b"token=" + self.junk.noise(),
                    b"--b\r\n" * 100,
                    b"a=b&" * 3000,
                    self.junk.text_payload(),
                ]
            )
            kind = self.junk.random.choice(
                [
                    b"application/x-www-form-urlencoded",
                    b"multipart/form-data; boundary=b",
                    b"multipart/form-data",
                    b"\xff",
                ]
            )
            head = self.request(
                "POST", "/login", b"", b"Content-Type: " + kind, b"Content-Length: %d" % len(body)
            )
            made.append(head + body)
        self._burst("wrong sign-ins", made)

    def _mutations(self, address: str) -> None:
        good = self.request("POST", "/api/devices/stranger/fly", json.dumps({"args": {"a": 1}}).encode())
        self._burst("mutated requests", [self.junk.mutate(good) for _ in range(20)])

    def _pipelines(self, address: str) -> None:
        one = self.request(
            self.junk.random.choice(["GET", "HEAD"]),
            self.junk.random.choice(["/healthz", "/x", "/api/house"]),
        )
        with self.tally.answered(self.name, "pipelined requests"):
            answer = self.exchange(one * 40, self.junk.random.choice(SOURCES))
            self.count("pipelined requests", 40)
            self.tally.answers[self.name, f"{status_of(answer) or 'closed'}, pipelined"] += 1
        self.check("pipelined requests")

    def _unfinished(self, address: str) -> None:
        """Begin requests, and leave their connections open."""
        good = self.request("POST", "/api/devices/stranger/fly", b"x" * 1000)
        for _ in range(self.junk.random.choice([10, OPEN_CONNECTIONS])):
            with suppress(OSError):
                client = self.connect()
                self._open.append(client)
                client.sendall(good[: self.junk.random.randrange(len(good))])
                self.count("unfinished requests")
        while len(self._open) > OPEN_CONNECTIONS:
            self._open.pop(0).close()
        self.check("unfinished requests")


def status_of(answer: bytes) -> str:
    """Return the status in the first line of an answer; empty without one."""
    parts = answer.split(b"\r\n", 1)[0].split(b" ")
    return parts[1].decode(errors="replace") if answer.startswith(b"HTTP/1.") and len(parts) > 1 else ""
