"""What a device with Tasmota announces is found as what it is."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.config.device import build
from daemons.drivers.tasmota.discovery import found_in
from daemons.drivers.transports.broker import Broker

TOPIC = "tasmota/discovery/A4CF124F2A1C"


def announced(sensed: Any = None, **config: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the title, the kind and the options of each part of a device, with valid options."""
    messages = {f"{TOPIC}/config": json.dumps({"t": "box", "dn": "Box", **config}).encode()}
    if sensed is not None:
        messages[f"{TOPIC}/sensors"] = json.dumps({"sn": sensed, "ver": 1}).encode()
    found = found_in(messages, Broker())
    for one in found:
        problems: list[Any] = []
        table = {"kind": one.kind, "driver": one.driver, str(one.driver): one.options}
        assert one.note if one.driver is None else build("x", table, (), problems), problems
    return [(one.title, one.kind, one.options) for one in found]


def test_a_shutter_is_one_cover_and_never_two_plugs() -> None:
    """The relays of a shutter are its motors; the other relays are found as before."""
    found = announced(
        fn=["Blind", None, "Fan", "Spot"], rl=[3, 3, 1, 2, 0, 0, 0, 0], ft="%hostname%/%prefix%/%topic%/",
        hn="box-1", mac="A4CF12345678", tp=["c", "stat", "tele"],
    )  # fmt: skip
    own = {"topic": "box", "full_topic": "box-1/%prefix%/%topic%/", "prefixes": ["c", "stat", "tele"]}
    assert found == [
        ("Blind", "cover", {**own, "shutter": 1}),
        ("Fan", "plug", {**own, "relay": 3}),
        ("Spot", "lamp", {**own, "relay": 4}),
    ]
    strip = announced(rl=[2], lt_st=3)
    assert strip == [("Box", "lamp", {"topic": "box", "colours": True})]
    two = announced(rl=[3, 3, 3, 3])
    assert [(kind, options["shutter"]) for _, kind, options in two] == [("cover", 1), ("cover", 2)]


def test_each_sensor_is_found() -> None:
    """The meter of a plug belongs to its relay; that of a device without relays is a sensor."""
    sensed = {
        "Time": "2026-11-24T06:30:00", "TempUnit": "C", "ENERGY": {"Total": 1.2, "Power": 42},
        "AM2301": {"Temperature": 21.5, "Humidity": 40}, "SR04": {"Distance": 12},
        "ESP32": {"Temperature": 50},
    }  # fmt: skip
    sensor = ("Box AM2301", "sensor", {"topic": "box", "sensor": "AM2301"})
    assert announced(sensed, rl=[1, 0]) == [("Box", "plug", {"topic": "box"}), sensor, ("Box SR04", "", {})]
    assert announced(sensed)[0] == ("Box ENERGY", "sensor", {"topic": "box", "sensor": "ENERGY"})


def test_a_fan_has_a_sentence() -> None:
    """The relay of an iFan is its lamp."""
    found = announced(rl=[1, 0, 0, 0], **{"if": 1}, fn=["Light"])
    assert [(title, kind) for title, kind, _ in found] == [("Light", "plug"), ("Box fan", "")]


numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
values = st.recursive(
    numbers | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["Temperature", "Power", "Total"]), inner, max_size=3)
    ),
    max_leaves=5,
)
configs = st.fixed_dictionaries(
    {"t": st.just("box") | values},
    optional={
        "fn": st.lists(st.none() | st.text(), max_size=4) | values,
        "rl": st.lists(st.integers(0, 4), max_size=6) | values,
        "ft": st.just("%topic%/%prefix%") | st.text() | values,
        "tp": st.lists(st.text(), min_size=3, max_size=3) | values,
        "state": st.lists(st.text(), min_size=2, max_size=4) | values,
        "ofln": st.text() | values,
        "if": st.integers(0, 1) | values,
    },
)
sections = st.dictionaries(
    st.sampled_from(["ENERGY", "AM2301", "TempUnit", ""]) | st.text(), values, max_size=3
)


@settings(max_examples=150)
@given(configs | values, sections | values)
def test_whatever_a_broker_retains_a_device_is_valid_or_has_a_sentence(config: Any, sensed: Any) -> None:
    """No announcement ends the search, and none leads to a table that `house check` refuses."""
    messages = {
        f"{TOPIC}/config": msgspec.json.encode(config),
        f"{TOPIC}/sensors": msgspec.json.encode({"sn": sensed}),
    }
    for found in found_in(messages, Broker()):
        problems: list[Any] = []
        table = {"kind": found.kind, "driver": found.driver, str(found.driver): found.options}
        assert found.note if found.driver is None else build("x", table, (), problems), problems
