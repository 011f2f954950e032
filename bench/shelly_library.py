"""Compares the library aioshelly with the shelly driver (wsproto and the documented digest), side by side.

usage: python -m bench.shelly_library [--number 10] [--switchings 100]

aioshelly and this project are installed into a temporary environment. Three sorts of processes start in
turns: one with the imports of every device, one with our driver, and one with aioshelly. The latter two
each hold a connection to the tests' emulator and have read its switch. Memory is the proportional set
size, with this many processes of the same sort running. A switching lasts from the request to the answer
that confirms it. Our driver then also reads the switch, as it always does.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.emulators.shelly import ShellyPlug

PROJECT = Path(__file__).parent.parent
BASE = "a device's own imports"
COMMON = """
import asyncio, sys, time, zmq, msgspec.json
def report(seconds):
    print(*seconds, flush=True)
address, switchings = sys.argv[1], int(sys.argv[2])
"""
SORTS = {
    BASE: "report([])\nsys.stdin.read()\n",
    "our driver": """
import select
from daemons.drivers.shelly import Shelly
from daemons.drivers.shelly_rpc.options import Options
from daemons.kinds import Setting
driver = Shelly("bench", Options(address=address))
driver.open((), 0.0)
def until(on):
    while True:
        reading = driver.read(0.0)
        if reading.reachable and reading.on is on:
            return
        select.select([driver.socket], [], [])
until(False)
report([])
sys.stdin.readline()
took = []
for index in range(switchings):
    began, on = time.perf_counter(), index % 2 == 0
    driver.set(Setting(on=on), None, 0.0)
    until(on)
    took.append(time.perf_counter() - began)
report(took)
sys.stdin.read()
""",
    "aioshelly": """
import aiohttp
from aioshelly.common import ConnectionOptions
from aioshelly.rpc_device import RpcDevice, WsServer
async def main():
    host, _, port = address.partition(":")
    async with aiohttp.ClientSession() as session:
        options = ConnectionOptions(host, port=int(port))
        device = await RpcDevice.create(session, WsServer(), options)
        await device.initialize()
        assert device.status["switch:0"]["output"] is False
        report([])
        await asyncio.to_thread(sys.stdin.readline)
        took = []
        for index in range(switchings):
            began = time.perf_counter()
            await device.call_rpc("Switch.Set", {"id": 0, "on": index % 2 == 0})
            took.append(time.perf_counter() - began)
        report(took)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
""",
}


def packages(pip: list[str], *wanted: str) -> set[str]:
    """Return the packages that pip would install into an empty environment for these."""
    command = [*pip, "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-", *wanted]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return {item["metadata"]["name"].lower() for item in json.loads(done.stdout)["install"]}


def start(python: str, sort: str, address: str, switchings: int) -> tuple["subprocess.Popen[str]", float]:
    """Start a process; return it, and the seconds until it was ready."""
    began = time.perf_counter()
    command = [python, "-P", "-c", COMMON + SORTS[sort], address, str(switchings)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    if process.stdout is None or process.stdout.readline() != "\n":
        raise SystemExit(f"{sort} did not become ready")
    return process, time.perf_counter() - began


def switch(process: "subprocess.Popen[str]") -> float:
    """Request the switchings of one process; return the median seconds."""
    if not process.stdin or not process.stdout:
        return 0.0
    process.stdin.write("\n")
    process.stdin.flush()
    return statistics.median(map(float, process.stdout.readline().split()))


def memory_mb(alive: list["subprocess.Popen[str]"]) -> list[float]:
    """Return the proportional set size of each process in MB."""
    return [size / 1e6 for size in memory_use({str(one.pid): one.pid for one in alive}).values()]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=10, help="how many processes of each sort run at once")
    parser.add_argument("--switchings", type=int, default=100)
    arguments = parser.parse_args()
    alive: dict[str, list[subprocess.Popen[str]]] = {sort: [] for sort in SORTS}
    took: dict[str, list[float]] = {sort: [] for sort in SORTS}
    with tempfile.TemporaryDirectory() as folder, ShellyPlug(Path(folder)) as plug:
        python = f"{folder}/venv/bin/python"
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        numbers = {"our driver": packages(pip, "wsproto"), "aioshelly": packages(pip, "aioshelly")}
        subprocess.run([*pip, "install", "--quiet", "aioshelly", str(PROJECT)], check=True)
        address = plug.options()["address"]
        for sort in SORTS:  # once for the .pyc files
            process, _ = start(python, sort, address, 0)
            process.kill()
            process.wait()
        try:
            for _ in range(arguments.number):
                for sort, found in alive.items():
                    process, seconds = start(python, sort, address, arguments.switchings)
                    found.append(process)
                    took[sort].append(seconds)
            memory = {sort: statistics.median(memory_mb(found)) for sort, found in alive.items()}
            switched = {sort: switch(alive[sort][0]) for sort in SORTS if sort != BASE}
        finally:
            for process in (one for found in alive.values() for one in found):
                process.kill()
                process.wait()
    print(f"CPython {sys.version.split()[0]}, {arguments.number} running of each, medians")
    print(
        f"{'process':<24}{'packages':>9}{'PSS MB':>8}{'adds':>6}{'start ms':>10}{'adds':>6}{'switch ms':>11}"
    )
    base, began = memory[BASE], statistics.median(took[BASE])
    for sort in SORTS:
        count = len(numbers[sort]) if sort in numbers else ""
        more = (statistics.median(took[sort]) - began) * 1000
        done = f"{switched[sort] * 1000:11.2f}" if sort in switched else ""
        print(
            f"{sort:<24}{count:>9}{memory[sort]:8.1f}{memory[sort] - base:6.1f}"
            f"{began * 1000 + more:10.0f}{more:6.0f}{done}"
        )


if __name__ == "__main__":
    main()
