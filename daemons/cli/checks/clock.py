"""Checks whether the clock of the machine is right, and in which timezone the house and the machine are."""

import time
from typing import Any, NamedTuple

from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.cli.init import timezone
from daemons.config.tables import Settings
from daemons.runtime import clock_trust

CHECK = "clock"


class Clock(NamedTuple):
    """What is known of the clock."""

    at: float
    """What it shows, in Unix seconds."""
    is_synchronised: bool
    rtc: float | None
    """What the battery clock shows, in Unix seconds; None without one."""
    is_trusted: bool
    """Whether the devices act by times of day now."""


def read_findings(raw: dict[str, Any] | None) -> list[Finding]:
    """Return the findings about the clock; `raw` are the tables of the house, if they can be read."""
    clock = Clock(
        time.time(),
        clock_trust.is_synchronised(),
        clock_trust.read_rtc(clock_trust.RTC_FOLDER),
        clock_trust.is_clock_right(),
    )
    return [clock_finding(clock), *timezone_findings(raw, timezone())]


def clock_finding(clock: Clock) -> Finding:
    """Return the finding about the time."""
    remedy = "`sudo timedatectl set-ntp true` sets it from the network; `timedatectl` shows the clock"
    if clock.at < clock_trust.EARLIEST:
        return wrong(CHECK, f"the clock shows {time.strftime('%Y-%m-%d', time.gmtime(clock.at))}", remedy)
    if clock.is_synchronised:
        return well(CHECK, "the clock is synchronised")
    if clock_trust.is_confirmed_by_rtc(clock.rtc, clock.at):
        return well(CHECK, "the clock is not synchronised, and the battery clock shows the same time")
    text = "the clock is not synchronised, and no battery clock confirms it"
    if not clock.is_trusted:
        text += "; rules with a time of day wait until ten minutes after boot"
    return wrong(CHECK, text, remedy)


def timezone_findings(raw: dict[str, Any] | None, machine: str | None) -> list[Finding]:
    """Return the finding about the timezones of the house and of the machine."""
    if raw is None:
        return [unknown(CHECK, f"the timezone of the machine is {machine or 'not known'}")]
    table = raw.get("house")
    own = table.get("timezone") if isinstance(table, dict) else None
    if own is None and machine is not None and machine.rpartition("/")[2] not in ("UTC", "UCT", "Zulu"):
        text = (
            f"the house has no timezone, so its times are in {Settings().timezone}; the machine has {machine}"
        )
        return [wrong(CHECK, text, f'write timezone = "{machine}" into [house]')]
    return [
        well(
            CHECK, f"the house is in {own or Settings().timezone}, the machine in {machine or 'no timezone'}"
        )
    ]
