"""The driver `shelly_gen1` at its emulator: login, timer, presses, and its search."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zeroconf", reason="needs the extra discover")

from daemons.drivers import Found, shelly_gen1
from daemons.drivers.shelly_http import announcements, discovery
from daemons.drivers.shelly_http.options import Options
from daemons.drivers.transports import mdns
from daemons.drivers.transports.mdns import MdnsService
from daemons.kinds import About, Reading, Setting
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulator import PASSWORD
from tests.support.emulators.shelly_gen1 import ShellyGen1Plug


def test_its_facts_are_read(tmp_path: Path) -> None:
    """They are in its status, and in what it says of itself."""
    with ShellyGen1Plug(tmp_path) as plug, running_driver("shelly_gen1", plug.options()) as harness:
        reading = harness.wait_for_on(on=False)
        assert (reading.energy_watt_hours, reading.device_temperature_celsius) == (43.867, 24.14)
        assert reading.signal_dbm == -76
        url = f"http://{plug.options()['address']}"
        assert reading.about == About(
            manufacturer="Shelly", model="SHPLG-S", firmware="1.14.0", mac="A8032AB12345", url=url
        )


def test_a_timer_that_is_not_armed_is_a_fault(tmp_path: Path) -> None:
    """The fault is there with the state, and ends with the next setting."""
    with ShellyGen1Plug(tmp_path) as plug, running_driver("shelly_gen1", plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.arms_timer = False
        harness.set(on=True, off_after_seconds=300.0)
        assert harness.wait_for_on(on=True).fault == "its own timer was not armed"
        plug.arms_timer = True
        harness.set(on=True, off_after_seconds=300.0)
        assert harness.wait_until(lambda r: r.off_after_seconds, "its timer").fault is None


def test_each_press_of_its_input_counts_once(tmp_path: Path) -> None:
    """The press before the start is over."""
    with ShellyGen1Plug(tmp_path) as plug:
        plug.events = ("S", 3)
        with running_driver("shelly_gen1", {**plug.options(), "input": 0}) as harness:
            seen: dict[str, str] = {}

            def note(reading: Reading) -> bool:
                seen.update((press.id, press.what) for press in reading.presses)
                return len(seen) >= len(expected)

            expected: list[str] = []
            harness.wait_for_on(on=False)
            for word, touch in (("S", "single"), ("SS", "double"), ("L", "long")):
                plug.events = (word, plug.events[1] + 1)
                expected.append(touch)
                harness.wait_until(note, touch)
            assert [*seen.values()] == expected


def test_an_announcement_makes_it_ask_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand at the device is seen long before the next poll."""
    monkeypatch.setattr(announcements, "interface", "127.0.0.1")
    plug = ShellyGen1Plug(tmp_path)
    with plug, running_driver("shelly_gen1", {**plug.options(), "poll": "1h"}) as harness:
        harness.wait_for_on(on=False)
        for on in (True, False):
            plug.switch_by_hand(on)
            plug.announce()
            harness.wait_for_on(on)


