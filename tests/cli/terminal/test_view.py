"""The view: what a key selects, shows and asks for, without a terminal and without a house."""

from typing import Any

import pytest

from daemons.cli.terminal.view import View, Wish, by_room
from daemons.config import loader

ARMED_SECONDS = 5.0
"""How long a key waits for its confirmation."""

NOW = 1000.0


def house() -> dict[str, Any]:
    """Return four devices in two rooms, in the order of a configuration."""
    kinds = {"lamp": "Kitchen", "light_switch": "Bathroom", "toaster": "Kitchen", "mirror": "Bathroom"}
    return {
        kind: {"name": kind.capitalize(), "room": room, "state": {"status": False}}
        for kind, room in kinds.items()
    }


@pytest.fixture
def view() -> View:
    """Return a view that knows the kind of each device."""
    made = View()
    made.kinds = {kind: loader.kind(kind) for kind in house()}
    return made


def type_(view: View, *keys: str, now: float = NOW, devices: dict[str, Any] | None = None) -> list[Wish]:
    """Press keys; give what they ask for."""
    wishes = [view.press(key, devices or house(), now) for key in keys]
    return [wish for wish in wishes if wish]


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("light_switch", False, "press"),
        ("light_switch", True, "press"),
        ("lamp", False, "on"),
        ("lamp", True, "off"),
        ("toaster", False, "start"),
        ("toaster", True, "stop"),
        ("coffee_maker", False, "start"),
        ("coffee_maker", True, "stop"),
        ("mirror", True, None),
        ("button", False, "single"),
        ("sensor", True, None),
        ("cover", False, "open"),
        ("cover", True, "stop"),
    ],
)
def test_enter_sends_the_primary_command(kind: str, status: bool, word: str | None) -> None:
    """A switch is pressed, and an appliance or a lamp is switched on or off by its state."""
    assert enter(kind, {"status": status}) == word


def enter(kind: str, state: dict[str, Any] | None) -> str | None:
    """Return the command that Enter sends to a device of a kind in this state."""
    view = View()
    view.kinds = {kind: loader.kind(kind)}
    return view.action({kind: {"name": kind, "room": "House", "state": state}})


def test_enter_starts_a_device_without_a_known_state() -> None:
    """A device that has published nothing does not count as running."""
    assert enter("toaster", None) == "start"


@pytest.mark.parametrize(
    ("kind", "phase", "word"),
    [
        ("cover", "open", "close"),
        ("cover", "closed", "open"),
        ("cover", "between", "open"),
        ("heater", "off", "on"),
        ("heater", "idle", "off"),
        ("heater", "heating", "off"),
        ("heater", "frost", "on"),
    ],
)
def test_enter_uses_the_phase_where_status_is_not_enough(kind: str, phase: str, word: str) -> None:
    """An open cover does not move and a warm room is not heated, but Enter closes or switches off."""
    assert enter(kind, {"phase": phase, "status": phase in ("heating", "frost")}) == word


def test_rows_stand_by_room() -> None:
    """Rooms by the alphabet, and in a room the order of the configuration."""
    assert by_room(house()) == ["light_switch", "mirror", "lamp", "toaster"]


@pytest.mark.parametrize(
    ("keys", "selected"),
    [
        ((), "light_switch"),
        (("down",), "mirror"),
        (("j", "j"), "lamp"),
        (("j", "j", "k"), "mirror"),
        (("up",), "light_switch"),
        (("j",) * 9, "toaster"),
        (("4",), "toaster"),
        (("5",), "light_switch"),
        (("0",), "light_switch"),
        (("last",), "toaster"),
        (("last", "first"), "light_switch"),
        (("x", "A"), "light_switch"),
    ],
)
def test_keys_select_a_row(view: View, keys: tuple[str, ...], selected: str) -> None:
    """Arrows, j and k, and numbers; beyond the first and the last there is nothing."""
    assert type_(view, *keys) == []
    assert view.choose(house()) == selected


@pytest.mark.parametrize("key", ["enter", "space"])
def test_enter_and_space_send_the_command_of_the_selected_one(view: View, key: str) -> None:
    """Each time anew."""
    assert type_(view, key, "4", key) == [
        Wish("send", "light_switch", "press"),
        Wish("send", "toaster", "start"),
    ]


def test_what_takes_no_command_says_so(view: View) -> None:
    """The mirror only shows."""
    assert type_(view, "2", "enter") == []
    notice = view.notice(NOW)
    assert notice is not None
    assert notice.text == "Mirror takes no command."


def test_a_restart_is_asked_for_twice(view: View) -> None:
    """The first `r` asks back, the second does it, and a third is a first one again."""
    assert type_(view, "4", "r") == []
    notice = view.notice(NOW)
    assert notice is not None
    assert notice.text == "Restart Toaster? r again does."
    assert type_(view, "r") == [Wish("restart", "toaster")]
    assert type_(view, "r") == []


@pytest.mark.parametrize("between", ["j", "l", "?", "x", "enter"])
def test_any_other_key_in_between_calls_the_restart_off(view: View, between: str) -> None:
    """A second `r` that was not meant to be one restarts nothing, and the question is gone."""
    wishes = type_(view, "r", between)
    assert view.notice(NOW) is None
    assert Wish("restart", "light_switch") not in wishes + type_(view, "r")


def test_a_question_that_nobody_answered_is_forgotten(view: View) -> None:
    """An `r` much later is a first one."""
    type_(view, "r")
    late = NOW + ARMED_SECONDS + 1
    assert view.notice(late) is None
    assert type_(view, "r", now=late) == []
    assert type_(view, "r", now=late + 2 * ARMED_SECONDS) == []


def test_a_second_r_never_restarts_another_device(view: View) -> None:
    """The one that was asked about has gone in between, and the first one is selected instead."""
    type_(view, "4", "r")
    devices = house()
    del devices["toaster"]
    assert type_(view, "r", devices=devices) == []


def test_news_do_not_confirm_a_restart(view: View) -> None:
    """What becomes of something else, told between the two, hides the question; so it is off."""
    type_(view, "r")
    view.tell(NOW, "Toaster: start applied")
    assert type_(view, "r") == []


@pytest.mark.parametrize("key", ["q", "end"])
def test_q_ends(view: View, key: str) -> None:
    """Also while nothing is known of the house yet."""
    assert type_(view, key) == [Wish("end")]
    assert View().press(key, {}, NOW) == Wish("end")


def test_l_and_the_question_mark_show_and_hide(view: View) -> None:
    """Each shows its panel, or hides it when it is there; Escape hides both."""
    panels = []
    for key in ("l", "l", "?", "l", "?", "escape", "escape"):
        type_(view, key)
        panels.append(view.panel)
    assert panels == ["log", "presses", "keys", "log", "keys", "presses", "presses"]


@pytest.mark.parametrize("key", ["enter", "r", "j", "l", "1", "x"])
def test_a_house_without_devices_is_no_mistake(view: View, key: str) -> None:
    """Nothing is selected, and nothing can be asked for."""
    assert View().press(key, {}, NOW) is None
    assert View().action({}) is None


def test_a_device_that_is_no_more_is_not_selected(view: View) -> None:
    """After a reload the first one is."""
    type_(view, "4")
    devices = house()
    del devices["toaster"]
    assert view.choose(devices) == "light_switch"


def test_only_the_first_line_of_news_is_told(view: View) -> None:
    """There is one line for it; the log has the rest."""
    view.tell(NOW, "toaster: fails again and again. Its log ends:\n    no bread", "red")
    assert view.notice(NOW) == (NOW, "toaster: fails again and again. Its log ends:", "red")
