"""A radiator valve of the first generation: what its status means, and the request for its target."""

from typing import Any

import pytest

from daemons.drivers.shelly_http.options import Options
from daemons.drivers.shelly_http.status import part_of, read, set_target
from daemons.drivers.shelly_http.thermostat import FAHRENHEIT
from daemons.kinds import Reading, Setting

OPTIONS = Options(address="x", component="thermostat")


def status(celsius: float, **more: Any) -> dict[str, Any]:
    """Return the status of a device with a valve, and with a target."""
    target = {"enabled": True, "value": celsius, "units": "C"}
    return {"thermostats": [{"target_t": target, "tmp": {"value": 19.5, "is_valid": True}, **more}]}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (status(21, pos=30), {"on": True, "target_celsius": 21.0, "valve_percent": 30.0, "heating": True}),
        (status(4.0, pos=0.0), {"on": False, "target_celsius": 4.0, "valve_percent": 0.0, "heating": False}),
        (status(21.0, target_t={"enabled": False, "value": 21.0}), {"on": False}),
        (status(21.0, pos=-1.0), {"on": True, "valve_percent": None, "heating": None}),
        (status(21.0, window_open=True), {"window_open": True, "temperature_celsius": 19.5}),
        (status(21.0, tmp={"value": 19.5, "is_valid": False}), {"temperature_celsius": None}),
        ({**status(21.0), "calibrated": False, "bat": {"value": 71}}, {
            "fault": "it is not calibrated", "battery_percent": 71,
        }),
        (status(21.0, tmp={"value": 68, "units": "F"}), {
            "fault": FAHRENHEIT, "on": None, "target_celsius": None, "temperature_celsius": None,
        }),
    ],
)  # fmt: skip
def test_the_status_of_a_valve_is_parsed(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """It is off at its lowest target, and while it keeps no temperature but a position."""
    changes = read(OPTIONS, found)
    assert {field: changes.get(field) for field in expected} == expected


@pytest.mark.parametrize(
    ("setting", "target"),
    [
        (Setting(on=True, target_celsius=21.3), 21.5),
        (Setting(on=True, target_celsius=3), 4.5),
        (Setting(on=False, target_celsius=21), 4.0),
    ],
)
def test_the_request_for_a_target(setting: Setting, target: float) -> None:
    """Off is the lowest target, and on never is."""
    found = status(target)
    request = set_target(OPTIONS, setting, part_of(OPTIONS, found) or {})
    assert request == f"/thermostat/0?target_t_enabled=1&target_t={target}"
    assert setting.is_met_by(Reading(**read(OPTIONS, found)))


def test_a_valve_in_fahrenheit_gets_no_target() -> None:
    """A number in Celsius would be a frosty target for it."""
    part = status(21.0, tmp={"value": 68, "units": "F"})["thermostats"][0]
    assert set_target(OPTIONS, Setting(on=True, target_celsius=21), part) is None
