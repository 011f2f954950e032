"""Lamps, outlets of strips, and devices behind a hub, against emulators on real sockets."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kasa", reason="needs the extra kasa")

from daemons.kinds import Reading, Setting
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulator import Emulator
from tests.support.emulators.kasa import KasaPlug
from tests.support.house import eventually
from tests.support.tapo_hub import tapo_hub
from tests.support.tplink import KasaBulb, KasaStrip, TapoDevice, tapo_strip

LAMP = {"dims": True, "tints": True}


@contextmanager
def driving(device: Emulator, **options: Any) -> Iterator[DriverHarness]:
    """Run a driver for a device, with more options than the device's own."""
    with device, running_driver("kasa", {**device.options(), **options}) as harness:
        yield harness


def set_lamp(harness: DriverHarness, percent: int, kelvin: int | None = None) -> None:
    """Request a brightness and a colour temperature."""
    harness.driver.set(Setting(True, percent, kelvin), "a1", harness.clock.now())


def test_an_older_lamp_is_dimmed_and_its_white_is_set(tmp_path: Path) -> None:
    """In colour mode it has no colour temperature. White that it cannot have becomes the nearest one."""
    bulb = KasaBulb(tmp_path)
    with driving(bulb, **LAMP) as harness:
        first = harness.wait_for_on(on=False)
        assert (first.brightness_percent, first.colour_temperature_kelvin) == (30, None)
        set_lamp(harness, 55, 2000)
        reading = harness.wait_until(lambda r: r.brightness_percent == 55 and r.on, "its brightness")
        assert (reading.colour_temperature_kelvin, reading.power_watts) == (2500, 8.0)
    assert len(bulb.settings) == 1
    assert (
        bulb.settings[0] | {"on_off": 1, "brightness": 55, "color_temp": 2500, "transition_period": 0}
        == (bulb.settings[0])
    )


def test_a_newer_lamp_is_dimmed_and_its_white_is_set(tmp_path: Path) -> None:
    """One request switches it on with both. In colour mode it has no colour temperature."""
    lamp = TapoDevice(tmp_path)
    lamp.components = ["device", "brightness", "color", "color_temperature"]
    colour = {"color_temp_range": [2500, 6500], "hue": 240, "saturation": 100}
    lamp.info |= {"type": "SMART.TAPOBULB", "model": "L530", "brightness": 20, "color_temp": 0, **colour}
    with driving(lamp, **LAMP) as harness:
        assert harness.wait_for_on(on=False).colour_temperature_kelvin is None
        set_lamp(harness, 80, 3000)
        reading = harness.wait_until(lambda r: r.brightness_percent == 80 and r.on, "its brightness")
        assert reading.colour_temperature_kelvin == 3000
        harness.set(on=False)
        harness.wait_for_on(on=False)


