"""The options of the driver `mqtt`: what a device can do with them, and what is refused."""

from typing import Any, get_args

import msgspec
import pytest

from daemons.config.device import build
from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.generic_mqtt.source import Detections, Measurements, Presses
from daemons.kinds import ABILITIES, TOUCHES, Reading
from daemons.kinds.sensor import Detects
from daemons.values import Problem, parse_table

THERMOSTAT: dict[str, Any] = {"target": {"topic": "t", "command_topic": "c"}}
COVER = {"open": "up", "close": "down", "stop": "halt"}
TEMPERATURE = {"measurements": {"temperature_celsius": {"topic": "t"}}}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"command_topic": "c"}, "switch"),
        ({"command_topic": "c", "state_topic": "s"}, "switch"),
        ({"state_topic": "s"}, "sense"),
        ({"topic": "t", "state_path": "s"}, "sense"),
        (TEMPERATURE, "sense"),
        ({"command_topic": "c", **TEMPERATURE}, "switch sense"),
        ({"state_topic": "s", "detections": {"motion": {"path": "m"}}}, "sense"),
        ({"command_topic": "c", **COVER}, "move"),
        ({"command_topic": "c", "brightness": {}}, "switch dim"),
        ({"command_topic": "c", "brightness": {}, "colour_temperature": {}}, "switch dim tint"),
        ({"press_topic": "p"}, "press"),
        ({"target": {"topic": "t", "command_topic": "c"}}, "regulate"),
        ({"topic": "t", "command_topic": "c", "target": {"path": "t"}, **TEMPERATURE}, "regulate sense"),
        ({"press_topic": "p", "command_topic": "c"}, "press switch"),
    ],
)
def test_the_topics_decide_what_a_device_can_do(table: dict[str, Any], expected: str) -> None:
    """`house check` refuses all else."""
    assert msgspec.convert(table, Options).abilities == {*expected.split()}
    assert {*expected.split()} <= {*ABILITIES}


@pytest.mark.parametrize(
    ("table", "where", "text"),
    [
        ({}, "", "it needs command_topic, state_topic"),
        ({"command_topic": "c", "open": "up"}, "", "a cover needs command_topic, open, close and stop"),
        ({"command_topic": "c", "on": "T", "off": "T"}, "", "no command that only toggles"),
        ({"measurements": {"power_watts": {"path": "p"}}}, "", "measurements.power_watts needs a topic"),
        ({"state_topic": "a/#/b"}, "state_topic", "is not allowed"),
        ({"command_topic": "a/+"}, "command_topic", "is not allowed"),
        ({"state_topic": "s", "state_path": "a..b"}, "state_path", "is not allowed"),
        ({"brightness": {}}, "", "need command_topic"),
        ({"state_topic": "s", "position": {}}, "", "position needs command_topic"),
        ({"command_topic": "c", "brightness": {"payload": "x"}}, "brightness", "{value}"),
        (
            {"state_topic": "s", "measurements": {"temprature_celsius": {}}},
            "measurements.temprature_celsius",
            "did you mean 'temperature_celsius'",
        ),
        (
            {"state_topic": "s", "measurements": {"power_watts": {"factor": "k"}}},
            "measurements.power_watts.factor",
            "takes a number",
        ),
        ({"target": {"topic": "t"}}, "", "target and mode need a command_topic"),
        ({**THERMOSTAT, "mode": {"topic": "m"}}, "", "target and mode need a command_topic"),
        ({"command_topic": "c", "target": {}}, "", "a thermostat reports its target"),
        ({**THERMOSTAT, "state_topic": "s"}, "", "target does not go with state_topic"),
        ({"command_topic": "c", "mode": {"topic": "m"}}, "", "mode and action need a target"),
        ({"command_topic": "c", "target": {"topic": "t", "payload": "20"}}, "target", "{value}"),
        ({"target": {"topic": "t", "lowest_celsius": 20, "highest_celsius": 20}}, "target", "must be above"),
        ({**THERMOSTAT, "mode": {"command_topic": "c", "off_mode": True}}, "mode", "mode is reported"),
        ({**THERMOSTAT, "mode": {"command_topic": "c", "heat": "1", "off": "1"}}, "mode", "must differ"),
        ({"state_topic": "s", "online": "a", "offline": "a"}, "", "online and offline must differ"),
    ],
)
def test_an_option_that_cannot_be_is_refused_where_it_stands(
    table: dict[str, Any], where: str, text: str
) -> None:
    """The problem has the path to the key, also within a table in a table."""
    problems: list[Problem] = []
    assert parse_table(table, Options, (), problems) is None
    assert [".".join(map(str, problem.path)) for problem in problems] == [where]
    assert text in problems[0].text


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"kind": "cover"}, "cannot move, which a cover needs"),
        ({"kind": "thermostat"}, "cannot regulate, which a thermostat needs"),
        ({"kind": "button"}, "cannot press, which a button needs"),
        (
            {"kind": "lamp", "brightness_percent": 40},
            'brightness_percent needs the ability "dim"',
        ),
        (
            {"kind": "lamp", "when": [{"at": "20:00", "do": "brighter"}]},
            'brighter needs the ability "dim"',
        ),
    ],
)
def test_check_refuses_what_the_topics_cannot_do(table: dict[str, Any], text: str) -> None:
    """A plug with two topics is neither a cover, nor a button, nor a dimmed lamp."""
    problems: list[Problem] = []
    topics = {"command_topic": "c", "state_topic": "s"}
    build("x", {**table, "driver": "mqtt", "mqtt": topics}, (), problems)
    assert [text in problem.text for problem in problems] == [True]


def test_the_tables_have_the_words_of_the_contract() -> None:
    """Measurements are fields of a Reading, detections those of a sensor, and presses the touches."""
    assert {*Measurements.__struct_fields__} <= {*Reading.__struct_fields__}
    assert {*Detections.__struct_fields__} == {*get_args(Detects)} - {"nothing"}
    assert Presses.__struct_fields__ == TOUCHES
