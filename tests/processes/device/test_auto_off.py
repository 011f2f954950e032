"""`off_after`: a device goes off by itself some time after each switching on."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.bus.origin import Reason
from daemons.kinds import Reading
from tests.support.crash_simulator import CrashSimulator

SECONDS = 300.0


def lamp(**table: Any) -> CrashSimulator:
    """Return a lamp that goes off after five minutes."""
    return CrashSimulator("lamp", off_after="5m", **table)


@pytest.mark.parametrize("how", ["command", "hand"])
def test_it_goes_off_by_itself(how: str) -> None:
    """After a command, and after a switch by hand; the reason is the time limit."""
    simulator = lamp()
    if how == "command":
        simulator.command("on")
    else:
        simulator.relay.switch_manually(True, simulator.now)
        simulator.poll()
    simulator.wait(SECONDS - 1)
    assert simulator.relay.is_on
    simulator.wait(2)
    assert not simulator.relay.is_on
    assert simulator.appliance.published_reason[0] == Reason("limit", "off_after")
    assert simulator.appliance.memory.cause == "off_after"


def test_the_hardware_gets_its_own_timer() -> None:
    """A lamp whose process dies goes off all the same."""
    simulator = lamp()
    simulator.command("on")
    assert simulator.relay.off_at == simulator.now + SECONDS
    simulator.running = None
    simulator.now += SECONDS + 1
    assert simulator.relay.read(simulator.now).on is False


def test_a_timer_of_the_hardware_that_ends_first_is_no_hand() -> None:
    """The hardware goes off a moment before the deadline of the process."""
    simulator = lamp()
    simulator.command("on")
    simulator.wait(SECONDS - 0.5)
    simulator.relay.switch_manually(False, simulator.now)
    simulator.poll()
    assert simulator.appliance.published_reason[0] == Reason("limit", "off_after")


def test_on_for_a_lamp_that_is_on_begins_the_time_anew() -> None:
    """As people know it from staircases; the hardware's own timer begins anew too, and over a kill."""
    simulator = lamp()
    simulator.command("on", "c1")
    simulator.wait(200)
    simulator.command("on", "c2")
    assert simulator.relay.off_at == simulator.now + SECONDS
    simulator.restart()
    simulator.wait(SECONDS - 1)
    assert simulator.relay.is_on
    simulator.wait(2)
    assert not simulator.relay.is_on


def test_dimming_by_hand_does_not_begin_the_time_anew() -> None:
    """Only a command does, or a switch from off to on."""
    simulator = lamp()
    simulator.command("on", "c1")
    simulator.wait(200)
    simulator.relay.brightness_percent = 20
    simulator.on_reading(Reading(on=True, brightness_percent=20))
    simulator.wait(101)
    assert not simulator.relay.is_on


def test_a_time_that_passed_while_the_process_was_dead_ends_at_its_start() -> None:
    """The relay has lost its timer meanwhile; the next process switches it off at once."""
    simulator = lamp()
    simulator.command("on")
    simulator.relay.off_at = None
    simulator.now += SECONDS + 50
    simulator.restart()
    simulator.process.run_due()
    assert not simulator.relay.is_on


def test_a_plug_has_the_shorter_of_its_two_limits() -> None:
    """`max_on` is the limit for heat; it is never lengthened by a new command."""
    simulator = CrashSimulator("plug", off_after="5m", max_on="6m")
    simulator.command("on", "c1")
    simulator.wait(200)
    simulator.command("on", "c2")
    assert simulator.relay.off_at == simulator.now + 160
    simulator.wait(161)
    assert not simulator.relay.is_on
    assert simulator.appliance.memory.cause == "max_on"


steps = st.lists(
    st.tuples(
        st.sampled_from(["on", "off", "toggle", "hand on", "hand off", "kill", "away", "wait"]),
        st.floats(0, 400),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_it_is_never_on_for_longer_than_since_the_last_reason(script: list[tuple[str, float]]) -> None:
    """Each on begins five minutes; kills and absences change nothing, for the relay has a timer too."""
    simulator = lamp()
    off_at: float | None = None
    for number, (what, seconds) in enumerate(script):
        now = simulator.now
        was_on = simulator.relay.read(now).on
        if what.startswith("hand"):
            simulator.relay.switch_manually(what == "hand on", now)
            simulator.poll()
            off_at = (off_at if was_on else now + SECONDS) if what == "hand on" else None
        elif what in ("on", "off", "toggle"):
            simulator.poll()
            simulator.command(what, f"c{number}")
            is_on = what == "on" or (what == "toggle" and not was_on)
            off_at = now + SECONDS if is_on else None
        elif what == "kill":
            simulator.restart()
            simulator.process.run_due()
        if what == "away":
            simulator.now += seconds
            simulator.restart()
            simulator.process.run_due()
        else:
            simulator.wait(seconds)
        if off_at is not None and simulator.now >= off_at:
            off_at = None
        assert simulator.relay.read(simulator.now).on is (off_at is not None)