def test_a_restart_between_two_statuses_is_a_loss(tmp_path: Path) -> None:
    """Each request has its own connection, so only its uptime shows that it has lost its timer."""
    with ShellyGen1Plug(tmp_path) as plug, running_driver("shelly_gen1", plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.reboot(on=True)
        assert harness.wait_until(lambda r: r.losses == 1 and r.reachable, "its return").on


def test_the_announcement_of_another_device_is_ignored() -> None:
    """All devices of the network are in one group."""
    calls: list[None] = []
    receiver = announcements.Receiver({"192.168.1.7"}, lambda: calls.append(None))
    receiver.datagram_received(b"", ("192.168.1.8", 5683))
    assert not calls
    receiver.datagram_received(b"", ("192.168.1.7", 5683))
    assert len(calls) == 1


def test_only_shellys_of_the_first_generation_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printers have the same service, and so have newer Shellys, which name their generation."""
    asked: list[str] = []

    async def browse(type_: str, seconds: float) -> list[MdnsService]:
        assert (type_, seconds) == ("_http._tcp.local.", 0.1)
        return [
            MdnsService("ShellyVintage-12345", "10.0.0.1", {}),
            MdnsService("printer", "10.0.0.2", {}),
            MdnsService("shellyplus1-a8", "10.0.0.3", {"gen": "2"}),
        ]

    async def find(service: MdnsService, _known: object) -> list[Found]:
        asked.append(service.address)
        return [Found(title=service.name, address=service.address)]

    monkeypatch.setattr(mdns, "browse", browse)
    monkeypatch.setattr(discovery, "find", find)
    found = asyncio.run(discovery.search(0.1, []))
    assert (asked, [one.title for one in found]) == (["10.0.0.1"], ["ShellyVintage-12345"])


def test_a_missing_component_is_named_with_those_that_it_has(tmp_path: Path) -> None:
    """The fault has the address once."""
    with ShellyGen1Plug(tmp_path) as plug:
        options = {**plug.options(), "component": "light"}
        with running_driver("shelly_gen1", options) as harness:
            fault = str(harness.wait_until(lambda r: r.reachable is False, "its refusal").fault)
            assert fault.endswith("there is no light 0; it has relay 0, input 0")
            assert fault.count(plug.options()["address"]) == 1


def test_a_newer_device_is_refused_with_its_driver(tmp_path: Path) -> None:
    """The search leaves it to the other driver."""
    with ShellyGen1Plug(tmp_path) as plug:
        plug.info = {"id": "shellyplusplugs-a8", "gen": 2, "auth_en": False}
        assert found_at(plug) == []
        with running_driver("shelly_gen1", plug.options()) as harness:
            fault = str(harness.wait_until(lambda r: r.reachable is False, "its refusal").fault)
            assert fault.endswith("for a newer one, use the driver shelly")


def valve(folder: Path) -> tuple[ShellyGen1Plug, dict[str, Any]]:
    """Return a device with a radiator valve, and the options for it."""
    made = ShellyGen1Plug(folder)
    made.valve = {"target_t": {"enabled": True, "value": 18.0}, "tmp": {"value": 19.0}, "pos": 0.0}
    return made, {**made.options(), "component": "thermostat"}


def test_a_radiator_valve_gets_its_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is pending until the valve reports it, and a newer one replaces it."""
    monkeypatch.setattr(shelly_gen1, "REPORT_SECONDS", 0.1)
    plug, options = valve(tmp_path)
    with plug, running_driver("shelly_gen1", options) as harness:
        first = harness.wait_for_on(on=True)
        assert (first.target_celsius, first.temperature_celsius, first.battery_percent) == (18.0, 19.0, 80)
        plug.reports_target = False
        heat(harness, 21)
        request = "/thermostat/0?target_t_enabled=1&target_t=21.0"
        harness.wait_until(lambda _: request in plug.targets, "the request")
        plug.valve = {**(plug.valve or {}), "pos": 40.0}
        reading = harness.wait_until(lambda r: r.valve_percent == 40, "a later status")
        assert (reading.on, reading.is_pending) == (None, True)
        plug.reports_target = True
        heat(harness, 22.5)
        assert harness.wait_for_on(on=True).target_celsius == 22.5
        harness.set(on=False)
        assert harness.wait_for_on(on=False).target_celsius == 4.0


def test_a_target_that_a_valve_does_not_report_in_time_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The house then follows the hardware."""
    monkeypatch.setattr(shelly_gen1, "VALVE_SECONDS", 0.5)
    monkeypatch.setattr(shelly_gen1, "REPORT_SECONDS", 0.1)
    plug, options = valve(tmp_path)
    plug.reports_target = False
    with plug, running_driver("shelly_gen1", options) as harness:
        harness.wait_for_on(on=True)
        heat(harness, 21)
        harness.wait_until(lambda r: not r.is_pending, "the end of its time")
        assert (harness.reading.on, harness.reading.target_celsius) == (True, 18.0)


def heat(harness: DriverHarness, celsius: float) -> None:
    """Request a target."""
    harness.driver.set(Setting(on=True, target_celsius=celsius), "a1", harness.clock.now())


def found_at(plug: ShellyGen1Plug, *known: Options) -> list[Found]:
    """Return what a search finds at an emulator that announces itself."""
    service = MdnsService("shellyplug-s-12345", str(plug.options()["address"]), {})
    return asyncio.run(discovery.find(service, known))


def test_a_device_is_found_by_its_settings(tmp_path: Path) -> None:
    """A button that switches no relay of the device is a device of its own."""
    with ShellyGen1Plug(tmp_path) as plug:
        plug.settings["relays"] = [{"name": "Pump", "btn_type": "detached"}]
        relay, button = found_at(plug)
        address = plug.options()["address"]
    assert (relay.title, relay.kind, relay.model, relay.firmware) == ("Pump", "plug", "SHPLG-S", "1.14.0")
    assert (button.title, button.kind, button.driver) == ("Kettle button 0", "button", "shelly_gen1")
    assert button.options == {"address": address, "component": "input", "channel": 0}


def test_a_device_that_requires_a_password_is_listed(tmp_path: Path) -> None:
    """It is not written, for its components are unknown. The password of the house's own device is used."""
    with ShellyGen1Plug(tmp_path, password=PASSWORD) as closed:
        (locked,) = found_at(closed)
        assert locked.driver is None
        assert locked.note == "it requires a password: add it by hand with shelly_gen1.password_file"
        address = str(closed.options()["address"])
        own = Options(address=address, password_file=closed.write_password(PASSWORD))
        assert [one.kind for one in found_at(closed, own)] == ["plug"]


def test_a_device_that_does_not_answer_is_listed(tmp_path: Path) -> None:
    """The note has the reason; a device of the house keeps its options."""
    plug = ShellyGen1Plug(tmp_path)
    (silent,) = found_at(plug)
    assert (silent.driver, silent.note) == (None, "Connection refused")
    (known,) = found_at(plug, Options(address=str(plug.options()["address"]), channel=1))
    assert (known.driver, known.options["channel"]) == ("shelly_gen1", 1)
