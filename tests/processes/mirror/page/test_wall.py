"""The first view and the System view of houses of 5, 42 and 200 devices, in a real Chromium."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, ViewportSize, expect

from daemons.bus.notice import make_notice
from daemons.kinds.presence import NO_RECORD
from daemons.processes.mirror.attention import AttentionMemory
from daemons.processes.mirror.sentence import Part
from tests.support.big_page import BigPage
from tests.support.browser import IN_CHROMIUM
from tests.support.house import BREAKFAST, HouseFactory, eventually

SIZES = {"wall": (1920, 1080), "portrait": (1080, 1920), "phone": (390, 844), "zoomed": (960, 540)}
"""By its name, the size of a window; `zoomed` is the wall at 200 %."""
pytestmark = IN_CHROMIUM
Open = Callable[..., Page]
CROSSED = """() => {
  const boxes = [...document.querySelectorAll('.board .speaker')].map(box => box.getBoundingClientRect());
  const svg = document.querySelector('.board > svg').getBoundingClientRect();
  let crossed = 0;
  for (const path of document.querySelectorAll('.wire')) {
    const length = path.getTotalLength();
    for (let at = 0; at <= length; at += 6) {
      const point = path.getPointAtLength(at), x = point.x + svg.x, y = point.y + svg.y;
      if (boxes.some(b => x > b.left + 2 && x < b.right - 2 && y > b.top + 2 && y < b.bottom - 2)) crossed++;
    }
  }
  return crossed;
}"""
"""Counts the points of lines that are within a box."""

LOOKS = """(all) => all.map((one) => {
  const { borderColor, boxShadow, backgroundColor, color } = getComputedStyle(one);
  return [borderColor, boxShadow, backgroundColor, color].join();
})"""
"""Returns the colours of each button."""
IS_STILL = """() => {
  const before = window.left;
  return (window.left = document.querySelector(".scroller").scrollLeft) === before;
}"""
"""Whether the rooms have not moved since it was asked last."""
TEN_MINUTES_LATER = """() => new Promise((done) => {
  const parse = JSON.parse;
  JSON.parse = (text) => {
    const found = parse(text);
    if (found?.type === "beat") setTimeout(done);
    return typeof found?.at === "number" ? { ...found, at: found.at + 600 } : found;
  };
})"""
"""From the next beat on, the house is ten minutes later: the page's clock is that of the messages."""
NEXT_PICTURES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until the present state has been drawn."""


@pytest.fixture
def open_page(window: Callable[..., Page]) -> Open:
    """Open pages of a size, and wait until each is connected."""

    def open_(url: str, size: str = "wall", scheme: str = "dark") -> Page:
        width, height = SIZES[size]
        page = window(url, ViewportSize(width=width, height=height), color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-link", "live")
        return page

    return open_


@pytest.fixture(scope="module")
def home() -> Iterator[tuple[BigPage, str]]:
    """Serve the page of the home of 42 devices."""
    page = BigPage(42)
    with page.served() as url:
        yield page, url


def card(page: Page, name: str) -> Locator:
    """Return the card of a device."""
    return page.locator(f"house-card[data-device={name}]")


def room(page: Page, name: str) -> Locator:
    """Return a room."""
    return page.locator(f".room[data-key='{name}']")


def is_within_width(part: Locator, width: int) -> bool:
    """Return whether a part of the page has its whole width in a window of this width."""
    box = part.bounding_box()
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width


def hidden_height(page: Page) -> int:
    """Return how much of the document is below the window, in pixels."""
    return int(page.evaluate("document.documentElement.scrollHeight - innerHeight"))


def test_quiet_devices_fold_into_a_line_of_their_room(home: tuple[BigPage, str], open_page: Open) -> None:
    """A home of 42 fits on a wall; a touch of the line shows the cards, in the order of the file."""
    page = open_page(home[1])
    hall = room(page, "Hall")
    expect(card(page, "kitchen_lamp")).to_be_visible()
    expect(card(page, "hall_lamp")).to_be_hidden()
    expect(card(page, "house_mode")).to_be_visible()  # it is there to be chosen
    expect(hall.locator(".quiet")).to_contain_text("Hall lamp: off")
    expect(room(page, "Living room").locator(".climate")).to_have_text("21.4 °C")
    assert hidden_height(page) <= 0
    hall.locator(".quiet").click()
    expect(card(page, "hall_lamp").get_by_role("button")).to_be_visible()
    shown = hall.locator("house-card").evaluate_all("all => all.map(one => one.dataset.device)")
    assert shown == ["front_door", "hall_motion", "hall_button", "hall_lamp"]


@pytest.mark.long
def test_no_card_folds_while_a_person_uses_the_page(home: tuple[BigPage, str], open_page: Open) -> None:
    """It would move the cards below it. It folds when no hand has been near for a while."""
    page = open_page(home[1])
    expect(card(page, "television")).to_be_visible()
    home[0].publish("television", status=False, phase="off")
    page.wait_for_timeout(17_000)  # without a person near, it would fold after 15 seconds
    expect(card(page, "television")).to_be_visible()
    page.evaluate("document.documentElement.dataset.quiet = ''")
    expect(card(page, "television")).to_be_hidden()
    home[0].publish("television", status=True, phase="on")


@pytest.mark.long
def test_a_heater_says_how_far_it_is_from_its_target(home: tuple[BigPage, str], open_page: Open) -> None:
    """The chain says which command or rule came last. What the heater does follows from the temperature."""
    page = open_page(f"{home[1]}#device/living_heater")
    why = page.locator("house-device .why")
    for phase, celsius, text in (
        ("heating", 18.2, "It heats because it is 18.2 °C, and its target is 21 °C."),
        ("idle", 21.4, "It is 21.4 °C, and its target is 21 °C: it has nothing to do."),
    ):
        home[0].publish("living_heater", phase=phase, temperature_celsius=celsius, target_celsius=21.0)
        expect(why).to_contain_text(text)


@pytest.mark.long
def test_a_page_that_becomes_higher_is_not_cut_off(home: tuple[BigPage, str], open_page: Open) -> None:
    """The overview of a phone gets lines while it is in sight."""
    page = open_page(home[1], "phone")
    scroller = page.locator(".scroller")
    expect(scroller.locator(".overview")).to_be_visible()
    before = scroller.evaluate("one => one.children[0].offsetHeight")
    expect(scroller).to_have_js_property("offsetHeight", before)
    more = "one => one.append(Object.assign(document.createElement('div'), { style: 'height: 90px' }))"
    scroller.locator(".overview").evaluate(more)
    expect(scroller).to_have_js_property("offsetHeight", before + 90)


@pytest.mark.long
def test_money_has_two_digits(home: tuple[BigPage, str], open_page: Open) -> None:
    """On the page of the meter, and on that of the device that it measures."""
    page = open_page(f"{home[1]}#device/laundry_meter")
    for cost, text in ((0.0, "0.00"), (0.4, "0.40"), (1234.5, "1,234.50")):
        home[0].publish("laundry_meter", today_cost=cost)
        expect(page.locator("house-device")).to_contain_text(f"{text}\u00a0EUR")
    page.goto(f"{home[1]}#device/washing_machine")
    meter = page.locator("house-device .meters a")
    expect(meter).to_contain_text("1,234.50\u00a0EUR today")
    meter.click()
    expect(page.locator("house-device h1")).to_have_text("Laundry meter")
    expect(page.locator("house-device .meters")).to_be_hidden()  # no meter measures this one


@pytest.mark.long
def test_an_unfolded_room_is_still_unfolded_after_a_look_at_a_device(
    home: tuple[BigPage, str], open_page: Open
) -> None:
    """The time on the device's page does not count, however long it is, and whatever happens in the room."""
    page = open_page(home[1])
    room(page, "Hall").locator(".quiet").click()
    card(page, "hall_lamp").get_by_role("link").click()
    device = page.locator("house-device")
    expect(device.locator("h1")).to_have_text("Hall lamp")
    page.evaluate(TEN_MINUTES_LATER)
    home[0].publish("hall_lamp", status=True, phase="on")
    expect(device.locator("[data-look='on']").first).to_be_visible()
    page.go_back()
    expect(page.locator("html")).to_have_attribute("data-shown", "mirror")
    page.evaluate(NEXT_PICTURES)
    expect(room(page, "Hall").locator(".quiet")).to_have_attribute("aria-expanded", "true")
    expect(card(page, "hall_motion")).to_be_visible()


