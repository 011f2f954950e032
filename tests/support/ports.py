"""Ports for servers that a test starts and stops repeatedly, outside the range of the kernel."""

import secrets
import socket
from contextlib import ExitStack, suppress

RANGE = range(20_000, 32_000)
"""Below the ports that Linux assigns automatically (ip(7), ip_local_port_range)."""


def free_port(count: int = 1) -> int:
    """Return a free port of loopback, the first of `count` consecutive free ports.

    Until this process ends, no test of another process on this machine gets one of these ports.
    """
    while True:
        first = secrets.choice(RANGE)  # random, because two test runs must not choose the same port
        numbers = range(first, first + count)
        with suppress(OSError), ExitStack() as stack:
            reservations = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in numbers]
            for number, reservation in zip(numbers, reservations, strict=True):
                reservation.bind(f"\0house-test-port-{number}")  # in the abstract namespace: unix(7)
                stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
            for reservation in reservations:
                reservation.detach()  # the descriptor stays open until this process ends
            return first
