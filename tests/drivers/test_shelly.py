"""The driver `shelly` at its emulator: login, timer, faults, presses, sensors at a gateway, its search."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zeroconf", reason="needs the extra discover")

from daemons.drivers import Found
from daemons.drivers.shelly import ShellyPart
from daemons.drivers.shelly_rpc import discovery
from daemons.drivers.shelly_rpc.options import Options
from daemons.drivers.transports.mdns import MdnsService
from daemons.kinds import About, Reading
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulator import PASSWORD
from tests.support.emulators.shelly import ShellyPlug
from tests.support.listening_channel import hardware_channel


@pytest.mark.parametrize("nonces", [(1625038762, 1625038763), ("1625038762", "c0ffee")])
def test_an_outdated_nonce_is_replaced(tmp_path: Path, nonces: tuple[int | str, int | str]) -> None:
    """The connection stays open. Numbers may be text, and the counter goes up with each request."""
    closed = ShellyPlug(tmp_path, password=PASSWORD)
    closed.nonce, new = nonces
    options = {**closed.options(), "password_file": closed.write_password(PASSWORD)}
    with closed, running_driver("shelly", options) as harness:
        harness.wait_for_on(on=False)
        closed.nonce = new
        harness.set(on=True)
        harness.wait_until(lambda r: r.on or r.reachable is False, "on")
        assert harness.reading.reachable


def test_a_missing_password_is_reported_with_its_key(tmp_path: Path) -> None:
    """The fault names the key of the configuration."""
    closed = ShellyPlug(tmp_path, password=PASSWORD)
    with closed, running_driver("shelly", closed.options()) as harness:
        lost = harness.wait_until(lambda r: r.reachable is False, "its refusal")
        assert "shelly.password_file" in str(lost.fault)


def test_its_timer_switches_it_off(tmp_path: Path) -> None:
    """The driver reports it like a manual switch."""
    with ShellyPlug(tmp_path) as plug, running_driver("shelly", plug.options()) as harness:
        harness.wait_for_on(on=False)
        harness.set(on=True, off_after_seconds=2.0)
        harness.wait_until(lambda _: plug.switchings == [True, False], "its timer")
        harness.wait_for_on(on=False)


def test_its_faults_are_reported_as_text(tmp_path: Path) -> None:
    """The fault is the text for the device's error codes, until the device clears them."""
    with ShellyPlug(tmp_path) as plug, running_driver("shelly", plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.errors = ["overpower", "overtemp"]
        plug.notify()
        harness.wait_until(
            lambda r: r.fault == "it draws more power than it may; it is too hot inside", "a fault"
        )
        plug.notify({"switch:0": {"id": 0, "apower": 3.0}})
        harness.wait_until(lambda r: r.power_watts == 3.0, "3 W")
        assert harness.reading.fault
        plug.notify({"switch:0": {"id": 0, "errors": []}})
        harness.wait_until(lambda r: r.fault is None, "no fault")


def test_another_channel_is_ignored(tmp_path: Path) -> None:
    """A notification of switch:1 does not change switch:0. A press at the configured input is reported."""
    with ShellyPlug(tmp_path) as plug, running_driver("shelly", {**plug.options(), "input": 0}) as harness:
        harness.wait_for_on(on=False)
        plug.notify({"switch:1": {"id": 1, "output": True, "apower": 9.0}})
        event = {"component": "input:0", "id": 0, "event": "double_push", "ts": 1.0}
        plug.notify({"events": [{**event, "component": "input:1"}, event]}, "NotifyEvent")
        assert touched(harness) == "double"
        assert harness.reading.on is False


def test_a_button_that_is_let_go_after_a_long_press_is_released(tmp_path: Path) -> None:
    """A Shelly reports `btn_up` after each press: it counts after a long one only."""
    with ShellyPlug(tmp_path) as plug, running_driver("shelly", {**plug.options(), "input": 0}) as harness:
        harness.wait_for_on(on=False)
        seen: dict[str, str] = {}
        expected = ["single", "long", "release", "triple", "long", "release"]

        def note(reading: Reading) -> bool:
            seen.update((press.id, press.what) for press in reading.presses)
            return len(seen) >= len(expected)

        words = ["btn_down", "btn_up", "single_push", "btn_down", "long_push", "btn_up"]
        words += ["triple_push", "btn_up", "long_push", "btn_up"]
        events = [{"component": "input:0", "id": 0, "event": word, "ts": 1.0} for word in words]
        plug.notify({"events": events}, "NotifyEvent")
        harness.wait_until(note, "all presses")
        assert [*seen.values()] == expected


def touched(harness: DriverHarness) -> str:
    """Return the next press."""
    seen: list[str] = []

    def note(reading: Reading) -> bool:
        seen.extend(press.what for press in reading.presses)
        return bool(seen)

    harness.wait_until(note, "a press")
    return seen[0]


def test_a_missing_component_is_named_with_those_that_it_has(tmp_path: Path) -> None:
    """The fault has the address once."""
    with ShellyPlug(tmp_path) as plug:
        options = {**plug.options(), "component": "light", "channel": 1}
        with running_driver("shelly", options) as harness:
            fault = str(harness.wait_until(lambda r: r.reachable is False, "its refusal").fault)
            assert fault.endswith("there is no light:1; it has input:0, switch:0")
            assert fault.count(plug.options()["address"]) == 1


def test_its_diagnostics_are_read(tmp_path: Path) -> None:
    """They are in the status, and in what the device says of itself."""
    with ShellyPlug(tmp_path) as plug, running_driver("shelly", plug.options()) as harness:
        reading = harness.wait_until(lambda r: r.about, "its model")
        assert (reading.voltage_volts, reading.device_temperature_celsius, reading.signal_dbm) == (
            231.2,
            41.2,
            -53,
        )
        url = f"http://{plug.options()['address']}"
        assert reading.about == About(
            manufacturer="Shelly", model="SNPL-00112EU", firmware="1.4.4", mac="A8032AB12345", url=url
        )


def test_an_input_alone_is_a_button_or_a_contact(tmp_path: Path) -> None:
    """The device needs no relay."""
    with ShellyPlug(tmp_path) as plug:
        options = {**plug.options(), "component": "input"}
        with running_driver("shelly", options) as harness:
            harness.wait_until(lambda r: r.reachable, "a connection")
            plug.notify({"input:0": {"id": 0, "state": True}})
            harness.wait_for_on(on=True)
            event = {"component": "input:0", "id": 0, "event": "single_push", "ts": 1.0}
            plug.notify({"events": [event]}, "NotifyEvent")
            assert touched(harness) == "single"
            assert plug.switchings == []


NOW = 1_790_000_000
DOOR: list[dict[str, Any]] = [
    {
        "key": "bthomedevice:200",
        "config": {"addr": "aa:bb:cc:00:00:01", "name": "Door"},
        "status": {"id": 200, "rssi": -70, "battery": 95, "last_updated_ts": NOW - 60},
    },
    *(
        {
            "key": f"bthomesensor:{number}",
            "config": {"addr": "aa:bb:cc:00:00:01", "obj_id": kind, "idx": 0},
            "status": {"id": number, "value": value, "last_updated_ts": NOW - 60},
        }
        for number, kind, value in ((200, 45, False), (201, 5, 120))
    ),
]
"""A Bluetooth door sensor at a gateway whose clock is NOW."""


def gateway(folder: Path, packet_at: int) -> ShellyPlug:
    """Return a gateway with a door sensor, which sent its last packet at a time."""
    made = ShellyPlug(folder)
    made.dynamic = [{**one, "status": {**one["status"], "last_updated_ts": packet_at}} for one in DOOR]
    return made


def test_a_bluetooth_sensor_is_read_with_each_packet(tmp_path: Path) -> None:
    """Its presses are read, too."""
    with gateway(tmp_path, NOW - 60) as plug:
        options = {**plug.options(), "component": "bthomedevice", "channel": 200}
        with running_driver("shelly", options) as harness:
            reading = harness.wait_until(lambda r: r.detections == {"opening": False}, "the door")
            assert (reading.illuminance_lux, reading.battery_percent, reading.signal_dbm) == (120, 95, -70)
            plug.notify({"bthomesensor:200": {"value": True}})
            plug.notify({"bthomedevice:200": {"battery": 94, "last_updated_ts": NOW}})
            harness.wait_until(
                lambda r: r.detections == {"opening": True} and r.battery_percent == 94, "the open door"
            )
            event = {"component": "bthomedevice:200", "event": "single_push", "idx": 0}
            plug.notify({"events": [event]}, "NotifyEvent")
            assert touched(harness) == "single"


class PollingChannel:
    """Counts the reports of a driver, whose waits for a setting end at once until the last one."""

    def __init__(self, polls: int) -> None:
        self.reports: list[dict[str, Any]] = []
        self._polls = polls

    def update(self, **changes: Any) -> None:
        """Note a report."""
        self.reports.append(changes)

    restore = update

    async def next_setting(self) -> None:
        """End the wait without a setting, or at last the connection."""
        self._polls -= 1
        raise TimeoutError if self._polls else ConnectionError


class FixedClient:
    """Answers each request with the same status."""

    async def call(self, method: str) -> dict[str, Any]:
        """Return the status of a gateway."""
        return {"sys": {"unixtime": NOW}} if method == "Shelly.GetStatus" else {}

    async def dynamic_components(self) -> list[dict[str, Any]]:
        """Return the Bluetooth devices."""
        return DOOR


def test_a_poll_without_a_new_packet_reports_nothing() -> None:
    """Values that are reported again would seem new, and would never be stale."""
    channel: Any = PollingChannel(polls=4)
    client: Any = FixedClient()
    part = ShellyPart(Options(address="x", component="bthomedevice", channel=200), channel)
    with pytest.raises(ConnectionError):
        asyncio.run(part.control(client))
    assert ["about" in report for report in channel.reports] == [False, True]


def test_a_new_connection_to_the_gateway_makes_no_packet_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sensor whose battery is empty grows stale, also if the gateway restarts again and again."""

    async def lose() -> None:
        raise ConnectionError

    client: Any = FixedClient()
    with hardware_channel() as channel:
        monkeypatch.setattr(channel, "next_setting", lose)
        for now in (1000.0, 1300.0):
            part = ShellyPart(Options(address="x", component="bthomedevice", channel=200), channel)
            with pytest.raises(ConnectionError):
                asyncio.run(part.control(client))
            reading = channel.read(now)
            assert (reading.reachable, reading.illuminance_lux, reading.at) == (True, 120, 1000.0)
            channel.unreachable("the gateway has restarted")


def test_an_old_packet_of_a_bluetooth_sensor_counts_no_more(tmp_path: Path) -> None:
    """A gateway keeps the last values of a sensor whose battery is empty."""
    with gateway(tmp_path, NOW - 5 * 3600) as plug:
        options = {**plug.options(), "component": "bthomedevice", "channel": 200}
        with running_driver("shelly", options) as harness:
            reading = harness.wait_until(lambda r: r.fault, "the age")
            assert reading.fault == "its last packet is 5 h old, and counts no more"
            assert (reading.on, reading.detections, reading.illuminance_lux) == (None, None, None)


def found_at(plug: ShellyPlug, *known: Options) -> list[Found]:
    """Return what a search finds at an emulator that announces itself."""
    words = {"gen": "2", "app": "PlusPlugS", "ver": "1.4.4"}
    service = MdnsService("shellyplusplugs-a8", plug.options()["address"], words)
    return asyncio.run(discovery.find(service, known))


def test_a_device_is_found_by_its_components(tmp_path: Path) -> None:
    """Each of them is a device, at a gateway with each Bluetooth device; pages of a long list are joined."""
    with gateway(tmp_path, NOW) as plug:
        plug.config["input:0"]["type"] = "button"
        plug.config["switch:0"]["name"] = "Pump"
        found = found_at(plug)
        address = plug.options()["address"]
    assert [(one.title, one.kind, one.kind_options) for one in found] == [
        ("Pump", "plug", {}),
        ("Kettle button 0", "button", {}),
        ("Door", "sensor", {"detects": "opening"}),
    ]
    assert found[2].options == {"address": address, "component": "bthomedevice", "channel": 200}
    assert {(one.driver, one.model, one.firmware) for one in found} == {("shelly", "PlusPlugS", "1.4.4")}


def test_a_device_that_requires_a_password_is_listed(tmp_path: Path) -> None:
    """It is not written, for its components are unknown. The password of the house's own device is used."""
    with ShellyPlug(tmp_path, password=PASSWORD) as closed:
        (locked,) = found_at(closed)
        assert (locked.driver, locked.model) == (None, "PlusPlugS")
        assert locked.note == "it requires a password: add it by hand with shelly.password_file"
        own = Options(**closed.options(), password_file=closed.write_password(PASSWORD))
        (known,) = found_at(closed, own)
        assert (known.driver, known.kind, known.note) == ("shelly", "plug", "")


def test_a_device_that_does_not_answer_is_listed(tmp_path: Path) -> None:
    """The note has the reason; a device of the house keeps its options."""
    plug = ShellyPlug(tmp_path)
    (silent,) = found_at(plug)
    assert (silent.driver, silent.note) == (None, "Connection refused")
    (known,) = found_at(plug, Options(**plug.options(), channel=1))
    assert (known.driver, known.options["channel"]) == ("shelly", 1)
