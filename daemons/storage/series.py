"""Downsampling of a time series. Pure. Between two samples the earlier value holds.

The lowest and the highest value are always kept, and every mean is weighted by time: if a toaster
drew 850 W for a tenth of a span, these 850 W count for a tenth.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice, pairwise
from math import inf
from typing import NamedTuple

MINUTE_SECONDS = 60
SETTLE_SECONDS = 2.0
"""Within so much time a device that is heard again has published its values, and they are recorded."""


class Step(NamedTuple):
    """All samples from `at` to `end`, folded into one, and the value that holds from `end` on.

    Times are Unix seconds. A single sample is a step that ends where it begins.
    """

    at: float
    end: float
    low: float
    mean: float
    high: float
    last: float

    @classmethod
    def of(cls, at: float, value: float) -> "Step":
        """Return one sample as a step."""
        return cls(at, at, value, value, value, value)


Six = tuple[float, float, float, float, float, float]
"""A step as SQLite returns it: a day has 86,400 of them, and attribute access would cost time."""


class Span(NamedTuple):
    """A span of time (Unix seconds), and the lowest, mean and highest value in it."""

    at: float
    to: float
    low: float
    mean: float
    high: float


def minute_of(at: float) -> float:
    """Return the start of the minute that contains a time (Unix seconds)."""
    return at - at % MINUTE_SECONDS


def fold(samples: list[tuple[float, float]], before: float | None) -> Iterator[Step]:
    """Fold samples (time, value) into minutes; `before` is the value that held until the first sample.

    A minute without a sample is left out: the last value of the minute before it still holds.
    """
    for begin, inside in groupby(samples, key=lambda sample: minute_of(sample[0])):
        steps = [Step.of(at, value) for at, value in inside]
        if before is not None and steps[0].at > begin:
            steps.insert(0, Step.of(begin, before))
        end, before = begin + MINUTE_SECONDS, steps[-1].last
        yield Step(steps[0].at, end, *summary(list(spans(steps, begin, end))), before)


def spans(steps: Iterable[Six], since: float, until: float) -> Iterator[Span]:
    """Yield the spans that ordered steps form within a range; each one ends where the next one begins."""
    for step, following in pairwise(chain(steps, (Step.of(until, 0.0),))):
        at, end, low, mean, high, last = step
        limit = min(following[0], until)
        turn = min(end, limit)
        if (begin := max(at, since)) < turn:
            yield Span(begin, turn, low, mean, high)
        if (begin := max(at, end, since)) < limit:
            yield Span(begin, limit, last, last, last)


def summary(parts: list[Span]) -> tuple[float, float, float]:
    """Return the lowest, the mean and the highest value of some spans."""
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    if low == high:
        return low, low, high
    mean = sum(part.mean * (part.to - part.at) for part in parts) / sum(part.to - part.at for part in parts)
    return low, min(max(round(mean, 3), low), high), high


def gather(steps: Iterable[Six], since: float, width: float) -> Iterator[Step]:
    """Fold steps into one for each slot of `width` seconds; a bare loop, for a day has 86,400 steps."""
    edge = start = stop = low = high = last = total = -inf
    for at, end, least, mean, most, final in chain(steps, (Step.of(inf, 0.0),)):
        if at < since:
            at, end = since, max(end, since)  # noqa: PLW2901
        if at >= edge:
            if start > -inf:
                whole = max(edge, stop)
                total += last * (whole - stop)
                yield Step(start, whole, low, min(max(total / (whole - start), low), high), high, last)
            if at == inf:
                return
            edge = since + (int((at - since) / width) + 1) * width
            edge = edge if edge > at else edge + width  # rounding may have put it before `at`
            start, low, high, total = at, least, most, 0.0
        else:
            total += last * (at - stop)
            if least < low:  # noqa: PLR1730  twice as fast as min
                low = least
            if most > high:  # noqa: PLR1730
                high = most
        total += mean * (end - at)
        stop, last = end, final


def settled(steps: Iterable[Six], begin: float) -> Iterator[Six]:
    """Yield the steps of a known time that follows an unknown one.

    The value from before does not count if another one comes at once: its device was heard again.
    """
    rows = iter(steps)
    first = list(islice(rows, 2))
    if len(first) == 2 and first[0][0] <= begin and first[1][0] - begin <= SETTLE_SECONDS:  # noqa: PLR2004
        del first[0]
    return chain(first, rows)


def points(steps: Iterator[Six], since: float, until: float, most: int) -> list[list[float]]:
    """Return [time, low, mean, high] of each span; with more than `most` spans, of each slot instead."""
    width = (until - since) / most
    first = list(islice(steps, most + 1))
    few = first if len(first) <= most else gather(chain(first, steps), since, width)
    found = list(spans(few, since, until))
    chosen: list[list[float]] = []
    for at, parts in (
        slots(found, since, width) if len(found) > most else ((span.at, [span]) for span in found)
    ):
        point = [at, *summary(parts)]
        if not chosen or point[1:] != chosen[-1][1:] or point[1] != point[3]:  # a steady value: one point
            chosen.append(point)
    return chosen


def slots(found: Iterable[Span], since: float, width: float) -> Iterator[tuple[float, list[Span]]]:
    """Cut spans at the borders of slots of `width` seconds; yield the start and the parts of each slot."""
    number, parts = 0, list[Span]()
    for span in found:
        at = span.at
        while at < span.to:
            slot = max(number, int((at - since) / width))
            if slot > number and parts:
                yield parts[0].at, parts
                parts = []
            number = slot
            to = min(span.to, max(since + (slot + 1) * width, at))
            if to <= at:  # rounding has put the border before `at`
                number += 1
                if parts:
                    yield parts[0].at, parts
                    parts = []
                continue
            parts.append(span._replace(at=at, to=to))
            at = to
    if parts:
        yield parts[0].at, parts


def thin(times: list[float], until: float, most: int) -> list[float]:
    """Return about `most` of the given change times: the changes that lasted shortest are left out.

    Each remaining change covers the time until the next remaining one. Of many short changes in a
    row, one remains for each part of the range. The latest change always remains.
    """
    if len(times) <= most:
        return times
    least = (until - times[0]) / most
    chosen, ended = [times[0]], times[1]
    for at, end in pairwise([*times[1:], until]):
        if end - ended >= least:
            chosen.append(at)
            ended = end
    if chosen[-1] != times[-1]:
        chosen.append(times[-1])
    return chosen
