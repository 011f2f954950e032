"""The page in a real Chromium, in front of a real house that the tests break on purpose."""

import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from daemons.processes.mirror.page import assets
from tests.support.browser import IN_CHROMIUM, PHONE, WALL, set_patience, wait_until_live
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse
from tests.support.page_client import page_url

MAX_BYTES = 200_000
RECORD = """() => {
  window.seen = [document.documentElement.dataset.link];
  const record = () => window.seen.push(document.documentElement.dataset.link,
    ...[...document.querySelectorAll('house-card')].map(c => c.dataset.device + ' ' + c.dataset.presence));
  new MutationObserver(record).observe(document.documentElement, {subtree: true, attributes: true});
}"""
"""Records every presence and every link state that the page shows, however briefly."""

pytestmark = IN_CHROMIUM


@pytest.fixture
def slow(make_house: HouseFactory) -> TemporaryHouse:
    """Start the breakfast house at a visible speed: coffee takes twenty seconds, toast ten."""
    house = make_house(BREAKFAST.replace("speed = 60", "speed = 12"))
    house.house("up")
    return house


def card(page: Page, name: str) -> Any:
    """Return the card of a device."""
    return page.locator(f"house-card[data-device={name}]")


def test_a_press_on_the_page_makes_breakfast(slow: TemporaryHouse, window: Callable[..., Page]) -> None:
    """A press on the light starts coffee and toast; cards and sentence show their progress."""
    page = window(page_url(slow))
    wait_until_live(page)
    expect(page.locator("#sentence")).to_have_text("All is quiet.")
    light = card(page, "bathroom_light")
    light.locator("[data-command=press]").click()
    expect(light).to_have_attribute("data-phase", "on")
    expect(light.locator(".receipt")).to_contain_text("applied")
    expect(card(page, "coffee_maker")).to_have_attribute("data-phase", re.compile("heating|brewing"))
    expect(card(page, "toaster")).to_have_attribute("data-phase", "toasting")
    expect(page.locator("#sentence")).to_contain_text(re.compile(r"oast (in 0:0\d|is ready)"))
    expect(card(page, "toaster")).to_have_attribute("data-phase", "ready")
    expect(card(page, "coffee_maker")).to_have_attribute("data-phase", "ready")
    expect(page.locator("#sentence")).to_have_text("Breakfast is ready.")
    starts = slow.status()["devices"]["toaster"]["state"]["starts"]
    assert starts == 1, "one press starts the toaster once"


@pytest.mark.long
def test_an_appliance_is_started_and_stopped(slow: TemporaryHouse, window: Callable[..., Page]) -> None:
    """With the keyboard alone, while a second window shows the same."""
    page, other = window(page_url(slow)), window(page_url(slow), PHONE)
    wait_until_live(page)
    wait_until_live(other)
    button = card(page, "toaster").locator("[data-command=start]")
    button.focus()
    page.keyboard.press("Enter")
    for shown in (page, other):
        expect(card(shown, "toaster")).to_have_attribute("data-phase", "toasting")
    stop = card(page, "toaster").locator("[data-command=stop]")
    expect(stop).to_be_focused()  # the button has another label, and the same focus
    expect(card(page, "toaster").locator(".receipt")).to_contain_text("applied")  # ready again
    page.keyboard.press("Space")
    for shown in (page, other):
        expect(card(shown, "toaster")).to_have_attribute("data-phase", "idle")


@pytest.mark.long
def test_a_rejection_has_a_reason(slow: TemporaryHouse, window: Callable[..., Page]) -> None:
    """A command that does not fit the state has the device's reason."""
    page = window(f"{page_url(slow)}#device/toaster")
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    start = page.locator("house-device .controls-part").get_by_role("button", name="Start")
    receipt = page.locator("house-device .controls-part .receipt")
    start.click()
    expect(receipt).to_contain_text("applied")
    expect(page.locator("house-device .says")).to_contain_text("toasting")
    start.press("Enter")
    expect(receipt).to_contain_text("it is already toasting")


@pytest.mark.long
def test_a_killed_device_is_shown_restarting_and_live_again(
    slow: TemporaryHouse, window: Callable[..., Page]
) -> None:
    """Even a short end is shown; the work continues, and no other device is affected."""
    page = window(page_url(slow))
    wait_until_live(page)
    page.evaluate(RECORD)
    card(page, "toaster").locator("[data-command=start]").click()
    expect(card(page, "toaster")).to_have_attribute("data-phase", "toasting")
    slow.kill("toaster")
    page.wait_for_function("() => window.seen.includes('toaster restarting')")
    expect(card(page, "toaster")).to_have_attribute("data-presence", "live")
    expect(card(page, "toaster")).to_have_attribute("data-phase", "ready")
    seen = set(page.evaluate("window.seen"))
    assert not {word for word in seen if " " in word and not word.startswith("toaster ")} - {
        f"{name} live" for name in ("bathroom_light", "coffee_maker", "kitchen_lamp")
    }


