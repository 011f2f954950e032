"""The history view in a real Chromium: it loads, it tells what is not known, and it shows values."""

import csv
import re
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Error, Page, Route, ViewportSize, expect

from bench.past import DAY, Device, fold, write_past
from tests.support.browser import IN_CHROMIUM, PHONE, WALL, set_patience
from tests.support.house import HouseFactory, TemporaryHouse
from tests.support.page_client import page_url

pytestmark = [pytest.mark.long, *IN_CHROMIUM]
DEVICES = [Device("kitchen_sensor", "sensor"), Device("hall_plug", "plug"), Device("hall_lamp", "lamp")]
HOME = """
[house]
watchdog = "60s"
timezone = "Europe/Berlin"
locale = "en-GB"

[devices.mirror]
kind = "mirror"
port = 0

[devices.kitchen_sensor]
kind = "sensor"
driver = "simulated"
room = "Kitchen"

[devices.hall_plug]
kind = "plug"
driver = "simulated"
room = "Hall"

[devices.hall_lamp]
kind = "lamp"
driver = "simulated"
room = "Hall"
"""
SLOW_SECONDS = 0.6
"""A page that ends its own requests would never see such an answer."""
AXIS_ENDS = """(axis) => ({
  edge: axis.getBoundingClientRect().right + 1,
  texts: [...axis.children].filter(({ textContent }) => textContent).map((mark) => {
    const range = document.createRange();
    range.selectNodeContents(mark);
    return range.getBoundingClientRect().right;
  }),
})"""
"""The right edge of the axis and of each of its texts, in pixels."""
TICKS = """(graphs) => graphs.map((graph) => {
  const { top, bottom } = graph.getBoundingClientRect();
  const written = [...graph.querySelectorAll(".ticks span")].filter((tick) => tick.textContent);
  const texts = written.map((tick) => {
    const range = document.createRange();
    range.selectNodeContents(tick);
    const box = range.getBoundingClientRect();
    return [box.top, box.bottom];
  });
  return { top, bottom, texts };
})"""
"""The upper and lower edge of each graph, and of each value at its axis, in pixels."""
IS_LOADED = """() => [...document.querySelectorAll("house-history .loading")]
  .every((part) => !part.clientWidth)"""
"""Whether all that is visible is loaded."""


@pytest.fixture
def home(make_house: HouseFactory) -> TemporaryHouse:
    """Start a house that has recorded nine days, with a gap of some hours."""
    house = make_house(HOME)
    path = house.run / "history" / "history.db"
    path.parent.mkdir(parents=True)
    now = time.time()
    write_past(path, DEVICES, now, 9, step_seconds=300)
    fold(path, now)
    house.house("up")
    return house


def open_history(browser: Browser, house: TemporaryHouse, size: ViewportSize) -> Page:
    """Open the history view, and wait until it shows each device."""
    page = browser.new_context(viewport=size, has_touch=size is PHONE, accept_downloads=True).new_page()
    set_patience(page)
    page.goto(f"{page_url(house)}#history")
    expect(page.locator("house-history .row")).to_have_count(4)
    return page


def choose(page: Page, name: str) -> None:
    """Press a button of the view."""
    page.get_by_role("button", name=name, exact=True).click()


def test_a_week_loads_although_the_answer_is_slow(chromium: Browser, home: TemporaryHouse) -> None:
    """One request is under way at a time, none is given up, and what is visible is loaded in the end."""
    page = open_history(chromium, home, WALL)
    under_way, most, failed = 0, 0, list[str]()
    lock = threading.Lock()

    def answer_late(route: Route) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        page.wait_for_timeout(SLOW_SECONDS * 1000)
        with suppress(Error):
            route.continue_()
        with lock:
            under_way -= 1

    asked = list[str]()
    page.on("request", lambda request: asked.append(request.url) if "/api/history" in request.url else None)
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.route("**/api/history?*", answer_late)
    for name in ("Week", "Year", "Month", "Week"):
        choose(page, name)
    page.wait_for_function(IS_LOADED)
    expect(page.locator("house-history .loads")).to_have_text("")
    assert (most, failed) == (1, [])
    assert len(asked) <= 3
    assert all("since=-" not in url for url in asked)


def test_a_gap_is_told_and_not_drawn_as_quiet(chromium: Browser, home: TemporaryHouse) -> None:
    """The bar of the gap has its reason, and a graph has no value in it."""
    page = open_history(chromium, home, WALL)
    choose(page, "Week")
    page.wait_for_function(IS_LOADED)
    row = page.locator("house-history [data-key=hall_lamp]")
    gap = row.locator("[data-sort=unknown]").first
    assert "the recorder did not run" in str(gap.get_attribute("aria-label"))
    box = gap.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] + 30)
    expect(row.locator(".value .reading").first).to_have_text("not known")


def test_the_values_under_a_finger_are_shown(chromium: Browser, home: TemporaryHouse) -> None:
    """A tap on a phone shows the value of each measurement, and the time."""
    page = open_history(chromium, home, PHONE)
    choose(page, "Week")
    page.wait_for_function(IS_LOADED)
    graph = page.locator("house-history [data-key=kitchen_sensor] .graph").first
    graph.scroll_into_view_if_needed()
    box = graph.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    row = page.locator("house-history [data-key=kitchen_sensor]")
    expect(row.get_by_text("°C (")).to_be_visible()
    expect(page.locator("house-history .marks .time")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_energy_of_each_day_is_a_bar(chromium: Browser, home: TemporaryHouse) -> None:
    """The day under the pointer has its kilowatt-hours."""
    page = open_history(chromium, home, WALL)
    choose(page, "Week")
    page.wait_for_function(IS_LOADED)
    days = page.locator("house-history [data-key=hall_plug] .days")
    assert 7 <= days.locator("i").count() <= 9
    box = days.bounding_box()
    assert box
    ends = days.locator("i").evaluate_all("bars => bars.map((bar) => bar.getBoundingClientRect().right)")
    assert max(ends) <= box["x"] + box["width"] + 1, "the number of a day that is not over is in sight"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("house-history [data-key=hall_plug] .energy .reading")).to_contain_text("kWh · ")


