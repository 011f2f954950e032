"""Downsampling: extreme values are preserved, and means are weighted by time."""

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
    """Return samples as steps."""
    return [Step.of(at, value) for at, value in found]


def known(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the last sample before the range, and the samples in it."""
    held = [sample for sample in found if sample[0] <= SINCE][-1:]
    return [*held, *(sample for sample in found if sample[0] > SINCE)]


def integral(found: list[tuple[float, float]]) -> float:
    """Return the integral over the range, in value times seconds."""
    ends = [*(at for at, _ in found[1:]), UNTIL]
    return sum(value * (to - max(at, SINCE)) for (at, value), to in zip(found, ends, strict=True))


@given(samples, st.integers(1, 100))
def test_fewer_points_keep_the_lowest_the_highest_and_the_mean(
    found: list[tuple[float, float]], most: int
) -> None:
    """With any number of points, they are in order, and keep the extremes and the mean of the range."""
    real = known(found)
    chosen = points(iter(steps(real)), SINCE, UNTIL, most)
    assert 1 <= len(chosen) <= most
    assert chosen[0][0] == max(SINCE, real[0][0])
    assert all(before[0] < after[0] for before, after in pairwise(chosen))
    assert min(point[1] for point in chosen) == min(value for _, value in real)
    assert max(point[3] for point in chosen) == max(value for _, value in real)
    assert all(low <= mean <= high for _, low, mean, high in chosen)
    means = integral([(at, mean) for at, _, mean, _ in chosen])
    assert isclose(means, integral(real), rel_tol=1e-6, abs_tol=0.001 * 3600 + 1e-3)


@given(samples)
def test_few_samples_become_one_point_each(found: list[tuple[float, float]]) -> None:
    """When there are few samples, each one is a point at its own time."""
    real = known(found)
    chosen = points(iter(steps(real)), SINCE, UNTIL, 1000)
    before = [None, *(value for _, value in real)]
    assert chosen == [
        [max(at, SINCE), value, value, value]
        for (at, value), last in zip(real, before, strict=False)
        if value != last
    ]


@given(samples)
def test_spans_tile_the_range(found: list[tuple[float, float]]) -> None:
    """Each span ends where the next one begins, and the last one ends with the range."""
    chosen = list(spans(steps(known(found)), SINCE, UNTIL))
    assert all(before.to == after.at for before, after in pairwise(chosen))
    assert chosen[-1].to == UNTIL


@given(samples, st.none() | values)
def test_folding_into_minutes_loses_no_extreme_and_no_mean(
    found: list[tuple[float, float]], before: float | None
) -> None:
    """Minutes have the same lowest, highest and mean value as their samples."""
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
def test_gathered_steps_cover_their_samples(found: list[tuple[float, float]], slots: int) -> None:
    """No step overlaps the next one, and its last value is the one after the step."""
    real = known(found)
    gathered = list(gather(steps(real), SINCE, (UNTIL - SINCE) / slots))
    assert all(before.end <= after.at for before, after in pairwise(gathered))
    for step in gathered:
        assert step.last == [value for at, value in real if max(at, SINCE) < step.end][-1]


def test_a_short_peak_in_a_long_quiet_is_seen() -> None:
    """One second at 850 W in a day at 0 W is the highest value of its slot, and barely changes the mean."""
    quiet = [(SINCE + minute * 30, float(minute % 2)) for minute in range(119)]
    chosen = points(
        iter(steps(sorted([*quiet, (SINCE + 1801, 850.0), (SINCE + 1802, 0.0)]))), SINCE, UNTIL, 10
    )
    (peak,) = [point for point in chosen if point[3] == 850]
    assert peak[2] < 5


def test_a_steady_value_is_one_point() -> None:
    """A thousand equal samples are one point."""
    same = [(SINCE + index, 5.0) for index in range(1000)]
    assert points(iter(steps(same)), SINCE, UNTIL, 100) == [[SINCE, 5.0, 5.0, 5.0]]


def test_the_value_before_a_change_counts_until_the_change() -> None:
    """1100 W for half of a slot and 0 W for the other half is a mean of 550 W, wherever the samples are."""
    found = [(SINCE - 100, 1100.0), (SINCE + 1800, 0.0)]
    assert points(iter(steps(found)), SINCE, UNTIL, 1) == [[SINCE, 0.0, 550.0, 1100.0]]


@given(
    st.lists(st.floats(SINCE - 300, UNTIL - 1), min_size=1, max_size=200, unique=True).map(sorted),
    st.integers(1, 50),
)
def test_thinning_keeps_the_first_the_last_and_the_longest(found: list[float], most: int) -> None:
    """The result is limited and in order, adds no change, and contains the longest stretch."""
    chosen = thin(found, UNTIL, most)
    assert len(chosen) <= most + 3
    assert set(chosen) <= set(found)
    assert chosen == sorted(chosen)
    assert (chosen[0], chosen[-1]) == (found[0], found[-1])
    lengths = {at: to - at for at, to in zip(found, [*found[1:], UNTIL], strict=True)}
    longest = max(found, key=lambda at: lengths[at])
    assert longest in chosen or len(found) <= most or lengths[longest] < (UNTIL - found[0]) / most


def test_a_blip_between_long_stretches_is_left_out() -> None:
    """One second of light at noon does not become an hour of light."""
    found = [SINCE + at for at in (0, 1000, 1001, 2000, 2001, 3000)]
    assert thin(found, UNTIL, 5) == [SINCE, SINCE + 1001, SINCE + 2001, SINCE + 3000]
