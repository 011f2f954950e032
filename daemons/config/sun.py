"""Converts times of day to moments: those of the clock, and those of the sun. Pure."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache

from daemons.values import TimeOfDay

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ONE_DAY = timedelta(days=1)


class SunCalendar:
    """The times of day at one place. The times of the sun need its latitude and longitude."""

    def __init__(self, zone: tzinfo, latitude: float | None = None, longitude: float | None = None) -> None:
        """`latitude` and `longitude` are in degrees; north and east are positive."""
        self.zone = zone
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
            return datetime.combine(day, time.fromisoformat(when), self.zone).timestamp()
        moment = self._cached_sun_moment(when.sun, day)
        return None if moment is None else moment + when.offset_seconds

    def latest_moment(self, when: TimeOfDay, wall: float) -> float | None:
        """Return the latest moment of a time of day that is not after `wall`, both in Unix seconds."""
        today = self.local_time(wall).date()
        moments = [self.moment(when, today + n * ONE_DAY) for n in (-1, 0, 1)]
        return max((moment for moment in moments if moment is not None and moment <= wall), default=None)

    def window_day(self, moment: float, start: TimeOfDay, end: TimeOfDay) -> date | None:
        """Return the day of the window [start, end) that a moment lies in, or None if it lies outside.

        A window may go past midnight; its day is the one on which it begins. For a window with a time of
        the sun, the sun's times at an equinox decide whether it goes past midnight. So a window from
        sunset to 22:00 does not last for nearly a whole day where the sun sets at 22:10: it is empty.
        """
        local = self.local_time(moment)
        today, is_overnight = local.date(), end.usual < start.usual
        if start.sun is None and end.sun is None:  # by the local time alone, also on a day of a clock change
            now = TimeOfDay.of(local.time())
            if is_overnight:
                return today if now >= start else today - ONE_DAY if now < end else None
            return today if start <= now < end else None
        for day in (today - ONE_DAY, today, today + ONE_DAY):
            began = self.moment(start, day)
            ended = self.moment(end, day + ONE_DAY if is_overnight else day)
            if began is not None and ended is not None and began <= moment < ended:
                return day
        return None

    def _sun_moment(self, word: str, day: date) -> float | None:
        """Return the moment (Unix seconds) of a time of the sun, or None if it has none that day.

        astral searches within days of UTC. Where a time of the sun falls on midnight UTC, one day a year
        may have two sunrises by UTC, and astral finds only the other one. That day gets the mean of its
        neighbours. It is right to some seconds, since the sun's times change by nearly the same each day.
        """
        moment, is_missed = self._astral_moment(word, day)
        if is_missed:
            before, after = (self._astral_moment(word, day + n * ONE_DAY)[0] for n in (-1, 1))
            if before is not None and after is not None:
                return (before + after) / 2
        return moment

    def _astral_moment(self, word: str, day: date) -> tuple[float | None, bool]:
        """Return the moment that astral finds, or None; and whether there is one that it does not find."""
        from astral import Observer, sun  # noqa: PLC0415  only devices that use the sun load it

        latitude, longitude = self._position
        if latitude is None or longitude is None:
            raise ValueError("without latitude and longitude there is no sun")
        try:
            found: datetime = getattr(sun, word)(Observer(latitude, longitude), day, tzinfo=self.zone)
        except ValueError as error:  # any other text means that the sun does not rise, or does not set
            return None, str(error).startswith("Unable to find")
        return found.astimezone(UTC).timestamp(), False


def weekday(day: date) -> str:
    """Return the name of a day of the week, as the configuration has it."""
    return DAYS[day.weekday()]
