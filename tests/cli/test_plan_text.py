"""The plan of a reload in words: devices, values and rules, and no parts of a slice."""

from pathlib import Path

import pytest

from daemons.cli.plan_text import plan_parts, summary
from daemons.config.house import House, load_house
from daemons.config.plan import make_plan
from tests.support.house import BREAKFAST

INTERNALS = ("peers", "when[", "resolved", "hears", "slice", "program:", "None")


def load(tmp_path: Path, text: str) -> House:
    """Return a house by its configuration."""
    file = tmp_path / "house.toml"
    file.write_text(text)
    return load_house(file)


def plan(tmp_path: Path, old: str, new: str) -> list[str]:
    """Return the lines of the plan from one configuration to another."""
    before, after = load(tmp_path, old), load(tmp_path, new)
    is_restarted = {"mirror"} if before.roster.services != after.roster.services else set[str]()
    changes = make_plan(before.slices(), after.slices(), relaunched=is_restarted)
    found = []
    for part in plan_parts(changes, before, after):
        found.append(part.head)
        for line in part.lines:
            values = [text for text in (line.old, line.new) if text is not None]
            found.append(f"  {line.text}" + (f": {' → '.join(values)}" if values else ""))
    return [*found, summary(changes, after)]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("browning = 3", "browning = 5", ["restart toaster", "  browning: 3 → 5"]),
        (
            'kind = "lamp"',
            'kind = "lamp"\nname = "The lamp"',
            ["restart mirror", '  name of kitchen_lamp: "Kitchen lamp" → "The lamp"'],
        ),
        (
            'turns = { status = false }\ndo = "off"',
            'turns = { status = false }\ndelay = "5m"\ndo = "off"',
            [
                "restart kitchen_lamp",
                "  rule 2 was: when bathroom_light turns off: off",
                "  rule 2 becomes: when bathroom_light turns off, 5m later: off",
            ],
        ),
        (
            (
                '[[devices.kitchen_lamp.when]]\ndevice = "bathroom_light"\n'
                'turns = { status = true }\ndo = "on"\n'
            ),
            "",
            ["  rule 1 is removed: when bathroom_light turns on: on"],
        ),
        (
            "[devices.kitchen_lamp]",
            '[devices.porch]\nkind = "plug"\ndriver = "simulated"\n[devices.kitchen_lamp]',
            [
                "start porch: a new plug, 'Porch' in House",
                "  it shows every device, and porch is new",
                "  it records every device, and porch is new",
            ],
        ),
        (
            "devices.kitchen_lamp",
            "devices.counter_lamp",
            [
                "stop kitchen_lamp: the configuration does not have it any more",
                "  counter_lamp has the same options; under its new name it has no memory and no history yet",
                "  it shows every device, and kitchen_lamp is gone",
            ],
        ),
        ("Europe/Berlin", "Europe/Rome", ['  [house] timezone: "Europe/Berlin" → "Europe/Rome"']),
        (
            "[house]",
            "[recorder]\nenabled = false\n[house]",
            ["stop recorder: the configuration does not have it any more", "  the recorder is gone"],
        ),
        ("[house]", '[recorder]\nkeep = "90d"\n[house]', ['  keep: nothing → "90d"']),
        ("[house]", '[exchange]\naddress = "127.0.0.1"\n[house]', ["  the exchange is new", "  port: 8070"]),
    ],
)
def test_each_edit_is_told_in_the_words_of_the_configuration(
    tmp_path: Path, old: str, new: str, lines: list[str]
) -> None:
    """No line has the inner names of a slice."""
    assert old in BREAKFAST
    found = plan(tmp_path, BREAKFAST, BREAKFAST.replace(old, new))
    for line in lines:
        assert line in found, found
    assert not [word for word in INTERNALS if any(word in line for line in found)]


def test_a_scene_makes_rules_that_the_plan_names(tmp_path: Path) -> None:
    """The rules of a member name the scene, and the options of a new device are not repeated."""
    scene = '\n[devices.evening]\nkind = "scene"\nsets = { kitchen_lamp = "on" }\n'
    found = plan(tmp_path, BREAKFAST, BREAKFAST + scene)
    assert "start evening: a new scene, 'Evening' in House" in found
    rule = "  new rule 3 made by evening: when evening asks for on: on"
    assert any(line.startswith(rule) for line in found)
    assert found[-1] == "`house reload` starts 1, restarts 3 processes; 4 others run on."