@pytest.mark.long
def test_a_failed_device_shows_its_reason(make_house: HouseFactory, window: Any) -> None:
    """The page shows the reason, the log lines on demand, and the next attempt; then the device is live."""
    house = make_house()
    house.house("up")
    page = window(page_url(house))
    wait_until_live(page)
    hardware, kept = house.run / "hardware" / "toaster", house.run / "kept"
    pid = house.pids()["toaster"]
    hardware.rename(kept)
    hardware.write_text("no folder")
    with suppress(ProcessLookupError):  # the process may have ended already
        os.kill(pid, signal.SIGKILL)
    toaster = card(page, "toaster")
    expect(toaster).to_have_attribute("data-presence", "failed")
    expect(toaster).to_contain_text("exit status 1")
    expect(toaster.locator("pre")).to_be_hidden()
    toaster.locator("summary").click()
    expect(toaster.locator("pre")).to_contain_text("File exists")
    hardware.unlink()
    kept.rename(hardware)
    expect(toaster).to_have_attribute("data-presence", "live")


@pytest.mark.long
def test_a_stopped_device_is_shown_as_stopped(breakfast: TemporaryHouse, window: Any) -> None:
    """In words, not by colour alone."""
    page = window(page_url(breakfast))
    wait_until_live(page)
    breakfast.house("stop", "toaster")
    expect(card(page, "toaster")).to_have_attribute("data-presence", "stopped")
    expect(card(page, "toaster")).to_contain_text(re.compile("stopped", re.IGNORECASE))
    breakfast.house("start", "toaster")
    expect(card(page, "toaster")).to_have_attribute("data-presence", "live")


@pytest.mark.long
def test_the_page_reconnects_to_a_restarted_mirror(
    breakfast: TemporaryHouse, window: Callable[..., Page]
) -> None:
    """The page reconnects without a reload, shows the later changes, and has never said that it was lost."""
    page = window(page_url(breakfast))
    wait_until_live(page)
    page.evaluate(RECORD)
    page.evaluate("window.isTheSamePage = true")
    breakfast.kill("mirror")
    breakfast.send("kitchen_lamp", "on")
    expect(card(page, "kitchen_lamp")).to_have_attribute("data-phase", "on")
    assert "lost" not in page.evaluate("window.seen")
    assert page.evaluate("window.isTheSamePage")


@pytest.mark.long
def test_a_silent_mirror_counts_as_lost(breakfast: TemporaryHouse, window: Callable[..., Page]) -> None:
    """An open connection is not enough: while the mirror is silent, no device is shown as live."""
    page = window(page_url(breakfast))
    wait_until_live(page)
    pid = breakfast.kill("mirror", signal.SIGSTOP)
    try:
        expect(page.locator("html")).to_have_attribute("data-link", "lost")
        expect(page.locator("house-banner")).to_contain_text("The mirror does not answer")
        expect(page.locator("house-card[data-presence=live]")).to_have_count(0)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until_live(page)
    expect(page.locator("house-banner")).to_be_hidden()


@pytest.mark.long
def test_the_house_view_draws_all_subscriptions(
    breakfast: TemporaryHouse, window: Callable[..., Page]
) -> None:
    """The house view has every process with its PID, and draws the switch's three subscribers."""
    page = window(f"{page_url(breakfast)}#system")
    status = breakfast.status()
    for name, process in (status["devices"] | status["services"]).items():
        expect(page.locator("house-processes")).to_contain_text(str(process["process"]["pid"]))
        expect(page.locator("house-processes")).to_contain_text(process.get("name", name.capitalize()))
    expect(page.locator("house-drawing svg").first).to_be_visible()
    for text in ("Bathroom light", "Coffee maker", "Toaster", "Kitchen lamp"):
        expect(page.locator("house-drawing")).to_contain_text(text)


@pytest.mark.long
def test_the_history_names_the_press(breakfast: TemporaryHouse, window: Callable[..., Page]) -> None:
    """A period has its phase, and the press that caused it."""
    breakfast.send("bathroom_light", "press")
    with breakfast.listen("toaster") as listener:
        listener.wait_for(lambda listener: listener.has_state("toaster", phase="ready"))
    page = window(f"{page_url(breakfast)}#history")
    history = page.locator("house-history")
    history.locator("summary").first.click()
    expect(history).to_contain_text("toasting")
    expect(history).to_contain_text(re.compile(r"Bathroom light turned on at \d\d:\d\d:\d\d"))


