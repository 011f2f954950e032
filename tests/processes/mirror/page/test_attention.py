"""Alarms on the page, in a real Chromium in front of a real house."""

import json
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from daemons.runtime.clock import uptime
from tests.support.browser import IN_CHROMIUM, PHONE
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually
from tests.support.page_client import page_url

pytestmark = IN_CHROMIUM
DETECTORS = """
[devices.hall_smoke]
kind = "sensor"
driver = "simulated"
detects = "smoke"
name = "Smoke detector"
room = "Hall"

[devices.cellar_water]
kind = "sensor"
driver = "simulated"
detects = "water"
name = "Water sensor"
room = "Cellar"
"""


def detect(house: TemporaryHouse, name: str, *, on: bool) -> None:
    """Set what a simulated sensor detects."""
    path = house.run / "hardware" / name / "switchings.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"at": uptime(), "what": "on" if on else "off", "on": on}) + "\n")


def codes(house: TemporaryHouse) -> list[tuple[str, bool]]:
    """Return the code of each notice, and whether it is acknowledged."""
    return [(one["code"], one["acknowledged"]) for one in house.status()["attention"]]


@pytest.fixture
def detectors(make_house: HouseFactory) -> TemporaryHouse:
    """Start the breakfast house with detectors of smoke and water."""
    house = make_house(BREAKFAST + DETECTORS)
    house.house("up")
    return house


@pytest.mark.long
def test_an_alarm_is_a_strip_on_every_view_until_it_is_acknowledged(
    detectors: TemporaryHouse,
    window: Callable[..., Page],
) -> None:
    """It is announced, and acknowledged with the keyboard; a kill of the mirror does not forget that."""
    page = window(page_url(detectors))
    expect(page.locator("#sentence")).to_have_text("All is quiet.")
    strip = page.locator("house-attention")
    expect(strip).to_be_hidden()
    detect(detectors, "hall_smoke", on=True)
    alert = strip.get_by_role("alert")
    expect(alert).to_contain_text("Smoke")
    expect(alert).to_contain_text("Hall · Smoke detector")
    expect(page.locator("#sentence")).to_have_text(re.compile("^Smoke in Hall: Smoke detector"))
    box = strip.bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"]) == (0, 0, 1920), "it has the full width"
    page.locator("#sentence a").click()
    expect(page.locator("house-device h1")).to_have_text("Smoke detector")
    page.locator("nav a[href='#history']").click()
    expect(alert).to_be_visible()
    button = strip.get_by_role("button", name="Seen")
    button.focus()
    page.keyboard.press("Enter")
    expect(alert.locator("li")).to_have_count(0)
    expect(strip).to_contain_text("seen")
    detectors.kill("mirror")
    eventually(lambda: codes(detectors) == [("smoke", True)])
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    expect(alert.locator("li")).to_have_count(0)
    detect(detectors, "hall_smoke", on=False)
    expect(strip).to_be_hidden()
    assert codes(detectors) == []


RECORD_MOVES = """() => {
  const { documentElement: root } = document;
  const takes = (name) => getComputedStyle(document.querySelector(name)).pointerEvents;
  window.moves = [];
  const parts = ["nav a", "house-rooms", "house-attention"];
  const record = () => moves.push(["moved" in root.dataset, ...parts.map(takes)]);
  new MutationObserver(record).observe(root, { attributes: true, attributeFilter: ["data-moved"] });
}"""
"""Records what takes touches whenever that changes."""


@pytest.mark.long
def test_a_touch_for_what_was_there_does_not_meet_what_has_moved(
    detectors: TemporaryHouse,
    window: Callable[..., Page],
) -> None:
    """When the strip comes, what is below stays where it is, and takes no touches for a moment."""
    page = window(page_url(detectors), PHONE)
    expect(page.locator("#sentence")).to_have_text("All is quiet.")
    page.evaluate(RECORD_MOVES)
    place = "document.querySelector('house-rooms').getBoundingClientRect().top"
    top = page.evaluate(place)
    detect(detectors, "hall_smoke", on=True)
    expect(page.locator("house-attention").get_by_role("alert")).to_contain_text("Smoke")
    eventually(lambda: page.evaluate("moves.at(-1)?.[0]") is False)
    moves = page.evaluate("moves")
    assert moves[0] == [True, "none", "none", "auto"]
    assert moves[-1] == [False, "auto", "auto", "auto"]
    assert abs(page.evaluate(place) - top) < 2


