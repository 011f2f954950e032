"""Many clients of a page's WebSocket in one process; they read all messages and ignore their content.

usage: python -m bench.page_clients URL CLIENTS

The process prints "ready" when all clients are connected. It ends when its standard input is closed.
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


class PageClients:
    """Starts and stops the process of the clients; a context manager."""

    def __init__(self, url: str, clients: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.page_clients", url, str(clients)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        """Wait until all clients are connected."""
        assert self._process.stdout is not None  # noqa: S101  Popen opened it
        if self._process.stdout.readline().strip() != b"ready":
            raise ConnectionError("the page does not accept this many clients")
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Connect all clients, and read."""
    url, clients = urlsplit(sys.argv[1]), int(sys.argv[2])
    hello = HELLO.format(host=url.netloc).encode()
    waiting = selectors.DefaultSelector()
    for _ in range(clients):
        client = socket.create_connection((url.hostname, url.port), 10)
        client.sendall(hello)
        if b" 101 " not in client.recv(AT_ONCE).partition(b"\r\n")[0]:
            sys.exit("the page accepts no more WebSockets")
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
