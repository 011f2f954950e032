"""Times of day as moments: those of the clock over changes of summer time, those of the sun at any place."""

import bisect
import itertools
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


@pytest.mark.parametrize("word", ["dawn", "sunrise", "noon", "sunset", "dusk"])
def test_the_times_are_those_of_the_library(word: str) -> None:
    """Where no event is near midnight, astral's own times differ by less than 40 s."""
    observer = Observer(52.52, 13.405)
    for number in range(0, 365, 7):
        day = date(2026, 1, 1) + timedelta(days=number)
        found = getattr(sun, word)(observer, day, tzinfo=BERLIN.zone)
        assert abs(at(BERLIN, word, day) - found.timestamp()) < 40


@pytest.mark.parametrize(
    ("zone", "latitude", "longitude", "word", "day"),
    [
        ("Atlantic/Reykjavik", 64.15, -21.94, "sunset", date(2027, 6, 17)),
        ("Europe/Oslo", 59.91, 10.75, "dusk", date(2027, 6, 6)),
        ("Europe/Helsinki", 60.17, 24.94, "dusk", date(2027, 6, 1)),
        ("America/Anchorage", 61.22, -149.9, "sunset", date(2027, 6, 20)),
    ],
)
def test_an_event_after_midnight_belongs_to_the_evening_before(
    zone: str, latitude: float, longitude: float, word: str, day: date
) -> None:
    """Around midsummer, no evening is without its event, and none has it at noon."""
    calendar = SunCalendar(ZoneInfo(zone), latitude, longitude)
    for number in range(-20, 20):
        evening = day + timedelta(days=number)
        moment = calendar.moment(of(word), evening)
        if moment is not None:
            local = calendar.local_time(moment)
            assert (evening, 21) <= (local.date(), local.hour) or local.date() == evening + timedelta(days=1)
            assert local.hour >= 21 or local.hour < 3


def test_an_event_two_days_ago_can_be_the_latest() -> None:
    """A sunset after midnight with an offset of many hours belongs to the day before yesterday."""
    calendar = SunCalendar(ZoneInfo("Atlantic/Reykjavik"), 64.15, -21.94)
    moment = at(calendar, "sunset+12h", date(2027, 6, 16))
    assert calendar.local_time(moment).date() == date(2027, 6, 17)
    assert calendar.latest_moment(of("sunset+12h"), moment + 22 * HOUR) == moment
    assert calendar.window_day(moment + 22 * HOUR, of("sunset+12h"), of("sunset+10h")) == date(2027, 6, 16)


@pytest.mark.parametrize("longitude", [178.02, 180.0, -180.0, -176.5])
def test_a_clock_of_another_place_has_each_noon_once(longitude: float) -> None:
    """Where the sun's noon is at midnight of the clock, as with UTC in Gisborne, no noon is lost."""
    calendar = SunCalendar(ZoneInfo("UTC"), -38.66, longitude)
    noons = [at(calendar, "noon", SUMMER + timedelta(days=n)) for n in range(366)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(noons)]
    assert 86_300 < min(gaps) <= max(gaps) < 86_500


PLACES = [
    ("Europe/Berlin", 52.52, 13.405),
    ("Atlantic/Reykjavik", 64.15, -21.94),
    ("Europe/Oslo", 59.91, 10.75),
    ("Europe/Oslo", 60.39, 5.32),
    ("Europe/Oslo", 69.65, 18.96),
    ("Europe/Helsinki", 60.17, 24.94),
    ("Europe/Tallinn", 59.44, 24.75),
    ("America/Anchorage", 61.22, -149.9),
    ("America/Nuuk", 64.18, -51.72),
    ("Arctic/Longyearbyen", 78.22, 15.65),
    ("Pacific/Kiritimati", 1.87, -157.4),
    ("Pacific/Pago_Pago", -14.28, -170.7),
    ("Pacific/Auckland", -36.85, 174.76),
    ("Pacific/Chatham", -43.95, -176.55),
    ("Asia/Kolkata", 19.08, 72.88),
    ("Asia/Urumqi", 43.83, 87.62),
    ("Australia/Adelaide", -34.93, 138.6),
    ("America/Argentina/Ushuaia", -54.8, -68.3),
    ("Africa/Nairobi", -1.29, 36.82),
    ("America/Los_Angeles", 34.05, -118.24),
    ("Antarctica/McMurdo", -77.85, 166.67),
    ("UTC", 66.0, 179.9),
    ("UTC", -38.66, -176.5),
]
RISING = {"sunrise": -0.833, "dawn": -6.0}
SETTING = {"sunset": -0.833, "dusk": -6.0}


@pytest.mark.parametrize(
    ("zone", "latitude", "longitude", "years"),
    [(*PLACES[1], 1), *(pytest.param(*place, 3, marks=pytest.mark.long) for place in PLACES)],
)
def test_each_event_is_found_once_and_none_is_invented(
    zone: str, latitude: float, longitude: float, years: int
) -> None:
    """Over some years, the events are the crossings of the sun's elevation, and each belongs to one day."""
    calendar = SunCalendar(ZoneInfo(zone), latitude, longitude)
    observer = Observer(latitude, longitude)

    def elevation(moment: float) -> float:
        return sun.elevation(observer, datetime.fromtimestamp(moment, UTC), with_refraction=False)

    first, number = date(2027, 1, 1), years * 365
    begin = datetime.combine(first, time(12), calendar.zone).timestamp()
    samples = [(begin + n * 1200.0, elevation(begin + n * 1200.0)) for n in range(number * 72)]
    for words, sign in ((RISING, 1), (SETTING, -1)):
        for word, limit in words.items():
            found = [calendar.moment(of(word), first + timedelta(days=n)) for n in range(-1, number + 1)]
            events = [moment for moment in found if moment is not None]
            assert events == sorted(set(events))
            for moment in events:  # none is invented
                assert sign * (elevation(moment - 60) - limit) < 0 < sign * (elevation(moment + 60) - limit)
            crossings = [
                (before, after)
                for (before, low), (after, high) in itertools.pairwise(samples)
                if sign * (low - limit) < 0 <= sign * (high - limit)
            ]
            for before, after in crossings:  # none is missed
                index = bisect.bisect_left(events, before - 1)
                assert events[index] <= after + 1, (word, before)


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
