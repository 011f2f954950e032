"""The mirror's sentence: which appliances a press started, and when each of them is ready. Pure."""

from collections.abc import Collection
from math import ceil

from daemons.bus.message import State
from daemons.bus.presence import PresenceTable
from daemons.kinds.mirror import MirrorState

PRESENCE_WORDS = {"failed": "has failed"}
"""The text for a presence in the sentence, where it is not "is" and the presence itself."""
AT_REST = ("off", "on", "standby")
"""The phases of a plug in which nothing gets ready."""
FINISHED = "finished"
"""The phase of a plug whose appliance has finished its work."""


class Summary:
    """Makes the sentence from the states of the appliances that a press started."""

    def __init__(
        self,
        table: PresenceTable,
        titles: dict[str, str],
        products: dict[str, str] | None = None,
        mirrors: Collection[str] = (),
        meal: str = "Breakfast",
    ) -> None:
        """Keep the friendly name of each process (`titles`) and the product of each device (`products`).

        `mirrors` are the other mirrors of the house. They show this same sentence, so they are left out.
        """
        self._table = table
        self._titles = titles
        self._mirrors = frozenset(mirrors)
        self._meal = meal
        self._active: dict[str, State] = {}
        """The appliances that work or are ready. Kept here because each new state needs it."""
        made = list((products or {}).values())
        self._products = {
            name: product for name, product in (products or {}).items() if made.count(product) == 1
        }

    def on_state(self, state: State) -> None:
        """Note whether the device of a new state works or is ready."""
        if state.device not in self._table.entries:
            return
        if is_active(state) and state.device not in self._mirrors:
            self._active[state.device] = state
        else:
            self._active.pop(state.device, None)

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

    def state(self, now: float) -> MirrorState:
        """Return the mirror's state at `now` (the seconds of the presence table)."""
        meal = self.meal()
        if not meal:
            return MirrorState(status=False, phase="quiet", ready=False, message="All is quiet.")
        if all(state.state["ready"] for state in meal):
            message = f"{self._meal} is ready."
            if all(state.state.get("phase") == FINISHED for state in meal):  # laundry is no breakfast
                message = " · ".join(self._part(state, now) for state in meal)
            return MirrorState(status=True, phase="ready", ready=True, message=message)
        parts = [self._part(state, now) for state in self.active()]
        message = " · ".join(parts)
        message = message[:1].upper() + message[1:]
        return MirrorState(status=True, phase="preparing", ready=False, message=message)

    def _part(self, state: State, now: float) -> str:
        """Return the part of the sentence that is about one appliance."""
        title = self._titles[state.device]
        product = self._products.get(state.device, title)
        if (presence := self._table.presence(state.device, now)) != "live":
            return f"{title} {PRESENCE_WORDS.get(presence, f'is {presence}')}"
        if state.state["ready"]:
            return f"{product} {'has finished' if state.state.get('phase') == FINISHED else 'is ready'}"
        if state.state.get("fault"):
            return f"{title}: {state.state['fault']}"
        left = state.state.get("remaining_seconds")
        if not isinstance(left, int | float):
            return f"{title} is {state.state.get('phase')}"
        seconds = max(0, ceil(left - (now - self._table.entries[state.device].state_at)))
        return f"{product} in {seconds // 60}:{seconds % 60:02}"


def is_active(state: State) -> bool:
    """Return whether an appliance was started and now works, is ready, or reports a fault."""
    fields = state.state
    if not state.cause or "ready" not in fields or fields.get("phase") in AT_REST:
        return False
    return fields.get("phase") != "idle" or bool(fields.get("fault"))


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
