"""The reason and the origin of each state: what led to it, and where the chain began."""

from typing import Any

import pytest
from msgspec.structs import replace

from daemons.bus.message import Command, Moment
from daemons.bus.origin import Origin, Reason
from daemons.kinds import ButtonPress, Reading
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

NOW = factories.START_TIME
PRESS: dict[str, Any] = {"device": "switch", "turns": {"status": True}}
CHAIN = Origin("p1", NOW + 1, "press", "switch")


def published(simulator: CrashSimulator) -> tuple[Reason | None, Origin | None]:
    """Return the reason and the origin of the published state."""
    return simulator.appliance.published_reason


def test_a_command_is_an_origin_with_its_sender() -> None:
    """The chain begins with the command, at the device."""
    lamp = CrashSimulator("lamp")
    command = Command(id="c7", command="on", deadline=lamp.now + 5, who="page")
    lamp.handle_command(command)
    assert published(lamp) == (Reason("command", "page"), Origin("c7", NOW, "command", "lamp", "page"))


def test_a_hand_at_the_hardware_is_an_origin() -> None:
    """Each switch by hand begins a chain of its own."""
    lamp = CrashSimulator("lamp")
    origins = []
    for on in (True, False):
        lamp.now += 1
        lamp.relay.switch_manually(on, lamp.now)
        lamp.poll()
        reason, origin = published(lamp)
        assert reason == Reason("hand")
        assert origin is not None
        assert (origin.by, origin.device, origin.at) == ("hand", "lamp", lamp.now)
        origins.append(origin.id)
    assert len(set(origins)) == 2


def test_a_press_of_its_own_button_is_an_origin() -> None:
    """The id of the chain is the id of the press."""
    switch = CrashSimulator("light_switch")
    switch.now += 1
    switch.on_reading(Reading(on=False, presses=(ButtonPress("single", "b1"),)))
    expected = Origin("b1", NOW + 1, "press", "light_switch")
    assert published(switch) == (Reason("press"), expected)


def test_a_rule_hands_the_origin_on() -> None:
    """The reason is the second rule, which heard the switch; the chain began at its button."""
    lamp = CrashSimulator("lamp", when=[{**PRESS, "device": "other", "do": "off"}, {**PRESS, "do": "on"}])
    lamp.now += 1
    press = factories.state(status=True, turned=NOW + 1, cause="p1")
    lamp.on_state(replace(press, origin=CHAIN))
    assert published(lamp) == (Reason("rule", "switch", 2, NOW + 1), CHAIN)


def test_a_program_that_names_no_cause_begins_a_chain() -> None:
    """The appliance that follows has a cause all the same, so the mirror counts it as started."""
    toaster = CrashSimulator("toaster", when=[{**PRESS, "do": "start"}])
    toaster.now += 2
    toaster.on_state(factories.state(status=True, turned=NOW + 1, cause=None))
    reason, origin = published(toaster)
    assert reason == Reason("rule", "switch", 1, NOW + 1)
    assert origin is not None
    assert (origin.by, origin.device, origin.at) == ("program", "switch", NOW + 1)
    assert toaster.appliance.memory.cause == origin.id


def test_a_measurement_begins_a_chain_at_its_device() -> None:
    """A limit that is crossed has no press before it."""
    rule = {"device": "room", "above": {"celsius": 25}, "do": "on"}
    lamp = CrashSimulator("lamp", when=[rule])
    lamp.on_state(factories.state("room", celsius=20.0))
    lamp.now += 1
    lamp.on_state(factories.state("room", seq=2, celsius=30.0))
    reason, origin = published(lamp)
    assert reason == Reason("rule", "room", 1, lamp.now)
    assert origin is not None
    assert (origin.by, origin.device, origin.at) == ("sensor", "room", lamp.now)


