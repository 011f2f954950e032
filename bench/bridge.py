"""The bridge: how long a state takes to a broker's clients, and a command from them to its receipt.

usage: python -m bench.bridge [--turns 300] [--watch 60] [--discovery device]

Beside it, in the same run and interleaved, the broker's own: one message from one client to
another, at the same QoS 1. The ratios are to that. The state is taken where it is published on the
bus (its `at`), so what the device needs is in neither; the command's way to the receipt is that of
the bus, measured in the same run, and the broker's, twice. Then it is counted what a client hears of
the house (messages, and bytes of their topics and payloads): at the start, while nothing happens,
and while a breakfast is made. From that docs/scale.md computes what a day is.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import zmq
from paho.mqtt.enums import CallbackAPIVersion

from daemons import bus
from daemons.mqtt import NO_DELAY
from daemons.page.memory_use import memory_use
from daemons.verdict import percentile
from tests.broker import Mosquitto
from tests.household import BREAKFAST, Ear, Household

PATIENCE_SECONDS = 30.0
SETTLE_SECONDS = 2.0
DEADLINE_SECONDS = 1.0
TURN_SECONDS = 0.02
"""A device remembers 200 receipts until their deadlines, and takes no more commands within them."""
KEEP_WATCH = ("bridge", "mirror", "toaster")


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


def state(context: "zmq.Context[zmq.Socket[bytes]]", listener: Client, *, on: bool) -> float:
    """Give the seconds from a state on the bus to the client that hears of it."""
    wish = bus.command("on" if on else "off", DEADLINE_SECONDS)
    at: list[float] = []

    def holds(topic: str, payload: bytes) -> bool:
        if topic != "house/kitchen_lamp/state":
            return False
        told = json.loads(payload)
        if at or told["cause"] != wish.id:
            return False
        at.append(told["at"])
        return True

    listener.expect(holds)
    bus.ask(context, "kitchen_lamp", wish)
    return listener.heard() - at[0]


def asked(context: "zmq.Context[zmq.Socket[bytes]]", *, on: bool) -> float:
    """Give the seconds of a command and its receipt on the bus."""
    began = time.time()
    bus.ask(context, "kitchen_lamp", bus.command("on" if on else "off", DEADLINE_SECONDS))
    return time.time() - began


def command(client: Client, number: int, *, on: bool) -> float:
    """Give the seconds of a command and its receipt by the broker."""
    id_ = f"bench-{number}"
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


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--watch", type=float, default=60.0)
    parser.add_argument("--discovery", choices=("device", "component", "off"), default="device")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker") as broker:
        table = f'\n[bridge]\nport = {broker.port}\ndiscovery = "{wanted.discovery}"\n'
        house = Household(Path(folder) / "house", BREAKFAST.replace("speed = 60", "speed = 15") + table)
        house.house("up")
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        speaker, listener = Client(broker.port, "nothing"), Client(broker.port, "#")
        try:
            with house.ear("bridge", "kitchen_lamp", "toaster", "coffee_maker") as ear:
                ear.until(lambda ear: ear.shows("bridge", status=True))
                ear.until(lambda ear: ear.shows("kitchen_lamp", confirmed=True))
                time.sleep(
                    SETTLE_SECONDS
                )  # what stands there comes all at once, and nothing says when it ends
                announced = listener.messages, listener.bytes
                times: dict[str, list[float]] = {name: [] for name in ("own", "state", "bus", "command")}
                for number in range(wanted.turns):  # interleaved, so that all have the same machine
                    on = number % 2 == 0
                    times["own"].append(own(speaker, listener, number))
                    times["state"].append(state(context, listener, on=on))
                    times["bus"].append(asked(context, on=on))
                    times["command"].append(command(listener, number, on=on))
                    time.sleep(TURN_SECONDS)
                pids = {**house.pids(), "bridge": house.status()["services"]["bridge"]["process"]["pid"]}
                memory = {
                    name: use / 1e6
                    for name, use in memory_use({name: pids[name] for name in KEEP_WATCH}).items()
                }
                still = watch(listener, ear, after(wanted.watch))
                house.house("send", "bathroom_light", "on")
                cooks = ("coffee_maker", "toaster")
                ready = lambda: all(ear.shows(name, ready=True) for name in cooks)  # noqa: E731
                breakfast = watch(listener, ear, ready)
        finally:
            speaker.end()
            listener.end()
            context.destroy(linger=0)
            house.house("down")
    print(f"CPython {sys.version.split()[0]}; {wanted.turns} of each, interleaved")
    print(f"{'':<52}{'p50 ms':>8}{'p99 ms':>8}{'ratio':>7}")
    base = statistics.median(times["own"])
    for name, title in {
        "own": "one client to another, by the broker alone",
        "state": "a state on the bus to a client of the broker",
        "bus": "a command and its receipt, on the bus",
        "command": "a command and its receipt, by broker and bridge",
    }.items():
        p50, p99 = percentile(times[name], 0.5), percentile(times[name], 0.99)
        print(f"{title:<52}{p50 * 1000:8.2f}{p99 * 1000:8.2f}{p50 / base:7.1f}")
    print("PSS MB: " + ", ".join(f"{name} {size:.1f}" for name, size in memory.items()))
    for title, (messages, size) in {
        "at the start: all that is announced, and stands": announced,
        f"in {wanted.watch:g} s in which nothing happens": still,
        "while a breakfast is made": breakfast,
    }.items():
        print(f"{title:<52}{messages:8} messages{size:10} bytes")


if __name__ == "__main__":
    main()
