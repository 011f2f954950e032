"""A TCP server on loopback that behaves as a test tells it, and one attempt of a driver to reach it."""

import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from daemons.config import loader
from daemons.drivers import Driver
from daemons.kinds import Message, Reading, Setting
from daemons.values import convert
from tests.support.patience import patience

NOW = 1_000_000.0
Behaviour = Callable[[socket.socket, "LoopbackServer"], None]


class LoopbackServer:
    """Accepts connections, and lets a behaviour handle each one in a thread of its own."""

    def __init__(self, behave: Behaviour, certificate: Path | None = None) -> None:
        self.behave = behave
        self.received: list[bytes] = []
        """What the behaviours have recorded, by connection or by message."""
        self.ended = threading.Event()
        """Set when the test is over; a behaviour that hangs waits for it."""
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def url(self) -> str:
        """The address of the server for HTTP."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/hook"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.settimeout(patience())
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            self.behave(connection, self)
        connection.close()


def read_request(connection: socket.socket) -> bytes:
    """Read a whole HTTP request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += read_some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *([0-9]+)", head)
    while len(body) < int(found[1] if found else 0):
        body += read_some(connection)
    return head + b"\r\n\r\n" + body


def read_some(connection: socket.socket) -> bytes:
    """Read what has come; raises ConnectionError at the end."""
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def http(status: int, body: bytes = b"", times: int = 1, headers: str = "") -> Behaviour:
    """Return a behaviour that answers each request with a status, perhaps more than once."""

    def behave(connection: socket.socket, server: LoopbackServer) -> None:
        server.received.append(read_request(connection))
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall((head.encode() + body) * times)

    return behave


def after_request(*answers: bytes, then: str = "close") -> Behaviour:
    """Return a behaviour that reads a request, sends bytes, and closes, hangs, or repeats the last."""

    def behave(connection: socket.socket, server: LoopbackServer) -> None:
        server.received.append(read_request(connection))
        for answer in answers:
            connection.sendall(answer)
        while then == "repeat" and not server.ended.is_set():
            connection.sendall(answers[-1])
        if then == "hang":
            server.ended.wait(patience())

    return behave


@contextmanager
def opened(word: str, **options: Any) -> Iterator["Driver[Any]"]:
    """Yield a driver whose thread runs, for the device `phone`."""
    kind = loader.driver(word)
    driver = kind("phone", convert(options, kind.options_type))
    driver.open(((1.0, 0.0),), NOW)
    try:
        yield driver
    finally:
        driver.close()


def deliver(driver: "Driver[Any]", attempt: int = 1, **more: Any) -> Reading:
    """Send one attempt to a driver, and return the reading with its outcome."""
    message = Message(**{"key": "197e-1", "text": "The freezer is warm.", "attempt": attempt, **more})
    driver.set(Setting(on=False, message=message), None, NOW)
    while True:
        reading = driver.read(NOW)
        if reading.outcome is not None and reading.outcome.attempt == attempt:
            return reading
        assert select.select([driver.socket], [], [], patience())[0], "there was no outcome in time"


def result(reading: Reading) -> str:
    """Return the result of a reading's outcome."""
    assert reading.outcome is not None
    return reading.outcome.result


def reason(reading: Reading) -> str:
    """Return the reason of a reading's outcome, which the device publishes as its fault."""
    assert reading.outcome is not None
    assert (reading.fault or "") == reading.outcome.text
    return reading.outcome.text