def test_a_time_of_day_begins_a_chain() -> None:
    """All devices that act on the moment have the same origin."""
    lamp = CrashSimulator("lamp", when=[{"at": "00:00", "do": "on"}])
    lamp.now = NOW - NOW % 86400 + 86400 + 1
    lamp.poll()
    midnight = lamp.now - 1
    reason, origin = published(lamp)
    assert reason == Reason("clock", None, 1, midnight)
    assert origin == Origin(f"{int(midnight):010x}", midnight, "clock")


def test_a_time_limit_is_an_origin() -> None:
    """Neither the command before it nor a person has switched the plug off."""
    plug = CrashSimulator("plug", max_on="10s")
    plug.command("on")
    plug.wait(11)
    reason, origin = published(plug)
    assert reason == Reason("limit", "max_on")
    assert origin is not None
    assert origin.by == "limit"


def test_time_keeps_the_reason_of_what_began() -> None:
    """A toast that is ready has the same origin as the toast that was begun, also after a kill."""
    toaster = CrashSimulator("toaster", when=[{**PRESS, "do": "start"}])
    toaster.now += 1
    toaster.on_state(replace(factories.state(status=True, turned=NOW + 1, cause="p1"), origin=CHAIN))
    toaster.restart()
    toaster.wait(300)
    assert toaster.field("phase") == "ready"
    assert published(toaster) == (Reason("rule", "switch", 1, NOW + 1), CHAIN)


def test_the_past_states_keep_their_origins() -> None:
    """Each state before names what led to it."""
    lamp = CrashSimulator("lamp")
    for number, word in enumerate(("on", "off", "on"), 1):
        lamp.now += 1
        lamp.command(word, f"c{number}")
    found = [moment.origin.id if moment.origin else None for moment in lamp.appliance.memory.past]
    assert found == [None, "c1", "c2"]


def test_a_rule_with_a_delay_begins_a_chain_that_keeps_its_beginning() -> None:
    """It began later than the press, so that devices that follow each other act on it."""
    lamp = CrashSimulator("lamp", when=[{**PRESS, "do": "on", "delay": "10s"}])
    lamp.now += 1
    lamp.on_state(replace(factories.state(status=True, turned=NOW + 1, cause="p1"), origin=CHAIN))
    lamp.wait(11)
    reason, origin = published(lamp)
    assert reason == Reason("rule", "switch", 1, NOW + 1)
    assert origin == Origin("p1+", NOW + 11, "press", "switch")


@pytest.mark.parametrize(
    ("by", "is_on"),
    [
        ("rule", True),
        ("rule:switch", True),
        ("rule:other", False),
        ("command", False),
        (["hand", "rule"], True),
    ],
)
def test_a_condition_asks_what_led_to_a_state(by: Any, is_on: bool) -> None:
    """The lamp goes on only if the hall was switched as the condition says."""
    condition = {"device": "hall", "is": {"status": True}, "by": by}
    lamp = CrashSimulator("lamp", when=[{**PRESS, "do": "on", "only_if": [condition]}])
    lamp.now += 2
    hall = factories.state("hall", status=True)
    lamp.on_state(replace(hall, reason=Reason("rule", "switch", 1)))
    lamp.on_state(factories.state(status=True, turned=NOW + 2))
    assert lamp.field("status") is is_on


def test_a_device_asks_what_led_to_its_own_state() -> None:
    """What a rule has switched on goes off; what a person has switched on stays on."""
    rules = [
        {**PRESS, "do": "on"},
        {
            "device": "switch",
            "turns": {"status": False},
            "do": "off",
            "only_if": [{"device": "lamp", "by": "rule"}],
        },
    ]
    for is_by_hand in (False, True):
        lamp = CrashSimulator("lamp", when=rules)
        lamp.now += 1
        if is_by_hand:
            lamp.command("on")
        else:
            lamp.on_state(factories.state(status=True, turned=lamp.now))
        lamp.now += 1
        past = (Moment(state={"status": True}, turned={"status": NOW}),)
        lamp.on_state(replace(factories.state(seq=2, status=False, turned=lamp.now), past=past))
        assert lamp.field("status") is is_by_hand
