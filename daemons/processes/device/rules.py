"""The rules of one appliance: their states, and which of them act now. Pure.

A device that was away learns of many moments at once, and of those of one device before those of
another. It acts on them in the order in which they happened. So a moment that was missed waits until
the other devices were heard, or until `CATCH_UP_SECONDS` are over.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.bus.origin import By, Origin, Reason, is_later_chain
from daemons.bus.state_history import CLOCK_STEP_SECONDS
from daemons.config.declined_reason import DeclinedReason
from daemons.config.device import Device
from daemons.config.rule import Rule, StateFields, rule_key
from daemons.config.sun import SunCalendar
from daemons.config.text import filled
from daemons.errors import Rejected
from daemons.processes.device.latest_states import LatestStates
from daemons.processes.device.log_line import Level, Log, Refusal
from daemons.processes.device.orders import find_order
from daemons.processes.device.rule_decision import (
    Decision,
    RuleContext,
    RuleState,
    Waiting,
    check_conditions,
    check_time,
    concerns,
    on_conditions,
    on_measurement,
    on_state,
)

Latest = Callable[[str, float], State | Moment | None]
"""Returns the latest state of a device at a steady time, or None if that device is silent."""

LIVE_SECONDS = 1.0
"""A moment that is younger is acted on at once. An older one was missed, and others may have been too."""
GRACE_STEP_SECONDS = 0.001
"""The grace has surely passed so much later."""
CATCH_UP_SECONDS = 2.0
"""How long a missed moment waits for the states of other devices, which may have earlier moments."""


class Order(Struct, frozen=True, omit_defaults=True):
    """The latest command that was carried out; an earlier moment that is learned late acts no more."""

    moment: float
    """When it took effect, in the device's steady seconds."""
    do: str
    with_: dict[str, Any] = {}
    lasted: str | None = None
    """The device whose state lasted for the `for` of the rule. Its later word may show that it did not."""


class News(NamedTuple):
    """A state of another device that the rules have not handled yet."""

    changed_at: float
    """When it changed (Unix seconds)."""
    device: str
    published: State | Moment
    earlier: tuple[Moment, ...]
    """The states of the device before this one, oldest first."""


class Heard(NamedTuple):
    """The past states that came with the latest message of a device: they need not be handled again."""

    past: tuple[Moment, ...]
    clock_offset: float
    """The wall clock less the steady clock when that message arrived."""


class Action(NamedTuple):
    """A rule that acts now."""

    key: str
    rule: Rule
    due_at: float
    """When it became due, in the device's steady seconds."""
    moment: float
    """When it takes effect: `due_at`, or now if it had to wait for a condition or for the hardware."""
    cause: str | None
    do: str
    with_: dict[str, Any]
    reason: Reason
    origin: Origin | None
    due: RuleState
    """The state of the rule while it was due."""
    is_circular: bool
    """Whether the device follows another one in a circle, and adopts its chain."""


