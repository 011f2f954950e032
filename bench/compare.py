"""Compares two reports of `make bench`: which figures got slower, or larger, beyond the noise.

usage: bench/compare BEFORE.json AFTER.json

The code of the peers has not changed between the reports. If their figures changed, the machine did: the
median of their changes is the slowdown of the machine, and the house's times are compared with it.

A figure counts as changed under three conditions: it has at least three rounds in both reports, the
ranges of the rounds do not overlap, and the medians differ by more than five per cent. The conditions
must hold for the measured values, and also for the values corrected for the machine.

The exit status is 1 if a figure got worse, and 2 if a file cannot be compared.
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from bench.report import Figure, Report, ReportError, read
from bench.table import amount, plain

FEWEST_ROUNDS = 3
LEAST_CHANGE = 0.05
TIMES = ("µs", "ms", "s", "states/s", "%")
"""The units that depend on the speed of the machine."""


class Change(NamedTuple):
    """A figure that changed beyond the noise."""

    before: Figure
    after: Figure
    factor: float
    """The growth of the figure, corrected for the machine's own change."""

    @property
    def is_worse(self) -> bool:
        """Whether the figure got worse."""
        return (self.factor < 1) == self.after.more_is_better


def drift(before: Report, after: Report) -> float:
    """Return how many times slower the machine got, by the peers' figures; 1 without any."""
    found = [slowness(*pair) for pair in pairs(before, after) if pair[0].is_control and pair[0].unit in TIMES]
    return statistics.median(found) if found else 1.0


def pairs(before: Report, after: Report) -> list[tuple[Figure, Figure]]:
    """Return the figures that are in both reports."""
    first = {figure.key: figure for figure in before.figures}
    return [
        (first[figure.key], figure)
        for figure in after.figures
        if figure.key in first and first[figure.key].unit == figure.unit and first[figure.key].median
    ]


def slowness(before: Figure, after: Figure) -> float:
    """Return how many times slower a figure got, whether more of it is better or less."""
    factor = after.median / before.median
    return 1 / factor if after.more_is_better and factor else factor


def compare(before: Report, after: Report) -> list[Change]:
    """Return the changes of the house's figures, the worst first."""
    slower = drift(before, after)
    found = []
    for old, new in pairs(before, after):
        if new.is_control or min(len(old.rounds), len(new.rounds)) < FEWEST_ROUNDS:
            continue
        by = slower if new.unit in TIMES else 1.0
        by = 1 / by if new.more_is_better else by
        ways = {direction(old, new, 1.0), direction(old, new, by)}
        if ways in ({"up"}, {"down"}):
            found.append(Change(old, new, new.median / by / old.median))
    return sorted(found, key=lambda change: (not change.is_worse, -abs(change.factor - 1)))


def direction(before: Figure, after: Figure, by: float) -> str | None:
    """Return the direction of a change beyond the noise, if any, after division by the machine's part."""
    low, high = (bound / by for bound in after.spread)
    if abs(after.median / by / before.median - 1) <= LEAST_CHANGE:
        return None
    if low > before.spread[1]:
        return "up"
    return "down" if high < before.spread[0] else None


def summary(before: Report, after: Report) -> str:
    """Return the comparison as text for people."""
    both, changes = pairs(before, after), compare(before, after)
    lines = [
        f"{len(both)} figures in both; by the peers the machine took {drift(before, after):.2f} times as long"
    ]
    for now in after.runs:
        if (then := before.run(now.section)) is None:
            continue
        if then.machine.processor != now.machine.processor:
            pair = f"{then.machine.processor}, {now.machine.processor}"
            lines.append(f"{now.section} was measured on different machines: {pair}.")
        if then.scale != now.scale:
            lines.append(f"{now.section} was measured at different lengths: {then.scale}, {now.scale}.")
    for title, worse in (("Worse", True), ("Better", False)):
        chosen = [change for change in changes if change.is_worse == worse]
        lines.append(f"{title} beyond the noise: {len(chosen) or 'nothing'}")
        rows = [
            [
                "  " + " / ".join(change.after.key),
                f"{amount(change.before.median)} → {amount(change.after.median)} {change.after.unit}",
                f"× {change.factor:.2f}",
            ]
            for change in chosen
        ]
        lines += [plain(rows)] if rows else []
    return "\n".join(lines)


def main() -> None:
    """Compare two files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    try:
        before, after = read(options.before), read(options.after)
    except ReportError as error:
        print(f"bench/compare: {error}", file=sys.stderr)
        sys.exit(2)
    print(summary(before, after))
    sys.exit(any(change.is_worse for change in compare(before, after)))


if __name__ == "__main__":
    main()
