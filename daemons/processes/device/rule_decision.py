"""When one rule acts: on a published state, on a measurement or at a time of day. Pure.

Each function takes the state of the rule and returns its new state. A rule that is to act gets a
`due_at`: the moment at which a device that was never away acts, also if that moment is past. `rules`
runs all due rules in the order of these moments, if their conditions are met then.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.bus.state_history import CLOCK_STEP_SECONDS
from daemons.config.rule import Rule, StateFields, known_value
from daemons.config.sun import SunCalendar, weekday

JITTER_SECONDS = 0.2
"""How long a busy machine may take between the readings of its two clocks."""
MAX_MOMENTS = 8
"""How many moments a rule remembers; a state lists no more changes."""


class RuleState(Struct, frozen=True):
    """What a rule remembers: which change it handled last, and when it acts next."""

    handled_until: float | None = field(name="turned", default=None)
    """The change that was handled last (Unix seconds of its publisher); no earlier change acts again."""
    fired_at: float | None = field(name="fired", default=None)
    """When this rule acted last, in the device's steady seconds."""
    due_at: float | None = field(name="due", default=None)
    """When this rule acts, in the device's steady seconds; None while nothing is scheduled."""
    cause: str | None = None
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

    def steady(self, moment: float) -> float:
        """Return a moment (Unix seconds) in steady seconds.

        A moment in the future is now: its publisher's clock was wrong.
        """
        return self.now - max(0.0, self.wall - moment)


class Decision(NamedTuple):
    """The new state of a rule; if it does not act on a change that matches, also the reason."""

    state: RuleState
    refusal: str | None = None


class ConditionResult(NamedTuple):
    """Whether all conditions of a rule are met; None if one is unknown. Else also the reason."""

    is_met: bool | None
    reason: str = ""


def on_state(rule: Rule, state: RuleState, published: State | Moment, context: RuleContext) -> Decision:
    """Decide on a state that another device published."""
    turns = rule.turns or {}
    changed_at = max(published.turned.get(name, 0.0) for name in turns)
    is_lost = bool(rule.for_seconds) and is_unreachable(published.state, turns)
    returned_at = published.turned.get("reachable", 0.0)
    """When the hardware was reachable again; a state from before its loss is repeated in the past."""
    if is_lost and state.due_at is not None:
        lost_at = published.turned.get("reachable", context.wall)
        # What followed is unknown. An outage before the `for` began is over: it is only repeated in the past.
        if is_new(state, lost_at, context) and context.steady(lost_at) < state.due_at:
            state = replace(state, due_at=None, cause=None, is_interrupted=True)
    elif state.is_interrupted and not is_lost and is_new(state, returned_at, context):
        state = replace(state, is_interrupted=False)
        changed_at = max(changed_at, returned_at)
    if not is_new(state, changed_at, context):
        return Decision(state)
    if any(published.state.get(name) != value for name, value in turns.items()):
        state = replace(state, is_interrupted=False)
        if rule.for_seconds and state.due_at is not None and context.steady(changed_at) < state.due_at:
            return Decision(replace(state, due_at=None, cause=None))  # the value did not last for long enough
        return Decision(state)
    moments = (changed_at, *state.moments)[:MAX_MOMENTS]
    state = replace(state, handled_until=changed_at, handled_at=context.now, moments=moments, added_at=None)
    if is_lost:
        return Decision(replace(state, is_interrupted=True))
    return _schedule(rule, state, changed_at, published.cause, context)


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


def concerns(rule: Rule, state: RuleState, published: State | Moment, context: RuleContext) -> bool:
    """Return whether a published state may make a rule act, or may end its `for`."""
    turns = rule.turns or {}
    if not is_new(state, max(published.turned.get(name, 0.0) for name in turns), context):
        return bool(rule.for_seconds) and (state.due_at is not None or state.is_interrupted)
    return state.due_at is not None or all(published.state.get(name) == turns[name] for name in turns)


def on_measurement(
    rule: Rule, state: RuleState, fields: StateFields | None, cause: str | None, context: RuleContext
) -> Decision:
    """Decide on the measurements of another device; `fields` is None if that device is silent.

    The rule acts when the value crosses the limit, not while the value stays beyond it. A crossing
    during the cooldown acts at its end, if the value has not returned by then. An unknown value
    cancels a running `for` and such a wait, and changes nothing else.
    """
    name, limit = rule.limit or ("", 0.0)
    value = known_value(fields, name)
    if not isinstance(value, int | float):
        if must_last(rule, state):
            return Decision(replace(state, due_at=None, cause=None, is_beyond=False))
        return Decision(state)
    sign = 1 if rule.above else -1
    if state.is_beyond:
        if sign * value <= sign * limit - rule.hysteresis:
            due_at = None if must_last(rule, state) else state.due_at
            return Decision(replace(state, is_beyond=False, due_at=due_at))
        return Decision(state)
    is_beyond = sign * value > sign * limit
    if state.is_beyond is None or not is_beyond:  # the first known value has not crossed the limit
        return Decision(state if state.is_beyond == is_beyond else replace(state, is_beyond=is_beyond))
    return _schedule(rule, replace(state, is_beyond=True), context.wall, cause, context)


