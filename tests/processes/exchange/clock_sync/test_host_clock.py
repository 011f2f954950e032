"""The clock of another host: its times are converted by its offset, and corrected after a step."""

import math

import pytest

from daemons.errors import MessageError
from daemons.processes.exchange.clock_sync.host_clock import HostClock


def clock_ahead(seconds: float) -> HostClock:
    """Return a clock that showed `seconds` at 10 steady seconds of this machine."""
    clock = HostClock()
    clock.update(10, seconds, 10)
    return clock


def test_a_time_is_converted_by_its_age() -> None:
    """A moment five seconds before the other clock's now is five seconds before this clock's now."""
    clock = clock_ahead(1000)
    assert clock.remote_now(12) == 1002
    assert clock.to_local(997, steady=12, wall=50_000) == 49_995


def test_a_time_before_1970_becomes_zero() -> None:
    """No message may carry a negative time."""
    assert clock_ahead(1000).to_local(997, steady=12, wall=3) == 0.0


def test_a_time_of_an_earlier_period_is_corrected_first() -> None:
    """The other clock was 900 s slow when it wrote the time."""
    clock = clock_ahead(1000)
    clock.set_periods([{"begin": 50, "end": 95, "ahead": -900}])
    assert clock.to_local(90, steady=12, wall=50_000) == 49_988
    assert clock.to_local(997, steady=12, wall=50_000) == 49_995


@pytest.mark.parametrize("malformed", [None, [{}], [{"begin": 1, "end": 2, "ahead": 3}] * 9])
def test_malformed_periods_change_nothing(malformed: object) -> None:
    """Those of the reply before remain."""
    clock = clock_ahead(1000)
    clock.set_periods([{"begin": 50, "end": 95, "ahead": -900}])
    with pytest.raises(MessageError):
        clock.set_periods(malformed)
    assert clock.to_local(90, steady=12, wall=50_000) == 49_988


def test_before_the_first_reply_the_age_is_infinite() -> None:
    """The link therefore asks for the time before it converts the first one."""
    assert HostClock().age_seconds(5) == math.inf
    assert clock_ahead(1000).age_seconds(15) == 5
