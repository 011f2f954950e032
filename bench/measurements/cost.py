"""What every process costs: memory and processor time, at rest and at work, for houses of many sizes.

Memory is the proportional set size (proc(5), smaps_rollup: Pss), in MB of a million bytes: pages that
several processes share are counted once in all. Processor time is what the kernel has counted for a process
(proc(5), schedstat), as per cent of one core. At rest nobody touches the house. At work a switch is pressed
twice a second: in the breakfast house that makes and stops breakfast, in the others every lamp
follows. No page is open. Each round is a window of its own in the same house.

*A device* is the median of all lamps, *others* are the switch, the mirror with its page, the steward, the
recorder and supervisord, each of which there is once. Beside them stand as many bare interpreters that have
imported zmq and msgspec: what a device of its own process would cost at least without the nursery.
"""

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.house import BREAKFAST, House
from bench.measurements.fanout import lit_house
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table
from daemons.page.memory_use import memory_use

BY_PROCESS, BY_SIZE, GROWTH = (
    "The breakfast house",
    "By the number of devices",
    "The whole house, all processes",
)
DEVICE, WHOLE, IDLE, BUSY = (
    "a device",
    "the whole house",
    "the whole house at rest",
    "the whole house at work",
)
SECTION = Section(
    5,
    "Cost",
    (Table(BY_PROCESS), Table(BY_SIZE), Table(GROWTH, plot="lines")),
    (
        Aim("a simulated device at most 6 MB with ten alive", BY_SIZE, f"{DEVICE}, PSS", "10 devices", 6),
        Aim("and 4 MB with fifty", BY_SIZE, f"{DEVICE}, PSS", "50 devices", 4),
        Aim("the whole breakfast house under 80 MB", BY_PROCESS, WHOLE, "PSS", 80),
        Aim("200 devices at rest under 5 % of one core", BY_SIZE, f"{IDLE}, processor", "200 devices", 5),
    ),
)
BARE = "import zmq, msgspec.json; print('ready', flush=True); import sys; sys.stdin.read()"
SETTLE_SECONDS = 2.0
PRESS_SECONDS = 0.5


class Amount(NamedTuple):
    """How much is measured."""

    devices: tuple[int, ...]
    rounds: int
    seconds: float
    """How long one window is."""
    settle_seconds: float = SETTLE_SECONDS
    most_bare: int = 50
    """More bare interpreters are not started: each takes a tenth of a second."""


AMOUNTS = {
    "tiny": Amount((2,), 1, 0.3, 0.1),
    "small": Amount((10, 20, 50, 100, 200), 3, 1.5),
    "full": Amount((10, 20, 50, 100, 200), 10, 20.0, 10.0, 200),
}


def processor_seconds(pid: int) -> float:
    """Give the processor time that a process has had (proc(5), schedstat counts nanoseconds, by thread)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def window(pids: dict[str, int], seconds: float) -> dict[str, float]:
    """Let a while pass, and give what each process used of one core, in per cent."""
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    return {name: 100 * (processor_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def work(
    house: House, switch: str, cooks: tuple[str, ...], pids: dict[str, int], seconds: float
) -> dict[str, float]:
    """Press twice a second for a while, and give what each process used of one core, in per cent."""
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    for number in range(max(1, round(seconds / PRESS_SECONDS))):
        house.do(switch, "press")
        if number % 2:
            for cook in cooks:
                house.do(cook, "stop")
        time.sleep(max(0.0, began + (number + 1) * PRESS_SECONDS - time.perf_counter()))
    took = time.perf_counter() - began
    return {name: 100 * (processor_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def breakfast(sheet: Sheet, amount: Amount) -> None:
    """Weigh every process of the breakfast house."""
    with House(BREAKFAST) as house:
        house.page()
        time.sleep(amount.settle_seconds)
        pids = house.pids()
        for _ in range(amount.rounds):
            idle = window(pids, amount.seconds)
            busy = work(house, "bathroom_light", ("coffee_maker", "toaster"), pids, amount.seconds)
            memory = {name: size / 1e6 for name, size in memory_use(pids).items()}
            for name in [*pids, WHOLE]:
                for column, found, unit in (
                    ("PSS", memory, "MB"),
                    ("processor at rest", idle, "%"),
                    ("processor at work", busy, "%"),
                ):
                    value = sum(found.values()) if name == WHOLE else found[name]
                    sheet.add(BY_PROCESS, name, column, value, unit)


def lamps(sheet: Sheet, devices: int, amount: Amount) -> dict[str, float]:
    """Weigh a house of a mirror, a switch and lamps that follow it; give the memory of each process."""
    with House(lit_house(devices - 2)) as house:
        house.page()
        time.sleep(amount.settle_seconds)
        pids = house.pids()
        column = f"{devices} devices"
        for _ in range(amount.rounds):
            idle = window(pids, amount.seconds)
            busy = work(house, "switch", (), pids, amount.seconds)
            memory = {name: size / 1e6 for name, size in memory_use(pids).items()}
            rows = [(f"{DEVICE}, PSS", lit(memory), "MB")]
            rows += [(f"{name}, PSS", memory[name], "MB") for name in OTHERS if name in memory]
            rows += [
                (f"{DEVICE} at rest, processor", lit(idle), "%"),
                (f"{DEVICE} at work, processor", lit(busy), "%"),
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


def lit(found: dict[str, float]) -> float:
    """Give the middle of all lamps, or of all there are."""
    return statistics.median(
        [value for name, value in found.items() if name.startswith("lamp_")] or found.values()
    )


def bare(number: int) -> list[float]:
    """Weigh so many bare interpreters."""
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
            assert process.stdout is not None  # noqa: S101  it was made with one
            process.stdout.readline()
        return [size / 1e6 for size in memory_use({str(one.pid): one.pid for one in alive}).values()]


def measure(scale: Scale, sheet: Sheet) -> None:
    """Weigh houses of all sizes, one after the other."""
    amount = AMOUNTS[scale]
    breakfast(sheet, amount)
    sizes, wholes = [], []
    for devices in amount.devices:
        memory = lamps(sheet, devices, amount)
        sizes.append(devices)
        wholes.append(sum(memory.values()))
        if devices > amount.most_bare:
            continue
        weights = bare(devices)
        sheet.add(
            BY_SIZE,
            "a bare interpreter with zmq and msgspec, PSS",
            f"{devices} devices",
            statistics.median(weights),
            "MB",
            is_control=True,
        )
        sheet.add(
            GROWTH,
            "as many bare interpreters with zmq and msgspec",
            f"{devices} devices",
            sum(weights),
            "MB",
            is_control=True,
        )
    if len(sizes) > 1:
        slope, rest = statistics.linear_regression(sizes, wholes)
        sheet.note(
            f"The whole house grows by {slope:.2f} MB with each device, beside {rest:.0f} MB for the rest."
        )
    sheet.note(f"A window is {amount.seconds:g} s, and there are {amount.rounds} of each.")
