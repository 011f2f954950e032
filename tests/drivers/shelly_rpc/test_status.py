"""The status of a component, whole and partial, and the request for a setting."""

import time
from typing import Any

import pytest

from daemons.drivers.shelly_rpc import bthome
from daemons.drivers.shelly_rpc.options import Options
from daemons.drivers.shelly_rpc.request import set_request
from daemons.drivers.shelly_rpc.status import Components, overlay, read, touch_of
from daemons.kinds import Setting

REMOTE = {"component": "bthomedevice:203", "idx": 2, "event": "double_push"}
NO_POWER = {"power_watts": None}


def options(component: Any = "switch", channel: int = 0, **more: Any) -> Options:
    """Return options."""
    return Options(address="x", component=component, channel=channel, **more)


@pytest.mark.parametrize(
    ("component", "setting", "expected"),
    [
        ("switch", Setting(on=True), ("Switch.Set", {"id": 2, "on": True})),
        (
            "switch", Setting(on=True, off_after_seconds=90),
            ("Switch.Set", {"id": 2, "on": True, "toggle_after": 90}),
        ),
        ("switch", Setting(on=False, off_after_seconds=90), ("Switch.Set", {"id": 2, "on": False})),
        ("switch", Setting(on=True, brightness_percent=30), ("Switch.Set", {"id": 2, "on": True})),
        (
            "light", Setting(on=True, brightness_percent=30, colour_temperature_kelvin=2700),
            ("Light.Set", {"id": 2, "on": True, "brightness": 30}),
        ),
        (
            "cct", Setting(on=True, brightness_percent=30, colour_temperature_kelvin=2700),
            ("CCT.Set", {"id": 2, "on": True, "brightness": 30, "ct": 2700}),
        ),
        (
            "rgbcct", Setting(on=True, colour_temperature_kelvin=2700),
            ("RGBCCT.Set", {"id": 2, "on": True, "ct": 2700, "mode": "cct"}),
        ),
        (
            "rgbw", Setting(on=True, brightness_percent=9, off_after_seconds=5),
            ("RGBW.Set", {"id": 2, "on": True, "brightness": 9, "toggle_after": 5}),
        ),
        (
            "rgb", Setting(on=True, brightness_percent=9, colour="#ff8800"),
            ("RGB.Set", {"id": 2, "on": True, "brightness": 9, "rgb": [255, 136, 0]}),
        ),
        (
            "rgbw", Setting(on=True, colour="#ff8800"),
            ("RGBW.Set", {"id": 2, "on": True, "rgb": [255, 136, 0], "white": 0}),
        ),
        (
            "rgbcct", Setting(on=True, colour="#ff8800"),
            ("RGBCCT.Set", {"id": 2, "on": True, "rgb": [255, 136, 0], "mode": "rgb"}),
        ),
        ("cct", Setting(on=True, colour="#ff8800"), ("CCT.Set", {"id": 2, "on": True})),
        (
            "cover", Setting(on=True, direction="close", off_after_seconds=30),
            ("Cover.Close", {"id": 2, "duration": 30}),
        ),
        ("cover", Setting(on=True, direction="open"), ("Cover.Open", {"id": 2})),
        ("cover", Setting(on=False), ("Cover.Stop", {"id": 2})),
        ("em1", Setting(on=False), None),
        ("input", Setting(on=True), None),
    ],
)  # fmt: skip
def test_the_request_for_a_setting(
    component: Any, setting: Setting, expected: tuple[str, dict[str, Any]] | None
) -> None:
    """The request has only what the component can do; a meter or a button gets none."""
    assert set_request(options(component, 2), setting) == expected


@pytest.mark.parametrize(
    ("component", "status", "expected"),
    [
        ("switch", {"output": True, "apower": None}, {"on": True, "off_after_seconds": None, **NO_POWER}),
        ("switch", {"errors": ["read"], "output": 1}, {"fault": "read"}),
        ("switch", {"errors": ["overtemp"]}, {"fault": "it is too hot inside"}),
        ("cover", {"state": "stopped"}, {"on": False, "direction": None}),
        ("cover", {"state": "closing"}, {"on": True, "direction": "close"}),
        ("cover", {"current_pos": None}, {"position_percent": None}),
        ("rgbcct", {"ct": 2700, "mode": "cct"}, {"colour_temperature_kelvin": 2700}),
        ("rgbcct", {"ct": 2700, "mode": "rgb"}, {"colour_temperature_kelvin": None}),
        ("rgb", {"rgb": [128, 68, 0]}, {"colour": "#ff8700"}),
        ("rgb", {"rgb": [0, 0, 0]}, {"colour": None}),
        ("rgb", {"rgb": [1, None, "x"]}, {"colour": None}),
        ("rgbcct", {"rgb": [255, 0, 0], "mode": "cct"}, {"colour": None}),
        ("rgbcct", {"rgb": [255, 0, 0], "mode": "rgb"}, {"colour": "#ff0000"}),
        ("input", {"state": True}, {"on": True}),
        ("input", {"state": None}, {}),
    ],
)  # fmt: skip
def test_a_status_is_parsed(component: Any, status: dict[str, Any], expected: dict[str, Any]) -> None:
    """A value that is null is unknown; one of another type is not read."""
    found = read(options(component), {f"{component}:0": status}, {})
    assert found == {"fault": None, **expected}


