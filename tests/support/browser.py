"""What the tests in a real Chromium share."""

import shutil

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.support.patience import patience

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",  # Chromium has none for root, and here shows only our own page
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=document-user-activation-required",  # as a browser with a window has it
)
IN_CHROMIUM = [
    pytest.mark.xdist_group("browser"),  # one Chromium is enough for two cores
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; on Debian: sudo apt install chromium"),
]
"""The marks of a file whose tests start a Chromium."""
WALL, PHONE = ViewportSize(width=1920, height=1080), ViewportSize(width=390, height=844)


def set_patience(page: Page) -> None:
    """Set the timeouts of a page and of `expect` to the bound for this machine, as busy as it is now."""
    milliseconds = patience() * 1000
    page.set_default_timeout(milliseconds)
    expect.set_options(timeout=milliseconds)


def wait_until_live(page: Page) -> None:
    """Wait until the page is connected to the mirror, and shows the whole breakfast house."""
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    expect(page.locator("house-card[data-presence=live]")).to_have_count(4)
