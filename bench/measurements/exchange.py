"""The front door: what the exchange adds to hearing a device, near and far, and what it costs.

The exchange is the house's own process, alone; the device is a publisher of the house in the measuring
process, which also listens: to the device itself, at the near door (ipc) and at the far one (TCP on
loopback, CURVE). Latency is that of single states, one at a time, each heard on all three ways at once:
from before it is published until it has been read. The rate is that of states as quickly as they are
heard, 400 at the most under way, on one way at a time, the three in turn. Memory is the proportional
share (PSS) of the exchange with these three listening, beside that of a Python which has imported pyzmq
and msgspec and does nothing. Commands: from sending one to its receipt, a question that the exchange
answers itself, by each door.
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
from daemons import client
from daemons.bus import endpoints, keys, message
from daemons.bus.endpoints import far_endpoint
from daemons.bus.message import EXCHANGE, Command, Receipt, Scalar, State
from daemons.bus.sockets import Publisher, open_socket
from daemons.cli.drill_report import percentile
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
DIRECT, NEAR, FAR = "the device itself", "near door", "far door, CURVE"
LATENCY, RATE, ASKING, WEIGHT = "Hearing a state", "States a second", "A question and its answer", "Memory"
SECTION = Section(
    12,
    "The front door",
    (
        Table(LATENCY, reference_row=DIRECT),
        Table(RATE, reference_row=DIRECT),
        Table(ASKING, reference_row=NEAR),
        Table(WEIGHT),
    ),
)
AMOUNTS = {"tiny": (1, 50, 2_000), "small": (5, 500, 20_000), "full": (15, 2_000, 100_000)}
"""How many rounds, of how many states one at a time, and how many in a row."""
UNDER_WAY = 400
BARE = "import zmq, msgspec, sys; print(flush=True); sys.stdin.read()"


def measure(scale: Scale, sheet: Sheet) -> None:
    """Measure each way in turn, round after round."""
    rounds, singles, many = AMOUNTS[scale]
    with standing() as door:
        for _ in range(rounds):
            for row, times in door.latencies(singles).items():
                sheet.add(LATENCY, row, "p50", percentile(times, 0.5) * 1e6, "µs")
                sheet.add(LATENCY, row, "p99", percentile(times, 0.99) * 1e6, "µs")
            for row in (DIRECT, NEAR, FAR):
                sheet.add(RATE, row, "states a second", door.rate(row, many), "", more_is_better=True)
            for row in (NEAR, FAR):
                sheet.add(ASKING, row, "p50", percentile(door.questions(row, singles // 5), 0.5) * 1e6, "µs")
            sheet.add(WEIGHT, "the exchange", "PSS", pss_kilobytes(door.pid) / 1024, "MB")
            sheet.add(
                WEIGHT, "a Python that does nothing", "PSS", bare_kilobytes() / 1024, "MB", is_control=True
            )


class Standing:
    """A device that speaks, the exchange, and who listens."""

    def __init__(self, pid: int, key: Path) -> None:
        self.pid = pid
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher = Publisher(self._context, DEVICE)
        near, far = client.way(Path()), client.way(key)
        direct = open_socket(self._context, zmq.SUB)
        direct.connect(endpoints.publish_endpoint(DEVICE))
        self._ways: dict[str, Any] = {
            DIRECT: direct,
            NEAR: client.open_socket(self._context, zmq.SUB, near.hear, near.key),
            FAR: client.open_socket(self._context, zmq.SUB, far.hear, far.key),
        }
        self._asks: dict[str, Any] = {
            NEAR: client.open_socket(self._context, zmq.DEALER, near.ask, near.key),
            FAR: client.open_socket(self._context, zmq.DEALER, far.ask, far.key),
        }
        self._seq = 0
        for socket in self._ways.values():
            socket.subscribe(f"{DEVICE}/")
        waiting = set(self._ways)
        while waiting:  # until each way is open
            self._publish()
            waiting -= {row for row in waiting if self._ways[row].poll(20)}
        self._drain()

    def latencies(self, number: int) -> dict[str, list[float]]:
        """Say so many states, one at a time; give the seconds until each was heard, by each way."""
        times: dict[str, list[float]] = {row: [] for row in self._ways}
        poller = zmq.Poller()
        rows = {socket: row for row, socket in self._ways.items()}
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
        """Say so many states as quickly as they are heard by one way; give how many that are a second."""
        for other, socket in self._ways.items():
            if other != row:
                socket.unsubscribe(f"{DEVICE}/")
        time.sleep(0.1)
        self._drain()
        socket, sent, heard = self._ways[row], 0, 0
        began = time.perf_counter()
        while heard < number:
            while sent < number and sent - heard < UNDER_WAY:
                self._publish()
                sent += 1
            if not socket.poll(2000):
                raise RuntimeError(f"{row}: of {sent} states {heard} were heard")
            while True:
                try:
                    socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                heard += 1
        took = time.perf_counter() - began
        for other, listening in self._ways.items():
            if other != row:
                listening.subscribe(f"{DEVICE}/")
        time.sleep(0.1)
        self._drain()
        return number / took

    def questions(self, row: str, number: int) -> list[float]:
        """Ask the exchange the time, at half the pace that a key may; give the seconds to each answer."""
        times = []
        for _ in range(number):
            question = Command(id=client.new_id(), command="clock", deadline=0.0, device=EXCHANGE)
            began = time.perf_counter()
            self._asks[row].send_multipart([b"", message.encode(question)])
            if not self._asks[row].poll(5000):
                raise RuntimeError(f"{row}: no answer")
            answer: Receipt = message.decode_receipt(self._asks[row].recv_multipart()[-1])
            times.append(time.perf_counter() - began)
            if answer.outcome != "applied":
                raise RuntimeError(f"{row}: {answer.reason}")
            time.sleep(0.04)
        return times

    def close(self) -> None:
        """Take it down."""
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
        self._publisher.answer_newcomers()

    def _drain(self) -> None:
        for socket in self._ways.values():
            while socket.poll(20):
                socket.recv_multipart()


@contextmanager
def standing() -> Iterator[Standing]:
    """Have an exchange of its own, in a run directory of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="b") as folder:
        config = Path(folder) / "house.toml"
        config.write_text(HOUSE.format(port=free_port(3)))
        house = load_house(config)
        run = Path(folder) / "run"
        paths.enter(run)
        slice_path(EXCHANGE).write_bytes(house.slices()[EXCHANGE].encode())
        key = Path(folder) / "bench.key"
        keys.make(
            "bench", far_endpoint(*house.gateway) if house.gateway else None, key, hear=["*"], command=["*"]
        )
        environment = {**os.environ, "HOUSE_RUN": str(run)}
        process = subprocess.Popen(
            [sys.executable, "-m", "daemons", EXCHANGE], env=environment, stdout=subprocess.DEVNULL, stderr=2
        )
        try:
            made = Standing(process.pid, key)
            yield made
            made.close()
        finally:
            process.terminate()
            process.wait()
            os.chdir(before)


def bare_kilobytes() -> int:
    """Give what a process holds that has done no more than import what the exchange imports."""
    with subprocess.Popen(
        [sys.executable, "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdout:
            process.stdout.readline()
        found = pss_kilobytes(process.pid)
        process.kill()
    return found
