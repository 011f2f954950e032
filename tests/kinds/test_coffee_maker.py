"""A coffee maker: its phases, its times and its refusals."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.errors import Rejected
from daemons.kinds import Reading
from daemons.kinds.coffee_maker import CoffeeMaker, CoffeeMakerMemory, Options, Start, Stop
from daemons.values import Seconds, convert

MAKER = CoffeeMaker(Options())
HEATING = MAKER.handle_command(CoffeeMakerMemory(), Start(), 1000.0)
ON, OFF = Reading(on=True, power_watts=1100.0), Reading(on=False)


def phase(memory: CoffeeMakerMemory, now: float) -> str:
    """Return the phase at a time."""
    return MAKER.advance(memory, now).phase


def test_it_heats_brews_keeps_warm_and_goes_off() -> None:
    """One start runs through all phases, each at its time, and ends automatically."""
    moments = [1000, 1059.9, 1060, 1239.9, 1240, 2439.9, 2440, 9999]
    assert [phase(HEATING, now) for now in moments] == [
        "heating", "heating", "brewing", "brewing", "ready", "ready", "idle", "idle",
    ]  # fmt: skip


@pytest.mark.parametrize(("now", "word"), [(1030.0, "heating"), (1100.0, "brewing")])
def test_a_start_while_it_works_is_refused(now: float, word: str) -> None:
    """A second start is rejected with the reason."""
    with pytest.raises(Rejected, match=f"it is already {word}"):
        MAKER.handle_command(MAKER.advance(HEATING, now), Start(), now)


def test_a_start_while_it_keeps_warm_makes_another_pot() -> None:
    """A start while ready begins again."""
    again = MAKER.handle_command(MAKER.advance(HEATING, 1300), Start(), 1300)
    assert (again.phase, again.starts) == ("heating", 2)


@pytest.mark.parametrize("now", [1000.0, 1100.0, 1300.0, 5000.0])
def test_it_can_be_stopped_in_every_phase(now: float) -> None:
    """Stop switches it off in every phase."""
    stopped = MAKER.handle_command(MAKER.advance(HEATING, now), Stop(), now)
    assert (stopped.phase, MAKER.desired_setting(stopped).on, MAKER.next_deadline(stopped)) == (
        "idle",
        False,
        None,
    )


def test_it_is_on_in_every_phase_but_idle() -> None:
    """The plate is on until keeping warm ends."""
    for now, on in [(1000, True), (1100, True), (1300, True), (2440, False)]:
        assert MAKER.desired_setting(MAKER.advance(HEATING, now)).on is on


def test_its_state_has_progress_and_remaining_time() -> None:
    """Both count heating and brewing together; they are None when the coffee is ready."""
    shown = MAKER.state(HEATING, ON, 1000)
    assert (shown.progress_percent, shown.remaining_seconds, shown.power_watts) == (0.0, 240.0, 1100.0)
    shown = MAKER.state(MAKER.advance(HEATING, 1120), ON, 1120)
    assert (shown.phase, shown.progress_percent, shown.remaining_seconds) == ("brewing", 50.0, 120.0)
    shown = MAKER.state(MAKER.advance(HEATING, 1240), ON, 1240)
    assert (shown.ready, shown.progress_percent, shown.remaining_seconds) == (True, None, None)
    assert MAKER.state(CoffeeMakerMemory(), OFF, 0).status is False


def test_a_manual_switch_starts_and_stops_it() -> None:
    """The button of the machine has the effect of a command."""
    assert MAKER.adopt(CoffeeMakerMemory(), ON, 5.0).phase == "heating"
    assert MAKER.adopt(HEATING, ON, 1010.0) == HEATING
    assert MAKER.adopt(HEATING, OFF, 1010.0) == CoffeeMakerMemory(starts=1)


def test_faster_hardware_takes_less_time() -> None:
    """At fifteen times the speed, coffee takes sixteen seconds."""
    fast = CoffeeMaker(Options(), speed=15)
    heating = fast.handle_command(CoffeeMakerMemory(), Start(), 0.0)
    assert fast.advance(heating, 16.0).phase == "ready"


def test_times_longer_than_max_on_are_refused() -> None:
    """The phases must end before `max_on` would end them."""
    with pytest.raises(ValueError, match="heat, brew and keep_warm together are longer than max_on allows"):
        Options(keep_warm_seconds=Seconds(3600))


durations = st.sampled_from(["0s", "1ms", "1s", "1m", "30m"])


@settings(max_examples=60)
@given(st.fixed_dictionaries({"heat": durations, "brew": durations, "keep_warm": durations}))
def test_any_allowed_times_can_be_published(raw: dict[str, Any]) -> None:
    """Phases without length and more than 40 minutes in all are refused; all else is published."""
    if "0s" in (raw["heat"], raw["brew"]) or list(raw.values()).count("30m") > 1:
        with pytest.raises(msgspec.ValidationError):
            convert(raw, Options)
        return
    maker = CoffeeMaker(convert(raw, Options))
    heating = maker.handle_command(CoffeeMakerMemory(), Start(), 0.0)
    for now in (0.0, 0.5, 30.0, 90.0, 500.0):
        maker.state(heating, ON, now)
        maker.state(maker.advance(heating, now), ON, now)


def test_its_power_follows_its_phases() -> None:
    """Simulated hardware draws 1100 W for a minute, 650 W for three, and then 60 W."""
    assert MAKER.power_profile() == ((60.0, 1100.0), (180.0, 650.0), (1.0, 60.0))
    fast = CoffeeMaker(Options(), 15.0)
    assert fast.power_profile() == ((4.0, 1100.0), (12.0, 650.0), (1.0, 60.0))


def test_faster_hardware_has_the_same_progress_in_less_time() -> None:
    """At 15 times the speed, the whole work takes 16 s."""
    fast = CoffeeMaker(Options(), 15.0)
    memory = fast.handle_command(CoffeeMakerMemory(), Start(), 0.0)
    shown = fast.state(memory, ON, 0.0)
    assert (shown.progress_percent, shown.remaining_seconds) == (0.0, 16.0)
    shown = fast.state(fast.advance(memory, 8.0), ON, 8.0)
    assert (shown.progress_percent, shown.remaining_seconds) == (50.0, 8.0)
