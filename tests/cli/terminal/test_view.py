"""The view: what each key selects, shows and triggers, without a terminal and without a house."""

from typing import Any

import pytest

from daemons.cli.terminal.selection import by_room
from daemons.cli.terminal.view import KeyAction, View
from daemons.config import loader
from daemons.values import convert

ARMED_SECONDS = 5.0
"""How long the first `r` waits for the second one."""

NOW = 1000.0


def house() -> dict[str, Any]:
    """Return four devices in two rooms, in the order of a configuration."""
    kinds = {"light_switch": "Bathroom", "lamp": "Kitchen", "toaster": "Kitchen", "mirror": "Bathroom"}
    return {
        kind: {"name": kind.capitalize(), "room": room, "state": {"status": False}}
        for kind, room in kinds.items()
    }


@pytest.fixture
def view() -> View:
    """Return a view with the kind of each device."""
    made = View()
    made.kinds = {kind: loader.kind(kind) for kind in house()}
    return made


def type_(view: View, *keys: str, now: float = NOW, devices: dict[str, Any] | None = None) -> list[KeyAction]:
    """Press keys; return their actions."""
    actions = [view.press(key, devices or house(), now) for key in keys]
    return [action for action in actions if action]


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
        ("mirror", True, "acknowledge"),
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
    """A device that has published no state does not count as running."""
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


def test_rows_are_sorted_by_room() -> None:
    """Rooms are in the order of their first devices; within a room, it is that of the configuration."""
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
    """Arrows, j, k and numbers move the selection, which stops at the first and last row."""
    assert type_(view, *keys) == []
    assert view.choose(house()) == selected


@pytest.mark.parametrize("key", ["enter", "space"])
def test_enter_and_space_send_the_command_of_the_selected_device(view: View, key: str) -> None:
    """The command depends on the selected device."""
    assert type_(view, key, "4", key) == [
        KeyAction("send", "light_switch", "press"),
        KeyAction("send", "toaster", "start"),
    ]


def test_enter_on_a_device_without_commands_shows_a_notice(view: View) -> None:
    """A sensor has no commands, so a notice is shown."""
    view.kinds["mirror"] = loader.kind("sensor")
    assert type_(view, "2", "enter") == []
    notice = view.notice(NOW)
    assert notice is not None
    assert notice.text == "Mirror takes no command."


def test_a_restart_needs_r_twice(view: View) -> None:
    """The first `r` asks, the second one restarts, and the third one asks again."""
    assert type_(view, "4", "r") == []
    notice = view.notice(NOW)
    assert notice is not None
    assert notice.text == "Restart Toaster? Press r again."
    assert type_(view, "r") == [KeyAction("restart", "toaster")]
    assert type_(view, "r") == []


@pytest.mark.parametrize("between", ["j", "l", "?", "z", "enter"])
def test_another_key_in_between_cancels_the_restart(view: View, between: str) -> None:
    """After another key, the question is gone, and the next `r` does not restart."""
    actions = type_(view, "r", between)
    assert view.notice(NOW) is None
    assert KeyAction("restart", "light_switch") not in actions + type_(view, "r")


def test_an_unanswered_question_expires(view: View) -> None:
    """After five seconds, the next `r` asks again."""
    type_(view, "r")
    late = NOW + ARMED_SECONDS + 1
    assert view.notice(late) is None
    assert type_(view, "r", now=late) == []
    assert type_(view, "r", now=late + 2 * ARMED_SECONDS) == []


def test_a_second_r_never_restarts_another_device(view: View) -> None:
    """If the device disappears after the first `r`, the second one does not restart another device."""
    type_(view, "4", "r")
    devices = house()
    del devices["toaster"]
    assert type_(view, "r", devices=devices) == []


def test_a_notice_cancels_the_question_of_a_restart(view: View) -> None:
    """A notice between the two keys replaces the question, so the second `r` asks again."""
    type_(view, "r")
    view.set_notice(NOW, "Toaster: start applied")
    assert type_(view, "r") == []


@pytest.mark.parametrize("key", ["q", "end"])
def test_q_ends_the_view(view: View, key: str) -> None:
    """The key works even before the first status."""
    assert type_(view, key) == [KeyAction("end")]
    assert View().press(key, {}, NOW) == KeyAction("end")


