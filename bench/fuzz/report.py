"""The result of a run: its tables, and the list of broken promises."""

import math
from collections import Counter
from typing import Any

from msgspec import Struct

from bench.fuzz.tally import Tally
from bench.fuzz.watch import DROPPED, SUPERVISORD, log_lines
from daemons.bus.dropped import DroppedLog

HEADS = ("died", "boots", "states", "PSS MB", "at end", "growth", "dropped", "lines", "other lines")


class Findings(Struct):
    """What the house was before the random junk, and after it."""

    seconds: float
    before: dict[str, Any]
    """The visible state of each process."""
    after: dict[str, Any]
    memory: dict[str, float]
    """The memory of each process in MB at half of the time, when each has loaded what it needs."""
    end_memory: dict[str, float]
    died: Counter[str]
    restarted: set[str]


def report(findings: Findings, tally: Tally, max_growth: float) -> list[str]:
    """Print the tables, and return each broken promise."""
    print_counts("frames sent", tally.sent)
    print_counts("answers", tally.answers)
    print(f"{'requests without an answer':<60}{tally.silent.total():9}")
    for door, seconds in sorted(tally.slowest.items()):
        print(f"{f'slowest burst with its answer, ms: {door}':<60}{1000 * seconds:9.0f}")
    print(f"\n{'process':<18}" + "".join(f"{head:>{len(head) + 3}}" for head in HEADS))
    broken = [f"{what}, {times} times" for what, times in tally.silent.items()]
    for name in [*findings.memory, *(findings.before.keys() - findings.memory.keys())]:
        broken += process_row(name, findings, max_growth)
    return broken


def print_counts(title: str, counts: Counter[tuple[str, str]]) -> None:
    """Print counts by door and kind."""
    print(f"{title:<60}{counts.total():9}")
    for door in sorted({door for door, _ in counts}):
        kinds = {kind: number for (other, kind), number in counts.items() if other == door}
        print(f"  {door:<58}{sum(kinds.values()):9}")
        for kind, number in sorted(kinds.items()):
            print(f"    {kind:<56}{number:9}")


def process_row(name: str, findings: Findings, max_growth: float) -> list[str]:
    """Print the row of a process, and return what is wrong with it."""
    before, after = findings.before.get(name), findings.after.get(name)
    memory, end = findings.memory.get(name, 0.0), findings.end_memory.get(name, 0.0)
    text = log_lines(name)
    drops = DROPPED.findall(text)
    dropped = sum(1 + int(more or 0) for _, more in drops)
    is_new, is_changed = name in findings.restarted, before != after
    values = (
        findings.died[name],
        int(is_new),
        int(is_changed),
        memory,
        end,
        end - memory,
        dropped,
        len(drops),
    )
    cells = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in values]
    cells.append(str(text.count("\n") - len(drops)))
    print(f"{name:<18}" + "".join(f"{v:>{len(head) + 3}}" for v, head in zip(cells, HEADS, strict=True)))
    broken = []
    if findings.died[name] or is_new:
        broken.append(f"{name} died")
    if is_changed:
        broken.append(f"{name} changed: {before} became {after}")
    if end - memory > max_growth:
        broken.append(f"{name} grew by {end - memory:.1f} MB; at most {max_growth:g} MB is allowed")
    tracebacks = text.count("Traceback (most recent call last)")
    if tracebacks and name != SUPERVISORD:  # supervisord logs one for each wrong request of its owner
        broken.append(f"{name} logged {tracebacks} tracebacks")
    windows = math.ceil(findings.seconds / DroppedLog.WINDOW_SECONDS) + text.count(": is up (PID ")
    for source, times in Counter(source for source, _ in drops).items():
        if times > windows:
            broken.append(f"{name} logged {source} {times} times, in {windows} windows and starts")
    return broken
