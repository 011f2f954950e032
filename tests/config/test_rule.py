"""A rule in the configuration: the meaning of each part, and the invalid forms."""

from typing import Any

import msgspec
import pytest

from daemons.bus.message import Moment
from daemons.config.rule import Condition, Rule, known_value
from daemons.values import convert

PRESS: dict[str, Any] = {"do": "on", "device": "switch", "turns": {"status": True}}
SUNSET: dict[str, Any] = {"do": "on", "at": "sunset"}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"do": "on"}, "waits for one of"),
        ({"do": "on", "turns": {"status": True}}, "'device' is missing"),
        ({"do": "on", "at": "06:30", "device": "switch"}, "a rule with at has no device"),
        ({"do": "on", "device": "room", "above": {"a": 1}, "below": {"a": 0}}, "waits for one of"),
        ({**PRESS, "at": "06:30"}, "waits for one of"),
        ({"do": "on", "device": "room", "above": {"a": 1, "b": 1}}, "length"),
        ({**PRESS, "hysteresis": 1}, "hysteresis goes with above or below"),
        ({**SUNSET, "hysteresis": 1}, "hysteresis goes with above or below"),
        ({"do": "on", "at": "06:30", "for": "1m"}, "for goes with"),
        ({**PRESS, "for": "1m", "delay": "1m"}, "do not go together"),
        ({**PRESS, "between": ["06:00", "06:00"]}, "the same time twice"),
        ({**SUNSET, "only_if": [{"device": "a"}]}, "one of is, above, below and presence"),
        ({**SUNSET, "only_if": [{"device": "a", "is": {"b": 1}, "above": {"c": 1}}]}, "one of is, above"),
        ({**SUNSET, "only_if": [{"device": "a", "by": "rul"}]}, "did you mean 'rule'"),
        ({**SUNSET, "only_if": [{"device": "a", "by": []}]}, "by names nothing"),
        ({**SUNSET, "only_if": [{"device": "a", "by": "rule:"}]}, "nothing after its colon"),
        ({**SUNSET, "only_if": [{"device": "a", "by": "clock:06:30"}]}, 'write only "clock"'),
        ({**SUNSET, "only_if": [{"device": "a", "by": "limit:maxon"}]}, "did you mean 'max_on'"),
    ],
)
def test_a_rule_that_can_never_act_is_refused(keys: dict[str, Any], problem: str) -> None:
    """A rule waits for exactly one thing, and each of its keys makes a difference."""
    with pytest.raises(msgspec.ValidationError, match=problem):
        convert(keys, Rule)


@pytest.mark.parametrize(
    "keys",
    [
        PRESS,
        {**PRESS, "delay": "1m", "between": ["06:00", "22:00"]},
        {**PRESS, "for": "1m"},
        {"do": "on", "device": "room", "above": {"celsius": 25}, "hysteresis": 1, "for": "5m"},
        {"do": "on", "device": "room", "below": {"celsius": 25}, "hysteresis": 1},
        {**SUNSET, "delay": "1m", "days": ["sat"], "cooldown": "1h"},
    ],
)
def test_a_rule_that_can_act_is_read(keys: dict[str, Any]) -> None:
    """Each key that makes a difference is allowed."""
    assert convert(keys, Rule).do == "on"


def test_a_rule_names_the_devices_that_it_needs() -> None:
    """These are the device of the trigger, and those of the conditions."""
    conditions = [{"device": "room", "below": {"lux": 10}}, {"device": "door", "is": {"phase": "open"}}]
    assert convert({**PRESS, "only_if": conditions}, Rule).subscriptions == {"switch", "room", "door"}
    assert convert({**SUNSET, "only_if": conditions}, Rule).subscriptions == {"room", "door"}


def test_a_rule_names_its_source_and_its_limit() -> None:
    """The log has the device or the time of day. The limit is a field and a number."""
    assert (convert(PRESS, Rule).source, convert(SUNSET, Rule).source) == ("switch", "sunset")
    assert convert(PRESS, Rule).limit is None
    warm = {"do": "on", "device": "room", "above": {"celsius": 25}}
    assert convert(warm, Rule).limit == ("celsius", 25.0)
    assert convert({"do": "on", "device": "room", "below": {"lux": 10}}, Rule).limit == ("lux", 10.0)


@pytest.mark.parametrize(
    ("keys", "uses_clock", "uses_sun"),
    [
        (PRESS, False, False),
        ({**PRESS, "days": ["sat"]}, True, False),
        ({**PRESS, "between": ["06:00", "22:00"]}, True, False),
        ({**PRESS, "between": ["06:00", "sunset"]}, True, True),
        ({"do": "on", "at": "06:30"}, True, False),
        (SUNSET, True, True),
    ],
)
def test_a_rule_declares_whether_it_needs_the_clock_and_the_sun(
    keys: dict[str, Any], uses_clock: bool, uses_sun: bool
) -> None:
    """A device whose rules need neither loads neither the timezone nor the sun's library."""
    rule = convert(keys, Rule)
    assert (rule.uses_clock, rule.uses_sun) == (uses_clock, uses_sun)


@pytest.mark.parametrize(
    ("keys", "fields", "expected"),
    [
        ({"is": {"phase": "on"}}, {"phase": "on"}, True),
        ({"is": {"phase": "on"}}, {"phase": "off"}, False),
        ({"is": {"phase": "on"}}, {}, None),
        ({"is": {"phase": "on"}}, None, None),
        ({"is": {"phase": "on", "status": True}}, {"phase": "on"}, None),
        ({"is": {"phase": "on", "status": True}}, {"phase": "off"}, False),
        ({"above": {"celsius": 20}}, {"celsius": 20.1}, True),
        ({"above": {"celsius": 20}}, {"celsius": 20}, False),
        ({"below": {"celsius": 20}}, {"celsius": 19.9}, True),
        ({"below": {"celsius": 20}}, {"celsius": 20}, False),
        ({"below": {"celsius": 20}}, {"celsius": None}, None),
        ({"below": {"celsius": 20}}, {"celsius": "cold"}, None),
    ],
)
def test_a_condition_is_met_not_met_or_unknown(
    keys: dict[str, Any], fields: dict[str, Any] | None, expected: bool | None
) -> None:
    """The limit itself is neither above nor below. A wrong value decides, also if another is unknown."""
    known = None if fields is None else Moment(state=fields)
    assert convert({"device": "room", **keys}, Condition).holds(known, 0.0) is expected


def test_a_condition_is_printed_as_in_the_configuration() -> None:
    """The text for the log has the device, the test and the values."""
    assert str(convert({"device": "room", "below": {"lux": 10}}, Condition)).startswith(
        "room below { lux = 10"
    )
    assert str(convert({"device": "lamp", "is": {"phase": "on"}}, Condition)).startswith("lamp is { phase = ")


def test_a_value_of_unreachable_hardware_is_unknown() -> None:
    """Only the field `reachable` itself is known then; for a silent device not even that."""
    fields = {"status": True, "reachable": False}
    assert known_value(fields, "status") is None
    assert known_value(fields, "reachable") is False
    assert known_value({**fields, "reachable": True}, "status") is True
    assert known_value(None, "reachable") is None