@pytest.mark.long
def test_a_device_that_needs_attention_stays_in_sight_on_every_page(open_page: Open) -> None:
    """The wall turns its pages; a device without a heartbeat is shown above them."""
    stub = BigPage(200)
    with stub.served() as url:
        page = open_page(url)
        tabs = page.locator(".tabs button")
        expect(tabs).not_to_have_count(0)
        stub.publish(
            "gym_plug" if "gym_plug" in stub.states else "studio_plug", fault="the relay does not follow"
        )
        pinned = page.locator(".pinned house-card")
        expect(pinned).to_have_count(1)
        tabs.last.click()
        expect(tabs.last).to_have_attribute("aria-current", "true")
        expect(pinned).to_be_in_viewport()
        expect(room(page, "Hall")).not_to_be_in_viewport()


@pytest.mark.long
def test_a_card_is_drawn_that_came_while_another_view_was_shown(open_page: Open) -> None:
    """A device that needs attention, and one that is no longer quiet."""
    stub = BigPage(42)
    with stub.served() as url:
        page = open_page(url)
        expect(card(page, "hall_lamp")).to_be_hidden()
        page.evaluate("location.hash = '#device/toaster'")
        expect(page.locator("house-device h1")).to_be_visible()
        stub.publish("hall_lamp", status=True, phase="on")
        stub.publish("garden_lamp", fault="the relay does not follow")
        expect(page.locator(".pinned house-card[data-device=garden_lamp]")).to_have_count(1)
        page.go_back()
        expect(card(page, "hall_lamp")).to_be_visible()
        page.evaluate(NEXT_PICTURES)
        assert "Hall lamp" in card(page, "hall_lamp").inner_text()
        assert "the relay does not follow" in card(page, "garden_lamp").inner_text()


