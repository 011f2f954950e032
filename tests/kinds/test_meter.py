"""A meter: energy and money by day, week, month and year."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config.house import load_house
from daemons.errors import ConfigurationError
from daemons.kinds import Reading
from daemons.kinds.meter import Meter, MeterMemory, Options, State
from daemons.values import convert
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

BERLIN = ZoneInfo("Europe/Berlin")
PRICE = 0.3
DAY_AND_NIGHT = [
    {"between": ["06:00", "22:00"], "price_per_kwh": 0.4},
    {"between": ["22:00", "06:00"], "price_per_kwh": 0.2},
]


def unix(text: str) -> float:
    """Return a local time in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


class MeterProcess:
    """The process of a meter: it writes its memory only when that is worth it, and can be killed."""

    def __init__(self, at: str = "2026-11-25 12:00", **options: Any) -> None:
        options = {"source": "plug", "price_per_kwh": PRICE, **options}
        if "sources" in options:
            del options["source"]
        self.meter = Meter(convert({k: v for k, v in options.items() if v is not None}, Options))
        self.meter.zone = BERLIN
        self.now = unix(at)
        self.offset: float | None = 0.0
        self.memory = self.written = MeterMemory()
        self.writes = 0
        self.states: dict[str, Mapping[str, Any] | None] = {}
        self.start()

    def start(self) -> None:
        """Start the process with the memory that was written."""
        self._set(self.meter.resume(self.written, self.now))
        self.turn()

    def kill(self, away_seconds: float = 0.0) -> None:
        """Kill the process, and start it again later."""
        self.memory = msgspec.json.decode(msgspec.json.encode(self.written), type=MeterMemory)
        self.now += away_seconds
        self.start()

    def turn(self, seconds: float = 0.0, step_seconds: float = 30.0) -> None:
        """Pass time; the process runs at least every 30 s."""
        end = self.now + seconds
        while True:
            self.now = min(end, self.now + step_seconds)
            self._set(self.meter.update_clock(self.memory, self.offset, self.now))
            self._set(self.meter.advance(self.memory, self.now))
            self._set(self.meter.update_sources(self.memory, self.states, self.now))
            if self.now >= end:
                return

    def hear(self, energy: float | None = None, *, power: float | None = None, of: str = "plug") -> None:
        """Receive a state of a source."""
        self.states[of] = {"energy_watt_hours": energy, "power_watts": power}
        self.turn()

    @property
    def state(self) -> State:
        """The published state."""
        return self.meter.state(self.memory, Reading(), self.now)

    def _set(self, memory: MeterMemory) -> None:
        self.memory = memory
        if self.meter.is_worth_writing(self.written, memory):
            self.written, self.writes = memory, self.writes + 1


def test_energy_and_money_of_a_counter_go_to_their_day_week_month_and_year() -> None:
    """On the last day of a week, a month and a year, all four end."""
    meter = MeterProcess("2028-12-31 12:00")  # a Sunday
    meter.hear(1000)
    meter.turn(3600)
    meter.hear(3000)
    state = meter.state
    assert (state.today_kwh, state.today_cost) == (2, 0.6)
    assert (state.this_week_kwh, state.this_month_kwh, state.this_year_kwh) == (2, 2, 2)
    assert (state.yesterday_kwh, state.last_week_kwh, state.last_year_cost) == (None, None, None)
    meter.turn(11 * 3600)
    meter.hear(3500)
    state = meter.state
    assert (state.today_kwh, state.yesterday_kwh, state.yesterday_cost) == (0.5, 2, 0.6)
    assert (state.this_week_kwh, state.last_week_kwh) == (0.5, 2)
    assert (state.this_month_kwh, state.last_month_kwh) == (0.5, 2)
    assert (state.this_year_kwh, state.last_year_kwh, state.last_year_cost) == (0.5, 2, 0.6)
    assert (state.energy_watt_hours, state.total_cost) == (2500, 0.75)
    assert (state.phase, state.missing, state.measured_since) == ("measuring", None, "2028-12-31 12:00")


def test_old_days_stay_known_in_week_month_and_year() -> None:
    """After ten days the days are gone, and their energy is in the longer sums."""
    meter = MeterProcess("2026-11-02 12:00")
    meter.hear(0)
    for day in range(1, 11):
        meter.turn(86_400, step_seconds=1800)
        meter.hear(1000 * day)
    state = meter.state
    assert (state.today_kwh, state.yesterday_kwh) == (1, 1)
    assert (state.this_week_kwh, state.last_week_kwh) == (4, 6)
    assert (state.this_month_kwh, state.this_year_kwh) == (10, 10)


