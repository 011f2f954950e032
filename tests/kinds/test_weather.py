"""The weather: what follows from a forecast and the clock, and what becomes of an old one."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.bus.message import MAX_PUBLISHED_BYTES, Scalar
from daemons.contract.kinds import apply_event, check
from daemons.kinds import Forecast, ForecastStep, Reading
from daemons.kinds.forecast.state import State
from daemons.kinds.weather import Options, Weather, WeatherMemory
from daemons.values import convert

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 28, 12, tzinfo=BERLIN).timestamp()
OFFSET = 1_000_000.0
"""The wall clock less the steady clock of these tests."""
HOUR = 3600.0


def weather(**options: object) -> Weather:
    """Return a machine in Berlin."""
    machine = Weather(convert(options, Options))
    machine.zone = BERLIN
    return machine


def hours(*rain: float, begin: float = NOON, **more: object) -> Forecast:
    """Return a forecast of 60 hours: 5 °C, and this rain in the first hours."""
    amounts = [*rain, *[0.0] * (60 - len(rain))]
    steps = [
        ForecastStep(
            begin + number * HOUR,
            weather="rain" if amount else "cloudy",
            temperature_celsius=5.0,
            rain_mm=amount,
        )
        for number, amount in enumerate(amounts)
    ]
    return Forecast(tuple(replace(step, **more) for step in steps))


def heard(machine: Weather, forecast: Forecast, wall: float = NOON) -> WeatherMemory:
    """Return the memory after a forecast that arrives at `wall` (Unix seconds)."""
    now = wall - OFFSET
    memory = machine.update_clock(WeatherMemory(), OFFSET, now)
    return machine.update_measurements(memory, Reading(forecast=forecast, at=now), now)


def shown(machine: Weather, memory: WeatherMemory, wall: float) -> State:
    """Return the state at `wall` (Unix seconds), without a new answer of the server."""
    now = wall - OFFSET
    return machine.state(machine.advance(memory, now), Reading(), now)


def test_rain_comes_nearer_without_a_network() -> None:
    """The forecast is read by the clock: the minutes until rain pass, the phase turns, and the rain ends."""
    machine = weather(stale_after="6h")
    memory = heard(machine, hours(0, 0, 1.2))
    assert shown(machine, memory, NOON).rain_within_minutes == 120
    assert shown(machine, memory, NOON + 3600).rain_within_minutes == 60
    assert shown(machine, memory, NOON + 3660).rain_within_minutes == 59
    before, raining, after = (shown(machine, memory, NOON + seconds) for seconds in (7199, 7200, 10_800))
    assert (before.phase, before.status, before.rain_within_minutes) == ("cloudy", False, 1)
    assert (raining.phase, raining.status, raining.rain_within_minutes, raining.rain_mm) == (
        "rain",
        True,
        0,
        1.2,
    )
    assert (after.phase, after.status, after.rain_within_minutes) == ("cloudy", False, 1440)


def test_distant_rain_changes_the_state_each_ten_minutes_only() -> None:
    """Above two hours, the minutes are rounded up to ten."""
    machine = weather()
    memory = heard(machine, hours(0, 0, 0, 0, 2.0))
    values = {shown(machine, memory, NOON + 60 * minute).rain_within_minutes for minute in range(60)}
    assert values == {240, 230, 220, 210, 200, 190}


def test_dry_weather_is_a_number_that_a_rule_can_cross() -> None:
    """Dry for a day is 1440 minutes. Only beyond the end of the forecast, nothing is known."""
    machine = weather()
    assert shown(machine, heard(machine, hours()), NOON).rain_within_minutes == 1440
    assert shown(machine, heard(machine, hours(*[0.0] * 23, 1.0)), NOON).rain_within_minutes == 1380
    assert shown(machine, heard(machine, hours(*[0.0] * 24, 1.0)), NOON).rain_within_minutes == 1440
    short = Forecast(hours().steps[:20])
    assert shown(machine, heard(machine, short), NOON).rain_within_minutes is None


def test_drizzle_below_the_limit_is_no_rain() -> None:
    """`rain_from_mm` is the least rain of an hour that counts."""
    machine = weather(rain_from_mm=0.5)
    assert shown(machine, heard(machine, hours(0, 0.4, 0, 0.5)), NOON).rain_within_minutes == 180


def test_a_forecast_without_an_answer_becomes_stale() -> None:
    """After `stale_after` nothing is known, and no old value is left."""
    machine = weather(stale_after="3h")
    memory = heard(machine, hours(1.0))
    assert shown(machine, memory, NOON + 3 * HOUR - 1).temperature_celsius == 5.0
    stale = shown(machine, memory, NOON + 3 * HOUR)
    assert (stale.phase, stale.status) == ("stale", False)
    assert {name for name in State.__struct_fields__ if getattr(stale, name) is not None} == {
        "status",
        "phase",
    }


def test_an_answer_that_repeats_the_forecast_keeps_it_fresh() -> None:
    """An answer 304 has the same forecast, and a later time."""
    machine, forecast = weather(stale_after="3h"), hours()
    memory = heard(machine, forecast)
    later = NOON + 2 * HOUR - OFFSET
    memory = machine.update_measurements(memory, Reading(forecast=forecast, at=later), later)
    state = shown(machine, memory, NOON + 4 * HOUR)
    assert (state.phase, state.forecast_at) == ("cloudy", NOON + 2 * HOUR)


def test_a_restart_goes_on_with_the_forecast() -> None:
    """The memory is enough, also if the network is down and the clock was set meanwhile."""
    machine = weather()
    written = msgspec.json.encode(heard(machine, hours(0, 0, 0, 1.0)))
    again, now = weather(), NOON + 2 * HOUR - OFFSET - 100  # the steady clock has lost 100 s
    memory = again.update_clock(msgspec.json.decode(written, type=WeatherMemory), OFFSET + 100, now)
    state = again.state(again.advance(memory, now), Reading(), now)
    assert (state.phase, state.rain_within_minutes) == ("cloudy", 60)


def test_nothing_is_known_until_the_clock_is_right() -> None:
    """A forecast has times of day: without a right clock, no hour is the present one."""
    machine = weather()
    memory = machine.update_clock(heard(machine, hours()), None, NOON - OFFSET)
    state = shown(machine, memory, NOON)
    assert (state.phase, state.temperature_celsius, state.hourly_begin) == ("unknown", None, None)
    memory = machine.update_clock(memory, OFFSET, NOON - OFFSET)
    assert shown(machine, memory, NOON).phase == "cloudy"


def test_a_step_of_the_clock_finds_the_right_hour() -> None:
    """The hour follows a clock that is set. A clock that differs by half a second changes nothing."""
    machine = weather()
    memory, now = heard(machine, hours(0, 1.0)), NOON - OFFSET
    assert machine.update_clock(memory, OFFSET + 0.5, now) is memory
    assert machine.state(machine.update_clock(memory, OFFSET + HOUR, now), Reading(), now).phase == "rain"


def test_the_temperature_changes_evenly_between_two_hours() -> None:
    """At half past, it is the mean of both hours."""
    steps = (ForecastStep(NOON, temperature_celsius=4.0), ForecastStep(NOON + HOUR, temperature_celsius=6.0))
    machine = weather()
    assert shown(machine, heard(machine, Forecast(steps)), NOON + HOUR / 2).temperature_celsius == 5.0


def test_today_has_the_hours_that_are_over() -> None:
    """A service that begins with the present hour does not change the lowest temperature of the day."""
    machine, morning = weather(), NOON - 6 * HOUR
    memory = heard(machine, hours(begin=morning, temperature_celsius=-2.0, rain_mm=0.5), morning)
    now = NOON - OFFSET
    memory = machine.update_measurements(memory, Reading(forecast=hours(), at=now), now)
    state = shown(machine, memory, NOON)
    assert (state.today_min_celsius, state.today_max_celsius, state.today_rain_mm) == (-2.0, 5.0, 3.0)
    assert (state.tomorrow_min_celsius, state.tomorrow_rain_mm) == (5.0, 0.0)


def test_frost_of_the_coming_night_is_known_in_the_evening() -> None:
    """`night_min_celsius` looks until 09:00 of the next morning, and not beyond."""
    steps = list(hours().steps)
    steps[18] = replace(steps[18], temperature_celsius=-1.5)  # 06:00
    steps[22] = replace(steps[22], temperature_celsius=-9.0)  # 10:00
    machine = weather()
    memory = heard(machine, Forecast(tuple(steps)))
    assert shown(machine, memory, NOON).night_min_celsius == -1.5
    assert shown(machine, memory, NOON + 2 * HOUR).night_min_celsius == -1.5


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_a_clock_change_has_all_its_hours(day: str, length: int) -> None:
    """The day is counted from midnight to midnight of the local clock."""
    midnight = datetime.fromisoformat(f"{day} 00:00").replace(tzinfo=BERLIN).timestamp()
    machine = weather()
    state = shown(machine, heard(machine, hours(begin=midnight, rain_mm=1.0), midnight), midnight)
    assert state.today_rain_mm == length
    assert str(state.daily_date) == day


def test_the_columns_begin_with_the_present_hour() -> None:
    """Each column is a text with a value for each hour, and "-" where nothing is known."""
    steps = (
        *hours(0, 0.6).steps[:3],
        ForecastStep(NOON + 3 * HOUR),
        *hours(begin=NOON + 4 * HOUR, weather="snow", temperature_celsius=-0.04).steps,
    )
    machine = weather()
    state = shown(machine, heard(machine, Forecast(steps)), NOON + HOUR + 900)
    assert state.hourly_begin == NOON + HOUR
    assert str(state.hourly_phase).split()[:4] == ["rain", "cloudy", "-", "snow"]
    assert str(state.hourly_celsius).split()[:4] == ["5", "5", "-", "0"]
    assert str(state.hourly_rain_mm).split()[:3] == ["0.6", "0", "-"]
    columns = [getattr(state, name) for name in State.__struct_fields__ if name.startswith("hourly_")]
    assert {len(column.split()) for column in columns if isinstance(column, str)} == {48}


def test_quarters_of_an_hour_are_joined_in_the_columns() -> None:
    """The rain of an hour is the sum of its quarters, and rain is expected to the quarter."""
    quarters = [
        ForecastStep(
            NOON + 900 * number, 900.0, "rain" if number > 1 else "cloudy", rain_mm=0.5 * (number > 1)
        )
        for number in range(4)
    ]
    machine = weather()
    forecast = Forecast((*quarters, *hours(begin=NOON + HOUR).steps))
    state = shown(machine, heard(machine, forecast), NOON)
    assert (state.rain_within_minutes, state.rain_mm, state.phase) == (30, 1.0, "cloudy")
    assert str(state.hourly_phase).startswith("rain ")


def test_a_full_state_fits_into_a_message() -> None:
    """The longest values fill no text beyond what the wire allows."""
    step = ForecastStep(
        0, HOUR, "partly_cloudy", True, -88.8, -88.8, 100.0, 488.8, 499.9, 999.9, 100.0, -88.8, -88.8
    )
    steps = tuple(replace(step, begin=NOON + number * HOUR) for number in range(240))
    machine = weather()
    state = msgspec.to_builtins(shown(machine, heard(machine, Forecast(steps)), NOON))
    assert all(msgspec.convert(value, Scalar) == value for value in state.values())
    assert len(msgspec.json.encode(state)) < MAX_PUBLISHED_BYTES / 10


def test_the_journal_is_written_once_in_a_while_for_an_unchanged_forecast() -> None:
    """An answer that repeats the forecast changes the memory only after a twentieth of `stale_after`."""
    machine, forecast = weather(), hours()
    memory, now = heard(machine, forecast), NOON - OFFSET
    soon, later = (Reading(forecast=forecast, at=now + seconds) for seconds in (60, 600))
    assert machine.update_measurements(memory, soon, now + 60) is memory
    assert machine.update_measurements(memory, later, now + 600).heard_at == now + 600


values = st.none() | st.floats(-100, 1000)
any_steps = st.lists(
    st.builds(
        ForecastStep,
        begin=st.floats(NOON - 3 * 86_400, NOON + 3 * 86_400),
        seconds=st.sampled_from([-1.0, 0.0, 900.0, 3600.0, 21_600.0]),
        weather=st.sampled_from([None, "clear_sky", "rain", "thunder"]),
        temperature_celsius=values,
        rain_mm=values,
    ),
    max_size=30,
)


@settings(max_examples=8)
@given(any_steps, st.lists(st.floats(0, 40_000), max_size=6), st.sampled_from([0.0, -7200.0, 86_400.0]))
def test_any_forecast_keeps_the_contract(
    steps: list[ForecastStep], waits: list[float], clock_step: float
) -> None:
    """Steps in any order, overlapping or with gaps, lead to a machine that is pure and moves on with time."""
    machine, forecast, now = weather(), Forecast(tuple(steps)), NOON - OFFSET
    memory = machine.update_clock(WeatherMemory(), OFFSET, now)
    for wait in waits:
        now += wait
        reading = Reading(forecast=forecast, at=now)
        new = apply_event(machine, memory, replace(reading, at=0.0), now)
        assert apply_event(weather(), memory, replace(reading, at=0.0), now) == new, "it is not pure"
        memory = machine.update_clock(new, OFFSET + clock_step, now)
        assert msgspec.json.decode(msgspec.json.encode(memory), type=WeatherMemory) == memory
        check(machine, memory, now)
