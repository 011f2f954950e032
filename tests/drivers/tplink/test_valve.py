"""A radiator valve (KE100): how its state is read, and which fields set its target."""

from typing import Any

import pytest

from daemons.drivers.tplink import status
from daemons.drivers.tplink.valve import parse_valve, valve_fields
from daemons.kinds import Reading, Setting, TargetRange

VALVE: dict[str, Any] = {
    "type": "SMART.KASAENERGY", "category": "subg.trv", "battery_percentage": 100, "current_temp": 19.2,
    "target_temp": 21.0, "min_control_temp": 5, "max_control_temp": 30, "frost_protection_on": False,
    "trv_states": ["heating"], "temp_unit": "celsius", "status": "online", "rssi": -73,
}  # fmt: skip
IN_FAHRENHEIT: dict[str, Any] = {
    **VALVE, "temp_unit": "fahrenheit", "current_temp": 66.6, "target_temp": 69, "min_control_temp": 41,
    "max_control_temp": 86,
}  # fmt: skip


JUNK: tuple[Any, ...] = (None, True, "x", [], [{}], {}, 1e300, float("nan"), -7)
"""Values of fields that no valve sends."""


def read(**changes: Any) -> Reading:
    """Return what is read of a valve with some other fields."""
    return Reading(**status.parse_smart({"get_device_info": {**VALVE, **changes}}))


def test_what_a_valve_reports_is_read() -> None:
    """Target, limits, temperature, whether it heats, battery and signal. Off is its frost protection."""
    reading = read()
    assert (reading.on, reading.heating, reading.target_celsius) == (True, True, 21.0)
    assert reading.target_range == TargetRange(5.0, 30.0, 0.5)
    assert (reading.temperature_celsius, reading.battery_percent, reading.signal_dbm) == (19.2, 100, -73)
    assert (read(trv_states=["low_battery"]).on, read(trv_states=["low_battery"]).heating) == (True, False)
    assert read(frost_protection_on=True).on is False
    assert read(trv_states=["shutdown"]).on is False
    assert read(min_control_temp=None).target_range == TargetRange(5.0, 30.0, 0.5)


@pytest.mark.parametrize(
    ("setting", "in_celsius", "in_fahrenheit"),
    [
        (Setting(on=False), {"frost_protection_on": True}, {"frost_protection_on": True}),
        (Setting(on=True), {"frost_protection_on": False}, {"frost_protection_on": False}),
        (Setting(on=True, target_celsius=20.5), {"target_temp": 20.5}, {"target_temp": 69}),
        (Setting(on=True, target_celsius=20.3), {"target_temp": 20.5}, {"target_temp": 69}),
        (Setting(on=True, target_celsius=4), {"target_temp": 5.0}, {"target_temp": 41}),
        (Setting(on=True, target_celsius=40), {"target_temp": 30.0}, {"target_temp": 86}),
    ],
)
def test_the_nearest_target_is_sent_and_is_met(
    setting: Setting, in_celsius: dict[str, Any], in_fahrenheit: dict[str, Any]
) -> None:
    """A target ends the frost protection. A valve that is set to °F gets whole degrees of it."""
    for own, expected in ((VALVE, in_celsius), (IN_FAHRENHEIT, in_fahrenheit)):
        fields = valve_fields(setting, own)
        assert fields == {"frost_protection_on": False, **expected}
        assert setting.is_met_by(Reading(**parse_valve({**own, **fields})))


def test_what_no_valve_reports_is_unknown() -> None:
    """Nothing of it ends the driver, and a setting can be made from each."""
    for name in VALVE.keys() - {"category"}:
        for junk in JUNK:
            info = {**VALVE, name: junk}
            assert status.parse_smart({"get_device_info": info})
            assert "target_temp" in valve_fields(Setting(on=True, target_celsius=20.0), info)
    assert "on" not in parse_valve({**VALVE, "frost_protection_on": None})
