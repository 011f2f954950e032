"""Fixtures of the page's tests: a real house that many tests read, and windows of a real Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.support.browser import CHROMIUM, CHROMIUM_OPTIONS, WALL, set_patience
from tests.support.house import TemporaryHouse, eventually
from tests.support.page_client import http_request, page_url
from tests.support.reaper import kill_all, processes_of


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory, register_cleanup: Callable[[Path], None]
) -> Iterator[TemporaryHouse]:
    """Start a breakfast house that many tests share: one for each process of the test run."""
    house = TemporaryHouse(tmp_path_factory.mktemp("shared"), forks_supervisord=True)
    register_cleanup(house.run)
    try:
        house.house("up")
        yield house
        house.house("down")
        assert not processes_of(str(house.run))
    finally:
        kill_all(str(house.run))


@pytest.fixture(scope="session")
def url(shared: TemporaryHouse) -> str:
    """Return the URL of its page, once the mirror has a state and a heartbeat of every process."""
    found = page_url(shared)

    def is_complete() -> bool:
        house = http_request(found, "/api/house").json
        statuses = [*house["devices"].values(), *house["services"].values()]
        return all(status["presence"] == "live" and status["pid"] for status in statuses)

    eventually(is_complete)
    return found


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Start the browser driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Start a browser."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
    yield browser
    browser.close()


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open windows, and check in the end that none logged an error to its console."""
    opened: list[BrowserContext] = []
    console_errors: list[str] = []

    def open_(url: str, size: Any = WALL, **options: Any) -> Page:
        context = chromium.new_context(viewport=size, timezone_id="America/New_York", **options)
        opened.append(context)
        page = context.new_page()
        set_patience(page)
        page.on("pageerror", lambda error: console_errors.append(str(error)))
        page.on("console", lambda entry: console_errors.extend([entry.text] if entry.type == "error" else []))
        page.goto(url)
        return page

    yield open_
    for context in opened:
        context.close()
    # A browser logs an error when the mirror is killed: that is expected.
    lost = ("ERR_CONNECTION", "WebSocket", "Failed to load resource")
    assert not [text for text in console_errors if not any(word in text for word in lost)]
