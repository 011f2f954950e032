"""The driver `shelly` with a thermostat: its target, a radiator valve that answers late, and its faults."""

from pathlib import Path
from typing import Any

import pytest

from daemons.drivers import shelly
from daemons.kinds import Setting
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulators.shelly import ShellyPlug


def heat(harness: DriverHarness, celsius: float) -> None:
    """Request a target."""
    harness.driver.set(Setting(on=True, target_celsius=celsius), "a1", harness.clock.now())


def display(folder: Path) -> tuple[ShellyPlug, dict[str, Any]]:
    """Return a display with a thermostat, and the options for it."""
    made = ShellyPlug(folder)
    made.components["thermostat:0"] = {
        "id": 0, "enable": False, "target_C": 18.0, "current_C": 19.0, "output": False,
    }  # fmt: skip
    return made, {**made.options(), "component": "thermostat"}


def gateway(folder: Path) -> tuple[ShellyPlug, dict[str, Any]]:
    """Return a gateway with a radiator valve, and the options for it."""
    made = ShellyPlug(folder)
    made.components["blutrv:200"] = {
        "id": 200, "target_C": 18.0, "current_C": 19.0, "pos": 0, "battery": 90, "rssi": -60,
        "last_updated_ts": made.components["sys"]["unixtime"] - 60,
    }  # fmt: skip
    made.dynamic = [{"key": "blutrv:200", "config": {"name": "Hall", "trv": "bthomedevice:200"}}]
    return made, {**made.options(), "component": "blutrv", "channel": 200}


def test_a_thermostat_gets_its_target(tmp_path: Path) -> None:
    """Its own change of the target is read, too."""
    plug, options = display(tmp_path)
    with plug, running_driver("shelly", options) as harness:
        assert harness.wait_for_on(on=False).temperature_celsius == 19.0
        heat(harness, 21.5)
        assert harness.wait_for_on(on=True).target_celsius == 21.5
        plug.notify({"thermostat:0": {"target_C": 22.0, "output": True}})
        reading = harness.wait_until(lambda r: r.target_celsius == 22.0, "the knob")
        assert (reading.on, reading.heating) == (True, True)
        harness.set(on=False)
        assert harness.wait_for_on(on=False).target_celsius == 22.0


def test_a_thermostat_that_cools_is_refused(tmp_path: Path) -> None:
    """A kind that heats would do the wrong thing."""
    plug, options = display(tmp_path)
    plug.type = "cooling"
    with plug, running_driver("shelly", options) as harness:
        lost = harness.wait_until(lambda r: r.reachable is False, "its refusal")
        assert str(lost.fault).endswith("it is set to cool, and a thermostat of House only heats")


def test_a_setting_is_pending_until_the_valve_has_reported_it(tmp_path: Path) -> None:
    """The gateway has the target only with the next packet. Until then, the old one is no wish of a hand."""
    plug, options = gateway(tmp_path)
    plug.reports_target = False
    with plug, running_driver("shelly", options) as harness:
        first = harness.wait_for_on(on=True)
        assert (first.target_celsius, first.battery_percent, first.signal_dbm) == (18.0, 90, -60)
        heat(harness, 21.3)
        harness.wait_until(lambda _: asked(plug), "the request for its status")
        plug.notify({"blutrv:200": {"pos": 10}})
        reading = harness.wait_until(lambda r: r.valve_percent == 10, "another packet")
        assert (reading.on, reading.is_pending) == (None, True)
        plug.notify({"blutrv:200": {"target_C": 21.3, "pos": 80}})
        reading = harness.wait_until(lambda r: not r.is_pending, "its packet")
        assert (reading.on, reading.target_celsius, reading.valve_percent) == (True, 21.3, 80.0)


def test_a_newer_setting_replaces_one_that_the_valve_has_not_reported(tmp_path: Path) -> None:
    """A hand at the page need not wait for a minute."""
    plug, options = gateway(tmp_path)
    plug.reports_target = False
    with plug, running_driver("shelly", options) as harness:
        harness.wait_for_on(on=True)
        heat(harness, 21.3)
        harness.wait_until(lambda _: asked(plug), "the request for its status")
        plug.reports_target = True
        harness.set(on=False)
        assert harness.wait_for_on(on=False).target_celsius == 4.0


def test_a_valve_that_the_gateway_cannot_reach_is_offline(tmp_path: Path) -> None:
    """The fault has the words of the gateway."""
    plug, options = gateway(tmp_path)
    with plug, running_driver("shelly", options) as harness:
        harness.wait_for_on(on=True)
        del plug.components["blutrv:200"]
        heat(harness, 21)
        lost = harness.wait_until(lambda r: r.reachable is False, "its refusal")
        assert "it refuses BluTrv.Call" in str(lost.fault)


def test_a_valve_that_does_not_answer_in_time_is_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a time of its own: a gateway answers sooner than the valve behind it."""
    monkeypatch.setattr(shelly, "VALVE_SECONDS", 0.2)
    plug, options = gateway(tmp_path)
    with plug, running_driver("shelly", options) as harness:
        harness.wait_for_on(on=True)
        plug.slow_down(0.6)
        heat(harness, 21)
        lost = harness.wait_until(lambda r: r.reachable is False, "the end of its time")
        assert str(lost.fault).endswith("it has not answered within 0.2 s")


def test_a_target_that_is_not_reported_in_time_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The house then follows the hardware."""
    monkeypatch.setattr(shelly, "VALVE_SECONDS", 0.5)
    monkeypatch.setattr(shelly, "REPORT_SECONDS", 0.1)
    plug, options = gateway(tmp_path)
    plug.reports_target = False
    with plug, running_driver("shelly", options) as harness:
        harness.wait_for_on(on=True)
        heat(harness, 21)
        harness.wait_until(lambda r: asked(plug) and not r.is_pending, "the end of its time")
        assert (harness.reading.on, harness.reading.target_celsius) == (True, 18.0)


def asked(plug: ShellyPlug) -> bool:
    """Return whether the status of the thermostat was requested after a target."""
    methods = [method for method, _ in plug.calls]
    return bool({"Thermostat.GetStatus", "BluTrv.GetStatus"} & set(methods))