def test_each_hour_has_its_price() -> None:
    """At 22:00 the price falls, at 06:00 it rises."""
    meter = MeterProcess("2026-11-25 21:00", tariff=DAY_AND_NIGHT, price_per_kwh=None)
    meter.hear(0, power=1000)
    for minute in range(1, 121):
        meter.now += 60
        meter.hear(minute / 60 * 1000)
    assert meter.state.today_cost == pytest.approx(0.6)
    assert meter.state.today_spread_kwh == 0


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-25", 24)])
def test_a_day_ends_at_its_own_midnight(day: str, hours: int) -> None:
    """A day of a clock change has 23 or 25 hours; a load of a kilowatt draws as many kilowatt-hours."""
    meter = MeterProcess(f"{day} 00:00")
    meter.hear(power=1000)
    meter.turn(hours * 3600 - 1)
    assert meter.state.today_kwh == pytest.approx(hours, abs=0.001)
    meter.turn(3601)
    assert meter.state.yesterday_kwh == pytest.approx(hours, abs=0.001)
    assert meter.state.today_kwh == pytest.approx(1, abs=0.001)


def test_the_energy_of_an_outage_counts_and_is_marked_as_spread() -> None:
    """The counter goes on while the source is away; on which day it was used is unknown."""
    meter = MeterProcess("2026-11-25 12:00")
    meter.hear(0)
    meter.states["plug"] = None
    meter.turn(24 * 3600)
    assert (meter.state.phase, meter.state.missing) == ("incomplete", "plug")
    meter.hear(4800)
    state = meter.state
    assert (state.yesterday_kwh, state.today_kwh) == (2.4, 2.4)
    assert state.today_spread_kwh == pytest.approx(2.4)
    assert state.this_month_spread_kwh == pytest.approx(4.8)
    assert (state.today_unmeasured_seconds, state.phase) == (0, "measuring")


def test_an_outage_within_one_day_and_one_price_is_not_marked() -> None:
    """It is known on which day and at which price it was used."""
    meter = MeterProcess("2026-11-25 12:00")
    meter.hear(0)
    meter.kill(3 * 3600)
    meter.hear(600)
    assert (meter.state.today_kwh, meter.state.today_spread_kwh) == (0.6, 0)


def test_unknown_time_of_a_device_with_power_only_is_not_invented() -> None:
    """The state says for how long it was not measured."""
    meter = MeterProcess("2026-11-25 12:00")
    meter.hear(power=1000)
    meter.turn(3600)
    meter.kill(7200)
    meter.turn(3600)
    state = meter.state
    assert state.today_kwh == pytest.approx(2, abs=0.02)
    assert state.today_unmeasured_seconds == pytest.approx(7200, abs=61)


def test_several_sources_are_added() -> None:
    """A source that is away makes the meter incomplete, and the others count on."""
    meter = MeterProcess(sources=["plug", "heater", "lamp"])
    for name in ("plug", "heater", "lamp"):
        meter.hear(0, power=10, of=name)
    assert (meter.state.phase, meter.state.power_watts) == ("measuring", 30)
    meter.turn(60)
    meter.states["lamp"] = None
    meter.hear(100, power=10, of="plug")
    meter.hear(50, power=10, of="heater")
    assert (meter.state.missing, meter.state.power_watts, meter.state.today_kwh) == ("lamp", None, 0.15)


def test_a_fee_is_added_day_by_day() -> None:
    """A month costs its fee, from the day on which the meter began."""
    meter = MeterProcess("2026-11-25 12:00", base_fee_per_month=30)
    meter.hear(0)
    assert (meter.state.today_cost, meter.state.this_month_cost) == (1, 1)
    meter.turn(86_400, step_seconds=3600)
    state = meter.state
    assert (state.today_cost, state.yesterday_cost, state.this_week_cost) == (1, 1, 2)
    assert (state.this_month_cost, state.this_year_cost, state.total_cost) == (2, 2, 2)
    meter.turn(6 * 86_400, step_seconds=3600)  # the second of December
    assert meter.state.last_month_cost == 6
    assert meter.state.total_cost == pytest.approx(6 + 2 * 30 / 31, abs=0.01)


def test_without_a_price_there_is_no_cost() -> None:
    """Energy alone is measured."""
    meter = MeterProcess(price_per_kwh=None)
    meter.hear(0)
    meter.hear(500)
    assert (meter.state.today_kwh, meter.state.today_cost, meter.state.total_cost) == (0.5, None, None)


