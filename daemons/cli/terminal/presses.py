"""What was pressed lately and what followed, told from the states of the devices alone. Pure.

A state carries its cause, and what the device was before with its causes; so a press that was
over before anybody listened can be told as well.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from daemons.bus.message import MAX_PAST, Moment, State

WORDS = {"hardware": "by hand", "restore": "after a restart", "max_on": "on for too long"}
"""The causes that are no command's id, and may come again."""
KEPT = 200
"""How many turns are remembered at the most."""
TOGETHER_SECONDS = 60.0
"""Within this, what has one of these words for its cause can belong together."""


class Turn(NamedTuple):
    """A device turned to something, because of a cause."""

    at: float
    device: str
    phase: str
    cause: str


class Press(NamedTuple):
    """The first turn that came of a cause, and the devices that followed."""

    first: Turn
    followers: tuple[str, ...] = ()


def turns(state: State) -> Iterator[Turn]:
    """Return the changes in a state, without those that a device made by itself afterwards."""
    moments: list[State | Moment] = [*state.past, state]
    if len(state.past) < MAX_PAST:
        moments.insert(0, Moment(state={}))  # the first that it remembers is the first that there was
    for before, moment in pairwise(moments):
        if moment.cause is None or not moment.turned:
            continue
        switched = moment.state.get("status") is True and before.state.get("status") is False
        pressed = moment.state.get("presses") != before.state.get("presses")
        if moment.cause != before.cause or (moment.cause in WORDS and (switched or pressed)):
            phase = str(moment.state.get("phase") or ("on" if moment.state.get("status") else "off"))
            yield Turn(max(moment.turned.values()), state.device, phase, moment.cause)


class Presses:
    """Gathers the turns of a house, and says which were presses."""

    def __init__(self, hears: dict[str, tuple[str, ...]]) -> None:
        """Create it with the sources of each device; other devices are ignored."""
        self.hears = hears
        self._turns: dict[tuple[str, str, float], Turn] = {}
        self._heard: set[str] = set()
        self._known_since = 0.0
        """Some device has forgotten what was before; who followed a press then cannot be told in full."""

    def hear(self, state: State) -> None:
        """Record the changes in a state."""
        if state.device in self.hears:
            if state.device not in self._heard and len(state.past) == MAX_PAST:
                self._known_since = max([self._known_since, *state.past[0].turned.values()])
            self._heard.add(state.device)
            for turn in turns(state):
                self._turns[turn.device, turn.cause, turn.at] = turn
        for key in sorted(self._turns, key=lambda key: key[2])[:-KEPT]:
            del self._turns[key]

    def latest(self, number: int) -> list[Press]:
        """Return the last presses, the latest first."""
        found: list[Press] = []
        for turn in sorted(self._turns.values()):
            led = next((press for press in reversed(found) if self._follows(turn, press)), None)
            if led is None:
                found.append(Press(turn))
            elif turn.device not in (led.first.device, *led.followers):
                found[found.index(led)] = Press(led.first, (*led.followers, turn.device))
        known = [press for press in found if press.first.at > self._known_since]
        return known[: -number - 1 : -1]

    def _follows(self, turn: Turn, press: Press) -> bool:
        """Return whether a change follows from a press, by its cause and the sources of the device."""
        first, several = press.first, (press.first.device, *press.followers)
        if turn.cause != first.cause:
            return False
        if turn.cause in WORDS and (turn.device in several or turn.at - first.at > TOGETHER_SECONDS):
            return False
        return turn.device in several or any(name in several for name in self.hears.get(turn.device, ()))
