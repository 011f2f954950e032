"""The page of a device in a real Chromium: its controls, its reasons, its process and its editor."""

import os
import re
import signal
import time
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.big_house import big_house
from tests.support.browser import IN_CHROMIUM, PHONE, WALL, wait_until_live
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually
from tests.support.page_client import page_url

pytestmark = IN_CHROMIUM
EDITABLE = BREAKFAST.replace("port = 0", "port = 0\nedit = true")
RULES = """
[devices.attic]
kind = "sensor"
driver = "simulated"
simulated = { temperature_celsius = 20.0 }

[devices.hall]
kind = "sensor"
driver = "simulated"
detects = "motion"

[devices.knob]
kind = "button"
driver = "simulated"

[devices.spot]
kind = "lamp"
driver = "simulated"

[devices.lamp]
kind = "lamp"
driver = "simulated"

[[devices.lamp.when]]
device = "attic"
above = { temperature_celsius = 28 }
for = "10m"
do = "on"
with = { brightness_percent = 30 }

[[devices.lamp.when]]
device = "knob"
turns = { phase = "double" }
only_if = [{ device = "hall", is = { status = false }, for = "5m" }]
none = [{ device = "spot", presence = "offline" }]
do = "toggle"

[[devices.lamp.when]]
at = "sunset-30m"
days = ["mon", "sat"]
random_offset = "15m"
do = "on"

[[devices.lamp.when]]
at = "06:30"
months = ["dec"]
do = "off"

[[devices.lamp.when]]
all = [{ device = "spot", is = { status = true } }, { device = "hall", is = { phase = "motion" } }]
between = ["22:00", "sunrise"]
cooldown = "1h"
do = "off"

[[devices.lamp.when]]
device = "spot"
follow = ["status", "brightness_percent"]

[house]
watchdog = "60s"
latitude = 52.5
longitude = 13.4

[devices.mirror]
kind = "mirror"
port = 0
"""
RULES_IN_WORDS = {
    "en": [
        "when the temperature of Attic goes above 28 °C, for 10 min: On (Brightness 30 %)",
        "when Knob is pressed twice, only if Hall is clear for 5 min, not if Spot is offline: Toggle",
        "30 min before sunset, up to 15 min earlier or later, only on Monday, Saturday: On",
        "at 06:30, only in December: Off",
        "when Spot is on and Hall detects motion, between 22:00 and sunrise, at most once in 1 h: Off",
        "when status or brightness of Spot changes: do the same",
    ],
    "de": [
        "wenn Temperatur von Attic über 28 °C steigt, 10 Min. lang: Ein (Helligkeit 30 %)",
        (
            "wenn Knob zweimal gedrückt wird, nur wenn Hall ruhig ist, seit 5 Min., "
            "nicht wenn Spot offline ist: Umschalten"
        ),
        "30 Min. vor Sonnenuntergang, bis zu 15 Min. früher oder später, nur am Montag, Samstag: Ein",
        "um 06:30, nur im Dezember: Aus",
        (
            "wenn Spot an ist und Hall Bewegung erkennt, zwischen 22:00 und Sonnenaufgang, "
            "höchstens einmal in 1 Std.: Aus"
        ),
        "wenn sich Status oder Helligkeit von Spot ändert: dasselbe tun",
    ],
}


Window = Callable[..., Page]


def show(page: Page, name: str) -> Locator:
    """Go to the page of a device within the open page, and return its element."""
    page.evaluate("name => { location.hash = `#device/${name}` }", name)
    found = page.locator(f"house-device[data-device={name}]")
    expect(found.locator("h1")).to_be_visible()
    return found


def unfold(device: Locator, part: str) -> Locator:
    """Unfold a part of the page, and return it."""
    found = device.locator(f"details.{part}")
    expect(found).to_be_visible()
    if found.get_attribute("open") is None:
        found.locator("summary").first.click()
    return found


def sign_in(page: Page, token: str) -> None:
    """Sign in with a token."""
    page.locator("input").first.fill(token)
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-link", "live")


@pytest.fixture
def editor(make_house: HouseFactory, window: Window) -> tuple[TemporaryHouse, Page]:
    """Start a house whose page may edit, and sign in as its owner."""
    house = make_house(EDITABLE)
    house.house("up")
    token = house.house("token").stdout.split()[0]
    page = window(page_url(house))
    sign_in(page, token)
    return house, page