@pytest.mark.long
def test_the_page_shows_the_time_of_the_house(breakfast: TemporaryHouse, window: Callable[..., Page]) -> None:
    """Time and date are in the timezone and locale of the house, wherever the browser is."""
    breakfast.config.write_text(BREAKFAST.replace("[house]", '[house]\nlocale = "de-DE"'))
    breakfast.house("reload")
    page = window(page_url(breakfast))
    wait_until_live(page)
    texts = page.evaluate("""() => [new Date().toLocaleDateString('de-DE',
      {weekday: 'long', timeZone: 'Europe/Berlin'}), document.querySelector('house-clock').textContent]""")
    assert texts[0] in texts[1]


@pytest.mark.long
def test_a_name_is_shown_as_text(make_house: HouseFactory, window: Any) -> None:
    """A name with markup is shown as text in every view."""
    name = "<img src=x onerror=alert(1)>"
    house = make_house(BREAKFAST.replace("browning = 3", f"browning = 3\nname = {name!r}"))
    house.house("up")
    page = window(page_url(house))
    wait_until_live(page)
    for view in ("mirror", "system", "history"):
        page.goto(f"{page_url(house)}#{view}")
        expect(page.locator(f"section[data-view={view}]")).to_contain_text(name)
    assert page.locator("main img").count() == 0


@pytest.mark.long
def test_a_browser_signs_in_once(breakfast: TemporaryHouse, window: Callable[..., Page]) -> None:
    """A wrong token is refused with a message, the right token opens the page, and the cookie is stored."""
    token = breakfast.house("token").stdout.strip()
    page = window(page_url(breakfast))
    expect(page).to_have_url(re.compile("/login$"))
    for given in ("wrong", token):
        page.locator("input").first.fill(given)
        page.keyboard.press("Enter")
        if given == "wrong":
            expect(page).to_have_url(re.compile(r"/login\?wrong"))
            expect(page.locator("body")).to_contain_text(re.compile("not", re.IGNORECASE))
    wait_until_live(page)
    breakfast.kill("mirror")
    page.goto(page_url(breakfast))
    wait_until_live(page)
    assert "house" not in page.evaluate("document.cookie"), "no script can read it"


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [WALL, PHONE], ids=["wall", "phone"])
def test_the_page_is_accessible(
    breakfast: TemporaryHouse, window: Callable[..., Page], scheme: str, size: dict[str, int]
) -> None:
    """Axe finds no violation in any view, also with a stopped device; nothing is wider than its window."""
    breakfast.send("bathroom_light", "press")
    breakfast.house("stop", "kitchen_lamp")
    page = window(page_url(breakfast), size, color_scheme=scheme, reduced_motion="reduce")
    for view in ("mirror", "system", "history"):
        page.goto(f"{page_url(breakfast)}#{view}")
        expect(page.locator(f"section[data-view={view}]")).to_be_visible()
        expect(card(page, "kitchen_lamp")).to_have_attribute("data-presence", "stopped")
        found = Axe().run(page).response["violations"]
        assert not [(one["id"], [node["html"] for node in one["nodes"]]) for one in found], view
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, view


@pytest.mark.long
def test_the_page_is_small(breakfast: TemporaryHouse, window: Callable[..., Page], chromium: Browser) -> None:
    """All loaded files are smaller than 200 kB together, and are served by the mirror."""
    loaded: dict[str, int] = {}
    page = chromium.new_context().new_page()
    set_patience(page)
    page.on("response", lambda answer: loaded.update({answer.url: int(answer.headers["content-length"])}))
    page.goto(page_url(breakfast))
    wait_until_live(page)
    page.context.close()
    assert len(loaded) > 3
    assert all(address.startswith(page_url(breakfast)) for address in loaded)
    assert sum(loaded.values()) < MAX_BYTES


@pytest.mark.long
def test_every_file_of_the_page_is_served(breakfast: TemporaryHouse, chromium: Browser) -> None:
    """Each file beside the bundle is served, with a type that browsers accept."""
    context = chromium.new_context()
    folder = Path(assets.__file__).parent / "static"
    for file in filter(Path.is_file, folder.iterdir()):
        answer = context.request.get(f"{page_url(breakfast)}page/{file.name}")
        assert answer.ok, file.name
        assert ("javascript" in answer.headers["content-type"]) == (file.suffix == ".js")
    context.close()


