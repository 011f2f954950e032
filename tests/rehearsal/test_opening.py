"""A replay begins with the states that the house had."""

from collections.abc import Callable
from typing import Any

import pytest

from daemons.config.house import House
from daemons.rehearsal.opening import open_world
from daemons.rehearsal.record import Held
from tests.rehearsal.conftest import START
from tests.rehearsal.records import held, record_of

HouseOf = Callable[[str], House]
HOUSE = """
[house]
timezone = "Europe/Berlin"

[devices.thing]
kind = "{kind}"
{more}
"""
SIMULATED = 'driver = "simulated"'


@pytest.mark.parametrize(
    ("kind", "more", "state"),
    [
        ("lamp", SIMULATED, {"status": True, "phase": "on", "brightness_percent": 30}),
        ("lamp", SIMULATED, {"status": False, "phase": "off"}),
        ("plug", SIMULATED, {"status": True, "phase": "on"}),
        ("light_switch", SIMULATED, {"status": True, "phase": "on"}),
        ("flag", "", {"status": True, "phase": "on"}),
        ("mode", 'values = ["home", "away", "night"]', {"status": False, "phase": "away"}),
        ("number", "", {"status": False, "phase": "set", "value": 42.0}),
        ("counter", "", {"status": False, "phase": "counting", "count": 7}),
        ("timer", 'duration = "5h"', {"status": True, "phase": "running"}),
        ("moment", "", {"status": True, "phase": "armed", "time": "04:45"}),
        ("person", SIMULATED, {"status": False, "phase": "away"}),
        ("person", SIMULATED, {"status": True, "phase": "home"}),
        ("cover", SIMULATED, {"status": False, "position_percent": 40.0}),
        ("sensor", SIMULATED + '\ndetects = "motion"', {"status": True, "phase": "motion"}),
        ("sensor", SIMULATED, {"phase": "measuring", "temperature_celsius": 17.5, "battery_percent": 40}),
        ("heater", SIMULATED + '\nsource = "thing2"\n[devices.thing2]\nkind = "sensor"\n' + SIMULATED,
         {"status": False, "phase": "off", "enabled": False}),
    ],
)  # fmt: skip
def test_a_device_has_its_recorded_state(
    house_of: HouseOf, kind: str, more: str, state: dict[str, Any]
) -> None:
    """Lamps that were on are on, sensors have their values, numbers and modes theirs."""
    house = house_of(HOUSE.format(kind=kind, more=more))
    world = open_world(house, record_of(house, held={"thing": held(**state)}))
    world.run(START + 5)
    found = world.state("thing") or {}
    assert {name: found[name] for name in state} == state


@pytest.mark.parametrize(("on_for", "left"), [(600.0, 1200.0), (1500.0, 300.0)])
def test_a_time_limit_counts_from_when_it_was_switched_on(
    house_of: HouseOf, on_for: float, left: float
) -> None:
    """A lamp with off_after goes off at the time at which the real one did."""
    house = house_of(HOUSE.format(kind="lamp", more=SIMULATED + '\noff_after = "30m"'))
    on = Held({"status": True, "phase": "on"}, START - on_for)
    world = open_world(house, record_of(house, held={"thing": on}))
    world.run(START + left - 1)
    assert (world.state("thing") or {})["status"] is True
    world.run(START + left + 1)
    assert (world.state("thing") or {})["status"] is False


def test_a_coffee_maker_goes_on_in_its_phase(house_of: HouseOf) -> None:
    """It has been brewing since a minute: then it is ready as soon as the real one was."""
    house = house_of(HOUSE.format(kind="coffee_maker", more=SIMULATED + '\nheat = "1m"\nbrew = "3m"'))
    brewing = Held({"status": True, "phase": "brewing"}, START - 120)
    world = open_world(house, record_of(house, held={"thing": brewing}))
    world.run(START + 1)
    assert (world.state("thing") or {})["phase"] == "brewing"
    world.run(START + 121)
    assert (world.state("thing") or {})["phase"] == "ready"


def test_no_rule_acts_on_what_was_before(house_of: HouseOf) -> None:
    """The light is on and the lamp, which follows it, was switched off since: it stays off."""
    house = house_of("""
[devices.light]
kind = "light_switch"
driver = "simulated"
[devices.lamp]
kind = "lamp"
driver = "simulated"
restore = "on"
[[devices.lamp.when]]
device = "light"
turns = { status = true }
do = "on"
""")
    states = {"light": held(30, status=True, phase="on"), "lamp": held(10, status=False, phase="off")}
    world = open_world(house, record_of(house, held=states))
    world.run(START + 90)
    assert (world.state("lamp") or {})["status"] is False
    world.kill("lamp")
    world.run(START + 100)
    assert (world.state("lamp") or {})["status"] is True  # a real restart restores as configured
