"""Finds the last presses, and the devices that followed each, from the states of the devices. Pure.

A state contains its cause, and the previous states of the device with their causes. So a press can be
found that ended before the view subscribed.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from daemons.bus.message import MAX_PAST, Moment, State

CAUSE_TEXTS = {"hardware": "by hand", "restore": "after a restart", "max_on": "on for too long"}
"""The causes that are no command id, with their text. A cause of these can occur repeatedly."""
MAX_CHANGES = 200
"""The maximum number of remembered changes."""
SAME_PRESS_SECONDS = 60.0
"""Changes with the same cause of `CAUSE_TEXTS` belong to one press only within this time."""


class Change(NamedTuple):
    """A device has changed its phase because of a cause; `at` is in Unix seconds."""

    at: float
    device: str
    phase: str
    cause: str


class Press(NamedTuple):
    """The first change of a cause, and the devices that followed."""

    first: Change
    followers: tuple[str, ...] = ()


def changes(state: State) -> Iterator[Change]:
    """Yield the changes in a state that an external cause has triggered.

    The later phases of the same cause, such as "ready" after "toasting", are left out.
    """
    moments: list[State | Moment] = [*state.past, state]
    if len(state.past) < MAX_PAST:
        moments.insert(0, Moment(state={}))  # nothing is forgotten: the oldest state has no predecessor
    for before, moment in pairwise(moments):
        if moment.cause is None or not moment.turned:
            continue
        switched = moment.state.get("status") is True and before.state.get("status") is False
        pressed = moment.state.get("presses") != before.state.get("presses")
        if moment.cause != before.cause or (moment.cause in CAUSE_TEXTS and (switched or pressed)):
            phase = str(moment.state.get("phase") or ("on" if moment.state.get("status") else "off"))
            yield Change(max(moment.turned.values()), state.device, phase, moment.cause)


class Presses:
    """Collects the changes of a house, and groups them into presses."""

    def __init__(self, subscriptions: dict[str, tuple[str, ...]]) -> None:
        """Create it with the subscriptions of each device; other devices are ignored."""
        self.subscriptions = subscriptions
        self._changes: dict[tuple[str, str, float], Change] = {}
        self._known_devices: set[str] = set()
        self._known_since = 0.0
        """Some device no longer remembers its states before this time (Unix seconds).

        The followers of an older press may be incomplete, so older presses are not returned.
        """

    def on_state(self, state: State) -> None:
        """Record the changes in a state."""
        if state.device in self.subscriptions:
            if state.device not in self._known_devices and len(state.past) == MAX_PAST:
                self._known_since = max([self._known_since, *state.past[0].turned.values()])
            self._known_devices.add(state.device)
            for change in changes(state):
                self._changes[change.device, change.cause, change.at] = change
        for key in sorted(self._changes, key=lambda key: key[2])[:-MAX_CHANGES]:
            del self._changes[key]

    def latest(self, number: int) -> list[Press]:
        """Return at most `number` of the last presses, the latest first."""
        found: list[Press] = []
        for change in sorted(self._changes.values()):
            cause_press = next((press for press in reversed(found) if self._follows(change, press)), None)
            if cause_press is None:
                found.append(Press(change))
            elif change.device not in (cause_press.first.device, *cause_press.followers):
                found[found.index(cause_press)] = Press(
                    cause_press.first, (*cause_press.followers, change.device)
                )
        known = [press for press in found if press.first.at > self._known_since]
        return known[: -number - 1 : -1]

    def _follows(self, change: Change, press: Press) -> bool:
        """Return whether a change follows from a press, by its cause and the device's subscriptions."""
        first, devices = press.first, (press.first.device, *press.followers)
        if change.cause != first.cause:
            return False
        if change.cause in CAUSE_TEXTS and (
            change.device in devices or change.at - first.at > SAME_PRESS_SECONDS
        ):
            return False
        return change.device in devices or any(
            name in devices for name in self.subscriptions.get(change.device, ())
        )
