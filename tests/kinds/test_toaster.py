"""A toaster: its phases, its times and its refusals."""

import pytest

from daemons.errors import Rejected
from daemons.kinds import Reading
from daemons.kinds.toaster import Options, Start, Stop, Toaster, ToasterMemory
from daemons.values import Seconds

TOASTER = Toaster(Options())
TOASTING = TOASTER.handle_command(ToasterMemory(), Start(), 1000.0)
ON, OFF = Reading(on=True), Reading(on=False)


def test_it_toasts_pops_and_returns_to_idle() -> None:
    """Level 3 takes two minutes; the toast is then ready for ten, and the toaster is off."""
    for now, phase, on in [(1119.9, "toasting", True), (1120, "ready", False), (1720, "idle", False)]:
        memory = TOASTER.advance(TOASTING, now)
        assert (memory.phase, TOASTER.desired_setting(memory).on) == (phase, on)


def test_a_browner_toast_takes_longer() -> None:
    """Each level takes forty seconds."""
    assert TOASTER.handle_command(ToasterMemory(), Start(browning=1), 0.0).until == 40
    assert TOASTER.handle_command(ToasterMemory(), Start(browning=7), 0.0).until == 280


def test_a_start_while_it_toasts_is_refused() -> None:
    """A second start is rejected with the reason."""
    with pytest.raises(Rejected, match="it is already toasting"):
        TOASTER.handle_command(TOASTING, Start(), 1010.0)


def test_a_start_with_ready_toast_makes_more() -> None:
    """Toast that is still in the toaster does not prevent a start."""
    again = TOASTER.handle_command(TOASTER.advance(TOASTING, 1200), Start(), 1200)
    assert (again.phase, again.starts) == ("toasting", 2)


def test_stopping_it_ejects_the_toast() -> None:
    """Stop ends the work at once, and no toast is ready."""
    popped = TOASTER.handle_command(TOASTING, Stop(), 1010.0)
    assert (popped, TOASTER.next_deadline(popped)) == (ToasterMemory(starts=1), None)


def test_a_level_that_would_be_cut_off_is_refused() -> None:
    """A level that takes longer than `max_on` is refused in the configuration and in a command."""
    with pytest.raises(ValueError, match="browning 5 takes longer than max_on allows"):
        Options(browning=5, max_on_seconds=Seconds(180))
    short = Toaster(Options(max_on_seconds=Seconds(180)))
    with pytest.raises(Rejected, match="browning 5 takes longer than max_on allows"):
        short.handle_command(ToasterMemory(), Start(browning=5), 0.0)


def test_its_state_has_progress_and_remaining_time() -> None:
    """Both are numbers while the toaster works, and None when the toast is ready."""
    shown = TOASTER.state(TOASTING, ON, 1030.0)
    assert (shown.progress_percent, shown.remaining_seconds, shown.ready) == (25.0, 90.0, False)
    shown = TOASTER.state(TOASTER.advance(TOASTING, 1120.0), OFF, 1120.0)
    assert (shown.progress_percent, shown.remaining_seconds, shown.ready) == (None, None, True)
    assert shown.status is False


@pytest.mark.parametrize("speed", [1.0, 100.0, 700.0, 10_000.0])
def test_progress_begins_at_nothing_at_any_speed(speed: float) -> None:
    """Progress is never below 0 or above 100, at any speed of the hardware."""
    fast = Toaster(Options(browning=1), speed)
    toasting = fast.handle_command(ToasterMemory(), Start(), 1000.0)
    assert toasting.until is not None
    for part in (0.0, 0.2, 0.9, 1.0, 2.0):
        percent = fast.state(toasting, ON, 1000.0 + part * (toasting.until - 1000.0)).progress_percent
        assert percent is not None
        assert 0 <= percent <= 100


def test_the_lever_starts_and_stops_it() -> None:
    """The lever starts the usual level; an early end leaves no ready toast."""
    pushed = TOASTER.adopt(ToasterMemory(), ON, 50.0)
    assert (pushed.phase, pushed.until) == ("toasting", 170.0)
    assert TOASTER.adopt(pushed, ON, 60.0) == pushed
    assert TOASTER.adopt(pushed, OFF, 60.0) == ToasterMemory(starts=1)
    ready = TOASTER.advance(TOASTING, 1130.0)
    assert TOASTER.adopt(ready, OFF, 1140.0) == ready


def test_a_level_that_takes_just_as_long_as_max_on_is_allowed() -> None:
    """Level 5 takes 200 s."""
    short = Toaster(Options(max_on_seconds=Seconds(200)))
    assert short.handle_command(ToasterMemory(), Start(browning=5), 0.0).until == 200


def test_the_remaining_time_is_rounded_to_a_tenth() -> None:
    """A clock that went back does not make it longer than the whole toast."""
    assert TOASTER.state(TOASTING, ON, 1030.04).remaining_seconds == 90.0
    shown = TOASTER.state(TOASTING, ON, 990.0)
    assert (shown.progress_percent, shown.remaining_seconds) == (0.0, 120.0)
    assert TOASTER.state(TOASTING, ON, 1000.36).progress_percent == 0.3


def test_its_power_is_constant() -> None:
    """Simulated hardware draws 850 W."""
    assert TOASTER.power_profile() == ((1.0, 850.0),)
