"""Make the README's pictures, from a real page in front of real houses of its own.

usage: python -m docs.pictures

It takes the wall while breakfast is made, a phone, the page of a device, the house's drawing, an hour of
history, and what it looks like when something is broken; and a home of 42 devices: on the wall, on a phone,
and while there is an alarm.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from daemons.runtime.clock import uptime
from tests.support.big_house import SEND, big_house

HERE = Path(__file__).parent
HOUSE = [sys.executable, "-m", "daemons.cli.main"]
FOLDER = HERE / "pictures"
CHROMIUM = "/usr/bin/chromium"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip
WALL, PHONE = (1920, 1080), (390, 844)


def house(*words: str) -> str:
    """Run a verb."""
    return subprocess.run([*HOUSE, *words], check=True, capture_output=True, text=True).stdout


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    while not holds():
        time.sleep(0.05)


def state(name: str) -> dict[str, Any]:
    """Return the state of a device."""
    found: dict[str, Any] = json.loads(house("status", "--json"))["devices"][name]["state"]
    return found


def take(
    browser: Browser, url: str, name: str, size: tuple[int, int], scale: float = 1.0, loaded: str = "body"
) -> Page:
    """Open the page and take a picture of it, once it is live and its fonts and lines have settled.

    What is loaded later is waited for by a selector, `loaded`.
    """
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark", device_scale_factor=scale
    )
    page.goto(url)
    page.wait_for_selector("html[data-link=live]")
    page.wait_for_selector(loaded)
    page.wait_for_timeout(1500)
    page.screenshot(path=FOLDER / f"{name}.png")
    return page


@contextmanager
def running_house(text: str) -> Iterator[tuple[Path, str]]:
    """Run a house in a temporary folder; yield its folder, and the address of its page."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "house.toml"
        config.write_text(text)
        os.environ.update(HOUSE_RUN=str(Path(folder) / "run"), HOUSE_CONFIG=str(config))
        try:
            house("up", "--timeout", "60")
            yield Path(folder), json.loads(house("status", "--json"))["mirror"]["url"]
        finally:
            house("down")


def main() -> None:
    """Save every picture."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        take_breakfast(browser)
        take_home(browser)
        browser.close()


def take_home(browser: Browser) -> None:
    """Photograph a home of 42 devices: on the wall, on a phone, and with an alarm."""
    with running_house(big_house(42)) as (folder, url):
        for name, *command in SEND:
            house("send", name, *command)
        take(browser, url, "home", WALL)
        take(browser, url, "home-phone", PHONE, 2.0)
        line = {"at": uptime(), "what": "on", "on": True}
        (folder / "run" / "hardware" / "kitchen_smoke" / "switchings.jsonl").write_text(
            f"{json.dumps(line)}\n"
        )
        until(lambda: state("kitchen_smoke")["phase"] == "smoke")
        take(browser, url, "alarm", WALL)


def take_breakfast(browser: Browser) -> None:
    """Photograph the shipped house."""
    text = (HERE.parent / "config" / "house.toml").read_text()
    with running_house(text.replace('kind = "mirror"', 'kind = "mirror"\nport = 0')) as (folder, url):
        house("send", "bathroom_light", "press")
        until(lambda: (state("toaster")["progress_percent"] or 0) > 20)
        take(browser, url, "wall", WALL)
        take(browser, url, "phone", PHONE, 2.0)
        until(lambda: state("coffee_maker")["phase"] == "ready")
        take(browser, f"{url}#device/coffee_maker", "device", WALL, loaded=".bars button")
        for _ in range(2):
            house("send", "toaster", "start")
            until(lambda: state("toaster")["phase"] == "ready")
        house("send", "coffee_maker", "start")
        take(browser, f"{url}#system", "house", WALL)
        page = take(browser, f"{url}#history", "history", WALL)
        for _ in range(10):
            page.get_by_role("button", name="Zoom in", exact=True).click()
        page.wait_for_timeout(1500)
        page.locator(".row", has_text="Toaster").locator(".bars button", has_text="toasting").nth(1).hover()
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "history.png")
        page.close()
        pid = json.loads(house("status", "--json"))["devices"]["toaster"]["process"]["pid"]
        hardware = folder / "run" / "hardware" / "toaster"
        hardware.rename(hardware.with_name("kept"))
        hardware.write_text("no folder")
        os.kill(pid, signal.SIGKILL)
        house("stop", "kitchen_lamp")
        take(browser, url, "broken", WALL)


if __name__ == "__main__":
    main()
