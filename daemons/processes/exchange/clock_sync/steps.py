"""When a clock was set, so that the times which it wrote before can be corrected. Pure.

A small computer without a battery clock starts with a time long past, and gets the right time from the
network. A press before that is written down with the wrong time. So the exchange remembers the periods
between two settings: which times the clock showed, and how far it was from the present one.
"""

from typing import Annotated

from msgspec import Meta, Struct, field
from msgspec.structs import replace

MIN_STEP_SECONDS = 1.0
"""A clock that was set by less counts as not set."""
NOTICE_SECONDS = 1.5
"""How long after it was set a clock may still be taken for not set: it is checked once a second."""
MAX_PERIODS = 8


class ClockPeriod(Struct, frozen=True):
    """A period in which a clock was not set."""

    begin: float
    """The time that it showed first, in Unix seconds."""
    end: float
    """The time that it showed last, in Unix seconds."""
    ahead_seconds: float = field(name="ahead")
    """The Unix time that it showed, minus the steady seconds of the machine."""


ClockPeriods = Annotated[tuple[ClockPeriod, ...], Meta(max_length=MAX_PERIODS)]


class ClockHistory(Struct, frozen=True, kw_only=True):
    """The settings of this host's clock since the machine started; remembered across a crash."""

    machine_boot: str = field(name="machine")
    """Identifies the start of the machine."""
    current: ClockPeriod = field(name="now")
    """The period that still lasts; its `end` is not kept up to date."""
    earlier: ClockPeriods = field(default=(), name="before")


def update_history(
    history: ClockHistory | None, machine_boot: str, wall: float, steady: float
) -> ClockHistory:
    """Return the history after a look at the clock; the same object unless the clock was set.

    `wall` is the Unix time that the clock shows, `steady` the steady seconds of the machine.
    """
    ahead_seconds = wall - steady
    if history is None or history.machine_boot != machine_boot:
        return ClockHistory(machine_boot=machine_boot, current=ClockPeriod(wall, wall, ahead_seconds))
    if abs(ahead_seconds - history.current.ahead_seconds) < MIN_STEP_SECONDS:
        return history
    ended = replace(history.current, end=steady + history.current.ahead_seconds)
    return replace(
        history,
        current=ClockPeriod(wall, wall, ahead_seconds),
        earlier=(*history.earlier, ended)[-MAX_PERIODS:],
    )


def relative_periods(history: ClockHistory) -> ClockPeriods:
    """Return the periods that have ended, with `ahead_seconds` relative to the present clock."""
    now_ahead_seconds = history.current.ahead_seconds
    return tuple(
        replace(period, ahead_seconds=period.ahead_seconds - now_ahead_seconds) for period in history.earlier
    )


def correct(moment: float, periods: ClockPeriods, remote_now: float) -> float:
    """Return what the present clock of the other host would have shown at a time that it wrote.

    `remote_now` is the present time of that clock. When a clock is set back, it shows some times twice:
    of these, the later one is meant.
    """
    if not periods:
        return moment
    last = periods[-1]
    if last.end - last.ahead_seconds - NOTICE_SECONDS <= moment <= remote_now:
        return moment
    for period in reversed(periods):
        if period.begin <= moment <= period.end:
            return moment - period.ahead_seconds
    return moment
