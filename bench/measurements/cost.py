"""Memory and processor time of every process, at rest and at work, for houses of many sizes.

Memory is the proportional set size (proc(5), smaps_rollup: Pss), in MB of a million bytes. Pages that
several processes share are counted once in total. With CPython 3.12 and 3.13, processes share their objects
too (docs/supervision.md); with others they take 2 to 3 MB more each. Processor time is the kernel's count
for a process (proc(5), schedstat), as per cent of one core.

*At rest*, there is no command. *At work*, a switch is pressed twice a second. In the breakfast house this
starts and stops breakfast. In the other houses every lamp follows. No page is open. Each round is a new
window in the same house. A window lasts whole seconds, because a house at rest works once a second.

*A device* is the median of all lamps. The switch, the mirror with its page, the steward, the recorder and
supervisord are there once each. *Bare pyzmq, heartbeats only* is the lower limit for this number of
processes. They are forked from one process that has imported zmq and msgspec and then sleeps. Each
publishes one heartbeat a second and receives that of the first. Three more processes receive all of them.
A *bare interpreter* has the same imports and is not forked. It shows the cost of a process without the
prefork plugin.
"""

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.heartbeat_processes import HeartbeatProcesses
from bench.house import BREAKFAST, House
from bench.measurements.fanout import lamp_house
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table
from daemons.processes.mirror.page.memory_use import memory_use

BY_PROCESS, BY_SIZE, GROWTH = (
    "The breakfast house",
    "By the number of devices",
    "The whole house, all processes",
)
DEVICE, WHOLE, IDLE, BUSY, HEARTBEATS, ALL_HEARTBEATS = (
    "a device",
    "the whole house",
    "the whole house at rest",
    "the whole house at work",
    "bare pyzmq, heartbeats only",
    "bare pyzmq, heartbeats only, all processes",
)
SECTION = Section(
    5,
    "Cost",
    (Table(BY_PROCESS), Table(BY_SIZE), Table(GROWTH, plot="lines")),
    (
        Aim(
            "a simulated device at most 6 MB, with ten running",
            *(BY_SIZE, f"{DEVICE}, PSS", "10 devices", 6),
            beside=f"{HEARTBEATS}, PSS",
        ),
        Aim(
            "a simulated device at most 4 MB, with fifty running",
            BY_SIZE,
            f"{DEVICE}, PSS",
            "50 devices",
            4,
            beside=f"{HEARTBEATS}, PSS",
        ),
        Aim("the whole breakfast house under 60 MB", BY_PROCESS, WHOLE, "PSS", 60),
        Aim("the whole house of 50 devices under 240 MB", GROWTH, WHOLE, "50 devices", 240),
        Aim(
            "200 devices at rest under 5 % of one core",
            *(BY_SIZE, f"{IDLE}, processor", "200 devices", 5),
            beside=f"{ALL_HEARTBEATS}, processor",
        ),
    ),
)
BARE = "import zmq, msgspec.json; print('ready', flush=True); import sys; sys.stdin.read()"
PRESS_SECONDS = 0.5


class Amount(NamedTuple):
    """How much is measured."""

    devices: tuple[int, ...]
    rounds: int
    rest_seconds: float
    """The length of a window at rest."""
    work_seconds: float
    settle_seconds: float
    """The pause after a start."""
    max_bare: int = 50
    """The largest number of bare interpreters: each takes a tenth of a second to start."""


