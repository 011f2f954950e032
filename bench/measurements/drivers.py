"""Each driver of real hardware in a running house: command to confirmed state, memory, restart after a kill.

Each driver controls its emulator from the tests through real sockets of this machine. The gpio driver uses
mock pins with a log. The simulated driver runs in the same house for comparison. A state is *confirmed*
when the hardware itself has reported the requested state. Memory is the proportional set size of the
device's process. After a `kill -9`, the time runs until the restarted process has a report of its hardware.
"""

import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.house import House
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.emulator import EMULATORS, emulator, table
from tests.support.house import Listener
from tests.support.mock_pins import Board

TITLE = "By driver"
SECTION = Section(8, "Drivers", (Table(TITLE, reference_row="simulated"),))
SIMULATED, PINS = "simulated", "gpio"
ON, BACK = "to confirmed, p50", "kill to confirmed"


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    switchings: int
    kills: int
    only: tuple[str, ...]


AMOUNTS = {
    "tiny": Amount(1, 1, 1, ("command",)),
    "small": Amount(3, 20, 2, (*EMULATORS, PINS)),
    "full": Amount(10, 50, 5, (*EMULATORS, PINS)),
}


def stanza(word: str, options: dict[str, object]) -> str:
    """Return the configuration of a lamp with a driver."""
    return f'[devices.{word}_lamp]\nkind = "lamp"\ndriver = "{word}"\n{word} = {table(options)}\n\n'


def switch(house: House, listener: Listener, name: str, on: bool) -> float:
    """Switch, and return the seconds until the hardware has confirmed it."""
    id_, began = house.do(name, "on" if on else "off")
    listener.wait_for(
        lambda listener: (
            listener.has_state(name, status=on, confirmed=True) and listener.states[name].cause == id_
        )
    )
    return listener.states[name].at - began


def start(listener: Listener, name: str) -> float:
    """Kill a device, and return the seconds until the restarted process has a report of its hardware."""
    before, began = listener.states[name].boot, time.perf_counter()
    listener.kill(name)
    listener.wait_for(
        lambda listener: listener.states[name].boot > before and listener.has_state(name, confirmed=True)
    )
    return time.perf_counter() - began


def measure(scale: Scale, sheet: Sheet) -> None:
    """Switch a lamp of each driver in turn, and kill each."""
    amount = AMOUNTS[scale]
    with tempfile.TemporaryDirectory(prefix="bench") as folder, ExitStack() as stack:
        made: dict[str, dict[str, object]] = {SIMULATED: {}}
        for word in amount.only:
            path = Path(folder) / word
            path.mkdir()
            if word == PINS:
                os.environ.update(Board(path).environment)  # the house's processes inherit it
                made[word] = {"relay": 17}
            else:
                made[word] = stack.enter_context(emulator(word)(path)).options()
        toml = '[house]\nname = "Bench"\n\n'
        house = stack.enter_context(House(toml + "".join(stanza(word, one) for word, one in made.items())))
        names = {word: f"{word}_lamp" for word in made}
        listener = stack.enter_context(house.temporary_house.listen(*names.values()))
        listener.wait_for(
            lambda listener: all(listener.has_state(name, confirmed=True) for name in names.values())
        )
        for _ in range(amount.rounds):
            times: dict[str, list[float]] = {word: [] for word in names}
            for index in range(2 * amount.switchings):
                for word, name in names.items():
                    times[word].append(1000 * switch(house, listener, name, on=index % 2 == 0))
            memory = memory_use({word: listener.heartbeats[name].pid for word, name in names.items()})
            for word, name in names.items():
                back = statistics.median(1000 * start(listener, name) for _ in range(amount.kills))
                sheet.add(TITLE, word, ON, percentile(times[word], 0.5), "ms")
                sheet.add(TITLE, word, BACK, back, "ms")
                sheet.add(TITLE, word, "PSS", memory[word] / 1e6, "MB")
    sheet.note(f"A round is {2 * amount.switchings} switchings and {amount.kills} kills of each.")
