"""The rules of one appliance: their states, and which of them act now. Pure."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.config.device import Device
from daemons.config.rule import Rule, StateFields, rule_key
from daemons.config.sun import SunCalendar
from daemons.processes.device.latest_states import LatestStates
from daemons.processes.device.log_line import Level, Log
from daemons.processes.device.rule_decision import (
    Decision,
    RuleContext,
    RuleState,
    check_conditions,
    check_time,
    on_measurement,
    on_state,
)

Latest = Callable[[str, float], StateFields | None]
"""Returns the latest fields of a device at a steady time, or None if that device is silent."""


class Rules:
    """All rules of one appliance. `states` is replaced, never changed in place."""

    def __init__(
        self,
        device: Device,
        states: dict[str, RuleState],
        created_at: float,
        calendar: SunCalendar,
        peers: LatestStates,
        latest: Latest,
        log: Log,
    ) -> None:
        self.states = states
        self.uses_time = any(rule.at or rule.limit for rule in device.rules)
        """Whether the time of day, or the silence of another device, makes a difference to a rule."""
        self.is_clock_right = True
        """Whether the wall clock is known to be right; rules with times of day wait for it."""
        self._rules = {rule_key(rule): rule for rule in device.rules}
        self._grace_seconds = device.grace_seconds
        self._created_at = created_at
        self._calendar = calendar
        self._peers = peers
        self._latest = latest
        self._log = log
        self._blocked: set[str] = set()
        """The due rules that do not act yet, because a condition is unknown."""

    def start(self, now: float) -> None:
        """Forget removed rules. A rule that is new, or was edited, handles only what happens from now on."""
        states = {key: self.states.get(key) or RuleState(added_at=now) for key in self._rules}
        if states != self.states:
            self.states = states

    def on_state(self, device: str, published: State | Moment, now: float, wall: float) -> None:
        """Evaluate the rules that wait for a change of another device."""
        for key, rule in self._rules.items():
            if rule.device == device and rule.turns and not self._waits(rule):
                state = self._state(key)
                decision = on_state(rule, state, published, self._context(state, now, wall))
                self._store(key, decision, published.cause)

    def check(self, now: float, wall: float) -> None:
        """Evaluate the rules that wait for a time of day or for a measurement."""
        for key, rule in self._rules.items():
            if self._waits(rule):
                continue
            state = self._state(key)
            if rule.at is not None:
                self._store(key, check_time(rule, state, self._context(state, now, wall)), None)
            elif rule.limit and rule.device and self._peers.is_settled(rule.device, now):
                cause = self._peers.cause(rule.device)
                fields = self._latest(rule.device, now)
                decision = on_measurement(rule, state, fields, cause, self._context(state, now, wall))
                self._store(key, decision, cause)

    def due(self, now: float, *, is_past: bool) -> Iterator[tuple[str, Rule, str | None]]:
        """Yield key, rule and cause of each rule that acts now; the caller runs it before the next.

        With `is_past`, rules with `for` do not act: a later replayed state may cancel them.
        """
        for key, rule in self._rules.items():
            state = self.states.get(key)
            if not state or state.due_at is None or now < state.due_at or (is_past and rule.for_seconds):
                continue
            late_seconds = now - state.due_at
            conditions = check_conditions(rule, lambda device: self._latest(device, now))
            is_late = late_seconds > self._grace_seconds
            if conditions.is_met is None and not is_late:
                self._blocked.add(key)
                continue
            self._blocked.discard(key)
            self._set_state(key, replace(state, due_at=None, cause=None))
            if is_late:
                text = f"it is {late_seconds:.0f} s late" + (conditions.reason and f", {conditions.reason}")
                self.log_refusal("warning", rule, text, state.cause)
            elif conditions.is_met:
                yield key, rule, state.cause
            else:
                self.log_refusal("info", rule, conditions.reason, state.cause)

    def fired(self, key: str, now: float) -> None:
        """Store when a rule acted, for its cooldown."""
        self._set_state(key, replace(self.states[key], fired_at=now))

    def log_refusal(self, level: Level, rule: Rule, reason: str, cause: str | None) -> None:
        """Log why a rule did not act."""
        self._log(level, f"no {rule.do} for {rule.source}: {reason}", cause)

    def next_deadline(self) -> float | None:
        """Return when the next rule acts, in steady seconds; None if none is scheduled.

        A rule that waits for an unknown condition has none: it is evaluated at each message and poll.
        """
        due = (state.due_at for key, state in self.states.items() if key not in self._blocked)
        return min((due_at for due_at in due if due_at is not None), default=None)

    def is_idle(self) -> bool:
        """Return whether no rule can act by the mere passing of time."""
        return not self.uses_time and not self._blocked and self.next_deadline() is None

    def _waits(self, rule: Rule) -> bool:
        return rule.uses_clock and not self.is_clock_right

    def _state(self, key: str) -> RuleState:
        return self.states.get(key, RuleState())

    def _set_state(self, key: str, state: RuleState) -> None:
        self.states = {**self.states, key: state}

    def _store(self, key: str, decision: Decision, cause: str | None) -> None:
        """Store the new state of a rule, and log why it does not act."""
        if decision.refusal:
            self.log_refusal("info", self._rules[key], decision.refusal, cause)
        if decision.state != self.states.get(key):
            self._set_state(key, decision.state)

    def _context(self, state: RuleState, now: float, wall: float) -> RuleContext:
        # The wall clock may have been set since the rule was added: its time is converted anew each time.
        ignore_until = self._created_at if state.added_at is None else wall - (now - state.added_at)
        return RuleContext(
            now=now,
            wall=wall,
            ignore_until=ignore_until,
            grace_seconds=self._grace_seconds,
            calendar=self._calendar,
        )
