"""The page in a real Firefox, in front of a real house. Chromium has the other tests of the page."""

import json
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest

from tests.processes.mirror.page.test_attention import DETECTORS, detect
from tests.support.firefox import FIREFOX, Window, firefox
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually
from tests.support.page_client import page_url

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAB = "\ue004"
IS_LIVE = "document.documentElement.dataset.link === 'live'"
CARD = "house-card[data-device={name}]"
VIEWS = ("mirror", "system", "history", "device/toaster")

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("firefox"),
    pytest.mark.skipif(
        FIREFOX is None, reason="there is no Firefox; on Debian: sudo apt install firefox-esr"
    ),
]


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """Start a Firefox; its window is that of all tests here."""
    with firefox(tmp_path_factory.mktemp("firefox") / "profile") as found:
        yield found


@pytest.fixture
def house(make_house: HouseFactory) -> TemporaryHouse:
    """Start the breakfast house with a detector of smoke."""
    made = make_house(BREAKFAST + DETECTORS)
    made.house("up")
    return made


@pytest.fixture
def page(house: TemporaryHouse, window: Window) -> Iterator[Window]:
    """Show the house in the window; in the end the page has logged no error."""
    window.errors.clear()
    window.resize(1280, 800)
    window.open(page_url(house))
    window.wait_until(IS_LIVE)
    yield window
    window.open("about:blank")  # before the house ends
    assert window.errors == []


def show(page: Window, view: str) -> None:
    """Go to a view within the page."""
    page.evaluate(f"void (location.hash = {json.dumps('#' + view)})")
    page.wait_until(f"document.documentElement.dataset.shown === {json.dumps(view.partition('/')[0])}")


def text(selector: str) -> str:
    """Return an expression for the text of an element."""
    return f"(document.querySelector({json.dumps(selector)})?.textContent ?? '')"


def test_a_press_makes_breakfast(page: Window, house: TemporaryHouse) -> None:
    """The button is reached with the keyboard, too."""
    page.wait_until(f"{text('#sentence')}.includes('All is quiet.')")
    for _ in range(20):
        page.press(TAB)
        if page.evaluate("document.activeElement.dataset.command === 'press'"):
            break
    else:
        pytest.fail("the button is not reached")
    page.click(f"{CARD.format(name='bathroom_light')} [data-command=press]")
    page.wait_until(f"document.querySelector('{CARD.format(name='toaster')}').dataset.phase === 'toasting'")
    page.wait_until(f"{text('#sentence')}.includes('Breakfast is ready.')")
    assert house.status()["devices"]["toaster"]["state"]["starts"] == 1


def test_every_view_fits_and_is_accessible(page: Window) -> None:
    """Nothing is wider than the window of a phone or a wall, and axe finds no violation."""
    for view in VIEWS:
        show(page, view)
        for width, height in ((390, 844), (1920, 1080)):
            page.resize(width, height)
            page.wait_until("document.documentElement.scrollWidth <= innerWidth")
        page.run(AXE)
        found = page.evaluate("axe.run().then((all) => all.violations.map((one) => one.id))")
        assert found == [], view


def test_the_history_and_a_log_are_live(page: Window, house: TemporaryHouse) -> None:
    """What happens now is drawn in the history, and is in the log of its device."""
    show(page, "history")
    drawn = "document.querySelectorAll('house-history .bars [data-sort=many]').length"
    before = page.evaluate(drawn)
    house.send("toaster", "start")
    page.wait_until(f"{drawn} > {before}")
    show(page, "device/toaster")

    def is_unfolded() -> bool:
        page.click("house-device .log-part > summary")
        return bool(page.evaluate("document.querySelector('house-device .log-part').open"))

    eventually(is_unfolded)  # a click right after something has moved counts for nothing
    page.wait_until(f"{text('house-device .log-part .log-lines')}.includes('toasting')")


def test_an_alarm_is_a_strip_until_it_is_acknowledged(page: Window, house: TemporaryHouse) -> None:
    """It is announced, and "Seen" ends it. A browser with its sound on asks for a touch before it plays."""
    page.evaluate("void localStorage.setItem('alarm-sound', 'on')")
    page.open(page_url(house))
    page.wait_until(IS_LIVE)
    detect(house, "hall_smoke", on=True)
    page.wait_until("document.querySelector('[role=alert] > .alarms > li')?.textContent.includes('Smoke')")
    page.wait_until("!document.querySelector('house-attention .hint').hidden")
    page.click(".acknowledge")
    page.wait_until("!document.querySelector('.alarms li')")


def test_the_page_says_that_the_mirror_is_lost(page: Window, house: TemporaryHouse) -> None:
    """The browser has kept the page, so that it opens although nothing answers."""
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    page.wait_until("caches.keys().then((names) => names.length === 1)")
    house.house("down")
    page.open(page.evaluate("location.href"))
    page.wait_until("!document.querySelector('house-banner').hidden")
    page.open("about:blank")
    page.errors.clear()  # Firefox logs each connection that is refused
