"""Clients of a page's WebSocket that read everything and look at nothing; one process.

usage: python -m bench.crowd URL CLIENTS

It says "ready" when all of them are connected, and goes on until its standard input is closed.
"""

import os
import selectors
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

HELLO = (
    "GET /api/live HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
AT_ONCE = 1 << 18


class Crowd:
    """The clients, from outside; a context manager."""

    def __init__(self, url: str, clients: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.crowd", url, str(clients)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        """Wait until all are connected."""
        assert self._process.stdout is not None  # noqa: S101  it was made with one
        if self._process.stdout.readline().strip() != b"ready":
            raise ConnectionError("the page does not take so many clients")
        return self

    def __exit__(self, *_: object) -> None:
        """Let them go."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Connect, and read."""
    url, clients = urlsplit(sys.argv[1]), int(sys.argv[2])
    hello = HELLO.format(host=url.netloc).encode()
    waiting = selectors.DefaultSelector()
    for _ in range(clients):
        client = socket.create_connection((url.hostname, url.port), 10)
        client.sendall(hello)
        if b" 101 " not in client.recv(AT_ONCE).partition(b"\r\n")[0]:
            sys.exit("no WebSocket")
        client.setblocking(False)
        waiting.register(client, selectors.EVENT_READ)
    print("ready", flush=True)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is sys.stdin or not key.fileobj.recv(AT_ONCE):  # type: ignore[union-attr]
                return


if __name__ == "__main__":
    main()
