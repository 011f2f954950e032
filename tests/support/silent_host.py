"""An address at which a connection is neither accepted nor refused, as behind a host without power."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port whose queue of connections is full: the kernel drops further ones."""
    with socket.socket() as server, socket.socket() as first:
        server.bind(("127.0.0.1", 0))
        server.listen(0)  # the queue has room for one connection
        first.connect(server.getsockname())
        port: int = server.getsockname()[1]
        yield port


def has_connection_attempt(port: int) -> bool:
    """Return whether a connection attempt has no answer (proc_net(5): SYN_SENT)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(line.split()[2:4] == [f"0100007F:{port:04X}", "02"] for line in lines)
