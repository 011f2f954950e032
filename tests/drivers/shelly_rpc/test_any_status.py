"""No answer of a device makes the driver fail, whatever its shape is."""

from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.drivers.shelly_rpc import bthome
from daemons.drivers.shelly_rpc.definition import REFUSED, Description, parts
from daemons.drivers.shelly_rpc.options import Component, Options
from daemons.drivers.shelly_rpc.status import (
    DETECTED,
    MEASURED,
    Components,
    about,
    overlay,
    own_keys,
    read,
    touch_of,
)
from daemons.kinds import Reading

MEMBERS = (
    "output", "apower", "aenergy", "total", "errors", "temperature", "tC", "rh", "lux", "alarm", "value",
    "state", "current_pos", "brightness", "ct", "mode", "timer_started_at", "timer_duration", "battery",
    "percent", "rssi", "last_updated_ts", "unixtime", "wakeup_period", "act_power", "total_act_power",
    "ui_data", "consumption_types", "event", "component", "model", "target_C", "current_C", "pos", "enable",
)  # fmt: skip
CONFIG = ("addr", "obj_id", "idx", "trv", "name", "type", "enable")
TYPES = (*get_args(Component), *MEASURED, *DETECTED, *REFUSED, "emdata", "bthomesensor", "devicepower")
ADDED = ("bthomedevice:200", "bthomesensor:200", "bthomesensor:201", "blutrv:200")
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "button", "bthomedevice:200"])
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = (
    LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), LEAVES, max_size=2)
)
PARTS = st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6) | VALUES
KEYS = st.sampled_from(
    ["sys", "wifi", "sys:0", *(f"{type_}:{number}" for type_ in TYPES for number in (0, 200, "x"))]
)
ANSWERS = st.dictionaries(KEYS, PARTS, max_size=6)
CONFIGS = st.dictionaries(st.sampled_from(CONFIG), VALUES, max_size=5) | VALUES
DYNAMIC = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from(ADDED)}, optional={"config": CONFIGS, "status": PARTS}),
    max_size=5,
)
OBJECTS = st.dictionaries(
    st.sampled_from(ADDED),
    st.lists(st.dictionaries(st.sampled_from(CONFIG), VALUES, max_size=3), max_size=3),
    max_size=1,
)
OPTIONS = st.builds(
    Options,
    address=st.just("x"),
    component=st.sampled_from(get_args(Component)),
    channel=st.sampled_from([0, 200]),
)


@settings(max_examples=40)
@given(OPTIONS, ANSWERS, ANSWERS, DYNAMIC, VALUES)
def test_any_status_is_a_reading(
    options: Options, answer: dict[str, Any], news: dict[str, Any], dynamic: list[dict[str, Any]], event: Any
) -> None:
    """Values of a wrong type are not read, and the reading can be written as JSON."""
    known: Components = {}
    overlay(known, answer)
    overlay(known, {str(one["key"]): one.get("status") for one in dynamic})
    overlay(known, news)
    sensors = bthome.sensors_of(options.key, dynamic)
    changes = read(options, known, sensors)
    msgspec.json.encode(changes)
    assert Reading(**changes)
    own_keys(options, known)
    at = bthome.packet_at(options.key, known)
    bthome.age_text(at, known)
    touch_of(options, event)
    about(options, answer)


@settings(max_examples=40)
@given(ANSWERS, ANSWERS, ANSWERS, DYNAMIC, OBJECTS)
def test_any_device_has_parts(
    info: dict[str, Any],
    config: dict[str, Any],
    status: dict[str, Any],
    dynamic: list[dict[str, Any]],
    objects: dict[str, Any],
) -> None:
    """Each part has a kind or a note, and the options of each can be built."""
    found = parts(Description(info=info, config=config, status=status, dynamic=dynamic, objects=objects))
    assert found
    for part in found:
        assert bool(part.kind) is not bool(part.note)
        Options(address="x", component=part.component, channel=part.channel, input=part.input)
