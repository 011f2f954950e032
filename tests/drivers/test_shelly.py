"""The driver `shelly`: the digest, the timer, the faults, and the other channels of a device."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zeroconf", reason="needs the extra discover")

from daemons.drivers.shelly import Challenge, Options, digest, parse_status, set_request, to_found
from daemons.drivers.transports.mdns import MdnsService
from daemons.kinds import Reading, Setting
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support.emulator import PASSWORD
from tests.support.emulators.shelly import ShellyPlug


def sha(text: str) -> str:
    """Return the digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_proves_the_password_without_sending_it() -> None:
    """The digest is SHA-256 over realm, nonces and fixed words, as the device computes it."""
    found = digest(Challenge(realm="shellypro4pm-f008d1d8b8b8", nonce=1625038762), "secret", 313273957)
    user_hash = sha("admin:shellypro4pm-f008d1d8b8b8:secret")
    uri_hash = sha("dummy_method:dummy_uri")
    assert uri_hash == "6370ec69915103833b5222b368555393393f098bfbfbb59f47e0590af135f062"
    assert found["response"] == sha(f"{user_hash}:1625038762:1:313273957:auth:{uri_hash}")
    assert "secret" not in str(found)


def test_an_outdated_nonce_is_replaced(tmp_path: Path) -> None:
    """The connection stays open."""
    closed = ShellyPlug(tmp_path, password=PASSWORD)
    options = {**closed.options(), "password_file": closed.write_password(PASSWORD)}
    with closed, running_driver("shelly", options) as harness:
        harness.wait_for_on(on=False)
        closed.nonce += 1
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


@pytest.mark.parametrize(
    ("component", "setting", "expected"),
    [
        ("switch", Setting(on=True), ("Switch.Set", {"id": 2, "on": True})),
        (
            "switch", Setting(on=True, off_after_seconds=90),
            ("Switch.Set", {"id": 2, "on": True, "toggle_after": 90}),
        ),
        ("switch", Setting(on=False, off_after_seconds=90), ("Switch.Set", {"id": 2, "on": False})),
        (
            "light", Setting(on=True, brightness_percent=30),
            ("Light.Set", {"id": 2, "on": True, "brightness": 30}),
        ),
        (
            "cover", Setting(on=True, direction="close", off_after_seconds=30),
            ("Cover.Close", {"id": 2, "duration": 30}),
        ),
        ("cover", Setting(on=True, direction="open"), ("Cover.Open", {"id": 2})),
        ("cover", Setting(on=False), ("Cover.Stop", {"id": 2})),
    ],
)  # fmt: skip
def test_the_request_for_a_setting(
    component: Any, setting: Setting, expected: tuple[str, dict[str, Any]]
) -> None:
    """Return the RPC method and its parameters."""
    assert set_request(Options(address="x", component=component, channel=2), setting) == expected


@pytest.mark.parametrize(
    ("component", "status", "expected"),
    [
        (
            "switch",
            {"output": True, "apower": 7},
            {"on": True, "power_watts": 7.0, "off_after_seconds": None},
        ),
        ("switch", {"aenergy": {"total": 12.5}}, {"energy_watt_hours": 12.5}),
        (
            "light",
            {"output": False, "brightness": 30},
            {"on": False, "brightness_percent": 30, "off_after_seconds": None},
        ),
        (
            "cover",
            {"state": "opening", "current_pos": 40},
            {"on": True, "direction": "open", "position_percent": 40},
        ),
        ("cover", {"state": "stopped"}, {"on": False, "direction": None}),
        ("switch", {"errors": ["read"], "output": 1}, {"fault": "read"}),
    ],
)
def test_a_status_is_parsed(component: Any, status: dict[str, Any], expected: dict[str, Any]) -> None:
    """A status may be whole or partial; fields that are not in it stay unchanged."""
    assert parse_status(Options(address="x", component=component), status) == expected


def test_a_found_device_can_be_configured() -> None:
    """A device of the first generation has no driver, and a note with the reason."""
    new = to_found(
        MdnsService("shellyplusplugs-a8", "192.168.1.7", {"gen": "2", "app": "PlusPlugS", "ver": "1.4.4"})
    )
    assert (new.driver, new.options, new.firmware) == ("shelly", {"address": "192.168.1.7"}, "1.4.4")
    old = to_found(MdnsService("shelly1-a8", "192.168.1.8", {}))
    assert old.driver is None
    assert "first generation" in old.note
