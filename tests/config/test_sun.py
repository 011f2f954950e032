"""Times of day as moments: those of the clock over changes of summer time, those of the sun at any place."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from astral import Observer, sun
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config.sun import SunCalendar
from daemons.values import SUN, TimeOfDay

BERLIN = SunCalendar(ZoneInfo("Europe/Berlin"), 52.52, 13.405)
TROMSO = SunCalendar(ZoneInfo("Europe/Oslo"), 69.65, 18.96)
SUMMER, WINTER = date(2026, 6, 21), date(2026, 12, 21)
HOUR = 3600.0

clock = st.times().map(TimeOfDay.of)
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


def of(text: str) -> TimeOfDay:
    """Return a time of day from its text."""
    return TimeOfDay.parse(text)


def at(calendar: SunCalendar, text: str, day: date) -> float:
    """Return the moment of a time of day that the day has."""
    moment = calendar.moment(of(text), day)
    assert moment is not None
    return moment


def test_sunrise_and_sunset_in_berlin_are_those_of_the_published_tables() -> None:
    """On 2026-06-21 04:43 and 21:33, on 2026-12-21 08:15 and 15:54, within two and a half minutes."""
    for day, rise, down in ((SUMMER, "04:43", "21:33"), (WINTER, "08:15", "15:54")):
        assert abs(at(BERLIN, "sunrise", day) - at(BERLIN, rise, day)) < 150
        assert abs(at(BERLIN, "sunset", day) - at(BERLIN, down, day)) < 150


def test_an_offset_counts_from_the_sun() -> None:
    """A time half an hour before sunset is 1,800 s before it; one an hour after it is 3,600 s later."""
    assert at(BERLIN, "sunset-30m", SUMMER) == at(BERLIN, "sunset", SUMMER) - 1800
    assert at(BERLIN, "sunset+1h", SUMMER) == at(BERLIN, "sunset", SUMMER) + HOUR


def test_a_time_that_the_library_finds_is_returned_unchanged() -> None:
    """Only a day that the library misses gets the mean of its neighbours."""
    observer, day = Observer(69.65, 18.96), date(2026, 5, 1)
    expected = sun.sunset(observer, day, tzinfo=TROMSO.zone).timestamp()
    assert at(TROMSO, "sunset", day) == expected
    before, after = (at(TROMSO, "sunset", day + timedelta(days=n)) for n in (-1, 1))
    assert (before + after) / 2 != expected


@pytest.mark.parametrize(
    ("word", "day", "latitude", "hours"),
    [
        ("sunrise", date(2022, 3, 24), 28.480839475135113, 6),
        ("sunrise", date(2026, 2, 2), 35.63981702366971, 7),
        ("dawn", date(2021, 11, 8), -43.83169203427595, 4),
        ("dawn", date(2023, 9, 29), -51.806780632219386, 5),
    ],
)
def test_a_sunrise_at_midnight_utc_is_found(word: str, day: date, latitude: float, hours: int) -> None:
    """A day whose time the library does not find gets a time that fits those of its neighbours."""
    calendar = SunCalendar(ZoneInfo(f"Etc/GMT-{hours}"), latitude, hours * 15.0)
    before, found, after = (at(calendar, word, day + timedelta(days=n)) for n in (-1, 0, 1))
    assert abs(found - before - 24 * HOUR) < 240
    assert abs(after - found - 24 * HOUR) < 240


@settings(max_examples=100)
@given(days, st.floats(-55, 55), st.integers(-11, 12))
def test_a_day_goes_from_dawn_to_dusk(day: date, latitude: float, hours: int) -> None:
    """All over the inhabited Earth the times of the sun have one order, and noon is near 12:00."""
    calendar = SunCalendar(ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "UTC"), latitude, hours * 15.0)
    found = [at(calendar, word, day) for word in SUN]
    assert found == sorted(found)
    noon = datetime.combine(day, time(12), calendar.zone).timestamp()
    assert abs(found[2] - noon) < HOUR


def test_a_day_without_a_sunset_has_no_time_for_it() -> None:
    """A window with the sunset is then empty. The times of the clock are not affected."""
    assert TROMSO.moment(of("sunset"), SUMMER) is None
    assert TROMSO.moment(of("sunrise"), WINTER) is None
    assert at(TROMSO, "12:00", SUMMER)
    noon = at(TROMSO, "12:00", SUMMER)
    assert TROMSO.window_day(noon, of("sunrise"), of("sunset")) is None
    assert TROMSO.latest_moment(of("sunset"), noon) is None


@settings(max_examples=100)
@given(clock, days)
def test_a_time_occurs_once_a_day(when: TimeOfDay, day: date) -> None:
    """Over all changes of summer time, the latest time is that of the day until the next day's time."""
    moment, following = at(BERLIN, when, day), at(BERLIN, when, day + timedelta(days=1))
    assert BERLIN.latest_moment(when, moment) == BERLIN.latest_moment(when, following - 1) == moment
    assert BERLIN.latest_moment(when, following) == following
    assert 22 * HOUR <= following - moment <= 26 * HOUR


