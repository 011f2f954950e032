"""The status of a Shelly of the first generation, its presses, and the request for a setting."""

from typing import Any

import pytest

from daemons.drivers.shelly_http.options import Options
from daemons.drivers.shelly_http.status import PressCounter, components, part_of, read, set_target
from daemons.kinds import Setting

BRIGHT = Setting(on=True, brightness_percent=30)
RED = Setting(on=True, brightness_percent=30, colour="#ff0000")
WARM = Setting(on=True, brightness_percent=30, colour_temperature_kelvin=2700)


def options(component: Any = "relay", channel: int = 0, **more: Any) -> Options:
    """Return options."""
    return Options(address="x", component=component, channel=channel, **more)


@pytest.mark.parametrize(
    ("own", "setting", "part", "expected"),
    [
        (options(), Setting(on=True), {}, "/relay/0?turn=on"),
        (options(channel=1), Setting(on=True, off_after_seconds=89.2), {}, "/relay/1?turn=on&timer=90"),
        (options(), Setting(on=False, off_after_seconds=90), {}, "/relay/0?turn=off"),
        (options(), BRIGHT, {}, "/relay/0?turn=on"),
        (options("light"), WARM, {}, "/light/0?turn=on&brightness=30"),
        (options("light", tints=True), WARM, {}, "/light/0?turn=on&brightness=30&temp=2700"),
        (
            options("light", tints=True), WARM, {"mode": "color"},
            "/light/0?turn=on&brightness=30&mode=white&temp=2700",
        ),
        (options("light", tints=True), BRIGHT, {"mode": "color"}, "/light/0?turn=on&gain=30"),
        (
            options("light", tints=True, colours=True), RED, {"mode": "white"},
            "/light/0?turn=on&gain=30&mode=color&red=255&green=0&blue=0&white=0",
        ),
        (options("color"), RED, {}, "/color/0?turn=on&gain=30&red=255&green=0&blue=0&white=0"),
        (options("light", tints=True), RED, {}, "/light/0?turn=on&brightness=30"),
        (options("color"), BRIGHT, {"mode": "color"}, "/color/0?turn=on&gain=30"),
        (options("white", 3), BRIGHT, {"mode": "white"}, "/white/3?turn=on&brightness=30"),
        (
            options("roller"), Setting(on=True, direction="close", off_after_seconds=31.5), {},
            "/roller/0?go=close&duration=32",
        ),
        (options("roller"), Setting(on=False), {}, "/roller/0?go=stop"),
        (options("emeter"), Setting(on=False), {}, None),
        (options("input"), Setting(on=True), {}, None),
    ],
)  # fmt: skip
def test_the_request_for_a_setting(
    own: Options, setting: Setting, part: dict[str, Any], expected: str | None
) -> None:
    """The request has only what the component can do; a meter or a button gets none."""
    assert set_target(own, setting, part) == expected


@pytest.mark.parametrize(
    ("own", "status", "expected"),
    [
        (options("emeter"), {"emeters": [{"is_valid": False, "power": 5.0}]}, {"power_watts": None}),
        (options("input"), {"inputs": [{"input": 1}]}, {"on": True}),
        (options("external"), {"ext_temperature": {"0": {"tC": 4.5}}}, {"temperature_celsius": 4.5}),
        (options("external", 1), {"ext_humidity": {"1": {"hum": 48}}}, {"humidity_percent": 48.0}),
        (options(), {"relays": [{"ison": "yes"}]}, {"on": None}),
        (options(), {"relays": [{}], "overtemperature": True}, {"fault": "it is too hot inside"}),
        (options(), {"relays": [{"overpower": True}]}, {"fault": "it draws more power than it may"}),
        (options("sensor"), {"tmp": {"value": 68.0, "units": "F"}}, {"temperature_celsius": 20.0}),
        (options("sensor"), {"tmp": {"tC": 99.0, "is_valid": False}}, {"temperature_celsius": None}),
        (options("sensor"), {"gas_sensor": {"alarm_state": "heavy"}}, {"detections": {"gas": True}}),
        (options("sensor"), {"sensor": {"state": "open", "is_valid": False}}, {"detections": None}),
    ],
)  # fmt: skip
def test_a_status_is_parsed(own: Options, status: dict[str, Any], expected: dict[str, Any]) -> None:
    """A value that is not valid is unknown."""
    found = read(own, status)
    assert {field: found.get(field) for field in expected} == expected


@pytest.mark.parametrize(
    "own", [options(), options("light"), options("sensor"), options("external"), options("input", 3)]
)
@pytest.mark.parametrize(
    "status",
    [
        {},
        {"relays": 5, "lights": [7], "inputs": [1]},
        {"ext_temperature": [], "sensor": 1, "accel": {"vibration": []}},
    ],
)
def test_a_status_of_another_shape_has_no_component(own: Options, status: dict[str, Any]) -> None:
    """The fault then names what the device has."""
    assert part_of(own, status) is None
    assert read(own, status)["fault"] is None


def test_the_components_of_a_device_are_named() -> None:
    """The lamps have one name, whatever their mode is."""
    assert components({"relays": [{}, {}], "lights": [{}], "inputs": [{}]}) == [
        "relay 0", "relay 1", "light 0", "input 0",
    ]  # fmt: skip


def test_each_press_counts_once() -> None:
    """The first status has old presses. Several presses between two statuses count as the last."""
    counter = PressCounter()
    seen = [
        counter.read({"event": word, "event_cnt": count})
        for word, count in [
            ("S", 7),
            ("S", 7),
            ("S", 8),
            ("S", 8),
            ("SS", 9),
            ("L", 11),
            ("SL", 12),
            ("", 12),
        ]
    ]
    assert seen == [[], [], ["single"], [], ["double"], ["long", "long"], [], []]


def test_the_count_of_a_device_that_restarted_is_no_press() -> None:
    """It counts from 0 again."""
    counter = PressCounter()
    assert counter.read({"event": "S", "event_cnt": 40}) == []
    assert counter.read({"event": "S", "event_cnt": 1}) == []
    assert counter.read({"event": "SSS", "event_cnt": 2}) == ["triple"]
    assert counter.read({"event": "S", "event_cnt": 900}) == ["single"] * 5


@pytest.mark.parametrize("part", [None, {}, {"event_cnt": True}, {"event_cnt": "7", "event": "S"}])
def test_an_input_without_a_counter_has_no_presses(part: Any) -> None:
    """It is no fault: an old firmware has none."""
    counter = PressCounter()
    assert counter.read({"event": "S", "event_cnt": 0}) == []
    assert counter.read(part) == []


def test_a_component_has_its_own_abilities() -> None:
    """Only a lamp that tints has a colour temperature; an input beside a component adds its presses."""
    assert options().abilities == {"switch"}
    assert options("light").abilities == {"switch", "dim"}
    assert options("light", tints=True).abilities == {"switch", "dim", "tint"}
    assert options("light", colours=True).abilities == {"switch", "dim", "colour"}
    assert options("color").abilities == {"switch", "dim", "colour"}
    assert options("roller", input=1).abilities == {"move", "press"}
    assert options("input").abilities == {"press", "sense"}


@pytest.mark.parametrize(
    "more", [{"tints": True}, {"component": "input", "input": 0}, {"poll_seconds": 0.01}]
)
def test_an_option_that_the_component_does_not_have_is_refused(more: dict[str, Any]) -> None:
    """ValueError says which one."""
    with pytest.raises(ValueError, match=r"component = |poll must be"):
        Options(**{"address": "x", **more})
