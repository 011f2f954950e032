"""The report of a drill: counts from the recorded switchings, and a sentence for each broken promise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.cli.drill_report import (
    BACK_SECONDS,
    DrillPress,
    DrillReport,
    OnTime,
    figures,
    longest_on,
    percentile,
)
from daemons.drivers.physics.relay import Switching

Lines = list[Switching]


def on(at: float, cause: str | None = None, off_at: float | None = None) -> Switching:
    """Return a recorded switching on."""
    return Switching(at, "on", on=True, cause=cause, off_at=off_at)


def off(at: float, cause: str | None = None) -> Switching:
    """Return a recorded switching off."""
    return Switching(at, "off", on=False, cause=cause)


@pytest.mark.parametrize(
    ("lines", "counted", "sentence"),
    [
        ([on(1, "p")], (1, 0, 0), None),
        ([on(1, "p"), off(2, "p"), on(3, "other")], (1, 0, 0), None),
        ([], (0, 0, 1), "toaster acted 0 times on press p"),
        ([on(1, "other"), on(2)], (0, 0, 1), "toaster acted 0 times on press p"),
        ([off(1, "p")], (0, 0, 1), "toaster acted 0 times on press p"),
        ([on(1, "p"), off(2), on(3, "p")], (0, 1, 0), "toaster acted 2 times on press p"),
        ([on(1, "p"), on(2, "p"), on(3, "p")], (0, 1, 0), "toaster acted 3 times on press p"),
    ],
)
def test_a_press_is_counted_from_the_recorded_switchings(
    lines: Lines, counted: tuple[int, int, int], sentence: str | None
) -> None:
    """Two actions or none break the promise; the sentence has the appliance, the number and the press."""
    report = DrillReport(seed=1)
    report.evaluate([DrillPress("p", "applied", ("toaster",))], {"toaster": lines}, 0)
    assert (report.presses, report.once, report.twice, report.never) == (1, *counted)
    assert report.broken == ([sentence] if sentence else [])
    assert report.is_kept == (sentence is None)


@pytest.mark.parametrize(
    ("lines", "counted", "is_kept"),
    [([], (0, 0, 0), True), ([on(1, "p")], (1, 0, 0), True), ([on(1, "p"), on(2, "p")], (0, 1, 0), False)],
)
def test_a_device_with_a_fault_may_act_once_or_not_at_all(
    lines: Lines, counted: tuple[int, int, int], is_kept: bool
) -> None:
    """A device that a fault kept from acting breaks the promise only if it acts twice."""
    report = DrillReport(seed=1)
    report.evaluate([DrillPress("p", "applied", ("toaster",), ("toaster",))], {"toaster": lines}, 0)
    assert (report.once, report.twice, report.never) == counted
    assert report.is_kept == is_kept


@pytest.mark.parametrize("receipt", ["rejected", "expired", "unanswered"])
def test_a_press_that_was_not_applied_is_not_counted(receipt: str) -> None:
    """Neither the press nor an action is counted."""
    report = DrillReport(seed=1)
    report.evaluate([DrillPress("p", receipt, ("toaster",))], {"toaster": [on(1, "q"), off(2, "p")]}, 0)
    assert (report.presses, report.once, report.is_kept) == (0, 0, True)


@pytest.mark.parametrize(
    ("receipt", "is_kept"), [("rejected", False), ("expired", False), ("unanswered", True)]
)
def test_no_appliance_may_act_on_a_refused_press(receipt: str, is_kept: bool) -> None:
    """Without a receipt it is unknown whether the press counts, so an appliance may act on it."""
    report = DrillReport(seed=1)
    report.evaluate([DrillPress("p", receipt, ("toaster",))], {"toaster": [on(1, "p")]}, 0)
    assert report.is_kept == is_kept
    if not is_kept:
        assert report.broken == [f"toaster acted on press p, which was {receipt}"]


def test_each_appliance_is_counted_for_each_press() -> None:
    """Two presses on two appliances are four actions, and each action is counted."""
    presses = [
        DrillPress("p", "applied", ("lamp", "toaster")),
        DrillPress("q", "applied", ("lamp", "toaster")),
    ]
    report = DrillReport(seed=1)
    report.evaluate(presses, {"lamp": [on(1, "p"), on(2, "q")], "toaster": [on(1, "q")]}, 0)
    assert (report.presses, report.once, report.twice, report.never) == (2, 3, 0, 1)
    assert report.broken == ["toaster acted 0 times on press p"]


@pytest.mark.parametrize(
    ("lines", "since", "seconds"),
    [
        ([], 0, 0),
        ([off(1)], 0, 0),
        ([on(10), off(14)], 0, 4),
        ([on(10), off(14), on(20), off(29), on(30), off(31)], 0, 9),
        ([on(10), on(12), off(14)], 0, 4),
        ([on(10), off(14), on(20), off(21)], 15, 1),
        ([on(10), off(19)], 15, 9),
        ([on(10, off_at=16), off(20)], 0, 6),
        ([on(10, off_at=30), off(20)], 0, 10),
        ([on(10, off_at=16), Switching(15, "arm", on=True, off_at=21), off(25)], 0, 11),
        ([on(10), Switching(12, "dim", on=True, brightness_percent=9), off(15)], 0, 5),
    ],
)
def test_longest_on_returns_the_longest_interval(lines: Lines, since: float, seconds: float) -> None:
    """Only an interval that ended after `since` counts; the timer ends it, and can be set again."""
    assert longest_on(lines, since) == seconds


def test_hardware_that_stays_on_breaks_the_promise() -> None:
    """If a heating device is on at the end and has no timer, the promise is broken."""
    report = DrillReport(seed=1, hot={"toaster": OnTime(0.0, 6.0)})
    report.evaluate([], {"toaster": [on(10)]}, 0)
    assert not report.is_kept


def test_hardware_that_was_on_for_too_long_is_reported() -> None:
    """The sentence has the duration and the limit; up to one second more is tolerated."""
    report = DrillReport(seed=1, hot={"toaster": OnTime(0.0, 6.0), "coffee_maker": OnTime(0.0, 6.0)})
    report.evaluate([], {"toaster": [on(10), off(16.9)], "coffee_maker": [on(10), off(17.1)]}, 0)
    assert report.broken == ["coffee_maker was on for 7.1 s, and max_on is 6 s"]
    assert report.hot == {"toaster": OnTime(6.9, 6.0), "coffee_maker": OnTime(7.1, 6.0)}


def test_a_device_that_does_not_recover_is_reported() -> None:
    """The sentence has the device and the fault; each recovery time is recorded."""
    report = DrillReport(seed=1)
    report.add_recovery("kill", "toaster", 0.02)
    report.add_recovery("kill", "kitchen_lamp", 0.03)
    assert report.is_kept
    report.add_recovery("freeze", "toaster", None)
    assert report.broken == [f"toaster was not back {BACK_SECONDS:g} s after: freeze"]
    assert report.recoveries == {"kill": [0.02, 0.03]}


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7], 0.5, 7), ([7], 0.99, 7), ([2, 1], 0.5, 1), ([1, 2, 3], 0.5, 2), ([4, 3, 2, 1], 0.5, 2)],
)
def test_percentiles_of_known_values(values: list[float], share: float, expected: float) -> None:
    """Half of four values do not exceed the second one."""
    assert percentile(values, share) == expected


def test_the_99th_percentile_of_a_hundred_values_is_not_the_maximum() -> None:
    """99 of 100 values do not exceed the 99th value, so p99 is this value and not the maximum."""
    assert percentile([float(number) for number in range(1, 101)], 0.99) == 99


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_least_value_that_reaches_the_share(values: list[float], share: float) -> None:
    """The percentile is one of the values; no smaller value reaches the share."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_the_figures_are_json_with_every_fault_press_and_command() -> None:
    """Times are in milliseconds; only injected faults are listed; broken promises are sentences."""
    report = DrillReport(seed=5, seconds=61.23, hot={"toaster": OnTime(0.0, 360.0)})
    for seconds in (0.010, 0.020, 0.030):
        report.add_recovery("kill", "toaster", seconds)
    for outcome in ("applied", "applied", "expired"):
        report.add_receipt(outcome)
    report.evaluate([DrillPress("p", "applied", ("toaster",))], {"toaster": [on(1, "p"), off(9)]}, 0)
    report.broken.append("the roof leaks")
    report.live_but_wrong = 2
    found = figures(report)
    assert json.loads(json.dumps(found)) == {
        "seed": 5,
        "seconds": 61.2,
        "kept": False,
        "broken": ["the roof leaks"],
        "faults": {"kill": {"number": 3, "p50_ms": 20.0, "p99_ms": 30.0, "max_ms": 30.0}},
        "presses": {"with_receipt": 1, "acted_once": 1, "acted_twice": 0, "acted_never": 0},
        "commands": {"applied": 2, "expired": 1},
        "hot": {"toaster": {"longest_on_seconds": 8.0, "max_on_seconds": 360.0}},
        "live_but_wrong": 2,
    }


def test_a_drill_without_faults_and_presses_has_figures() -> None:
    """Without faults and presses, every promise is kept and no error occurs."""
    found = figures(DrillReport(seed=0))
    assert (found["kept"], found["faults"], found["commands"], found["hot"]) == (True, {}, {}, {})
