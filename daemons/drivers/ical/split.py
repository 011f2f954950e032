"""Splits the text of a calendar (RFC 5545) into its series, before a library parses them. Pure.

A series is an event with all its exceptions: the parts of the text with one UID. A calendar of ten years has
thousands of events, and a library needs a millisecond for each. So an event that cannot fall into the wanted
days is left out here, and so is each property that is not shown. A series that would repeat too often is
refused.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

MARK = re.compile(r"^(BEGIN|END):(VCALENDAR|VEVENT|VTIMEZONE)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
END = re.compile(r"^END:VCALENDAR\s*\Z", re.IGNORECASE | re.MULTILINE)
LAST = 1000
"""In how many of the last characters the end of a calendar is searched."""
ZONE_OF_ALL = re.compile(r"^X-WR-TIMEZONE:\s*([\w+./-]{1,60})\s*$", re.IGNORECASE | re.MULTILINE)
PROPERTY = re.compile(r"[A-Za-z-]{1,40}(?=[;:])")
DAY = re.compile(r":(\d{8})(?:T|\s*$)")
ENDS = frozenset(("DTSTART", "DTEND"))
KEPT = frozenset(
    ("UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SEQUENCE",
     "STATUS", "SUMMARY", "LOCATION")
)  # fmt: skip
"""The properties that decide when an event is, and what is shown of it."""
REPEATING = frozenset(("RRULE", "RDATE", "RECURRENCE-ID"))
MAX_LINE = 2000
"""The longest line of a text. The rest of a longer one is not read."""
MAX_DATES = 5000
"""The most dates of an event that are listed one by one."""
MAX_ZONES, MAX_ZONE_LENGTH = 100, 100_000
MAX_PER_DAY = 300
"""The most times that an event may repeat on one day."""
PER_DAY = {"SECONDLY": 86_400, "MINUTELY": 1440, "HOURLY": 24}


class Span(NamedTuple):
    """The first and the last day of what is wanted."""

    first: date
    last: date


class Split(NamedTuple):
    """The parts of a calendar."""

    is_calendar: bool
    """Whether the text is a calendar."""
    is_whole: bool
    """Whether its end is there."""
    zones: list[str]
    """The definitions of its zones."""
    zone_of_all: str | None
    """The zone that some calendars name for all their events."""
    series: list[list[str]]
    """For each series, its events: their lines."""
    refused: int
    """How many series would repeat too often."""


def split(text: str, span: Span) -> Split:
    """Return the parts of one or more calendars, with the events that may fall into the span."""
    series: dict[str, list[str]] = {}
    refused: set[str] = set()
    zones: dict[str, None] = {}
    is_calendar = False
    for word, block in blocks(text):
        is_calendar = True
        if word == "VTIMEZONE" and len(block) <= MAX_ZONE_LENGTH:
            zones[block] = None
        if word != "VEVENT":
            continue
        lines = [line for line in unfolded(block) if name_of(line) in KEPT]
        names = {name_of(line) for line in lines}
        if not may_be_in(lines, names, span):
            continue
        uid = next((line for line in lines if name_of(line) == "UID"), f"without {len(series)}")
        if names & REPEATING and repeats_too_often(lines):
            refused.add(uid)
        series.setdefault(uid, []).append("\n".join(lines))
    zone_of_all = ZONE_OF_ALL.search(text)
    return Split(
        is_calendar=is_calendar,
        is_whole=END.search(text[-LAST:]) is not None,
        zones=list(zones)[:MAX_ZONES],
        zone_of_all=zone_of_all and zone_of_all[1],
        series=[events for uid, events in series.items() if uid not in refused],
        refused=len(refused),
    )


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the word and the text of each event and each zone, and once an empty text for each calendar."""
    word, begins_at = "", 0
    for mark in MARK.finditer(text):
        found = mark[2].upper()
        if mark[1].upper() == "END":
            if found == word:
                yield word, text[begins_at : mark.start()]
            word = ""
        elif found == "VCALENDAR":
            yield found, ""
        else:
            word, begins_at = found, mark.end()


def unfolded(block: str) -> Iterator[str]:
    """Yield the lines of an event, without those of its alarms. Each line is cut to a length."""
    depth = 0
    line = ""
    for piece in (*block.splitlines(), ""):
        if piece[:1] in (" ", "\t"):
            if len(line) < longest(line):
                line += piece[1:]
            continue
        upper = line[:10].upper()
        depth += upper.startswith("BEGIN:") - upper.startswith("END:")
        if line and not depth and not upper.startswith("END:"):
            yield line[: longest(line)]
        line = piece


def longest(line: str) -> int:
    """Return how long a line may be: one with dates may list many of them."""
    return 20 * MAX_DATES if name_of(line) in ("RDATE", "EXDATE") else MAX_LINE


def name_of(line: str) -> str:
    """Return the name of the property in a line; empty if there is none."""
    found = PROPERTY.match(line)
    return found[0].upper() if found else ""


def may_be_in(lines: list[str], names: set[str], span: Span) -> bool:
    """Return whether an event may fall into the span. One that repeats, or moves another one, always may."""
    if "DTSTART" not in names:
        return False
    if names & REPEATING or "DURATION" in names:
        return True
    days = [found[1] for line in lines if name_of(line) in ENDS and (found := DAY.search(line))]
    if not days:
        return True
    return min(days) <= f"{span.last:%Y%m%d}" and max(days) >= f"{span.first:%Y%m%d}"


def repeats_too_often(lines: list[str]) -> bool:
    """Return whether the rules of an event have too many times on one day, or too many dates."""
    dates = sum(line.count(",") + 1 for line in lines if name_of(line) in ("RDATE", "EXDATE"))
    return dates > MAX_DATES or any(
        times_per_day(line) > MAX_PER_DAY for line in lines if name_of(line) == "RRULE"
    )


def times_per_day(rule: str) -> float:
    """Return how often a rule repeats at most on one day."""
    parts = dict(part.split("=", 1) for part in rule.partition(":")[2].upper().split(";") if "=" in part)
    times: float = PER_DAY.get(parts.get("FREQ", "").strip(), 1)
    interval = parts.get("INTERVAL", "1").strip()
    times /= max(1, int(interval)) if interval.isdecimal() and len(interval) < len("1000000") else 1
    for word in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= parts[word].count(",") + 1 if word in parts else 1
    return times
