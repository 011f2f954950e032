"""When one rule acts: on a published state, on a measurement or at a time of day. Pure.

Each function takes the state of the rule and returns its new state. A rule that is to act gets a
`due_at`: the moment at which a device that was never away acts, also if that moment is past. `rules`
runs all due rules in the order of these moments, if their conditions are met then.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.bus.origin import Origin, is_later_chain, new_origin_id
from daemons.bus.state_history import CLOCK_STEP_SECONDS
from daemons.config.declined_reason import Code, DeclinedReason
from daemons.config.rule import Condition, Known, Rule, StateFields, known_value
from daemons.config.rule_schedule import outside_schedule
from daemons.config.sun import SunCalendar

JITTER_SECONDS = 0.2
"""How long a busy machine may take between the readings of its two clocks."""
MAX_MOMENTS = 8
"""How many moments a rule remembers; a state lists no more changes."""
MAX_WAITING = 8
"""How many moments of a rule with `mode = "queued"` wait at once, beside the first."""


class Trigger(NamedTuple):
    """What makes a rule act: the moment, and where its chain began."""

    moment: float
    """When it happened (Unix seconds)."""
    cause: str
    origin: Origin


class Waiting(Struct, frozen=True, omit_defaults=True):
    """A moment of a rule that has its time still before it."""

    due_at: float = field(name="due")
    """When the rule acts, in the device's steady seconds."""
    cause: str | None = None
    origin: Origin | None = None
    moment: float | None = None
    """The moment on which it acts (Unix seconds)."""
    follows: dict[str, Any] | None = None
    """The values that it copies, or fills into its texts."""


class RuleState(Struct, frozen=True, omit_defaults=True):
    """What a rule remembers: which change it handled last, and when it acts next."""

    handled_until: float | None = field(name="turned", default=None)
    """The change that was handled last (Unix seconds of its publisher); no earlier change acts again."""
    fired_at: float | None = field(name="fired", default=None)
    """When this rule acted last, in the device's steady seconds."""
    due_at: float | None = field(name="due", default=None)
    """When this rule acts, in the device's steady seconds; None while nothing is scheduled."""
    cause: str | None = None
    origin: Origin | None = None
    """The beginning of the chain on which it acts."""
    moment: float | None = None
    """The moment on which it acts (Unix seconds)."""
    follows: dict[str, Any] | None = None
    """The values that it copies, or fills into its texts."""
    waiting: tuple[Waiting, ...] = ()
    """With `mode = "queued"`: further moments on which it acts later, in their order."""
    added_at: float | None = field(name="since", default=None)
    """When this rule was added, in the device's steady seconds; None once a change was handled."""
    is_beyond: bool | None = field(name="beyond", default=None)
    """Whether the measurement was beyond the limit when it was last known; None before that."""
    handled_at: float | None = None
    """When the change was handled, in the device's steady seconds: it happened no later than that."""
    is_interrupted: bool = field(name="interrupted", default=False)
    """Whether a running `for` ended because the hardware was lost; it begins anew when that is back."""
    moments: tuple[float, ...] = ()
    """The latest changes, or moments of a time of day, that it handled (Unix seconds), newest first."""
    missed_at: float | None = field(name="missed", default=None)
    """The moment of a time of day that was found too late last (Unix seconds)."""
    command: tuple[str, dict[str, Any]] | None = None
    """While it waits: the command that came with the change, if that is not the one of the rule."""
    waited_until: float | None = None
    """Until when its last `delay` lasted, in the device's steady seconds."""
    chain: str | None = None
    """For a rule in a circle: the id of the origin of the chain that it handled last."""

    def without_due(self) -> "RuleState":
        """Return the state after its moment; the next one that waits comes."""
        if self.waiting:
            return self.with_due(self.waiting[0], self.waiting[1:])
        return replace(self, due_at=None, cause=None, origin=None, moment=None, follows=None)

    def with_due(self, due: Waiting, waiting: tuple[Waiting, ...] = ()) -> "RuleState":
        """Return the state with a moment on which the rule acts, and those after it."""
        return replace(
            self,
            due_at=due.due_at,
            cause=due.cause,
            origin=due.origin,
            moment=due.moment,
            follows=due.follows,
            waiting=waiting,
        )

    def cancelled(self) -> "RuleState":
        """Return the state without any moment on which the rule acts."""
        return replace(self, waiting=()).without_due()


