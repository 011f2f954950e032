"""The bridge: how long a state takes to a broker's clients, and a command from them to its receipt.

Beside it, interleaved, the broker's own: one message from one client to another, at the same QoS 1. The
ratios are to that. The state is taken where it is published on the bus (its `at`), so what the device needs
is in neither; the command's way to the receipt is that of the bus, measured as well, and the broker's,
twice. Then it is counted what a client hears of the house (messages, and bytes of their topics and
payloads): at the start, while nothing happens, and while a breakfast is made.
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
from tests.support.house import Ear
from tests.support.mosquitto import Mosquitto

TITLE, HEARD, WEIGHT = "By the broker", "What a client hears of the house", "Memory"
OWN, STATE = "one client to another, by the broker alone", "a state on the bus to a client of the broker"
BUS, COMMAND = "a command and its receipt, on the bus", "a command and its receipt, by broker and bridge"
SECTION = Section(9, "The bridge", (Table(TITLE, reference_row=OWN), Table(HEARD), Table(WEIGHT)))
PATIENCE_SECONDS = 30.0
SETTLE_SECONDS = 2.0
DEADLINE_SECONDS = 1.0
TURN_SECONDS = 0.02
"""A device remembers 200 receipts until their deadlines, and takes no more commands within them."""
KEEP_WATCH = ("bridge", "mirror", "toaster")


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
    """Another program at the broker: it says something, and waits for what comes of it."""

    def __init__(self, port: int, topic: str) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        joined = threading.Event()
        self._client.on_subscribe = lambda *_: joined.set()
        self._client.on_message = self._take
        # As the bridge does: without it the second of two messages waits for the first one's acknowledgement.
        self._client.on_socket_open = self._open
        self._heard = threading.Event()
        self._holds: Callable[[str, bytes], bool] = lambda _, __: False
        self._at = 0.0
        self.messages = self.bytes = 0
        """What was heard so far of the house: how many, and their topics and payloads."""
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topic, 1)
        if not joined.wait(PATIENCE_SECONDS):
            raise TimeoutError("the broker lets nobody listen")

    @staticmethod
    def _open(_: Any, __: Any, link: Any) -> None:
        link.setsockopt(*NO_DELAY)

    def _take(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        now = time.time()
        if not message.topic.startswith("bench/"):
            self.messages += 1
            self.bytes += len(message.topic) + len(message.payload)
        if self._holds(message.topic, bytes(message.payload)):
            self._at = now
            self._heard.set()

    def expect(self, holds: Callable[[str, bytes], bool]) -> None:
        """Wait, from now on, for what meets this."""
        self._heard.clear()
        self._holds = holds

    def say(self, topic: str, payload: bytes) -> None:
        """Say something."""
        self._client.publish(topic, payload, 1)

    def heard(self) -> float:
        """Give when (Unix seconds) it was heard."""
        if not self._heard.wait(PATIENCE_SECONDS):
            raise TimeoutError("nothing was heard")
        return self._at

    def end(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def own(speaker: Client, listener: Client, number: int) -> float:
    """Give the seconds of one message from one client to another."""
    mark = f"{number} {'x' * 300}".encode()
    listener.expect(lambda _, payload: payload == mark)
    began = time.time()
    speaker.say("bench/own", mark)
    return listener.heard() - began


def state(house: House, listener: Client, *, on: bool) -> float:
    """Give the seconds from a state on the bus to the client that hears of it."""
    heard: list[tuple[str | None, float, float]] = []

    def holds(topic: str, payload: bytes) -> bool:
        if topic == "house/kitchen_lamp/state":
            told = json.loads(payload)
            heard.append((told["cause"], told["at"], time.time()))
        return bool(heard) and heard[-1][0] == wanted

    wanted = ""
    listener.expect(holds)
    wanted, _ = house.do("kitchen_lamp", "on" if on else "off")
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        for cause, at, now in heard:
            if cause == wanted:
                return now - at
        time.sleep(0.001)
    raise TimeoutError("the client hears nothing of the lamp")


def asked(house: House, *, on: bool) -> float:
    """Give the seconds of a command and its receipt on the bus."""
    _, began = house.do("kitchen_lamp", "on" if on else "off")
    return time.time() - began


def command(client: Client, *, on: bool) -> float:
    """Give the seconds of a command and its receipt by the broker."""
    id_ = f"bench-{time.time_ns()}"
    client.expect(lambda topic, payload: topic.endswith("/receipt") and json.loads(payload).get("id") == id_)
    order = {"command": "on" if on else "off", "id": id_, "timeout_seconds": DEADLINE_SECONDS}
    began = time.time()
    client.say("house/kitchen_lamp/command", json.dumps(order).encode())
    return client.heard() - began


def watch(listener: Client, ear: Ear, until: Callable[[], bool]) -> tuple[int, int]:
    """Give how many messages, and bytes of them, are heard until something is so."""
    before = listener.messages, listener.bytes
    ear.until(lambda _: until(), 10 * PATIENCE_SECONDS)
    return listener.messages - before[0], listener.bytes - before[1]


def after(seconds: float) -> Callable[[], bool]:
    """Hold after so long."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def measure(scale: Scale, sheet: Sheet) -> None:
    """Have a house at a broker, and two clients beside it."""
    amount = AMOUNTS[scale]
    if lack := peers.find("mosquitto").missing():
        sheet.note(f"It was not measured: {lack}.")
        return
    with tempfile.TemporaryDirectory(prefix="bench") as folder, ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(Path(folder) / "broker"))
        house = stack.enter_context(House(BREAKFAST + f"\n[bridge]\nport = {broker.port}\n"))
        house.command_seconds = DEADLINE_SECONDS
        speaker, listener = Client(broker.port, "nothing"), Client(broker.port, "#")
        stack.callback(speaker.end)
        stack.callback(listener.end)
        ear = stack.enter_context(house.household.ear("bridge", "kitchen_lamp", "toaster", "coffee_maker"))
        ear.until(lambda ear: ear.shows("bridge", status=True))
        ear.until(lambda ear: ear.shows("kitchen_lamp", confirmed=True))
        time.sleep(SETTLE_SECONDS)  # what stands there comes all at once, and nothing says when it ends
        count(sheet, "all that is announced, and stands", (listener.messages, listener.bytes))
        pids = {name: pid for name, pid in house.pids().items() if name in KEEP_WATCH}
        for _ in range(amount.rounds):
            turns(sheet, house, speaker, listener, amount.turns)
            for name, size in memory_use(pids).items():
                sheet.add(WEIGHT, name, "PSS", size / 1e6, "MB")
        still = watch(listener, ear, after(amount.watch_seconds))
        count(sheet, f"in {amount.watch_seconds:g} s in which nothing happens", still)
        if amount.breakfast:
            house.do("bathroom_light", "on")
            cooks = ("coffee_maker", "toaster")
            made = watch(listener, ear, lambda: all(ear.shows(name, ready=True) for name in cooks))
            count(sheet, "while a breakfast is made", made)
    sheet.note(f"{amount.turns} of each in a round.")


def turns(sheet: Sheet, house: House, speaker: Client, listener: Client, number: int) -> None:
    """Have each done so often, in turn, and add a round."""
    times: dict[str, list[float]] = {title: [] for title in (OWN, STATE, BUS, COMMAND)}
    for index in range(number):
        on = index % 2 == 0
        times[OWN].append(own(speaker, listener, index))
        times[STATE].append(state(house, listener, on=on))
        times[BUS].append(asked(house, on=on))
        times[COMMAND].append(command(listener, on=on))
        time.sleep(TURN_SECONDS)
    for title, took in times.items():
        for column, share in (("p50", 0.5), ("p99", 0.99)):
            value = 1000 * percentile(took, share)
            sheet.add(TITLE, title, column, value, "ms", is_control=title == OWN)


def count(sheet: Sheet, row: str, heard: tuple[int, int]) -> None:
    """Add how much was heard."""
    for column, number in zip(("messages", "bytes"), heard, strict=True):
        sheet.add(HEARD, row, column, number, "")
