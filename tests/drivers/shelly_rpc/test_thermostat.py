"""A thermostat of a Shelly: what its status means, and the request for its target."""

from typing import Any

import pytest

from daemons.drivers.shelly_rpc.definition import Description, parts
from daemons.drivers.shelly_rpc.options import Options
from daemons.drivers.shelly_rpc.request import set_request
from daemons.drivers.shelly_rpc.status import read
from daemons.kinds import Reading, Setting
from tests.drivers.shelly_rpc import text_of


def options(component: Any, channel: int = 0) -> Options:
    """Return options."""
    return Options(address="x", component=component, channel=channel)


@pytest.mark.parametrize(
    ("component", "status", "expected"),
    [
        (
            "thermostat", {"enable": True, "output": True, "target_C": 21, "current_C": 19.5},
            {"on": True, "heating": True, "target_celsius": 21.0, "temperature_celsius": 19.5},
        ),
        ("thermostat", {"enable": False, "target_C": 21}, {"on": False, "target_celsius": 21.0}),
        ("thermostat", {"enable": 1, "output": None, "target_C": "21"}, {}),
        (
            "blutrv", {"target_C": 19, "current_C": 18.2, "pos": 40, "battery": 90, "rssi": -60},
            {
                "on": True, "target_celsius": 19.0, "temperature_celsius": 18.2, "valve_percent": 40.0,
                "heating": True, "battery_percent": 90, "signal_dbm": -60,
            },
        ),
        (
            "blutrv", {"target_C": 4, "pos": 0},
            {"on": False, "target_celsius": 4.0, "valve_percent": 0.0, "heating": False},
        ),
        (
            "blutrv", {"target_C": 19, "pos": -1, "errors": ["not_calibrated"]},
            {
                "on": True, "target_celsius": 19.0, "valve_percent": None, "heating": None,
                "fault": "it is not calibrated",
            },
        ),
    ],
)  # fmt: skip
def test_the_status_of_a_thermostat_is_parsed(
    component: Any, status: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A radiator valve is off at its lowest target; the thermostat of a display is off by its `enable`."""
    found = read(options(component), {f"{component}:0": status}, {})
    assert found.pop("target_range")
    assert found == {"fault": None, **expected}


@pytest.mark.parametrize(
    ("setting", "config"),
    [
        (Setting(on=True, target_celsius=21.3), {"enable": True, "target_C": 21.5}),
        (Setting(on=True, target_celsius=40), {"enable": True, "target_C": 35.0}),
        (Setting(on=True), {"enable": True}),
        (Setting(on=False, target_celsius=21), {"enable": False}),
    ],
)
def test_the_request_to_a_thermostat(setting: Setting, config: dict[str, Any]) -> None:
    """Off keeps its target for later."""
    expected = ("Thermostat.SetConfig", {"id": 0, "config": {"id": 0, **config}})
    assert set_request(options("thermostat"), setting) == expected


@pytest.mark.parametrize(
    ("setting", "target"),
    [
        (Setting(on=True, target_celsius=21.34), 21.3),
        (Setting(on=True, target_celsius=3), 4.1),
        (Setting(on=False, target_celsius=21), 4.0),
    ],
)
def test_the_request_to_a_radiator_valve(setting: Setting, target: float) -> None:
    """The gateway passes it on. Off is the lowest target, and on never is."""
    method, params = set_request(options("blutrv", 200), setting) or ("", {})
    assert (method, params["id"], params["method"]) == ("BluTrv.Call", 200, "TRV.SetTarget")
    assert params["params"] == {"id": 0, "target_C": target}
    status = {"target_C": target}
    assert setting.is_met_by(Reading(**read(options("blutrv"), {"blutrv:0": status}, {})))


def test_a_thermostat_that_cools_is_listed() -> None:
    """It is named, with a sentence."""
    config = {"thermostat:0": {"name": "Hall", "type": "cooling"}}
    (part,) = parts(Description(info={}, config=config, status={"thermostat:0": {"target_C": 21}}))
    assert (part.name, text_of(part)) == (
        "Hall", "none: it is set to cool, and a thermostat of House only heats",
    )  # fmt: skip


def test_a_radiator_valve_is_found_once() -> None:
    """Firmware lists it among the added components, among all of them, or in both. It is no sensor."""
    valve = {"key": "blutrv:201", "config": {"name": "Hall", "trv": "bthomedevice:200"}, "status": {}}
    device = {"key": "bthomedevice:200", "config": {"addr": "aa", "name": "Hall"}, "status": {}}
    for status in ({}, {"blutrv:201": {"target_C": 19}}):
        (part,) = parts(Description(info={}, status=status, dynamic=[valve, device]))
        assert (part.name, text_of(part)) == ("Hall", "thermostat blutrv:201")
