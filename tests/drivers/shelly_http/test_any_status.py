"""No answer of a device of the first generation makes the driver fail, whatever its shape is."""

from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.drivers.shelly_http.definition import parts
from daemons.drivers.shelly_http.options import Component, Options
from daemons.drivers.shelly_http.status import (
    PressCounter,
    about,
    components,
    entry,
    part_of,
    read,
    set_target,
)
from daemons.kinds import Reading, Setting

MEMBERS = (
    "ison", "has_timer", "timer_remaining", "overpower", "mode", "gain", "brightness", "temp", "power",
    "total", "is_valid", "voltage", "pf", "current", "state", "current_pos", "positioning", "input", "event",
    "event_cnt", "tC", "value", "units", "hum", "motion", "vibration", "alarm_state", "rssi", "0", "1",
    "name", "btn_type", "type", "fw", "target_t", "tmp", "pos", "window_open", "enabled",
)  # fmt: skip
NAMES = (
    "relays", "rollers", "lights", "emeters", "meters", "inputs", "tmp", "temperature", "hum", "lux", "bat",
    "sensor", "accel", "flood", "smoke", "gas_sensor", "ext_temperature", "ext_humidity", "wifi_sta",
    "voltage", "overtemperature", "mode", "thermostats", "calibrated", "sleep_mode", "external_power", "name",
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "S", "open", "roller", "color", "detached"])
)  # fmt: skip
PARTS = st.dictionaries(st.sampled_from(MEMBERS), LEAVES | st.lists(LEAVES, max_size=2), max_size=5)
VALUES: st.SearchStrategy[Any] = LEAVES | PARTS | st.lists(PARTS | LEAVES, max_size=3)
ANSWERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
OPTIONS = st.builds(
    Options,
    address=st.just("x"),
    component=st.sampled_from(get_args(Component)),
    channel=st.sampled_from([0, 1]),
)


@settings(max_examples=40)
@given(OPTIONS, ANSWERS)
def test_any_status_is_a_reading(options: Options, answer: dict[str, Any]) -> None:
    """Values of a wrong type are not read, and the reading can be written as JSON."""
    changes = read(options, answer)
    msgspec.json.encode(changes)
    assert Reading(**changes)
    part = part_of(options, answer)
    set_target(options, Setting(on=True, brightness_percent=5, target_celsius=20), part or {})
    components(answer)
    counter = PressCounter()
    counter.read(entry(answer, "inputs", 0))
    counter.read(entry(answer, "inputs", 1))
    about(options, answer)


@settings(max_examples=40)
@given(ANSWERS, ANSWERS)
def test_any_device_has_parts(settings: dict[str, Any], status: dict[str, Any]) -> None:
    """Each part has a kind or a note, and the options of each can be built."""
    found = parts(settings, status)
    assert found
    for part in found:
        assert bool(part.kind) is not bool(part.note)
        assert part.channel <= 2
