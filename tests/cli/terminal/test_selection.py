"""The filter and the order of the live view, and the keys that change them."""

from typing import Any

import pytest

from daemons.cli.terminal.controls import control_of, moved
from daemons.cli.terminal.view import KeyAction, View
from daemons.config import loader

NOW = 1000.0


def house() -> dict[str, Any]:
    """Return four devices in two rooms."""
    return {
        "heater": device("Heater", "Bath", 10.0, target_celsius=21.0, power_watts=900.0, phase="heating"),
        "lamp": device("Reading lamp", "Lounge", 30.0, brightness_percent=40, status=True, power_watts=5.0),
        "cover": device("Blind", "Lounge", 20.0, position_percent=95, phase="open"),
        "sensor": device("Ärmel sensor", "Bath", None, phase="measuring"),
    }


def device(title: str, room: str, since: float | None, **state: Any) -> dict[str, Any]:
    """Return the status of a device."""
    return {"name": title, "room": room, "kind": "x", "presence": "live", "since": since, "state": state}


@pytest.fixture
def view() -> View:
    """Return a view with the kinds and controls of these devices."""
    made = View()
    made.kinds = {word: loader.kind(word) for word in house()}
    controls = {word: control_of(kind) for word, kind in made.kinds.items()}
    made.controls = {word: control for word, control in controls.items() if control}
    return made


def press(view: View, *keys: str, now: float = NOW) -> list[KeyAction]:
    """Press keys; return their actions."""
    return [action for key in keys if (action := view.press(key, house(), now))]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("lounge", ["lamp", "cover"]),
        ("HEAT", ["heater"]),
        ("ärm", ["sensor"]),
        ("bath live", ["heater", "sensor"]),
        ("measuring", ["sensor"]),
        ("attic", []),
    ],
)
def test_the_filter_shows_devices_by_any_of_their_texts(view: View, typed: str, names: list[str]) -> None:
    """It counts while it is typed; the selected device is one that is shown."""
    press(view, "/", *("space" if key == " " else key for key in typed))
    assert view.selection.names(house()) == names
    assert view.choose(house()) == (names or [""])[0]
    assert press(view, "escape") == []
    assert len(view.selection.names(house())) == 4


def test_enter_keeps_the_filter_and_keys_count_again(view: View) -> None:
    """While a filter is typed, letters are text; afterwards they are keys, and Escape removes the filter."""
    assert press(view, "/", "q", "r", "backspace", "backspace", "h", "e", "a", "enter") == []
    assert (view.selection.filter, view.is_filtering) == ("hea", False)
    assert press(view, "q") == [KeyAction("end")]
    press(view, "escape")
    assert view.selection.filter == ""
    assert press(view, "/", "end") == [KeyAction("end")]


def test_the_order_changes_with_each_press(view: View) -> None:
    """By room, by name, the latest change first, the highest power first, and by room again."""
    found = []
    for _ in range(5):
        found.append(view.selection.names(house()))
        press(view, "o")
    assert found == [
        ["heater", "sensor", "lamp", "cover"],
        ["cover", "heater", "lamp", "sensor"],
        ["lamp", "cover", "heater", "sensor"],
        ["heater", "lamp", "sensor", "cover"],
        ["heater", "sensor", "lamp", "cover"],
    ]


@pytest.mark.parametrize(
    ("name", "keys", "values"),
    [
        ("lamp", "++-", [50, 60, 50]),
        ("heater", "+-", [21.5, 21]),
        ("cover", "+-", [100, 90]),
    ],
)
def test_plus_and_minus_move_the_value(view: View, name: str, keys: str, values: list[float]) -> None:
    """A press that follows at once goes on from the value that was sent, and none leaves the range."""
    view.selected = name
    actions = press(view, *keys)
    assert [action.value for action in actions] == values
    assert {action.device for action in actions} == {name}
    assert actions[0].command == {"lamp": "on"}.get(name, "set")


def test_a_device_without_a_value_says_so(view: View) -> None:
    """Nothing is sent."""
    view.selected = "sensor"
    assert press(view, "+") == []
    notice = view.notice(NOW)
    assert notice is not None
    assert "has no value that goes up and down" in notice.text


def test_a_value_that_is_not_known_cannot_be_moved() -> None:
    """It can be typed."""
    control = control_of(loader.kind("lamp"))
    assert control is not None
    assert (control.command, control.argument, control.lowest, control.highest) == (
        "on", "brightness_percent", 1.0, 100.0,
    )  # fmt: skip
    assert moved(control, None, up=True) is None
    assert moved(control, 100, up=True) == 100


@pytest.mark.parametrize("word", ["toaster", "light_switch", "mirror", "sensor", "plug"])
def test_a_kind_whose_state_shows_no_argument_has_no_control(word: str) -> None:
    """The browning of a toaster is no field of its state."""
    assert control_of(loader.kind(word)) is None
