"""The house in a terminal: every presence at every width, and plain lines for a pipe."""

import time
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from daemons.cli.terminal import device_rows
from daemons.cli.terminal import screen as terminal
from daemons.cli.terminal.presses import Change, Press
from daemons.cli.terminal.view import View
from daemons.config import loader
from tests.support import factories

STATES: dict[str, dict[str, Any] | None] = {
    "offline": None,
    "live": {
        "status": True,
        "phase": "heating",
        "ready": False,
        "progress_percent": 42.4,
        "power_watts": 1100.0,
    },
    "stale": {"status": False, "phase": "off", "power_watts": 0.0},
    "restarting": {"status": True, "phase": "ready", "ready": True, "progress_percent": None},
    "stopped": {"status": False, "phase": "idle"},
    "failed": {"status": False, "phase": "idle", "fault": "did not switch on within 5 s"},
}


def status(**changes: Any) -> dict[str, Any]:
    """Return a house with a device of each presence."""
    devices: dict[str, Any] = {
        f"device_{word}": {
            "name": f"A {word} one",
            "room": "Kitchen" if state else "Bathroom",
            "kind": "lamp",
            "host": None,
            "process": {
                "state": "RUNNING" if state else "STOPPED",
                "pid": 42 if state else None,
                "restarts": 2,
                "uptime_seconds": 7300,
            },
            "presence": word,
            "reason": "keeps crashing" if word == "failed" else None,
            "retry_at": None,
            "last_lines": [],
            "state": state,
            "cause": None,
            "since": factories.START_TIME,
            "age_seconds": 0.3 if state else None,
            "endpoints": {"publish": "ipc://bus/a.publish", "command": "ipc://bus/a.command"},
        }
        for word, state in STATES.items()
    }
    return {
        "house": "Home",
        "services": {},
        "at": factories.START_TIME,
        "up": True,
        "warnings": [],
        "message": "All is quiet.",
        "mirror": {"url": "http://127.0.0.1:8060/"},
        "devices": devices,
        **changes,
    }


def drawn(width: int, house: dict[str, Any]) -> str:
    """Draw the screen for a terminal of this width."""
    out = StringIO()
    console = Console(file=out, width=width, height=30, force_terminal=True, color_system=None)
    terminal.print_status(house, factories.UTC, console)
    return out.getvalue()


def test_every_presence_has_a_test_state() -> None:
    """This fails if a presence is added that these tests do not draw."""
    assert STATES.keys() == device_rows.PRESENCE.keys()


@pytest.mark.parametrize("word", STATES)
def test_each_presence_is_shown_as_a_word(word: str) -> None:
    """The presence is a word next to its mark, because colours alone are not enough."""
    (line,) = [line for line in drawn(130, status()).splitlines() if f"A {word} one  " in line]
    assert f"{device_rows.PRESENCE[word][0]} {word}" in line


def test_a_screen_shows_the_activity_of_each_device() -> None:
    """A row has phase, progress, power, age and process."""
    text = drawn(130, status())
    for words in ("heating", "42%", "1100 W", "0.3 s", "42 · 2 h · 2×", "keeps crashing", "never", "stopped"):
        assert words in text
    assert "All is quiet." in text


