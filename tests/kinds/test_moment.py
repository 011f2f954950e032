"""A moment: the alarm clock. It rings at its time, against a plain model with kills and clock steps."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from daemons.config import device
from daemons.config.house import load_house
from daemons.rehearsal.player import play
from daemons.rehearsal.story_file import load_stories
from daemons.values import DAYS, Problem
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

MONDAY = 950_400.0
"""Midnight of Monday, 1970-01-12. The simulator starts at 13:46:40 on this day."""
DAY = 86_400.0
GRACE = 60.0


def rings(house: CrashSimulator, phase: str = "due") -> list[float]:
    """Return the moments (Unix seconds) for which it rang: they are the causes of its states."""
    states = zip([{"phase": ""}, *house.published], house.published, strict=False)
    found = [state["cause"] for before, state in states if before["phase"] != phase == state["phase"]]
    return [float(int(cause, 16)) for cause in found]


def at(clock: str, days: int = 0) -> float:
    """Return a time of the first day, or of one that comes `days` later."""
    hours, minutes = clock.split(":")
    return MONDAY + days * DAY + int(hours) * 3600 + int(minutes) * 60


def test_it_rings_each_day_at_its_time() -> None:
    """The phase is due for a moment, and armed again."""
    house = CrashSimulator("moment", time="06:45", armed=True)
    house.wait(3 * DAY)
    assert rings(house) == [at("06:45", 1), at("06:45", 2), at("06:45", 3)]
    assert house.field("phase") == "armed"


def test_a_new_time_counts_at_once() -> None:
    """It also arms the moment; a time that has passed today comes tomorrow."""
    house = CrashSimulator("moment")
    house.command("set", "a", time="13:00")
    house.command("set", "b", time="20:15")
    assert (house.field("time"), house.field("status")) == ("20:15", True)
    house.wait(DAY)
    assert rings(house) == [at("20:15")]


def test_a_time_that_has_just_passed_comes_tomorrow() -> None:
    """The grace is for a process that was away, not for a person who sets the time too late."""
    house = CrashSimulator("moment")
    house.now = at("14:00") + 20
    house.command("set", time="14:00")
    house.restart()
    house.wait(600)
    assert rings(house) == []


def test_its_process_needs_the_time_of_day() -> None:
    """Without a rule of its own, it would have no timezone, and would not wait for the right clock."""
    assert factories.device("moment").uses_clock
    assert not factories.device("mode").uses_clock


@pytest.mark.parametrize("word", ["off", "toggle"])
def test_it_does_not_ring_while_it_is_off(word: str) -> None:
    """It keeps its time, for when it is armed again."""
    house = CrashSimulator("moment", time="20:15", armed=True)
    house.command(word)
    house.wait(DAY)
    assert rings(house) == []
    assert house.field("phase") == "off"
    house.command("on", "b")
    house.wait(DAY)
    assert rings(house) == [at("20:15", 1)]


def test_it_rings_on_its_days_only() -> None:
    """Days are set with the time, or by the configuration."""
    house = CrashSimulator("moment", time="06:45", days=["thu"], armed=True)
    house.wait(7 * DAY)
    assert rings(house) == [at("06:45", 3)]
    house.command("set", time="07:00", days="wed tue")
    assert house.field("days") == "tue wed"
    house.wait(7 * DAY)
    assert rings(house)[1:] == [at("07:00", 8), at("07:00", 9)]


def test_it_announces_its_time_before() -> None:
    """Its days are those of the time itself, also if the announcement comes on the day before."""
    house = CrashSimulator("moment", time="00:05", days=["wed"], before="10m", armed=True)
    house.wait(7 * DAY)
    assert rings(house, "soon") == [at("23:55", 1)]
    assert rings(house) == [at("00:05", 2)]


@pytest.mark.parametrize(("away", "expected"), [(50, 1), (70, 0)])
def test_after_a_restart_it_rings_within_its_grace(away: float, expected: int) -> None:
    """A process that was away at the time rings late, but not later than its grace."""
    house = CrashSimulator("moment", time="14:00", armed=True)
    house.running = None
    house.now = at("14:00") + away
    house.restart()
    house.wait(1)
    assert len(rings(house)) == expected


def test_a_ring_for_a_trial_is_due() -> None:
    """Also while it is off; then it is off again."""
    house = CrashSimulator("moment")
    house.command("ring")
    assert house.published[-1]["phase"] == "due"
    house.wait(1)
    assert house.field("phase") == "off"


@pytest.mark.parametrize(
    ("table", "key"),
    [({"time": "6:45"}, "time"), ({"days": ["mon", "day"]}, "days"), ({"time": "dawn"}, "time")],
)
def test_a_wrong_time_is_refused(table: dict[str, Any], key: str) -> None:
    """The problem says what is allowed; a command is rejected for the same reason."""
    problems: list[Problem] = []
    device.build("alarm", {"kind": "moment", **table}, ("devices", "alarm"), problems)
    assert [problem.path for problem in problems] == [("devices", "alarm", key)]
    receipt = CrashSimulator("moment").command("set", time="6:45")
    assert receipt.reason == 'time: "6:45" is not allowed; time takes a time such as "06:45"'


HOUSE = """
[house]
timezone = "Europe/Berlin"

