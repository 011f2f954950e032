"""The options of a calendar."""

import re
from typing import Annotated

from msgspec import Meta, Struct, field

from daemons.values import Seconds

Word = Annotated[str, Meta(min_length=1, max_length=100)]
MAX_STARS = 3
"""The most `*` in one of the words of `match`."""
HOUR_SECONDS, DAY_SECONDS = 3600.0, 86_400.0


class Options(Struct, frozen=True, kw_only=True):
    """The options of a calendar."""

    match: Word | tuple[Word, ...] = ()
    """The words of which an event must have one in its title; `"Bin*"` also finds "Bins". By default every
    event counts."""
    all_day: bool | None = None
    """`true` for only all-day events, `false` for only the others. The default is both."""
    days: Annotated[int, Meta(ge=1, le=14)] = 7
    """For how many days it shows events, today included."""
    stale_seconds: Seconds = field(name="stale_after", default=Seconds(2 * DAY_SECONDS))
    """How long the source may be out of reach, `"1h"` to `"7d"`; after that all values are unknown."""

    def __post_init__(self) -> None:
        """Raise ValueError for a word that finds everything, and for a bad time limit."""
        for word in self.words:
            if not re.search(r"\w", word):
                raise ValueError(f'match: "{word}" has no letter and no digit')
            if word.count("*") > MAX_STARS:
                raise ValueError(f'match: "{word}" has more than {MAX_STARS} *')
        if not HOUR_SECONDS <= self.stale_seconds <= 7 * DAY_SECONDS:
            raise ValueError("stale_after must be from 1h to 7d")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of `match`."""
        return (self.match,) if isinstance(self.match, str) else self.match
