"""The exchange: the delay that it adds to a state, through both of its gateways, and its cost.

The exchange runs alone, as the house's own process. The device is a publisher of the house in the
measuring process. This process also subscribes in three ways: to the device itself, to the local gateway
(ipc), and to the network gateway (TCP on loopback, CURVE).

The *delay* is that of single states, each received in all three ways: from before it is published until it
is read. The *rate* is that of states published as fast as they are received, with at most 400 on the way.
The three ways are measured one after the other, in turns. *Memory* is the proportional set size (PSS) of
the exchange with these three subscribers. For comparison, there is an idle Python process that has imported
pyzmq and msgspec. A *request* is a command that the exchange answers itself. It is timed from the request
to the receipt, through each gateway.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.bus import endpoints, keys, message
from daemons.bus.endpoints import tcp_endpoint
from daemons.bus.message import EXCHANGE, Command, Receipt, Scalar, State
from daemons.bus.requests.protocol import new_id
from daemons.bus.sockets import Publisher, open_socket
from daemons.cli.drill_report import percentile
from daemons.client.route import Route
from daemons.config.house import load_house
from daemons.config.slice import slice_path
from daemons.storage import paths
from tests.support.exchange_client import pss_kilobytes
from tests.support.ports import free_port

DEVICE = "lamp"
HOUSE = """
[recorder]
enabled = false

[exchange]
address = "127.0.0.1"
port = {port}

