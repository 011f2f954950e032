"""Each driver of real hardware in a running house: command to confirmed state, memory, and start.

usage: python bench/drivers.py [--switchings 100] [--only WORD ...]

Each driver reaches its emulator from the tests, over real sockets of this machine (gpio: mock pins
with a record), and the simulated one stands beside them in the same run: the ratios are to it.
Confirmed is a state in which the hardware itself has said that it is as asked. Memory is the
proportional set size of the device's process. Start is from a `kill -9` of it until its successor has
heard its hardware.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import zmq
from footprint import pss

from daemons import bus
from daemons.verdict import percentile

sys.path.insert(0, str(Path(__file__).parent.parent))  # the emulators belong to the tests
from tests.drivers.board import Board
from tests.drivers.emulator import EMULATORS, emulator, table
from tests.household import Ear, Household

PAPER, PINS = "simulated", "gpio"
KILLS = 10


def stanza(word: str, options: dict[str, object]) -> str:
    """Give a lamp behind a driver, as configuration."""
    return f'[devices.{word}_lamp]\nkind = "lamp"\ndriver = "{word}"\n{word} = {table(options)}\n\n'


def switch(context: "zmq.Context[zmq.Socket[bytes]]", ear: Ear, name: str, on: bool) -> float:
    """Switch, and give the seconds until the hardware has confirmed it."""
    wish = bus.command("on" if on else "off", 10)
    began = time.perf_counter()
    bus.ask(context, name, wish)
    ear.until(lambda ear: ear.shows(name, status=on, confirmed=True) and ear.states[name].cause == wish.id)
    return time.perf_counter() - began


def start(ear: Ear, name: str) -> float:
    """Kill a device, and give the seconds until its successor has heard from its hardware."""
    before, began = ear.states[name].boot, time.perf_counter()
    ear.kill(name)
    ear.until(lambda ear: ear.states[name].boot > before and ear.shows(name, confirmed=True))
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--switchings", type=int, default=100)
    words = [*EMULATORS, PINS]
    parser.add_argument("--only", nargs="+", default=words, choices=words)
    asked = parser.parse_args()
    rows: dict[str, tuple[list[float], float, float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        made: dict[str, dict[str, object]] = {PAPER: {}}
        for word in asked.only:
            if word == PINS:
                os.environ.update(Board(under(folder, word)).environment)
                made[word] = {"relay": 17}
            else:
                made[word] = stack.enter_context(emulator(word)(under(folder, word))).options()
        toml = '[house]\nname = "Bench"\n\n'
        house = Household(Path(folder), toml + "".join(stanza(word, one) for word, one in made.items()))
        house.house("up")
        stack.callback(house.house, "down")
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(context.destroy, linger=0)
        names = {word: f"{word}_lamp" for word in made}
        ear = stack.enter_context(house.ear(*names.values()))
        ear.until(lambda ear: all(ear.shows(name, confirmed=True) for name in names.values()))
        times: dict[str, list[float]] = {word: [] for word in names}
        for index in range(asked.switchings):  # interleaved, so that all have the same machine
            for word, name in names.items():
                times[word].append(switch(context, ear, name, on=index % 2 == 0))
        pids = house.pids()
        for word, name in names.items():
            memory = pss(pids[name])
            starts = [start(ear, name) for _ in range(KILLS)]
            rows[word] = times[word], memory, statistics.median(starts)
    print(f"CPython {sys.version.split()[0]}; {asked.switchings} switchings and {KILLS} kills of each")
    print(f"{'driver':<20}{'p50 ms':>8}{'p99 ms':>8}{'ratio':>7}{'PSS MB':>8}{'adds':>6}{'start ms':>10}")
    base, least, _ = rows[PAPER]
    for word, (found, memory, began) in rows.items():
        p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
        print(
            f"{word:<20}{p50 * 1000:8.1f}{p99 * 1000:8.1f}{p50 / percentile(base, 0.5):7.1f}"
            f"{memory:8.1f}{memory - least:6.1f}{began * 1000:10.0f}"
        )


def under(folder: str, word: str) -> Path:
    """Give an emulator a folder of its own."""
    path = Path(folder) / word
    path.mkdir()
    return path


if __name__ == "__main__":
    main()
