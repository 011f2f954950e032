"""When a rule may act: whether a moment lies in its hours and on its days, and which moment is next. Pure."""

from daemons.config.declined_reason import DeclinedReason
from daemons.config.rule import Rule
from daemons.config.schedule import wrong_day
from daemons.config.sun import SunCalendar

MOST_MOMENTS = 1500
"""How many moments of a rule with a time are tried to find one that its other keys allow."""


def outside_schedule(rule: Rule, moment: float, calendar: SunCalendar) -> DeclinedReason | None:
    """Return why a moment (Unix seconds) lies outside the hours and days of a rule, else None."""
    local = rule.schedule.scheduled_time(calendar, moment)
    day = calendar.window_day(moment, *rule.between, local=local) if rule.between else local.date()
    if rule.between and day is None:
        first, last = map(str, rule.between)
        text = f"{local:%H:%M} is not between {first} and {last}"
        return DeclinedReason.of("outside_hours", text, time=f"{local:%H:%M}", first=first, last=last)
    if day is None:
        return None
    return wrong_day(day, rule.days, rule.months, rule.dates, rule.holidays, calendar.holidays)


def next_moment(rule: Rule, calendar: SunCalendar, wall: float) -> float | None:
    """Return the next moment (Unix seconds) of a rule with a time; None if none comes soon."""
    at = wall
    for _ in range(MOST_MOMENTS):
        at = rule.schedule.next_moment(calendar, at)
        if outside_schedule(rule, at, calendar) is None:
            return at
    return None
