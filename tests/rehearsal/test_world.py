"""A rehearsed house: it decides as the real one, loses nothing to kills, and is the same each time."""

import msgspec
import pytest

from daemons.rehearsal.world import World
from tests.rehearsal.conftest import MOTION, MakeWorld

HEATER = """
[devices.room]
kind = "sensor"
driver = "simulated"

[devices.radiator]
kind = "heater"
driver = "simulated"
source = "room"

[devices.fan]
kind = "plug"
driver = "simulated"

[[devices.fan.when]]
device = "room"
above = { temperature_celsius = 26 }
do = "on"
"""
TIMETABLE = """
[house]
timezone = "Europe/Berlin"
latitude = 52.52
longitude = 13.4

[devices.porch]
kind = "lamp"
driver = "simulated"

[[devices.porch.when]]
at = "sunset"
do = "on"

[[devices.porch.when]]
at = "23:00"
do = "off"
"""
WASHER = """
[devices.washer]
kind = "plug"
driver = "simulated"
running_above_watts = 10
finished_below_watts = 5
"""
WINTER = 1_795_647_600.0
"""00:00 on 26 November 2026 in Berlin."""


def turns(world: World, device: str, **fields: object) -> int:
    """Return how often a device turned to some values."""
    return sum(
        change.device == device and fields.items() <= change.fields.items() for change in world.changes
    )


def test_a_press_makes_breakfast(make_world: MakeWorld) -> None:
    """All changes have the id of the press as their cause, and the mirror tells when it is ready."""
    world = make_world()
    before = len(world.changes)
    id_ = world.press("bathroom_light")
    world.run(world.now + 0.1)
    assert "Coffee in" in world.message()
    world.run(world.now + 20)
    assert world.message() == "Breakfast is ready."
    assert {change.cause for change in world.changes[before:]} == {id_}
    assert turns(world, "toaster", status=True) == turns(world, "coffee_maker", status=True) == 1


def test_two_rehearsals_are_the_same(make_world: MakeWorld) -> None:
    """Byte by byte, also with random orders of arrival; another seed gives other times."""

    def tell(seed: int) -> bytes:
        world = make_world(seed=seed, latency_seconds=(0.0, 0.5))
        world.press("bathroom_light")
        world.run(world.now + 5)
        world.kill("toaster")
        world.run(world.now + 60)
        return msgspec.json.encode([world.changes, world.log_lines])

    assert tell(1) == tell(1) != tell(2)


@pytest.mark.parametrize("victim", ["bathroom_light", "coffee_maker", "toaster", "kitchen_lamp"])
def test_no_kill_loses_or_repeats_anything(make_world: MakeWorld, victim: str) -> None:
    """A process is killed before each of its steps; the changes are those without a kill."""
    plain = make_world()
    began = plain.devices[victim].steps
    plain.press("bathroom_light")
    plain.run(plain.now + 60)

    assert plain.devices[victim].steps > began
    for step in range(plain.devices[victim].steps - began):
        world = make_world()
        world.devices[victim].steps_left = step
        world.press("bathroom_light")
        world.run(world.now + 60)
        assert world.devices[victim].life == 3, "it was killed, and started again"
        assert world.message() == plain.message()
        for name in ("toaster", "coffee_maker", "kitchen_lamp"):
            assert turns(world, name, status=True) == 1, (victim, step, name)


def test_a_silent_source_is_noticed(make_world: MakeWorld) -> None:
    """The heater stops a while after its sensor fell silent, and heats again when it is back."""
    world = make_world(HEATER)
    world.measure("room", {"temperature_celsius": 15.0})
    world.send("radiator", "on")
    world.run(world.now + 1)
    assert world.devices["radiator"].hardware.is_on
    world.stop("room")
    world.run(world.now + 60)
    assert world.devices["radiator"].hardware.is_on
    world.run(world.now + 20)
    assert not world.devices["radiator"].hardware.is_on
    world.start_device("room")
    world.run(world.now + 1)
    assert world.devices["radiator"].hardware.is_on