class Rules:
    """All rules of one appliance. `states` is replaced, never changed in place."""

    def __init__(
        self,
        device: Device,
        states: dict[str, RuleState],
        last_order: Order | None,
        created_at: float,
        calendar: SunCalendar,
        peers: LatestStates,
        latest: Latest,
        log: Log,
    ) -> None:
        self.states = states
        self.last_order = last_order
        self.uses_silence = any(rule.limit or rule.all for rule in device.rules)
        """Whether the silence of another device makes a difference to a rule."""
        self.is_clock_right = True
        """Whether the wall clock is known to be right; rules with times of day wait for it."""
        self._name = device.name
        self._kind = device.kind
        self._heats = getattr(device.options, "max_on_seconds", None) is not None
        self._rules = {rule_key(rule): rule for rule in device.rules}
        self._numbers = {rule_key(rule): number for number, rule in enumerate(device.rules, 1)}
        self._circular = {rule_key(device.rules[index]) for index in device.circular_rules}
        """The keys of the rules in a circle of devices that follow each other."""
        self._own: tuple[Rule, ...] = ()
        """The rules that the kind itself makes of its daily times."""
        self._commands = {command.__name__.lower(): command for command in device.kind.commands}
        self._grace_seconds = device.grace_seconds
        self._created_at = created_at
        self._calendar = calendar
        self._peers = peers
        self._latest = latest
        self._log = log
        self._started_at = 0.0
        self._turning: dict[str, list[str]] = {}
        """By device, the keys of the rules that wait for its changes."""
        for key, rule in self._rules.items():
            if rule.heard and rule.turning:
                self._turning.setdefault(rule.heard, []).append(key)
        self._news: list[News] = []
        """In the order in which they changed, those of one device."""
        self._heard: dict[str, Heard] = {}
        self._blocked: dict[str, str] = {}
        """The due rules that cannot act yet, each with the reason."""
        self._times = [rule.schedule for rule in device.rules if rule.is_timed]
        self._next_time: float | None = None
        """When (steady seconds) the next time of day of a rule comes; None: that was not calculated yet."""
        self._clock_offset = 0.0
        """The wall clock less the steady clock when it was calculated."""
        self._caught_up_at: float | None = None
        """Until when (steady seconds) a missed moment waits for other devices; None if none waits."""

    def start(self, now: float) -> None:
        """Forget removed rules. A rule that is new, or was edited, handles only what happens from now on."""
        self._started_at = now
        states = {key: self.states.get(key) or RuleState(added_at=now) for key in self._rules}
        for key, state in states.items():
            if state.handled_until is not None and state.handled_at is None and self._rules[key].turning:
                states[key] = replace(state, handled_at=now)  # an earlier version did not store it
        if states != self.states:
            self.states = states

    def set_own(self, own: tuple[Rule, ...]) -> None:
        """Replace the rules that the kind makes of its daily times. `start` follows."""
        self._rules = {key: rule for key, rule in self._rules.items() if rule not in self._own}
        self._rules |= {rule_key(rule): rule for rule in own}
        self._times = [rule.schedule for rule in self._rules.values() if rule.is_timed]
        self._own, self._next_time = own, None

    def change_own(self, own: tuple[Rule, ...], now: float, wall: float) -> None:
        """Replace these rules while the device runs: a new time counts from now on."""
        if own == self._own:
            return
        self.set_own(own)
        self._blocked = {key: reason for key, reason in self._blocked.items() if key in self._rules}
        self.states = {key: self.states.get(key) or RuleState(added_at=now) for key in self._rules}
        self._is_time(now, wall)  # calculates the next one

    def hear(self, state: State, now: float, wall: float) -> None:
        """Store the changes of another device that rules wait for; `run` handles them."""
        if state.device not in self._turning:
            return
        keys = self._turning[state.device]
        rules = [(self._rules[key], self._state(key)) for key in keys]
        contexts = [self._context(key, now, wall) for key in keys]
        news: list[News] = []
        changed_at = 0.0
        moments: tuple[State | Moment, ...] = (*self._new_moments(state, wall - now), state)
        first = len(state.past) + 1 - len(moments)
        for index, published in enumerate(moments, first):
            changed_at = max(changed_at, *published.turned.values(), 0.0)
            if published is state and state.origin and not self._circular.isdisjoint(keys):
                changed_at = max(changed_at, min(state.origin.at, wall))  # it may have adopted a later chain
            if news or any(
                concerns(rule, rule_state, published, context)
                for (rule, rule_state), context in zip(rules, contexts, strict=True)
            ):
                news.append(News(changed_at, state.device, published, state.past[:index]))
        first_at = news[0].changed_at if news else changed_at
        kept = [old for old in self._news if old.device != state.device or old.changed_at < first_at]
        self._news = kept + news

    def hears(self, device: str) -> bool:
        """Return whether a rule waits for changes of a device, or for reports about a process."""
        return device in self._turning

    @property
    def has_news(self) -> bool:
        """Whether a change is not handled yet."""
        return bool(self._news)

    def check(self, now: float, wall: float) -> None:
        """Schedule the rules that wait for a time of day or for a measurement."""
        is_time = self._is_time(now, wall)
        for key, rule in self._rules.items():
            if self._waits(rule):
                continue
            state = self._state(key)
            if rule.is_timed:
                if is_time:
                    self._store(key, check_time(rule, state, self._context(key, now, wall)), None)
            elif rule.limit and rule.device and self._is_settled(rule.device, now):
                latest = self._latest(rule.device, now)
                cause = latest.cause if latest else self._peers.cause(rule.device)
                fields = latest.state if latest else None
                decision = on_measurement(rule, state, fields, cause, self._context(key, now, wall))
                self._store(key, decision, cause)
            elif rule.all and all(self._is_settled(condition.device, now) for condition in rule.all):
                context = self._context(key, now, wall)
                decision = on_conditions(rule, state, lambda device: self._latest(device, now), context)
                self._store(key, decision, decision.state.cause)

    def run(self, now: float, wall: float) -> Iterator[Action]:
        """Yield each rule that acts now; the caller carries it out before the next.

        All that happened since the last call is handled in the order of its moments, also if it is
        learned in another order.
        """
        self.check(now, wall)
        tried: set[str] = set()
        while True:
            key = self._next_due(tried, now)
            if key is None and not self._news:
                break
            due_at = None if key is None else self.states[key].due_at
            news = min(self._news, key=lambda news: news.changed_at, default=None)
            news_at = None if news is None else now - max(0.0, wall - news.changed_at)
            moment = min(at for at in (due_at, news_at) if at is not None)
            if self._must_wait(moment, now):
                return
            if key is not None and moment == due_at:
                tried.add(key)
                if action := self._check_due(key, now, wall):
                    yield action
            elif news is not None:
                self._news.remove(news)
                self._handle(news, now, wall)
                tried.clear()
        self._caught_up_at = None

    def fired(self, action: Action) -> None:
        """Store when a rule acted: for its cooldown, and for earlier moments that are learned later."""
        rule = action.rule
        self._set_state(action.key, replace(self.states[action.key], fired_at=action.moment))
        lasted = rule.device if rule.for_seconds else None
        self._note(Order(action.moment, action.do, action.with_, lasted))

    def on_command(self, do: str, with_: Mapping[str, Any], now: float) -> None:
        """Note a command that was carried out: earlier moments that are learned later do not undo it."""
        if self._rules:
            self._note(Order(now, do, dict(with_)))

    def postpone(self, action: Action, reason: str) -> None:
        """Schedule again a rule that cannot act yet: it waits within its grace."""
        state = self.states[action.key]
        waiting = state.waiting if state.due_at is None else (_due(state), *state.waiting)
        due = Waiting(action.due_at, action.cause, action.origin, action.reason.at, action.due.follows)
        state = replace(state.with_due(due, waiting), command=action.due.command)
        self._set_state(action.key, state)
        self._blocked[action.key] = reason

    def log_refusal(self, level: Level, key: str, rule: Rule, reason: str, cause: str | None) -> None:
        """Log why a rule did not act."""
        refusal = Refusal(self._numbers.get(key), reason)
        self._log(level, f"no {rule.do or 'copy'} for {rule.source}: {reason}", cause, refusal)

    def next_deadline(self) -> float | None:
        """Return when time makes a difference to a rule next, in steady seconds; None if it never does.

        A rule that is due and cannot act is evaluated at each message and poll, until its grace is over.
        """
        deadlines = [self._next_action()]
        if self.is_clock_right:
            deadlines.append(self._next_time)
        for key in self._blocked if self._caught_up_at is None else ():
            due_at = self._state(key).due_at
            deadlines.append(None if due_at is None else due_at + self._grace_seconds + GRACE_STEP_SECONDS)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def is_idle(self) -> bool:
        """Return whether no rule waits for anything but a time of day, or a change of another device."""
        return not self.uses_silence and not self._blocked and self._next_action() is None

    def is_clock_moved(self, now: float, wall: float) -> bool:
        """Return whether the wall clock was set since the next time of day was calculated."""
        return bool(self._times) and abs(wall - now - self._clock_offset) >= CLOCK_STEP_SECONDS

    def _next_action(self) -> float | None:
        """Return when a scheduled rule acts, or a missed moment has waited for long enough."""
        if self._caught_up_at is not None:
            return self._caught_up_at
        due = (state.due_at for key, state in self.states.items() if key not in self._blocked)
        return min((due_at for due_at in due if due_at is not None), default=None)

    def _is_time(self, now: float, wall: float) -> bool:
        """Return whether a time of day may have come since the last call; if so, calculate the next one."""
        if not self._times or not self.is_clock_right:
            return False
        if self._next_time is not None and now < self._next_time and not self.is_clock_moved(now, wall):
            return False
        moments = [schedule.next_moment(self._calendar, wall) for schedule in self._times]
        self._next_time, self._clock_offset = now + (min(moments) - wall), wall - now
        return True

    def _new_moments(self, state: State, clock_offset: float) -> list[Moment]:
        """Return the past states that were not handled yet.

        After a step of the clock all count as new: which change is new depends on the time of day.
        """
        heard = self._heard.pop(state.device, None)
        if self.is_clock_right:
            self._heard[state.device] = Heard(state.past, clock_offset)
        if (
            heard is None
            or abs(clock_offset - heard.clock_offset) >= CLOCK_STEP_SECONDS
            or any(news.device == state.device for news in self._news)
        ):
            return [*state.past]
        handled = {id(moment) for moment in heard.past}  # a subscriber keeps the objects of known moments
        return [moment for moment in state.past if id(moment) not in handled]

    def _waits(self, rule: Rule) -> bool:
        return rule.uses_clock and not self.is_clock_right

    def _next_due(self, tried: set[str], now: float) -> str | None:
        """Return the key of the rule that became due first; None if none is due that was not tried yet."""
        due = [
            (state.due_at, key)
            for key in self._rules
            if key not in tried and (state := self._state(key)).due_at is not None and state.due_at <= now
        ]
        return min(due, key=lambda entry: entry[0], default=(0.0, None))[1]

    def _check_due(self, key: str, now: float, wall: float) -> Action | None:
        """Return the action of a rule that is due; None if it cannot act yet, or does not act at all."""
        rule, state = self._rules[key], self.states[key]
        if state.due_at is None:
            return None
        if state.command is not None:
            rule = replace(rule, do=state.command[0], with_=state.command[1])
        late_seconds = now - state.due_at
        conditions = check_conditions(rule, state, lambda device: self._latest(device, now), wall)
        is_late = late_seconds > self._grace_seconds
        if conditions.is_met is None and not is_late:
            self._blocked[key] = conditions.reason or ""
            return None
        blocked = self._blocked.pop(key, None)
        waited_until = state.due_at if rule.delay_seconds else None
        self._set_state(key, replace(state.without_due(), waited_until=waited_until))
        action = self._action(key, state, state.due_at if blocked is None else now)
        if is_late:
            late = late_reason(late_seconds, conditions.reason or blocked)
            self.log_refusal("warning", key, rule, late, state.cause)
        elif not conditions.is_met:
            self.log_refusal("info", key, rule, conditions.reason or "", state.cause)
        elif key in self._circular and not is_later_chain(state.origin, self._own_origin(now)):
            later = DeclinedReason.of("later_change", "a later change came after it")
            self.log_refusal("info", key, rule, later, state.cause)
        elif (
            key not in self._circular
            and (order := self.last_order)
            and self._is_undone(action, order, now, waited=blocked is not None)
        ):
            self._set_state(key, replace(self.states[key], fired_at=state.due_at))
            later = DeclinedReason.of("later_command", f"{order.do} came after it", command=order.do)
            self.log_refusal("info", key, rule, later, state.cause)
        elif not action.do:
            none = DeclinedReason.of("no_command", "no command leads to these values")
            self.log_refusal("info", key, rule, none, state.cause)
        else:
            return action
        return None

    def _action(self, key: str, state: RuleState, moment: float) -> Action:
        """Return what a rule does that is due, and takes effect at `moment` (steady seconds)."""
        rule = self._rules[key]
        do, with_ = rule.do, rule.with_
        if rule.follow:
            do, with_ = self._kind.command_to(state.follows or {}) or ("", {})
        if state.command is not None:
            do, with_ = state.command
        by: By = "clock" if rule.is_timed else "rule"
        if rule.has_text and do in self._commands:
            with_ = filled(with_, state.follows or {}, self._commands[do])
        source = rule.device or rule.process or (state.origin.device if state.origin and rule.all else None)
        reason = Reason(by, source, self._numbers.get(key), state.moment)
        due_at = state.due_at or moment
        return Action(
            key,
            rule,
            due_at,
            moment,
            state.cause,
            do,
            with_,
            reason,
            state.origin,
            state,
            key in self._circular,
        )

    def _handle(self, news: News, now: float, wall: float) -> None:
        """Decide on one state of a device for all rules that wait for it."""
        for key in self._turning[news.device]:
            if self._waits(self._rules[key]):
                continue
            state = self._state(key)
            rule, context = self._rules[key], self._context(key, now, wall)
            decision = on_state(rule, state, news.published, context, news.earlier)
            if rule.command_from is not None and decision.state.due_at not in (None, state.due_at):
                decision = self._with_command(rule, state, decision, news.published.state)
            self._store(key, decision, news.published.cause)

    def _with_command(
        self, rule: Rule, before: RuleState, decision: Decision, fields: StateFields
    ) -> Decision:
        """Return a decision to act with the command that came with the change; not to act if none came."""
        text = fields.get(rule.command_from or "")
        if text is None:
            return Decision(replace(decision.state, command=None))
        command = find_order(text, self._name, self._commands)
        if command is None:
            return Decision(replace(decision.state, due_at=before.due_at, cause=before.cause))
        return Decision(replace(decision.state, command=command))

    def _is_undone(self, action: Action, order: Order, now: float, *, waited: bool) -> bool:
        """Return whether another command that took effect later leaves nothing of an action.

        An action that had to wait was tried before, so a command at the same moment came after it.
        """
        began_at = action.due_at - action.rule.for_seconds - action.rule.delay_seconds
        if not waited and self._is_live(began_at, now):
            return False
        is_earlier = action.due_at <= order.moment if waited else action.due_at < order.moment
        is_other = (action.do, action.with_) != (order.do, order.with_)
        return is_earlier and is_other and (order.lasted is None or order.lasted != action.rule.device)

    def _is_live(self, moment: float, now: float) -> bool:
        return moment >= self._started_at and now - moment < LIVE_SECONDS

    def _must_wait(self, moment: float, now: float) -> bool:
        """Return whether a missed moment waits for the states of devices that may have earlier ones.

        It waits at most for half of what is left of its grace.
        """
        if self._is_live(moment, now) or all(
            device == self._name or self._peers.is_known_at(device, moment) for device in self._turning
        ):
            return False
        if self._caught_up_at is None:
            left_seconds = moment + self._grace_seconds - now
            self._caught_up_at = now + min(CATCH_UP_SECONDS, left_seconds / 2)
        return now < self._caught_up_at

    def _is_settled(self, device: str, now: float) -> bool:
        return device == self._name or self._peers.is_settled(device, now)

    def _own_origin(self, now: float) -> Origin | None:
        """Return where the latest change of the own device began."""
        own = self._latest(self._name, now)
        return own.origin if own else None

    def _note(self, order: Order) -> None:
        if self.last_order is None or order.moment >= self.last_order.moment:
            self.last_order = order

    def _state(self, key: str) -> RuleState:
        return self.states.get(key, RuleState())

    def _set_state(self, key: str, state: RuleState) -> None:
        self.states = {**self.states, key: state}

    def _store(self, key: str, decision: Decision, cause: str | None) -> None:
        """Store the new state of a rule, and log why it does not act."""
        if decision.refusal:
            self.log_refusal("info", key, self._rules[key], decision.refusal, cause)
        before = self._state(key)
        if decision.state.due_at != before.due_at:
            self._blocked.pop(key, None)  # what waited is over, and time makes a difference again
        if decision.state != self.states.get(key):
            self._set_state(key, decision.state)

    def _context(self, key: str, now: float, wall: float) -> RuleContext:
        added_at, is_circular = self._state(key).added_at, key in self._circular
        # The wall clock may have been set since the rule was added: its time is converted anew each time.
        ignore_until = self._created_at if added_at is None else wall - (now - added_at)
        return RuleContext(
            now=now,
            wall=wall,
            ignore_until=ignore_until,
            grace_seconds=self._grace_seconds,
            heats=self._heats,
            calendar=self._calendar,
            is_circular=is_circular,
            own_origin=self._own_origin(now) if is_circular else None,
        )


def reason_of(error: Rejected) -> str:
    """Return why the device refuses the command of a rule; with a code, if the refusal has one."""
    if error.code is None:
        return str(error)
    return DeclinedReason.of(error.code, str(error), **error.values)


def late_reason(seconds: float, blocked: str | None) -> DeclinedReason:
    """Return the reason of a rule that could not act in time; `blocked` is what has kept it from acting."""
    text = f"it is {seconds:.0f} s late" + (f", {blocked}" if blocked else "")
    if isinstance(blocked, DeclinedReason):
        return DeclinedReason.of(blocked.code, text, **blocked.values, late_seconds=round(seconds))
    return DeclinedReason.of("late", text, seconds=round(seconds))


def _due(state: RuleState) -> Waiting:
    """Return the moment on which a rule acts next."""
    return Waiting(state.due_at or 0.0, state.cause, state.origin, state.moment, state.follows)
