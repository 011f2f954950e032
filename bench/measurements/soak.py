"""The house over time, at a hundred times a home's rate: does anything grow, get lost, or get slower?

A home's switch is taken here to be pressed once a minute; in this one breakfast is begun and called off a
hundred times a minute, with one client at the mirror's page: for an hour with `--full`, else for a minute,
which shows gross leaks only.

*Growth* is the slope of a process's memory (PSS) over the last three quarters of the time: the median of the
slopes between all pairs of looks (Theil and Sen), so that one step does not count as a leak. In the first
quarter each becomes as large as its work needs; the mirror holds the last 4,096 changes for who comes back to
its page. *Files* are open file descriptors. *Lost* are states that a subscriber did not hear (by their
numbers), changes that the page's client did not get (by what it is told that it missed, and by the cursor's
number), and presses that a cook did not follow. The time is from a press to both cooks' states, as they say
themselves.
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
from bench.report import Scale, Sheet
from bench.sight import all_live
from bench.table import Section, Table
from daemons.bus import message
from daemons.bus.message import State
from daemons.cli.drill_report import percentile
from daemons.errors import HouseError
from daemons.processes.mirror.page.memory_use import memory_use

GROWTH, LOST, TIMES = "Memory and files", "Lost", "From a press to both cooks"
COOKS = ("coffee_maker", "toaster")
SWITCH = "bathroom_light"
SECTION = Section(6, "Over time", (Table(GROWTH), Table(LOST), Table(TIMES, plot="lines")), is_long=True)
PRESSES_A_MINUTE = 100
LOOKS = 60
"""How often memory and files are looked at, in all."""
WINDOWS = 6
"""Into so many parts the time is cut, to see whether it gets slower."""
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
"""A client of the page that counts what it is not told."""


class Look(NamedTuple):
    """What the processes held at a moment."""

    at: float
    memory: dict[str, int]
    files: dict[str, int]


SECONDS: dict[Scale, float] = {"tiny": 1.5, "small": 60.0, "full": 3600.0}


class Soak:
    """A house that is kept at work."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._mirror = house.mirror()
        known = self._mirror.until(all_live)
        self._devices = sorted(name for name in known if name not in ("steward", "recorder"))
        self._ear = house.ear(*self._devices)
        self.pids = house.pids()
        self._causes: dict[str, set[str]] = defaultdict(set)
        """Of each device, the presses that it has followed."""
        self._moments: dict[tuple[str, str], float] = {}
        self._numbers: dict[str, set[int]] = defaultdict(set)
        self.presses: dict[str, float] = {}
        self.looks: list[Look] = []

    def press(self) -> None:
        """Begin a breakfast, and call it off once it is under way everywhere."""
        id_, began = self._house.do(SWITCH, "press")
        self.presses[id_] = began
        self.listen(lambda: all(id_ in self._causes[cook] for cook in COOKS))
        for cook in COOKS:
            self._house.do(cook, "stop")
        self._house.do(SWITCH, "off")
        self.listen(lambda: True)

    def listen(self, holds: Any) -> None:
        """Take what has arrived, until something holds or five seconds are over."""
        end = time.monotonic() + 5
        while True:
            for payload in self._ear.drain():
                name = json.loads(payload)["device"]
                state = message.decode([f"{name}/state".encode(), payload])
                if isinstance(state, State):
                    self._numbers[name].add(state.seq)
                    if state.cause:
                        self._causes[name].add(state.cause)
                        self._moments.setdefault((name, state.cause), state.at)
            if holds() or time.monotonic() > end:
                return
            time.sleep(0.002)

    def look(self) -> None:
        """Look at the processes."""
        files = {name: len(list(Path(f"/proc/{pid}/fd").iterdir())) for name, pid in self.pids.items()}
        self.looks.append(Look(time.monotonic(), memory_use(self.pids), files))

    def unheard(self) -> int:
        """Say how many states were published and not heard."""
        return sum(max(seqs) - min(seqs) + 1 - len(seqs) for seqs in self._numbers.values())

    def heard(self) -> int:
        """Say how many were heard."""
        return sum(len(seqs) for seqs in self._numbers.values())

    def not_followed(self) -> int:
        """Say how many presses a cook did not follow."""
        return sum(id_ not in self._causes[cook] for id_ in self.presses for cook in COOKS)

    def times(self) -> list[float]:
        """Give the milliseconds from each press to the later of both cooks."""
        return [
            1000 * (max(self._moments[cook, id_] for cook in COOKS) - began)
            for id_, began in self.presses.items()
            if all((cook, id_) in self._moments for cook in COOKS)
        ]


def slope(points: list[tuple[float, float]]) -> float:
    """Give the median of the slopes between all pairs of points, or between enough of them; 0 for too few."""
    pairs = list(combinations(points, 2))
    pairs = pairs[:: max(1, len(pairs) // MOST_PAIRS)]
    return statistics.median([(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > a[0]] or [0.0])


def measure(scale: Scale, sheet: Sheet) -> None:
    """Keep a house at work, and look."""
    seconds = SECONDS[scale]
    with House(BREAKFAST) as house:
        url = house.page()
        soak = Soak(house)
        client = subprocess.Popen(
            [sys.executable, "-c", LISTENER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            if client.stdout is None or client.stdout.readline().strip() != "ready":
                raise HouseError("the page's client is not told the house")
            began = time.monotonic()
            due_look = due_press = began
            while (now := time.monotonic()) < began + seconds:
                if now >= due_look:
                    soak.look()
                    due_look += seconds / LOOKS
                if now >= due_press:
                    soak.press()
                    due_press += 60 / PRESSES_A_MINUTE
                time.sleep(max(0.0, min(due_look, due_press) - time.monotonic()))
            soak.look()
            told = json.loads(client.communicate("")[0].splitlines()[-1])
        finally:
            client.kill()
            client.wait()
        same = soak.pids == house.pids()
    tell(sheet, soak, told, seconds)
    if not same:
        sheet.note("A process was another one at the end than at the beginning.")
    sheet.note(f"{len(soak.presses):,} presses in {seconds / 60:g} minutes; {len(soak.looks)} looks.")


def until(seconds: float) -> str:
    """Name a part of the time by its end."""
    return f"{seconds:.3g} s" if seconds <= LONGEST_IN_SECONDS else f"{seconds / 60:.3g} min"


def tell(sheet: Sheet, soak: Soak, told: dict[str, int], seconds: float) -> None:
    """Add the figures."""
    settled = soak.looks[len(soak.looks) // 4 :]
    for name in soak.pids:
        points = [(look.at, look.memory[name] / 1e6) for look in settled if name in look.memory]
        sheet.add(GROWTH, name, "PSS at the end, MB", points[-1][1], "")
        sheet.add(GROWTH, name, "growth, MB an hour", 3600 * slope(points), "")
        sheet.add(GROWTH, name, "files at the beginning", soak.looks[0].files[name], "")
        sheet.add(GROWTH, name, "files at the end", soak.looks[-1].files[name], "")
    lost = (
        ("states at a subscriber", soak.unheard(), soak.heard()),
        ("changes at the page's client", told["missed"] + told["gaps"], told["changes"]),
        ("presses, by a cook", soak.not_followed(), len(COOKS) * len(soak.presses)),
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
