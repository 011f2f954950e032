"""What is found and read of each device whose replies python-kasa's developers recorded.

`tests/data/tplink_devices.json` has the facts of each recording: model, hardware version, firmware, and the
fields that House reads, with the values that were recorded. Ids are replaced. `found` and `read` are what
House makes of them; python-kasa reads the same.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.config.device import build
from daemons.drivers.tplink import definition, status
from daemons.drivers.tplink.definition import Part
from daemons.drivers.tplink.facts import facts
from daemons.kinds import About

DATA = Path(__file__).parents[2] / "data" / "tplink_devices.json"
RECORDINGS: list[dict[str, Any]] = json.loads(DATA.read_text())
RECORDED, REFUSED = 206, 26
"""How many recordings there are, and in how many of them is nothing but what House refuses in a sentence."""
HUB = "HUB"


def parts_of(recording: dict[str, Any]) -> list[Part]:
    """Return what House finds in a recording."""
    if "sysinfo" in recording:
        return definition.iot_parts(recording["sysinfo"])
    return definition.smart_parts(recording["info"], recording.get("children", ()))


def reading_of(recording: dict[str, Any], part: Part) -> dict[str, Any] | None:
    """Return what House reads of a part, without the values that are unknown; None if it is refused."""
    if not part.kind:
        return None
    outlet, child = part.options.get("outlet"), part.options.get("child")
    if "sysinfo" in recording:
        name = recording["sysinfo"]["children"][outlet - 1]["id"] if outlet else None
        reply = {key: recording[key] for key in ("emeter", status.BULB_METER) if key in recording}
        reply["system"] = {"get_sysinfo": recording["sysinfo"]}
        found = status.parse_iot(reply, name)
    else:
        children = recording.get("children", ())
        index = next(
            (
                at
                for at, info in enumerate(children)
                if info.get("device_id") == child or (outlet, info) in definition.numbered(children)
            ),
            0,
        )
        reply = {"get_device_info": children[index] if children else recording["info"]}
        found = status.parse_smart({**reply, **recording.get("energy", [{}] * 20)[index]})
    known = {key: value for key, value in found.items() if value is not None and key != "about"}
    return dict(msgspec.to_builtins(known))


def described(part: Part) -> str:
    """Return a part in some words, such as `plug outlet=2` or `sensor opening child=child3`, or its note."""
    options = [key if value is True else f"{key}={value}" for key, value in part.options.items()]
    return " ".join([part.kind, *part.kind_options.values(), *options]) if part.kind else part.note


def test_each_recorded_device_is_found_and_read_as_it_is() -> None:
    """A camera, a hub, a chime, a vacuum cleaner and a fan are refused in a sentence."""
    refused = 0
    for recording in RECORDINGS:
        title = [recording[key] for key in ("model", "hardware", "firmware")]
        parts = parts_of(recording)
        assert [described(part) for part in parts] == recording["found"], title
        assert [reading_of(recording, part) for part in parts] == recording["read"], title
        assert all(bool(part.kind) is not bool(part.note) for part in parts), title
        refused += not any(part.kind for part in parts)
    assert (len(RECORDINGS), refused) == (RECORDED, REFUSED)


def test_each_recorded_device_can_be_configured() -> None:
    """The options of each part are valid, also those of its kind."""
    pytest.importorskip("kasa", reason="needs the extra kasa")
    for recording in RECORDINGS:
        for part in parts_of(recording):
            if part.kind:
                own = {"address": "192.168.1.9", **part.options}
                problems: list[Any] = []
                table = {"kind": part.kind, **part.kind_options, "driver": "kasa", "kasa": own}
                if part.kind in ("sensor", "button", "thermostat") and "child" not in part.options:
                    own["child"] = "recorded alone"
                assert build("x", table, (), problems) is not None, problems
                assert problems == []


def test_a_newer_device_is_known_by_its_model_before_its_account_is_known() -> None:
    """A search without the account finds the same kinds and options, except behind a hub."""
    for recording in RECORDINGS:
        if (family := recording.get("family")) and HUB not in family:
            parts = definition.model_parts(family, recording["model"])
            assert [described(part) for part in parts] == recording["found"], recording["model"]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"type": "SMART.TAPOFRIDGE"}, "House does not know this type of device"),
        ({"type": "IOT.SOMETHING"}, "House does not know this type of device"),
        ({}, "House does not know this type of device"),
    ],
)
def test_an_unknown_device_is_refused(info: dict[str, Any], expected: str) -> None:
    """It is never a plug."""
    assert [described(part) for part in definition.smart_parts(info, ())] == [expected]
    assert [described(part) for part in definition.iot_parts(info)] == [expected]
    assert [described(part) for part in definition.model_parts(str(info.get("type")), "X1")] == [expected]


@pytest.mark.parametrize("reply", [None, [], {}, {"system": {"get_sysinfo": [1]}}, {"get_device_info": 3}])
def test_a_reply_without_a_state_is_refused(reply: Any) -> None:
    """The driver then reports the device as unreachable, with this sentence."""
    with pytest.raises(ValueError, match="its answer"):
        status.parse_iot(reply, None)
    with pytest.raises(ValueError, match="its answer has no state"):
        status.parse_smart(reply)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.lists(st.just({"id": "x"}), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
"""A value of a field that no device sends."""


@given(st.data())
def test_no_reply_breaks_the_driver(data: st.DataObject) -> None:
    """Each field of a recorded device may have any value: it is read, or refused with ValueError."""
    recording = data.draw(st.sampled_from(RECORDINGS))
    info = dict(recording.get("sysinfo") or recording["info"])
    for name in data.draw(st.lists(st.sampled_from(sorted(info)), min_size=1, max_size=3)):
        info[name] = data.draw(JUNK)
    usage = {name: data.draw(JUNK) for name in ("month_energy", "current_power", "local_time")}
    reply = {"system": {"get_sysinfo": info}, "get_device_info": info, "get_energy_usage": usage}
    reply |= {"get_trigger_logs": {"logs": data.draw(JUNK)}, "emeter": {"get_realtime": data.draw(JUNK)}}
    for part in (*definition.iot_parts(info), *definition.smart_parts(info, ())):
        assert bool(part.kind) is not bool(part.note)
    for parse in (status.parse_smart, lambda one: status.parse_iot(one, None)):
        with suppress(ValueError):
            parse(reply)
    status.month_energy(reply)
    assert status.PressReader().read(reply) == []


def test_a_lamp_with_an_effect_has_no_colour_temperature() -> None:
    """Its colours change by themselves. Its brightness is that of the effect, if the effect has one."""
    info = {"device_on": True, "brightness": 5, "color_temp": 3000, "color_temp_range": [2500, 6500]}
    assert status.parse_smart({"get_device_info": info})["colour_temperature_kelvin"] == 3000
    for effect, bright in (
        ({"lighting_effect": {"enable": 1, "brightness": 60}}, 60),
        ({"dynamic_light_effect_enable": True}, 5),
    ):
        found = status.parse_smart({"get_device_info": {**info, **effect}})
        assert (found["brightness_percent"], found["colour_temperature_kelvin"]) == (bright, None)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {"model": "HS110(EU)", "sw_ver": "1.5.6 Build 191125 Rel.083657", "mac": "50:C7:BF:00:00:01"},
            About(manufacturer="TP-Link", model="HS110(EU)", firmware="1.5.6", mac="50:C7:BF:00:00:01"),
        ),
        (
            {"model": "KL130(EU)", "sw_ver": "1.8.8", "mic_mac": "50C7BF000001"},
            About(manufacturer="TP-Link", model="KL130(EU)", firmware="1.8.8", mac="50C7BF000001"),
        ),
        ({"model": 3, "fw_ver": None, "mac": ""}, About(manufacturer="TP-Link")),
    ],
)
def test_what_the_hardware_is_is_read(info: dict[str, Any], expected: About) -> None:
    """Model, firmware and address. The outlets of a strip share its address, so none of them has it."""
    assert facts(info, is_outlet=False)["about"] == expected
    assert facts(info, is_outlet=True)["about"] == replace(expected, mac=None)


def test_a_log_that_was_cleared_begins_anew() -> None:
    """The presses that it then has are not new."""
    reader = status.PressReader()

    def read(*entries: tuple[int, str]) -> list[str]:
        logs = [{"id": number, "event": event} for number, event in entries]
        return list(reader.read({"get_trigger_logs": {"logs": logs}}))

    assert read((5, "singleClick")) == []
    assert read((6, "doubleClick"), (5, "singleClick")) == ["double"]
    assert read((1, "singleClick")) == []
    assert read((2, "singleClick"), (1, "singleClick")) == ["single"]
