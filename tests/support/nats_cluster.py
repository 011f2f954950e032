"""Three real nats-servers on loopback: a cluster with JetStream that speaks MQTT 3.1.1."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.support.network import HostPort
from tests.support.patience import Deadline
from tests.support.ports import free_port

NODES = 3
PROBE_SECONDS = 5.0
"""How long a node may take to open the session that tests it."""
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class NatsCluster:
    """A cluster of three nodes; a context manager. Each message is stored by all three."""

    def __init__(self, folder: Path, hosts: Sequence[HostPort] = ()) -> None:
        """Choose the ports, and write the configuration of each node; with `hosts`, each node has its own."""
        if lack := self.missing():
            pytest.skip(lack)
        self._program = str(shutil.which("nats-server", path=SEARCH))
        first = free_port(3 * NODES)
        self.ports = tuple(range(first, first + NODES))
        """The port for MQTT of each node."""
        self._hosts = hosts
        self.addresses = tuple(host.address for host in hosts) or ("127.0.0.1",) * NODES
        """The address of each node."""
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * NODES
        routes = ", ".join(
            f"nats://{address}:{first + NODES + node}" for node, address in enumerate(self.addresses)
        )
        self._confs = []
        for node in range(NODES):
            store = folder / f"node{node}"
            store.mkdir(parents=True)
            conf, here = folder / f"node{node}.conf", self.addresses[node]
            conf.write_text(
                f"server_name: node{node}\n"
                f"listen: {here}:{first + 2 * NODES + node}\n"
                f"jetstream {{ store_dir: {json.dumps(str(store))}, max_mem: 64M, max_file: 4G }}\n"
                f"cluster {{ name: test, listen: {here}:{first + NODES + node}, routes: [{routes}] }}\n"
                f"mqtt {{ listen: {here}:{first + node}, stream_replicas: {NODES} }}\n"
            )
            self._confs.append(conf)

    @staticmethod
    def missing() -> str | None:
        """Return what must be installed first; None if all is here."""
        if shutil.which("nats-server", path=SEARCH):
            return None
        return "there is no nats-server here; on Debian: apt install nats-server"

    def start(self, node: int) -> None:
        """Start a node."""
        log = self._confs[node].with_suffix(".log").open("ab")
        with log:
            prefix = self._hosts[node].command_prefix if self._hosts else []
            self._processes[node] = subprocess.Popen(
                [*prefix, self._program, "-c", str(self._confs[node])], stdout=log, stderr=log
            )

    def send(self, node: int, number: signal.Signals) -> None:
        """Send a signal to a node."""
        process = self._processes[node]
        assert process is not None
        process.send_signal(number)

    def pids(self, node: int) -> list[int]:
        """Return the PIDs of a node; empty if it is not running."""
        process = self._processes[node]
        return [process.pid] if process else []

    def kill(self, node: int) -> None:
        """Kill a node; harmless if it is not running."""
        if process := self._processes[node]:
            process.kill()
            process.wait()
            self._processes[node] = None

    def wait(self) -> None:
        """Wait until each running node accepts a session."""
        deadline = Deadline()
        for node in range(NODES):
            while self._processes[node] and not self._accepts(node):
                log = self._confs[node].with_suffix(".log").read_text()[-2000:]
                assert not self._has_ended(node), f"node {node} has ended: {log}"
                assert deadline.left() > 0, f"node {node} accepts no session: {log}"
                time.sleep(0.1)  # a cluster sends no event when it has elected its leader

    def _accepts(self, node: int) -> bool:
        """Return whether a node opens a session."""
        made = self._hosts[node].open_socket(socket.SOCK_STREAM) if self._hosts else socket.socket()
        with suppress(OSError), made as link:
            link.settimeout(PROBE_SECONDS)
            link.connect((self.addresses[node], self.ports[node]))
            return opens_session(link, node)
        return False

    def _has_ended(self, node: int) -> bool:
        process = self._processes[node]
        return process is not None and process.poll() is not None

    def __enter__(self) -> Self:
        for node in range(NODES):
            self.start(node)
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        for node in range(NODES):
            self.kill(node)


def opens_session(link: socket.socket, node: int) -> bool:
    """Return whether a broker answers CONNECT (MQTT 3.1.1) with success; raises OSError without an answer."""
    name = f"probe{node}".encode()
    connect = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name
    link.sendall(bytes([0x10, len(connect)]) + connect)
    return link.recv(4) == b"\x20\x02\x00\x00"
