"""A quantity over time, told in fewer words; pure. Between two samples the last value holds.

Whatever is left out, the lowest and the highest value are not, and every mean is weighted by
time: a toaster that drew 850 W for a tenth of the span counts a tenth.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice, pairwise
from math import inf
from typing import NamedTuple

MINUTE_SECONDS = 60


class Step(NamedTuple):
    """What was measured from `at` to `end`, folded into one, and the value that held from then on.

    A single sample is a step that ends where it begins.
    """

    at: float
    end: float
    low: float
    mean: float
    high: float
    last: float

    @classmethod
    def of(cls, at: float, value: float) -> "Step":
        """Give a sample."""
        return cls(at, at, value, value, value, value)


Six = tuple[float, float, float, float, float, float]
"""A step as SQLite gives it: of 86,400 a day, each name costs."""


class Span(NamedTuple):
    """A length of time, and what was measured in it."""

    at: float
    to: float
    low: float
    mean: float
    high: float


def minute_of(at: float) -> float:
    """Give the beginning of the minute that a moment lies in."""
    return at - at % MINUTE_SECONDS


def fold(samples: list[tuple[float, float]], before: float | None) -> Iterator[Step]:
    """Fold samples (moment, value) into minutes; `before` is the value that held until the first.

    A minute in which nothing changed needs no words: the last value of the one before it holds.
    """
    for begin, inside in groupby(samples, key=lambda sample: minute_of(sample[0])):
        steps = [Step.of(at, value) for at, value in inside]
        if before is not None and steps[0].at > begin:
            steps.insert(0, Step.of(begin, before))
        end, before = begin + MINUTE_SECONDS, steps[-1].last
        yield Step(steps[0].at, end, *summary(list(spans(steps, begin, end))), before)


def spans(steps: Iterable[Six], since: float, until: float) -> Iterator[Span]:
    """Give the spans that steps, in order, make of a range; each ends where the next begins."""
    for step, following in pairwise(chain(steps, (Step.of(until, 0.0),))):
        at, end, low, mean, high, last = step
        limit = min(following[0], until)
        turn = min(end, limit)
        if (begin := max(at, since)) < turn:
            yield Span(begin, turn, low, mean, high)
        if (begin := max(at, end, since)) < limit:
            yield Span(begin, limit, last, last, last)


def summary(parts: list[Span]) -> tuple[float, float, float]:
    """Give the lowest, the mean and the highest value of some spans."""
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    if low == high:
        return low, low, high
    mean = sum(part.mean * (part.to - part.at) for part in parts) / sum(part.to - part.at for part in parts)
    return low, min(max(round(mean, 3), low), high), high


def gather(steps: Iterable[Six], since: float, width: float) -> Iterator[Step]:
    """Fold steps into one for each slot of a width; of 86,400 a day, so the loop is a bare one."""
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
            edge = edge if edge > at else edge + width  # rounding may have put it before us
            start, low, high, total = at, least, most, 0.0
        else:
            total += last * (at - stop)
            if least < low:  # noqa: PLR1730  twice as fast as min
                low = least
            if most > high:  # noqa: PLR1730
                high = most
        total += mean * (end - at)
        stop, last = end, final


def points(steps: Iterator[Six], since: float, until: float, most: int) -> list[list[float]]:
    """Give [moment, low, mean, high] of each span; of too many, for each slot of the range instead."""
    width = (until - since) / most
    first = list(islice(steps, most + 1))
    few = first if len(first) <= most else gather(chain(first, steps), since, width)
    found = list(spans(few, since, until))
    told: list[list[float]] = []
    for at, parts in (
        slots(found, since, width) if len(found) > most else ((span.at, [span]) for span in found)
    ):
        point = [at, *summary(parts)]
        if not told or point[1:] != told[-1][1:] or point[1] != point[3]:  # a steady value is told once
            told.append(point)
    return told


def slots(found: Iterable[Span], since: float, width: float) -> Iterator[tuple[float, list[Span]]]:
    """Cut spans at the borders of slots of a width, and give the parts in each, with where they begin."""
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
            if to <= at:  # a border that rounding has put before us
                number += 1
                if parts:
                    yield parts[0].at, parts
                    parts = []
                continue
            parts.append(span._replace(at=at, to=to))
            at = to
    if parts:
        yield parts[0].at, parts


def thin(moments: list[float], until: float, most: int) -> list[float]:
    """Leave out what lasted shortest, until about so many of the changes at these moments are left.

    What is left is told from its own moment until that of the next one left, so that it covers
    the range; a crowd of short ones is told by one of them for each part of the range.
    """
    if len(moments) <= most:
        return moments
    least = (until - moments[0]) / most
    told, ended = [moments[0]], moments[1]
    for at, end in pairwise([*moments[1:], until]):
        if end - ended >= least:
            told.append(at)
            ended = end
    if told[-1] != moments[-1]:
        told.append(moments[-1])  # what is now is never left out
    return told