@pytest.mark.long
def test_a_wall_display_stays_black(breakfast: TemporaryHouse, window: Callable[..., Page]) -> None:
    """With glass=black in the address, also in a browser that reports a light scheme."""
    page = window(f"{page_url(breakfast)}?glass=black", color_scheme="light")
    wait_until_live(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    page.goto(page_url(breakfast))
    wait_until_live(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


VALUES = """
[devices.house_mode]
kind = "mode"
values = ["home", "away", "night"]

[devices.warmth]
kind = "number"
min = 5
max = 30
step = 0.5
unit = "°C"

[devices.alarm_clock]
kind = "moment"

[devices.coffees]
kind = "counter"

[devices.eggs]
kind = "timer"

[devices.mirror]
kind = "mirror"
port = 0
"""


@pytest.mark.long
def test_values_are_set_on_the_page(make_house: HouseFactory, window: Callable[..., Page]) -> None:
    """A choice, a slider, a time, a box and two buttons send their commands; the state follows."""
    house = make_house(VALUES)
    house.house("up")
    page = window(page_url(house))
    card(page, "house_mode").get_by_label("Mode").select_option("night")
    expect(card(page, "house_mode")).to_have_attribute("data-phase", "night")
    card(page, "warmth").get_by_label("Value").fill("21.5")
    expect(card(page, "warmth").locator(".says")).to_contain_text("21.5 °C")
    card(page, "warmth").locator("[data-command=decrease]").click()
    expect(card(page, "warmth").locator(".says")).to_contain_text("21 °C")
    time = card(page, "alarm_clock").get_by_label("Time")
    time.fill("07:45")
    time.press("Enter")
    expect(card(page, "alarm_clock")).to_have_attribute("data-phase", "armed")
    count = card(page, "coffees").get_by_label("Count")
    count.fill("3")
    count.press("Enter")
    expect(card(page, "coffees").locator(".says")).to_have_text("3 ")
    card(page, "coffees").locator("[data-command=increment]").click()
    expect(count).to_have_value("4")
    card(page, "eggs").locator("[data-command=start]").click()
    card(page, "eggs").locator("[data-command=cancel]").click()
    expect(card(page, "eggs")).to_have_attribute("data-phase", "idle")
    card(page, "eggs").locator(".body").click()  # all its words lead to the page
    eggs = page.locator("house-device[data-device=eggs]")
    eggs.get_by_label("Duration", exact=True).fill("4")
    eggs.get_by_role("button", name="Start").click()
    expect(eggs.locator(".says")).to_contain_text("running")
    assert 230 < house.status()["devices"]["eggs"]["state"]["remaining_seconds"] <= 240
    eggs.get_by_role("button", name="Cancel").click()
    page.go_back()
    states = {name: device["state"] for name, device in house.status()["devices"].items()}
    assert (states["alarm_clock"]["time"], states["warmth"]["value"]) == ("07:45", 21)
    assert (states["house_mode"]["phase"], states["coffees"]["count"]) == ("night", 4)
    assert Axe().run(page).response["violations"] == []


@pytest.mark.long
@pytest.mark.parametrize("size", [WALL, PHONE])
def test_a_change_for_the_whole_house_can_be_undone(
    make_house: HouseFactory, window: Callable[..., Page], size: Any
) -> None:
    """A mode and a person have a button for it, on their cards and on their pages; a timer has none."""
    house = make_house(f'{VALUES}\n[devices.anna]\nkind = "person"\ndriver = "simulated"\n')
    house.house("up")
    house.send("anna", "home")
    page = window(page_url(house), size)
    mode, anna = card(page, "house_mode"), card(page, "anna")
    mode.get_by_label("Mode").select_option("night")
    undo = mode.get_by_role("button", name="Undo: House mode")
    expect(undo).to_be_in_viewport(ratio=1)
    assert Axe().run(page).response["violations"] == []
    undo.click()
    expect(mode.locator(".receipt")).to_have_text("undone")
    expect(mode).to_have_attribute("data-phase", "home")
    anna.get_by_role("button", name="Set away").click()
    expect(anna).to_have_attribute("data-phase", "away")
    anna.get_by_role("button", name="Undo").click()
    expect(anna).to_have_attribute("data-phase", "home")
    card(page, "eggs").locator("[data-command=start]").click()
    expect(card(page, "eggs").locator(".receipt")).to_contain_text("applied")
    expect(card(page, "eggs").locator(".undo")).to_have_count(0)
    page.evaluate("location.hash = '#device/house_mode'")
    device = page.locator("house-device[data-device=house_mode]")
    device.get_by_label("Mode: House mode").select_option("away")
    device.locator(".controls-part").get_by_role("button", name="Undo").click()
    expect(device.locator(".says")).to_contain_text("home")
    assert house.status()["devices"]["house_mode"]["state"]["phase"] == "home"


@pytest.mark.long
def test_a_refused_value_shows_the_reason(make_house: HouseFactory, window: Callable[..., Page]) -> None:
    """The box returns to the present value."""
    house = make_house(VALUES)
    house.house("up")
    page = window(page_url(house))
    count = card(page, "coffees").get_by_label("Count")
    count.fill("-5")
    count.press("Enter")
    expect(card(page, "coffees").locator(".receipt")).to_contain_text("below its lowest value, 0")
    expect(count).to_have_value("0")
