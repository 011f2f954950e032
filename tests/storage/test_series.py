"""A quantity told in fewer words: nothing low or high is lost, and the means weigh by time."""

from itertools import pairwise
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from daemons.storage.series import Step, fold, gather, points, spans, thin

SINCE, UNTIL = 1_000_000_000.0, 1_000_003_600.0
moments = st.floats(SINCE - 300, UNTIL - 0.001).map(lambda at: round(at, 3))
values = st.floats(-1000, 1000).map(lambda value: round(value, 2))
samples = st.dictionaries(moments, values, min_size=1, max_size=60).map(lambda found: sorted(found.items()))


def steps(found: list[tuple[float, float]]) -> list[Step]:
    """Give samples as steps."""
    return [Step.of(at, value) for at, value in found]


def known(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Give what held in the range: the last sample before it, and those in it."""
    held = [sample for sample in found if sample[0] <= SINCE][-1:]
    return [*held, *(sample for sample in found if sample[0] > SINCE)]


def integral(found: list[tuple[float, float]]) -> float:
    """Give value times seconds over the range, of samples that hold."""
    ends = [*(at for at, _ in found[1:]), UNTIL]
    return sum(value * (to - max(at, SINCE)) for (at, value), to in zip(found, ends, strict=True))


@given(samples, st.integers(1, 100))
def test_fewer_points_keep_the_lowest_the_highest_and_the_mean(
    found: list[tuple[float, float]], most: int
) -> None:
    """However few points there are: none out of order, low, high and the mean over all of it are kept."""
    real = known(found)
    told = points(iter(steps(real)), SINCE, UNTIL, most)
    assert 1 <= len(told) <= most
    assert told[0][0] == max(SINCE, real[0][0])
    assert all(before[0] < after[0] for before, after in pairwise(told))
    assert min(point[1] for point in told) == min(value for _, value in real)
    assert max(point[3] for point in told) == max(value for _, value in real)
    assert all(low <= mean <= high for _, low, mean, high in told)
    means = integral([(at, mean) for at, _, mean, _ in told])
    assert isclose(means, integral(real), rel_tol=1e-6, abs_tol=0.001 * 3600 + 1e-3)


@given(samples)
def test_few_samples_are_told_as_they_were(found: list[tuple[float, float]]) -> None:
    """Where there is room for all, each is a point of its own, at its own moment."""
    real = known(found)
    told = points(iter(steps(real)), SINCE, UNTIL, 1000)
    before = [None, *(value for _, value in real)]
    assert told == [
        [max(at, SINCE), value, value, value]
        for (at, value), last in zip(real, before, strict=False)
        if value != last
    ]


@given(samples)
def test_spans_tile_the_range(found: list[tuple[float, float]]) -> None:
    """Each ends where the next begins, and the last at the end of the range."""
    told = list(spans(steps(known(found)), SINCE, UNTIL))
    assert all(before.to == after.at for before, after in pairwise(told))
    assert told[-1].to == UNTIL


@given(samples, st.none() | values)
def test_folding_into_minutes_loses_no_extreme_and_no_mean(
    found: list[tuple[float, float]], before: float | None
) -> None:
    """Minutes tell the same lowest, highest and mean as the samples that they stand for."""
    end = max(at for at, _ in found) // 60 * 60 + 60
    begin = found[0][0] // 60 * 60
    whole = [(begin, before), *found] if before is not None and found[0][0] > begin else found
    folded = list(fold(found, before))
    assert min(step.low for step in folded) == min(value for _, value in whole)
    assert max(step.high for step in folded) == max(value for _, value in whole)
    assert folded[-1].last == found[-1][1]
    assert all(step.end % 60 == 0 for step in folded)
    area = sum(span.mean * (span.to - span.at) for span in spans(folded, begin, end))
    real = sum(span.mean * (span.to - span.at) for span in spans(steps(whole), begin, end))
    assert isclose(area, real, rel_tol=1e-6, abs_tol=0.001 * (end - begin) + 1e-3)


@given(samples, st.integers(1, 50))
def test_gathered_steps_cover_what_they_stand_for(found: list[tuple[float, float]], slots: int) -> None:
    """No step reaches into the next, and the last value of each is the one that held after it."""
    real = known(found)
    gathered = list(gather(steps(real), SINCE, (UNTIL - SINCE) / slots))
    assert all(before.end <= after.at for before, after in pairwise(gathered))
    for step in gathered:
        assert step.last == [value for at, value in real if max(at, SINCE) < step.end][-1]


def test_a_short_peak_in_a_long_quiet_is_seen() -> None:
    """A second at 850 W in a day of nothing is the highest of its slot, and hardly moves its mean."""
    quiet = [(SINCE + minute * 30, float(minute % 2)) for minute in range(119)]
    told = points(iter(steps(sorted([*quiet, (SINCE + 1801, 850.0), (SINCE + 1802, 0.0)]))), SINCE, UNTIL, 10)
    (peak,) = [point for point in told if point[3] == 850]
    assert peak[2] < 5


def test_a_steady_value_is_told_once() -> None:
    """A thousand samples that say the same are one point."""
    same = [(SINCE + index, 5.0) for index in range(1000)]
    assert points(iter(steps(same)), SINCE, UNTIL, 100) == [[SINCE, 5.0, 5.0, 5.0]]


def test_what_held_before_a_change_counts_until_it() -> None:
    """1100 W for half of a slot and nothing for the other half is 550 W, wherever the samples lie."""
    found = [(SINCE - 100, 1100.0), (SINCE + 1800, 0.0)]
    assert points(iter(steps(found)), SINCE, UNTIL, 1) == [[SINCE, 0.0, 550.0, 1100.0]]


@given(
    st.lists(st.floats(SINCE - 300, UNTIL - 1), min_size=1, max_size=200, unique=True).map(sorted),
    st.integers(1, 50),
)
def test_thinning_keeps_the_first_the_last_and_the_longest(found: list[float], most: int) -> None:
    """Bounded, in order, and no change is made up; what lasted longest is always told."""
    told = thin(found, UNTIL, most)
    assert len(told) <= most + 3
    assert set(told) <= set(found)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (found[0], found[-1])
    lengths = {at: to - at for at, to in zip(found, [*found[1:], UNTIL], strict=True)}
    longest = max(found, key=lambda at: lengths[at])
    assert longest in told or len(found) <= most or lengths[longest] < (UNTIL - found[0]) / most


def test_a_blip_between_long_stretches_is_left_out() -> None:
    """A second of light at noon does not become an hour of it."""
    found = [SINCE + at for at in (0, 1000, 1001, 2000, 2001, 3000)]
    assert thin(found, UNTIL, 5) == [SINCE, SINCE + 1001, SINCE + 2001, SINCE + 3000]
