"""The command for one device in a text for many."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.kinds.lamp import Lamp
from daemons.processes.device.orders import find_order

COMMANDS = {command.__name__.lower(): command for command in Lamp.commands}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"lamp":["off"],"other":["on"]}', ("off", {})),
        ('{"lamp":["on",30]}', ("on", {"brightness_percent": 30})),
        ('{"lamp":["on",null,2700]}', ("on", {"colour_temperature_kelvin": 2700})),
        ('{"*":["on",{"brightness_percent":30}]}', ("on", {"brightness_percent": 30})),
        ('{"*":["on"],"lamp":["off"]}', ("off", {})),
        ('{"other":["on"]}', None),
        ('{"lamp":["explode"]}', None),
        ('{"lamp":[]}', None),
        ('{"lamp":[["on"]]}', None),
        ('{"lamp":"on"}', None),
        ("lamp", None),
        (None, None),
        (True, None),
    ],
)
def test_a_device_finds_its_own_command(text: Any, found: Any) -> None:
    """Its own entry goes before that for all; a text that is damaged has none."""
    assert find_order(text, "lamp", COMMANDS) == found


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text())
def test_no_text_raises(text: Any) -> None:
    """A text comes from another process."""
    find_order(text, "lamp", COMMANDS)