def test_until_the_clock_is_right_energy_belongs_to_no_day() -> None:
    """It is assigned as soon as the clock is right."""
    meter = MeterProcess("2026-11-25 12:00")
    meter.hear(0)
    meter.offset = None
    meter.kill()
    meter.turn(300)
    meter.hear(700)
    state = meter.state
    assert (state.phase, state.today_kwh, state.energy_watt_hours) == ("waiting", None, 700)
    assert "clock" in (state.fault or "")
    meter.offset = 86_400.0
    meter.turn(1)
    assert (meter.state.today_kwh, meter.state.yesterday_kwh) == (0.7, 0)
    assert (meter.state.phase, meter.state.fault) == ("measuring", None)


@pytest.mark.parametrize(
    "seconds", [-40 * 365 * 86_400.0, -90_000.0, -30.0, 30.0, 90_000.0, 40 * 365 * 86_400.0]
)
def test_a_clock_that_was_wrong_for_a_while_leaves_no_trace(seconds: float) -> None:
    """The energy of the last day is assigned by the clock that is right now."""
    meter = MeterProcess("2026-11-25 12:00", tariff=DAY_AND_NIGHT, price_per_kwh=None)
    other = MeterProcess("2026-11-25 12:00", tariff=DAY_AND_NIGHT, price_per_kwh=None)
    for hour in range(1, 13):
        for one in (meter, other):
            one.turn(3600, step_seconds=600)
            one.hear(hour * 100)
        meter.offset = seconds if hour in (5, 6) else 0.0
    meter.turn()
    for name, value in msgspec.to_builtins(other.state).items():
        expected = pytest.approx(value, abs=0.0011) if isinstance(value, float) else value
        assert getattr(meter.state, name) == expected, name


def test_a_clock_that_is_set_does_not_move_what_was_before_a_restart_of_the_machine() -> None:
    """The steady clock may have stood still while the machine was off."""
    meter = MeterProcess("2026-11-25 12:00")
    meter.hear(0)
    meter.turn(60)
    meter.hear(500)
    meter.turn(61)
    meter.offset = 86_400.0
    meter.kill()
    meter.turn(60)
    assert (meter.state.yesterday_kwh, meter.state.today_kwh) == (0.5, 0)


def test_the_journal_is_written_once_a_minute_at_most() -> None:
    """A reading of every half second causes no write of its own; a meter at rest writes every 15 minutes."""
    meter = MeterProcess()
    meter.hear(0)
    before = meter.writes
    for half_second in range(1, 1200):
        meter.turn(0.5)
        meter.hear(half_second * 0.1)
    assert meter.writes - before <= 10
    before = meter.writes
    meter.turn(3600)
    assert meter.writes - before <= 4


def test_a_kill_loses_no_energy_of_a_counter() -> None:
    """What was not written is counted again from the counter, and nothing counts twice."""
    house = CrashSimulator("meter", source="plug")
    house.on_state(factories.state("plug", energy_watt_hours=1000.0))
    for number in range(2, 200):
        house.now += 0.5
        house.on_state(factories.state("plug", seq=number, energy_watt_hours=1000.0 + number))
        if number % 50 == 0:
            house.restart()
    assert house.field("energy_watt_hours") == 199
    assert house.writes < 25


# Against a plain model

event = st.one_of(
    st.tuples(st.just("use"), st.floats(0.1, 300)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 10.0, 61.0, 3600.0, 50_000.0])),
    st.tuples(st.just("kill"), st.sampled_from([0.0, 30.0, 7200.0, 100_000.0])),
    st.tuples(st.just("clock"), st.sampled_from([-90_000.0, -5.0, 0.0, 0.4, 5.0, 90_000.0])),
    st.tuples(st.just("silent"), st.sampled_from([5.0, 30.0, 90_000.0])),
    st.tuples(st.just("reset"), st.just(0.0)),
    st.tuples(st.just("noise"), st.floats(0.1, 20)),
)