def test_a_day_that_is_partly_known_is_explained(chromium: Browser, home: TemporaryHouse) -> None:
    """The label says what the hatching means: the house was down for some hours of one day."""
    page = open_history(chromium, home, PHONE)
    choose(page, "Week")
    page.wait_for_function(IS_LOADED)
    row = page.locator("house-history [data-key=hall_plug]")
    expect(row.locator(".days .partial")).not_to_have_count(0)
    expect(row.locator(".partly")).to_have_text("hatched: only a part of the day is known")


@pytest.mark.parametrize("size", [WALL, PHONE])
def test_no_time_of_the_axis_is_cut_off(chromium: Browser, home: TemporaryHouse, size: ViewportSize) -> None:
    """A text that would not end before the right edge is left out."""
    page = open_history(chromium, home, size)
    for name in ("Hour", "Day", "Week", "Month", "Year"):
        choose(page, name)
        ends = page.locator("house-history .texts").evaluate(AXIS_ENDS)
        assert ends["texts"]
        assert max(ends["texts"]) <= ends["edge"], name


@pytest.mark.parametrize("size", [WALL, PHONE, ViewportSize(width=768, height=1024)])
def test_no_value_of_an_axis_is_cut_off(chromium: Browser, home: TemporaryHouse, size: ViewportSize) -> None:
    """The lowest one stands within its graph too, and none overlaps another."""
    page = open_history(chromium, home, size)
    for name in ("Hour", "Day", "Week"):
        choose(page, name)
        expect(page.locator("house-history .ticks .low b").first).to_be_visible()
        graphs = page.locator("house-history .graph:not(.empty)").evaluate_all(TICKS)
        assert graphs
        for graph in graphs:
            edges = sorted(graph["texts"])
            assert edges[0][0] >= graph["top"] - 1, (name, graph)
            assert edges[-1][1] <= graph["bottom"] + 1, (name, graph)
            assert all(a[1] <= b[0] + 1 for a, b in pairwise(edges)), (name, graph)


def test_a_range_that_follows_the_present_begins_its_length_before_it(
    chromium: Browser, home: TemporaryHouse
) -> None:
    """A day begins at this time of yesterday, also on the page of a device; a look back has a whole day."""
    page = open_history(chromium, home, WALL)
    choose(page, "Day")
    for view in ("house-history", "house-graphs"):
        if view == "house-graphs":
            page.evaluate("location.hash = '#device/hall_lamp'")
        shown = page.locator(f"{view} .range")
        expect(shown).to_have_text(re.compile(r", \d\d:\d\d – now · 1 d"))
        begins = re.search(r"(\d\d:\d\d) – now", shown.text_content() or "")
        now = datetime.now(ZoneInfo("Europe/Berlin"))
        assert begins
        assert begins[1] in {f"{now - timedelta(minutes=minutes):%H:%M}" for minutes in (0, 1)}
        page.locator(view).get_by_role("button", name="Earlier").click()
        expect(shown).to_have_text(re.compile(r", (\d\d:\d\d) – \w+ \d+ \w+, \1 · 1 d"))
        ends = re.search(r"– \w+ (\d+) ", shown.text_content() or "")
        assert ends
        assert int(ends[1]) == (now - timedelta(days=1)).day, "it is the day before"


def test_what_is_filtered_is_what_is_downloaded(
    chromium: Browser, home: TemporaryHouse, tmp_path: Path
) -> None:
    """With a room, only its devices are shown, and the table has no others."""
    page = open_history(chromium, home, WALL)
    page.get_by_label("Room").select_option("Hall")
    expect(page.locator("house-history .row")).to_have_count(2)
    choose(page, "Day")
    with page.expect_download() as started:
        choose(page, "Download CSV")
    file = tmp_path / "history.csv"
    started.value.save_as(file)
    rows = list(csv.DictReader(StringIO(file.read_text())))
    assert {row["device"] for row in rows} == {"hall_plug", "hall_lamp"}
    assert min(row["from"] for row in rows if row["power_watts_mean"])[:10] >= time.strftime(
        "%Y-%m-%d", time.gmtime(time.time() - 2 * DAY)
    )
    page.get_by_label("Device", exact=True).select_option("Hall lamp")
    expect(page.locator("house-history .row")).to_have_count(1)


def test_the_wheel_zooms(chromium: Browser, home: TemporaryHouse) -> None:
    """From an hour to the year, and to the seconds."""
    page = open_history(chromium, home, WALL)
    choose(page, "Day")
    page.get_by_label("Device", exact=True).select_option("Hall lamp")
    page.locator("house-history .frame").hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, 400)
    page.keyboard.up("Control")
    expect(page.locator("house-history .range")).to_have_text(re.compile(r"· 1 d \d+ h$"))
    choose(page, "Year")
    expect(page.locator("house-history .range")).to_contain_text("365 d")
    page.wait_for_function(IS_LOADED)
