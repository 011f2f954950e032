"""A real haproxy on loopback: one address for several brokers, of which the first running one is used."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.support.patience import Deadline
from tests.support.ports import free_port

SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class Haproxy:
    """One balancer; a context manager."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        """Write the configuration for brokers at these ports."""
        program = shutil.which("haproxy", path=SEARCH)
        if program is None:
            pytest.skip("there is no haproxy here; on Debian: apt install haproxy")
        self._program = program
        self.port = free_port()
        self._conf = folder / "haproxy.cfg"
        options = "check inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions"
        servers = [f"    server broker{port} 127.0.0.1:{port} {options}" for port in ports]
        self._conf.write_text(
            "defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 1m\n    timeout server 1m\n"
            f"listen mqtt\n    bind 127.0.0.1:{self.port}\n    balance first\n" + "\n".join([*servers, ""])
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([self._program, "-db", "-f", str(self._conf)])
        deadline = Deadline()
        while True:
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            assert deadline.left() > 0, "haproxy does not listen"
            time.sleep(0.02)  # a listener sends no event

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
