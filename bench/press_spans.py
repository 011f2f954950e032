"""Where the time of a press goes, from the spans that each process has recorded. No I/O."""

from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from bench.measurements.press import Press
from bench.process_counters import Counters
from bench.stage_hooks import PUBLISH, WAIT, Span

ROUTE = ("switch", "toaster", "mirror")
"""The processes on the way of a press."""
Window = tuple[int, int]
"""Its begin and its end, in nanoseconds of CLOCK_MONOTONIC."""


class Traced(NamedTuple):
    """A press whose spans are recorded."""

    press: Press
    clocks_differ_ns: int
    """The difference between the wall clock and CLOCK_MONOTONIC."""
    pressed: Window
    rested: Window
    costs: dict[str, Counters]
    """By process: what the press cost more than the rest."""


def way(traced: Traced, spans: dict[str, list[Span]]) -> dict[str, float]:
    """Return the microseconds of each part of a press's way, in their order."""
    found: dict[str, float] = defaultdict(float)
    steps = route(traced, spans)
    ended = to_monotonic(traced, traced.press.sent)
    for number, (name, woke, publish) in enumerate(steps):
        found[f"way to the {name}"] = (woke - ended) / 1000
        # The next process can wake before this one returns from publishing.
        ended = min([publish.ended, *(step.woke for step in steps[number + 1 : number + 2])])
        stages = [one for one in spans[name] if woke <= one.began and one.ended <= publish.ended]
        for one in sorted(stages, key=lambda one: one.began):
            found[f"{name}: {one.stage}"] += (one.own - max(0, one.ended - ended)) / 1000
        inside = sum(one.own - max(0, one.ended - ended) for one in stages)
        found[f"{name}: other"] += (ended - woke - inside) / 1000
    return found


class Step(NamedTuple):
    """A process on the way of a press."""

    name: str
    woke: int
    """When the process had woken up, and the message before was there."""
    publish: Span


def route(traced: Traced, spans: dict[str, list[Span]]) -> list[Step]:
    """Return the processes on the way of a press, each with its span that published."""
    steps = []
    times = (traced.press.switch, traced.press.appliance, traced.press.mirror)
    ready = to_monotonic(traced, traced.press.sent)
    for name, wall_seconds in zip(ROUTE, times, strict=True):
        at = to_monotonic(traced, wall_seconds)
        published = (one for one in spans[name] if one.stage == PUBLISH)
        publish = min(published, key=lambda one: abs(one.began - at))
        waits = [one.ended for one in spans[name] if one.stage == WAIT and one.ended <= publish.began]
        steps.append(Step(name, max([ready, *waits[-1:]]), publish))
        ready = at
    return steps


def to_monotonic(traced: Traced, wall_seconds: float) -> int:
    """Return a time of the wall clock in nanoseconds of CLOCK_MONOTONIC."""
    return int(wall_seconds * 1e9) - traced.clocks_differ_ns


def work(traced: Traced, spans: dict[str, list[Span]]) -> dict[str, float]:
    """Return by stage of each process how many microseconds more than the rest a press took."""
    found: dict[str, float] = defaultdict(float)
    for sign, window in ((1, traced.pressed), (-1, traced.rested)):
        for name, recorded in spans.items():
            for stage, own in stages_in(recorded, *window).items():
                found[f"{name}: {stage}"] += sign * own / 1000
    return found


def calls(traced: Traced, spans: dict[str, list[Span]]) -> dict[str, float]:
    """Return by stage of each process how often more than the rest a press entered it."""
    found: dict[str, float] = defaultdict(float)
    for sign, (began, ended) in ((1, traced.pressed), (-1, traced.rested)):
        for name, recorded in spans.items():
            for span in recorded:
                if began <= span.began < ended:
                    found[f"{name}: {span.stage}"] += sign
    return found


def stages_in(spans: list[Span], began: int, ended: int) -> dict[str, int]:
    """Return the time of each stage of a process in a window, and of what no stage contains."""
    found: dict[str, int] = defaultdict(int)
    for span in spans:
        if began <= span.began < ended and span.stage != WAIT:
            found[span.stage] += span.own
    waits = sorted(
        (one.began, one.ended)
        for one in spans
        if one.stage == WAIT and one.began < ended and one.ended > began
    )
    if waits:
        busy = sum(after - before for (_, before), (after, _) in pairwise(waits))
        found["other"] = busy - sum(found.values())
    return found