class RuleContext(Struct, frozen=True, kw_only=True):
    """The time at which a rule is evaluated, and the settings of its device."""

    now: float
    """The device's steady seconds."""
    wall: float
    """The wall clock (Unix seconds). Published changes and times of day are measured by it."""
    ignore_until: float
    """A rule that has handled nothing yet ignores all changes up to this time (Unix seconds)."""
    grace_seconds: float
    """How late a rule may still act."""
    is_clock_right: bool = True
    """Whether the wall clock is known to be right; before that no time of day comes."""
    calendar: SunCalendar
    heats: bool = False
    """Whether the device can start a fire: then nothing is switched on because of something long ago."""
    is_circular: bool = False
    """Whether the rule is in a circle of devices that follow each other: then only a chain counts that began
    later than that of the own device."""
    own_origin: Origin | None = None
    """For such a rule: where the chain of the own device began."""

    def steady(self, moment: float) -> float:
        """Return a moment (Unix seconds) in steady seconds.

        A moment in the future is now: its publisher's clock was wrong.
        """
        return self.now - max(0.0, self.wall - moment)


class Decision(NamedTuple):
    """The new state of a rule; if it does not act on a change that matches, also the reason."""

    state: RuleState
    refusal: DeclinedReason | None = None


class ConditionResult(NamedTuple):
    """Whether all conditions of a rule are met; None if one is unknown. Else also the reason."""

    is_met: bool | None
    reason: DeclinedReason | None = None


def on_state(
    rule: Rule,
    state: RuleState,
    published: State | Moment,
    context: RuleContext,
    earlier: Sequence[Moment] = (),
) -> Decision:
    """Decide on a state that a device published; `earlier` are its states before, oldest first."""
    changed_at = max(published.turned.get(name, 0.0) for name in rule.turning)
    is_lost = bool(rule.for_seconds) and is_unreachable(published.state, rule)
    returned_at = published.turned.get("reachable", 0.0)
    """When the hardware was reachable again; a state from before its loss is repeated in the past."""
    if is_lost and state.due_at is not None:
        lost_at = published.turned.get("reachable", context.wall)
        # What followed is unknown. An outage before the `for` began is over: it is only repeated in the past.
        if is_new(state, lost_at, context) and context.steady(lost_at) < state.due_at:
            state = replace(state.cancelled(), is_interrupted=True)
    elif state.is_interrupted and not is_lost and is_new(state, returned_at, context):
        state = replace(state, is_interrupted=False)
        changed_at = max(changed_at, returned_at)
    chain = later_chain(state, published, context)
    is_turn = is_new(state, changed_at, context)
    if not is_turn and chain is None:
        return Decision(state)
    if not has_turned(rule, published, earlier):
        state = replace(state, is_interrupted=False)
        if rule.for_seconds and state.due_at is not None and context.steady(changed_at) < state.due_at:
            return Decision(state.cancelled())  # the value did not last for long enough
        return Decision(state)
    if is_turn:
        moments = (changed_at, *state.moments)[:MAX_MOMENTS]
        state = replace(
            state, handled_until=changed_at, handled_at=context.now, moments=moments, added_at=None
        )
    if is_lost:
        return Decision(replace(state, is_interrupted=True))
    follows = copied_values(rule, published.state)
    trigger = trigger_of(rule.device or "", published, changed_at)
    if chain is not None:
        state = replace(state, chain=chain.id)
    if chain is not None and not is_turn:
        trigger = Trigger(min(chain.at, context.wall), chain.id, chain)
    is_lasting = bool(rule.follow) and isinstance(published, State) and not context.heats
    return _schedule(rule, state, trigger, context, follows, is_lasting=is_lasting)


def copied_values(rule: Rule, fields: StateFields) -> dict[str, Any] | None:
    """Return the values that a rule copies, or fills into its texts; None if there are none."""
    return {name: fields.get(name) for name in rule.copied} or None


def trigger_of(device: str, published: Known | State | Moment, changed_at: float) -> Trigger:
    """Return a change of a device (Unix seconds) as a trigger; without an origin, it begins with it."""
    cause: str | None = getattr(published, "cause", None)
    origin: Origin | None = getattr(published, "origin", None)
    if origin is None:
        id_ = cause or new_origin_id(device, changed_at)
        origin = Origin(id_, changed_at, "program", device)
    return Trigger(changed_at, cause or origin.id, origin)