def test_a_measurement_crosses_a_limit(make_world: MakeWorld) -> None:
    """Also if it changes twice within the time in which a device publishes measurements once."""
    world = make_world(HEATER)
    world.measure("room", {"temperature_celsius": 25.0})
    world.measure("room", {"temperature_celsius": 27.0})
    world.run(world.now + 1)
    assert world.devices["fan"].hardware.is_on


def test_a_washing_machine_runs_that_was_switched_on_by_hand(make_world: MakeWorld) -> None:
    """Its process reads the power at the next poll, also if that is the first one after a crash."""
    world = make_world(WASHER)
    world.switch_by_hand("washer", on=True)
    world.run(world.now + 1)
    assert (world.state("washer") or {})["phase"] == "running"
    world.switch_by_hand("washer", on=False)
    world.kill("washer", 20)
    world.switch_by_hand("washer", on=True)
    world.run(world.now + 22)
    assert (world.state("washer") or {})["phase"] == "running"


def test_a_lamp_that_is_lost_while_it_is_dimmed_stays_as_it_was(make_world: MakeWorld) -> None:
    """After its grace it no longer waits, and it does not try again and again without a pause."""
    world = make_world(MOTION)
    world.send("hall_lamp", "on")
    world.run(world.now + 10)
    world.lose_hardware("hall_lamp", 300)
    world.send("hall_lamp", "on", {"brightness_percent": 20})
    before = world.devices["hall_lamp"].steps
    world.run(world.now + 310)
    assert world.devices["hall_lamp"].steps - before < 20
    assert (world.state("hall_lamp") or {})["status"] is world.devices["hall_lamp"].hardware.is_on is True


def test_an_off_that_did_not_arrive_lengthens_no_heat(make_world: MakeWorld) -> None:
    """The heater wants to stop and to go on while its hardware is lost: that heats all the time."""
    world = make_world(HEATER.replace('source = "room"', 'source = "room"\nmax_on = "1h"'))
    world.measure("room", {"temperature_celsius": 3.0})
    world.run(world.now + 1800)
    world.lose_hardware("radiator", 120)
    world.measure("room", {"temperature_celsius": 9.0})
    world.run(world.now + 10)
    assert (world.state("radiator") or {})["status"] is False
    world.measure("room", {"temperature_celsius": 3.0})
    world.run(world.now + 1800)
    assert not world.devices["radiator"].hardware.is_on


def test_a_sensor_at_rest_is_not_stale(make_world: MakeWorld) -> None:
    """It reports again and again, as each driver does. Lost hardware reports nothing."""
    world = make_world(MOTION)
    world.run(world.now + 86400)
    assert turns(world, "hall_motion", phase="stale") == 0
    assert not any("stale" in text for _, _, text in world.log_lines)
    world.lose_hardware("hall_motion", 7200)
    world.run(world.now + 3601)
    assert turns(world, "hall_motion", phase="stale") == 1


def test_a_whole_number_is_measured_as_one(make_world: MakeWorld) -> None:
    """The memory of a sensor can be read after a crash, also if a story has 62.0 percent."""
    world = make_world(MOTION)
    world.measure("hall_motion", {"battery_percent": 62.0})
    world.kill("hall_motion")
    world.run(world.now + 1)
    assert not any("memory" in text for _, _, text in world.log_lines)


DUSK = """
[devices.porch]
kind = "sensor"
driver = "simulated"

[devices.lamp]
kind = "lamp"
driver = "simulated"

[[devices.lamp.when]]
device = "porch"
below = { illuminance_lux = 30 }
do = "on"
"""


