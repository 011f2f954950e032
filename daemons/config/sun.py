"""Converts times of day to moments: those of the clock, and those of the sun. Pure."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, cached_property
from math import floor
from typing import TYPE_CHECKING

from daemons.values import DAYS, TimeOfDay

if TYPE_CHECKING:
    from astral import Observer

ONE_DAY = timedelta(days=1)
DAY_SECONDS = 86_400
SECONDS_PER_DEGREE = 240
"""How much later the mean noon is one degree farther west."""
EVENINGS = ("sunset", "dusk")
ELEVATIONS = {"dawn": -6.0, "sunrise": -0.833, "sunset": -0.833, "dusk": -6.0}
"""The elevation of the sun's centre in degrees. At sunrise and sunset the upper edge of the sun is at the
horizon: 0.833 degrees are its radius and the usual refraction. Dawn and dusk are those of civil twilight."""
PRECISION_SECONDS = 0.5
GOLDEN_RATIO = (5**0.5 - 1) / 2


class SunCalendar:
    """The times of day at one place. The times of the sun need its latitude and longitude."""

    def __init__(self, zone: tzinfo, latitude: float | None = None, longitude: float | None = None) -> None:
        """`latitude` and `longitude` are in degrees; north and east are positive."""
        self.zone = zone
        self.holidays: frozenset[str] = frozenset()
        """The holidays of the place, as ISO dates."""
        self._position = (latitude, longitude)
        self._cached_sun_moment = cache(self._sun_moment)

    def local_time(self, moment: float) -> datetime:
        """Return a moment (Unix seconds) in the local time of the place."""
        return datetime.fromtimestamp(moment, self.zone)

    def moment(self, when: TimeOfDay, day: date) -> float | None:
        """Return the moment (Unix seconds) of a time on a day, or None if the sun has no such time that day.

        When the clocks are set back, some clock times come twice: then this is the first. When they are
        set forward, some do not come: then this is as much later as the clocks are set (PEP 495, fold=0).

        Raises ValueError for a time of the sun if the position is unknown.
        """
        if when.sun is None:
            moment = datetime.combine(day, time.fromisoformat(when.clock), self.zone).timestamp()
            return moment + when.offset_seconds
        found = self._cached_sun_moment(when.sun, day)
        return None if found is None else found + when.offset_seconds

    def latest_moment(self, when: TimeOfDay, wall: float) -> float | None:
        """Return the latest moment of a time of day that is not after `wall`, both in Unix seconds."""
        today = self.local_time(wall).date()
        moments = [self.moment(when, today + n * ONE_DAY) for n in (-2, -1, 0, 1)]
        return max((moment for moment in moments if moment is not None and moment <= wall), default=None)

    def next_moment(self, when: TimeOfDay, wall: float) -> float:
        """Return the next moment of a time of day after `wall`, both in Unix seconds.

        If the sun has no such time in the next days, the result is a day later: until then there is none.
        """
        today = self.local_time(wall).date()
        moments = [self.moment(when, today + n * ONE_DAY) for n in (-2, -1, 0, 1, 2)]
        later = (moment for moment in moments if moment is not None and moment > wall)
        return min(later, default=wall + DAY_SECONDS)

    def scheduled_time(self, when: TimeOfDay, moment: float) -> datetime:
        """Return the local date and time for which a moment of `when` stands.

        A clock time that is skipped when the clocks are set forward comes later, in some places on the
        next day. It still stands for the day and the time on which it was due.
        """
        local = self.local_time(moment)
        if when.sun is None:
            for day in (local.date(), local.date() - ONE_DAY, local.date() + ONE_DAY):
                if self.moment(when, day) == moment:
                    return datetime.combine(day, time.fromisoformat(when.clock))
        return local

    def window_day(
        self, moment: float, start: TimeOfDay, end: TimeOfDay, local: datetime | None = None
    ) -> date | None:
        """Return the day of the window [start, end) that a moment lies in, or None if it lies outside.

        `local` is the local time for which the moment stands, if that is not its own.

        A window may go past midnight; its day is the one on which it begins. For a window with a time of
        the sun, the sun's times at an equinox decide whether it goes past midnight. So a window from
        sunset to 22:00 does not last for nearly a whole day where the sun sets at 22:10: it is empty.
        """
        local = local or self.local_time(moment)
        today, is_overnight = local.date(), end.usual < start.usual
        if start.sun is None and end.sun is None:  # by the local time alone, also on a day of a clock change
            now = TimeOfDay.of(local.time())
            if is_overnight:
                return today if now >= start else today - ONE_DAY if now < end else None
            return today if start <= now < end else None
        for day in (today - 2 * ONE_DAY, today - ONE_DAY, today, today + ONE_DAY):
            began = self.moment(start, day)
            ended = self.moment(end, day + ONE_DAY if is_overnight else day)
            if began is not None and ended is not None and began <= moment < ended:
                return day
        return None

    def _sun_moment(self, word: str, day: date) -> float | None:
        """Return the moment (Unix seconds) of a time of the sun, or None if the day has none.

        The noon of a day is the one nearest to 12:00 local time. Its sunrise and its dawn are the last ones
        before this noon, its sunset and its dusk the next ones after it: where the sun sets after
        midnight, that is still the sunset of the day before. So each event belongs to one day.
        """
        noon = self._noon(day)
        if word == "noon":
            return noon
        other = self._noon(day + (ONE_DAY if word in EVENINGS else -ONE_DAY))
        return self._crossing(noon, other, ELEVATIONS[word])

    def _noon(self, day: date) -> float:
        """Return the moment at which the sun crosses the meridian on a local day.

        It is the true noon nearest to that mean noon of the place which is nearest to 12:00. True noons come
        up to 17 minutes early or late. Where they come at midnight, because the clock has the time of another
        place, two days would have the same one.
        """
        from astral import sun  # noqa: PLC0415  only devices that use the sun load it

        local_noon = datetime.combine(day, time(12), self.zone).timestamp()
        first = DAY_SECONDS / 2 - self._observer.longitude * SECONDS_PER_DEGREE
        mean = first + DAY_SECONDS * floor((local_noon - first) / DAY_SECONDS + 0.5)
        found = [
            sun.noon(self._observer, datetime.fromtimestamp(mean, UTC).date() + n * ONE_DAY).timestamp()
            for n in (-1, 0, 1)
        ]
        return min(found, key=lambda noon: abs(noon - mean))

    def _crossing(self, noon: float, other_noon: float, elevation: float) -> float | None:
        """Return the moment at which the sun crosses an elevation (degrees), or None if it does not.

        Between two noons the sun goes down to its lowest point and up again. The crossing is between `noon`
        and the lowest point. The other half belongs to the event of the other day.
        """
        above, below = noon, self._lowest(noon, other_noon)
        if not self._elevation(above) >= elevation > self._elevation(below):
            return None
        while abs(above - below) > PRECISION_SECONDS:
            middle = (above + below) / 2
            above, below = (middle, below) if self._elevation(middle) >= elevation else (above, middle)
        return above

    def _lowest(self, begin: float, end: float) -> float:
        """Return the moment between two moments at which the sun is lowest, by a golden-section search."""
        while abs(end - begin) > PRECISION_SECONDS:
            first, second = end - (end - begin) * GOLDEN_RATIO, begin + (end - begin) * GOLDEN_RATIO
            if self._elevation(first) < self._elevation(second):
                end = second
            else:
                begin = first
        return (begin + end) / 2

    def _elevation(self, moment: float) -> float:
        """Return the elevation of the sun's centre in degrees, without refraction."""
        from astral import sun  # noqa: PLC0415  as above

        return sun.elevation(self._observer, datetime.fromtimestamp(moment, UTC), with_refraction=False)

    @cached_property
    def _observer(self) -> "Observer":
        from astral import Observer  # noqa: PLC0415  as above

        latitude, longitude = self._position
        if latitude is None or longitude is None:
            raise ValueError("without latitude and longitude there is no sun")
        return Observer(latitude, longitude)


def weekday(day: date) -> str:
    """Return the name of a day of the week, as the configuration has it."""
    return DAYS[day.weekday()]
