"""From a press to both appliances' states at the mirror, in a running house of its own.

usage: python bench/latency.py [--presses 50]

Beside it, in the same run: one bare pyzmq request and reply between two processes' sockets on
this machine, which is the unit that the ratios are in.
"""

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import zmq

from daemons import bus, place
from daemons.bus import Subscriber, command
from daemons.message import State

COOKS = ("coffee_maker", "toaster")
HOUSE = [sys.executable, "-m", "daemons.cli"]
CONFIG = Path(__file__).parent.parent / "config" / "house.toml"


def bare(context: "zmq.Context[zmq.Socket[bytes]]", number: int) -> list[float]:
    """Give the seconds of so many requests and replies of bare pyzmq over ipc."""

    def echo(socket: "zmq.Socket[bytes]") -> None:
        while (payload := socket.recv()) != b"end":
            socket.send(payload)

    server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
    server.bind("ipc://bus/bench")
    client.connect("ipc://bus/bench")
    thread = threading.Thread(target=echo, args=(server,))
    thread.start()
    found = []
    for _ in range(number):
        began = time.perf_counter()
        client.send(b"x" * 200)
        client.recv()
        found.append(time.perf_counter() - began)
    client.send(b"end")
    thread.join()
    server.close(linger=0)
    client.close(linger=0)
    return found


def press(context: "zmq.Context[zmq.Socket[bytes]]", subscriber: Subscriber) -> float:
    """Press, and give the seconds until both appliances were heard at work; then stop them again."""
    wish = command("on", 5)
    began = time.perf_counter()
    bus.ask(context, "bathroom_light", wish)
    waiting = set(COOKS)
    while waiting:
        subscriber.socket.poll()
        for heard in subscriber.receive():
            if isinstance(heard, State) and heard.cause == wish.id:
                waiting.discard(heard.device)
    took = time.perf_counter() - began
    for name in COOKS:
        bus.ask(context, name, command("stop", 5))
    bus.ask(context, "bathroom_light", command("off", 5))
    return took


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presses", type=int, default=50)
    number = parser.parse_args().presses
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        environment = {**os.environ, "HOUSE_RUN": str(run), "HOUSE_CONFIG": str(CONFIG)}
        subprocess.run([*HOUSE, "up"], env=environment, check=True, stdout=subprocess.DEVNULL)
        try:
            place.enter(run)
            context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            unit = bare(context, 10 * number)
            subscriber = Subscriber(context, list(COOKS), logging.getLogger("bench"))
            presses = [press(context, subscriber) for _ in range(number)]
            context.destroy(linger=0)
        finally:
            os.chdir("/")
            subprocess.run([*HOUSE, "down"], env=environment, check=True, stdout=subprocess.DEVNULL)
    base = statistics.median(unit)
    print(f"{'':<52}{'p50 ms':>8}{'p99 ms':>8}{'ratio of p50':>14}")
    rows = {"one bare pyzmq request and reply": unit, "press, both appliances at work, heard here": presses}
    for name, seconds in rows.items():
        ordered = sorted(seconds)
        p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        print(f"{name:<52}{p50 * 1000:8.2f}{p99 * 1000:8.2f}{p50 / base:14.1f}")


if __name__ == "__main__":
    main()
