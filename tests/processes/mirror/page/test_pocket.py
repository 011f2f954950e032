"""The page on a phone, on a wall at night and in other languages, in a real Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import IN_CHROMIUM, PHONE, WALL, set_patience
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse
from tests.support.page_client import page_url

pytestmark = [pytest.mark.long, *IN_CHROMIUM]
UNTRANSLATED = """(known) => {
  const found = new Set();
  const note = (text, element) => {
    const isForeign = /[a-z]{2}/i.test(text) && !text.includes("⟦") && !known.includes(text);
    if (isForeign && element.checkVisibility() && !element.closest("script")) found.add(text);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) note(walker.currentNode.data.trim(), walker.currentNode.parentElement);
  for (const element of document.querySelectorAll("[aria-label], [title]"))
    for (const name of ["aria-label", "title"]) note(element.getAttribute(name) ?? "", element);
  return [...found];
}"""
"""Returns the texts that the page shows and that have no mark of the test language."""
PASSWORDS_SENT = """addEventListener("submit", () => {
  const filled = [...document.querySelectorAll("input[type=password]")].filter((field) => field.value);
  sessionStorage.passwords = JSON.stringify(filled.map((field) => field.id));
}, true)"""
"""Notes which password fields are filled in when a form is sent."""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open a window of a phone; its browser has seen no house yet."""
    context = chromium.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    set_patience(page)
    yield page
    context.close()


def wait_until_kept(page: Page) -> None:
    """Wait until the service worker has the whole page."""
    page.wait_for_function("navigator.serviceWorker.ready.then((one) => one.active?.state === 'activated')")
    page.wait_for_function("caches.keys().then((names) => names.length === 1)")


def test_the_page_opens_without_a_connection(shared: TemporaryHouse, page: Page) -> None:
    """The browser has kept it, and the page says that the mirror does not answer."""
    page.goto(page_url(shared))
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    wait_until_kept(page)
    page.context.set_offline(True)
    page.reload()
    expect(page.locator("house-banner")).to_be_visible()
    expect(page.locator("nav a").first).to_have_text("Mirror")
    page.context.set_offline(False)
    expect(page.locator("html")).to_have_attribute("data-link", "live")


def test_a_page_that_was_kept_paints_before_the_mirror_answers(shared: TemporaryHouse, page: Page) -> None:
    """On a line with 400 ms to the mirror and back, the first paint waits for no answer."""
    page.goto(page_url(shared))
    wait_until_kept(page)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    line = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", line)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    kept = page.evaluate("performance.getEntriesByType('resource').filter((e) => e.name.includes('/page/'))")
    assert kept
    assert all(entry["workerStart"] > 0 for entry in kept if "/app." in entry["name"])
    assert page.evaluate("performance.getEntriesByType('navigation')[0].workerStart") > 0


def test_the_page_can_be_installed(shared: TemporaryHouse, page: Page) -> None:
    """Chromium finds nothing that is missing: name, icons in PNG, start address."""
    page.goto(page_url(shared))
    wait_until_kept(page)
    session = page.context.new_cdp_session(page)
    found = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in found if one["errorId"] != "in-incognito"] == []


def test_a_phone_signs_in_with_the_code(make_house: HouseFactory, page: Page) -> None:
    """The token in the address signs in, and does not stay in the address or in the history.

    It is in no password field: Chromium would offer to save it, in front of the page on the wall.
    """
    house = make_house(BREAKFAST)
    house.house("up")
    token = house.house("token").stdout.strip()
    url = page_url(house)
    page.add_init_script(PASSWORDS_SENT)
    page.goto(f"{url}login#token={token}")
    page.wait_for_url(url)
    assert page.evaluate("sessionStorage.passwords") == "[]"
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    page.go_back()
    assert token not in page.url
    page.goto(f"{url}login#token=wrong")
    expect(page.locator("#wrong")).to_be_visible()


@pytest.mark.parametrize("view", ["mirror", "system", "history"])
def test_each_text_of_the_page_is_translated(shared: TemporaryHouse, page: Page, view: str) -> None:
    """In the test language each text has a mark. Names of devices, rooms and numbers have none."""
    page.goto(f"{page_url(shared)}?lang=ar-XB#{view}")
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(f"[data-view={view}]")).to_be_visible()
    status = shared.status()
    names = [one["name"] for one in status["devices"].values()]
    rooms = [one["room"] for one in status["devices"].values()]
    services = [name.capitalize() for name in status["services"]]
    found = page.evaluate(UNTRANSLATED, [status["house"], *names, *rooms, *services])
    assert [
        text
        for text in found
        if not re.fullmatch(r"[\d\W]*(MB|W|kWh|°C|\w+day.*|\w{3},? \d+ \w+.*)?\W*", text)
    ] == []


@pytest.mark.parametrize("language", ["de", "ar-XB"])
def test_no_word_of_the_navigation_breaks(shared: TemporaryHouse, page: Page, language: str) -> None:
    """Each link stays on one line, on the narrowest phone too."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{page_url(shared)}?lang={language}")
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    for link in page.locator("nav a").all():
        height = link.evaluate("(one) => one.getClientRects().length")
        assert height == 1
        line = link.evaluate("(one) => parseFloat(getComputedStyle(one).lineHeight)")
        assert link.evaluate("(one) => one.clientHeight") < 2 * line + 20
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_wall_is_dark_at_night_until_it_is_touched(make_house: HouseFactory, chromium: Browser) -> None:
    """The mirror decides by its clock. The touch that wakes the screen presses nothing."""
    night = 'screen_off = ["00:00", "23:59"]\nnight = ["00:00", "23:58"]\n'
    toml = BREAKFAST.replace('kind = "mirror"\n', f'kind = "mirror"\n{night}')
    assert night in toml
    house = make_house(toml)
    house.house("up")
    context = chromium.new_context(viewport=WALL, has_touch=True)
    page = context.new_page()
    set_patience(page)
    page.goto(f"{page_url(house)}?glass=black")
    expect(page.locator("html")).to_have_attribute("data-screen", "off")
    expect(page.locator("body")).to_have_css("visibility", "hidden")
    page.mouse.click(1500, 500)
    expect(page.locator("html")).to_have_attribute("data-screen", "night")
    page.goto(page_url(house))
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    assert page.locator("html").get_attribute("data-screen") is None
    context.close()


def test_the_page_speaks_the_language_of_the_house(make_house: HouseFactory, page: Page) -> None:
    """Its texts, its dates and its sign-in form."""
    house = make_house(BREAKFAST.replace("[house]\n", '[house]\nlocale = "de-AT"\n'))
    house.house("up")
    page.goto(page_url(house))
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("nav a").first).to_have_text("Spiegel")
    page.goto(f"{page_url(house)}login")
    expect(page.locator("button")).to_have_text("Anmelden")
