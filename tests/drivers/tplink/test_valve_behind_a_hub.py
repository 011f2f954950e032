"""A radiator valve behind a hub, against an emulator on real sockets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("kasa", reason="needs the extra kasa")

from daemons.kinds import Setting
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulator import table
from tests.support.house import HouseFactory, eventually
from tests.support.tapo_hub import TapoValve, tapo_hub
from tests.support.tplink import TapoDevice


@contextmanager
def driving(folder: Path) -> Iterator[tuple[TapoDevice, TapoValve, DriverHarness]]:
    """Yield a hub, the valve behind it, and a driver that controls the valve."""
    hub = tapo_hub(folder)
    (valve,) = (child for child in hub.children if isinstance(child, TapoValve))
    with hub, running_driver("kasa", {**hub.options(), "child": "valve"}) as harness:
        harness.wait_for_on(on=True)
        yield hub, valve, harness


def set_target(harness: DriverHarness, celsius: float) -> None:
    """Request a target."""
    harness.driver.set(Setting(on=True, target_celsius=celsius), "a1", harness.clock.now())


def test_a_valve_keeps_a_target_of_the_house_or_of_a_hand(tmp_path: Path) -> None:
    """It is set, turned at its knob, switched off and on again."""
    with driving(tmp_path) as (_, valve, harness):
        assert (harness.reading.target_celsius, harness.reading.heating) == (21.0, True)
        set_target(harness, 19.5)
        reading = harness.wait_until(lambda r: r.on and r.target_celsius == 19.5, "the target")
        assert (reading.heating, reading.fault, reading.battery_percent) == (False, None, 90)
        valve.turn_knob(23.0)
        assert harness.wait_until(lambda r: r.target_celsius == 23.0, "the knob").on is True
        harness.set(on=False)
        assert harness.wait_for_on(on=False).heating is False
        set_target(harness, 22.0)
        assert harness.wait_for_on(on=True).target_celsius == 22.0
        assert [one.get("target_temp") for one in valve.settings] == [19.5, None, 22.0]


def test_a_setting_is_pending_until_a_valve_that_sleeps_reports_it(tmp_path: Path) -> None:
    """Its old target is not taken for one of a hand. A newer setting is sent at once."""
    with driving(tmp_path) as (hub, valve, harness):
        valve.sleeps = True
        for celsius in (19.0, 18.0):
            before = len(valve.settings), hub.requests
            set_target(harness, celsius)
            eventually(lambda before=before: len(valve.settings) > before[0])  # type: ignore[misc]
            eventually(lambda before=before: hub.requests > before[1] + 2)  # type: ignore[misc]
            harness.poll()
            reading = harness.reading
            assert (reading.on, reading.is_pending, reading.target_celsius) == (None, True, 21.0)
        valve.wake()
        reading = harness.wait_for_on(on=True)
        assert (reading.target_celsius, reading.is_pending, reading.losses) == (18.0, False, 0)
        assert len(valve.settings) == 2


def test_a_valve_that_its_hub_does_not_hear_gets_the_latest_target_when_it_is_back(tmp_path: Path) -> None:
    """It is unreachable until then, and nothing is sent to it, also if it is lost before it has reported."""
    with driving(tmp_path) as (hub, valve, harness):
        valve.sleeps = True
        set_target(harness, 19.0)
        eventually(lambda: len(valve.settings) == 1)
        valve.info["status"] = "offline"
        lost = harness.wait_until(lambda r: r.reachable is False, "its loss")
        assert "its hub does not hear from it" in str(lost.fault)
        set_target(harness, 18.0)
        asked = hub.requests
        eventually(lambda: hub.requests > asked + 1)
        assert (harness.reading.losses, len(valve.settings)) == (1, 1)
        valve.sleeps, valve.info["status"] = False, "online"
        reading = harness.wait_until(lambda r: r.on and r.target_celsius == 18.0, "the latest target")
        assert (reading.reachable, reading.fault, reading.losses) == (True, None, 1)
        assert [one["target_temp"] for one in valve.settings] == [19.0, 18.0]


def test_a_thermostat_that_is_a_sensor_is_a_fault(tmp_path: Path) -> None:
    """The driver does not know the kind before it is told a target."""
    hub = tapo_hub(tmp_path)
    with hub, running_driver("kasa", {**hub.options(), "child": "door"}) as harness:
        harness.wait_for_on(on=False)
        set_target(harness, 20.0)
        lost = harness.wait_until(lambda r: r.reachable is False, "a refusal")
        assert str(lost.fault).endswith(
            "it keeps no temperature: use the kind that `house discover` prints for it"
        )


@pytest.mark.long
def test_a_valve_in_a_house_sleeps_and_is_away(make_house: HouseFactory, tmp_path: Path) -> None:
    """A target that the valve reports only after 8 s is no fault, and none of a hand. It is sent once."""
    hub = tapo_hub(tmp_path)
    (valve,) = (child for child in hub.children if isinstance(child, TapoValve))
    options = table({**hub.options(), "child": "valve"})
    with hub:
        house = make_house(f'[devices.valve]\nkind = "thermostat"\ndriver = "kasa"\nkasa = {options}\n')
        house.house("up")
        with house.listen("valve") as it:
            it.wait_for(lambda it: it.has_state("valve", target_celsius=21.0, phase="heating"))
            valve.sleeps = True
            assert house.send("valve", "set", "celsius=18.5")["outcome"] == "applied"
            eventually(lambda: len(valve.settings) == 1)
            asked = hub.requests
            eventually(lambda: hub.requests > asked + 40)
            valve.sleeps = False
            valve.wake()
            it.wait_for(lambda it: it.has_state("valve", confirmed=True, phase="idle", target_celsius=18.5))
            assert it.states["valve"].state["fault"] is None
            valve.turn_knob(23.0)
            it.wait_for(lambda it: it.has_state("valve", target_celsius=23.0, phase="heating"))
            assert it.states["valve"].cause == "hardware"
            valve.info["status"] = "offline"
            it.wait_for(lambda it: it.has_state("valve", reachable=False))
            house.send("valve", "off")
            valve.info["status"] = "online"
            it.wait_for(lambda it: it.has_state("valve", confirmed=True, reachable=True, phase="off"))
            sent = [one.get("target_temp") for one in valve.settings]
            assert sent == [18.5, None]
            assert "Traceback" not in house.log("valve")
