"""Two reports of `make bench`: what got slower, or larger, beyond the noise.

usage: bench/compare BEFORE.json AFTER.json

The peers' figures are of code that has not changed, so what changed in them is the machine: the
median of their changes is how much slower it was the second time, and times are told beside that.
A figure counts as changed when it has three rounds or more in both reports, none of the one lies
among those of the other, and its median differs by more than five per cent: as it was measured,
and also with the machine's part taken out. Exit status 1 when something got worse, 2 when a file
cannot be compared.
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
"""The units that depend on how fast the machine was."""


class Change(NamedTuple):
    """A figure that is another one beyond the noise."""

    before: Figure
    after: Figure
    factor: float
    """By how much it grew, the machine's own change taken out."""

    @property
    def is_worse(self) -> bool:
        """Tell whether it is a change for the worse."""
        return (self.factor < 1) == self.after.more_is_better


def drift(before: Report, after: Report) -> float:
    """Say how many times slower the machine was the second time, by the peers; 1 where there are none."""
    found = [slowness(*pair) for pair in pairs(before, after) if pair[0].is_control and pair[0].unit in TIMES]
    return statistics.median(found) if found else 1.0


def pairs(before: Report, after: Report) -> list[tuple[Figure, Figure]]:
    """Give what is in both."""
    first = {figure.key: figure for figure in before.figures}
    return [
        (first[figure.key], figure)
        for figure in after.figures
        if figure.key in first and first[figure.key].unit == figure.unit and first[figure.key].median
    ]


def slowness(before: Figure, after: Figure) -> float:
    """Say how many times slower a figure got, whether more of it is better or less."""
    factor = after.median / before.median
    return 1 / factor if after.more_is_better and factor else factor


def compare(before: Report, after: Report) -> list[Change]:
    """Give what changed in the house, the worst first."""
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
    """Say which way a figure went beyond the noise, if it did, once it is divided by the machine's part."""
    low, high = (bound / by for bound in after.spread)
    if abs(after.median / by / before.median - 1) <= LEAST_CHANGE:
        return None
    if low > before.spread[1]:
        return "up"
    return "down" if high < before.spread[0] else None


def tell(before: Report, after: Report) -> str:
    """Say it for people."""
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
    given = parser.parse_args()
    try:
        before, after = read(given.before), read(given.after)
    except ReportError as error:
        print(f"bench/compare: {error}", file=sys.stderr)
        sys.exit(2)
    print(tell(before, after))
    sys.exit(any(change.is_worse for change in compare(before, after)))


if __name__ == "__main__":
    main()