def test_light_and_air_are_measured_once_a_story_says_so(make_world: MakeWorld) -> None:
    """Until then the sensor has no value, and no rule acts by it."""
    world = make_world(DUSK)
    world.run(world.now + 60)
    assert (world.state("porch") or {})["illuminance_lux"] is None
    for lux, is_on in ((400, False), (12, True)):
        world.measure("porch", {"illuminance_lux": lux, "co2_ppm": 700})
        world.run(world.now + 60)
        assert (world.state("lamp") or {})["status"] is is_on
    assert (world.state("porch") or {})["co2_ppm"] == 700


def test_a_cut_gives_a_dead_source_no_heartbeat(make_world: MakeWorld) -> None:
    """The heater stops a minute after its sensor fell silent, although a link is cut in that time."""
    world = make_world(HEATER)
    world.measure("room", {"temperature_celsius": 15.0})
    world.send("radiator", "on")
    world.run(world.now + 1)
    world.stop("room")
    world.run(world.now + 65)
    world.cut(["radiator"], 60)
    world.run(world.now + 10)
    assert not world.devices["radiator"].hardware.is_on


def test_times_of_day_come_by_themselves(make_world: MakeWorld) -> None:
    """Each once a day, over a change of the clocks and a year; the processes sleep in between."""
    world = make_world(TIMETABLE, start=WINTER)
    world.run(WINTER + 366 * 86400)
    assert turns(world, "porch", status=True, phase="on") == 366
    assert turns(world, "porch", status=False, phase="off") == 366 + 1  # the first is its state at the start
    assert world.devices["porch"].steps < 366 * 2 * 6


def test_a_clock_step_moves_times_of_day(make_world: MakeWorld) -> None:
    """Forward: what was passed within the grace comes at once. Back: nothing comes twice."""
    world = make_world(TIMETABLE, start=WINTER)
    world.run(WINTER + 22.99 * 3600)
    assert world.devices["porch"].hardware.is_on
    world.step_clock(60)
    world.run(world.now + 0.1)
    assert not world.devices["porch"].hardware.is_on
    world.step_clock(-120)
    world.run(world.now + 300)
    assert turns(world, "porch", phase="off") == 2


def test_a_motion_light_is_on_while_motion_lasts(make_world: MakeWorld) -> None:
    """Its process is away while "clear" expires and motion comes back."""
    world = make_world(MOTION)
    world.switch_by_hand("hall_motion", on=True)
    world.run(world.now + 5)
    world.switch_by_hand("hall_motion", on=False)
    world.run(world.now + 4)
    world.stop("hall_lamp")
    world.run(world.now + 4)
    world.switch_by_hand("hall_motion", on=True)
    world.run(world.now + 4)
    world.start_device("hall_lamp")
    world.run(world.now + 10)
    assert world.devices["hall_lamp"].hardware.is_on


def test_a_cut_link_delays_what_happens(make_world: MakeWorld) -> None:
    """Within the grace the device follows when the link is back; the mirror shows the device silent."""
    world = make_world(MOTION)
    world.cut(["hall_lamp"], 30)
    world.switch_by_hand("hall_motion", on=True)
    world.run(world.now + 29)
    assert not world.devices["hall_lamp"].hardware.is_on
    world.run(world.now + 2)
    assert world.devices["hall_lamp"].hardware.is_on


def test_lost_hardware_is_shown_and_set_later(make_world: MakeWorld) -> None:
    """A lamp is switched off while its hardware cannot be reached."""
    world = make_world(MOTION)
    world.send("hall_lamp", "on")
    world.run(world.now + 1)
    world.lose_hardware("hall_lamp", 60)
    assert (world.state("hall_lamp") or {})["reachable"] is False
    world.send("hall_lamp", "off")
    world.run(world.now + 50)
    assert world.devices["hall_lamp"].hardware.is_on
    world.run(world.now + 15)
    assert not world.devices["hall_lamp"].hardware.is_on


def test_a_killed_device_is_no_source_of_messages(make_world: MakeWorld) -> None:
    """A stopped process answers no command, and has no state."""
    world = make_world(MOTION)
    world.stop("hall_lamp")
    assert world.send("hall_lamp", "on") is None
    assert world.state("hall_lamp") is None