def test_a_lamp_shows_a_colour(tmp_path: Path) -> None:
    """Its colour is read and set, and a white ends it: an older and a newer lamp."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old, new = KasaBulb(tmp_path / "old"), TapoDevice(tmp_path / "new")
    new.components = ["device", "brightness", "color", "color_temperature"]
    more = {"color_temp_range": [2500, 6500], "hue": 240, "saturation": 100, "color_temp": 0}
    new.info |= {"type": "SMART.TAPOBULB", "model": "L530", "brightness": 20, **more}
    lamps: tuple[Emulator, ...] = (old, new)
    for lamp in lamps:
        with driving(lamp, **LAMP, colours=True) as harness:
            first = harness.wait_for_on(on=False)
            assert (first.colour, first.colour_temperature_kelvin) == ("#0000ff", None)
            harness.driver.set(Setting(True, 60, colour="#ff8000"), "a1", harness.clock.now())
            reading = harness.wait_until(lambda r: r.colour == "#ff8000" and r.on, "its colour")
            assert (reading.brightness_percent, reading.colour_temperature_kelvin) == (60, None)
            set_lamp(harness, 60, 3000)
            reading = harness.wait_until(lambda r: r.colour_temperature_kelvin == 3000, "its white")
            assert reading.colour is None
            harness.driver.set(Setting(True, 60, colour="#00ff00"), "a1", harness.clock.now())
            reading = harness.wait_until(lambda r: r.colour, "a colour after a white")
            assert (reading.colour, reading.colour_temperature_kelvin) == ("#00ff00", None)


def test_a_whole_strip_is_switched_by_its_outlets(tmp_path: Path) -> None:
    """It counts as on while any outlet is on. Each outlet is switched, whatever it was before."""
    old, new = KasaStrip(tmp_path), tapo_strip(tmp_path)
    strips: tuple[Emulator, ...] = (old, new)
    for strip in strips:
        with driving(strip) as harness:
            harness.wait_for_on(on=False)
            for on in (True, False):
                harness.set(on)
                harness.wait_for_on(on)
                states = old.outlets.values() if strip is old else [child.on for child in new.children]
                assert set(states) == {on}


def test_an_outlet_of_a_newer_strip_is_the_one_at_its_position(tmp_path: Path) -> None:
    """The list of a strip may have another order than its outlets. The timer is that of the outlet."""
    strip = tapo_strip(tmp_path)
    second = next(child for child in strip.children if child.info["position"] == 2)
    with driving(strip, outlet=2) as harness:
        harness.wait_for_on(on=False)
        harness.set(on=True, off_after_seconds=90)
        reading = harness.wait_for_on(on=True)
        assert (reading.fault, second.armed_seconds) == (None, 120.0)
        assert [child.on for child in strip.children] == [False, True, False]
        harness.set(on=False)
        harness.wait_for_on(on=False)
        eventually(lambda: second.auto_off == {"enable": False, "delay_min": 120})


def test_all_outlets_of_a_strip_ask_it_once_per_poll_each(tmp_path: Path) -> None:
    """Six devices of an HS300 send six requests in one poll interval, each with its own meter."""
    strip = KasaStrip(tmp_path)
    strip.outlets["800603"] = True
    with strip, ExitStack() as stack:
        options = [{**strip.options(), "outlet": number, "poll": "500ms"} for number in range(1, 7)]
        all_of_them = [stack.enter_context(running_driver("kasa", one)) for one in options]
        readings = [one.wait_for_on(on=number == 3) for number, one in enumerate(all_of_them)]
        assert [reading.energy_watt_hours for reading in readings] == [12345.0] * 6
        before, polls = strip.requests, 4
        begun = all_of_them[0].clock.now()
        eventually(lambda: strip.requests >= before + 6 * polls)
        assert all_of_them[0].clock.now() - begun > 0.5 * (polls - 1)


@pytest.mark.parametrize(
    ("make", "options", "why"),
    [
        (KasaStrip, {"outlet": 7}, "it has 6 outlets, and there is no outlet 7"),
        (KasaPlug, {"outlet": 1}, "it has 0 outlets"),
        (KasaPlug, {"dims": True}, "it cannot do what dims = true says"),
        (tapo_hub, {}, "it is a hub"),
        (tapo_hub, {"child": "x"}, "it has no device 'x' behind it; set child to one of door, air, "),
        (tapo_hub, {"child": "bell"}, "it is a chime: House has no driver for chimes"),
    ],
)
def test_a_device_that_does_not_fit_its_options_is_refused(
    make: Any, options: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """It is unreachable, with a sentence that says what to change."""
    with driving(make(tmp_path), **options) as harness:
        lost = harness.wait_until(lambda r: r.reachable is False, "a refusal")
        assert why in str(lost.fault)


def test_sensors_behind_a_hub_are_read(tmp_path: Path) -> None:
    """A contact and a thermometer, which reports °F here. A sensor that the hub does not hear is a fault."""
    hub = tapo_hub(tmp_path)
    door, air = hub.children[:2]
    with driving(hub, child="door") as harness:
        harness.wait_for_on(on=False)
        door.info["open"] = True
        harness.wait_for_on(on=True)
        door.info["status"] = "offline"
        lost = harness.wait_until(lambda r: r.reachable is False, "its loss")
        assert "its hub does not hear from it" in str(lost.fault)
        asked = hub.requests
        eventually(lambda: hub.requests > asked + 3)
        assert harness.reading.losses == 1
        door.info["status"] = "online"
        assert harness.wait_for_on(on=True).fault is None
    with driving(hub, child=air.info["device_id"]) as harness:
        reading = harness.wait_until(lambda r: r.temperature_celsius, "its temperature")
        assert reading.temperature_celsius == pytest.approx(21.5)
        assert (reading.humidity_percent, reading.battery_percent) == (51, 80)


def test_each_press_of_a_button_behind_a_hub_counts_once(tmp_path: Path) -> None:
    """The presses of before the start are in its log too, and do not count. A turn is no press."""
    hub = tapo_hub(tmp_path)
    button = hub.children[2]
    button.logs = [{"id": 7, "event": "doubleClick"}]
    touches: dict[str, str] = {}

    def collect(reading: Reading) -> bool:
        touches.update({press.id: press.what for press in reading.presses})
        return len(touches) >= 2

    with driving(hub, child="button") as harness:
        harness.wait_until(lambda r: r.reachable and hub.requests > 8, "some polls")
        new = [{"id": number, "event": event} for number, event in
               ((10, "doubleClick"), (9, "rotation"), (8, "singleClick"))]  # fmt: skip
        button.logs = new + button.logs
        harness.wait_until(collect, "two presses")
    assert list(touches.values()) == ["single", "double"]


def test_a_countdown_of_the_owner_is_left_alone(tmp_path: Path) -> None:
    """It blocks our own, and the fault says so. It does the same work if it ends earlier."""
    theirs = {"id": "A1", "name": "add timer", "enable": 1, "delay": 900, "act": 0}
    plug = KasaPlug(tmp_path)
    with driving(plug) as harness:
        harness.wait_for_on(on=False)
        plug.add_rule(theirs)
        harness.set(on=True, off_after_seconds=600)
        assert "a timer of its app is in the way" in str(harness.wait_for_on(on=True).fault)
        harness.set(on=True, off_after_seconds=1200)
        harness.wait_until(lambda r: r.on and r.fault is None, "no fault")
        harness.set(on=False)
        harness.wait_for_on(on=False)
        assert plug.rules == [theirs]


def test_our_own_countdown_is_edited_and_deleted(tmp_path: Path) -> None:
    """Also one that a process of before has left, and one that has ended."""
    plug = KasaPlug(tmp_path)
    with driving(plug) as harness:
        harness.wait_for_on(on=False)
        plug.add_rule({"id": "B2", "name": "House", "enable": 0, "delay": 60, "act": 0})
        harness.set(on=True, off_after_seconds=600)
        assert harness.wait_for_on(on=True).fault is None
        assert [(rule["id"], rule["delay"], rule["enable"]) for rule in plug.rules] == [("B2", 600, 1)]
        harness.set(on=False)
        harness.wait_for_on(on=False)
        eventually(lambda: plug.rules == [])


def test_an_auto_off_of_the_owner_is_left_alone(tmp_path: Path) -> None:
    """A longer one blocks ours, and the fault says so. A shorter one does the same work."""
    plug = TapoDevice(tmp_path)
    plug.auto_off = {"enable": True, "delay_min": 15}
    with driving(plug) as harness:
        harness.wait_for_on(on=False)
        harness.set(on=True, off_after_seconds=600)
        assert "auto-off was set in its app" in str(harness.wait_for_on(on=True).fault)
        harness.set(on=True, off_after_seconds=1200)
        harness.wait_until(lambda r: r.on and r.fault is None, "no fault")
        harness.set(on=False)
        harness.wait_for_on(on=False)
    assert plug.auto_off == {"enable": True, "delay_min": 15}


def test_our_own_auto_off_is_known_after_a_restart(tmp_path: Path) -> None:
    """The second process reads the rest of it, changes it, and at the end puts back what was there."""
    plug = TapoDevice(tmp_path)
    with driving(plug) as harness:
        harness.set(on=True, off_after_seconds=600)
        harness.wait_for_on(on=True)
    with driving(plug) as harness:
        assert harness.wait_for_on(on=True).off_after_seconds == 600
        harness.set(on=True, off_after_seconds=1200)
        harness.wait_until(lambda r: r.on and not r.is_pending, "the answer")
        assert (plug.auto_off, harness.reading.fault) == ({"enable": True, "delay_min": 20}, None)
        harness.set(on=False)
        harness.wait_for_on(on=False)
        eventually(lambda: plug.auto_off == {"enable": False, "delay_min": 120})


def test_the_energy_goes_on_over_a_month_and_a_restart(tmp_path: Path) -> None:
    """The plug reports the energy of this month, which begins at zero; the count never goes back."""
    plug = TapoDevice(tmp_path)
    with driving(plug) as harness:
        harness.wait_until(lambda r: r.energy_watt_hours == 430, "its energy")
        plug.usage |= {"month_energy": 433}
        harness.wait_until(lambda r: r.energy_watt_hours == 433, "more energy")
        plug.usage |= {"local_time": "2026-12-01 00:00:02", "month_energy": 0}
        harness.wait_until(lambda r: plug.requests and r.energy_watt_hours == 433, "no step back")
        plug.usage |= {"month_energy": 2}
        harness.wait_until(lambda r: r.energy_watt_hours == 435, "a new month")
    plug.usage |= {"month_energy": 12}
    with driving(plug) as harness:
        first = harness.wait_until(lambda r: r.energy_watt_hours is not None, "its energy")
        assert first.energy_watt_hours == 445
