"""A rule in words: each key of a rule is told, in the words of the configuration."""

from pathlib import Path
from typing import Any

import pytest

from daemons.config.house import load_house
from daemons.config.rule import Rule
from daemons.config.rule_text import Names, Titles, rule_text
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


def test_a_rule_names_devices_by_their_titles() -> None:
    """With its room, if several devices have the title; by its name, if the room is the same too."""
    lamp = 'kind = "lamp"\ndriver = "simulated"\n'
    house = load_house(
        Path("house.toml"),
        "".join(
            f"[devices.{name}]\n{lamp}{keys}\n"
            for name, keys in {
                "hall_lamp": "",
                "first": 'name = "Lamp"\nroom = "Attic"',
                "second": 'name = "Lamp"\nroom = "Cellar"',
                "third": 'name = "Spot"\nroom = "Attic"',
                "fourth": 'name = "Spot"\nroom = "Attic"',
            }.items()
        ),
    )
    named = Titles(house)
    words = [named(name) for name in (*house.devices, "recorder")]
    assert words == ["Hall lamp", "Lamp (Attic)", "Lamp (Cellar)", "third", "fourth", "recorder"]
    condition = {"device": "hall_lamp", "is": {"status": True}}
    for rule, text in (
        ({**TURNS, "device": "hall_lamp"}, "when Hall lamp turns on: on"),
        ({"device": "second", "follow": ["status"]}, "when Lamp (Cellar) changes status: copy it"),
        (
            {**TURNS, "device": "first", "turns": None, "above": {"lux": 1}},
            "when lux of Lamp (Attic) goes above 1: on",
        ),
        ({"all": [condition], "do": "on"}, "when Hall lamp is on: on"),
        *(
            (
                {"at": "07:00", key: [condition], "do": "on"},
                f"at 07:00, {word} if Hall lamp is on: on",
            )
            for key, word in (("only_if", "only"), ("any", "only"), ("none", "not"))
        ),
    ):
        assert rule_text(convert({key: value for key, value in rule.items() if value}, Rule), named) == text


@pytest.mark.parametrize(
    ("tables", "on", "off"),
    [
        ('kind = "lamp"', ("turns on", "is on"), ("turns off", "is off")),
        ('kind = "toaster"', ("turns on", "is on"), ("turns off", "is off")),
        ('kind = "sensor"\ndetects = "opening"', ("opens", "is open"), ("closes", "is closed")),
        ('kind = "sensor"\ndetects = "water"', ("detects water",) * 2, ("becomes dry", "is dry")),
        (
            'kind = "sensor"\ndetects = "carbon_monoxide"',
            ("detects carbon monoxide",) * 2,
            ("becomes clear", "is clear"),
        ),
        ('kind = "person"', ("comes home", "is home"), ("leaves", "is away")),
    ],
)
def test_a_status_has_the_words_of_its_kind(tables: str, on: tuple[str, str], off: tuple[str, str]) -> None:
    """A door opens, and a lamp turns on."""
    house = load_house(Path("house.toml"), f'[devices.thing]\ndriver = "simulated"\n{tables}\n')
    names = Names(house)
    assert (names.status_words("thing", True), names.status_words("thing", False)) == (on, off)