[devices.alarm_clock]
kind = "moment"
before = "10m"
armed = true
"""
STORY = """
[[story]]
title = "the alarm clock"
from = "{day} 00:10"
until = "{day} 23:50"
do = [
  {{ at = "00:20", device = "alarm_clock", send = "set", with = {{ time = "{time}" }} }},
  {steps}
]
expect = [
  {{ device = "alarm_clock", turns = {{ phase = "due" }}, times = {times} }},
]
"""


@pytest.mark.parametrize(
    ("day", "time", "steps", "times"),
    [
        ("2026-03-28", "02:30", "", 1),
        ("2026-03-29", "02:30", "", 1),  # 02:30 is left out
        ("2026-10-25", "02:30", "", 1),  # 02:30 comes twice
        ("2026-11-26", "12:00", '{ at = "11:00", clock = "+2h" }', 0),
        ("2026-11-26", "12:00", '{ at = "11:59:30", clock = "+40s" }', 1),
        ("2026-11-26", "12:00", '{ at = "12:00:30", clock = "-40s" }', 1),
        ("2026-11-26", "12:00", '{ at = "14:00", clock = "-3h" }', 1),
    ],
)
def test_clock_changes_and_clock_steps(tmp_path: Path, day: str, time: str, steps: str, times: int) -> None:
    """It rings once on each day, and never long after its time."""
    house = load_house(Path("house.toml"), HOUSE)
    file = tmp_path / "house.test.toml"
    file.write_text(STORY.format(day=day, time=time, steps=steps, times=times))
    (story,) = load_stories(file, house).stories
    assert not play(story, house, ()).failures


def test_it_waits_until_the_clock_is_right() -> None:
    """Before that its fault says so; then it rings for a time within its grace."""
    house = CrashSimulator("moment", time="14:00", armed=True)
    house.appliance.wait_for_clock()
    house.wait(at("14:00") + 30 - house.now)
    assert rings(house) == []
    assert "the clock of this machine is not known to be right" in house.field("fault")
    house.appliance.trust_clock(house.now, house.now)
    house.poll()
    assert rings(house) == [at("14:00")]


class AlarmClock(RuleBasedStateMachine):
    """An alarm clock that is set, killed, and whose wall clock is set; its rings follow a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.house = CrashSimulator("moment", time="06:00", armed=True)
        self.clock, self.days, self.is_on = "06:00", set(DAYS), True
        self.rung: set[float] = set()
        """The moments for which it rang since it was set or armed."""
        self.seen, self.number = 0, 0

    @property
    def wall(self) -> float:
        """The wall clock."""
        return self.house.now + self.house.wall_offset

    def times(self, after: float, until: float) -> list[float]:
        """Return its moments after one time, and up to another."""
        first = int((after - MONDAY) // DAY)
        found = [(at(self.clock, day), DAYS[day % 7]) for day in range(first - 1, first + 12)]
        return [
            moment for moment, day in found if after < moment <= until and day in self.days and self.is_on
        ]

    def check(self, expected: list[float] | None, earliest: float) -> None:
        """Compare the new rings with the model; without `expected`, each may ring or not."""
        new, self.seen = rings(self.house)[self.seen :], len(rings(self.house))
        if expected is not None:
            assert new == [moment for moment in expected if moment not in self.rung]
        for moment in new:
            assert moment not in self.rung, "it rang twice"
            assert moment in self.times(earliest - GRACE - 1, self.wall), "it is not its time, or too late"
            self.rung.add(moment)

    def command(self, word: str, **args: str) -> None:
        """Send a command; a moment that is set or armed begins anew."""
        self.number += 1
        assert self.house.command(word, f"c{self.number}", **args).outcome == "applied"

    @rule(hours=st.integers(0, 23), minutes=st.sampled_from([0, 30]))
    def set_time(self, hours: int, minutes: int) -> None:
        """Set a time."""
        clock = f"{hours:02}:{minutes:02}"
        self.command("set", time=clock)
        if (clock, True) != (self.clock, self.is_on):
            self.rung.clear()
        self.clock, self.is_on = clock, True
        self.check([], self.wall)

    @rule(days=st.sets(st.sampled_from(DAYS), min_size=1))
    def set_days(self, days: set[str]) -> None:
        """Set the days."""
        self.command("set", time=self.clock, days=" ".join(days))
        if (days, True) != (self.days, self.is_on):
            self.rung.clear()
        self.days, self.is_on = days, True
        self.check([], self.wall)

    @rule(on=st.booleans())
    def arm(self, on: bool) -> None:
        """Arm or disarm it."""
        self.command("on" if on else "off")
        if on and not self.is_on:
            self.rung.clear()
        self.is_on = on
        self.check([], self.wall)

    @rule(seconds=st.sampled_from([1.0, 600.0, 3600.0, 30_000.0, 2 * DAY]))
    def wait(self, seconds: float) -> None:
        """Pass time: it rings at each of its times."""
        before = self.wall
        self.house.wait(seconds)
        self.check(self.times(before, self.wall), before)

    @rule(seconds=st.sampled_from([0.0, 1.0, 50.0, 3600.0, 2 * DAY]))
    def kill(self, seconds: float) -> None:
        """Kill the process, and start it later: it rings for a time within its grace."""
        before = self.wall
        self.house.running = None
        self.house.now += seconds
        self.house.restart()
        self.house.wait(0.1)
        missed = self.times(before, self.wall)[-1:]
        late = [moment for moment in missed if self.wall - moment <= GRACE - 1]
        unsure = bool(missed) and abs(self.wall - missed[0] - GRACE) <= 1
        self.check(None if unsure else late, before)

    @rule(seconds=st.sampled_from([-7200.0, -1800.0, -40.0, 40.0, 1800.0, 7200.0]))
    def set_clock(self, seconds: float) -> None:
        """Set the wall clock: a jump over its time by more than the grace rings nothing."""
        before = self.wall
        self.house.wall_offset += seconds
        self.house.poll()
        self.house.wait(0.1)
        late = [moment for moment in self.times(before, self.wall)[-1:] if self.wall - moment <= GRACE - 1]
        self.check(late if seconds > 0 else None, before)


TestAlarmClock = AlarmClock.TestCase
TestAlarmClock.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