def has_turned(rule: Rule, published: State | Moment, earlier: Sequence[Moment]) -> bool:
    """Return whether a state has the values that a rule waits for, and took them from those it names.

    A value before the oldest known state is unknown, and equals none.
    """
    fields = published.state
    if any(fields.get(name) != value for name, value in rule.wanted.items()):
        return False
    return all(
        former_value(name, published, earlier) == (True, value) and fields.get(name) != value
        for name, value in rule.former.items()
    )


def former_value(name: str, published: State | Moment, earlier: Sequence[Moment]) -> tuple[bool, Any]:
    """Return whether the value is known that a field had before its present one, and that value."""
    present = published.state.get(name)
    for moment in reversed(earlier):
        if name in moment.state and moment.state[name] != present:
            return True, moment.state[name]
    return False, None


def is_new(state: RuleState, changed_at: float, context: RuleContext) -> bool:
    """Return whether a change (Unix seconds of its publisher) was not handled yet.

    A change is new if it is later than the last one that was handled. If the wall clock was set back
    since, a change is also new if it is later than the real moment at which that one was handled. But a
    program may publish an earlier change again with its wrong time, so a time that was handled is never new.
    """
    last = _handled_until(state, context)
    if changed_at > last:
        return True
    if state.handled_until is None or state.handled_at is None or changed_at in state.moments:
        return False
    handled = context.wall - (context.now - state.handled_at)
    return last - handled >= CLOCK_STEP_SECONDS and handled + JITTER_SECONDS < changed_at <= context.wall


def later_chain(state: RuleState, published: State | Moment, context: RuleContext) -> Origin | None:
    """Return the origin of a state whose chain is later than that of the own device, and not handled yet.

    A device in a circle that has a value already adopts the later chain which leads to it. Its state does not
    change, but the devices that follow it must hear of the chain: it counts more than their own one.
    """
    origin = published.origin
    if not context.is_circular or isinstance(published, Moment) or origin is None or origin.id == state.chain:
        return None
    if state.handled_until is None and origin.at <= context.ignore_until:
        return None
    return origin if is_later_chain(origin, context.own_origin) else None


def concerns(rule: Rule, state: RuleState, published: State | Moment, context: RuleContext) -> bool:
    """Return whether a published state may make a rule act, or may end its `for`."""
    is_turn = is_new(state, max(published.turned.get(name, 0.0) for name in rule.turning), context)
    if not is_turn and later_chain(state, published, context) is None:
        return bool(rule.for_seconds) and (state.due_at is not None or state.is_interrupted)
    wanted = rule.wanted
    return state.due_at is not None or all(published.state.get(name) == wanted[name] for name in wanted)


def on_measurement(
    rule: Rule, state: RuleState, fields: StateFields | None, cause: str | None, context: RuleContext
) -> Decision:
    """Decide on the measurements of a device; `fields` is None if that device is silent.

    The rule acts when the value crosses the limit, not while the value stays beyond it. A crossing
    during the cooldown acts at its end, if the value has not returned by then. An unknown value
    cancels a running `for` and such a wait, and changes nothing else.
    """
    name, limit = rule.limit or ("", 0.0)
    value = known_value(fields, name)
    if not isinstance(value, int | float):
        if must_last(rule, state):
            return Decision(replace(state.cancelled(), is_beyond=False))
        return Decision(state)
    sign = 1 if rule.above else -1
    if state.is_beyond:
        if sign * value <= sign * limit - rule.hysteresis:
            state = state.cancelled() if must_last(rule, state) else state
            return Decision(replace(state, is_beyond=False))
        return Decision(state)
    is_beyond = sign * value > sign * limit
    if state.is_beyond is None or not is_beyond:  # the first known value has not crossed the limit
        return Decision(state if state.is_beyond == is_beyond else replace(state, is_beyond=is_beyond))
    origin = Origin(new_origin_id(rule.device or "", context.wall), context.wall, "sensor", rule.device)
    trigger = Trigger(context.wall, cause or origin.id, origin)
    follows = copied_values(rule, fields or {})
    return _schedule(rule, replace(state, is_beyond=True), trigger, context, follows)


