"""Make the README's pictures, from a real page in front of a real house of its own.

usage: python docs/pictures.py

It takes the wall while breakfast is made, a phone, the page of a device, the house's drawing, an hour of
history, and what it looks like when something is broken.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

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


def take(browser: Browser, url: str, name: str, size: tuple[int, int], scale: float = 1.0) -> Page:
    """Open the page and take a picture of it, once it is live and its fonts and lines have settled."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark", device_scale_factor=scale
    )
    page.goto(url)
    page.wait_for_selector("html[data-link=live]")
    page.wait_for_timeout(1500)
    page.screenshot(path=FOLDER / f"{name}.png")
    return page


def main() -> None:
    """Save every picture."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        config = Path(folder) / "house.toml"
        text = (HERE.parent / "config" / "house.toml").read_text()
        config.write_text(text.replace('kind = "mirror"', 'kind = "mirror"\nport = 0'))
        os.environ.update(HOUSE_RUN=str(Path(folder) / "run"), HOUSE_CONFIG=str(config))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        try:
            house("up")
            url = json.loads(house("status", "--json"))["mirror"]["url"]
            house("send", "bathroom_light", "press")
            until(lambda: (state("toaster")["progress_percent"] or 0) > 20)
            take(browser, url, "wall", WALL)
            take(browser, url, "phone", PHONE, 2.0)
            until(lambda: state("coffee_maker")["phase"] == "ready")
            take(browser, f"{url}#device/coffee_maker", "device", WALL)
            for _ in range(2):
                house("send", "toaster", "start")
                until(lambda: state("toaster")["phase"] == "ready")
            house("send", "coffee_maker", "start")
            take(browser, f"{url}#house", "house", WALL)
            page = take(browser, f"{url}#history", "history", WALL)
            for _ in range(10):
                page.get_by_role("button", name="Zoom in", exact=True).click()
            page.wait_for_timeout(1500)
            page.locator(".row", has_text="Toaster").locator(".bars button", has_text="toasting").nth(
                1
            ).hover()
            page.wait_for_timeout(500)
            page.screenshot(path=FOLDER / "history.png")
            page.close()
            pid = json.loads(house("status", "--json"))["devices"]["toaster"]["process"]["pid"]
            hardware = Path(folder) / "run" / "hardware" / "toaster"
            hardware.rename(hardware.with_name("kept"))
            hardware.write_text("no folder")
            os.kill(pid, signal.SIGKILL)
            house("stop", "kitchen_lamp")
            take(browser, url, "broken", WALL)
        finally:
            browser.close()
            house("down")


if __name__ == "__main__":
    main()