@pytest.mark.long
def test_a_device_is_commanded_stopped_and_started_on_its_page(
    breakfast: TemporaryHouse,
    window: Window,
) -> None:
    """A slider and a button command it; a stop is asked for first; a stopped device is started again."""
    page = window(f"{page_url(breakfast)}#device/kitchen_lamp", PHONE)
    lamp = page.locator("house-device")
    expect(lamp.locator("h1")).to_have_text("Kitchen lamp")
    lamp.get_by_role("button", name="Turn on").click()
    expect(lamp.locator(".says")).to_contain_text("on at 60 %")
    lamp.get_by_role("slider", name="Brightness").fill("25")
    expect(lamp.locator(".says")).to_contain_text("on at 25 %")
    expect(lamp.locator(".dial .value").first).to_have_text("25 %")
    process = unfold(lamp, "process")
    pid = breakfast.pids()["kitchen_lamp"]
    expect(process).to_contain_text(str(pid))
    process.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(lamp.locator(".trouble-strip")).to_be_hidden()
    process.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(lamp.locator(".trouble-strip")).to_contain_text("Stopped by hand")
    lamp.get_by_role("button", name="Turn off").press("Enter")  # a click waits until it is enabled
    expect(lamp.locator(".controls-part .receipt")).to_contain_text("its process does not run")
    lamp.get_by_role("button", name="Start it").click()
    expect(lamp.locator(".device-head")).to_have_attribute("data-presence", "live")
    expect(lamp.locator(".trouble-strip")).to_be_hidden()
    assert breakfast.pids()["kitchen_lamp"] != pid


@pytest.mark.long
def test_a_lamp_gets_a_colour_on_its_page_and_on_its_card(breakfast: TemporaryHouse, window: Window) -> None:
    """The swatch shows that there is none at first. Each page shows what was chosen on the other one."""
    page = window(f"{page_url(breakfast)}#device/kitchen_lamp", PHONE)
    lamp = page.locator("house-device")
    swatch = lamp.locator(".colour")
    expect(swatch).to_have_attribute("data-unknown", "")
    swatch.get_by_label("Colour").fill("#0000ff")
    expect(lamp.locator(".controls-part .receipt")).to_contain_text("applied")
    expect(swatch).not_to_have_attribute("data-unknown", "")
    assert breakfast.status()["devices"]["kitchen_lamp"]["state"]["colour"] == "#0000ff"
    page.evaluate("location.hash = '#mirror'")
    card = page.locator("house-card[data-device=kitchen_lamp]")
    choice = card.get_by_label("Colour")
    expect(choice).to_have_value("#0000ff")
    choice.fill("#804000")
    expect(choice).to_have_value("#ff8000")  # of full brightness
    breakfast.send("kitchen_lamp", "on", "colour_temperature_kelvin=2700")
    expect(card.locator(".colour")).to_have_attribute("data-unknown", "")
    found = Axe().run(page).response["violations"]
    assert not [one["id"] for one in found if any(".colour" in str(node) for node in one["nodes"])]


@pytest.mark.long
def test_the_page_explains_a_device(breakfast: TemporaryHouse, window: Window) -> None:
    """The chain begins at the switch; the rule has the time at which it acted; a later press is shown too."""
    breakfast.send("bathroom_light", "press")
    page = window(f"{page_url(breakfast)}#device/kitchen_lamp")
    lamp = page.locator("house-device")
    expect(lamp.locator(".chain > li")).to_have_count(2)
    expect(lamp.locator(".chain > li").first).to_contain_text("A command came from the terminal.")
    expect(lamp.locator(".chain > li").last).to_contain_text("off → on")
    expect(lamp.locator(".rules > li").first.locator("dd")).to_contain_text("ago")
    for rule in (lamp.locator(".rules .rule").first, lamp.locator(".chain .rule").first):
        expect(rule).to_contain_text("when Bathroom light turns on")
    expect(lamp.locator(".rules > li").last.locator("dd")).to_contain_text("not yet")
    breakfast.send("bathroom_light", "press")
    expect(lamp.locator(".chain > li").last).to_contain_text("on → off")
    expect(lamp.locator(".rules > li").last.locator("dd")).to_contain_text("ago")


