"""A real mosquitto on a free port of loopback, for tests: with a password or TLS, killed and started."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from tests.support.patience import Deadline, patience
from tests.support.ports import free_port

SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin"
USER = "house"
ACL_PLUGIN = "mosquitto_dynamic_security.so"
"""The plugin of mosquitto that refuses a SUBSCRIBE. Its plain access list accepts it and delivers nothing."""


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
    subprocess.run([openssl, *words, *about, *files], check=True, capture_output=True, timeout=patience(60))
    return certificate


class Mosquitto:
    """One broker; a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        password: str | None = None,
        tls: bool = False,
        client_certificate: Path | None = None,
        acl: str | None = None,
        subscriptions: Sequence[str] | None = None,
    ) -> None:
        """Create a broker; with a password it accepts only the user `house`, with TLS no plain connection.

        `acl` is the content of its access list. With `subscriptions`, it refuses each SUBSCRIBE to another
        topic filter. With `client_certificate` and TLS, it accepts only clients with this certificate.
        """
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
            subprocess.run(command, check=True, capture_output=True, timeout=patience(30))
            lines += [f"password_file {users}"]
        self._acl = folder / "acl"
        if acl is not None:
            self._acl.write_text(acl)
            lines += [f"acl_file {self._acl}"]
        if subscriptions is not None:
            lines += self._refuse_subscriptions(folder / "roles.json", subscriptions)
        if tls:
            self.authority = make_certificate(folder, "broker")
            lines += [f"certfile {self.authority}", f"keyfile {self.authority.with_suffix('.key')}"]
        if client_certificate is not None:
            lines += [f"cafile {client_certificate}", "require_certificate true"]
        if os.getuid() == 0:
            lines += ["user root"]  # otherwise mosquitto drops root, and cannot read the test's folder
        self._conf.write_text("\n".join([*lines, "set_tcp_nodelay true", ""]))

    @staticmethod
    def _refuse_subscriptions(file: Path, subscriptions: Sequence[str]) -> list[str]:
        """Return the configuration of a broker that accepts only these subscriptions."""
        plugin = next(Path("/usr/lib").glob(f"*/{ACL_PLUGIN}"), None)
        if plugin is None:
            pytest.skip(f"this mosquitto has no {ACL_PLUGIN}")
        acls = [{"acltype": "subscribeLiteral", "topic": topic, "allow": True} for topic in subscriptions]
        usual = {"publishClientSend": True, "publishClientReceive": True, "unsubscribe": True}
        roles = {
            "defaultACLAccess": {**usual, "subscribe": False},
            "anonymousGroup": "all",
            "groups": [{"groupname": "all", "roles": [{"rolename": "all"}]}],
            "roles": [{"rolename": "all", "acls": acls}],
            "clients": [],
        }
        file.write_text(json.dumps(roles))
        return [f"plugin {plugin}", f"plugin_opt_config_file {file}"]

    def set_acl(self, acl: str) -> None:
        """Replace the access list of the running broker."""
        self._acl.write_text(acl)
        self.send(signal.SIGHUP)

    def start(self) -> None:
        """Start the broker, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = Deadline()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionRefusedError:
                assert self._process.poll() is None, "mosquitto has ended"
                assert deadline.left() > 0, "mosquitto does not listen"
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
