"""The house in a terminal: words for every presence, at any width, and plain lines for a pipe."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from daemons import terminal
from tests import fresh

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
    """Give a house with a device of each presence."""
    devices: dict[str, Any] = {
        f"device_{word}": {
            "name": f"A {word} one",
            "room": "Kitchen" if state else "Bathroom",
            "kind": "lamp",
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
            "since": fresh.BORN,
            "age_seconds": 0.3 if state else None,
            "endpoints": {"publish": "ipc://bus/a.publish", "command": "ipc://bus/a.command"},
        }
        for word, state in STATES.items()
    }
    return {
        "house": "Home",
        "services": {},
        "at": fresh.BORN,
        "up": True,
        "message": "All is quiet.",
        "devices": devices,
        **changes,
    }


def drawn(width: int, house: dict[str, Any]) -> str:
    """Draw the screen for a terminal of this width."""
    out = StringIO()
    console = Console(file=out, width=width, height=30, force_terminal=True, color_system=None)
    terminal.show(house, fresh.UTC, console)
    return out.getvalue()


def test_these_are_all_the_presences_that_there_are() -> None:
    """A presence that is added is drawn in these tests as well."""
    assert STATES.keys() == terminal.PRESENCE.keys()


@pytest.mark.parametrize("word", STATES)
def test_each_presence_is_told_in_a_word(word: str) -> None:
    """The word stands beside the mark, for who sees no colours."""
    (line,) = [line for line in drawn(130, status()).splitlines() if f"A {word} one" in line]
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


def test_a_process_of_the_house_that_is_away_is_told() -> None:
    """A steward that is not at work is a line below the devices, and one that is says nothing."""
    assert "The steward is offline." in drawn(100, status(services={"steward": {"presence": "offline"}}))
    assert "The steward" not in drawn(100, status(services={"steward": {"presence": "live"}}))


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
    assert terminal.plain(status(up=False)).startswith("Home: not up")


def test_plain_output_is_one_line_a_device() -> None:
    """A pipe gets the house's sentence, then a line for each device, without colours or drawings."""
    lines = terminal.plain(status()).splitlines()
    assert lines[0] == "Home: All is quiet."
    assert lines[1] == "device_live  live  heating  42%  pid=42  restarts=2  age=0.3s"
    assert lines[5].split() == ["device_offline", "offline", "pid=None", "restarts=2"]
    assert lines[6].endswith("fault='did not switch on within 5 s'")
    assert len(lines) == 1 + len(STATES)


def test_who_pipes_it_gets_the_plain_lines() -> None:
    """Where the output is no terminal, the same lines are printed, and none is broken."""
    out = StringIO()
    terminal.show(status(), fresh.UTC, Console(file=out, width=20))
    assert out.getvalue() == terminal.plain(status()) + "\n"


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
