"""The times of log lines in the timezone of the house. Pure, but for the timezone of this machine.

A process writes its log in the local time of its machine.
"""

import re
from datetime import datetime, tzinfo

STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)([.,]\d{3})?(?= )")


def in_house_time(line: str, zone: tzinfo) -> str:
    """Return a log line with its time in a zone, and the zone after it; a line without a time stays."""
    found = STAMP.match(line)
    if found is None:
        return line
    try:
        then = datetime.fromisoformat(found[1]).astimezone(zone)
    except (ValueError, OverflowError):
        return line
    return f"{then:%Y-%m-%d %H:%M:%S}{found[2] or ''} {then:%Z}{line[found.end() :]}"
