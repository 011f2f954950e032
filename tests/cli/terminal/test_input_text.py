"""The lines of `house history --inputs`."""

from datetime import UTC
from typing import Any

import pytest

from daemons.cli.terminal.input_text import in_words, input_lines
from daemons.storage.recorded_inputs import RecordedInput

COMMAND = {"id": "c1", "command": "on", "args": {}, "outcome": "applied"}


@pytest.mark.parametrize(
    ("what", "details", "text"),
    [
        ("command", COMMAND, "command on, applied [c1]"),
        (
            "command",
            COMMAND | {"args": {"brightness_percent": 30}, "left_out": {"text": 9}, "who": "page:anna"},
            "command on brightness_percent=30 text=… from page:anna, applied [c1]",
        ),
        ("command", COMMAND | {"outcome": "rejected", "reason": "no"}, "command on, rejected: no [c1]"),
        ("press", {"touch": "long", "id": "p"}, "long press at the hardware"),
        ("hand", {"on": True, "brightness_percent": 40}, "switched on by hand brightness_percent=40"),
        ("hand", {"on": False}, "switched off by hand"),
        ("values", {"on": True}, "detects"),
        ("values", {"on": False}, "detects no more"),
        ("values", {"power_watts": 2.5}, "measures power_watts=2.5"),
        ("hardware", {"reachable": False, "fault": "no route"}, "its hardware cannot be reached: no route"),
        ("hardware", {"reachable": True}, "its hardware can be reached again"),
        ("process", {"life": "restarting", "reason": "SIGKILL"}, "process restarting: SIGKILL"),
        ("process", {"life": "running", "pid": 7}, "process running"),
        ("clock", {"seconds": -3600.0}, "the clock of the machine was set back by 1 h"),
        ("clock", {"seconds": 2.5}, "the clock of the machine was set forward by 2.5 s"),
        ("configuration", {"digest": "3e38e6ce"}, "configuration 3e38e6ce is in force"),
        ("gap", {"missing": 1}, "1 input before this one is not recorded"),
        ("gap", {"missing": 3}, "3 inputs before this one are not recorded"),
    ],
)
def test_each_input_is_told_in_words(what: str, details: dict[str, Any], text: str) -> None:
    """The values are those of the file."""
    assert in_words(what, details) == text


def test_a_line_has_the_time_and_the_title_of_the_device() -> None:
    """An input of the whole house is told as such."""
    found = [
        RecordedInput(1_795_000_000.0, "lamp", "hand", {"on": True}),
        RecordedInput(1_795_000_060.0, None, "configuration", {"digest": "1a"}),
    ]
    assert list(input_lines(found, {"lamp": "Lamp"}, UTC)) == [
        "Wed 18 Nov 11:06:40 UTC  Lamp       switched on by hand",
        "Wed 18 Nov 11:07:40 UTC  The house  configuration 1a is in force",
    ]
    assert list(input_lines([], {}, UTC)) == []