def check_time(rule: Rule, state: RuleState, context: RuleContext) -> Decision:
    """Decide whether the time of day of a rule has come; a moment has the same cause in all devices.

    The rule acts on each moment once. The moments themselves are remembered, and not only the latest: a
    clock that was ahead for a while has passed moments that really come later. A moment that was found too
    late is acted on if the clock is set back to it.
    """
    if rule.at is None or not context.is_clock_right:
        return Decision(state)
    moment = context.calendar.latest_moment(rule.at, context.wall)
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
    return _schedule(rule, state, moment, f"{int(moment):010x}", context)


def is_unreachable(fields: StateFields, turns: StateFields) -> bool:
    """Return whether a device cannot reach its hardware, unless that is what the rule waits for."""
    return fields.get("reachable") is False and "reachable" not in turns


def must_last(rule: Rule, state: RuleState) -> bool:
    """Return whether a rule waits, and the value that it waits for must last until it acts."""
    if state.due_at is None:
        return False
    is_resting = state.fired_at is not None and state.due_at == state.fired_at + rule.cooldown_seconds
    return bool(rule.for_seconds or (rule.limit and rule.cooldown_seconds and is_resting))


def check_conditions(
    rule: Rule, state: RuleState, latest: Callable[[str], StateFields | None]
) -> ConditionResult:
    """Check all conditions of a rule that is due; `latest` returns None for a silent device."""
    result = ConditionResult(True)
    if rule.device and must_last(rule, state):
        fields = latest(rule.device)
        if fields is None:
            result = ConditionResult(None, f"{rule.device} is silent")
        elif is_unreachable(fields, rule.turns or {}):
            result = ConditionResult(None, f"the hardware of {rule.device} cannot be reached")
    for condition in rule.only_if:
        is_met = condition.holds(latest(condition.device))
        if is_met is False:
            return ConditionResult(False, f"condition not met: {condition}")
        if is_met is None:
            result = ConditionResult(None, f"condition unknown: {condition}")
    return result


def outside_schedule(rule: Rule, moment: float, calendar: SunCalendar) -> str | None:
    """Return why a moment (Unix seconds) lies outside the hours and days of a rule, else None."""
    local = calendar.scheduled_time(rule.at, moment) if rule.at else calendar.local_time(moment)
    day = calendar.window_day(moment, *rule.between, local=local) if rule.between else local.date()
    if rule.between and day is None:
        return f"{local:%H:%M} is not between {rule.between[0]} and {rule.between[1]}"
    if rule.days is not None and day is not None and weekday(day) not in rule.days:
        return f"{weekday(day)} is not one of its days"
    return None


def _handled_until(state: RuleState, context: RuleContext) -> float:
    return context.ignore_until if state.handled_until is None else state.handled_until


def _schedule(
    rule: Rule, state: RuleState, moment: float, cause: str | None, context: RuleContext
) -> Decision:
    """Schedule a rule for a moment (Unix seconds) that matches, unless there is a reason not to act."""
    began_at = context.steady(moment)
    due_at = began_at + rule.for_seconds + rule.delay_seconds
    counts_at = context.wall - (context.now - began_at) + rule.for_seconds
    lasts = bool(rule.for_seconds or rule.limit)
    since_acted_seconds = None if state.fired_at is None else abs(began_at - state.fired_at)
    is_resting = since_acted_seconds is not None and since_acted_seconds < rule.cooldown_seconds
    if lasts and is_resting and state.fired_at is not None:  # it acts at the end of its cooldown
        due_at = max(due_at, state.fired_at + rule.cooldown_seconds)
        counts_at = max(counts_at, context.wall - (context.now - due_at))
    if (late_seconds := context.now - due_at) > context.grace_seconds:
        grace = f"the grace is {context.grace_seconds:g} s"
        return Decision(state, f"that was {late_seconds:.0f} s ago, and {grace}")
    if reason := outside_schedule(rule, counts_at, context.calendar):
        return Decision(state, reason)
    if state.due_at is not None and state.due_at > began_at:
        return Decision(state, "it is already waiting for its delay")
    if is_resting and not lasts:
        cooldown = f"its cooldown is {rule.cooldown_seconds:g} s"
        return Decision(state, f"it acted {since_acted_seconds:.0f} s ago, and {cooldown}")
    return Decision(replace(state, due_at=due_at, cause=cause))