def test_a_fault_of_the_hardware_is_shown() -> None:
    """A live device with a fault shows the fault."""
    house = status()
    house["devices"]["device_live"]["state"] = STATES["failed"]
    assert "did not switch on within 5 s" in drawn(130, house)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            {"phase": "measuring", "temperature_celsius": 21.04, "humidity_percent": 45.2},
            "measuring  21.0 °C  45 %",
        ),
        (
            {"phase": "heating", "temperature_celsius": 19, "target_celsius": 20.5},
            "heating  19.0 to 20.5 °C",
        ),
        ({"phase": "blind", "temperature_celsius": None, "target_celsius": 20}, "blind  to 20 °C"),
        ({"phase": "between", "position_percent": 40}, "between  40 % open"),
        (
            {"phase": "measuring", "today_kwh": 1.254, "today_cost": 0.426, "currency": "EUR"},
            "measuring  1.25 kWh, 0.43 EUR today",
        ),
        ({"phase": "measuring", "today_kwh": 1.254, "today_cost": None}, "measuring  1.25 kWh today"),
        ({"phase": "on", "status": True, "brightness_percent": 30}, "on  at 30 %"),
        ({"phase": "off", "status": False, "brightness_percent": 30}, "off"),
        ({"phase": "measuring", "temperature_celsius": None, "humidity_percent": None}, "measuring"),
        (
            {"phase": "on", "reachable": False, "unreachable_since": factories.START_TIME - 180},
            "unreachable for 3 min",
        ),
        ({"phase": "on", "reachable": False, "unreachable_since": None}, "unreachable"),
    ],
)
def test_measurements_and_unreachable_hardware_are_shown(
    state: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measurements are next to the phase; for unreachable hardware, the duration is shown instead."""
    monkeypatch.setattr(time, "time", lambda: factories.START_TIME)
    assert str(device_rows.phase(state, live=True)) == words


@pytest.mark.parametrize("width", [78, 84, 110])
def test_measurements_fit_next_to_the_phase(width: int) -> None:
    """Measurements are in the detail column, and are not cut in a narrow terminal."""
    house = status()
    measured = {"temperature_celsius": 21.5, "target_celsius": 20.0, "position_percent": None}
    house["devices"]["device_live"]["state"] = {"phase": "heating", "status": True, **measured}
    (line,) = [line for line in drawn(width, house).splitlines() if "A live one" in line]
    assert "heating" in line
    assert "21.5 to 20 °C" in line


def test_a_narrow_screen_has_no_progress_column_without_progress() -> None:
    """Without a progress, the column is left out, and measurements have more space."""
    house = status()
    assert "Done" in drawn(70, house)
    for device in house["devices"].values():
        device["state"] = {"phase": "clear", "temperature_celsius": 21.5}
    assert "Done" not in drawn(70, house)
    assert "clear  21.5 °C" in drawn(70, house)


def test_a_service_that_is_not_live_is_shown() -> None:
    """A steward that is offline has a line below the devices; a live steward has none."""
    assert "The steward is offline." in drawn(100, status(services={"steward": service("offline")}))
    assert "The steward" not in drawn(100, status(services={"steward": service("live")}))


def test_the_fault_of_a_service_is_shown() -> None:
    """The line has the fault of the exchange."""
    exchange = service("live", fault="kitchen cannot be reached (10.0.0.2:8070)")
    shown = drawn(100, status(services={"exchange": exchange}))
    assert "The exchange: kitchen cannot be reached (10.0.0.2:8070)." in shown


def test_a_device_on_another_host_is_shown_with_its_host() -> None:
    """The host is shown instead of the process."""
    house = status()
    house["devices"]["device_live"] |= {"host": "kitchen", "process": {"state": "ELSEWHERE", "pid": 7}}
    assert "on kitchen" in drawn(130, house)


def service(presence: str, **state: object) -> dict[str, object]:
    """Return the status of a service."""
    return {"presence": presence, "state": {"fault": None, **state}}


def test_a_ready_device_has_a_full_bar() -> None:
    """A ready device has a full bar, although it has no progress."""
    house = status()
    house["devices"]["device_live"]["state"] = STATES["restarting"]
    assert "100%" in drawn(130, house)


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20, 40, 60, 80, 83, 84, 103, 104, 200])
def test_the_screen_fits_any_width(width: int) -> None:
    """No line is wider than the terminal."""
    for line in drawn(width, status()).splitlines():
        assert len(line.rstrip()) <= width


def test_eighty_columns_show_every_device_with_its_presence() -> None:
    """In a terminal of 80 columns, the names and presences are complete."""
    text = drawn(80, status())
    for word in STATES:
        assert f"A {word} one" in text
        assert f"{device_rows.PRESENCE[word][0]} {word}" in text


def test_a_house_that_is_down_shows_the_command_that_starts_it() -> None:
    """The message has the command that starts the house."""
    assert "make up" in drawn(100, status(up=False))
    assert terminal.plain_status(status(up=False)).startswith("The house is not up")


def test_plain_output_has_one_line_for_each_device() -> None:
    """The first line has the message of the house; each device follows in one line without colours."""
    lines = terminal.plain_status(status()).splitlines()
    assert lines[0] == "Home: All is quiet."
    assert lines[2] == "device_live  live  heating  42%  pid=42  restarts=2  age=0.3s"
    assert lines[1].split() == ["device_offline", "offline", "pid=None", "restarts=2"]
    assert lines[6].endswith("fault='did not switch on within 5 s'")
    assert len(lines) == 1 + len(STATES)


def test_a_pipe_gets_the_plain_lines() -> None:
    """If the output is not a terminal, plain lines are printed and never wrapped."""
    out = StringIO()
    terminal.print_status(status(), factories.UTC, Console(file=out, width=20))
    assert out.getvalue() == terminal.plain_status(status()) + "\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_a_duration_is_shown_in_its_largest_unit(seconds: float, text: str) -> None:
    """A unit is used from two of it upwards."""
    assert device_rows.span(seconds) == text


def test_markup_in_a_name_is_text() -> None:
    """Brackets in a name or message are shown unchanged."""
    house = status(house="[bold]Home[/]", message="[red]x[/nothing]")
    house["devices"]["device_live"]["name"] = "[/]"
    house["devices"]["device_live"]["room"] = "[/b]"
    text = drawn(130, house)
    assert "[bold]Home[/]" in text
    assert "[red]x[/nothing]" in text
    assert "[/b]" in text


# The interactive view


LAST_PRESSES = [
    Press(Change(factories.START_TIME, "device_live", "on", "a"), ("device_stale", "device_failed"))
]


def framed(
    width: int, height: int, view: View | None = None, log: tuple[str, ...] = (), **changes: Any
) -> list[str]:
    """Draw a frame; return its lines without styles."""
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True)
    lines = terminal.frame(status(**changes), factories.UTC, console, view or View(), LAST_PRESSES, [*log])
    return [Text.from_ansi(line).plain for line in lines]


@pytest.mark.parametrize("panel", ["presses", "log", "keys"])
@pytest.mark.parametrize(
    "size", [(1, 1), (5, 2), (20, 5), (40, 8), (60, 20), (80, 24), (110, 30), (300, 100)], ids=str
)
def test_a_frame_fills_the_terminal_exactly(size: tuple[int, int], panel: Any) -> None:
    """The frame has exactly the lines of the terminal, and none is too wide."""
    view = View()
    view.panel = panel
    view.set_notice(factories.START_TIME, "the text of a notice " * 9)
    lines = framed(
        *size, view, ("a line of the log " * 9,) * 50, services={"steward": {"presence": "failed"}}
    )
    assert len(lines) == size[1]
    assert max(map(cell_len, lines)) <= size[0]


@pytest.mark.parametrize("word", STATES)
@pytest.mark.parametrize("height", [10, 12, 24])
def test_the_selected_device_is_always_visible(word: str, height: int) -> None:
    """If not all devices fit, only those around the selected one are shown, with the number of the others."""
    view = View()
    view.selected = f"device_{word}"
    lines = framed(80, height, view)
    (marked,) = [line for line in lines if line.startswith("▸")]
    assert f"A {word} one" in marked
    shown = sum("one  " in line for line in lines)
    if shown < len(STATES):
        assert f"and {len(STATES) - shown} more: ↑ ↓" in "\n".join(lines)
    assert height < 24 or shown == len(STATES)


def test_a_house_with_many_devices_leaves_space_for_presses() -> None:
    """With fifty failed devices, presses, devices and faults are all visible."""
    failed = status()["devices"]["device_failed"]
    lines = framed(80, 24, devices={f"device_{number}": failed for number in range(50)})
    assert "  13:46:40  device_live on → device_stale, device_failed" in [line.rstrip() for line in lines]
    assert sum("✖ failed" in line for line in lines) > 5
    assert 1 < sum("A failed one: keeps crashing" in line for line in lines) < 6


def test_presses_are_shown_with_their_followers() -> None:
    """A line has the time, the device and the followers, with their titles."""
    assert "  13:46:40  A live one on → A stale one, A failed one" in [
        line.rstrip() for line in framed(100, 30)
    ]


def test_the_end_of_the_log_is_shown() -> None:
    """The last lines that fit are shown, without control characters."""
    view = View()
    view.panel = "log"
    lines = [line.rstrip() for line in framed(80, 24, view, (*map(str, range(40)), "\x1b[2Jred\x07"))]
    assert "  The log of device_offline" in lines
    end = lines.index("   [2Jred")
    assert lines[end - 1] == "  39"
    assert lines[end + 1 :] == ["", "A failed one: keeps crashing", *lines[-2:]]
    assert "  1" not in lines


def test_the_page_s_url_is_in_the_last_line_if_it_fits() -> None:
    """The URL is in the last line; in a narrow terminal, it is only in the help."""
    assert framed(110, 24)[-1].rstrip().endswith("http://127.0.0.1:8060/")
    view = View()
    assert "http" not in "".join(framed(60, 24, view))
    view.panel = "keys"
    assert "  The page       http://127.0.0.1:8060/" in "\n".join(framed(60, 24, view))
    assert "http" not in "".join(framed(110, 24, mirror={"url": None}))


def test_the_last_line_has_the_command_of_enter() -> None:
    """The last line has the command of the selected device, if the device has one."""
    view = View()
    view.kinds = {"device_offline": loader.kind("light_switch")}
    assert "⏎ press" in framed(80, 24, view)[-1]
    view.selected = "device_live"
    assert "⏎" not in framed(80, 24, view)[-1]


def test_a_long_fault_is_shown_in_full_below_the_devices() -> None:
    """A long fault is cut in the row and repeated below; a short one is only in the row."""
    house = status()
    why = "cannot be served: the address is in use already, by a program that does not say which it is"
    house["devices"]["device_live"]["state"] = {"phase": "quiet", "fault": why}
    text = drawn(80, house)
    assert f"A live one: {why}"[:79] in text
    assert len([line for line in text.splitlines() if "A live one" in line]) == 2
    assert "A failed one: keeps crashing" in text
    house["devices"]["device_live"]["state"]["fault"] = "no bread"
    assert drawn(80, house).count("no bread") == 1


def test_the_duration_of_an_absence_is_shown() -> None:
    """The duration follows the presence; for a stale device, the age shows it already."""
    house = status()
    for word in ("failed", "stale"):
        house["devices"][f"device_{word}"]["presence_since"] = time.time() - 125
    text = drawn(130, house)
    assert "✖ failed 2 min" in text
    assert "◐ stale  " in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("letter", ["A", "明", "م"])
def test_long_names_leave_the_phase_its_space(width: int, letter: str) -> None:
    """Rooms and titles of sixty letters are cut, also wide ones; the phase and the presence are not."""
    house = status()
    for number, device in enumerate(house["devices"].values()):
        device["name"], device["room"] = letter * 60, letter * (59 - number)
    house["devices"]["device_live"]["state"]["phase"] = "toasting"
    lines = drawn(width, house).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert [line for line in lines if "toasting" in line and "● live" in line]
    assert sum("…" in line for line in lines) >= len(STATES) or width == 200


def test_the_filter_stands_above_the_devices_that_it_shows() -> None:
    """Its line has the text, the numbers, and how to end it; without a match, this is said."""
    view = View()
    view.selection.filter = "failed"
    text = "\n".join(framed(80, 24, view))
    assert "/ failed   1 of 6 devices   Esc shows all" in text
    assert "▸Kitchen   A failed one" in text
    assert "A live one  " not in text
    view.selection.filter, view.is_filtering = "attic", True
    text = "\n".join(framed(80, 24, view))
    assert "/ attic_   0 of 6 devices" in text
    assert "No device has this text." in text


def test_the_explanation_of_the_selected_device_is_shown() -> None:
    """A panel below the devices has its lines; until they have been read, it has a mark."""
    view = View()
    view.panel, view.selected = "why", "device_live"
    console = Console(file=StringIO(), width=80, height=24, force_terminal=True, color_system=None)
    for why, words in ((None, "…"), (["A press → on"], "A press → on")):
        lines = terminal.frame(status(), factories.UTC, console, view, [], [], why)
        plain = [Text.from_ansi(line).plain.rstrip() for line in lines]
        assert plain[plain.index("  Why A live one is as it is") + 1] == f"  {words}"


def notice(code: Any, level: str, text: str, **more: Any) -> dict[str, Any]:
    """Return a notice of the status document."""
    return {
        "code": code,
        "level": level,
        "device": "a",
        "since": None,
        "text": text,
        "acknowledged": False,
        **more,
    }


def test_what_deserves_attention_is_shown_first() -> None:
    """The alarm stands above the sentence, which does not repeat it; what was acknowledged is left out."""
    attention = [
        notice("smoke", "alarm", "Smoke in Hall: Detector", since=factories.START_TIME),
        notice("battery", "care", "The battery of Lamp is at 3 %"),
        notice("open", "care", "Door is open", acknowledged=True),
    ]
    message = "Smoke in Hall: Detector · Breakfast is ready"
    lines = drawn(100, status(attention=attention, message=message)).splitlines()
    assert lines[1].strip().startswith("‼ Smoke in Hall: Detector   since 13:46")
    assert lines[2].strip() == "• The battery of Lamp is at 3 %"
    text = "\n".join(lines)
    assert "Breakfast is ready" in text
    assert text.count("Smoke in Hall") == 1
    assert "Door is open" not in text


def test_the_plain_status_names_each_notice() -> None:
    """A script reads its level as the first word, and whether it was seen."""
    attention = [notice("smoke", "alarm", "Smoke: Detector", acknowledged=True)]
    assert "alarm: Smoke: Detector  seen" in terminal.plain_status(status(attention=attention)).splitlines()


def test_many_notices_are_counted() -> None:
    """The devices keep their room."""
    attention = [notice("battery", "care", f"The battery of {n} is low") for n in range(9)]
    assert "and 4 more" in drawn(100, status(attention=attention))
