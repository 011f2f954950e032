"""The house in a terminal: words for every presence, at any width, and plain lines for a pipe."""

import time
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from daemons.cli.terminal import screen as terminal
from daemons.cli.terminal.presses import Press, Turn
from daemons.cli.terminal.view import View
from daemons.config import loader
from tests.support import factories

STATES: dict[str, dict[str, Any] | None] = {
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
    "offline": None,
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


def test_these_are_all_the_presences_that_there_are() -> None:
    """A presence that is added is drawn in these tests as well."""
    assert STATES.keys() == terminal.PRESENCE.keys()


@pytest.mark.parametrize("word", STATES)
def test_each_presence_is_told_in_a_word(word: str) -> None:
    """The word stands beside the mark, for who sees no colours."""
    (line,) = [line for line in drawn(130, status()).splitlines() if f"A {word} one  " in line]
    assert f"{terminal.PRESENCE[word][0]} {word}" in line


def test_a_screen_tells_what_each_device_does() -> None:
    """Phase, progress, power, age and process stand in the device's line."""
    text = drawn(130, status())
    for words in ("heating", "42%", "1100 W", "0.3 s", "42 · 2 h · 2×", "keeps crashing", "never", "stopped"):
        assert words in text
    assert "All is quiet." in text


def test_a_fault_of_the_hardware_is_told_in_words() -> None:
    """A device that lives and cannot work says why."""
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
def test_what_is_measured_is_told_and_what_is_lost(
    state: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside its phase; of hardware that does not answer, only since when."""
    monkeypatch.setattr(time, "time", lambda: factories.START_TIME)
    assert str(terminal.phase(state, live=True)) == words


@pytest.mark.parametrize("width", [78, 84, 110])
def test_what_is_measured_has_room_beside_the_phase(width: int) -> None:
    """In the column that is another device's progress, and whole also where that is narrow."""
    house = status()
    told = {"temperature_celsius": 21.5, "target_celsius": 20.0, "position_percent": None}
    house["devices"]["device_live"]["state"] = {"phase": "heating", "status": True, **told}
    (line,) = [line for line in drawn(width, house).splitlines() if "A live one" in line]
    assert "heating" in line
    assert "21.5 to 20 °C" in line


def test_a_narrow_screen_keeps_no_room_for_progress_that_nobody_makes() -> None:
    """So there is more for what is measured."""
    house = status()
    assert "Done" in drawn(70, house)
    for device in house["devices"].values():
        device["state"] = {"phase": "clear", "temperature_celsius": 21.5}
    assert "Done" not in drawn(70, house)
    assert "clear  21.5 °C" in drawn(70, house)


def test_a_process_of_the_house_that_is_away_is_told() -> None:
    """A steward that is not at work is a line below the devices, and one that is says nothing."""
    assert "The steward is offline." in drawn(100, status(services={"steward": service("offline")}))
    assert "The steward" not in drawn(100, status(services={"steward": service("live")}))


def test_what_a_process_of_the_house_complains_of_is_told() -> None:
    """The exchange that cannot reach another host says which."""
    complaint = service("live", fault="kitchen cannot be reached (10.0.0.2:8070)")
    shown = drawn(100, status(services={"exchange": complaint}))
    assert "The exchange: kitchen cannot be reached (10.0.0.2:8070)." in shown


def test_what_runs_elsewhere_is_told_with_its_host() -> None:
    """In the place of a process that is not here."""
    house = status()
    house["devices"]["device_live"] |= {"host": "kitchen", "process": {"state": "ELSEWHERE", "pid": 7}}
    assert "on kitchen" in drawn(130, house)


def service(presence: str, **state: object) -> dict[str, object]:
    """Return the status of a service."""
    return {"presence": presence, "state": {"fault": None, **state}}


def test_ready_is_all_of_it() -> None:
    """What is ready has its whole bar, though nothing is being made any more."""
    house = status()
    house["devices"]["device_live"]["state"] = STATES["restarting"]
    assert "100%" in drawn(130, house)


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20, 40, 60, 80, 83, 84, 103, 104, 200])
def test_no_width_breaks_the_screen(width: int) -> None:
    """A terminal however narrow gets lines that fit it."""
    for line in drawn(width, status()).splitlines():
        assert len(line.rstrip()) <= width


def test_at_eighty_columns_every_device_and_its_presence_is_there() -> None:
    """The usual terminal shows what matters most whole."""
    text = drawn(80, status())
    for word in STATES:
        assert f"A {word} one" in text
        assert f"{terminal.PRESENCE[word][0]} {word}" in text


def test_a_house_that_is_down_says_how_to_start_it() -> None:
    """Who looks at a house that is not up is told what starts it."""
    assert "make up" in drawn(100, status(up=False))
    assert terminal.plain_status(status(up=False)).startswith("Home: not up")


def test_plain_output_is_one_line_a_device() -> None:
    """A pipe gets the house's sentence, then a line for each device, without colours or drawings."""
    lines = terminal.plain_status(status()).splitlines()
    assert lines[0] == "Home: All is quiet."
    assert lines[1] == "device_live  live  heating  42%  pid=42  restarts=2  age=0.3s"
    assert lines[5].split() == ["device_offline", "offline", "pid=None", "restarts=2"]
    assert lines[6].endswith("fault='did not switch on within 5 s'")
    assert len(lines) == 1 + len(STATES)


