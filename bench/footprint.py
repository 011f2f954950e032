"""Memory and start-up of a device process, beside bare interpreters with the same libraries, in one run.

usage: python bench/footprint.py [--number 10]

Memory is the proportional set size (proc(5), smaps_rollup: Pss) of each process with that many
of its sort alive. Start-up is the time from the start of the process to what it is for: a line
on its standard output, or a device's first published state. Ratios are to the bare interpreter
with zmq and msgspec, so they can be compared between machines.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import zmq

from daemons import place
from daemons.config import load_house

IDLE = "print('ready', flush=True); import sys; sys.stdin.read()"
BARE = {"nothing": "", "zmq": "import zmq; ", "zmq, msgspec": "import zmq, msgspec.json; "}
DEVICE = '[devices.toaster_{}]\nkind = "toaster"\ndriver = "simulated"\n'
BASE = "zmq, msgspec"


def pss(pid: int) -> float:
    """Give a process's proportional set size in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"PID {pid} has no Pss")


def measure(
    number: int, start: Callable[[int], tuple[subprocess.Popen[bytes], float]]
) -> tuple[float, float]:
    """Start so many, one after the other; give the medians of their memory and their start-up."""
    processes, seconds = [], []
    try:
        for index in range(number):
            process, took = start(index)
            processes.append(process)
            seconds.append(took)
        return statistics.median(pss(process.pid) for process in processes), statistics.median(seconds)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def start_bare(imports: str) -> Callable[[int], tuple[subprocess.Popen[bytes], float]]:
    """Start an interpreter that imports something and waits."""

    def start(_: int) -> tuple[subprocess.Popen[bytes], float]:
        began = time.perf_counter()
        command = [sys.executable, "-P", "-c", imports + IDLE]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if process.stdout:
            process.stdout.readline()
        return process, time.perf_counter() - began

    return start


def start_device(
    context: "zmq.Context[zmq.Socket[bytes]]",
) -> Callable[[int], tuple[subprocess.Popen[bytes], float]]:
    """Start a simulated toaster, and hear its first state."""

    def start(index: int) -> tuple[subprocess.Popen[bytes], float]:
        name = f"toaster_{index}"
        with context.socket(zmq.SUB) as socket:
            socket.set(zmq.RECONNECT_IVL, 1)
            socket.subscribe(f"{name}/state")
            socket.connect(place.publish_endpoint(name))
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "daemons", name], stdout=subprocess.DEVNULL
            )
            socket.recv_multipart()
            return process, time.perf_counter() - began

    return start


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=10, help="how many are alive at once")
    number = parser.parse_args().number
    rows = {name: measure(number, start_bare(imports)) for name, imports in BARE.items()}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "house.toml"
        config.write_text("".join(DEVICE.format(index) for index in range(number)))
        slices = load_house(config).slices()
        run = Path(folder) / "run"
        place.enter(run)
        os.environ["HOUSE_RUN"] = str(run)
        for name, slice_ in slices.items():
            place.write(run / "devices" / f"{name}.json", slice_.encode())
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        rows["a simulated toaster"] = measure(number, start_device(context))
        context.destroy(linger=0)
        os.chdir("/")
    memory, start = rows[BASE]
    print(f"CPython {sys.version.split()[0]}, {number} alive of each, medians")
    print(f"{'process':<22}{'PSS MB':>8}{'ratio':>7}{'start ms':>10}{'ratio':>7}")
    for name, (mb, seconds) in rows.items():
        print(f"{name:<22}{mb:8.1f}{mb / memory:7.2f}{seconds * 1000:10.0f}{seconds / start:7.2f}")


if __name__ == "__main__":
    main()
