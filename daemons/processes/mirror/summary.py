"""The mirror's sentence: what deserves attention, and when what a press started is ready. Pure."""

from collections.abc import Mapping, Sequence
from math import ceil

from daemons.bus.message import State
from daemons.bus.notice import Notice
from daemons.bus.presence import PresenceTable
from daemons.bus.status import Fields
from daemons.kinds import Kind
from daemons.kinds.mirror import MirrorState
from daemons.processes.mirror.sentence import PRESENCE_WORDS, Part, fitting_parts, join, notice_parts

GONE = ("offline", "failed", "stopped")
"""The presences of an appliance whose state says nothing any more."""


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

    def state(self, now: float, notices: Sequence[Notice] = (), waiting: int = 0) -> MirrorState:
        """Return the mirror's state at `now`, as `show` does."""
        return self.show(now, 0.0, notices, waiting)[0]

    def show(
        self, now: float, wall: float, notices: Sequence[Notice] = (), waiting: int = 0
    ) -> tuple[MirrorState, tuple[Part, ...]]:
        """Return the mirror's state, and the parts of its sentence.

        `now` is the time of the presence table, and `wall` is the same in Unix seconds. `notices` deserve
        attention, and `waiting` processes were not heard yet.
        """
        meal, is_ready = self._shown_meal(now)
        unseen = [one for one in notices if not one.acknowledged]
        parts = self._parts(now, wall, notices, waiting)
        state = MirrorState(
            status=bool(meal),
            phase="quiet" if not meal else "ready" if is_ready else "preparing",
            ready=is_ready,
            message=join([text for _, text in parts]),
            alarm=any(one.level == "alarm" for one in notices),
            attention=unseen[0].text if unseen else None,
            attention_count=len(unseen),
        )
        return state, tuple(part for part, _ in parts)

    def _shown_meal(self, now: float) -> tuple[list[State], bool]:
        """Return the meal that is shown, and whether it is ready.

        It is ready only while each of its appliances is known to be ready. It is over if all of them were
        ready, and are gone now.
        """
        meal = self.meal()
        if all(state.state["ready"] and self._is_gone(state, now) for state in meal):
            return [], False
        return meal, all(self._is_ready(state, now) for state in meal)

    def _is_gone(self, state: State, now: float) -> bool:
        return self._table.presence(state.device, now) in GONE

    def _is_ready(self, state: State, now: float) -> bool:
        """Return whether an appliance is known to be ready now."""
        is_live = self._table.presence(state.device, now) == "live"
        return is_live and bool(state.state["ready"]) and state.state.get("reachable") is not False

    def _parts(
        self, now: float, wall: float, notices: Sequence[Notice], waiting: int
    ) -> list[tuple[Part, str]]:
        """Return the parts of the sentence with their texts: alarms, the meal, the other notices."""
        unseen = [one for one in notices if not one.acknowledged]
        alarms = [one for one in notices if one.level == "alarm"]
        alarms.sort(key=lambda one: one.acknowledged)
        meal, is_ready = self._shown_meal(now)
        states = [] if not meal else meal if is_ready else self.active()
        in_meal = {state.device for state in states}
        others = [one for one in unseen if one.level != "alarm" and one.device not in in_meal]
        parts = notice_parts(alarms)
        if is_ready and not all(self._has_finished(state) for state in meal):  # laundry is no breakfast
            end = "" if parts or others else "."
            parts.append(
                (Part(code="sentence.meal_ready", values={"meal": self._meal}), f"{self._meal} is ready{end}")
            )
        else:
            parts += [self._part(state, now, wall) for state in states]
        parts += fitting_parts(others)
        if parts:
            return parts
        if notices:
            return [(Part(code="sentence.else_quiet"), "All else is quiet.")]
        if waiting:
            text = "1 process" if waiting == 1 else f"{waiting} processes"
            return [(Part(code="sentence.waiting", values={"count": waiting}), f"Waiting for {text}.")]
        return [(Part(code="sentence.quiet"), "All is quiet.")]

    def _kind(self, state: State) -> type[Kind]:
        """Return the kind of a state's device, or Kind with its defaults if that is not known."""
        return self._kinds.get(state.device) or Kind

    def _has_finished(self, state: State) -> bool:
        """Return whether the work of a ready appliance "has finished", as its kind declares."""
        return state.state.get("phase") in self._kind(state).finished_phases

    def _part(self, state: State, now: float, wall: float) -> tuple[Part, str]:
        """Return the part of the sentence that is about one appliance, with its text."""
        title, fields = self._titles[state.device], state.state
        product = self._products.get(state.device)
        values: Fields = {"name": title, "product": product}

        def part(code: str, english: str, /, **more: str | float | None) -> tuple[Part, str]:
            return Part(code=f"sentence.{code}", values=values | more, device=state.device), english

        if (presence := self._table.presence(state.device, now)) != "live":
            text = f"{title} {PRESENCE_WORDS.get(presence, f'is {presence}')}"
            return part("presence", text, presence=presence)
        fault = fields.get("fault")
        if fields.get("reachable") is False and not fault:
            return part("unreachable", f"{title} cannot be reached")
        if self._is_ready(state, now):
            what = product or title
            if self._has_finished(state):
                return part("finished", f"{what} has finished")
            return part("ready", f"{what} is ready")
        if fault:
            return part("fault", f"{title}: {fault}", text=str(fault))
        left = fields.get("remaining_seconds")
        if not isinstance(left, int | float):
            return part("phase", f"{title} is {fields.get('phase')}", phase=str(fields.get("phase")))
        left -= now - self._table.entries[state.device].state_at
        seconds = max(0, ceil(left))
        text = f"{product or title} in {seconds // 60}:{seconds % 60:02}"
        return part("soon", text, at=round(wall + max(0.0, left), 1))


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
