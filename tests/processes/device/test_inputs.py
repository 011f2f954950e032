"""What an appliance notes of what came from outside, and when it is published and counted."""

from typing import Any

import msgspec
import pytest

from daemons.bus.input import AnyInput, details
from daemons.bus.message import Command
from daemons.kinds import ButtonPress, Reading
from daemons.processes.device.runner import INPUT_SECONDS
from tests.support.crash_simulator import CrashSimulator

DECODER = msgspec.json.Decoder(AnyInput)


def noted(simulator: CrashSimulator) -> list[tuple[str, dict[str, Any]]]:
    """Return what is published next: the word and the details of each input."""
    found = [DECODER.decode(item) for item in simulator.appliance.inputs.publishable()]
    return [(str(one.__struct_config__.tag), details(one)) for one in found]


def outcomes(simulator: CrashSimulator) -> list[tuple[str, str]]:
    """Return the id and the outcome of each noted command."""
    return [(found["id"], found["outcome"]) for _, found in noted(simulator)]


def test_each_command_is_noted_once_with_its_outcome() -> None:
    """Also one without effect, and one that is rejected or expired; a repetition is the same command."""
    lamp = CrashSimulator("lamp")
    assert noted(lamp) == []
    lamp.command("on", "c1")
    lamp.command("on", "c1")
    lamp.command("on", "c2")
    lamp.command("jump", "c3")
    late = Command(id="c4", command="off", deadline=lamp.now - 1)
    assert lamp.handle_command(late).outcome == "expired"
    assert outcomes(lamp) == [("c1", "applied"), ("c2", "applied"), ("c3", "rejected"), ("c4", "expired")]
    assert lamp.appliance.inputs.number == 4


def test_a_command_whose_decision_is_taken_back_is_noted_as_rejected() -> None:
    """Its first outcome never reached its sender either."""
    lamp = CrashSimulator("lamp")
    lamp.disk_error = "the disk is full"
    assert lamp.command("on", "c1").outcome == "rejected"
    assert outcomes(lamp) == [("c1", "rejected")]


def test_each_press_is_noted_with_its_touch() -> None:
    """One reading may have several."""
    button = CrashSimulator("button")
    both = (ButtonPress("single", "p1"), ButtonPress("hold", "p2"))
    button.appliance.on_reading(Reading(presses=both, presses_until=2), button.now, button.now)
    assert noted(button) == [
        ("press", {"touch": "single", "id": "p1"}),
        ("press", {"touch": "hold", "id": "p2"}),
    ]


def test_a_hand_is_noted_with_what_the_hardware_reports() -> None:
    """What a command, a rule or the hardware's own timer has switched is no hand."""
    lamp = CrashSimulator("lamp")
    lamp.command("on", "c1")
    lamp.poll()
    assert [what for what, _ in noted(lamp)] == ["command"]
    lamp.on_reading(Reading(on=False, cause="off_timer"))
    lamp.on_reading(Reading(on=True, brightness_percent=40))
    assert noted(lamp)[1:] == [("hand", {"on": True, "brightness_percent": 40})]


def test_lost_hardware_is_noted_and_found_again() -> None:
    """The fault comes with the loss; a fault that stays the same is no new input."""
    lamp = CrashSimulator("lamp")
    for _ in range(2):
        lamp.on_reading(Reading(on=False, reachable=False, fault="no route to host"))
    lamp.on_reading(Reading(on=False))
    assert noted(lamp) == [
        ("hardware", {"reachable": False, "fault": "no route to host"}),
        ("hardware", {"reachable": True}),
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [({"detects": "motion"}, [False, True, False]), ({}, [])],
    ids=["a detector", "a thermometer"],
)
def test_a_detection_is_noted_when_it_changes(table: dict[str, Any], expected: list[bool]) -> None:
    """The first one of a process is noted too: it is not known what was missed."""
    sensor = CrashSimulator("sensor", **table)
    for on in (False, False, None, True, True, False):
        sensor.on_reading(Reading(on=on, temperature_celsius=20.0, at=sensor.now))
    assert noted(sensor) == [("detection", {"on": on}) for on in expected]


def test_inputs_are_published_later_and_all_at_once() -> None:
    """They delay neither the receipt nor the hardware. One message has those of a short while."""
    lamp = CrashSimulator("lamp")
    lamp.process.next_tick = lambda seconds: lamp.now + seconds  # type: ignore[method-assign]
    lamp.command("on", "c1")
    lamp.command("off", "c2")
    assert lamp.inputs == []
    lamp.now += INPUT_SECONDS
    lamp.poll()
    assert [(number, earlier, len(items)) for number, earlier, items in lamp.inputs] == [(2, 0, 2)]
    lamp.now += INPUT_SECONDS
    lamp.poll()
    assert len(lamp.inputs) == 1, "nothing new, nothing published"


def test_inputs_that_wait_are_published_when_the_process_ends() -> None:
    """A restart loses none of them."""
    lamp = CrashSimulator("lamp")
    lamp.command("on", "c1")
    lamp.runner.stop()
    assert [number for number, _, _ in lamp.inputs] == [1]


def test_the_number_of_inputs_survives_a_kill_without_a_write_of_its_own() -> None:
    """It is written with the decision of each command, so the next process publishes what was lost."""
    lamp = CrashSimulator("lamp")
    writes = lamp.writes
    lamp.command("on", "c1")
    lamp.command("off", "c2")
    writes = lamp.writes
    lamp.handle_command(Command(id="c3", command="off", deadline=lamp.now - 1))
    assert lamp.writes == writes, "an expired command changes nothing"
    lamp.restart()
    lamp.runner.stop()
    assert lamp.inputs == [(2, 2, ())]
    lamp.command("on", "c4")
    assert (lamp.appliance.inputs.earlier, lamp.appliance.inputs.number) == (2, 3)
