"""The bridge: the delay of a state to a client of the broker, and of a client's command to its receipt.

The broker's own delay is measured in turn with these: one message from one client to another, also at
QoS 1. All ratios refer to it. The time of a state starts when it is published on the bus (its `at`), so
the work of the device is not included. A command needs the time of the bus, which is measured too, and
twice the time of the broker.

Then the messages that a client receives from the house are counted, and the bytes of their topics and
payloads: at the start, without changes, and during a breakfast.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench import peers
from bench.house import BREAKFAST, House
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from daemons.drivers.transports.mqtt import NO_DELAY
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.house import Listener
from tests.support.mosquitto import Mosquitto

TITLE, RECEIVED, MEMORY = "Through the broker", "Messages to a client", "Memory"
OWN, STATE = "one client to another, the broker alone", "a state from the bus to a client of the broker"
BUS, COMMAND = "a command and its receipt, on the bus", "a command and its receipt, through broker and bridge"
SECTION = Section(9, "The bridge", (Table(TITLE, reference_row=OWN), Table(RECEIVED), Table(MEMORY)))
PATIENCE_SECONDS = 30.0
SETTLE_SECONDS = 2.0
DEADLINE_SECONDS = 1.0
TURN_SECONDS = 0.02
"""A device remembers 200 receipts until their deadlines, and accepts no more commands meanwhile."""
MEASURED = ("bridge", "mirror", "toaster")


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    turns: int
    watch_seconds: float
    breakfast: bool


AMOUNTS = {
    "tiny": Amount(1, 2, 0.2, breakfast=False),
    "small": Amount(5, 40, 3.0, breakfast=False),
    "full": Amount(10, 300, 60.0, breakfast=True),
}


class Client:
    """Another program at the broker: it publishes, and waits for a message."""

    def __init__(self, port: int, topic: str) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        joined = threading.Event()
        self._client.on_subscribe = lambda *_: joined.set()
        self._client.on_message = self._on_message
        # As in the bridge: without it a second message waits for the acknowledgement of the first.
        self._client.on_socket_open = self._open
        self._arrived = threading.Event()
        self._holds: Callable[[str, bytes], bool] = lambda _, __: False
        self._at = 0.0
        self.messages = self.bytes = 0
        """The messages received from the house, and the bytes of their topics and payloads."""
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topic, 1)
        if not joined.wait(PATIENCE_SECONDS):
            raise TimeoutError("the broker did not confirm the subscription")

    @staticmethod
    def _open(_: Any, __: Any, link: Any) -> None:
        link.setsockopt(*NO_DELAY)

    def _on_message(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        now = time.time()
        if not message.topic.startswith("bench/"):
            self.messages += 1
            self.bytes += len(message.topic) + len(message.payload)
        if self._holds(message.topic, bytes(message.payload)):
            self._at = now
            self._arrived.set()

    def expect(self, holds: Callable[[str, bytes], bool]) -> None:
        """Wait from now on for a message that meets this condition."""
        self._arrived.clear()
        self._holds = holds

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message."""
        self._client.publish(topic, payload, 1)

    def wait(self) -> float:
        """Wait for the expected message, and return its Unix time."""
        if not self._arrived.wait(PATIENCE_SECONDS):
            raise TimeoutError("the expected message did not arrive")
        return self._at

    def end(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def own(publisher: Client, listener: Client, number: int) -> float:
    """Return the seconds of one message from one client to another."""
    mark = f"{number} {'x' * 300}".encode()
    listener.expect(lambda _, payload: payload == mark)
    began = time.time()
    publisher.publish("bench/own", mark)
    return listener.wait() - began


def state(house: House, listener: Client, *, on: bool) -> float:
    """Return the seconds from a state on the bus to the client that receives it."""
    received: list[tuple[str | None, float, float]] = []

    def holds(topic: str, payload: bytes) -> bool:
        if topic == "house/kitchen_lamp/state":
            message = json.loads(payload)
            received.append((message["cause"], message["at"], time.time()))
        return bool(received) and received[-1][0] == wanted

    wanted = ""
    listener.expect(holds)
    wanted, _ = house.do("kitchen_lamp", "on" if on else "off")
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        for cause, at, now in received:
            if cause == wanted:
                return now - at
        time.sleep(0.001)
    raise TimeoutError("the client received no state of the lamp")


def bus_command(house: House, *, on: bool) -> float:
    """Return the seconds of a command and its receipt on the bus."""
    _, began = house.do("kitchen_lamp", "on" if on else "off")
    return time.time() - began


def broker_command(client: Client, *, on: bool) -> float:
    """Return the seconds of a command and its receipt through the broker."""
    id_ = f"bench-{time.time_ns()}"
    client.expect(lambda topic, payload: topic.endswith("/receipt") and json.loads(payload).get("id") == id_)
    request = {"command": "on" if on else "off", "id": id_, "timeout_seconds": DEADLINE_SECONDS}
    began = time.time()
    client.publish("house/kitchen_lamp/command", json.dumps(request).encode())
    return client.wait() - began


def watch(listener: Client, house_listener: Listener, until: Callable[[], bool]) -> tuple[int, int]:
    """Return the messages, and their bytes, that are received until a condition holds."""
    before = listener.messages, listener.bytes
    house_listener.wait_for(lambda _: until(), 10 * PATIENCE_SECONDS)
    return listener.messages - before[0], listener.bytes - before[1]


def after(seconds: float) -> Callable[[], bool]:
    """Return a condition that holds after this time."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def measure(scale: Scale, sheet: Sheet) -> None:
    """Run a house at a broker, and two more clients."""
    amount = AMOUNTS[scale]
    if lack := peers.find("mosquitto").missing():
        sheet.note(f"It was not measured: {lack}.")
        return
    with tempfile.TemporaryDirectory(prefix="bench") as folder, ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(Path(folder) / "broker"))
        house = stack.enter_context(House(BREAKFAST + f"\n[bridge]\nport = {broker.port}\n"))
        house.command_seconds = DEADLINE_SECONDS
        publisher, listener = Client(broker.port, "nothing"), Client(broker.port, "#")
        stack.callback(publisher.end)
        stack.callback(listener.end)
        house_listener = stack.enter_context(
            house.temporary_house.listen("bridge", "kitchen_lamp", "toaster", "coffee_maker")
        )
        house_listener.wait_for(lambda house_listener: house_listener.has_state("bridge", status=True))
        house_listener.wait_for(
            lambda house_listener: house_listener.has_state("kitchen_lamp", confirmed=True)
        )
        time.sleep(SETTLE_SECONDS)  # retained messages arrive at once, without an end mark
        count(sheet, "all retained messages", (listener.messages, listener.bytes))
        pids = {name: pid for name, pid in house.pids().items() if name in MEASURED}
        for _ in range(amount.rounds):
            turns(sheet, house, publisher, listener, amount.turns)
            for name, size in memory_use(pids).items():
                sheet.add(MEMORY, name, "PSS", size / 1e6, "MB")
        still = watch(listener, house_listener, after(amount.watch_seconds))
        count(sheet, f"in {amount.watch_seconds:g} s without changes", still)
        if amount.breakfast:
            house.do("bathroom_light", "on")
            appliances = ("coffee_maker", "toaster")
            made = watch(
                listener,
                house_listener,
                lambda: all(house_listener.has_state(name, ready=True) for name in appliances),
            )
            count(sheet, "during a breakfast", made)
    sheet.note(f"A round measures each delay {amount.turns} times.")


def turns(sheet: Sheet, house: House, publisher: Client, listener: Client, number: int) -> None:
    """Measure each delay in turn, this often, and add a round."""
    times: dict[str, list[float]] = {title: [] for title in (OWN, STATE, BUS, COMMAND)}
    for index in range(number):
        on = index % 2 == 0
        times[OWN].append(own(publisher, listener, index))
        times[STATE].append(state(house, listener, on=on))
        times[BUS].append(bus_command(house, on=on))
        times[COMMAND].append(broker_command(listener, on=on))
        time.sleep(TURN_SECONDS)
    for title, took in times.items():
        for column, share in (("p50", 0.5), ("p99", 0.99)):
            value = 1000 * percentile(took, share)
            sheet.add(TITLE, title, column, value, "ms", is_control=title == OWN)


def count(sheet: Sheet, row: str, received: tuple[int, int]) -> None:
    """Add the number of received messages and bytes."""
    for column, number in zip(("messages", "bytes"), received, strict=True):
        sheet.add(RECEIVED, row, column, number, "")
