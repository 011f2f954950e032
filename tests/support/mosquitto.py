"""A real mosquitto on a free port of loopback, for tests: with a password or TLS, killed and started."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

from tests.support.ports import free_port

TIMEOUT_SECONDS = 20.0
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin"
USER = "house"


def make_certificate(folder: Path, name: str) -> Path:
    """Create a self-signed certificate with its key beside it, and return its path."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here")
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / f"{name}.pem"
    key = certificate.with_suffix(".key")
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    about = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *words, *about, *files], check=True, capture_output=True, timeout=60)
    return certificate


class Mosquitto:
    """One broker; a context manager."""

    def __init__(self, folder: Path, *, password: str | None = None, tls: bool = False) -> None:
        """Create a broker; with a password it accepts only the user `house`, with TLS no plain connection."""
        program = shutil.which("mosquitto", path=SEARCH)
        if program is None:
            pytest.skip("there is no mosquitto here; on Debian: apt install mosquitto")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.password = password
        self._program = program
        self._conf = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(password is None).lower()}"]
        if password is not None:
            users = folder / "users"
            command = [
                shutil.which("mosquitto_passwd", path=SEARCH) or "",
                "-b",
                "-c",
                str(users),
                USER,
                password,
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=30)
            lines += [f"password_file {users}"]
        if tls:
            self.authority = make_certificate(folder, "broker")
            lines += [f"certfile {self.authority}", f"keyfile {self.authority.with_suffix('.key')}"]
        if os.getuid() == 0:
            lines += ["user root"]  # otherwise mosquitto drops root, and cannot read the test's folder
        self._conf.write_text("\n".join([*lines, "set_tcp_nodelay true", ""]))

    def start(self) -> None:
        """Start the broker, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionRefusedError:
                assert self._process.poll() is None, "mosquitto has ended"
                assert time.monotonic() < end, "mosquitto does not listen"
                time.sleep(0.005)  # a listener sends no event
            else:
                return

    @property
    def pid(self) -> int:
        """Return the PID of the broker."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the broker."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the broker; harmless if it is not running."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