def test_who_pipes_it_gets_the_plain_lines() -> None:
    """Where the output is no terminal, the same lines are printed, and none is broken."""
    out = StringIO()
    terminal.print_status(status(), factories.UTC, Console(file=out, width=20))
    assert out.getvalue() == terminal.plain_status(status()) + "\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    """Two of a unit are needed to use it."""
    assert terminal.span(seconds) == text


def test_markup_in_a_name_is_text() -> None:
    """A name or message with brackets in it is shown as it is."""
    house = status(house="[bold]Home[/]", message="[red]x[/nothing]")
    house["devices"]["device_live"]["name"] = "[/]"
    house["devices"]["device_live"]["room"] = "[/b]"
    text = drawn(130, house)
    assert "[bold]Home[/]" in text
    assert "[red]x[/nothing]" in text
    assert "[/b]" in text


# The interactive view


LATELY = [Press(Turn(factories.START_TIME, "device_live", "on", "a"), ("device_stale", "device_failed"))]


def framed(
    width: int, height: int, view: View | None = None, log: tuple[str, ...] = (), **changes: Any
) -> list[str]:
    """Draw a frame; give its lines without styles."""
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True)
    lines = terminal.frame(status(**changes), factories.UTC, console, view or View(), LATELY, [*log])
    return [Text.from_ansi(line).plain for line in lines]


@pytest.mark.parametrize("panel", ["presses", "log", "keys"])
@pytest.mark.parametrize(
    "size", [(1, 1), (5, 2), (20, 5), (40, 8), (60, 20), (80, 24), (110, 30), (300, 100)], ids=str
)
def test_a_frame_fills_the_terminal_and_no_more(size: tuple[int, int], panel: Any) -> None:
    """Exactly as many lines as there are, none wider than there is room."""
    view = View()
    view.panel = panel
    view.tell(factories.START_TIME, "something that was told " * 9)
    lines = framed(
        *size, view, ("a line of the log " * 9,) * 50, services={"steward": {"presence": "failed"}}
    )
    assert len(lines) == size[1]
    assert max(map(cell_len, lines)) <= size[0]


@pytest.mark.parametrize("word", STATES)
@pytest.mark.parametrize("height", [10, 12, 24])
def test_the_selected_device_is_always_seen(word: str, height: int) -> None:
    """However low the terminal: what does not fit is left out around it, and it is said how many."""
    view = View()
    view.selected = f"device_{word}"
    lines = framed(80, height, view)
    (marked,) = [line for line in lines if line.startswith("▸")]
    assert f"A {word} one" in marked
    shown = sum("one  " in line for line in lines)
    if shown < len(STATES):
        assert f"and {len(STATES) - shown} more: ↑ ↓" in "\n".join(lines)
    assert height < 24 or shown == len(STATES)


def test_a_great_house_leaves_room_for_presses_and_for_devices() -> None:
    """However many devices there are, and however many of them fail, something of all is seen."""
    failed = status()["devices"]["device_failed"]
    lines = framed(80, 24, devices={f"device_{number}": failed for number in range(50)})
    assert "  13:46:40  device_live on → device_stale, device_failed" in [line.rstrip() for line in lines]
    assert sum("✖ failed" in line for line in lines) > 5
    assert 1 < sum("A failed one: keeps crashing" in line for line in lines) < 6


def test_presses_are_told_with_what_followed() -> None:
    """When, what it was, and who followed, by their names for people."""
    assert "  13:46:40  A live one on → A stale one, A failed one" in [
        line.rstrip() for line in framed(100, 30)
    ]


def test_the_end_of_the_log_is_shown() -> None:
    """As much as there is room for; what a terminal would obey is not in it."""
    view = View()
    view.panel = "log"
    lines = [line.rstrip() for line in framed(80, 24, view, (*map(str, range(40)), "\x1b[2Jred\x07"))]
    assert "  The log of device_offline" in lines
    end = lines.index("   [2Jred")
    assert lines[end - 1] == "  39"
    assert lines[end + 1 :] == ["", "A failed one: keeps crashing", *lines[-2:]]
    assert "  1" not in lines


def test_the_page_s_address_stands_below_where_there_is_room() -> None:
    """In the last line; where there is none for it, it is told with the keys."""
    assert framed(110, 24)[-1].rstrip().endswith("http://127.0.0.1:8060/")
    view = View()
    assert "http" not in "".join(framed(60, 24, view))
    view.panel = "keys"
    assert "  The page       http://127.0.0.1:8060/" in "\n".join(framed(60, 24, view))
    assert "http" not in "".join(framed(110, 24, mirror={"url": None}))


def test_what_enter_does_stands_below() -> None:
    """The command of the selected device, and none where it takes none."""
    view = View()
    view.kinds = {"device_offline": loader.kind("light_switch")}
    assert "⏎ press" in framed(80, 24, view)[-1]
    view.selected = "device_live"
    assert "⏎" not in framed(80, 24, view)[-1]


def test_a_long_reason_is_told_in_full_below() -> None:
    """In the device's line it is cut; a short one stands there alone."""
    house = status()
    why = "cannot be served: the address is in use already, by a program that does not say which it is"
    house["devices"]["device_live"]["state"] = {"phase": "quiet", "fault": why}
    text = drawn(80, house)
    assert f"A live one: {why}"[:79] in text
    assert len([line for line in text.splitlines() if "A live one" in line]) == 2
    assert "A failed one: keeps crashing" in text
    house["devices"]["device_live"]["state"]["fault"] = "no bread"
    assert drawn(80, house).count("no bread") == 1


def test_how_long_a_device_has_not_been_there_is_told() -> None:
    """Where it is known; of a silent one the age says it."""
    house = status()
    for word in ("failed", "stale"):
        house["devices"][f"device_{word}"]["presence_since"] = time.time() - 125
    text = drawn(130, house)
    assert "✖ failed 2 min" in text
    assert "◐ stale  " in text