@pytest.mark.long
def test_a_change_that_is_not_in_the_history_yet_is_asked_for_again(
    breakfast: TemporaryHouse, window: Window
) -> None:
    """Right after a start, an answer may lack the latest change: the page says so, and then explains it."""
    page = window(page_url(breakfast))
    wait_until_live(page)
    breakfast.send("kitchen_lamp", "on")
    answered: list[str] = []

    def answer(route: Route) -> None:
        if answered:
            route.continue_()
        else:
            route.fulfill(json={"explanation": None, "declined": []})
        answered.append(route.request.url)

    page.route("**/api/why/kitchen_lamp", answer)
    lamp = show(page, "kitchen_lamp")
    expect(lamp.locator(".why .hint").first).to_have_text("The history is still being read …")
    expect(lamp.locator(".chain > li").last).to_contain_text("off → on")
    expect(lamp.locator(".why .hint").first).to_be_hidden()
    assert len(answered) == 2


@pytest.mark.long
def test_rules_are_in_the_language_of_the_page(make_house: HouseFactory, window: Window) -> None:
    """With the words of phases, measurements, times, days and commands, and with units."""
    house = make_house(RULES)
    house.house("up")
    for language, texts in RULES_IN_WORDS.items():
        page = window(f"{page_url(house)}?lang={language}#device/lamp")
        expect(page.locator(".rules q")).to_have_text(texts)
        page.close()


@pytest.mark.long
def test_a_rule_that_did_not_act_has_its_reason(make_house: HouseFactory, window: Window) -> None:
    """It names the cooldown, in the chain's part and at the rule."""
    lamp = '[[devices.kitchen_lamp.when]]\ndevice = "bathroom_light"\nturns = { status = true }\n'
    assert lamp in BREAKFAST
    house = make_house(BREAKFAST.replace(lamp, f'{lamp}cooldown = "1h"\n'))
    house.house("up")
    for _ in range(3):
        house.send("bathroom_light", "press")
    page = window(f"{page_url(house)}#device/kitchen_lamp")
    device = page.locator("house-device")
    expect(device.locator(".why-not")).to_contain_text("its cooldown is 1 h")
    expect(device.locator(".rules > li").first).to_contain_text("its cooldown is 1 h")


@pytest.mark.long
def test_a_condition_that_was_not_met_is_in_the_language_of_the_page(
    make_house: HouseFactory, window: Window
) -> None:
    """In the part "Why not", and at the rule."""
    lamp = '[[devices.kitchen_lamp.when]]\ndevice = "bathroom_light"\nturns = { status = true }\n'
    condition = 'only_if = [{ device = "toaster", is = { ready = true } }]\n'
    house = make_house(BREAKFAST.replace(lamp, f"{lamp}{condition}"))
    house.house("up")
    house.send("bathroom_light", "press")
    device = window(f"{page_url(house)}?lang=de#device/kitchen_lamp").locator("house-device")
    text = "Eine Bedingung war nicht erfüllt: dass Toaster bereit ist"
    expect(device.locator(".why-not")).to_contain_text(text)
    expect(device.locator(".rules > li").first).to_contain_text(text)


@pytest.mark.long
def test_a_log_is_followed_while_it_is_unfolded(breakfast: TemporaryHouse, window: Window) -> None:
    """A new line comes by itself."""
    page = window(f"{page_url(breakfast)}#device/toaster")
    log = unfold(page.locator("house-device"), "log-part")
    expect(log.locator(".log-lines")).to_contain_text("is up")
    breakfast.send("toaster", "start")
    expect(log.locator(".log-lines")).to_contain_text("toasting")


@pytest.mark.long
def test_the_keyboard_alone_reaches_everything(
    breakfast: TemporaryHouse,
    window: Window,
) -> None:
    """The focus is at the heading after a change of pages, and Escape leads back; no part holds it."""
    page = window(page_url(breakfast))
    wait_until_live(page)
    device = show(page, "toaster")
    expect(device.locator("h1")).to_be_focused()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        words = "e => e.innerText || e.ariaLabel || e.tagName"
        reached.append(page.evaluate(f"({words})(document.activeElement)"))
        if reached[-1].strip() == "Change it":
            break
    texts = " ".join(reached)
    for text in ("Start", "Stop", "INPUT", "Log", "Process", "Hardware", "Change it"):
        assert text in texts, reached
    page.keyboard.press("Escape")
    expect(page.locator("section[data-view=mirror]")).to_be_visible()
    page.goto(f"{page_url(breakfast)}#device/toaster")
    sibling = device.locator(".siblings a:visible").first
    name = str(sibling.get_attribute("href")).removeprefix("#device/")
    sibling.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"house-device[data-device={name}] h1")).to_be_focused()
    page.go_back()
    expect(page.locator("house-device[data-device=toaster] h1")).to_be_visible()


