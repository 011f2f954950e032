"""The mirror's sentence: which appliances a press started, and when each of them is ready. Pure."""

from collections.abc import Mapping
from math import ceil

from daemons.bus.message import State
from daemons.bus.presence import PresenceTable
from daemons.kinds import Kind
from daemons.kinds.mirror import MirrorState

PRESENCE_WORDS = {"failed": "has failed"}
"""The text for a presence in the sentence, where it is not "is" and the presence itself."""


class Summary:
    """Makes the sentence from the states of the appliances that a press started."""

    def __init__(
        self,
        table: PresenceTable,
        titles: dict[str, str],
        kinds: Mapping[str, type[Kind] | None],
        meal: str = "Breakfast",
    ) -> None:
        """Keep the friendly name of each process (`titles`) and the kind of each device (`kinds`).

        A kind is None if its file is broken. The other mirrors show this same sentence, so they are left out.
        """
        self._table = table
        self._titles = titles
        self._kinds = kinds
        self._meal = meal
        self._active: dict[str, State] = {}
        """The appliances that work or are ready. Kept here because each new state needs it."""
        self._rested_at: dict[str, float] = {}
        """When (Unix seconds) each other appliance took its phase."""
        products = {name: kind.makes for name, kind in kinds.items() if kind and kind.makes}
        made = list(products.values())
        self._products = {name: product for name, product in products.items() if made.count(product) == 1}

    def on_state(self, state: State) -> None:
        """Note whether the device of a new state works or is ready."""
        if state.device not in self._table.entries:
            return
        if is_active(state, self._kind(state)):
            self._active[state.device] = state
        else:
            self._active.pop(state.device, None)
            if "ready" in state.state:
                self._rested_at[state.device] = state.turned.get("phase", state.since)

    def active(self) -> list[State]:
        """Return the states of the appliances that work or are ready, sorted by name."""
        return [self._active[name] for name in sorted(self._active)]

    def meal(self) -> list[State]:
        """Return the states of the appliances that share the cause of the latest press."""
        active = self.active()
        if not active:
            return []
        latest = max(active, key=lambda s: (s.turned.get("starts", 0.0), s.since)).cause
        return [state for state in active if state.cause == latest]

    def phase_at(self, phase: str) -> float | None:
        """Return when (Unix seconds) this phase was reached, by the appliances' times; None without them."""
        meal = self.meal()
        if phase == "ready":
            return max((state.turned.get("ready", state.since) for state in meal), default=None)
        if phase == "preparing":
            return min((state.turned.get("starts", state.since) for state in meal), default=None)
        return max(self._rested_at.values(), default=None)

    def changed_at(self, phase: str, last_at: float | None, wall: float) -> float:
        """Return when (Unix seconds) this phase was reached, if the phase before was reached at `last_at`.

        That is a time of the appliances. If it is no later than `last_at`, the house was in this phase
        before and is in it again, for example after a fault: then it is `wall`, the present.
        """
        at = self.phase_at(phase)
        return wall if at is None or (last_at is not None and at <= last_at) else min(wall, at)

    def state(self, now: float) -> MirrorState:
        """Return the mirror's state at `now` (the seconds of the presence table)."""
        meal = self.meal()
        if not meal:
            return MirrorState(status=False, phase="quiet", ready=False, message="All is quiet.")
        if all(state.state["ready"] for state in meal):
            message = f"{self._meal} is ready."
            if all(self._has_finished(state) for state in meal):  # laundry is no breakfast
                message = self._join_parts(meal, now)
            return MirrorState(status=True, phase="ready", ready=True, message=message)
        message = self._join_parts(self.active(), now)
        return MirrorState(status=True, phase="preparing", ready=False, message=message)

    def _join_parts(self, states: list[State], now: float) -> str:
        """Return the sentence about these appliances."""
        message = " · ".join(self._part(state, now) for state in states)
        return message[:1].upper() + message[1:]

    def _kind(self, state: State) -> type[Kind]:
        """Return the kind of a state's device, or Kind with its defaults if that is not known."""
        return self._kinds.get(state.device) or Kind

    def _has_finished(self, state: State) -> bool:
        """Return whether the work of a ready appliance "has finished", as its kind declares."""
        return state.state.get("phase") in self._kind(state).finished_phases

    def _part(self, state: State, now: float) -> str:
        """Return the part of the sentence that is about one appliance."""
        title = self._titles[state.device]
        product = self._products.get(state.device, title)
        if (presence := self._table.presence(state.device, now)) != "live":
            return f"{title} {PRESENCE_WORDS.get(presence, f'is {presence}')}"
        if state.state["ready"]:
            return f"{product} {'has finished' if self._has_finished(state) else 'is ready'}"
        if state.state.get("fault"):
            return f"{title}: {state.state['fault']}"
        left = state.state.get("remaining_seconds")
        if not isinstance(left, int | float):
            return f"{title} is {state.state.get('phase')}"
        seconds = max(0, ceil(left - (now - self._table.entries[state.device].state_at)))
        return f"{product} in {seconds // 60}:{seconds % 60:02}"


def is_active(state: State, kind: type[Kind]) -> bool:
    """Return whether an appliance was started and now works, is ready, or failed to make its product."""
    fields = state.state
    if not state.cause or "ready" not in fields or kind.role == "mirror":
        return False
    if fields.get("phase") not in kind.resting_phases:
        return True
    return kind.makes is not None and bool(fields.get("fault"))


def describe_change(title: str, before: State | None, state: State) -> str | None:
    """Return a change as a line for the log, or None when only measurements changed."""
    old = before.state if before else {}
    if before is not None and before.turned == state.turned:
        return None
    new = {key: value for key, value in state.state.items() if key in state.turned or before is None}
    changed = {key: value for key, value in new.items() if key not in old or old[key] != value}
    if not changed:
        return None
    words = [] if "phase" not in changed else [f"is {changed['phase']}"]
    words += [f"fault: {changed['fault']}"] if changed.get("fault") else []
    words = words or [f"{key}={value}" for key, value in changed.items() if value is not None]
    return f"{title} " + ", ".join(words) if words else None
