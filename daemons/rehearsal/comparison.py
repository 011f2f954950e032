"""Compares what devices did in two pasts: in the record, or in two replays of it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.bus.origin import Reason
from daemons.config.house import House
from daemons.rehearsal.world import CONTINUOUS

SAME_SECONDS = 1.0
"""Two replays differ by less only if nothing differs."""
RECORDED_SECONDS = 5.0
"""So much later than its rehearsal real hardware may follow."""
ANCHOR_SECONDS = 0.2
"""Turns within this time are matched first, so that one that is missing does not shift all later ones."""
EPISODE_SECONDS = 600.0
"""Differences within this time of each other belong together, if nothing is the same in between."""
Shown = tuple[tuple[str, Scalar], ...]
"""The fields of a state that are compared, with their values."""


class Turn(Struct, frozen=True):
    """A device began to show something."""

    at: float
    """In Unix seconds."""
    shown: Shown
    reason: Reason | None = None
    """None: it is not known."""
    cause: str | None = None

    @property
    def word(self) -> str:
        """What it shows, in a word or two: the phase, and a value beside it."""
        fields = dict(self.shown)
        values = [
            f"{name} {value}"
            for name, value in self.shown
            if name not in ("phase", "status") and value not in (None, fields.get("phase"))
        ]
        return f"{fields.get('phase')} ({', '.join(values)})" if values else str(fields.get("phase"))


class Course(Struct, frozen=True):
    """What one device did in a range."""

    begins: Turn | None
    """What it showed at the beginning; None: it is not known."""
    turns: tuple[Turn, ...]
    """What it began to show later, in the order of time."""

    def seconds_on(self, since: float, until: float) -> float:
        """Return for how long its status was true in a range."""
        turns = [*([self.begins] if self.begins else []), *self.turns]
        ends = [*(turn.at for turn in turns[1:]), until][: len(turns)]
        return sum(
            max(0.0, end - max(turn.at, since))
            for turn, end in zip(turns, ends, strict=True)
            if dict(turn.shown).get("status") is True
        )


class Episode(Struct, frozen=True):
    """Some turns of one device that are not in both courses."""

    before: tuple[Turn, ...]
    """Those of the first course."""
    after: tuple[Turn, ...]
    """Those of the second course."""

    @property
    def at(self) -> float:
        """When it begins, in Unix seconds."""
        return min(turn.at for turn in (*self.before, *self.after))


def shown_fields(house: House) -> dict[str, tuple[str, ...]]:
    """Return by device the fields that are compared: phase, status, and the value that people set."""
    found = {}
    for name, device in house.devices.items():
        control = device.kind.control(device.options)
        value = {control.field} - CONTINUOUS if control else set()
        found[name] = tuple(dict.fromkeys(("phase", "status", *value)))
    return found


def course(
    states: Iterable[tuple[float, Mapping[str, Scalar], Reason | None, str | None]],
    fields: Sequence[str],
    since: float,
    until: float,
) -> Course:
    """Return the course of a device in a range, from its states in the order of time."""
    begins: Turn | None = None
    turns: list[Turn] = []
    for at, state, reason, cause in states:
        shown = tuple((name, state[name]) for name in fields if name in state)
        last = turns[-1] if turns else begins
        if at >= until or (last is not None and last.shown == shown):
            continue
        turn = Turn(at, shown, reason, cause)
        if at < since:
            begins = turn
        else:
            turns.append(turn)
    return Course(begins, tuple(turns))


def differences(before: Course, after: Course, seconds: float) -> list[Episode]:
    """Return what is not in both courses; turns within `seconds` of each other may be the same."""
    first, second = list(before.turns), list(after.turns)
    if before.begins and after.begins and before.begins.shown != after.begins.shown:
        first.insert(0, before.begins)
        second.insert(0, after.begins)
    pairs = match(first, second, (min(ANCHOR_SECONDS, seconds), seconds))
    same = dict(pairs)
    marks = [(turn.at, "same" if index in same else "before", turn) for index, turn in enumerate(first)]
    taken = {*same.values()}
    marks += [(turn.at, "after", turn) for index, turn in enumerate(second) if index not in taken]
    return list(episodes(sorted(marks, key=lambda mark: mark[0])))


def match(first: Sequence[Turn], second: Sequence[Turn], limits: Sequence[float]) -> list[tuple[int, int]]:
    """Return the pairs of turns that are the same, as indices in their order.

    With each limit in seconds, from the narrowest on, pairs are found between those found before.
    """
    pairs: list[tuple[int, int]] = []
    for seconds in limits:
        edges = [(-1, -1), *pairs, (len(first), len(second))]
        for (i, j), (i_end, j_end) in pairwise(edges):
            position = j + 1
            for index in range(i + 1, i_end):
                found = nearest(first[index], second, range(position, j_end), seconds)
                if found is not None:
                    pairs.append((index, found))
                    position = found + 1
        pairs.sort()
    return pairs


def nearest(turn: Turn, turns: Sequence[Turn], indices: Iterable[int], seconds: float) -> int | None:
    """Return the index of the nearest turn that shows the same; None if none is near."""
    found: int | None = None
    for index in indices:
        distance = abs(turns[index].at - turn.at)
        if turns[index].at > turn.at + seconds:
            break
        if distance <= seconds and turns[index].shown == turn.shown:
            if found is not None and distance > abs(turns[found].at - turn.at):
                break
            found = index
    return found


def episodes(marks: Iterable[tuple[float, str, Turn]]) -> Iterable[Episode]:
    """Yield the differences, those together that follow each other soon."""
    before: list[Turn] = []
    after: list[Turn] = []
    last = 0.0
    for at, mark, turn in marks:
        if (before or after) and (mark == "same" or at - last > EPISODE_SECONDS):
            yield Episode(tuple(before), tuple(after))
            before, after = [], []
        if mark != "same":
            (before if mark == "before" else after).append(turn)
            last = at
    if before or after:
        yield Episode(tuple(before), tuple(after))