@pytest.mark.long
def test_a_command_with_a_form_beside_the_buttons_has_one_button(
    breakfast: TemporaryHouse, window: Window
) -> None:
    """The form of a toaster starts it also when no browning is given."""
    page = window(f"{page_url(breakfast)}#device/toaster")
    start = page.locator(".controls-part").get_by_role("button", name="Start")
    expect(start).to_have_count(1)
    start.click()
    expect(page.locator("house-device .says")).to_contain_text("toasting")


@pytest.mark.long
def test_an_unknown_device_has_a_page_that_says_so(
    breakfast: TemporaryHouse,
    window: Window,
) -> None:
    """It leads back to the mirror. A name with markup is text."""
    name = "<img src=x onerror=alert(1)>"
    page = window(f"{page_url(breakfast)}#device/%3Cimg%20src=x%20onerror=alert(1)%3E")
    expect(page.locator("house-device h1")).to_have_text(f"There is no device “{name}” here.")
    page.get_by_role("link", name="Mirror").last.click()
    expect(page.locator("section[data-view=mirror]")).to_be_visible()


@pytest.mark.long
def test_a_person_sees_only_devices_with_a_right(
    breakfast: TemporaryHouse,
    window: Window,
) -> None:
    """Without the rights, the page has no buttons for the process, no log, no reasons and no editor."""
    breakfast.house("token")
    made = breakfast.house("token", "make", "anna", "--see", "toaster").stdout
    token = next(line for line in made.split() if len(line) > 30)
    page = window(page_url(breakfast))
    sign_in(page, token)
    toaster = show(page, "toaster")
    process = unfold(toaster, "process")
    expect(process).to_contain_text("may not restart or stop")
    expect(process.get_by_role("button")).to_have_count(0)
    for part in (".why", ".log-part", ".edit-part", ".controls-part"):
        expect(toaster.locator(part)).to_be_hidden()
    page.evaluate("location.hash = '#device/coffee_maker'")
    expect(page.locator("house-device h1")).to_have_text("There is no device “coffee_maker” here.")


@pytest.mark.long
def test_editing_says_how_to_get_the_right(breakfast: TemporaryHouse, window: Window) -> None:
    """One sentence names the line of the configuration."""
    page = window(f"{page_url(breakfast)}#device/toaster")
    part = unfold(page.locator("house-device"), "edit-part")
    expect(part).to_contain_text("edit = true")
    expect(part.locator("textarea")).to_be_hidden()


@pytest.mark.long
def test_a_mistake_is_marked_while_typing(editor: tuple[TemporaryHouse, Page]) -> None:
    """The line of the mistake is marked, its text is below, and nothing can be tried."""
    _, page = editor
    part = unfold(show(page, "toaster"), "edit-part")
    text = unfold(part, "text-part").locator("textarea")
    expect(text).to_have_value(re.compile("browning = 3"))
    text.fill(text.input_value().replace("browning = 3", "browning = 33"))
    expect(part.locator(".problems li")).to_contain_text("Line 5: 33 is not allowed")
    expect(part.locator(".numbers .bad")).to_have_text("! 5")
    expect(text).to_have_attribute("aria-invalid", "true")
    expect(part.get_by_role("button", name="Preview")).to_have_attribute("aria-disabled", "true")
    part.get_by_role("button", name="Line 5:").click()
    expect(text).to_be_focused()
    assert Axe().run(page).response["violations"] == []
    text.fill(text.input_value().replace("browning = 33", "browning = 4"))
    expect(part.locator(".problems")).to_be_hidden()
    expect(part.get_by_role("button", name="Preview")).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.long
def test_a_rule_leads_to_its_text(editor: tuple[TemporaryHouse, Page]) -> None:
    """A person who may edit has a button at each rule; the editor is unfolded, and has the focus."""
    device = show(editor[1], "toaster")
    device.get_by_role("button", name="Change rule 1").click()
    expect(device.locator("details.edit-part")).to_have_attribute("open", "")
    expect(device.locator("details.edit-part > summary")).to_be_focused()


