"""Many houses: their table in a terminal, and their sessions at a cluster that loses a node.

*The table of the houses* is `house fleet` in a terminal of 160 x 50, at a mosquitto on the same machine.

A real house of twenty devices runs with its bridge. What it retains at a broker is published again for many
houses: 62 messages each. Then the table is opened. *Complete* is the time from the start of the command until
its head counts all houses. From its first frame on, a key moves the selection every tenth of a second, also
while the houses still come in. *A key* is the time until the terminal has the frame with the other selection,
and *the slowest key* is the longest one. Meanwhile each house sends an alive message once a minute, spread
evenly.

*Processor* is that of the command while the keys are pressed and all houses are there, in percent of a core.

*A cluster that loses a node*: three nodes run on this machine, and one process holds the sessions of many
houses, spread over the nodes. Each session does what a bridge does: it subscribes to its commands, tests that
one would arrive, and publishes the retained messages of the real house with QoS 1. At most 50 sessions open
at the same time. Then one node is killed, and its houses say everything again at the others. *Retained* is
how many messages a new subscriber to all houses gets. `python -m bench.fleet_cluster NATS --houses 2000`
measures one cluster alone.
"""

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench import peers
from bench.fleet import house_prefix, publish_houses, retained_messages
from bench.fleet_cluster import CLUSTERS, allow_sessions, lose_node
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table
from daemons.cli.drill_report import percentile
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.house import HOUSE
from tests.support.mosquitto import Mosquitto

TITLE = "The table of the houses"
COMPLETE, KEY, SLOWEST = "complete", "a key", "the slowest key"
MEMORY, PROCESSOR = "memory (PSS)", "processor"
CLUSTER = "A cluster that loses a node"
MOST_HOUSES = 5000
SECTION = Section(
    16,
    "Many houses",
    (Table(TITLE), Table(CLUSTER)),
    (Aim("No key waits for a second, with 5,000 houses", TITLE, SLOWEST, "5,000 houses", 1000),),
    is_long=True,
)
AMOUNTS: dict[Scale, tuple[tuple[int, ...], int, int]] = {
    "tiny": ((5,), 1, 5),
    "small": ((100, 1000, MOST_HOUSES), 1, 100),
    "full": ((100, 1000, MOST_HOUSES), 3, 300),
}
"""The numbers of houses, the rounds, and the keys of each round after all houses are there."""
AT_CLUSTERS: dict[Scale, tuple[tuple[str, int], ...]] = {
    "tiny": (("NATS", 6),),
    "small": (("NATS", 500), ("RabbitMQ", 500), ("RabbitMQ", MOST_HOUSES)),
    "full": (("NATS", 500), ("NATS", 2000), ("RabbitMQ", 500), ("RabbitMQ", MOST_HOUSES)),
}
"""The clusters, and the numbers of houses at them. A cluster of NATS on two cores does not hold 5,000."""
COLUMNS, ROWS = 160, 50
KEY_SECONDS, PATIENCE_SECONDS = 0.1, 120.0
SELECTED = re.compile(rb"\xe2\x96\xb8(?:\x1b\[[0-9;]*m)*(h[0-9]{5})")


