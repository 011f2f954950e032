"""The page at rest: what a browser costs that shows one view of a house in which nothing happens.

The figures are the processor time of all processes of one Chromium, in percent of one core. Its window has
1920 x 1080 pixels, and it draws without a GPU. The clock's seconds move, the values of sensors come in, and
the mirror sends its beat once a second. *An empty page* is the same browser with `about:blank`, right
before the views of the same house: what it costs is not due to the page. Each view is open for 40 seconds
before it is measured: for half a minute after it has opened any page, also an empty one, Chromium works on
what it has loaded. Most of the rest are the clock's digits, since each change is drawn by the processor.
"""

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench.house import House
from bench.measurements.page import CHROMIUM, CHROMIUM_OPTIONS
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table
from tests.support.big_house import big_house

TITLE = "A browser before one view"
EMPTY = "an empty page"
VIEWS = {"mirror": "mirror", "system": "system", "history": "history", "device": "device/toaster"}
SECTION = Section(
    15,
    "The page at rest",
    (Table(TITLE, reference_row=EMPTY),),
    tuple(
        Aim(f"The view {view} of 42 devices under 2 % of a core", TITLE, view, "42 devices", 2, beside=EMPTY)
        for view in VIEWS
    ),
    is_long=True,
)


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    devices: tuple[int, ...]
    settle_seconds: float
    """How long a view is open before: for half a minute after it has opened any page, also an empty one,
    Chromium works on what it has loaded."""
    seconds: float


AMOUNTS: dict[Scale, Amount] = {
    "tiny": Amount(1, (5,), 0.5, 1),
    "small": Amount(1, (5, 42), 40, 20),
    "full": Amount(3, (5, 42, 200), 40, 20),
}


def processor_percent(group: int, seconds: float) -> float:
    """Return the processor time of a group of processes over some seconds, in percent of one core."""
    began, before = time.monotonic(), processor_seconds(group)
    time.sleep(seconds)
    return 100 * (processor_seconds(group) - before) / (time.monotonic() - began)


def processor_seconds(group: int) -> float:
    """Return the processor time of a group of processes: a browser is one (proc(5), /proc/PID/stat)."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if int(fields[2]) == group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def group_of(flag: str) -> int:
    """Return the process group of the browser that was started with a flag."""
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if flag.encode() in cmdline.read_bytes().split(b"\0"):
                return os.getpgid(int(cmdline.parent.name))
    raise ProcessLookupError(f"no process has the flag {flag}")


def measure(scale: Scale, sheet: Sheet) -> None:
    """Open an empty page and each view in turn, in front of houses of several sizes."""
    amount = AMOUNTS[scale]
    if not Path(CHROMIUM).exists():
        sheet.note(f"Nothing was measured: there is no {CHROMIUM}; on Debian: apt install chromium.")
        return
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  needed for a browser only

    for devices in amount.devices:
        with House(big_house(devices)) as house, ExitStack() as stack:
            chromium = stack.enter_context(sync_playwright()).chromium
            flag = f"--measured-by={os.getpid()}"
            browser = chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_OPTIONS, flag])
            stack.callback(browser.close)
            tab = browser.new_page(viewport={"width": 1920, "height": 1080})
            for _ in range(amount.rounds):
                measure_round(tab, group_of(flag), house.page(), f"{devices} devices", amount, sheet)
    sheet.note(f"{amount.seconds:g} s a view and round, {amount.settle_seconds:g} s after it was opened.")


def measure_round(tab: Any, group: int, url: str, column: str, amount: Amount, sheet: Sheet) -> None:
    """Measure an empty page and each view once.

    `tab` is a page of playwright, `group` the process group of its browser.
    """
    for row, view in {EMPTY: None, **VIEWS}.items():
        tab.goto("about:blank")
        if view:
            tab.goto(f"{url}#{view}")
        time.sleep(amount.settle_seconds)
        sheet.add(TITLE, row, column, processor_percent(group, amount.seconds), "%")
