"""When a time of day is, on a given date: a clock's time, or one of the sun's. Pure."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache

from daemons.values import TimeOfDay

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ONE_DAY = timedelta(days=1)


class Almanac:
    """The times of one place: its clocks' and, where it is known where on Earth that is, its sun's."""

    def __init__(self, zone: tzinfo, latitude: float | None = None, longitude: float | None = None) -> None:
        """`latitude` and `longitude` are in degrees, north and east positive."""
        self.zone = zone
        self._observer = (latitude, longitude)
        self._sun = cache(self._find_sun)

    def local(self, moment: float) -> datetime:
        """Give a moment (Unix seconds) as the clocks there show it."""
        return datetime.fromtimestamp(moment, self.zone)

    def moment(self, when: TimeOfDay, day: date) -> float | None:
        """Give the moment (Unix seconds) of a time on a day; nothing when the sun has none that day.

        A clock's time that comes twice, as clocks are set back, is the first of the two; one that
        is passed over is as much later as the clocks are set forward (PEP 495, fold=0).
        """
        if when.sun is None:
            return datetime.combine(day, time.fromisoformat(when), self.zone).timestamp()
        moment = self._sun(when.sun, day)
        return None if moment is None else moment + when.offset_seconds

    def latest(self, when: TimeOfDay, wall: float) -> float | None:
        """Give the last moment of a time that has come by now (Unix seconds)."""
        today = self.local(wall).date()
        moments = [self.moment(when, today + n * ONE_DAY) for n in (-1, 0, 1)]
        return max((moment for moment in moments if moment is not None and moment <= wall), default=None)

    def window(self, moment: float, start: TimeOfDay, end: TimeOfDay) -> date | None:
        """Give the day of the window [start, end) that a moment lies in, or nothing when it is in none.

        A window may go past midnight; then it is the day on which it began. Whether one with the
        sun in it does is read off as if it were an equinox: so a window from sunset to 22:00 is
        none, and not one of a day, where the sun sets at 22:10.
        """
        local = self.local(moment)
        today, nightly = local.date(), end.usual < start.usual
        if start.sun is None and end.sun is None:  # by the hands of the clock, whatever was done to them
            now = TimeOfDay.of(local.time())
            if nightly:
                return today if now >= start else today - ONE_DAY if now < end else None
            return today if start <= now < end else None
        for day in (today - ONE_DAY, today, today + ONE_DAY):
            began = self.moment(start, day)
            ended = self.moment(end, day + ONE_DAY if nightly else day)
            if began is not None and ended is not None and began <= moment < ended:
                return day
        return None

    def _find_sun(self, word: str, day: date) -> float | None:
        """Give the moment, in seconds.

        astral goes by the days of UTC. Where it is midnight there, about once a year one of these has
        two sunrises, say, of which it finds the other one; so that one is put between its neighbours,
        which is right to some seconds: from day to day the sun's times change by nearly as much.
        """
        found, is_missed = self._ask_astral(word, day)
        if is_missed:
            around = [self._ask_astral(word, day + n * ONE_DAY)[0] for n in (-1, 1)]
            if around[0] is not None and around[1] is not None:
                return (around[0] + around[1]) / 2
        return found

    def _ask_astral(self, word: str, day: date) -> tuple[float | None, bool]:
        """Give the moment, if it finds one, and whether there is one that it does not find."""
        from astral import Observer, sun  # noqa: PLC0415  only who goes by the sun pays for it

        latitude, longitude = self._observer
        if latitude is None or longitude is None:
            raise ValueError("without latitude and longitude there is no sun")
        try:
            found: datetime = getattr(sun, word)(Observer(latitude, longitude), day, tzinfo=self.zone)
        except ValueError as error:  # else it does not rise, or does not set
            return None, str(error).startswith("Unable to find")
        return found.astimezone(UTC).timestamp(), False


def weekday(day: date) -> str:
    """Give the word of a day of the week."""
    return DAYS[day.weekday()]
