"""What every process costs: memory and processor time, at rest and at work, for houses of many sizes.

Memory is the proportional set size (proc(5), smaps_rollup: Pss), in MB of a million bytes: pages that
several processes share are counted once in all. Processor time is what the kernel has counted for a process
(proc(5), schedstat), as per cent of one core. At rest nobody touches the house. At work a switch is pressed
twice a second: in the breakfast house that makes and stops breakfast, in the others every lamp
follows. No page is open. Each round is a window of its own in the same house, of whole seconds: what a house
does at rest, it does once a second.

*A device* is the median of all lamps; beside them there are the switch, the mirror with its page, the
steward, the recorder and supervisord, each of them once. *Bare pyzmq that only beats* is the limit for
processes that are alive and nothing else: as many of them are forked from one that has imported zmq and
msgspec and then sleeps, each publishes a heartbeat once a second and hears that of the first, and three more
read all of them. A *bare interpreter* has imported the same and is not forked: what a process would cost
without the nursery.
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
from bench.pulse import Pulse
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table
from daemons.processes.mirror.page.memory_use import memory_use

BY_PROCESS, BY_SIZE, GROWTH = (
    "The breakfast house",
    "By the number of devices",
    "The whole house, all processes",
)
DEVICE, WHOLE, IDLE, BUSY, PULSE, ALIVE = (
    "a device",
    "the whole house",
    "the whole house at rest",
    "the whole house at work",
    "bare pyzmq that only beats",
    "as many that only beat, all processes",
)
SECTION = Section(
    5,
    "Cost",
    (Table(BY_PROCESS), Table(BY_SIZE), Table(GROWTH, plot="lines")),
    (
        Aim(
            "a simulated device at most 6 MB with ten alive",
            *(BY_SIZE, f"{DEVICE}, PSS", "10 devices", 6),
            beside=f"{PULSE}, PSS",
        ),
        Aim("and 4 MB with fifty", BY_SIZE, f"{DEVICE}, PSS", "50 devices", 4, beside=f"{PULSE}, PSS"),
        Aim("the whole breakfast house under 80 MB", BY_PROCESS, WHOLE, "PSS", 80),
        Aim(
            "200 devices at rest under 5 % of one core",
            *(BY_SIZE, f"{IDLE}, processor", "200 devices", 5),
            beside=f"{ALIVE}, processor",
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
    """How long a window at rest is."""
    work_seconds: float
    settle_seconds: float
    """How long what has just started is left alone."""
    most_bare: int = 50
    """More bare interpreters are not started: each takes a tenth of a second."""


AMOUNTS = {
    "tiny": Amount((2,), 1, 0.3, 0.3, 0.1),
    "small": Amount((10, 20, 50, 100, 200), 3, 2.0, 1.5, 3.0),
    "full": Amount((10, 20, 50, 100, 200), 10, 20.0, 10.0, 10.0, 200),
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
        rests = [window(pids, amount.rest_seconds) for _ in range(amount.rounds)]
        for idle in rests:
            busy = work(house, "bathroom_light", ("coffee_maker", "toaster"), pids, amount.work_seconds)
            memory = weigh(pids)
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
        rests = [window(pids, amount.rest_seconds) for _ in range(amount.rounds)]
        for idle in rests:
            busy = work(house, "switch", (), pids, amount.work_seconds)
            memory = weigh(pids)
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


def weigh(pids: dict[str, int]) -> dict[str, float]:
    """Give what each process holds, in MB."""
    return {name: size / 1e6 for name, size in memory_use(pids).items()}


def pulse(sheet: Sheet, devices: int, amount: Amount) -> None:
    """Weigh as many processes that are alive and nothing else."""
    with Pulse(devices) as alive:
        time.sleep(amount.settle_seconds)
        for _ in range(amount.rounds):
            found, memory = window(alive.pids, amount.rest_seconds), weigh(alive.pids)
            rows = (
                (f"{PULSE}, PSS", lit(memory), "MB"),
                (f"{PULSE}, processor", lit(found), "%"),
                (f"{ALIVE}, processor", sum(found.values()), "%"),
            )
            for row, value, unit in rows:
                sheet.add(BY_SIZE, row, f"{devices} devices", value, unit, is_control=True)


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
        return list(weigh({str(one.pid): one.pid for one in alive}).values())


def measure(scale: Scale, sheet: Sheet) -> None:
    """Weigh houses of all sizes, one after the other."""
    amount = AMOUNTS[scale]
    breakfast(sheet, amount)
    sizes, wholes = [], []
    for devices in amount.devices:
        memory = lamps(sheet, devices, amount)
        sizes.append(devices)
        wholes.append(sum(memory.values()))
        pulse(sheet, devices, amount)
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
    sheet.note(
        f"A window at rest is {amount.rest_seconds:g} s, one at work {amount.work_seconds:g} s; "
        f"there are {amount.rounds} of each."
    )
