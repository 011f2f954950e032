"""When a time of day is: the clock's over changes of summer time, the sun's wherever a house stands."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config.sun import Almanac
from daemons.values import SUN, TimeOfDay

BERLIN = Almanac(ZoneInfo("Europe/Berlin"), 52.52, 13.405)
TROMSO = Almanac(ZoneInfo("Europe/Oslo"), 69.65, 18.96)
SUMMER, WINTER = date(2026, 6, 21), date(2026, 12, 21)
HOUR = 3600.0

clock = st.times().map(TimeOfDay.of)
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


def of(text: str) -> TimeOfDay:
    """Read a time of day."""
    return TimeOfDay.parse(text)


def at(almanac: Almanac, text: str, day: date) -> float:
    """Give a moment that there is."""
    moment = almanac.moment(of(text), day)
    assert moment is not None
    return moment


def test_the_sun_rises_in_berlin_when_the_tables_say() -> None:
    """2026-06-21: 04:43 and 21:33; 2026-12-21: 08:15 and 15:54 (published tables, to the minute or two)."""
    for day, rise, down in ((SUMMER, "04:43", "21:33"), (WINTER, "08:15", "15:54")):
        assert abs(at(BERLIN, "sunrise", day) - at(BERLIN, rise, day)) < 150
        assert abs(at(BERLIN, "sunset", day) - at(BERLIN, down, day)) < 150


def test_an_offset_counts_from_the_sun() -> None:
    """Half an hour before sunset is that."""
    assert at(BERLIN, "sunset-30m", SUMMER) == at(BERLIN, "sunset", SUMMER) - 1800
    assert at(BERLIN, "sunset+1h", SUMMER) == at(BERLIN, "sunset", SUMMER) + HOUR


@pytest.mark.parametrize(
    ("word", "day", "latitude", "hours"),
    [
        ("sunrise", date(2022, 3, 24), 28.480839475135113, 6),
        ("sunrise", date(2026, 2, 2), 35.63981702366971, 7),
        ("dawn", date(2021, 11, 8), -43.83169203427595, 4),
        ("dawn", date(2023, 9, 29), -51.806780632219386, 5),
    ],
)
def test_the_sun_rises_on_the_day_too_on_which_it_does_so_at_midnight_utc(
    word: str, day: date, latitude: float, hours: int
) -> None:
    """Of which the library says that it cannot find it."""
    almanac = Almanac(ZoneInfo(f"Etc/GMT-{hours}"), latitude, hours * 15.0)
    before, found, after = (at(almanac, word, day + timedelta(days=n)) for n in (-1, 0, 1))
    assert abs(found - before - 24 * HOUR) < 240
    assert abs(after - found - 24 * HOUR) < 240


@settings(max_examples=100)
@given(days, st.floats(-55, 55), st.integers(-11, 12))
def test_a_day_goes_from_dawn_to_dusk(day: date, latitude: float, hours: int) -> None:
    """All over the inhabited Earth the sun's times come in their order, all within the local day or so."""
    almanac = Almanac(ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "UTC"), latitude, hours * 15.0)
    found = [at(almanac, word, day) for word in SUN]
    assert found == sorted(found)
    noon = datetime.combine(day, time(12), almanac.zone).timestamp()
    assert abs(found[2] - noon) < HOUR


def test_where_the_sun_does_not_set_there_is_no_such_moment() -> None:
    """Neither does a window with it exist that day; the clock's times do."""
    assert TROMSO.moment(of("sunset"), SUMMER) is None
    assert TROMSO.moment(of("sunrise"), WINTER) is None
    assert at(TROMSO, "12:00", SUMMER)
    noon = at(TROMSO, "12:00", SUMMER)
    assert TROMSO.window(noon, of("sunrise"), of("sunset")) is None
    assert TROMSO.latest(of("sunset"), noon) is None


@settings(max_examples=100)
@given(clock, days)
def test_a_time_comes_once_a_day(when: TimeOfDay, day: date) -> None:
    """Whatever the clocks do: the latest is the day's own from its moment until the next day's."""
    moment, following = at(BERLIN, when, day), at(BERLIN, when, day + timedelta(days=1))
    assert BERLIN.latest(when, moment) == BERLIN.latest(when, following - 1) == moment
    assert BERLIN.latest(when, following) == following
    assert 22 * HOUR <= following - moment <= 26 * HOUR


def test_what_comes_twice_is_the_first_and_what_is_left_out_is_later() -> None:
    """02:30 on the days on which summer time ends and begins."""
    assert at(BERLIN, "02:30", date(2026, 10, 25)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    assert at(BERLIN, "02:30", date(2026, 3, 29)) == at(BERLIN, "03:30", date(2026, 3, 29))


@pytest.mark.parametrize(
    ("hour", "expected"), [(12, None), (15, None), (17, WINTER), (23, WINTER), (1, "before"), (8, "before")]
)
def test_a_night_of_the_sun_goes_past_midnight(hour: int, expected: date | str | None) -> None:
    """From sunset to sunrise; after midnight it is still the evening before's."""
    moment = datetime.combine(WINTER, time(hour), BERLIN.zone).timestamp()
    wanted = WINTER - timedelta(days=1) if expected == "before" else expected
    assert BERLIN.window(moment, of("sunset"), of("sunrise")) == wanted


@pytest.mark.parametrize(("hour", "minute"), [(21, 45), (22, 0), (3, 0), (12, 0)])
def test_a_window_that_is_over_before_it_begins_is_none(hour: int, minute: int) -> None:
    """From sunset to 21:00, where the sun sets at 21:33: not for nearly all of the day after."""
    moment = datetime.combine(SUMMER, time(hour, minute), BERLIN.zone).timestamp()
    assert BERLIN.window(moment, of("sunset"), of("21:00")) is None


@settings(max_examples=100)
@given(
    days,
    st.integers(0, 86_399),
    st.sampled_from(["06:00", "sunrise-30m"]),
    st.sampled_from(["22:00", "sunset"]),
)
def test_day_and_night_share_the_time(day: date, second: int, start: str, end: str) -> None:
    """Each moment is in a window of the day or in the night that is left of it."""
    moment = datetime.combine(day, time(), BERLIN.zone).timestamp() + second
    by_day, by_night = BERLIN.window(moment, of(start), of(end)), BERLIN.window(moment, of(end), of(start))
    assert (by_day is None) != (by_night is None)


@pytest.mark.parametrize("text", ["sunrise", "dawn+1h30m", "noon-5m", "dusk", "00:00", "23:59"])
def test_a_time_of_day_is_read(text: str) -> None:
    """It stays the text that it is."""
    assert of(text) == text


@pytest.mark.parametrize(
    "text", ["24:00", "6:30", "sunup", "sunset-", "sunset-30", "sunset 1h", "sunset+13h", "", 6]
)
def test_what_is_no_time_of_day_is_refused(text: object) -> None:
    """The allowed is named, or what is wrong with it."""
    with pytest.raises(ValueError, match=r"a time of day|a duration|another day"):
        TimeOfDay.parse(text)