@pytest.mark.long
def test_several_alarms_fit_on_a_phone(
    detectors: TemporaryHouse,
    window: Callable[..., Page],
) -> None:
    """Nothing is wider than the window, at 200 % too, and axe finds no violation."""
    page = window(page_url(detectors), PHONE)
    for name in ("hall_smoke", "cellar_water"):
        detect(detectors, name, on=True)
    expect(page.locator(".alarms li")).to_have_count(2)
    for zoom in (1, 2):
        page.set_viewport_size({"width": 390 // zoom, "height": 844 // zoom})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for button in page.locator(".acknowledge").all():
            expect(button).to_be_visible()
    found = Axe().run(page, context="house-attention")
    assert not found.response["violations"], found.generate_report()


@pytest.mark.long
def test_an_alarm_has_a_sound_if_a_person_wants_it(
    detectors: TemporaryHouse,
    window: Callable[..., Page],
) -> None:
    """The switch is remembered over a reload; the sound ends with the acknowledgement."""
    page = window(page_url(detectors))
    page.add_init_script(
        "window.tones = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (...args) {"
        "  window.tones++; return start.apply(this, args); }"
    )
    page.reload()
    bell = page.get_by_role("button", name="Sound of alarms")
    expect(bell).to_have_attribute("aria-pressed", "false")
    detect(detectors, "hall_smoke", on=True)
    expect(page.locator(".alarms li")).to_have_count(1)
    assert page.evaluate("window.tones") == 0
    bell.click()
    expect(bell.locator(".told")).to_have_text("Alarms have a sound here")
    page.wait_for_function("() => window.tones > 0")
    expect(bell.locator(".told")).to_be_hidden()
    page.reload()
    expect(bell).to_have_attribute("aria-pressed", "true")
    page.mouse.click(5, 500)  # before a touch, a browser plays nothing
    page.wait_for_function("() => window.tones > 0")
    page.locator(".acknowledge").click()
    expect(page.locator(".alarms li")).to_have_count(0)
    before = page.evaluate("window.tones")
    page.wait_for_timeout(2500)
    assert page.evaluate("window.tones") == before


@pytest.mark.long
def test_a_notice_in_the_sentence_is_marked_as_seen(
    detectors: TemporaryHouse,
    window: Callable[..., Page],
) -> None:
    """Then all else is quiet."""
    page = window(page_url(detectors))
    detectors.house("stop", "cellar_water")
    sentence = page.locator("#sentence")
    expect(sentence).to_contain_text("Water sensor was stopped by hand, and detects nothing")
    sentence.get_by_role("button").click()
    expect(sentence).to_have_text("All else is quiet.")
    detectors.house("start", "cellar_water")
    expect(sentence).to_have_text("All is quiet.")


@pytest.mark.long
def test_the_page_of_a_device_says_what_it_needs(
    make_house: HouseFactory, window: Callable[..., Page]
) -> None:
    """A battery is as low as before when a person has seen it."""
    house = make_house(
        f'{BREAKFAST}\n[devices.freezer]\nkind = "sensor"\ndriver = "simulated"\n'
        "simulated = { temperature_celsius = -18.5, battery_percent = 12 }\n"
    )
    house.house("up")
    page = window(page_url(house))
    sentence = page.locator("#sentence")
    expect(sentence).to_contain_text("The battery of Freezer is at 12 %")
    sentence.get_by_role("button").click()
    expect(sentence).to_have_text("All else is quiet.")
    page.goto(f"{page_url(house)}#device/freezer")
    expect(page.locator("house-device .note")).to_have_text("The battery of Freezer is at 12 %")
    page.goto(f"{page_url(house)}#device/toaster")
    expect(page.locator("house-device h1")).to_have_text("Toaster")
    expect(page.locator("house-device .note")).to_be_hidden()
