"""Whether hardware answers: lost, back, and lost for so short that only the count tells."""

from daemons.kinds import Reading
from daemons.processes.device.reachability import LOST_SECONDS, Reachability

GONE = Reading(reachable=False)


def back(losses: int = 0) -> Reading:
    """Return a reading of hardware that answers."""
    return Reading(on=False, losses=losses)


def test_a_loss_and_a_return_are_told() -> None:
    """The loss is told with each reading, the return once; an unknown state changes nothing."""
    made = Reachability(was_reachable=True)
    readings = [back(), GONE, Reading(reachable=None), GONE, back(1), back(1)]
    assert [made.update(reading, now) for now, reading in enumerate(readings)] == [
        None,
        "lost",
        None,
        "lost",
        "back",
        None,
    ]


def test_a_loss_between_two_readings_is_told_by_the_count() -> None:
    """It was reachable at both."""
    made = Reachability(was_reachable=True)
    assert [made.update(back(losses), losses) for losses in (0, 1, 1, 3)] == [None, "back", None, "back"]


def test_it_counts_as_lost_after_a_while() -> None:
    """The time begins with the first reading of this process that shows the loss."""
    made = Reachability(was_reachable=False)
    assert not made.is_lost(100)
    made.update(GONE, 100)
    made.update(GONE, 104)
    assert [made.is_lost(100 + seconds) for seconds in (4.9, LOST_SECONDS)] == [False, True]
    assert made.update(back(), 106) == "back"
    assert not made.is_lost(200)