def test_a_clock_time_that_occurs_twice_or_never_is_one_moment() -> None:
    """At the end of summer time 02:30 is the first of two. At its beginning 02:30 equals 03:30."""
    assert at(BERLIN, "02:30", date(2026, 10, 25)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    assert at(BERLIN, "02:30", date(2026, 3, 29)) == at(BERLIN, "03:30", date(2026, 3, 29))


@pytest.mark.parametrize(
    ("hour", "expected"), [(12, None), (15, None), (17, WINTER), (23, WINTER), (1, "before"), (8, "before")]
)
def test_a_window_from_sunset_to_sunrise_passes_midnight(hour: int, expected: date | str | None) -> None:
    """After midnight the window still belongs to the day before."""
    moment = datetime.combine(WINTER, time(hour), BERLIN.zone).timestamp()
    wanted = WINTER - timedelta(days=1) if expected == "before" else expected
    assert BERLIN.window_day(moment, of("sunset"), of("sunrise")) == wanted


@pytest.mark.parametrize(("hour", "minute"), [(21, 45), (22, 0), (3, 0), (12, 0)])
def test_a_window_that_ends_before_it_begins_is_empty(hour: int, minute: int) -> None:
    """A window from sunset to 21:00 is empty where the sun sets at 21:33, and not nearly a day long."""
    moment = datetime.combine(SUMMER, time(hour, minute), BERLIN.zone).timestamp()
    assert BERLIN.window_day(moment, of("sunset"), of("21:00")) is None


@settings(max_examples=100)
@given(
    days,
    st.integers(0, 86_399),
    st.sampled_from(["06:00", "sunrise-30m"]),
    st.sampled_from(["22:00", "sunset"]),
)
def test_day_and_night_share_the_time(day: date, second: int, start: str, end: str) -> None:
    """Each moment lies either in the window of the day or in that of the night."""
    moment = datetime.combine(day, time(), BERLIN.zone).timestamp() + second
    by_day, by_night = (
        BERLIN.window_day(moment, of(start), of(end)),
        BERLIN.window_day(moment, of(end), of(start)),
    )
    assert (by_day is None) != (by_night is None)


@settings(max_examples=100)
@given(clock, clock, clock)
def test_a_window_and_its_reverse_share_the_day(now: TimeOfDay, start: TimeOfDay, end: TimeOfDay) -> None:
    """Each minute lies either in a window of the clock or in the one from its end to its start."""
    if start != end:
        moment = at(BERLIN, now, SUMMER)
        assert (BERLIN.window_day(moment, start, end) is None) != (
            BERLIN.window_day(moment, end, start) is None
        )


@pytest.mark.parametrize(
    ("hour", "expected"), [(21, None), (22, WINTER), (1, WINTER - timedelta(days=1)), (6, None)]
)
def test_a_window_of_the_clock_past_midnight_has_the_day_before(hour: int, expected: date | None) -> None:
    """A window from 22:00 to 06:00 belongs to the day on which it begins."""
    moment = datetime.combine(WINTER, time(hour), BERLIN.zone).timestamp()
    assert BERLIN.window_day(moment, of("22:00"), of("06:00")) == expected


@pytest.mark.parametrize(("start", "end"), [("01:00", "sunrise"), ("sunset", "23:30")])
def test_a_window_may_have_one_time_of_the_sun(start: str, end: str) -> None:
    """The other end is a clock time, and the window belongs to the day on which it begins."""
    began, ended = at(BERLIN, start, SUMMER), at(BERLIN, end, SUMMER)
    for moment, expected in ((began - 1, None), (began, SUMMER), (ended - 1, SUMMER), (ended, None)):
        assert BERLIN.window_day(moment, of(start), of(end)) == expected


def test_the_latest_time_is_yesterdays_before_that_of_today() -> None:
    """In the morning the latest sunset is that of the day before."""
    morning, yesterday = at(BERLIN, "08:00", SUMMER), SUMMER - timedelta(days=1)
    assert BERLIN.latest_moment(of("sunset"), morning) == at(BERLIN, "sunset", yesterday)


def test_a_time_after_midnight_may_belong_to_the_sun_of_the_day_before_or_after() -> None:
    """Far from noon, a time of the sun with an offset lies on another day, and is found there."""
    dawn = of("dawn-6h")
    evening = at(BERLIN, "23:50", SUMMER)
    tomorrow = BERLIN.moment(dawn, SUMMER + timedelta(days=1))
    assert tomorrow is not None
    assert tomorrow < evening
    assert BERLIN.latest_moment(dawn, evening) == tomorrow


def test_the_sun_needs_a_position() -> None:
    """Without latitude and longitude a time of the sun is an error, and a time of the clock is not."""
    calendar = SunCalendar(BERLIN.zone, longitude=13.405)
    with pytest.raises(ValueError, match="without latitude and longitude"):
        calendar.moment(of("sunset"), SUMMER)
    assert calendar.moment(of("12:00"), SUMMER) == at(BERLIN, "12:00", SUMMER)


@pytest.mark.parametrize("text", ["sunrise", "dawn+1h30m", "noon-5m", "dusk", "00:00", "23:59"])
def test_a_time_of_day_is_read(text: str) -> None:
    """A time of day equals its text."""
    assert of(text) == text


@pytest.mark.parametrize(
    "text", ["24:00", "6:30", "sunup", "sunset-", "sunset-30", "sunset 1h", "sunset+13h", "", 6]
)
def test_a_wrong_time_of_day_is_refused(text: object) -> None:
    """The error has the allowed form, or the reason."""
    with pytest.raises(ValueError, match=r"a time of day|a duration|at most 12h"):
        TimeOfDay.parse(text)