def on_conditions(
    rule: Rule, state: RuleState, latest: Callable[[str], Known | None], context: RuleContext
) -> Decision:
    """Decide on the conditions of a rule with `all`.

    The rule acts when they begin to hold together. If the values of all of them have a time of change, they
    began at the latest of these. An unknown condition ends a running `for`, and changes nothing else.
    """
    known = [(condition, latest(condition.device)) for condition in rule.all or ()]
    results = [condition.holds(found, context.wall) for condition, found in known]
    if False in results or None in results:
        if must_last(rule, state):
            return Decision(replace(state.cancelled(), is_beyond=False))
        return Decision(replace(state, is_beyond=False) if False in results else state)
    if state.is_beyond is not False:  # the first known values have not begun to hold
        return Decision(state if state.is_beyond else replace(state, is_beyond=True))
    trigger = _latest_change(known, context.wall)
    return _schedule(rule, replace(state, is_beyond=True), trigger, context)


def _latest_change(known: Sequence[tuple[Condition, Known | None]], wall: float) -> Trigger:
    """Return the change by which conditions began to hold.

    A measurement, and a device that is silent, count as changed at `wall`.
    """
    changes = [
        (max((found.turned.get(name, 0.0) for name in condition.is_), default=0.0), condition, found)
        if condition.is_ and found is not None
        else (wall, condition, found)
        for condition, found in known
    ]
    changed_at, condition, found = max(changes, key=lambda change: change[0])
    if condition.is_ and changed_at and found is not None:
        return trigger_of(condition.device, found, min(changed_at, wall))
    origin = Origin(new_origin_id(condition.device, wall), wall, "sensor", condition.device)
    return Trigger(wall, origin.id, origin)


def check_time(rule: Rule, state: RuleState, context: RuleContext) -> Decision:
    """Decide whether the time of day of a rule has come; a moment has the same cause in all devices.

    The rule acts on each moment once. The moments themselves are remembered, and not only the latest: a
    clock that was ahead for a while has passed moments that really come later. A moment that was found too
    late is acted on if the clock is set back to it.
    """
    if not rule.is_timed or not context.is_clock_right:
        return Decision(state)
    moment = rule.schedule.latest_moment(context.calendar, context.wall)
    if moment is None or moment in state.moments or moment == state.handled_until:
        return Decision(state)
    if state.handled_until is None and moment <= context.ignore_until:
        return Decision(state)
    if outside_schedule(rule, moment, context.calendar):
        return Decision(state)  # without a refusal: a rule for Saturdays would log one on every other day
    is_late = context.wall - moment > context.grace_seconds
    if is_late and (moment == state.missed_at or moment < _handled_until(state, context)):
        return Decision(state)  # it was logged, or lies before a moment that was handled
    if is_late:
        state = replace(state, missed_at=moment)
    else:
        moments = (moment, *state.moments)[:MAX_MOMENTS]
        state = replace(state, handled_until=moment, moments=moments, added_at=None)
    cause = f"{int(moment):010x}"
    return _schedule(rule, state, Trigger(moment, cause, Origin(cause, moment, "clock")), context)


def is_unreachable(fields: StateFields, rule: Rule) -> bool:
    """Return whether a device cannot reach its hardware, unless that is what the rule waits for."""
    return fields.get("reachable") is False and "reachable" not in rule.turning


def must_last(rule: Rule, state: RuleState) -> bool:
    """Return whether a rule waits, and the value that it waits for must last until it acts."""
    if state.due_at is None:
        return False
    is_resting = state.fired_at is not None and state.due_at == state.fired_at + rule.cooldown_seconds
    lasts = rule.limit or rule.all
    return bool(rule.for_seconds or (lasts and rule.cooldown_seconds and is_resting))


def check_conditions(
    rule: Rule, state: RuleState, latest: Callable[[str], Known | None], wall: float
) -> ConditionResult:
    """Check all conditions of a rule that is due; `latest` returns None for a silent device."""
    result = ConditionResult(True)
    if rule.device and must_last(rule, state):
        known = latest(rule.device)
        if known is None:
            result = ConditionResult(None, silent(rule.device))
        elif is_unreachable(known.state, rule):
            text = f"the hardware of {rule.device} cannot be reached"
            result = ConditionResult(None, DeclinedReason.of("unreachable", text, device=rule.device))
    for condition in rule.only_if:
        is_met = condition.holds(latest(condition.device), wall)
        if is_met is False:
            return ConditionResult(False, about("condition_not_met", "condition not met", condition))
        if is_met is None:
            result = ConditionResult(None, about("condition_unknown", "condition unknown", condition))
    for condition in rule.none:
        is_met = condition.holds(latest(condition.device), wall)
        if is_met:
            return ConditionResult(False, about("none_met", "condition of none is met", condition))
        if is_met is None:
            result = ConditionResult(None, about("condition_unknown", "condition unknown", condition))
    alternatives = [condition.holds(latest(condition.device), wall) for condition in rule.any]
    if rule.any and True not in alternatives:
        texts = ", ".join(map(str, rule.any))
        if None not in alternatives:
            return ConditionResult(False, about("any_not_met", "no condition of any is met", texts))
        result = ConditionResult(None, about("any_unknown", "conditions of any unknown", texts))
    return result


