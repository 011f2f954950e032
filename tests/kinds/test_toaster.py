"""The toaster, by its name."""

import pytest

from daemons.errors import Rejected
from daemons.kinds import Reading
from daemons.kinds.toaster import Memory, Options, Start, Stop, Toaster
from daemons.values import Seconds

TOASTER = Toaster(Options())
TOASTING = TOASTER.handle_command(Memory(), Start(), 1000.0)
ON, OFF = Reading(on=True), Reading(on=False)


def test_it_toasts_pops_and_forgets_the_toast() -> None:
    """Level 3 takes two minutes; then the toast is fresh for ten, and the toaster is off."""
    for now, phase, on in [(1119.9, "toasting", True), (1120, "ready", False), (1720, "idle", False)]:
        memory = TOASTER.advance(TOASTING, now)
        assert (memory.phase, TOASTER.desired_setting(memory).on) == (phase, on)


def test_a_browner_toast_takes_longer() -> None:
    """Each level takes forty seconds."""
    assert TOASTER.handle_command(Memory(), Start(browning=1), 0.0).until == 40
    assert TOASTER.handle_command(Memory(), Start(browning=7), 0.0).until == 280


def test_a_start_while_it_toasts_is_refused() -> None:
    """Who presses twice gets toast once, and is told why."""
    with pytest.raises(Rejected, match="it is already toasting"):
        TOASTER.handle_command(TOASTING, Start(), 1010.0)


def test_a_start_with_ready_toast_makes_more() -> None:
    """Toast that nobody took does not stand in the way."""
    again = TOASTER.handle_command(TOASTER.advance(TOASTING, 1200), Start(), 1200)
    assert (again.phase, again.starts) == ("toasting", 2)


def test_stopping_pops_it() -> None:
    """Stop ends it at once, without ready toast."""
    popped = TOASTER.handle_command(TOASTING, Stop(), 1010.0)
    assert (popped, TOASTER.next_deadline(popped)) == (Memory(starts=1), None)


def test_a_level_that_would_be_cut_off_is_refused() -> None:
    """What takes longer than it may be on is refused, in the configuration and in a command."""
    with pytest.raises(ValueError, match="browning 5 takes longer than max_on allows"):
        Options(browning=5, max_on_seconds=Seconds(180))
    short = Toaster(Options(max_on_seconds=Seconds(180)))
    with pytest.raises(Rejected, match="browning 5 takes longer than max_on allows"):
        short.handle_command(Memory(), Start(browning=5), 0.0)


def test_it_shows_how_far_the_toast_is() -> None:
    """Progress and remaining time are shown while it toasts, then that it is ready."""
    shown = TOASTER.state(TOASTING, ON, 1030.0)
    assert (shown.progress_percent, shown.remaining_seconds, shown.ready) == (25.0, 90.0, False)
    shown = TOASTER.state(TOASTER.advance(TOASTING, 1120.0), OFF, 1120.0)
    assert (shown.progress_percent, shown.remaining_seconds, shown.ready) == (None, None, True)
    assert shown.status is False


@pytest.mark.parametrize("speed", [1.0, 100.0, 700.0, 10_000.0])
def test_progress_begins_at_nothing_at_any_speed(speed: float) -> None:
    """However fast the hardware is, progress is never below 0 or above 100."""
    fast = Toaster(Options(browning=1), speed)
    toasting = fast.handle_command(Memory(), Start(), 1000.0)
    assert toasting.until is not None
    for part in (0.0, 0.2, 0.9, 1.0, 2.0):
        percent = fast.state(toasting, ON, 1000.0 + part * (toasting.until - 1000.0)).progress_percent
        assert percent is not None
        assert 0 <= percent <= 100


def test_a_hand_pushes_and_pops_the_lever() -> None:
    """The lever starts the usual level; popping it early leaves nothing ready."""
    pushed = TOASTER.adopt(Memory(), ON, 50.0)
    assert (pushed.phase, pushed.until) == ("toasting", 170.0)
    assert TOASTER.adopt(pushed, ON, 60.0) == pushed
    assert TOASTER.adopt(pushed, OFF, 60.0) == Memory(starts=1)
    ready = TOASTER.advance(TOASTING, 1130.0)
    assert TOASTER.adopt(ready, OFF, 1140.0) == ready
