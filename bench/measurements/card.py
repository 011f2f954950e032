"""What a house writes to its disk, as the wear of an SD card.

Twenty thermometers report a new value each second, or the same value all the time. In another house, one
thermometer reports a new value each second. The simulated hardware is in memory, so only the house itself
writes. The columns compare `sync = "0s"` with the default `sync = "10s"` of `[recorder]`.

*Written* are the bytes that reach the disk, not the bytes that are kept. The kernel counts the sectors that
the block device of the temporary folder writes, and sync(2) runs before and after. Other programs that
write to that device count too. To measure a disk of its own, mount one and set `TMPDIR` to it. *Flushes* are
the calls of fsync and fdatasync by all processes of the house. They are counted by strace in a time of
their own, because strace slows the processes. *Device flushes* are counted by the kernel: they include those
of the filesystem's own journal.

All figures are for one hour, computed from a shorter time.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import system_calls
from bench.house import House
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table

TITLE = "Written in an hour"
NOISY, QUIET, ONE = "twenty noisy thermometers", "twenty thermometers at rest", "one noisy thermometer"
SYNCS = ("0s", "10s")
SECTION = Section(
    14,
    "The SD card",
    (Table(TITLE),),
    (
        Aim("Twenty noisy thermometers write less than 1 GB a day", TITLE, NOISY, "written, 10s", 1000 / 24),
        Aim("They flush at most 400 times an hour", TITLE, NOISY, "flushes, 10s", 400),
    ),
    is_long=True,
)
MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory
SECTOR_BYTES = 512
HOUR_SECONDS = 3600
CALLS = ("fsync", "fdatasync")


class Amount(NamedTuple):
    """How long is measured."""

    settle_seconds: float
    """How long a house runs before: its start writes too."""
    seconds: float
    traced_seconds: float


AMOUNTS: dict[Scale, Amount] = {
    "tiny": Amount(0, 2, 2),
    "small": Amount(15, 60, 60),
    "full": Amount(30, 1800, 600),
}


class Counters(NamedTuple):
    """What a block device has done since the start of the machine."""

    written_bytes: int
    flushes: int


def measure(scale: Scale, sheet: Sheet) -> None:
    """Measure each house with each `sync`."""
    device = block_device(Path(tempfile.gettempdir()))
    if device is None:
        sheet.note("It was not measured: the temporary folder has no block device.")
        return
    if not system_calls.is_possible():
        sheet.note("The flushes were not counted: there is no strace.")
    amount = AMOUNTS[scale]
    for sync in SYNCS:
        for row, number in ((NOISY, 20), (ONE, 1)):
            names = [f"room_{index}" for index in range(number)]
            with sensor_house(names, sync) as (house, hardware):
                time.sleep(amount.settle_seconds)
                report = partial(set_values, hardware, names)
                if row == NOISY:
                    add_figures(sheet, QUIET, sync, house, device, amount, lambda: None)
                repeat(amount.settle_seconds, report)
                add_figures(sheet, row, sync, house, device, amount, report)


def add_figures(
    sheet: Sheet, row: str, sync: str, house: House, device: Path, amount: Amount, report: Callable[[], None]
) -> None:
    """Add what one house writes while `report` is called each second."""
    os.sync()
    before, began = counters(device), time.monotonic()
    repeat(amount.seconds, report)
    os.sync()
    after, hours = counters(device), (time.monotonic() - began) / HOUR_SECONDS
    megabytes = (after.written_bytes - before.written_bytes) / 1e6
    sheet.add(TITLE, row, f"written, {sync}", megabytes / hours, "MB")
    if system_calls.is_possible():
        with (
            tempfile.TemporaryDirectory(dir=MEMORY) as folder,
            system_calls.counted(house.pids(), Path(folder)) as found,
        ):
            began = time.monotonic()
            repeat(amount.traced_seconds, report)
            traced_hours = (time.monotonic() - began) / HOUR_SECONDS
        calls = sum(counts.get(call, 0) for counts in found.values() for call in CALLS)
        sheet.add(TITLE, row, f"flushes, {sync}", calls / traced_hours, "")
    sheet.add(TITLE, row, f"device flushes, {sync}", (after.flushes - before.flushes) / hours, "")


def block_device(folder: Path) -> Path | None:
    """Return the folder with the kernel's figures of the disk of a folder; None if it has no block device."""
    number = folder.stat().st_dev
    found = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    return found if (found / "stat").exists() else None


def counters(device: Path) -> Counters:
    """Return the counters of a block device; before Linux 5.5, flushes are not counted."""
    fields = [int(field) for field in (device / "stat").read_text().split()]
    return Counters(fields[6] * SECTOR_BYTES, fields[15] if len(fields) > 15 else 0)


@contextmanager
def sensor_house(names: list[str], sync: str) -> Iterator[tuple[House, Path]]:
    """Yield a house of sensors, and the folder of their simulated hardware, which is in memory."""
    recorder = f"[recorder]\nsync = '{sync}'\n"
    devices = [f"[devices.{name}]\nkind = 'sensor'\ndriver = 'simulated'\n" for name in names]
    with tempfile.TemporaryDirectory(dir=MEMORY) as hardware:
        set_values(Path(hardware), names)
        house = House(recorder + "".join(devices))
        house.run.mkdir(mode=0o700, exist_ok=True)
        (house.run / "hardware").symlink_to(hardware)
        with house:
            yield house, Path(hardware)


def set_values(hardware: Path, names: list[str]) -> None:
    """Set what each thermometer measures: another value each second."""
    celsius = 15 + time.time() % 100 / 10
    for name in names:
        folder = hardware / name
        folder.mkdir(exist_ok=True)
        new = folder / "measured.new"
        new.write_text(f'{{"temperature_celsius": {celsius:.1f}}}')
        new.replace(folder / "measured.json")


def repeat(seconds: float, report: Callable[[], None]) -> None:
    """Call `report` once a second for so long."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        report()
        time.sleep(min(1.0, left))