def silent(device: str) -> DeclinedReason:
    """Return the reason that a device is silent."""
    return DeclinedReason.of("silent", f"{device} is silent", device=device)


def about(code: Code, text: str, conditions: Condition | str) -> DeclinedReason:
    """Return a reason about one or several conditions."""
    return DeclinedReason.of(code, f"{text}: {conditions}", conditions=str(conditions))


def _handled_until(state: RuleState, context: RuleContext) -> float:
    return context.ignore_until if state.handled_until is None else state.handled_until


def _schedule(
    rule: Rule,
    state: RuleState,
    trigger: Trigger,
    context: RuleContext,
    follows: dict[str, Any] | None = None,
    *,
    is_lasting: bool = False,
) -> Decision:
    """Schedule a rule for a moment that matches, unless there is a reason not to act.

    With `is_lasting`, the moment began what still holds, so it counts however late it is learned.
    """
    began_at = context.steady(trigger.moment)
    wait_seconds = rule.for_seconds + rule.delay_seconds
    due_at = began_at + wait_seconds
    counts_at = context.wall - (context.now - began_at) + rule.for_seconds
    lasts = bool(rule.for_seconds or rule.limit or rule.all)
    since_acted_seconds = None if state.fired_at is None else abs(began_at - state.fired_at)
    is_resting = since_acted_seconds is not None and since_acted_seconds < rule.cooldown_seconds
    if lasts and is_resting and state.fired_at is not None:  # it acts at the end of its cooldown
        due_at = max(due_at, state.fired_at + rule.cooldown_seconds)
        counts_at = max(counts_at, context.wall - (context.now - due_at))
    if is_lasting:
        due_at = max(due_at, context.now - context.grace_seconds)
    if (late_seconds := context.now - due_at) > context.grace_seconds:
        text = f"that was {late_seconds:.0f} s ago, and the grace is {context.grace_seconds:g} s"
        seconds = {"seconds": round(late_seconds), "grace_seconds": context.grace_seconds}
        return Decision(state, DeclinedReason.of("late", text, **seconds))
    if reason := outside_schedule(rule, counts_at, context.calendar):
        return Decision(state, reason)
    if context.is_circular and not is_later_chain(trigger.origin, context.own_origin):
        return Decision(state)  # without a refusal: the chain comes back from a device that follows
    is_waiting = state.due_at is not None and state.due_at > began_at
    has_waited = state.waited_until is not None and (  # the moment is learned late
        state.waited_until - wait_seconds <= began_at < state.waited_until
    )
    if (is_waiting or has_waited) and rule.mode == "single":
        word = "for" if rule.for_seconds else "delay"
        text = f"it is already waiting for its {word}"
        return Decision(state, DeclinedReason.of("waits_already", text, key=word))
    if is_waiting and rule.mode == "queued" and len(state.waiting) >= MAX_WAITING:
        text = f"{MAX_WAITING + 1} moments already wait"
        return Decision(state, DeclinedReason.of("too_many_wait", text, most=MAX_WAITING + 1))
    if is_resting and since_acted_seconds is not None and not lasts:
        text = f"it acted {since_acted_seconds:.0f} s ago, and its cooldown is {rule.cooldown_seconds:g} s"
        seconds = {"seconds": round(since_acted_seconds), "cooldown_seconds": rule.cooldown_seconds}
        return Decision(state, DeclinedReason.of("cooldown", text, **seconds))
    origin = trigger.origin
    if wait_seconds:  # what follows later is a chain of its own
        origin = replace(origin, id=f"{origin.id[:62]}+", at=context.wall - (context.now - due_at))
    due = Waiting(due_at, trigger.cause, origin, trigger.moment, follows)
    if is_waiting and rule.mode == "queued":
        return Decision(replace(state, waiting=(*state.waiting, due)))
    return Decision(state.with_due(due, state.waiting))
