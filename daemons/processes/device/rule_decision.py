"""When one rule acts: on a published state, on a measurement or at a time of day. Pure.

Each function takes the state of the rule and returns its new state. A rule that is to act gets a
`due_at`. `rules` runs it at that time, if its conditions are met then.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.config.rule import Rule, StateFields, known_value
from daemons.config.sun import SunCalendar, weekday

MAX_MOMENTS = 8
"""How many moments of a time of day a rule remembers."""


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
    moments: tuple[float, ...] = ()
    """The latest moments of a time of day on which it acted (Unix seconds), newest first."""
    missed_at: float | None = field(name="missed", default=None)
    """The moment of a time of day that was found too late last (Unix seconds)."""


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
    if changed_at <= _handled_until(state, context):
        return Decision(state)
    if any(published.state.get(name) != value for name, value in turns.items()):
        ended_at = context.now - (context.wall - changed_at)
        if rule.for_seconds and state.due_at is not None and ended_at < state.due_at:
            return Decision(replace(state, due_at=None, cause=None))  # the value did not last for long enough
        return Decision(state)
    state = replace(state, handled_until=changed_at, added_at=None)
    return _schedule(rule, state, changed_at, published.cause, context)


def on_measurement(
    rule: Rule, state: RuleState, fields: StateFields | None, cause: str | None, context: RuleContext
) -> Decision:
    """Decide on the measurements of another device; `fields` is None if that device is silent.

    The rule acts when the value crosses the limit, not while the value stays beyond it. An unknown
    value cancels a running `for`, and changes nothing else.
    """
    name, limit = rule.limit or ("", 0.0)
    value = known_value(fields, name)
    if not isinstance(value, int | float):
        if rule.for_seconds and state.due_at is not None:
            return Decision(replace(state, due_at=None, cause=None, is_beyond=False))
        return Decision(state)
    sign = 1 if rule.above else -1
    if state.is_beyond:
        if sign * value <= sign * limit - rule.hysteresis:
            due_at = None if rule.for_seconds else state.due_at
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


def check_conditions(rule: Rule, latest: Callable[[str], StateFields | None]) -> ConditionResult:
    """Check all conditions of a rule that is due; `latest` returns None for a silent device."""
    result = ConditionResult(True)
    if rule.for_seconds and rule.device and latest(rule.device) is None:
        result = ConditionResult(None, f"{rule.device} is silent")
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
    moment += rule.for_seconds
    late_seconds = context.wall - moment
    if late_seconds > context.grace_seconds:
        grace = f"the grace is {context.grace_seconds:g} s"
        return Decision(state, f"that was {late_seconds:.0f} s ago, and {grace}")
    if reason := outside_schedule(rule, moment, context.calendar):
        return Decision(state, reason)
    if state.due_at is not None:
        return Decision(state, "it is already waiting for its delay")
    if state.fired_at is not None and 0 <= context.now - state.fired_at < rule.cooldown_seconds:
        cooldown = f"its cooldown is {rule.cooldown_seconds:g} s"
        return Decision(state, f"it acted {context.now - state.fired_at:.0f} s ago, and {cooldown}")
    if rule.for_seconds:  # also if this lies in the past: a later replayed state may cancel it
        return Decision(replace(state, due_at=context.now - late_seconds, cause=cause))
    due_at = context.now + max(0.0, rule.delay_seconds - max(0.0, late_seconds))
    return Decision(replace(state, due_at=due_at, cause=cause))
