"""A rule in words: each key of a rule is told, in the words of the configuration."""

from typing import Any

import pytest

from daemons.config.rule import Rule
from daemons.config.rule_text import rule_text
from daemons.values import convert

TURNS: dict[str, Any] = {"device": "switch", "turns": {"status": True}, "do": "on"}
DARK: dict[str, Any] = {"device": "meter", "below": {"lux": 10}}
HOME: dict[str, Any] = {"device": "anna", "is": {"status": True}, "for": "5m"}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (TURNS, "when switch turns on: on"),
        (
            {**TURNS, "turns": {"phase": {"from": "closed", "to": "open"}}},
            "when switch changes from closed to open: on",
        ),
        ({**TURNS, "turns": {"phase": {"from": "closed"}}}, "when switch changes from closed: on"),
        (
            {"process": "toaster", "turns": {"life": "failed"}, "do": "on"},
            'when the process toaster changes life to "failed": on',
        ),
        (
            {**TURNS, "only_if": [{"device": "anna", "presence": "offline"}]},
            "when switch turns on, only if anna is offline: on",
        ),
        (
            {"device": "dimmer", "follow": ["status", "brightness_percent"]},
            "when dimmer changes status or brightness_percent: copy it",
        ),
        (
            {"device": "meter", "above": {"celsius": 25.5}, "for": "10m", "do": "on"},
            "when celsius of meter goes above 25.5, for 10m: on",
        ),
        ({"device": "meter", "below": {"lux": 10}, "do": "on"}, "when lux of meter goes below 10: on"),
        ({"at": "06:30", "days": ["mon", "tue"], "do": "on"}, "at 06:30, only on the days mon, tue: on"),
        (
            {"at": "sunset", "random_offset": "20m", "do": "on"},
            "at sunset (up to 20m earlier or later): on",
        ),
        ({"at": "sunrise+90m", "do": "on"}, "at sunrise+90m: on"),
        (
            {**TURNS, "turns": {"brightness_percent": {"from": 1}}},
            "when switch changes brightness_percent from 1: on",
        ),
        ({**TURNS, "turns": {"ready": False}}, "when switch is not ready any more: on"),
        ({"every": "15m", "holidays": False, "do": "on"}, "every 15m, not on holidays: on"),
        (
            {"all": [DARK, {"device": "anna", "is": {"status": True}}], "do": "on"},
            "when lux of meter is below 10 and anna is on: on",
        ),
        (
            {**TURNS, "delay": "30s", "mode": "restart", "cooldown": "1h"},
            'when switch turns on, 30s later, with a cooldown of 1h, with mode "restart": on',
        ),
        (
            {**TURNS, "between": ["22:00", "06:00"], "months": ["dec"], "dates": ["12-24"], "holidays": True},
            (
                "when switch turns on, between 22:00 and 06:00, only on the months dec, "
                "only on the dates 12-24, only on holidays: on"
            ),
        ),
        (
            {**TURNS, "only_if": [DARK, HOME], "any": [DARK, HOME], "none": [HOME]},
            (
                "when switch turns on, only if lux of meter is below 10, "
                "only if anna is on for 5m, "
                "only if lux of meter is below 10 or anna is on for 5m, "
                "not if anna is on for 5m: on"
            ),
        ),
        (
            {**TURNS, "only_if": [{"device": "hall", "by": ["rule:motion", "clock"]}]},
            "when switch turns on, only if hall was changed by rule:motion or clock: on",
        ),
        (
            {**TURNS, "with": {"brightness_percent": 30, "scene": "late"}},
            'when switch turns on: on brightness_percent=30 scene="late"',
        ),
    ],
)
def test_each_key_of_a_rule_is_told(rule: dict[str, Any], text: str) -> None:
    """The moment comes first, then the conditions, then the command."""
    assert rule_text(convert(rule, Rule)) == text