[devices.lamp]
kind = "lamp"
driver = "simulated"
"""
DIRECT, LOCAL, NETWORK = "the device itself", "local gateway", "network gateway, CURVE"
LATENCY, RATE, REQUESTS, MEMORY = "Delay of a state", "States a second", "A request and its receipt", "Memory"
SECTION = Section(
    12,
    "The exchange",
    (
        Table(LATENCY, reference_row=DIRECT),
        Table(RATE, reference_row=DIRECT),
        Table(REQUESTS, reference_row=LOCAL),
        Table(MEMORY),
    ),
)
AMOUNTS = {"tiny": (1, 50, 2_000), "small": (5, 500, 20_000), "full": (15, 2_000, 100_000)}
"""The number of rounds, of single states, and of states at full rate."""
MAX_IN_FLIGHT = 400
BARE = "import zmq, msgspec, sys; print(flush=True); sys.stdin.read()"


def measure(scale: Scale, sheet: Sheet) -> None:
    """Measure each way in turn, round after round."""
    rounds, singles, many = AMOUNTS[scale]
    with running_exchange() as setup:
        for _ in range(rounds):
            for row, times in setup.latencies(singles).items():
                sheet.add(LATENCY, row, "p50", percentile(times, 0.5) * 1e6, "µs")
                sheet.add(LATENCY, row, "p99", percentile(times, 0.99) * 1e6, "µs")
            for row in (DIRECT, LOCAL, NETWORK):
                sheet.add(RATE, row, "states a second", setup.rate(row, many), "", more_is_better=True)
            for row in (LOCAL, NETWORK):
                sheet.add(
                    REQUESTS, row, "p50", percentile(setup.request_times(row, singles // 5), 0.5) * 1e6, "µs"
                )
            sheet.add(MEMORY, "the exchange", "PSS", pss_kilobytes(setup.pid) / 1024, "MB")
            sheet.add(MEMORY, "an idle Python", "PSS", bare_kilobytes() / 1024, "MB", is_control=True)


class ExchangeSetup:
    """A device that publishes, the exchange, and the subscribers."""

    def __init__(self, pid: int, key: Path) -> None:
        self.pid = pid
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher = Publisher(self._context, DEVICE)
        local, network = Route(Path()), Route(key)
        direct = open_socket(self._context, zmq.SUB)
        direct.connect(endpoints.publish_endpoint(DEVICE))
        self._subscribers: dict[str, Any] = {
            DIRECT: direct,
            LOCAL: local.connect(self._context, zmq.SUB, local.gateway.publish),
            NETWORK: network.connect(self._context, zmq.SUB, network.gateway.publish),
        }
        self._command_sockets: dict[str, Any] = {
            LOCAL: local.connect(self._context, zmq.DEALER, local.gateway.commands),
            NETWORK: network.connect(self._context, zmq.DEALER, network.gateway.commands),
        }
        self._seq = 0
        for socket in self._subscribers.values():
            socket.subscribe(f"{DEVICE}/")
        waiting = set(self._subscribers)
        while waiting:  # until each way is connected
            self._publish()
            waiting -= {row for row in waiting if self._subscribers[row].poll(20)}
        self._drain()

    def latencies(self, number: int) -> dict[str, list[float]]:
        """Publish this many single states; return the seconds until each was received, by way."""
        times: dict[str, list[float]] = {row: [] for row in self._subscribers}
        poller = zmq.Poller()
        rows = {socket: row for row, socket in self._subscribers.items()}
        for socket in rows:
            poller.register(socket, zmq.POLLIN)
        for _ in range(number):
            began = time.perf_counter()
            self._publish()
            left = set(rows)
            while left:
                for socket, _event in poller.poll():
                    socket.recv_multipart()
                    if socket in left:
                        left.remove(socket)
                        times[rows[socket]].append(time.perf_counter() - began)
        return times

    def rate(self, row: str, number: int) -> float:
        """Publish this many states as fast as they are received by one way; return the states a second."""
        for other, socket in self._subscribers.items():
            if other != row:
                socket.unsubscribe(f"{DEVICE}/")
        time.sleep(0.1)
        self._drain()
        socket, sent, received = self._subscribers[row], 0, 0
        began = time.perf_counter()
        while received < number:
            while sent < number and sent - received < MAX_IN_FLIGHT:
                self._publish()
                sent += 1
            if not socket.poll(2000):
                raise RuntimeError(f"{row}: {received} of {sent} states were received")
            while True:
                try:
                    socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                received += 1
        took = time.perf_counter() - began
        for other, listening in self._subscribers.items():
            if other != row:
                listening.subscribe(f"{DEVICE}/")
        time.sleep(0.1)
        self._drain()
        return number / took

    def request_times(self, row: str, number: int) -> list[float]:
        """Request the exchange's time, at half of a key's allowed rate; return the seconds to each answer."""
        times = []
        for _ in range(number):
            request = Command(id=new_id(), command="clock", deadline=0.0, device=EXCHANGE)
            began = time.perf_counter()
            self._command_sockets[row].send_multipart([b"", message.encode(request)])
            if not self._command_sockets[row].poll(5000):
                raise RuntimeError(f"{row}: no answer")
            answer: Receipt = message.decode_receipt(self._command_sockets[row].recv_multipart()[-1])
            times.append(time.perf_counter() - began)
            if answer.outcome != "applied":
                raise RuntimeError(f"{row}: {answer.reason}")
            time.sleep(0.04)
        return times

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(linger=0)

    def _publish(self) -> None:
        self._seq += 1
        now = time.time()
        shown: dict[str, Scalar] = {
            "status": bool(self._seq % 2),
            "phase": "on",
            "brightness_percent": 60,
            "power_watts": 4.2,
        }
        state = State(
            device=DEVICE, boot=1, seq=self._seq, at=now, since=now, state=shown, turned={"status": now}
        )
        self._publisher.publish(state)
        self._publisher.answer_subscriptions()

    def _drain(self) -> None:
        for socket in self._subscribers.values():
            while socket.poll(20):
                socket.recv_multipart()


@contextmanager
def running_exchange() -> Iterator[ExchangeSetup]:
    """Run an exchange in a temporary run directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="b") as folder:
        config = Path(folder) / "house.toml"
        config.write_text(HOUSE.format(port=free_port(3)))
        house = load_house(config)
        run = Path(folder) / "run"
        paths.enter(run)
        slice_path(EXCHANGE).write_bytes(house.slices()[EXCHANGE].encode())
        key = Path(folder) / "bench.key"
        keys.make_key(
            "bench", tcp_endpoint(*house.gateway) if house.gateway else None, key, hear=["*"], command=["*"]
        )
        environment = {**os.environ, "HOUSE_RUN": str(run)}
        process = subprocess.Popen(
            [sys.executable, "-m", "daemons", EXCHANGE], env=environment, stdout=subprocess.DEVNULL, stderr=2
        )
        try:
            made = ExchangeSetup(process.pid, key)
            yield made
            made.close()
        finally:
            process.terminate()
            process.wait()
            os.chdir(before)


def bare_kilobytes() -> int:
    """Return the memory of a process that has only imported what the exchange imports."""
    with subprocess.Popen(
        [sys.executable, "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdout:
            process.stdout.readline()
        found = pss_kilobytes(process.pid)
        process.kill()
    return found
