"""Ports for servers that a test starts and stops repeatedly, outside the range of the kernel."""

import secrets
import socket
from contextlib import ExitStack, suppress

RANGE = range(20_000, 32_000)
"""Below the ports that Linux assigns automatically (ip(7), ip_local_port_range)."""


def free_port(count: int = 1) -> int:
    """Return a free port of loopback, the first of `count` consecutive free ports."""
    while True:
        first = secrets.choice(RANGE)  # random, because two test runs must not choose the same port
        with suppress(OSError), ExitStack() as stack:
            for number in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return first
