"""The devices of one house at the broker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.cli.fleet import one_house
from daemons.cli.fleet.one_house import OneHouse
from daemons.cli.terminal.fleet_rows import device_phase
from daemons.values import printable

LAMP = b'{"state": {"phase": "on", "status": true}, "since": 5.0, "at": 6.0, "cause": "a"}'


def house(*messages: tuple[str, bytes]) -> OneHouse:
    """Return the house that has sent these messages."""
    made = OneHouse("fleet/a/")
    for topic, payload in messages:
        made.on_message(topic, payload)
    return made


def test_a_device_has_a_state_a_presence_and_an_availability() -> None:
    """Receipts, events and empty payloads are not a part of it."""
    made = house(
        ("fleet/a/lamp/state", LAMP),
        ("fleet/a/lamp/presence", b"live"),
        ("fleet/a/lamp/availability", b"online"),
        ("fleet/a/lamp/receipt", b"{}"),
        ("fleet/a/lamp/event", b"{}"),
        ("fleet/a/old/state", b""),
    )
    assert made.devices.keys() == {"lamp"}
    lamp = made.devices["lamp"]
    assert (lamp.presence, lamp.is_available, lamp.since, lamp.cause) == ("live", True, 5.0, "a")
    assert (device_phase(lamp).plain, made.ignored) == ("on", 0)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("fleet/a/lamp/state", b"[]"),
        ("fleet/a/lamp/state", b'{"state": {"a": {"b": 1}}}'),
        ("fleet/a/lamp/state", b'{"state": {"a": "' + b"x" * 70_000 + b'"}}'),
        ("fleet/a/lamp/presence", b"dead"),
        ("fleet/a/lamp/availability", b"\xff"),
        ("fleet/a/LAMP/state", LAMP),
        ("fleet/a/la\x1bmp/state", LAMP),
        ("fleet/b/lamp/state", LAMP),
    ],
)
def test_a_wrong_message_is_ignored(topic: str, payload: bytes) -> None:
    """It makes no device."""
    made = house((topic, payload))
    assert (made.devices, made.ignored) == ({}, 1)


def test_devices_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A house with more devices is a wrong one."""
    assert one_house.MAX_DEVICES == 2000
    monkeypatch.setattr(one_house, "MAX_DEVICES", 1)
    assert house(("fleet/a/x/presence", b"live"), ("fleet/a/y/presence", b"live")).devices.keys() == {"x"}


WORDS = st.sampled_from(
    ["phase", "fault", "reachable", "unreachable_since", "temperature_celsius", "status", "colour",
     "brightness_percent", "value", "today_kwh", "today_cost", "currency", "count", "time",
     "humidity_percent"]
)  # fmt: skip


@given(st.dictionaries(WORDS, st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_a_state_of_any_form_can_be_drawn(state: dict[str, object]) -> None:
    """The fields of a state come from another machine; a wrong one is no error."""
    device = one_house.RemoteDevice(presence="live", state=printable(state))
    assert device_phase(device).plain.isprintable()