class Model:
    """The sum of the positive differences of a counter, with its resets."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.total = 0.0

    def hear(self, counter: float) -> None:
        """Count a value."""
        if self.last is None:
            self.last = counter
        elif counter < self.last - 20:
            self.total, self.last = self.total + counter, counter
        elif counter > self.last:
            self.total, self.last = self.total + counter - self.last, counter


@settings(max_examples=150, deadline=None)
@given(st.lists(event, max_size=25))
def test_it_agrees_with_a_plain_model(events: list[tuple[str, float]]) -> None:
    """Over kills, outages, resets, noise and clock steps: nothing counts twice, and kills lose little."""
    meter, model = MeterProcess(tariff=DAY_AND_NIGHT, price_per_kwh=None), Model()
    counter, may_lose = 5000.0, 0.0
    meter.hear(counter)
    model.hear(counter)
    for word, value in events:
        if word == "use":
            counter += value
        elif word == "wait":
            meter.turn(value, step_seconds=max(30.0, value / 10))
        elif word == "kill":
            may_lose += meter.memory.watt_hours - meter.written.watt_hours
            meter.kill(value)
        elif word == "clock":
            meter.offset = value
        elif word == "silent":
            meter.states["plug"] = None
            meter.turn(value, step_seconds=max(30.0, value / 10))
        elif word == "reset":
            counter = 0.0
        shown = counter - value if word == "noise" and counter > 100 else counter
        meter.turn(1)
        meter.hear(shown)
        model.hear(shown)
        total = meter.memory.watt_hours
        assert model.total - may_lose - 1e-6 <= total <= model.total + 1e-6
        stretches = sum(one.amount.watt_hours for one in meter.memory.ledger.stretches)
        years = sum(v.watt_hours for k, v in meter.memory.ledger.totals.items() if k.startswith("year"))
        assert stretches + years == pytest.approx(total, abs=1e-6)
        cost = meter.state.total_cost
        assert cost is not None
        assert 0.2 * total / 1000 - 0.006 <= cost <= 0.4 * total / 1000 + 0.006
        assert len(meter.memory.ledger.stretches) < 60
        assert meter.memory.cut is not None
        assert meter.memory.cut > meter.now
    if not any(word == "reset" for word, _ in events):
        assert total_of(meter) == pytest.approx(model.total, abs=1e-6)


def total_of(meter: MeterProcess) -> float:
    """Return all energy of a meter."""
    return meter.memory.watt_hours


# Options

HOUSE = """
[devices.plug]
kind = "plug"
driver = "simulated"

[devices.mirror]
kind = "mirror"

[devices.meter]
kind = "meter"
"""


PLUG = 'source = "plug"\n'
PRICED = f"{PLUG}price_per_kwh = 1\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a meter takes one of source and sources"),
        (PLUG + 'sources = ["plug"]', "a meter takes one of source and sources"),
        ('sources = ["plug", "plug"]', "names a device twice"),
        ('source = "plugg"', "did you mean 'plug'"),
        ('sources = ["plug", "plugg"]', "did you mean 'plug'"),
        ('source = "mirror"', "has no field energy_watt_hours"),
        ('source = "meter"', "cannot be its own source"),
        (PLUG + 'driver = "simulated"', "has no hardware"),
        (PLUG + 'currency = "EUR"', "go with price_per_kwh or tariff"),
        (
            PLUG + 'tariff = [{ between = ["06:00", "22:00"], price_per_kwh = 1 }]',
            "no price on mon 00:00",
        ),
        (
            PRICED + 'tariff = [{ between = ["sunset", "22:00"], price_per_kwh = 1 }]',
            'not "sunset"',
        ),
        (
            PRICED + 'tariff = [{ between = ["06:00", "22:00"], price = 1 }]',
            "tariff.0.price: unknown key",
        ),
        (
            PRICED + 'tariff = [{ between = ["06:00", "06:00"], price_per_kwh = 1 }]',
            "the same time twice",
        ),
    ],
)
def test_wrong_options_are_refused(text: str, problem: str, tmp_path: Any) -> None:
    """Each error says what is wrong, and what to do."""
    with pytest.raises(ConfigurationError) as error:
        load_house(tmp_path / "house.toml", HOUSE + text)
    assert problem in str(error.value)


def test_meters_that_measure_each_other_are_refused(tmp_path: Any) -> None:
    """Their sums would grow for ever."""
    other = '\nsource = "other"\n[devices.other]\nkind = "meter"\nsources = ["plug", "meter"]'
    with pytest.raises(ConfigurationError, match="meters that measure each other"):
        load_house(tmp_path / "house.toml", HOUSE + other)


def test_a_meter_may_measure_meters(tmp_path: Any) -> None:
    """The whole house is the sum of its rooms."""
    other = '\nsource = "plug"\n[devices.whole_house]\nkind = "meter"\nsource = "meter"\n'
    prices = 'tariff = [{ between = ["06:00", "22:00"], price_per_kwh = 0.3 }]\nprice_per_kwh = 0.2\n'
    house = load_house(tmp_path / "house.toml", HOUSE + other + prices)
    assert house.devices["whole_house"].subscriptions == {"meter"}
