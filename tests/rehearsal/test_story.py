"""Stories: their times are local times of the house."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from daemons.rehearsal.story import ClockStep, Moment, StartMoment, Story

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_time_without_a_date_is_each_day() -> None:
    """In local time, over a change of the clocks; a time with a date is once."""
    story = Story(
        title="x", from_=StartMoment("2026-03-28 06:00"), until=StartMoment("2026-03-30 06:30")
    )  # fmt: skip
    moments = [*story.moments(Moment("06:15"), BERLIN)]
    assert [later - earlier for earlier, later in pairwise(moments)] == [82800, 86400]
    assert len([*story.moments(Moment("05:59:59"), BERLIN)]) == 2
    assert len([*story.moments(Moment("2026-03-29 06:15"), BERLIN)]) == 1
    assert [*story.moments(Moment("2026-03-31 06:15"), BERLIN)] == []


@pytest.mark.parametrize(("text", "seconds"), [("+1h", 3600), ("-90s", -90), ("+1m30s", 90)])
def test_a_clock_step_has_a_sign(text: str, seconds: float) -> None:
    """Forward or back."""
    assert ClockStep.parse(text).seconds == seconds