class Screen:
    """A terminal that runs `house fleet`."""

    def __init__(self, port: int) -> None:
        self._keyboard, program = pty.openpty()
        fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "HOUSE_FLEET")}
        words = ["fleet", "--broker", f"mqtt://127.0.0.1:{port}", "--sort", "house"]
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*HOUSE, *words],
            env=environment | {"TERM": "xterm-256color"},
            stdin=program,
            stdout=program,
            stderr=program,
            start_new_session=True,
        )
        os.close(program)
        self.seen = b""
        self.selected = b""

    def read(self, seconds: float) -> None:
        """Read what the command writes within some seconds, or a part of it."""
        if not select.select([self._keyboard], [], [], max(0.0, seconds))[0]:
            return
        self.seen = (self.seen + os.read(self._keyboard, 1 << 16))[-(1 << 20) :]
        if found := SELECTED.findall(self.seen):
            self.selected = found[-1]

    def press(self, key: bytes) -> float:
        """Press a key that moves the selection, and return the seconds until it is drawn."""
        before, began = self.selected, time.monotonic()
        os.write(self._keyboard, key)
        while self.selected == before:
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise TimeoutError("the table does not draw the selection")
            self.read(PATIENCE_SECONDS)
        return time.monotonic() - began

    def wait(self, text: bytes) -> None:
        """Wait until the command has written a text."""
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in self.seen:
            if time.monotonic() > end:
                raise TimeoutError(f"the table does not show {text!r}")
            self.read(1.0)

    def processor_seconds(self) -> float:
        """Return the processor time of the command so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """End the command."""
        self.process.kill()
        self.process.wait()
        os.close(self._keyboard)


def measure(scale: Scale, sheet: Sheet) -> None:
    """Publish the houses, and open the table."""
    numbers, rounds, keys = AMOUNTS[scale]
    if lack := peers.find("mosquitto").missing():
        sheet.note(f"It was not measured: {lack}.")
        return
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        messages = retained_messages(Path(folder), "off")
        for number in numbers:
            with Mosquitto(Path(folder) / f"fleet{number}") as broker:
                publish_houses(broker.port, number, stamped(messages))
                for _ in range(rounds):
                    measure_table(sheet, broker.port, number, messages["house/bridge/alive"], keys)
    sheet.note(f"{len(messages)} retained messages a house; {keys} keys a round.")
    for name, number in AT_CLUSTERS[scale]:
        measure_cluster(sheet, name, number, {key.removeprefix("house/"): messages[key] for key in messages})


def measure_cluster(sheet: Sheet, name: str, number: int, messages: dict[str, bytes]) -> None:
    """Open the sessions of many houses at a cluster, and kill one of its nodes."""
    column = f"{name}, {number:,} houses"
    if lack := CLUSTERS[name].missing():
        sheet.note(f"{column}: not measured, {lack}.")
        return
    allow_sessions(number)
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        CLUSTERS[name](Path(folder) / "cluster") as cluster,
    ):
        found = asyncio.run(lose_node(cluster, number, messages))
    sheet.add(CLUSTER, "all houses have said everything", column, found.all_said, "s")
    sheet.add(CLUSTER, "memory of the nodes (PSS)", column, found.memory_bytes / 1e6, "MB")
    sheet.add(CLUSTER, "retained", column, found.retained, "messages")
    sheet.add(CLUSTER, "half of the lost ones again", column, found.half_again, "s")
    sheet.add(CLUSTER, "all of the lost ones again", column, found.all_again, "s")


def stamped(messages: dict[str, bytes]) -> dict[str, bytes]:
    """Return the messages without the prefix of their house, and with an alive message of this moment."""
    found = {topic.removeprefix("house/"): text for topic, text in messages.items()}
    return found | {"bridge/alive": alive_now(found["bridge/alive"])}


def alive_now(payload: bytes) -> bytes:
    """Return an alive message with the present time."""
    return json.dumps({**json.loads(payload), "at": time.time()}).encode()


def measure_table(sheet: Sheet, port: int, number: int, alive: bytes, keys: int) -> None:
    """Open the table once, and press keys while the houses come in and afterwards."""
    column = f"{number:,} houses"
    publisher = paho.Client(CallbackAPIVersion.VERSION2)
    publisher.connect("127.0.0.1", port)
    publisher.loop_start()
    screen = Screen(port)
    next_house, sent_at = 0, time.monotonic()
    all_there = f"{number} house".encode()
    times: list[float] = []
    try:
        screen.wait("▸".encode())
        complete, left, before, since = 0.0, keys, 0.0, 0.0
        while left:
            times.append(screen.press(b"k" if len(times) % 2 else b"j"))
            if not complete and all_there in screen.seen:
                complete = time.monotonic() - screen.began
                before, since = screen.processor_seconds(), time.monotonic()
            left -= bool(complete)
            end = time.monotonic() + KEY_SECONDS
            while time.monotonic() < end:
                screen.read(end - time.monotonic())
            while sent_at + 60 / number < time.monotonic():
                publisher.publish(f"{house_prefix(next_house % number)}bridge/alive", alive_now(alive), 0)
                next_house, sent_at = next_house + 1, sent_at + 60 / number
        used = (screen.processor_seconds() - before) / (time.monotonic() - since)
        sheet.add(TITLE, COMPLETE, column, complete, "s")
        sheet.add(TITLE, KEY, column, percentile(times, 0.5) * 1000, "ms")
        sheet.add(TITLE, SLOWEST, column, max(times) * 1000, "ms")
        sheet.add(TITLE, MEMORY, column, memory_use({"fleet": screen.process.pid})["fleet"] / 1e6, "MB")
        sheet.add(TITLE, PROCESSOR, column, 100 * used, "%")
    finally:
        screen.end()
        publisher.disconnect()
        publisher.loop_stop()
