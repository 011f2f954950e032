"""A heater with a schedule, in a rehearsed house: outages, steps of the clock, days of 23 and 25 hours."""

from datetime import datetime
from typing import Any

import pytest

from daemons.bus.faults import CLOCK_FAULT
from daemons.config.tables import zone
from daemons.kinds import Reading
from daemons.processes.device.appliance import Appliance
from daemons.rehearsal.world import World
from tests.rehearsal.conftest import MakeWorld, house_of, make_world  # noqa: F401  fixtures
from tests.support import factories

BERLIN = zone("Europe/Berlin")
HOUSE = """
[house]
timezone = "Europe/Berlin"

[devices.climate]
kind = "sensor"
driver = "simulated"
stale_after = "30d"

[devices.heater]
kind = "heater"
driver = "simulated"
source = "climate"
schedule = [
  { days = ["mon", "tue", "wed", "thu", "fri"], at = "06:00", celsius = 21 },
  { days = ["sat", "sun"], at = "08:00", celsius = 22 },
  { at = "22:30", celsius = 17 },
  { at = "02:30", celsius = 15 },
]
"""


def moment(text: str, fold: int = 0) -> float:
    """Return a local time in Berlin in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def target(world: World) -> float:
    """Return the target that the heater has published last."""
    latest = world.devices["heater"].latest
    assert latest is not None
    celsius = latest.state["target_celsius"]
    assert isinstance(celsius, float | int)
    return celsius


def test_each_entry_begins_at_its_time_and_starts_the_heater(make_world: MakeWorld) -> None:  # noqa: F811
    """Nothing else happens: the heater wakes by itself."""
    world = make_world(HOUSE, start=moment("2026-11-27 05:59"))
    world.measure("climate", {"temperature_celsius": 18.0})
    world.send("heater", "on")
    world.run(moment("2026-11-27 05:59:59"))
    assert (target(world), world.devices["heater"].hardware.is_on) == (15, False)
    world.run(moment("2026-11-27 06:00:01"))
    assert (target(world), world.devices["heater"].hardware.is_on) == (21, True)


def test_a_schedule_does_not_switch_on_a_heater_that_is_off(make_world: MakeWorld) -> None:  # noqa: F811
    """In summer it stays off."""
    world = make_world(HOUSE, start=moment("2026-11-27 05:00"))
    world.measure("climate", {"temperature_celsius": 18.0})
    world.run(moment("2026-11-27 07:00"))
    assert (target(world), world.devices["heater"].hardware.is_on) == (21, False)


@pytest.mark.parametrize("hours", [1, 30, 24 * 8])
def test_after_an_outage_the_entry_of_that_time_is_in_force(
    make_world: MakeWorld,  # noqa: F811
    hours: float,
) -> None:
    """However long the process was dead, and with a target set by hand before."""
    start = moment("2026-11-27 05:30")
    world = make_world(HOUSE, start=start)
    world.send("heater", "set", {"celsius": 25})
    assert target(world) == 25
    world.kill("heater", hours * 3600)
    world.run(start + hours * 3600 + 2)
    fresh = make_world(HOUSE, start=start + hours * 3600)
    assert target(world) == target(fresh)


def test_a_target_set_by_hand_outlasts_kills_and_ends_with_the_next_entry(
    make_world: MakeWorld,  # noqa: F811
) -> None:
    """Also if the process dies at the moment of the entry."""
    world = make_world(HOUSE, start=moment("2026-11-27 12:00"))
    world.send("heater", "set", {"celsius": 25})
    for at in ("13:00", "22:29:59"):
        world.run(moment(f"2026-11-27 {at}"))
        world.kill("heater", 5)
        world.run(world.now + 4)
    world.run(moment("2026-11-27 22:30:03"))
    assert target(world) == 25, "its process is still dead"
    world.run(moment("2026-11-27 22:30:06"))
    assert target(world) == 17


def test_a_step_of_the_clock_is_followed_at_once(make_world: MakeWorld) -> None:  # noqa: F811
    """In both directions, by any length, and without anything left behind."""
    world = make_world(HOUSE, start=moment("2026-11-27 12:00"))
    for hours, celsius in ((12, 17), (-12, 21), (24 * 365 * 30, None), (-24 * 365 * 30, 21), (-9, 15)):
        world.step_clock(hours * 3600)
        world.run(world.now + 2)
        assert celsius is None or target(world) == celsius, hours
    world.step_clock(9 * 3600)
    world.run(moment("2026-11-27 22:30:30"))
    assert target(world) == 17


def test_a_day_of_23_hours(make_world: MakeWorld) -> None:  # noqa: F811
    """The entry of 02:30 begins at 03:30, because the clocks skip an hour."""
    world = make_world(HOUSE, start=moment("2026-03-29 01:59"))
    for at, celsius in (("03:29", 17), ("03:31", 15), ("07:59", 15), ("08:01", 22)):
        world.run(moment(f"2026-03-29 {at}"))
        assert target(world) == celsius, at


def test_a_day_of_25_hours(make_world: MakeWorld) -> None:  # noqa: F811
    """The entry of 02:30 begins once: a target that is set in the hour that comes twice holds."""
    world = make_world(HOUSE, start=moment("2026-10-25 02:29"))
    assert target(world) == 17
    world.run(moment("2026-10-25 02:31"))
    assert target(world) == 15
    world.send("heater", "set", {"celsius": 19})
    world.run(moment("2026-10-25 02:45", fold=1))
    assert target(world) == 19
    world.run(moment("2026-10-25 08:01"))
    assert target(world) == 22


def test_while_the_clock_is_not_right_it_keeps_its_last_target() -> None:
    """A machine without a battery for its clock starts in 1970."""
    made = factories.device("heater", schedule=[{"at": "00:00", "celsius": 17}])
    appliance: Appliance = factories.appliance(made, "heater", 1000.0)
    appliance.wait_for_clock()
    appliance.start(Reading(on=False), 1000.0, 0.0)
    shown: dict[str, Any] = appliance.state(1000.0)
    assert shown["target_celsius"] == 20
    assert CLOCK_FAULT in shown["fault"]
    assert appliance.next_deadline() is None
    appliance.trust_clock(1001.0, 1_800_000_000.0)
    assert appliance.state(1001.0)["target_celsius"] == 17
    assert appliance.cause == f"{int(moment('2027-01-15 00:00') + 3600):010x}"