def test_a_rule_acts_when_its_hardware_is_back(make_world: MakeWorld) -> None:
    """The lamp's hardware was lost for a while when motion began. The next poll after its return acts."""
    world = make_world(MOTION)
    world.lose_hardware("hall_lamp", 20)
    world.run(world.now + 10)
    world.switch_by_hand("hall_motion", on=True)
    world.run(world.now + 5)
    assert not world.devices["hall_lamp"].hardware.is_on
    world.run(world.now + 6)
    assert world.devices["hall_lamp"].hardware.is_on


def test_a_sensor_that_nothing_happens_to_is_never_stale(make_world: MakeWorld) -> None:
    """It is read again before its values are too old. Its next detection is its only change."""
    world = make_world(MOTION)
    world.run(world.now + 7200)
    world.switch_by_hand("hall_motion", on=True)
    world.run(world.now + 1)
    latest = world.devices["hall_motion"].latest
    assert latest is not None
    assert [moment.state["phase"] for moment in latest.past] == ["unknown", "clear"]
    assert latest.turned["phase"] == latest.at


def test_of_two_losses_and_cuts_at_one_time_the_longer_counts(make_world: MakeWorld) -> None:
    """The end of the shorter one ends nothing, also if it began later."""
    world = make_world(MOTION)
    for seconds in (60, 10):
        world.lose_hardware("hall_lamp", seconds)
        world.cut(["hall_motion"], seconds)
    motion, lamp = world.devices["hall_motion"], world.devices["hall_lamp"]
    for seconds, is_over in ((30, False), (31, True)):
        world.run(world.now + seconds)
        assert lamp.latest is not None
        assert (lamp.latest.state["reachable"], world.is_linked(motion, lamp)) == (is_over, is_over)


WINDOW = """
[devices.climate]
kind = "sensor"
driver = "simulated"

[devices.window]
kind = "sensor"
driver = "simulated"
detects = "opening"

[devices.heater]
kind = "heater"
driver = "simulated"
source = "climate"

[[devices.heater.when]]
device = "window"
turns = { phase = "open" }
for = "30s"
do = "on"
"""


def test_a_healed_link_brings_the_state_before_a_heartbeat(make_world: MakeWorld) -> None:
    """The window was open for ten seconds. The message of the other sensor does not make it open again."""
    world = make_world(WINDOW)
    world.switch_by_hand("window", on=True)
    world.run(world.now + 9)
    world.cut(["heater"], 30)
    world.run(world.now + 1)
    world.switch_by_hand("window", on=False)
    world.run(world.now + 100)
    assert [change.fields["enabled"] for change in world.changes if "enabled" in change.fields] == [False]


WATCH = """
[devices.lamp]
kind = "lamp"
driver = "simulated"

[devices.failures]
kind = "counter"

[[devices.failures.when]]
process = "lamp"
turns = { life = "failed" }
do = "increment"

[devices.stops]
kind = "counter"

[[devices.stops.when]]
process = "lamp"
turns = { life = "stopped" }
do = "increment"
"""


def test_the_steward_of_a_rehearsal_reports_failures_and_stops(make_world: MakeWorld) -> None:
    """A kill is no failure; a counter that is killed meanwhile counts each moment once."""
    world = make_world(WATCH)
    seconds = {"lamp": (0.03, 30.0), "failures": (0.03,), "stops": (5.0,)}
    for name in ("lamp", "failures", "stops"):
        for away_seconds in seconds[name]:
            world.run(world.now + 60)
            world.kill(name, away_seconds)
    for act in (world.stop, world.start_device):
        world.run(world.now + 60)
        act("lamp")
    world.run(world.now + 60)
    counts = {name: (world.state(name) or {})["count"] for name in ("failures", "stops")}
    assert counts == {"failures": 1, "stops": 1}