@pytest.mark.long
def test_an_untouched_wall_turns_its_pages(open_page: Open) -> None:
    """After some seconds without a hand it shows the next rooms."""
    with BigPage(200).served() as url:
        page = open_page(url)
        expect(room(page, "Hall")).to_be_in_viewport()
        page.evaluate("document.documentElement.dataset.quiet = ''")
        expect(room(page, "Hall")).not_to_be_in_viewport()


@pytest.mark.long
def test_a_phone_has_a_page_for_each_room(home: tuple[BigPage, str], open_page: Open) -> None:
    """The overview leads to a room, and a tab to another; all controls are there, and nothing is too wide."""
    page = open_page(home[1], "phone")
    page.locator(".overview button", has_text="Living room").click()
    heater = card(page, "living_heater")
    expect(heater).to_be_in_viewport()
    expect(heater.get_by_label("Target, one step up")).to_be_visible()
    expect(card(page, "living_blind").get_by_label("Stop")).to_be_visible()
    expect(card(page, "ceiling_lamp").get_by_label("Brightness")).to_be_visible()
    page.get_by_role("button", name="Kitchen", exact=True).click()
    expect(card(page, "toaster")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for name in ("Cellar", "Study", "Hall"):
        page.locator(".tabs button", has_text=name).click()
        expect(page.locator(".tabs [aria-current]")).to_have_text(name)
        eventually(partial(is_within_width, room(page, name), 390))


@pytest.mark.long
@pytest.mark.parametrize(("language", "name"), [("en", "House"), ("de", "Haus")])
def test_what_the_whole_house_shares_is_first(
    home: tuple[BigPage, str], open_page: Open, language: str, name: str
) -> None:
    """The mode and the group of all lamps are on the first page of a phone, in the order of the file."""
    page = open_page(f"{home[1]}?lang={language}", "phone")
    expect(page.locator(".tabs button").nth(1)).to_have_text(name)
    page.locator(".tabs button").nth(1).click()
    ids = room(page, name).locator("house-card").evaluate_all("all => all.map(one => one.dataset.device)")
    assert ids[:3] == ["house_mode", "anna", "all_lamps"]
    expect(card(page, "house_mode")).to_be_in_viewport()


@pytest.mark.long
@pytest.mark.parametrize("size", ["wall", "phone"])
def test_each_of_two_sliders_has_a_visible_name(
    home: tuple[BigPage, str], open_page: Open, size: str
) -> None:
    """The name of the only slider of a card is not written: its value stands above it."""
    page = open_page(home[1], size)
    if size == "phone":
        page.locator(".tabs button", has_text="Kitchen").click()
    names = card(page, "kitchen_lamp").locator(".caption:visible")
    expect(names).to_have_text(["Brightness", "Warmth"])
    for name in names.all():
        box = name.bounding_box()
        assert box
        assert name.evaluate("one => one.scrollWidth <= one.clientWidth")
    home[0].publish("kitchen_lamp", colour_temperature_kelvin=None)
    expect(names).to_have_count(0)
    home[0].publish("kitchen_lamp", colour_temperature_kelvin=3000)


@pytest.mark.long
def test_a_card_has_the_usual_time_of_a_timer(open_page: Open) -> None:
    """While it runs, the time that is left is there instead."""
    stub = BigPage(42)
    stub.states["eggs"] |= {
        "status": False,
        "phase": "idle",
        "remaining_seconds": None,
        "progress_percent": None,
    }
    with stub.served() as url:
        page = open_page(url, "phone")
        page.locator(".tabs button", has_text="Kitchen").click()
        word = card(page, "eggs").locator(".word")
        expect(word).to_have_text("idle · usually 5 min")
        stub.publish("eggs", status=True, phase="running", remaining_seconds=300.0, progress_percent=0.0)
        expect(word).to_have_text("running")


@pytest.mark.long
def test_no_button_of_a_device_looks_like_its_state(home: tuple[BigPage, str], open_page: Open) -> None:
    """All have the same look, also the one that the card would have."""
    page = open_page(f"{home[1]}#device/desk_lamp")
    buttons = page.locator("house-device .controls-part .buttons .control")
    expect(buttons.first).to_be_visible()
    looks = buttons.evaluate_all(LOOKS)
    assert len(looks) > 2
    assert len({*looks}) == 1


@pytest.mark.long
def test_a_notice_stands_in_the_language_of_the_page(open_page: Open) -> None:
    """A fault that a kind writes in English has a text in German; its button stands before the dot."""
    stub = BigPage(42)
    values: dict[str, str | float | bool | None] = {"name": "Away lights", "text": NO_RECORD}
    notice = make_notice("fault", "away_lights", None, values)
    part = Part(code="attention.fault", values=values, level="fault", device="away_lights")
    stub.context.board.show((notice,), (part, Part(code="sentence.quiet")), AttentionMemory())
    stub.states["away_lights"] |= {"fault": NO_RECORD}
    with stub.served() as url:
        page = open_page(f"{url}?lang=de", "phone")
        expect(page.locator("#sentence .part").first).to_contain_text("Away lights: nichts zu wiederholen")
        order = page.locator("#sentence .part").first.evaluate(
            "one => [...one.children].map(each => each.className)"
        )
        assert order == ["words", "seen", "dot"]
        expect(card(page, "away_lights").first.locator(".note")).to_contain_text("nichts zu wiederholen")


@pytest.mark.long
def test_the_overview_names_a_door_that_measures_the_climate_of_its_room(open_page: Open) -> None:
    """Its temperature stands beside the room's name, and whether it is closed below."""
    stub = BigPage(42)
    stub.states["front_door"] |= {"status": False, "phase": "closed", "temperature_celsius": 21.0}
    with stub.served() as url:
        page = open_page(url, "phone")
        line = page.locator(".overview li", has_text="Hall").first
        expect(line.locator(".climate")).to_have_text("21 °C")
        expect(line.locator(".rest")).to_contain_text("Front door: closed")


@pytest.mark.long
def test_the_chosen_tab_is_in_sight_after_a_look_at_a_device(
    home: tuple[BigPage, str], open_page: Open
) -> None:
    """A person may have moved the tabs before."""
    page = open_page(home[1], "phone")
    tab = page.locator(".tabs button", has_text="Cellar")
    tab.click()
    expect(tab).to_have_attribute("aria-current", "true")
    page.wait_for_function(IS_STILL, polling=200)  # a page that still moves brings its tab back
    page.evaluate("document.querySelector('.tabs').scrollLeft = 0")
    expect(tab).not_to_be_in_viewport(ratio=0.9)
    room(page, "Cellar").locator("house-card .name a:visible").first.click()
    expect(page.locator("house-device h1")).to_be_visible()
    page.go_back()
    expect(tab).to_be_in_viewport(ratio=0.9)


@pytest.mark.long
def test_the_overview_names_an_alarm_first_and_in_red(open_page: Open) -> None:
    """What is at work beside it is not red."""
    stub = BigPage(42)
    smoke = make_notice("smoke", "kitchen_smoke", None, {"name": "Kitchen smoke", "room": "Kitchen"})
    stub.context.board.show((smoke,), (), AttentionMemory())
    with stub.served() as url:
        page = open_page(url, "phone")
        line = page.locator(".overview li[data-key=Kitchen]")
        expect(line.locator(".alarm")).to_have_text("Kitchen smoke: clear")
        expect(line.locator(".busy")).not_to_contain_text("Kitchen smoke")
        colours = line.locator(".alarm, .busy").evaluate_all(
            "all => all.map(one => getComputedStyle(one).color)"
        )
        assert len({*colours}) == 2


@pytest.mark.long
def test_a_lamp_that_is_off_has_an_empty_slider(home: tuple[BigPage, str], open_page: Open) -> None:
    """Its last brightness is not what it would have if it were turned on."""
    page = open_page(f"{home[1]}#device/desk_lamp")
    device = page.locator("house-device")
    expect(device.locator(".dial .value").first).to_have_text("40 %")
    home[0].publish("desk_lamp", status=False, phase="off")
    expect(device.locator(".dial .value").first).to_have_text("off")
    expect(device.get_by_role("slider", name="Brightness")).to_have_value("1")
    page.goto(f"{home[1]}#mirror")
    expect(card(page, "desk_lamp").get_by_label("Brightness: Desk lamp")).to_have_attribute(
        "aria-valuetext", "off"
    )
    home[0].publish("desk_lamp", status=True, phase="on")


@pytest.mark.long
def test_the_slider_of_a_cover_stands_at_its_target(home: tuple[BigPage, str], open_page: Open) -> None:
    """It is filled up to the position that the cover has reached."""
    page = open_page(home[1])
    slider = card(page, "living_blind").get_by_role("slider")
    moving = {"status": True, "phase": "closing", "remaining_seconds": 12.0, "position_percent": 80.0}
    home[0].publish("living_blind", **moving, target_position_percent=30)
    expect(slider).to_have_value("30")
    expect(slider).to_have_attribute("style", re.compile(r"--filled: 80%"))
    page.goto(f"{home[1]}#device/living_blind")
    dial = page.locator("house-device .dial")
    expect(dial.get_by_role("slider")).to_have_value("30")
    expect(dial.locator(".value")).to_have_text("80 % → 30 %")
    still = {"status": False, "phase": "between", "remaining_seconds": None, "position_percent": 30.0}
    home[0].publish("living_blind", **still, target_position_percent=None)
    expect(dial.locator(".value")).to_have_text("30 %")


@pytest.mark.long
def test_what_a_main_button_needs_is_beside_it(home: tuple[BigPage, str], open_page: Open) -> None:
    """A timer's duration is in sight; a heater's target has a slider, so that its form is folded."""
    page = open_page(f"{home[1]}#device/eggs")
    form = page.locator("house-device .all-controls > form")
    expect(form.get_by_label("Duration", exact=True)).to_be_visible()
    expect(form.get_by_role("button", name="Start")).to_have_text("Start")
    for wanted in ("1", "2"):
        form.get_by_role("button", name="Duration: more").click()
        expect(form.get_by_label("Duration", exact=True)).to_have_value(wanted)
    form.get_by_label("Duration", exact=True).fill("10")
    for button, wanted in (("more", "15"), ("less", "10"), ("less", "9")):
        form.get_by_role("button", name=f"Duration: {button}").click()
        expect(form.get_by_label("Duration", exact=True)).to_have_value(wanted)
    page.goto(f"{home[1]}#device/living_heater")
    expect(page.locator("house-device").get_by_role("slider")).to_be_visible()
    expect(page.locator("house-device .all-controls > form")).to_have_count(0)


@pytest.mark.long
@pytest.mark.parametrize("names", ["long", "japanese", "arabic"])
@pytest.mark.parametrize("size", SIZES)
def test_long_and_foreign_names_fit(open_page: Open, names: str, size: str) -> None:
    """No card is wider than its column, and no view is wider than the window."""
    with BigPage(42, names).served() as url:
        page = open_page(url, size)
        for view in ("mirror", "system"):
            page.goto(f"{url}#{view}")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.goto(f"{url}#mirror")
        overflows = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
        assert page.locator(".room li:not([hidden])").evaluate_all(overflows) == 0


@pytest.mark.long
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_home_is_accessible(home: tuple[BigPage, str], open_page: Open, size: str, scheme: str) -> None:
    """Axe finds no violation in either view."""
    page = open_page(home[1], size, scheme)
    for view in ("mirror", "system"):
        page.goto(f"{home[1]}#{view}")
        expect(page.locator(f"section[data-view={view}]")).to_be_visible()
        found = Axe().run(page).response["violations"]
        assert not [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found], view


@pytest.mark.long
def test_everything_can_be_done_with_the_keyboard(home: tuple[BigPage, str], open_page: Open) -> None:
    """Tab reaches a line of quiet devices, Enter shows them, and Tab goes on to their controls."""
    page = open_page(home[1])
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches(\".room[data-key='Hall'] .quiet\")"):
            break
    page.keyboard.press("Enter")
    expect(card(page, "hall_lamp")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.closest('house-card').dataset.device") == "hall_lamp"


@pytest.mark.long
@pytest.mark.parametrize("devices", [42, 200])
@pytest.mark.parametrize("size", ["wall", "phone"])
def test_no_line_runs_behind_a_box(open_page: Open, devices: int, size: str) -> None:
    """Not in any System view; the lines of the mirror are left out."""
    stub = BigPage(devices)
    with stub.served() as url:
        page = open_page(f"{url}#system", size)
        expect(page.locator(".wire")).not_to_have_count(0)
        assert page.evaluate(CROSSED) == 0
        assert page.locator(".speaker[data-device=mirror]").count() == 0


@pytest.mark.long
def test_a_chosen_device_lights_up_with_its_neighbours(home: tuple[BigPage, str], open_page: Open) -> None:
    """Its name leads to its page, and a sentence names what it hears."""
    page = open_page(f"{home[1]}#system")
    page.locator(".speaker[data-device=hall_lamp]").click()
    near = page.locator("li.near > .speaker")
    expect(near).to_have_count(5)
    expect(page.locator(".chosen")).to_contain_text("It hears Hall motion, Hall button")
    expect(page.locator(".chosen a")).to_have_attribute("href", "#device/hall_lamp")


@pytest.mark.long
def test_a_hidden_device_has_no_card_and_a_favourite_is_first(
    make_house: HouseFactory, open_page: Open
) -> None:
    """A change of both restarts the mirror alone, and the page follows without a reload."""
    house = make_house(BREAKFAST)
    house.house("up")
    page = open_page(eventually(lambda: house.status()["mirror"]["url"]))
    before = house.pids()
    text = BREAKFAST.replace("browning = 3", "browning = 3\nfavourite = true")
    house.config.write_text(text.replace("brightness_percent = 60", "brightness_percent = 60\nhide = true"))
    house.house("reload")
    expect(page.locator(".room h2").nth(1)).to_have_text("Favourites")
    expect(card(page, "kitchen_lamp")).to_have_count(0)
    assert {name for name, pid in house.pids().items() if pid != before[name]} == {"mirror"}


@pytest.mark.long
def test_the_picture_stays_while_the_mirror_restarts(make_house: HouseFactory, open_page: Open) -> None:
    """Every card stays live, the page never says that it is lost, and a press in between counts."""
    house = make_house(BREAKFAST)
    house.house("up")
    page = open_page(eventually(lambda: house.status()["mirror"]["url"]))
    expect(page.locator("house-card[data-presence=live]")).to_have_count(4)
    page.evaluate("""() => {
      window.seen = new Set();
      const record = () => {
        window.seen.add(document.documentElement.dataset.link);
        for (const one of document.querySelectorAll('house-card')) window.seen.add(one.dataset.presence);
      };
      const all = {subtree: true, attributes: true, childList: true};
      new MutationObserver(record).observe(document.documentElement, all);
    }""")
    before = house.kill("mirror")
    card(page, "kitchen_lamp").get_by_role("button").click()
    expect(card(page, "kitchen_lamp")).to_have_attribute("data-phase", "on")
    assert house.pids()["mirror"] != before
    page.wait_for_timeout(3000)  # longer than the page would keep a wrong picture
    assert page.evaluate("[...window.seen].sort()") == ["live"]