@pytest.mark.parametrize("phase", ["a", "b"])
def test_one_phase_of_a_meter_is_read(phase: Any) -> None:
    """It has a voltage and a power factor; all phases together have neither."""
    part = {
        f"{phase}_act_power": 3.6,
        f"{phase}_voltage": 230.0,
        f"{phase}_current": 0.1,
        f"{phase}_pf": 0.36,
    }
    known = {"em:0": {**part, "total_act_power": 99.0}, "emdata:0": {f"{phase}_total_act_energy": 7.0}}
    found = read(options("em", phase=phase), known, {})
    assert found == {
        "fault": None, "power_watts": 3.6, "voltage_volts": 230.0, "current_amperes": 0.1,
        "power_factor": 0.36, "energy_watt_hours": 7.0,
    }  # fmt: skip
    assert "voltage_volts" not in read(options("em"), known, {})


def test_a_change_is_laid_over_the_known_status() -> None:
    """A timer ends with the switching that does not name it. What is no status is dropped."""
    timer = {"timer_started_at": time.time(), "timer_duration": 60.0}
    known: Components = {}
    overlay(known, {"switch:0": {"output": True, "apower": 5.0, **timer}, "ts": 1.0})
    assert read(options(), known, {})["off_after_seconds"] == pytest.approx(60, abs=5)
    overlay(known, {"switch:0": {"apower": 6.0}})
    assert read(options(), known, {})["off_after_seconds"] == pytest.approx(60, abs=5)
    overlay(known, {"switch:0": {"output": True}})
    assert read(options(), known, {})["off_after_seconds"] is None
    assert known == {"switch:0": {"output": True, "apower": 6.0}}


def test_a_sensor_with_an_error_has_no_value() -> None:
    """The others with its number go on, and the fault says what is wrong."""
    known: Components = {
        "temperature:0": {"tC": -275.1, "errors": ["read"]},
        "humidity:0": {"rh": 40.0},
        "temperature:1": {"tC": 9.0},
    }
    found = read(options("sensor"), known, {})
    assert found == {"fault": "read", "temperature_celsius": None, "humidity_percent": 40.0}


def test_the_wireless_signal_is_none_with_a_cable() -> None:
    """A device with a cable reports 0."""
    assert read(options(), {"switch:0": {}, "wifi": {"rssi": -60}}, {})["signal_dbm"] == -60
    assert read(options(), {"switch:0": {}, "wifi": {"rssi": 0}}, {})["signal_dbm"] is None


def test_the_sensors_of_a_bluetooth_device_have_its_address() -> None:
    """Those of another device at the same gateway are not read."""
    components = [
        {"key": "bthomedevice:200", "config": {"addr": "aa:01"}},
        {"key": "bthomesensor:200", "config": {"addr": "aa:01", "obj_id": 33}},
        {"key": "bthomesensor:201", "config": {"addr": "aa:02", "obj_id": 69}},
        {"key": "bthomesensor:202", "config": {"addr": "aa:01", "obj_id": 10}},
    ]
    sensors = bthome.sensors_of("bthomedevice:200", components)
    assert sensors == {"bthomesensor:200": 33, "bthomesensor:202": 10}
    known: Components = {
        "bthomedevice:200": {"battery": 80, "rssi": -61},
        "bthomesensor:200": {"value": True},
        "bthomesensor:202": {"value": 1.5},
    }
    found = read(options("bthomedevice", 200), known, sensors)
    assert found == {
        "fault": None, "on": True, "detections": {"motion": True}, "energy_watt_hours": 1500.0,
        "battery_percent": 80, "signal_dbm": -61,
    }  # fmt: skip
    assert bthome.sensors_of("bthomedevice:201", components) == {}


@pytest.mark.parametrize(
    ("own", "event", "touch"),
    [
        (options(input=1), {"component": "input:1", "event": "long_push"}, "long"),
        (options(input=1), {"component": "input:0", "event": "long_push"}, None),
        (options("input", 3), {"component": "input:3", "event": "single_push"}, "single"),
        (options(), {"component": "input:0", "event": "single_push"}, None),
        (options("bthomedevice", 203), REMOTE, "double"),
        (options("bthomedevice", 203, input=2), REMOTE, "double"),
        (options("bthomedevice", 203, input=1), REMOTE, None),
        (options("input", 3), "single_push", None),
    ],
)  # fmt: skip
def test_an_event_is_a_press_of_one_button(own: Options, event: Any, touch: str | None) -> None:
    """An event of another input, and of another button of a Bluetooth device, is none."""
    assert touch_of(own, event) == touch


@pytest.mark.parametrize(
    ("component", "can"),
    [
        ("switch", {"switch"}),
        ("light", {"switch", "dim"}),
        ("cct", {"switch", "dim", "tint"}),
        ("rgbw", {"switch", "dim", "colour"}),
        ("cover", {"move"}),
        ("em", {"sense"}),
        ("bthomedevice", {"sense", "press"}),
    ],
)
def test_a_component_has_its_own_abilities(component: Any, can: set[str]) -> None:
    """An input beside a component adds its presses."""
    assert options(component).abilities == can
    assert options(component, input=1).abilities == can | {"press"}


@pytest.mark.parametrize(("component", "more"), [("em1", {"phase": "a"}), ("input", {"input": 0})])
def test_an_option_of_another_component_is_refused(component: Any, more: dict[str, Any]) -> None:
    """ValueError says which one."""
    with pytest.raises(ValueError, match="component = "):
        options(component, **more)
