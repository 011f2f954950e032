"""The coffee maker, by its name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.errors import Rejected
from daemons.kinds import Reading
from daemons.kinds.coffee_maker import CoffeeMaker, Memory, Options, Start, Stop
from daemons.values import Seconds, convert

MAKER = CoffeeMaker(Options())
HEATING = MAKER.handle_command(Memory(), Start(), 1000.0)
ON, OFF = Reading(on=True, power_watts=1100.0), Reading(on=False)


def phase(memory: Memory, now: float) -> str:
    """Give the phase at a moment."""
    return MAKER.advance(memory, now).phase


def test_it_heats_brews_keeps_warm_and_goes_off() -> None:
    """One start goes through all phases, each at its time, and ends by itself."""
    moments = [1000, 1059.9, 1060, 1239.9, 1240, 2439.9, 2440, 9999]
    assert [phase(HEATING, now) for now in moments] == [
        "heating", "heating", "brewing", "brewing", "ready", "ready", "idle", "idle",
    ]  # fmt: skip


@pytest.mark.parametrize(("now", "word"), [(1030.0, "heating"), (1100.0, "brewing")])
def test_a_start_while_it_is_at_work_is_refused(now: float, word: str) -> None:
    """Who presses twice gets one pot, and is told why."""
    with pytest.raises(Rejected, match=f"it is already {word}"):
        MAKER.handle_command(MAKER.advance(HEATING, now), Start(), now)


def test_a_start_while_it_keeps_warm_makes_another_pot() -> None:
    """Ready coffee does not stand in the way of new coffee."""
    again = MAKER.handle_command(MAKER.advance(HEATING, 1300), Start(), 1300)
    assert (again.phase, again.starts) == ("heating", 2)


@pytest.mark.parametrize("now", [1000.0, 1100.0, 1300.0, 5000.0])
def test_it_can_be_stopped_whatever_it_does(now: float) -> None:
    """Stop switches it off in every phase."""
    stopped = MAKER.handle_command(MAKER.advance(HEATING, now), Stop(), now)
    assert (stopped.phase, MAKER.desired_setting(stopped).on, MAKER.next_deadline(stopped)) == (
        "idle",
        False,
        None,
    )


def test_it_is_on_in_every_phase_but_idle() -> None:
    """Its plate is on until the coffee is no longer kept warm."""
    for now, on in [(1000, True), (1100, True), (1300, True), (2440, False)]:
        assert MAKER.desired_setting(MAKER.advance(HEATING, now)).on is on


def test_it_shows_how_far_the_coffee_is() -> None:
    """Progress and remaining time go over heating and brewing together; then it is ready."""
    shown = MAKER.state(HEATING, ON, 1000)
    assert (shown.progress_percent, shown.remaining_seconds, shown.power_watts) == (0.0, 240.0, 1100.0)
    shown = MAKER.state(MAKER.advance(HEATING, 1120), ON, 1120)
    assert (shown.phase, shown.progress_percent, shown.remaining_seconds) == ("brewing", 50.0, 120.0)
    shown = MAKER.state(MAKER.advance(HEATING, 1240), ON, 1240)
    assert (shown.ready, shown.progress_percent, shown.remaining_seconds) == (True, None, None)
    assert MAKER.state(Memory(), OFF, 0).status is False


def test_a_hand_starts_and_stops_it() -> None:
    """The button at the machine does what a command does."""
    assert MAKER.adopt(Memory(), ON, 5.0).phase == "heating"
    assert MAKER.adopt(HEATING, ON, 1010.0) == HEATING
    assert MAKER.adopt(HEATING, OFF, 1010.0) == Memory(starts=1)


def test_faster_hardware_takes_less_time() -> None:
    """At fifteen times the speed, coffee takes sixteen seconds."""
    fast = CoffeeMaker(Options(), speed=15)
    heating = fast.handle_command(Memory(), Start(), 0.0)
    assert fast.advance(heating, 16.0).phase == "ready"


def test_times_longer_than_it_may_be_on_are_refused() -> None:
    """A pot that would be cut off at work is a mistake of the configuration."""
    with pytest.raises(ValueError, match="heat, brew and keep_warm together are longer than max_on allows"):
        Options(keep_warm_seconds=Seconds(3600))


durations = st.sampled_from(["0s", "1ms", "1s", "1m"])


@settings(max_examples=30)
@given(st.fixed_dictionaries({"heat": durations, "brew": durations, "keep_warm": durations}))
def test_any_times_that_are_allowed_can_be_shown(raw: dict[str, Any]) -> None:
    """Phases that take no time at all break nothing: they are refused, or shown."""
    try:
        options = convert(raw, Options)
    except msgspec.ValidationError:
        return
    maker = CoffeeMaker(options)
    heating = maker.handle_command(Memory(), Start(), 0.0)
    for now in (0.0, 0.5, 30.0, 90.0, 500.0):
        maker.state(heating, ON, now)
        maker.state(maker.advance(heating, now), ON, now)
