"""The house over time, at a hundred times a home's rate: growth, losses and slowdown.

A home's switch is assumed to be pressed once a minute. Here, a breakfast is started and cancelled a hundred
times a minute, with one client at the mirror's page. It takes an hour with `--full`, else a minute, which
shows only large leaks.

*Growth* is the slope of a process's memory (PSS) over the last three quarters of the time. It is the median
of the slopes between all pairs of samples (Theil and Sen), so that a single step does not count as a leak.
In the first quarter each process grows to the size that its work needs. The mirror keeps the last 4,096
changes for clients that return to its page. *Files* are open file descriptors.

The table *Lost* has three rows:

- states that a subscriber did not receive, by their sequence numbers,
- changes that the page's client did not receive, by the reported number and by the cursor,
- presses that an appliance did not follow.

The last table shows the time from a press to the states of both appliances, by the times in
these states.
"""

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from bench.house import BREAKFAST, House
from bench.observers import all_live
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.bus import message
from daemons.bus.message import State
from daemons.cli.drill_report import percentile
from daemons.errors import HouseError
from daemons.processes.mirror.page.memory_use import memory_use

GROWTH, LOST, TIMES = "Memory and files", "Lost", "From a press to both appliances"
APPLIANCES = ("coffee_maker", "toaster")
SWITCH = "bathroom_light"
SECTION = Section(6, "Over time", (Table(GROWTH), Table(LOST), Table(TIMES, plot="lines")), is_long=True)
PRESSES_A_MINUTE = 100
SAMPLES = 60
"""The number of samples of memory and files."""
WINDOWS = 6
"""The number of parts of the time, which show whether the house gets slower."""
LONGEST_IN_SECONDS = 120
MOST_PAIRS = 400
LISTENER = """
import asyncio, json, sys, aiohttp
async def main():
    missed = gaps = changes = 0
    last = None
    url = sys.argv[1] + "api/live"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as live:
        over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not over.done():
            try:
                told = json.loads((await live.receive(0.5)).data)
            except TimeoutError:
                continue
            if told["type"] not in ("house", "change"):
                continue
            number = int(told["cursor"].partition("-")[2])
            if told["type"] == "change":
                changes, missed = changes + 1, missed + told["missed"]
                gaps += number - last - 1 - told["missed"]
            elif last is None:
                print("ready", flush=True)
            last = number
    print(json.dumps({"changes": changes, "missed": missed, "gaps": gaps}), flush=True)
asyncio.run(main())
"""
"""A client of the page that counts missed changes."""


class Sample(NamedTuple):
    """The memory and the files of the processes at one time."""

    at: float
    memory: dict[str, int]
    files: dict[str, int]


SECONDS: dict[Scale, float] = {"tiny": 1.5, "small": 60.0, "full": 3600.0}


