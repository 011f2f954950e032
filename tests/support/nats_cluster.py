"""Three real nats-servers on loopback: a cluster with JetStream that speaks MQTT 3.1.1."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.support.patience import Deadline
from tests.support.ports import free_port

NODES = 3
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class NatsCluster:
    """A cluster of three nodes; a context manager. Each message is stored by all three."""

    def __init__(self, folder: Path) -> None:
        """Choose the ports, and write the configuration of each node."""
        program = shutil.which("nats-server", path=SEARCH)
        if program is None:
            pytest.skip("there is no nats-server here; on Debian: apt install nats-server")
        self._program = program
        first = free_port(3 * NODES)
        self.ports = tuple(range(first, first + NODES))
        """The port for MQTT of each node."""
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * NODES
        routes = ", ".join(f"nats://127.0.0.1:{first + NODES + node}" for node in range(NODES))
        self._confs = []
        for node in range(NODES):
            store = folder / f"node{node}"
            store.mkdir(parents=True)
            conf = folder / f"node{node}.conf"
            conf.write_text(
                f"server_name: node{node}\n"
                f"listen: 127.0.0.1:{first + 2 * NODES + node}\n"
                f"jetstream {{ store_dir: {store}, max_mem: 64M, max_file: 256M }}\n"
                f"cluster {{ name: test, listen: 127.0.0.1:{first + NODES + node}, routes: [{routes}] }}\n"
                f"mqtt {{ listen: 127.0.0.1:{first + node}, stream_replicas: {NODES} }}\n"
            )
            self._confs.append(conf)

    def start(self, node: int) -> None:
        """Start a node."""
        log = self._confs[node].with_suffix(".log").open("ab")
        with log:
            self._processes[node] = subprocess.Popen(
                [self._program, "-c", str(self._confs[node])], stdout=log, stderr=log
            )

    def send(self, node: int, number: signal.Signals) -> None:
        """Send a signal to a node."""
        process = self._processes[node]
        assert process is not None
        process.send_signal(number)

    def kill(self, node: int) -> None:
        """Kill a node; harmless if it is not running."""
        if process := self._processes[node]:
            process.kill()
            process.wait()
            self._processes[node] = None

    def wait(self) -> None:
        """Wait until each running node accepts a session."""
        deadline = Deadline()
        for node, port in enumerate(self.ports):
            while self._processes[node] and not accepts(port, node):
                assert deadline.left() > 0, f"node {node} accepts no session"
                time.sleep(0.1)  # a cluster sends no event when it has elected its leader

    def __enter__(self) -> Self:
        for node in range(NODES):
            self.start(node)
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        for node in range(NODES):
            self.kill(node)


def accepts(port: int, node: int) -> bool:
    """Return whether a broker answers CONNECT (MQTT 3.1.1) with success."""
    name = f"probe{node}".encode()
    connect = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as link:
        link.sendall(bytes([0x10, len(connect)]) + connect)
        return link.recv(4) == b"\x20\x02\x00\x00"
    return False
