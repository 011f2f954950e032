"""Steps of the wall clock are noticed, and nothing else is taken for one."""

import pytest

from daemons.processes.recorder.clock_steps import ClockSteps


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.0, -0.6, 1e9])
def test_a_step_is_noticed_once(step: float) -> None:
    """The result is by how much the clock was set."""
    clock = ClockSteps()
    found = [clock.measure(at, 1e9 + at + (step if at >= 3 else 0), at) for at in range(6)]
    assert found == [None, None, None, pytest.approx(step), None, None]


def test_a_slow_correction_is_no_step() -> None:
    """A time server may let the clock run faster for a day, also by minutes in the end."""
    clock = ClockSteps()
    assert not any(clock.measure(at, 1e9 + at * 1.0005, at) for at in range(100_000))


def test_a_measurement_during_which_the_process_was_held_up_does_not_count() -> None:
    """It is not known when the wall clock was read. A step meanwhile is found by the next measurement."""
    clock = ClockSteps()
    assert clock.measure(0.0, 1e9, 0.0) is None
    assert clock.measure(1.0, 1e9 + 61, 31.0) is None
    assert clock.measure(32.0, 1e9 + 32, 32.0) is None
    assert clock.measure(33.0, 1e9 + 133, 63.0) is None
    assert clock.measure(64.0, 1e9 + 164, 64.0) == pytest.approx(100.0)


def test_a_suspended_machine_is_no_step() -> None:
    """The steady clock goes on while the machine sleeps."""
    clock = ClockSteps()
    clock.measure(0.0, 1e9, 0.0)
    assert clock.measure(30_000.0, 1e9 + 30_000, 30_000.0) is None
