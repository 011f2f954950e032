"""The cost of many houses for one broker: one session for each house, and all its retained messages.

usage: python -m bench.fleet [--houses 1000] [--discovery device]

The retained messages are collected once, from a real house of twenty devices with its bridge. Then many
sessions publish the same messages to an empty mosquitto, each under its own prefix, and stay connected.
The broker's memory is read before and after. One broker on this machine is a lower limit for a cluster.
"""

import argparse
import json
import resource
import socket
import struct
import tempfile
import time
from pathlib import Path

from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.house import TemporaryHouse
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_recorder import record_broker

LAMPS, SENSORS, PLUGS, HEATERS = 8, 6, 4, 1
DEVICES = LAMPS + SENSORS + PLUGS + HEATERS + 1


def configuration(port: int, discovery: str) -> str:
    """Return the configuration of a house of twenty devices."""
    wanted = {"lamp": LAMPS, "sensor": SENSORS, "plug": PLUGS, "heater": HEATERS}
    tables = [
        f'[devices.{kind}{number}]\nkind = "{kind}"\ndriver = "simulated"\nroom = "Room {number}"\n'
        for kind, count in wanted.items()
        for number in range(count)
    ]
    tables += ['[devices.mirror]\nkind = "mirror"\nport = 0\n']
    return "\n".join([*tables, f'[bridge]\nport = {port}\ndiscovery = "{discovery}"\n'])


def retained_messages(folder: Path, discovery: str) -> dict[str, bytes]:
    """Return all messages that a real bridge retains at a broker."""
    with Mosquitto(folder / "one") as broker, record_broker(broker.port) as heard:
        house = TemporaryHouse(folder / "house", configuration(broker.port, discovery))
        house.house("up")
        try:
            names = json.loads(house.house("status", "--json").stdout)["devices"]
            heard.wait_for(lambda: heard.is_online("bridge") and all(map(heard.is_online, names)))
            time.sleep(2)  # values that only some hardware reports are announced a moment later
            return {topic: payload for topic, payload in heard.retained.items() if "/command/" not in topic}
        finally:
            house.house("down")


def field(text: bytes) -> bytes:
    """Return a string in MQTT's encoding."""
    return struct.pack("!H", len(text)) + text


def packet(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet."""
    length, digits = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([kind]) + digits + body


def connect_house(port: int, number: int, messages: dict[str, bytes]) -> socket.socket:
    """Connect as one house: subscribe to commands, publish all, and wait until the broker has read it."""
    prefix = f"h{number}/".encode()
    link = socket.create_connection(("127.0.0.1", port), 60)
    connect = field(b"MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + field(b"h%d" % number)
    subscribe = struct.pack("!H", 1) + field(prefix + b"+/command/#") + b"\x01"
    parts = [packet(0x10, connect), packet(0x82, subscribe)]
    for topic, payload in messages.items():
        parts.append(packet(0x31, field(prefix + topic.encode()) + payload))
    link.sendall(b"".join([*parts, b"\xc0\x00"]))  # PINGREQ: its answer comes after all of this is read
    received = b""
    while not received.endswith(b"\xd0\x00"):
        received += link.recv(100)
    return link


def publish_houses(port: int, houses: int, messages: dict[str, bytes]) -> None:
    """Publish the retained messages of many houses in one session; return when the broker has read them."""
    with socket.create_connection(("127.0.0.1", port), 60) as link:
        connect = field(b"MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + field(b"houses")
        link.sendall(packet(0x10, connect))
        for number in range(houses):
            prefix = house_prefix(number).encode()
            parts = [packet(0x31, field(prefix + topic.encode()) + text) for topic, text in messages.items()]
            link.sendall(b"".join(parts))
        link.sendall(b"\xc0\x00")  # PINGREQ: its answer comes after all of this is read
        received = b""
        while not received.endswith(b"\xd0\x00"):
            received += link.recv(100)


def house_prefix(number: int) -> str:
    """Return the beginning of all topics of a house of a fleet."""
    return f"fleet/h{number:05}/"


def memory_mb(pid: int) -> float:
    """Return a process's proportional set size in MB."""
    return memory_use({"broker": pid})["broker"] / 1e6


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--houses", type=int, default=1000)
    parser.add_argument("--discovery", choices=("device", "component", "off"), default="device")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, options.houses + 500), most))
    with tempfile.TemporaryDirectory() as folder:
        messages = retained_messages(Path(folder), options.discovery)
        size = sum(len(topic) + len(payload) for topic, payload in messages.items())
        print(f"one house of {DEVICES} devices: {len(messages)} retained messages, {size} bytes")
        links = []
        with Mosquitto(Path(folder) / "fleet") as broker:
            before = memory_mb(broker.pid)
            began = time.perf_counter()
            try:
                for number in range(options.houses):
                    links.append(connect_house(broker.port, number, messages))
                took = time.perf_counter() - began
                after = memory_mb(broker.pid)
            finally:
                for link in links:
                    link.close()
    print(f"{options.houses} houses at one mosquitto: {options.houses * len(messages)} retained messages,")
    print(f"  {after - before:.0f} MB more ({(after - before) * 1000 / options.houses:.0f} kB a house),")
    print(f"  all published by one client program within {took:.1f} s")


if __name__ == "__main__":
    main()
