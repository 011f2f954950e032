"""How much a broker needs for many houses: each a session, and all that a real bridge has stand there.

usage: python -m bench.fleet [--houses 1000] [--discovery device]

What stands is taken from a real house of twenty devices with its bridge, once. Then so many sessions
to a fresh mosquitto say the same, each under its own prefix, and stay; the broker's resident memory
is read before and after. It is one broker on this machine, a lower bound for what a cluster can.
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
from tests.support.house import Household
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_recorder import eavesdropping

LAMPS, SENSORS, PLUGS, HEATERS = 8, 6, 4, 1
DEVICES = LAMPS + SENSORS + PLUGS + HEATERS + 1


def configuration(port: int, discovery: str) -> str:
    """Give a house of twenty devices."""
    wanted = {"lamp": LAMPS, "sensor": SENSORS, "plug": PLUGS, "heater": HEATERS}
    tables = [
        f'[devices.{kind}{number}]\nkind = "{kind}"\ndriver = "simulated"\nroom = "Room {number}"\n'
        for kind, count in wanted.items()
        for number in range(count)
    ]
    tables += ['[devices.mirror]\nkind = "mirror"\nport = 0\n']
    return "\n".join([*tables, f'[bridge]\nport = {port}\ndiscovery = "{discovery}"\n'])


def standing(folder: Path, discovery: str) -> dict[str, bytes]:
    """Give all that a real bridge has stand at a broker."""
    with Mosquitto(folder / "one") as broker, eavesdropping(broker.port) as heard:
        house = Household(folder / "house", configuration(broker.port, discovery))
        house.house("up")
        try:
            names = json.loads(house.house("status", "--json").stdout)["devices"]
            heard.until(lambda: heard.is_online("bridge") and all(map(heard.is_online, names)))
            time.sleep(2)  # what only some hardware tells is announced a moment later
            return dict(heard.standing)
        finally:
            house.house("down")


def field(text: bytes) -> bytes:
    """Give a string as MQTT has it."""
    return struct.pack("!H", len(text)) + text


def packet(kind: int, body: bytes) -> bytes:
    """Give an MQTT packet."""
    length, digits = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([kind]) + digits + body


def live(port: int, number: int, said: dict[str, bytes]) -> socket.socket:
    """Be one house: connect, listen for commands, say everything, and wait until the broker has it all."""
    prefix = f"h{number}/".encode()
    link = socket.create_connection(("127.0.0.1", port), 60)
    connect = field(b"MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + field(b"h%d" % number)
    subscribe = struct.pack("!H", 1) + field(prefix + b"+/command/#") + b"\x01"
    parts = [packet(0x10, connect), packet(0x82, subscribe)]
    for topic, payload in said.items():
        parts.append(packet(0x31, field(prefix + topic.encode()) + payload))
    link.sendall(b"".join([*parts, b"\xc0\x00"]))  # PINGREQ: its answer comes after all else was taken
    heard = b""
    while not heard.endswith(b"\xd0\x00"):
        heard += link.recv(100)
    return link


def weigh(pid: int) -> float:
    """Give a process's proportional set size in MB."""
    return memory_use({"broker": pid})["broker"] / 1e6


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--houses", type=int, default=1000)
    parser.add_argument("--discovery", choices=("device", "component", "off"), default="device")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, asked.houses + 500), most))
    with tempfile.TemporaryDirectory() as folder:
        said = standing(Path(folder), asked.discovery)
        size = sum(len(topic) + len(payload) for topic, payload in said.items())
        print(f"one house of {DEVICES} devices: {len(said)} retained messages, {size} bytes")
        links = []
        with Mosquitto(Path(folder) / "fleet") as broker:
            before = weigh(broker.pid)
            began = time.perf_counter()
            try:
                for number in range(asked.houses):
                    links.append(live(broker.port, number, said))
                took = time.perf_counter() - began
                after = weigh(broker.pid)
            finally:
                for link in links:
                    link.close()
    print(f"{asked.houses} houses at one mosquitto: {asked.houses * len(said)} retained messages,")
    print(f"  {after - before:.0f} MB more ({(after - before) * 1000 / asked.houses:.0f} kB a house),")
    print(f"  all said by one client program within {took:.1f} s")


if __name__ == "__main__":
    main()
