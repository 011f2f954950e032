"""Two courses of a device are compared: what is in both, and what is not."""

from typing import Any

from daemons.rehearsal.comparison import Course, Turn, course, differences

DAY = 86400.0


def turn(at: float, phase: str, *, on: bool = False) -> Turn:
    """Return that a device began to show a phase."""
    return Turn(at, (("phase", phase), ("status", on)))


def found(before: list[Turn], after: list[Turn], seconds: float = 1.0) -> list[tuple[list[str], list[str]]]:
    """Return the words of the differences."""
    episodes = differences(Course(None, tuple(before)), Course(None, tuple(after)), seconds)
    return [([one.word for one in each.before], [one.word for one in each.after]) for each in episodes]


def test_turns_at_about_the_same_time_are_the_same() -> None:
    """A difference within the limit is none; a later one is a difference on both sides."""
    assert found([turn(10, "on")], [turn(10.9, "on")]) == []
    assert found([turn(10, "on")], [turn(12, "on")]) == [(["on"], ["on"])]


def test_a_turn_that_is_missing_does_not_shift_the_later_ones() -> None:
    """A lamp is switched on and off every second, and one pair is missing."""
    before = [turn(at, "on" if at % 2 else "off") for at in range(1, 21)]
    after = [one for one in before if one.at not in (5, 6)]
    assert found(before, after, seconds=5.0) == [(["on", "off"], [])]


def test_differences_that_follow_each_other_belong_together_until_something_is_the_same() -> None:
    """Breakfast is missing on two days, and the lamp does the same in between."""
    before = [turn(0, "heating"), turn(60, "ready"), turn(100, "off"), turn(DAY, "heating")]
    assert found(before, [turn(100, "off")]) == [(["heating", "ready"], []), (["heating"], [])]


def test_the_course_begins_with_the_state_of_before() -> None:
    """Repeated states are one turn, and what comes after the end does not count."""
    states: list[Any] = [
        (0, {"phase": "off", "status": False}, None, None),
        (20, {"phase": "on", "status": True, "starts": 1}, None, "a"),
        (30, {"phase": "on", "status": True, "starts": 2}, None, "b"),
        (99, {"phase": "off", "status": False}, None, None),
    ]
    made = course(states, ("phase", "status"), 10, 50)
    assert made.begins == turn(0, "off")
    assert [(one.at, one.word, one.cause) for one in made.turns] == [(20, "on", "a")]
    assert made.seconds_on(10, 50) == 30.0


def test_a_device_that_begins_otherwise_is_a_difference() -> None:
    """In the other course, it was on before the range began."""
    one, other = Course(turn(0, "off"), ()), Course(turn(0, "on", on=True), ())
    assert [each.after for each in differences(one, other, 1.0)] == [(turn(0, "on", on=True),)]
    assert other.seconds_on(10, 50) == 40.0


def test_a_value_that_people_set_stands_beside_the_phase() -> None:
    """A mode has its value as its phase, which is not told twice."""
    dimmed = Turn(0, (("phase", "on"), ("status", True), ("brightness_percent", 30)))
    assert dimmed.word == "on (brightness_percent 30)"
    assert Turn(0, (("phase", "away"), ("value", "away"))).word == "away"