@pytest.mark.long
def test_a_rule_leads_to_its_time(make_house: HouseFactory, window: Window) -> None:
    """The form is loaded when the editor is unfolded first; then the field of the rule has the focus."""
    head = "[[devices.toaster.when]]\n"
    house = make_house(EDITABLE.replace(head, f'{head}at = "06:30"\ndo = "start"\n\n{head}', 1))
    house.house("up")
    token = house.house("token").stdout.split()[0]  # before the page is open: it goes to the sign-in then
    page = window(page_url(house))
    sign_in(page, token)
    device = show(page, "toaster")
    for _ in range(2):
        device.get_by_role("button", name="Change rule 1").click()
        field = device.get_by_label("Rule 1: time")
        expect(field).to_be_focused()
        expect(field).to_be_in_viewport()
        field.blur()
        page.evaluate("scrollTo(0, 0)")


@pytest.mark.long
def test_a_view_that_is_shown_again_is_of_this_second(breakfast: TemporaryHouse, window: Window) -> None:
    """The clock does not show when it was last seen until the next second."""
    page = window(page_url(breakfast))
    expect(page.locator("house-clock .seconds")).to_have_text(re.compile(r"\d\d"))
    page.evaluate("location.hash = '#system'")
    expect(page.locator("html")).to_have_attribute("data-shown", "system")
    page.evaluate("document.querySelector('house-clock .seconds').textContent = 'old'")
    shown = page.evaluate(
        """new Promise((done) => {
          const seconds = document.querySelector("house-clock .seconds");
          addEventListener("hashchange", () => done(seconds.textContent));
          location.hash = "#mirror";
        })"""
    )
    assert shown != "old"


@pytest.mark.long
def test_tab_indents_only_while_typing(editor: tuple[TemporaryHouse, Page]) -> None:
    """The keyboard is never trapped in the text."""
    _, page = editor
    part = unfold(show(page, "toaster"), "edit-part")
    text = unfold(part, "text-part").locator("textarea")
    expect(text).to_have_value(re.compile("browning = 3"))
    text.focus()
    page.keyboard.press("Tab")
    expect(text).not_to_be_focused()
    text.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("#")
    page.keyboard.press("Tab")
    expect(text).to_be_focused()
    assert text.input_value().endswith("#    ")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(text).not_to_be_focused()


@pytest.mark.long
def test_a_change_is_tried_applied_and_undone(editor: tuple[TemporaryHouse, Page]) -> None:
    """The form changes the text, comments stay, only the device restarts, and Undo brings back the file."""
    house, page = editor
    before, pids = house.config.read_text(), house.pids()
    toaster = show(page, "toaster")
    part = unfold(toaster, "edit-part")
    part.get_by_label("Browning").fill("5")
    part.get_by_label("Browning").press("Enter")
    expect(part.locator("textarea")).to_have_value(re.compile("browning = 5\n.*# between", re.DOTALL))
    expect(part.get_by_label("Name", exact=True)).to_have_attribute("placeholder", "Toaster")
    expect(part.locator(".edit-body > .buttons > :visible")).to_have_text(["Preview", "Discard changes"])
    part.get_by_role("button", name="Preview").click()
    expect(part.locator(".trial")).to_contain_text("Toaster restarts")
    expect(part.get_by_role("button", name="Apply")).to_be_in_viewport()
    expect(part.locator(".trial h3").first).to_be_in_viewport()
    expect(part.locator(".trial")).to_contain_text("browning: 3 → 5")
    expect(part.locator(".trial")).to_contain_text("The house would have done the same")
    expect(part.locator(".trial")).to_contain_text(re.compile(r"From (.*, )?\d+:\d\d.* to \d+:\d\d"))
    expect(part.locator(".trial")).to_contain_text("this house has none")
    assert house.config.read_text() == before, "nothing has happened yet"
    apply, results = part.locator(".apply").bounding_box(), part.locator(".trial").bounding_box()
    assert apply
    assert results
    assert apply["y"] < results["y"], "no later result moves the button"
    part.get_by_role("button", name="Apply").click()
    expect(part.locator(".edit-body > .receipt")).to_contain_text("Done.")
    assert house.config.read_text() == before.replace("browning = 3", "browning = 5")
    changed = {name for name, pid in house.pids().items() if pid != pids[name]}
    assert changed == {"toaster"}
    part.get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(part.locator(".edit-body > .receipt")).to_contain_text("Undone.")
    assert house.config.read_text() == before
    expect(part.locator("textarea")).to_have_value(re.compile("browning = 3"))