class Soak:
    """A house under continuous work."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._mirror = house.mirror_client()
        known = self._mirror.until(all_live)
        self._devices = sorted(name for name in known if name not in ("steward", "recorder"))
        self._states = house.subscribe(*self._devices)
        self.pids = house.pids()
        self._causes: dict[str, set[str]] = defaultdict(set)
        """For each device, the presses that it has followed."""
        self._moments: dict[tuple[str, str], float] = {}
        self._seqs: dict[str, set[int]] = defaultdict(set)
        self.presses: dict[str, float] = {}
        self.samples: list[Sample] = []

    def press(self) -> None:
        """Start a breakfast, and cancel it when all appliances have started."""
        id_, began = self._house.do(SWITCH, "press")
        self.presses[id_] = began
        self.listen(lambda: all(id_ in self._causes[appliance] for appliance in APPLIANCES))
        for appliance in APPLIANCES:
            self._house.do(appliance, "stop")
        self._house.do(SWITCH, "off")
        self.listen(lambda: True)

    def listen(self, holds: Any) -> None:
        """Receive states until a condition holds, for at most five seconds."""
        end = time.monotonic() + 5
        while True:
            for payload in self._states.drain():
                name = json.loads(payload)["device"]
                state = message.decode([f"{name}/state".encode(), payload])
                if isinstance(state, State):
                    self._seqs[name].add(state.seq)
                    if state.cause:
                        self._causes[name].add(state.cause)
                        self._moments.setdefault((name, state.cause), state.at)
            if holds() or time.monotonic() > end:
                return
            time.sleep(0.002)

    def sample(self) -> None:
        """Add a sample of all processes."""
        files = {name: len(list(Path(f"/proc/{pid}/fd").iterdir())) for name, pid in self.pids.items()}
        self.samples.append(Sample(time.monotonic(), memory_use(self.pids), files))

    def missed_states(self) -> int:
        """Return the number of states that were published and not received."""
        return sum(max(seqs) - min(seqs) + 1 - len(seqs) for seqs in self._seqs.values())

    def received_states(self) -> int:
        """Return the number of received states."""
        return sum(len(seqs) for seqs in self._seqs.values())

    def not_followed(self) -> int:
        """Return the number of presses that an appliance did not follow."""
        return sum(id_ not in self._causes[appliance] for id_ in self.presses for appliance in APPLIANCES)

    def times(self) -> list[float]:
        """Return the milliseconds from each press to the later of both appliances."""
        return [
            1000 * (max(self._moments[appliance, id_] for appliance in APPLIANCES) - began)
            for id_, began in self.presses.items()
            if all((appliance, id_) in self._moments for appliance in APPLIANCES)
        ]


def slope(points: list[tuple[float, float]]) -> float:
    """Return the median slope between all pairs of points, or between enough of them; 0 for too few."""
    pairs = list(combinations(points, 2))
    pairs = pairs[:: max(1, len(pairs) // MOST_PAIRS)]
    return statistics.median([(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > a[0]] or [0.0])


def measure(scale: Scale, sheet: Sheet) -> None:
    """Keep a house at work, and sample its processes."""
    seconds = SECONDS[scale]
    with House(BREAKFAST) as house:
        url = house.page()
        soak = Soak(house)
        client = subprocess.Popen(
            [sys.executable, "-c", LISTENER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            if client.stdout is None or client.stdout.readline().strip() != "ready":
                raise HouseError("the page's client received no state of the house")
            began = time.monotonic()
            due_sample = due_press = began
            while (now := time.monotonic()) < began + seconds:
                if now >= due_sample:
                    soak.sample()
                    due_sample += seconds / SAMPLES
                if now >= due_press:
                    soak.press()
                    due_press += 60 / PRESSES_A_MINUTE
                time.sleep(max(0.0, min(due_sample, due_press) - time.monotonic()))
            soak.sample()
            told = json.loads(client.communicate("")[0].splitlines()[-1])
        finally:
            client.kill()
            client.wait()
        same = soak.pids == house.pids()
    add_figures(sheet, soak, told, seconds)
    if not same:
        sheet.note("A process was restarted during the measurement.")
    sheet.note(f"{len(soak.presses):,} presses in {seconds / 60:g} minutes; {len(soak.samples)} samples.")


def until(seconds: float) -> str:
    """Return the name of a part of the time: its end."""
    return f"{seconds:.3g} s" if seconds <= LONGEST_IN_SECONDS else f"{seconds / 60:.3g} min"


def add_figures(sheet: Sheet, soak: Soak, told: dict[str, int], seconds: float) -> None:
    """Add the figures."""
    settled = soak.samples[len(soak.samples) // 4 :]
    for name in soak.pids:
        points = [(sample.at, sample.memory[name] / 1e6) for sample in settled if name in sample.memory]
        sheet.add(GROWTH, name, "PSS at the end, MB", points[-1][1], "")
        sheet.add(GROWTH, name, "growth, MB an hour", 3600 * slope(points), "")
        sheet.add(GROWTH, name, "files at the beginning", soak.samples[0].files[name], "")
        sheet.add(GROWTH, name, "files at the end", soak.samples[-1].files[name], "")
    lost = (
        ("states at a subscriber", soak.missed_states(), soak.received_states()),
        ("changes at the page's client", told["missed"] + told["gaps"], told["changes"]),
        ("presses at an appliance", soak.not_followed(), len(APPLIANCES) * len(soak.presses)),
    )
    for row, number, of in lost:
        sheet.add(LOST, row, "lost", number, "")
        sheet.add(LOST, row, "of", of, "")
    times = soak.times()
    part = max(1, len(times) // WINDOWS)
    for index in range(min(WINDOWS, len(times))):
        found = times[index * part : (index + 1) * part]
        for share, word in ((0.5, "p50"), (0.99, "p99")):
            sheet.add(TIMES, word, until(seconds * (index + 1) / WINDOWS), percentile(found, share), "ms")
