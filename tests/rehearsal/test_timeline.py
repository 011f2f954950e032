"""Virtual time: what is due comes in the order of time, and in the order in which it was asked for."""

from daemons.rehearsal.timeline import Timeline


def test_events_come_in_the_order_of_time() -> None:
    """Those of the same time keep their order; an event sees its own time."""
    timeline, seen = Timeline(100.0), list[tuple[str, float]]()
    for when, name in ((103.0, "c"), (101.0, "a"), (103.0, "d"), (102.0, "b")):
        timeline.at(when, lambda name=name: seen.append((name, timeline.now)))  # type: ignore[misc]
    timeline.run(102.5)
    assert (seen, timeline.now) == ([("a", 101.0), ("b", 102.0)], 102.5)
    timeline.run(200.0)
    assert seen[2:] == [("c", 103.0), ("d", 103.0)]


def test_a_cancelled_event_does_not_come() -> None:
    """Nor does it advance the time."""
    timeline, seen = Timeline(0.0), list[str]()
    event = timeline.at(1.0, lambda: seen.append("cancelled"))
    event.cancel()
    timeline.run(2.0)
    event.cancel()
    assert seen == []


def test_an_event_may_ask_for_events() -> None:
    """One in the past comes now; one at the present time comes after those that wait for it."""
    timeline, seen = Timeline(0.0), list[str]()

    def first() -> None:
        seen.append("first")
        timeline.at(0.5, lambda: seen.append("past"))
        timeline.at(1.5, lambda: seen.append("later"))

    timeline.at(1.0, first)
    timeline.at(1.0, lambda: seen.append("second"))
    timeline.run(1.2)
    assert seen == ["first", "second", "past"]
