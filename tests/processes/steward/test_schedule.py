"""The schedule of the steward: each name is due once, at the time that was set last."""

from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.steward.schedule import Schedule

names = st.sampled_from(["lamp", "hall", "toaster"])
steps = st.lists(st.tuples(names, st.none() | st.integers(0, 9)) | st.integers(0, 9), max_size=30)


@given(steps)
def test_each_name_is_due_once_at_the_time_that_was_set_last(
    taken: list[tuple[str, int | None] | int],
) -> None:
    """An earlier time that was replaced or removed does not count."""
    schedule, times = Schedule(), dict[str, int]()
    for step in taken:
        if isinstance(step, int):
            due = schedule.pop_due(step)
            assert sorted(due) == sorted(name for name, time in times.items() if time <= step)
            found = [times.pop(name) for name in due]
            assert found == sorted(found)
        elif step[1] is None:
            times.pop(step[0], None)
            schedule.set(*step)
        else:
            times[step[0]] = step[1]
            schedule.set(*step)