def test_l_and_the_question_mark_show_and_hide(view: View) -> None:
    """Each key shows its panel, or hides it if it is shown; Escape hides both."""
    panels = []
    for key in ("l", "l", "?", "l", "?", "escape", "escape"):
        type_(view, key)
        panels.append(view.panel)
    assert panels == ["log", "presses", "keys", "log", "keys", "presses", "presses"]


@pytest.mark.parametrize("key", ["enter", "r", "j", "l", "1", "x"])
def test_a_house_without_devices_accepts_every_key(view: View, key: str) -> None:
    """No key has an action, and none fails."""
    assert View().press(key, {}, NOW) is None
    assert View().action({}) is None


def test_a_removed_device_is_not_selected(view: View) -> None:
    """After a reload without this device, the first device is selected."""
    type_(view, "4")
    devices = house()
    del devices["toaster"]
    assert view.choose(devices) == "light_switch"


def test_a_notice_is_the_first_line_of_a_text(view: View) -> None:
    """The notice has one line; the log has the rest."""
    view.set_notice(NOW, "toaster: fails again and again. Its log ends:\n    no bread", "red")
    assert view.notice(NOW) == (NOW, "toaster: fails again and again. Its log ends:", "red")


def with_control(
    kind: str, options: dict[str, Any] | None = None, **state: Any
) -> tuple[View, dict[str, Any]]:
    """Return a view of one device of a kind that declares a control, and the device."""
    view = View()
    view.kinds = {kind: loader.kind(kind)}
    control = view.kinds[kind].control(convert(options or {}, view.kinds[kind].options_type))
    view.controls = {kind: control} if control else {}
    return view, {kind: {"name": kind.capitalize(), "room": "House", "state": state}}


@pytest.mark.parametrize(
    ("kind", "keys", "action"),
    [
        ("moment", "07:45", KeyAction("send", "moment", "set", "time", "07:45")),
        ("mode", "away", KeyAction("send", "mode", "set", "value", "away")),
        ("number", "20.5", KeyAction("send", "number", "set", "value", 20.5)),
        ("number", "-3", KeyAction("send", "number", "set", "value", -3)),
        ("counter", "12", KeyAction("send", "counter", "set", "count", 12)),
    ],
)
def test_a_value_is_typed_after_s(kind: str, keys: str, action: KeyAction) -> None:
    """Enter sends what was typed; meanwhile the other keys have no meaning of their own."""
    view, devices = with_control(kind)
    assert type_(view, "s", *keys, devices=devices) == []
    notice = view.notice(NOW)
    assert notice is not None
    assert notice.text.endswith(f": {keys}_")
    assert type_(view, "enter", "q", devices=devices) == [action, KeyAction("end")]


def test_a_typed_value_can_be_corrected_or_dropped() -> None:
    """Backspace takes back one character; Escape, or Enter without a value, sends nothing."""
    view, devices = with_control("mode")
    keys = ("s", "a", "x", "backspace", "w", "a", "y", "enter")
    assert [action.value for action in type_(view, *keys, devices=devices)] == ["away"]
    assert type_(view, "s", "a", "escape", "s", "enter", devices=devices) == []
    assert type_(view, "q", devices=devices) == [KeyAction("end")]


def test_a_typed_text_is_no_number() -> None:
    """The notice says so, and nothing is sent."""
    view, devices = with_control("number")
    assert type_(view, "s", "1", ".", ".", "enter", devices=devices) == []
    notice = view.notice(NOW)
    assert notice is not None
    assert notice.text == "1.. is no number."


def test_a_device_without_a_value_says_so(view: View) -> None:
    """A lamp has its own button only."""
    assert type_(view, "s") == []
    notice = view.notice(NOW)
    assert notice is not None
    assert "no value" in notice.text


@pytest.mark.parametrize(("phase", "actions"), [("running", ["cancel"]), ("idle", [])])
def test_x_sends_the_second_command(phase: str, actions: list[str]) -> None:
    """A timer that does not run cannot be cancelled."""
    view, devices = with_control("timer", phase=phase)
    assert [action.command for action in type_(view, "x", devices=devices)] == actions


def test_a_acknowledges_at_the_mirror(view: View) -> None:
    """The mirror remembers it for all."""
    assert type_(view, "a") == [KeyAction("send", "mirror", "acknowledge")]
    view.kinds = {"lamp": loader.kind("lamp")}
    assert type_(view, "a") == []
    assert view.notice(NOW) is not None
