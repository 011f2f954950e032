"""Three real nodes of RabbitMQ on loopback: a cluster with the MQTT plugin, which speaks MQTT 3.1.1."""

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

from tests.support.nats_cluster import NODES, PROBE_SECONDS, opens_session
from tests.support.patience import Deadline
from tests.support.ports import free_port

START_SECONDS = 120.0
"""How long the three nodes may take to form a cluster, on an idle machine."""


class RabbitmqCluster:
    """A cluster of three nodes and the port mapper of Erlang; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Choose the ports, and write the configuration of each node."""
        if lack := self.missing():
            pytest.skip(lack)
        self._program, self._mapper = str(find_program()), str(shutil.which("epmd"))
        first = free_port(3 * NODES + 1)
        self.ports = tuple(range(first, first + NODES))
        """The port for MQTT of each node."""
        self._environments: list[dict[str, str]] = []
        self._logs = []
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * (NODES + 1)
        names = [f"house{first}_{node}@localhost" for node in range(NODES)]
        peers = [f"cluster_formation.classic_config.nodes.{n + 1} = {name}" for n, name in enumerate(names)]
        plugins = folder / "enabled_plugins"
        folder.mkdir(parents=True)
        plugins.write_text("[rabbitmq_mqtt].\n")
        for node, name in enumerate(names):
            home = folder / f"node{node}"
            home.mkdir()
            lines = [
                f"listeners.tcp.1 = 127.0.0.1:{first + NODES + node}",
                f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.ports[node]}",
                "mqtt.allow_anonymous = true",
                "cluster_formation.peer_discovery_backend = classic_config",
                *peers,
            ]
            (home / "rabbitmq.conf").write_text("\n".join([*lines, ""]))
            self._logs.append(home / "log")
            # Until this time has passed, the other nodes wait for one that is frozen; the default is 60 s.
            options = "-kernel inet_dist_use_interface {127,0,0,1} -kernel net_ticktime 8"
            self._environments.append(
                {
                    **os.environ,
                    "HOME": str(folder),  # the nodes have the cookie in common
                    "ERL_EPMD_PORT": str(first + 3 * NODES),
                    "ERL_EPMD_ADDRESS": "127.0.0.1",
                    "RABBITMQ_NODENAME": name,
                    "RABBITMQ_DIST_PORT": str(first + 2 * NODES + node),
                    "RABBITMQ_MNESIA_BASE": str(home),
                    "RABBITMQ_LOG_BASE": str(home),
                    "RABBITMQ_LOGS": "-",
                    "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
                    "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
                    "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{options} +S 1:1 +sbwt none",
                }
            )
        (folder / ".erlang.cookie").write_text("HOUSETEST")
        (folder / ".erlang.cookie").chmod(0o400)

    @staticmethod
    def missing() -> str | None:
        """Return what must be installed first; None if all is here."""
        if find_program() and shutil.which("epmd"):
            return None
        return "there is no RabbitMQ here; on Debian: apt install rabbitmq-server"

    def start(self, node: int) -> None:
        """Start a node."""
        with self._logs[node].open("ab") as log:
            self._processes[node] = subprocess.Popen(
                [self._program],
                env=self._environments[node],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the program is a script; its Erlang belongs to the same group
            )

    def pids(self, node: int) -> list[int]:
        """Return the PIDs of a node; empty if it is not running."""
        process = self._processes[node]
        return [] if process is None else [pid for pid in all_pids() if group_of(pid) == process.pid]

    def send(self, node: int, number: signal.Signals) -> None:
        """Send a signal to a node."""
        if process := self._processes[node]:
            os.killpg(process.pid, number)

    def kill(self, node: int) -> None:
        """Kill a node; harmless if it is not running."""
        if process := self._processes[node]:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
            self._processes[node] = None

    def wait(self, node: int) -> None:
        """Wait until a node accepts a session."""
        deadline = Deadline(START_SECONDS)
        while not self._accepts(node):
            assert deadline.left() > 0, f"node {node}: {self._logs[node].read_text()[-2000:]}"
            time.sleep(0.2)  # a node sends no event when it has joined

    def _accepts(self, node: int) -> bool:
        """Return whether a node opens a session."""
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.ports[node]), PROBE_SECONDS) as it,
        ):
            return opens_session(it, node)
        return False

    def __enter__(self) -> Self:
        self._processes[NODES] = subprocess.Popen([self._mapper], env=self._environments[0])
        deadline = Deadline()
        while not listens(int(self._environments[0]["ERL_EPMD_PORT"])):  # else a node starts another mapper
            assert deadline.left() > 0, "the port mapper does not listen"
            time.sleep(0.02)  # a listener sends no event
        # If two nodes join the Raft group of the plugin at the same time, one is left out for ever.
        for node in range(NODES):
            self.start(node)
            self.wait(node)
        return self

    def __exit__(self, *_: object) -> None:
        for node in range(NODES + 1):
            process = self._processes[node]
            if process and node == NODES:
                process.kill()
                process.wait()
            else:
                self.kill(node)


def find_program() -> Path | None:
    """Return the program of a node, past the script of Debian that runs it as another user."""
    return next(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"), None)


def listens(port: int) -> bool:
    """Return whether a program listens on a port of loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def all_pids() -> list[int]:
    """Return the PIDs of all processes of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def group_of(pid: int) -> int:
    """Return the process group of a process; 0 when it has ended."""
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0
