"""Shelly: its digest, its timer, its faults, and what is not its own."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from daemons.drivers.shelly import Challenge, Options, describe, digest, order, read
from daemons.drivers.transports.mdns import Service
from daemons.kinds import Reading, Setting
from tests.drivers.test_faults import Stand, standing
from tests.support.emulator import PASSWORD
from tests.support.emulators.shelly import ShellyPlug


def sha(text: str) -> str:
    """Give the digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_password_is_shown_to_be_known_and_not_told() -> None:
    """SHA-256 over realm, nonces and fixed words, as the device computes it."""
    found = digest(Challenge(realm="shellypro4pm-f008d1d8b8b8", nonce=1625038762), "secret", 313273957)
    secret = sha("admin:shellypro4pm-f008d1d8b8b8:secret")
    words = sha("dummy_method:dummy_uri")
    assert words == "6370ec69915103833b5222b368555393393f098bfbfbb59f47e0590af135f062"
    assert found["response"] == sha(f"{secret}:1625038762:1:313273957:auth:{words}")
    assert "secret" not in str(found)


def test_a_nonce_that_is_too_old_is_taken_anew(tmp_path: Path) -> None:
    """In the midst of a session, without losing it."""
    closed = ShellyPlug(tmp_path, password=PASSWORD)
    options = {**closed.options(), "password_file": closed.secret(PASSWORD)}
    with closed, standing("shelly", options) as stand:
        stand.reaches(on=False)
        closed.nonce += 1
        stand.set(on=True)
        stand.until(lambda r: r.on or r.reachable is False, "on")
        assert stand.reading.reachable


def test_a_device_that_wants_a_password_says_which_key(tmp_path: Path) -> None:
    """For whoever set one and forgot it here."""
    closed = ShellyPlug(tmp_path, password=PASSWORD)
    with closed, standing("shelly", closed.options()) as stand:
        lost = stand.until(lambda r: r.reachable is False, "its refusal")
        assert "shelly.password_file" in str(lost.fault)


def test_its_timer_really_ends_it(tmp_path: Path) -> None:
    """And that is told as anything else at the hardware is."""
    with ShellyPlug(tmp_path) as plug, standing("shelly", plug.options()) as stand:
        stand.reaches(on=False)
        stand.set(on=True, off_after_seconds=2.0)
        stand.until(lambda _: plug.switchings == [True, False], "its timer")
        stand.reaches(on=False)


def test_its_faults_are_told_in_words(tmp_path: Path) -> None:
    """As it tells them itself, and no longer."""
    with ShellyPlug(tmp_path) as plug, standing("shelly", plug.options()) as stand:
        stand.reaches(on=False)
        plug.errors = ["overpower", "overtemp"]
        plug.notify()
        stand.until(lambda r: r.fault == "it draws more power than it may; it is too hot inside", "a fault")
        plug.notify({"switch:0": {"id": 0, "apower": 3.0}})
        stand.until(lambda r: r.power_watts == 3.0, "3 W")
        assert stand.reading.fault
        plug.notify({"switch:0": {"id": 0, "errors": []}})
        stand.until(lambda r: r.fault is None, "no fault")


def test_another_channel_is_not_its_own(tmp_path: Path) -> None:
    """A notification of switch:1 changes nothing of switch:0; a press at its input is one."""
    with ShellyPlug(tmp_path) as plug, standing("shelly", {**plug.options(), "input": 0}) as stand:
        stand.reaches(on=False)
        plug.notify({"switch:1": {"id": 1, "output": True, "apower": 9.0}})
        event = {"component": "input:0", "id": 0, "event": "double_push", "ts": 1.0}
        plug.notify({"events": [{**event, "component": "input:1"}, event]}, "NotifyEvent")
        assert touched(stand) == "double"
        assert stand.reading.on is False


def touched(stand: Stand) -> str:
    """Give the next press."""
    seen: list[str] = []

    def note(reading: Reading) -> bool:
        seen.extend(press.what for press in reading.presses)
        return bool(seen)

    stand.until(note, "a press")
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
def test_what_is_asked(component: Any, setting: Setting, expected: tuple[str, dict[str, Any]]) -> None:
    """The request that has a setting done."""
    assert order(Options(address="x", component=component, channel=2), setting) == expected


@pytest.mark.parametrize(
    ("component", "status", "expected"),
    [
        ("switch", {"output": True, "apower": 7}, {"on": True, "power_watts": 7.0}),
        ("switch", {"aenergy": {"total": 12.5}}, {"energy_watt_hours": 12.5}),
        ("light", {"output": False, "brightness": 30}, {"on": False, "brightness_percent": 30}),
        (
            "cover",
            {"state": "opening", "current_pos": 40},
            {"on": True, "direction": "open", "position_percent": 40},
        ),
        ("cover", {"state": "stopped"}, {"on": False, "direction": None}),
        ("switch", {"errors": ["read"], "output": 1}, {"fault": "read"}),
    ],
)
def test_what_is_told(component: Any, status: dict[str, Any], expected: dict[str, Any]) -> None:
    """A status, whole or in part; what is not in it stays as it was."""
    assert read(Options(address="x", component=component), status) == expected


def test_what_was_found_can_be_configured() -> None:
    """The first generation is told, and that it is not reached."""
    new = describe(
        Service("shellyplusplugs-a8", "192.168.1.7", {"gen": "2", "app": "PlusPlugS", "ver": "1.4.4"})
    )
    assert (new.driver, new.options, new.firmware) == ("shelly", {"address": "192.168.1.7"}, "1.4.4")
    old = describe(Service("shelly1-a8", "192.168.1.8", {}))
    assert old.driver is None
    assert "first generation" in old.note
