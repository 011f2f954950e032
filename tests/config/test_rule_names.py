"""What the words of a rule call a device, and a change of its status."""

from pathlib import Path
from typing import Any

import pytest

from daemons.config.house import load_house
from daemons.config.rule import Rule
from daemons.config.rule_names import Names, Titles
from daemons.config.rule_text import rule_text, text_of
from daemons.values import convert

TURNS: dict[str, Any] = {"device": "switch", "turns": {"status": True}, "do": "on"}


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
    found = [[*map(text_of, names.status_phrases("thing", status))] for status in (True, False)]
    assert found == [[words[0], f"thing {words[1]}"] for words in (on, off)]


@pytest.mark.parametrize(
    ("tables", "phase", "turn"),
    [
        ('kind = "sensor"\ndetects = "smoke"', "smoke", "detects smoke"),
        ('kind = "sensor"\ndetects = "opening"', "open", "opens"),
        ('kind = "person"', "away", "leaves"),
        ('kind = "mode"\nvalues = ["home", "away"]', "home", "becomes home"),
        ('kind = "cover"', "open", "becomes open"),
        ('kind = "button"', "double", "becomes double"),
    ],
)
def test_a_phase_that_the_status_decides_has_the_same_words(tables: str, phase: str, turn: str) -> None:
    """A mode is no person, and a cover that is open opened before."""
    driver = "" if "mode" in tables else 'driver = "simulated"\n'
    names = Names(load_house(Path("house.toml"), f"[devices.thing]\n{driver}{tables}\n"))
    assert text_of(names.phase_phrases("thing", phase)[0]) == turn