AMOUNTS = {
    "tiny": Amount((2,), 1, 0.3, 0.3, 0.1),
    "small": Amount((10, 20, 50, 100, 200), 3, 2.0, 1.5, 3.0),
    "full": Amount((10, 20, 50, 100, 200), 10, 20.0, 10.0, 10.0, 200),
}


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process (proc(5), schedstat: nanoseconds for each thread)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def window(pids: dict[str, int], seconds: float) -> dict[str, float]:
    """Wait, and return the share of one core that each process used, in per cent."""
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    return {name: 100 * (processor_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def work(
    house: House, switch: str, appliances: tuple[str, ...], pids: dict[str, int], seconds: float
) -> dict[str, float]:
    """Press twice a second for a while, and return each process's share of one core, in per cent."""
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    for number in range(max(1, round(seconds / PRESS_SECONDS))):
        house.do(switch, "press")
        if number % 2:
            for appliance in appliances:
                house.do(appliance, "stop")
        time.sleep(max(0.0, began + (number + 1) * PRESS_SECONDS - time.perf_counter()))
    took = time.perf_counter() - began
    return {name: 100 * (processor_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def breakfast(sheet: Sheet, amount: Amount) -> None:
    """Measure every process of the breakfast house."""
    with House(BREAKFAST) as house:
        house.page()
        time.sleep(amount.settle_seconds)
        pids = house.pids()
        rests = [window(pids, amount.rest_seconds) for _ in range(amount.rounds)]
        for idle in rests:
            busy = work(house, "bathroom_light", ("coffee_maker", "toaster"), pids, amount.work_seconds)
            memory = memory_mb(pids)
            for name in [*pids, WHOLE]:
                for column, found, unit in (
                    ("PSS", memory, "MB"),
                    ("processor at rest", idle, "%"),
                    ("processor at work", busy, "%"),
                ):
                    value = sum(found.values()) if name == WHOLE else found[name]
                    sheet.add(BY_PROCESS, name, column, value, unit)


def lamps(sheet: Sheet, devices: int, amount: Amount) -> dict[str, float]:
    """Measure a house of a mirror, a switch and lamps that follow it; return each process's memory."""
    with House(lamp_house(devices - 2)) as house:
        house.page()
        time.sleep(amount.settle_seconds)
        pids = house.pids()
        column = f"{devices} devices"
        rests = [window(pids, amount.rest_seconds) for _ in range(amount.rounds)]
        for idle in rests:
            busy = work(house, "switch", (), pids, amount.work_seconds)
            memory = memory_mb(pids)
            rows = [(f"{DEVICE}, PSS", lamp_median(memory), "MB")]
            rows += [(f"{name}, PSS", memory[name], "MB") for name in OTHERS if name in memory]
            rows += [
                (f"{DEVICE} at rest, processor", lamp_median(idle), "%"),
                (f"{DEVICE} at work, processor", lamp_median(busy), "%"),
            ]
            rows += [
                (f"{IDLE}, processor", sum(idle.values()), "%"),
                (f"{BUSY}, processor", sum(busy.values()), "%"),
            ]
            rows += [(f"{name} at rest, processor", idle[name], "%") for name in OTHERS if name in idle]
            for row, value, unit in rows:
                sheet.add(BY_SIZE, row, column, value, unit)
            sheet.add(GROWTH, WHOLE, column, sum(memory.values()), "MB")
        return memory


OTHERS = ("mirror", "steward", "recorder", "supervisord")


def lamp_median(found: dict[str, float]) -> float:
    """Return the median of all lamps, or of all values if there is no lamp."""
    return statistics.median(
        [value for name, value in found.items() if name.startswith("lamp_")] or found.values()
    )


def memory_mb(pids: dict[str, int]) -> dict[str, float]:
    """Return the memory of each process, in MB."""
    return {name: size / 1e6 for name, size in memory_use(pids).items()}


def heartbeats(sheet: Sheet, devices: int, amount: Amount) -> None:
    """Measure as many processes that only publish heartbeats."""
    with HeartbeatProcesses(devices) as alive:
        time.sleep(amount.settle_seconds)
        for _ in range(amount.rounds):
            found, memory = window(alive.pids, amount.rest_seconds), memory_mb(alive.pids)
            rows = (
                (f"{HEARTBEATS}, PSS", lamp_median(memory), "MB"),
                (f"{HEARTBEATS}, processor", lamp_median(found), "%"),
                (f"{ALL_HEARTBEATS}, processor", sum(found.values()), "%"),
            )
            for row, value, unit in rows:
                sheet.add(BY_SIZE, row, f"{devices} devices", value, unit, is_control=True)


def bare(number: int) -> list[float]:
    """Return the memory of each of this many bare interpreters."""
    with ExitStack() as stack:
        alive = []
        for _ in range(number):
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            alive.append(process)
        for process in alive:
            assert process.stdout is not None  # noqa: S101  Popen opened it
            process.stdout.readline()
        return list(memory_mb({str(one.pid): one.pid for one in alive}).values())


def measure(scale: Scale, sheet: Sheet) -> None:
    """Measure houses of all sizes, one after the other."""
    amount = AMOUNTS[scale]
    breakfast(sheet, amount)
    sizes, wholes = [], []
    for devices in amount.devices:
        memory = lamps(sheet, devices, amount)
        sizes.append(devices)
        wholes.append(sum(memory.values()))
        heartbeats(sheet, devices, amount)
        if devices > amount.max_bare:
            continue
        sizes_mb = bare(devices)
        sheet.add(
            BY_SIZE,
            "a bare interpreter with zmq and msgspec, PSS",
            f"{devices} devices",
            statistics.median(sizes_mb),
            "MB",
            is_control=True,
        )
        sheet.add(
            GROWTH,
            "as many bare interpreters with zmq and msgspec",
            f"{devices} devices",
            sum(sizes_mb),
            "MB",
            is_control=True,
        )
    if len(sizes) > 1:
        slope, rest = statistics.linear_regression(sizes, wholes)
        sheet.note(f"The whole house takes {rest:.0f} MB, and {slope:.2f} MB more for each device.")
    sheet.note(
        f"A window at rest lasts {amount.rest_seconds:g} s, one at work {amount.work_seconds:g} s; "
        f"there are {amount.rounds} of each."
    )
