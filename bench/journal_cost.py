"""The cost of a save of the journal and of forcing it to the disk: files kept open beside files opened anew.

usage: python -m bench.journal_cost [SAVES] [--folder FOLDER]

Both do the same work in turn, in one process: a save of a toaster's memory, and after every 50th save a
force. *Warm* saves follow each other directly. Before each *cold* save, other memory is read until the
processor's caches hold nothing of the journal. Beside a *busy disk*, another process changes files and
forces them to the disk without a pause, so that the filesystem commits all the time.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from binascii import crc32
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.press_cost import CACHES_BYTES
from daemons.runtime.log import Log
from daemons.storage import paths
from daemons.storage.journal import Journal

FORCE_AFTER = 50
MOMENT = {"at": 1_700_000_000.123, "cause": "4f3a90c1d2", "state": {"phase": "toasting", "status": True}}
BUSY = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    with open("busy.new", "wb") as file:
        file.write(os.urandom(65536))
        file.flush()
        os.fsync(file.fileno())
    os.replace("busy.new", "busy")
"""


class Memory(msgspec.Struct):
    """About as much as a device remembers after some presses: 1.2 kB."""

    presses: int
    past: tuple[dict[str, Any], ...] = (MOMENT,) * 10


class OpenedAnew:
    """The journal before: two files that each save opens, writes, cuts and closes, and a renamed copy."""

    def __init__(self) -> None:
        self._number = 0
        self._page = b""

    def save(self, memory: Memory) -> None:
        """Write the memory."""
        self._number += 1
        raw = msgspec.json.encode(memory)
        self._page = msgspec.json.encode(
            {"version": 2, "memory": msgspec.Raw(raw), "number": self._number, "check": crc32(raw)}
        )
        paths.overwrite_file(Path("journal") / f"old.{self._number % 2}.json", self._page)

    def secure(self) -> None:
        """Write the copy, force it to the disk and rename it."""
        new = Path("journal/old.safe.new")
        with new.open("wb") as file:
            file.write(self._page)
            file.flush()
            os.fsync(file.fileno())
        new.replace("journal/old.safe.json")


@contextmanager
def busy_disk() -> Iterator[None]:
    """Keep the filesystem committing."""
    with subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) as process:
        try:
            yield
        finally:
            process.kill()


def measure(saves: int, *, is_cold: bool) -> dict[tuple[str, str], list[float]]:
    """Return the seconds of each step, by the step and the journal."""
    journals: dict[str, Any] = {
        "opened anew": OpenedAnew(),
        "kept open": Journal("new", Memory, Log(logging.getLogger("bench"))),
    }
    found = defaultdict(list)
    other = bytearray(CACHES_BYTES)

    def time_step(step: str, name: str, act: Callable[..., None], *arguments: Memory) -> None:
        if is_cold:
            other[::64] = other[::64]
        began = time.perf_counter()
        act(*arguments)
        found[step, name].append(time.perf_counter() - began)

    for number in range(saves):
        for name, journal in journals.items():
            time_step("save", name, journal.save, Memory(number))
        if number % FORCE_AFTER == 0:
            for name, journal in journals.items():
                time_step("force", name, journal.secure)
    journals["kept open"].close()
    return found


def show(how: str, found: dict[tuple[str, str], list[float]]) -> None:
    """Print a row for each step and journal, in microseconds."""
    for (step, name), seconds in sorted(found.items(), reverse=True):
        seconds.sort()
        points = (seconds[int(len(seconds) * share)] for share in (0.5, 0.99, 0.999))
        columns = " ".join(f"{point * 1e6:9.1f}" for point in (*points, seconds[-1]))
        print(f"{how:10} {step:6} {name:12} {columns}  ({len(seconds)})")


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("saves", nargs="?", type=int, default=5000)
    parser.add_argument("--folder", help="a folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", dir=options.folder) as folder:
        paths.enter(Path(folder))
        print(f"{'µs':30} {'p50':>9} {'p99':>9} {'p99.9':>9} {'longest':>9}")
        show("warm", measure(options.saves, is_cold=False))
        show("cold", measure(max(1, options.saves // 10), is_cold=True))
        with busy_disk():
            show("busy disk", measure(options.saves, is_cold=False))
        os.chdir("/")


if __name__ == "__main__":
    main()
