"""Checks how much is written to the disk of the house, and how worn the disk says that it is."""

import os
from pathlib import Path
from typing import NamedTuple

from daemons.cli.checks.disk import existing
from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.runtime.clock import uptime
from daemons.storage.history import PATH as HISTORY

CHECK = "wear"
BLOCKS = Path("/sys/dev/block")
SECTOR_BYTES = 512
"""The unit of /sys/block/NAME/stat, whatever the disk has."""
WRITTEN_FIELD = 6
DAY_SECONDS, LEAST_SECONDS = 86_400.0, 3600.0
"""A rate is judged only after an hour: the start of a machine writes much."""
MOST_CARD_BYTES = 20e9
"""What a card should take in a day at most."""
WORN_TENTH = 9
"""The value of life_time for 80 to 90 % of the lifetime (JEDEC eMMC 5.0, DEVICE_LIFE_TIME_EST)."""
LONGEST_TENTH = 11
RESERVES = {2: "80 % of its reserve blocks are used", 3: "90 % of its reserve blocks are used"}
"""The values of pre_eol_info that are no good ones (JEDEC eMMC 5.0, PRE_EOL_INFO)."""


class Block(NamedTuple):
    """What the kernel knows of a disk."""

    name: str
    """Its name, such as "mmcblk0"."""
    written_bytes: int
    """Since boot."""
    life_tenths: tuple[int, ...]
    """Used tenths of its lifetime, rounded up: a value for each type of memory. Empty if unknown."""
    pre_eol: int | None


def read_findings(run: Path) -> list[Finding]:
    """Return the findings about the disk of the run directory, and that of the history."""
    found: dict[str, list[Finding]] = {}
    for path in (run, run / HISTORY.parent):
        folder = existing(path)
        block = read_block(folder.stat().st_dev, BLOCKS)
        if block is None:
            text = f"{folder} is on no disk of this machine whose counters can be read"
            found.setdefault("", [unknown(CHECK, text)])
        else:
            found.setdefault(block.name, wear_findings(block, uptime()))
    return [one for findings in found.values() for one in findings]


def read_block(device: int, blocks: Path) -> Block | None:
    """Return the disk with the number `device` of one of its partitions; None if it has no counters."""
    folder = (blocks / f"{os.major(device)}:{os.minor(device)}").resolve()
    if (folder / "partition").exists():
        folder = folder.parent
    try:
        written = int((folder / "stat").read_text().split()[WRITTEN_FIELD]) * SECTOR_BYTES
    except (OSError, ValueError, IndexError):
        return None
    life = hexadecimals(folder / "device" / "life_time")
    pre_eol = hexadecimals(folder / "device" / "pre_eol_info")
    return Block(folder.name, written, tuple(filter(None, life)), pre_eol[0] if pre_eol else None)


def hexadecimals(path: Path) -> list[int]:
    """Return the numbers in a file such as life_time, which has `0x02 0x01`; empty if it cannot be read."""
    try:
        return [int(word, 16) for word in path.read_text().split()]
    except (OSError, ValueError):
        return []


def wear_findings(block: Block, up_seconds: float) -> list[Finding]:
    """Return the findings about a disk of a machine that has been up for so long."""
    replace = "make a backup now (`house backup`), and replace the disk soon: docs/running.md, Moving"
    found = [written_finding(block, up_seconds)]
    if block.life_tenths:
        used = max(block.life_tenths)
        text = f"{block.name} has used {10 * (used - 1)} to {10 * used} % of its lifetime"
        if used >= LONGEST_TENTH:
            text = f"{block.name} is beyond its lifetime"
        found.append(wrong(CHECK, text, replace) if used >= WORN_TENTH else well(CHECK, text))
    if reserve := RESERVES.get(block.pre_eol or 0):
        found.append(wrong(CHECK, f"{block.name} says that {reserve}", replace))
    if not block.life_tenths:
        found.append(unknown(CHECK, f"{block.name} does not say how worn it is"))
    return found


def written_finding(block: Block, up_seconds: float) -> Finding:
    """Return the finding about the bytes that were written, by all programs of the machine."""
    text = f"{block.written_bytes / 1e9:,.1f} GB were written to {block.name} since boot"
    if up_seconds < LEAST_SECONDS:
        return well(CHECK, f"{text}, {up_seconds / 60:.0f} minutes ago")
    a_day = block.written_bytes / up_seconds * DAY_SECONDS
    text += f" by all programs: {a_day / 1e9:,.1f} GB a day"
    if block.name.startswith("mmcblk") and a_day > MOST_CARD_BYTES:
        remedy = "find the program with `sudo iotop -ao`; docs/running.md, SD cards, has what House writes"
        return wrong(CHECK, f"{text}, which wears out a card", remedy)
    return well(CHECK, text)
