"""The mirror's page: from a press to the pixels of a browser, and to the slowest of many clients.

Each press is a command to the toaster, on the bus. The time ends at one of three points:

- at one WebSocket client, alone,
- at the slowest of many clients that are all connected to the same mirror,
- in Chromium, in the first frame in which the toaster's card has changed.

The clients are one more process on this machine, so their own work is part of the figures.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import NamedTuple

from bench.house import BREAKFAST, House
from bench.observers import all_live
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from daemons.processes.mirror.page.memory_use import memory_use

TITLE, WEIGHTS = "From a press to the viewer", "Memory and size"
ALONE, PIXELS = "one client", "pixels in Chromium"
SECTION = Section(7, "The page", (Table(TITLE, reference_row=ALONE), Table(WEIGHTS)))
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.1
"""The pause between presses, so that each finds the house at rest."""
WATCH = """() => {
  window.seen = [];
  const card = document.querySelector('house-card[data-device=toaster]');
  new MutationObserver(() => {
    const phase = card.dataset.phase;
    requestAnimationFrame(() => requestAnimationFrame(() =>
      window.seen.push([phase, (performance.timeOrigin + performance.now()) / 1000])));
  }).observe(card, {attributes: true, attributeFilter: ['data-phase']});
}"""


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    presses: int
    clients: int
    browser: bool


AMOUNTS = {
    "tiny": Amount(1, 1, 3, browser=False),
    "small": Amount(3, 10, 200, browser=True),
    "full": Amount(10, 20, 500, browser=True),
}


async def run_clients(url: str, number: int) -> None:
    """Run the clients; at the end of the standard input, print when the slowest received each cause."""
    import aiohttp  # noqa: PLC0415  needed in the clients' process only

    received: dict[str, list[float]] = {}
    ready = asyncio.Semaphore(0)

    async def one(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"{url}api/live", max_msg_size=0) as socket:
            async for frame in socket:
                at, text = time.time(), frame.data
                if text.startswith('{"type":"house"'):
                    ready.release()
                elif '"device":"toaster"' in text[:120] and '"phase":"toasting"' in text:
                    cause = text.partition('"cause":"')[2].partition('"')[0]
                    received.setdefault(cause, []).append(at)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(one(session)) for _ in range(number)]
        for _ in range(number):
            await ready.acquire()
        print("ready", flush=True)
        sent = (await asyncio.to_thread(sys.stdin.read)).split()
        end = time.monotonic() + PATIENCE_SECONDS
        # The last press may still be on its way to a client.
        while time.monotonic() < end and any(len(received.get(id_, ())) < number for id_ in sent):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
    # Each client receives many states of a working toaster: the first ones belong to the press.
    slowest = {cause: sorted(times)[:number][-1] for cause, times in received.items() if len(times) >= number}
    print(json.dumps(slowest), flush=True)


@contextmanager
def clients(url: str, number: int) -> Iterator[tuple[dict[str, float], list[str]]]:
    """Run this many clients; at the end they wait for all ids in the yielded list.

    Afterwards the dictionary contains, for each id, when the slowest client received it.
    """
    command = [sys.executable, "-m", "bench.measurements.page", url, str(number)]
    found: dict[str, float] = {}
    folder = Path(__file__).parent.parent.parent
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=folder) as process:
        try:
            if process.stdout is None or process.stdout.readline().strip() != "ready":
                raise ConnectionError(f"the page does not accept {number} clients")
            sent: list[str] = []
            yield found, sent
            found.update(json.loads(process.communicate("\n".join(sent))[0]))
        finally:
            process.kill()


def press(house: House) -> tuple[str, float]:
    """Start the toaster; return the id, and the time of the command."""
    return house.do("toaster", "start")


def stop_toaster(house: House) -> None:
    """Stop the toaster."""
    time.sleep(PAUSE_SECONDS)
    house.do("toaster", "stop")
    time.sleep(PAUSE_SECONDS)


def to_clients(house: House, url: str, number: int, presses: int) -> tuple[list[float], float]:
    """Press with many clients; return the milliseconds to the slowest, and the mirror's memory in MB."""
    sent = {}
    with clients(url, number) as (found, ids):
        for _ in range(presses):
            id_, sent[id_] = press(house)
            ids.append(id_)
            stop_toaster(house)
        memory = memory_use({"mirror": house.mirror_client().until(all_live)["mirror"]["pid"]})["mirror"]
    if missed := sent.keys() - found.keys():
        raise ConnectionError(f"a client missed {len(missed)} presses")
    return [1000 * (found[id_] - began) for id_, began in sent.items()], memory / 1e6


@contextmanager
def browser(house: House, url: str, sheet: Sheet) -> Iterator["Browser"]:
    """Run a browser with the page open."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  needed for a browser only

    weights: list[int] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
        page = chromium.new_page(viewport={"width": 1920, "height": 1080})
        page.on("requestfinished", lambda request: weights.append(request.sizes()["responseBodySize"]))
        page.goto(url)
        page.wait_for_selector("house-card[data-device=toaster][data-presence=live]")
        sheet.add(WEIGHTS, "first load", "size", sum(weights) / 1000, "kB")
        page.evaluate(WATCH)
        yield Browser(house, page)
        chromium.close()


class Browser:
    """A browser with the page open."""

    def __init__(self, house: House, page: "Page") -> None:  # type: ignore[name-defined]  # noqa: F821
        self._house = house
        self._page = page

    def press(self) -> float:
        """Press, and return the milliseconds until the change is visible."""
        self._page.evaluate("() => { window.seen = []; }")
        _, began = press(self._house)
        self._page.wait_for_function("() => window.seen.some(([phase]) => phase === 'toasting')")
        seen = next(at for phase, at in self._page.evaluate("() => window.seen") if phase == "toasting")
        stop_toaster(self._house)
        return 1000 * (float(seen) - began)


def measure(scale: Scale, sheet: Sheet) -> None:
    """Press with one client, with many, and with a browser, in turn."""
    amount = AMOUNTS[scale]
    slowest = f"the slowest of {amount.clients}"
    with House(BREAKFAST) as house:
        url = house.page()
        for _ in range(amount.rounds):
            for title, number in ((ALONE, 1), (slowest, amount.clients)):
                took, memory = to_clients(house, url, number, amount.presses)
                add(sheet, title, took)
                sheet.add(
                    WEIGHTS, "the mirror, with " + title.removeprefix("the slowest of "), "size", memory, "MB"
                )
        if amount.browser and not Path(CHROMIUM).exists():
            sheet.note(f"Pixels were not measured: there is no {CHROMIUM}; on Debian: apt install chromium.")
        elif amount.browser:
            with browser(house, url, sheet) as browsing:
                for _ in range(amount.rounds):
                    add(sheet, PIXELS, [browsing.press() for _ in range(amount.presses)])
    sheet.note(f"{amount.presses} presses a round; the browser's rounds follow the clients'.")


def add(sheet: Sheet, row: str, took: list[float]) -> None:
    """Add a round."""
    for column, share in (("p50", 0.5), ("p99", 0.99)):
        sheet.add(TITLE, row, column, percentile(took, share), "ms")


if __name__ == "__main__":
    asyncio.run(run_clients(sys.argv[1], int(sys.argv[2])))
