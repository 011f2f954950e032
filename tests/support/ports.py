"""Ports for servers that a test starts, stops and starts again, where nobody else of this machine goes."""

import secrets
import socket
from contextlib import ExitStack, suppress

RANGE = range(20_000, 32_000)
"""Below those that Linux gives to whoever asks for any (ip(7), ip_local_port_range)."""


def free_port(count: int = 1) -> int:
    """Give a port of loopback that nobody has at this moment, the first of so many in a row."""
    while True:
        first = secrets.choice(RANGE)  # so that two test runs hardly ever choose the same
        with suppress(OSError), ExitStack() as stack:
            for number in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return first
