"""When a weather service is asked next: as seldom as it wishes, and less often while it fails. Pure."""

from collections.abc import Mapping

from daemons.drivers.transports.http_download import http_date
from daemons.runtime.backoff import backoff_seconds

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 15.0, 900.0
"""The pause after a first failure of the network or the server, and the longest one."""
REFUSED_SECONDS = 3600.0
"""The pause after a refusal that only a person can repair, such as 403."""
BUSY_SECONDS = 600.0
"""The shortest pause after "too many requests"."""
LONGEST_WISH_SECONDS = 6 * 3600.0
"""A longer wish of a server counts as this long: its clock may be wrong."""
TOO_MANY, UNAVAILABLE = 429, 503


def next_after_answer(every_seconds: float, headers: Mapping[str, str], wall: float) -> float:
    """Return the pause after a good answer: `every`, or until the answer expires if that is later."""
    expires, date = http_date(headers.get("expires")), http_date(headers.get("date"))
    left = 0.0 if expires is None else expires - (wall if date is None else date)
    return max(every_seconds, min(left, LONGEST_WISH_SECONDS))


def next_after_failure(
    failures: int, status: int | None, headers: Mapping[str, str], every_seconds: float
) -> float:
    """Return the pause after so many failures in a row; `status` is None if there was no answer."""
    pause = backoff_seconds(failures, min(FIRST_PAUSE_SECONDS, every_seconds), LONGEST_PAUSE_SECONDS)
    if status in (TOO_MANY, UNAVAILABLE):
        wish = retry_after(headers.get("retry-after"))
        least = BUSY_SECONDS if status == TOO_MANY else 0.0
        return max(pause, least, min(wish, LONGEST_WISH_SECONDS))
    if status is not None and 400 <= status < 500:  # noqa: PLR2004
        return REFUSED_SECONDS
    return pause


def retry_after(text: str | None) -> float:
    """Return the seconds of the header Retry-After; 0 if it has none."""
    value = (text or "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else 0.0  # noqa: PLR2004