@pytest.mark.long
def test_a_new_name_restarts_the_mirror_and_the_page_goes_on(editor: tuple[TemporaryHouse, Page]) -> None:
    """The warning comes before; the job is followed over the restart, and the new name is shown."""
    _, page = editor
    toaster = show(page, "toaster")
    part = unfold(toaster, "edit-part")
    part.get_by_label("Name", exact=True).fill("Old toaster")
    part.get_by_label("Name", exact=True).press("Enter")
    expect(part.locator("textarea")).to_have_value(re.compile('name = "Old toaster"'))
    part.get_by_role("button", name="Preview").click()
    expect(part.locator(".trial .warning")).to_contain_text("The mirror restarts, too.")
    part.get_by_role("button", name="Apply").click()
    expect(toaster.locator("h1")).to_have_text("Old toaster")
    expect(part.locator(".edit-body > .receipt")).to_contain_text("Done.")


@pytest.mark.long
def test_a_try_says_what_the_device_would_forget(editor: tuple[TemporaryHouse, Page]) -> None:
    """A device of another kind starts anew."""
    _, page = editor
    part = unfold(show(page, "toaster"), "edit-part")
    text = unfold(part, "text-part").locator("textarea")
    expect(text).to_have_value(re.compile("browning = 3"))
    changed = text.input_value().replace('"toaster"', '"coffee_maker"').replace("browning = 3", "")
    text.fill(changed)
    part.get_by_role("button", name="Preview").click()
    expect(part.locator(".trial")).to_contain_text("Toaster would forget: it was a toaster")


@pytest.mark.long
def test_a_file_that_has_changed_is_not_overwritten(editor: tuple[TemporaryHouse, Page]) -> None:
    """The page says that the file is another one; after Discard it has the present text."""
    house, page = editor
    part = unfold(show(page, "toaster"), "edit-part")
    text = unfold(part, "text-part").locator("textarea")
    expect(text).to_have_value(re.compile("browning = 3"))
    house.config.write_text(house.config.read_text().replace("browning = 3", "browning = 6"))
    text.fill(text.input_value().replace("browning = 3", "browning = 2"))
    expect(part.locator(".edit-body > .receipt")).to_contain_text("Discard your changes")
    part.get_by_role("button", name="Discard changes").click()
    expect(text).to_have_value(re.compile("browning = 6"))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "size", [WALL, PHONE, {"width": 640, "height": 400}], ids=["wall", "phone", "zoomed"]
)
def test_all_kinds_have_an_accessible_page(
    make_house: HouseFactory,
    window: Window,
    size: dict[str, int],
) -> None:
    """With everything unfolded: no violation, no console error, and nothing is wider than the window."""
    house = make_house(big_house(42, "mixed"))
    house.house("up")
    page = window(page_url(house), size, reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-link", "live")
    kinds = {device["kind"]: name for name, device in house.status()["devices"].items()}
    for kind, name in kinds.items():
        device = show(page, name)
        expect(device.locator("h1")).not_to_be_empty()
        device.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
        found = Axe().run(page).response["violations"]
        assert not [(one["id"], [node["html"] for node in one["nodes"]]) for one in found], kind
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, kind


@pytest.mark.long
def test_a_failed_device_is_tried_again_on_its_page(
    make_house: HouseFactory,
    window: Window,
) -> None:
    """The page has the last lines of its log, and a button that does not wait for the next attempt."""
    house = make_house()
    house.house("up")
    page = window(f"{page_url(house)}#device/toaster")
    hardware, kept = house.run / "hardware" / "toaster", house.run / "kept"
    hardware.rename(kept)
    hardware.write_text("no folder")
    house.kill("toaster")
    strip = page.locator("house-device .trouble-strip")
    expect(strip).to_have_attribute("data-presence", "failed")
    expect(strip).to_be_visible()
    expect(strip.locator("pre")).to_contain_text("File exists")
    # The steward holds the toaster, and does not try again before the button is pressed.
    eventually(lambda: (house.status()["devices"]["toaster"]["retry_at"] or 0) > time.time() + 2)
    steward = house.process("steward")
    assert steward
    os.kill(steward, signal.SIGSTOP)
    hardware.unlink()
    kept.rename(hardware)
    strip.get_by_role("button", name="Try again now").click()
    expect(page.locator("house-device .device-head")).to_have_attribute("data-presence", "live")
    expect(strip).to_be_hidden()
    os.kill(steward, signal.SIGCONT)
    eventually(lambda: house.pids()["toaster"])
