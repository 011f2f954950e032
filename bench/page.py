"""The mirror's page: from a press to the pixels of a browser, and to the last of many clients.

usage: python bench/page.py [--presses 50] [--clients 500] [--without-browser]

Each press is sent on the bus. What is measured ends

- at one WebSocket client, alone (the unit of the ratios),
- at the slowest of many clients, all connected to the same mirror,
- in Chromium, in the first frame in which the toaster's card is another one.

Memory is the proportional set size (proc(5), smaps_rollup: Pss). The clients are processes of
their own on this machine, and what reading costs them is in their figures.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import zmq

from daemons import bus
from daemons.bus import command
from daemons.page.memory_use import memory_use

HOUSE = [sys.executable, "-m", "daemons.cli"]
CONFIG = Path(__file__).parent.parent / "config" / "house.toml"
CHROMIUM = "/usr/bin/chromium"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip
CALM_SECONDS = 0.3
"""Between presses, so that each finds the house at rest."""
WATCH = """() => {
  window.seen = [];
  const card = document.querySelector('house-card[data-device=toaster]');
  new MutationObserver(() => {
    const phase = card.dataset.phase;
    requestAnimationFrame(() => requestAnimationFrame(() =>
      window.seen.push([phase, (performance.timeOrigin + performance.now()) / 1000])));
  }).observe(card, {attributes: true, attributeFilter: ['data-phase']});
}"""


@contextmanager
def house(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Have a house up; give the address of its page, and its status."""
    config = folder / "house.toml"
    config.write_text(CONFIG.read_text().replace('kind = "mirror"', 'kind = "mirror"\nport = 0'))
    os.environ.update(HOUSE_RUN=str(folder / "run"), HOUSE_CONFIG=str(config))
    subprocess.run([*HOUSE, "up"], check=True, stdout=subprocess.DEVNULL)
    try:
        done = subprocess.run([*HOUSE, "status", "--json"], check=True, capture_output=True)
        status = json.loads(done.stdout)
        yield status["mirror"]["url"], status
    finally:
        subprocess.run([*HOUSE, "down"], check=True, stdout=subprocess.DEVNULL)


def press(context: "zmq.Context[zmq.Socket[bytes]]") -> tuple[str, float]:
    """Start the toaster; give the id, and when it was sent."""
    wish = command("start", 5)
    began = time.time()
    bus.ask(context, "toaster", wish)
    return wish.id, began


def calm(context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    """Stop it again."""
    bus.ask(context, "toaster", command("stop", 5))
    time.sleep(CALM_SECONDS)


def clients(url: str, number: int, pipe: Connection) -> None:
    """Be so many clients; tell for each cause when the first and the last of them heard it toast."""
    asyncio.run(listen(url, number, pipe))


async def listen(url: str, number: int, pipe: Connection) -> None:
    """Connect, and listen until the pipe says that it is over."""
    import aiohttp  # noqa: PLC0415  the processes that only measure need none of it

    heard: dict[str, list[float]] = {}
    ready = asyncio.Semaphore(0)

    async def one(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"{url}api/live", max_msg_size=0) as socket:
            async for frame in socket:
                at = time.time()
                text = frame.data
                if text.startswith('{"type":"house"'):
                    ready.release()
                elif '"device":"toaster"' in text[:120] and '"phase":"toasting"' in text:
                    cause = text.partition('"cause":"')[2].partition('"')[0]
                    heard.setdefault(cause, []).append(at)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(one(session)) for _ in range(number)]
        for _ in range(number):
            await ready.acquire()
        pipe.send("ready")
        while not pipe.poll():  # noqa: ASYNC110  a pipe of multiprocessing sends no event
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
    # Each client hears a toaster at work many times over: the first one is that of the press.
    pipe.send({cause: (min(times), sorted(times)[:number][-1], len(times)) for cause, times in heard.items()})


def measure_clients(url: str, number: int, presses: int, mirror: int) -> dict[str, float]:
    """Press with so many clients connected; give the delay of the slowest, in milliseconds."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=clients, args=(url, number, there))
    process.start()
    here.recv()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sent = {}
    for _ in range(presses):
        id_, began = press(context)
        sent[id_] = began
        time.sleep(CALM_SECONDS)
        calm(context)
    memory = memory_use({"mirror": mirror})["mirror"]
    context.destroy()
    here.send("over")
    found = here.recv()
    process.join()
    slowest = [1000 * (found[id_][1] - began) for id_, began in sent.items()]
    if any(found[id_][2] < number for id_ in sent):
        sys.exit("a client has missed a press")
    return {**spread(slowest), "mirror_mb": memory / 1e6}


def measure_browser(url: str, presses: int) -> dict[str, float]:
    """Press with a browser that looks on; give the milliseconds to the pixels, and the page's weight."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    found, weights = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.on("requestfinished", lambda request: weights.append(request.sizes()["responseBodySize"]))
        page.goto(url)
        page.wait_for_selector("house-card[data-device=toaster][data-presence=live]")
        page.evaluate(WATCH)
        for _ in range(presses):
            page.evaluate("() => { window.seen = []; }")
            _, began = press(context)
            page.wait_for_function("() => window.seen.some(([phase]) => phase === 'toasting')")
            seen = next(at for phase, at in page.evaluate("() => window.seen") if phase == "toasting")
            found.append(1000 * (seen - began))
            calm(context)
        browser.close()
    context.destroy()
    return {**spread(found), "page_kb": sum(weights) / 1000}


def spread(found: list[float]) -> dict[str, float]:
    """Give the median, the 99th percentile and the worst."""
    found = sorted(found)
    return {"p50": statistics.median(found), "p99": found[int(len(found) * 0.99)], "max": found[-1]}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presses", type=int, default=50)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--without-browser", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as (url, status):
        os.chdir(Path(folder) / "run")
        pids = {
            name: found["process"]["pid"] for name, found in (status["devices"] | status["services"]).items()
        }
        idle = memory_use(pids)
        rows = {"one client": measure_clients(url, 1, args.presses, pids["mirror"])}
        rows[f"the slowest of {args.clients}"] = measure_clients(
            url, args.clients, args.presses, pids["mirror"]
        )
        if not args.without_browser:
            rows["pixels in Chromium"] = measure_browser(url, args.presses)
        os.chdir("/")
    unit, crowd = rows["one client"]["p50"], rows[f"the slowest of {args.clients}"]
    print("from a press to:          p50      p99      max   ratio of p50")
    for what, row in rows.items():
        times = "".join(f"{row[key]:6.1f} ms" for key in ("p50", "p99", "max"))
        print(f"{what:20} {times} {row['p50'] / unit:8.1f}")
    print(f"memory of the recorder: {idle['recorder'] / 1e6:.1f} MB, of the mirror: ", end="")
    print(f"{idle['mirror'] / 1e6:.1f} MB, with {args.clients} clients {crowd['mirror_mb']:.1f} MB")
    print(f"of all {len(idle)} processes of the house: {sum(idle.values()) / 1e6:.1f} MB, and supervisord")
    if "pixels in Chromium" in rows:
        print(f"first load of the page: {rows['pixels in Chromium']['page_kb']:.1f} kB")


if __name__ == "__main__":
    main()
