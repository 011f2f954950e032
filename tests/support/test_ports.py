"""Ports of tests: each belongs to one test process."""

import os
import secrets
import socket

import pytest

from tests.support.ports import free_port


def test_a_port_that_another_process_has_reserved_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is one that a server listens on; and a reserved port is free for the server of the test."""
    first = 10_000 + os.getpid() % 9_000  # below the ports of all other tests
    with socket.socket(socket.AF_UNIX) as reserved, socket.create_server(("127.0.0.1", 0)) as server:
        reserved.bind(f"\0house-test-port-{first + 1}")
        candidates = iter([first, first + 1, server.getsockname()[1], first + 2])
        monkeypatch.setattr(secrets, "choice", lambda _: next(candidates))
        port = free_port(2)
    assert port == first + 2
    socket.create_server(("127.0.0.1", port)).close()
