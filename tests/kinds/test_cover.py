"""A cover: its position, computed from the time of its moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.kinds import Reading, Setting
from daemons.kinds.cover import (
    Close,
    Cover,
    CoverMemory,
    Open,
    Options,
    Set,
    Stop,
)
from daemons.values import Seconds

OPTIONS = Options(open_seconds=Seconds(20), close_seconds=Seconds(10))


def after_move(cover: Cover, memory: CoverMemory, now: float) -> tuple[CoverMemory, float]:
    """Advance until the cover stops; return also the time."""
    while (due := cover.next_deadline(memory)) is not None:
        now = due
        memory = cover.advance(memory, now)
    return memory, now


def test_its_position_is_known_at_an_end() -> None:
    """A move to an end takes a little longer, and its setting has a timer."""
    cover = Cover(OPTIONS)
    assert cover.state(CoverMemory(), Reading(), 0).phase == "unknown"
    memory = cover.handle_command(CoverMemory(), Open(), 100)
    assert cover.next_deadline(memory) == 100 + 20 + 2
    assert cover.desired_setting(memory) == Setting(on=True, direction="open", off_after_seconds=20 + 2 * 2)
    memory, _ = after_move(cover, memory, 100)
    shown = cover.state(memory, Reading(), 200)
    assert (shown.phase, shown.position_percent, shown.status) == ("open", 100, False)


def test_it_stops_in_between() -> None:
    """The position is published during and after the move."""
    cover = Cover(OPTIONS)
    memory, now = after_move(cover, cover.handle_command(CoverMemory(), Open(), 100), 100)
    memory = cover.handle_command(memory, Close(), now + 10)
    assert cover.state(memory, Reading(), now + 14).position_percent == 60
    memory = cover.handle_command(memory, Stop(), now + 14)
    assert (cover.state(memory, Reading(), now + 99).phase, memory.position_percent) == (
        "between",
        60,
    )
    assert not cover.desired_setting(memory).on


@pytest.mark.parametrize("goal", [0, 1, 40, 99, 100])
def test_set_moves_it_to_any_position(goal: int) -> None:
    """It reaches the goal from a known and from an unknown position."""
    cover = Cover(OPTIONS)
    memory, now = after_move(cover, cover.handle_command(CoverMemory(), Set(position_percent=goal), 100), 100)
    assert memory.position_percent == pytest.approx(goal, abs=1)
    memory, _ = after_move(
        cover, cover.handle_command(memory, Set(position_percent=100 - goal), now + 5), now + 5
    )
    assert memory.position_percent == pytest.approx(100 - goal, abs=1)


def test_its_target_is_published_while_it_moves() -> None:
    """It stands in the state from the command on, also while the motor rests before it turns round."""
    cover = Cover(OPTIONS)
    memory, now = after_move(cover, cover.handle_command(CoverMemory(), Open(), 100), 100)
    assert cover.state(memory, Reading(), now).target_position_percent is None
    for goal in (30, 90):
        memory = cover.handle_command(memory, Set(position_percent=goal), now + 10)
        assert cover.state(memory, Reading(), now + 10).target_position_percent == goal
        now += 2
    memory = cover.handle_command(memory, Stop(), now + 10)
    assert cover.state(memory, Reading(), now + 10).target_position_percent is None


def test_a_motor_rests_before_a_reversal() -> None:
    """Nothing is switched on for half a second."""
    cover = Cover(OPTIONS)
    memory = cover.handle_command(CoverMemory(50.0), Open(), 100)
    memory = cover.handle_command(memory, Close(), 105)
    assert cover.state(memory, Reading(), 105).phase == "turning"
    assert cover.desired_setting(memory) == Setting(on=False)
    memory = cover.advance(memory, 105 + 0.5)
    assert cover.desired_setting(memory).direction == "close"


def test_a_second_command_in_the_same_direction_does_not_interrupt_the_move() -> None:
    """Two commands to open are one move."""
    cover = Cover(OPTIONS)
    memory = cover.handle_command(CoverMemory(50.0), Open(), 100)
    again = cover.handle_command(memory, Open(), 103)
    assert cover.desired_setting(again).direction == "open"
    assert again.starts == memory.starts == 1
    assert again.position_percent == 65


def test_a_position_that_the_hardware_reports_is_stored() -> None:
    """During a move the reported position is not stored."""
    cover = Cover(OPTIONS)
    memory = cover.update_measurements(CoverMemory(), Reading(on=False, position_percent=30), 100)
    assert cover.state(memory, Reading(), 100).position_percent == 30
    memory = cover.handle_command(memory, Open(), 100)
    assert cover.update_measurements(memory, Reading(on=True, position_percent=31), 101) == memory


def test_hardware_that_stops_early_ends_the_move() -> None:
    """A manual move is followed too."""
    cover = Cover(OPTIONS)
    memory = cover.adopt(cover.handle_command(CoverMemory(0.0), Open(), 100), Reading(on=False), 110)
    assert (memory.position_percent, cover.next_deadline(memory)) == (50, None)
    memory = cover.adopt(memory, Reading(on=True, direction="close"), 120)
    assert cover.desired_setting(memory).direction == "close"


@given(
    st.lists(
        st.tuples(
            st.floats(0, 40),
            st.sampled_from([Open(), Close(), Stop(), *(Set(position_percent=n) for n in (0, 33, 50, 100))]),
        ),
        max_size=10,
    )
)
def test_it_never_reverses_at_once_and_always_stops(history: list[tuple[float, object]]) -> None:
    """This is true for any commands in any order."""
    cover, memory, now = Cover(OPTIONS), CoverMemory(), 1000.0
    last: tuple[str, float] | None = None
    for seconds, command in history:
        now += seconds
        memory = cover.advance(memory, now)
        memory = cover.handle_command(memory, command, now)  # type: ignore[arg-type]
        setting = cover.desired_setting(memory)
        if last and setting.direction and last[0] != setting.direction:
            assert memory.began - last[1] >= 0.5 - 1e-6
        last = (setting.direction, now) if setting.direction else last
    memory, _ = after_move(cover, memory, now)
    assert cover.desired_setting(memory) == Setting(on=False)


@pytest.mark.parametrize(
    ("seconds", "is_allowed"), [(0.5, False), (1, True), (600, True), (601, False), (0, False)]
)
def test_a_move_takes_from_one_second_to_ten_minutes(seconds: float, is_allowed: bool) -> None:
    """Another `open_time` or `close_time` is refused."""
    for name in ("open_seconds", "close_seconds"):
        if is_allowed:
            Options(**{name: Seconds(seconds)})
        else:
            with pytest.raises(ValueError, match="open_time and close_time must be from 1s to 10m"):
                Options(**{name: Seconds(seconds)})


def test_the_remaining_time_of_a_move_is_published() -> None:
    """It counts down from the whole move, also if the clock was before its begin; at rest there is none."""
    cover = Cover(OPTIONS)
    memory = cover.handle_command(CoverMemory(0.0), Set(position_percent=50), 100)
    remaining = [cover.state(memory, Reading(), now).remaining_seconds for now in (90, 100, 104, 120)]
    assert remaining == [10.0, 10.0, 6.0, 0.0]
    assert cover.state(CoverMemory(), Reading(), 100).remaining_seconds is None


@pytest.mark.parametrize(
    ("command", "seconds", "position"),
    [(Open(), 19.9, None), (Open(), 20.0, 100.0), (Close(), 9.9, None), (Close(), 10.0, 0.0)],
)
def test_a_whole_move_from_an_unknown_position_ends_at_its_end(
    command: Open | Close, seconds: float, position: float | None
) -> None:
    """A cover that was stopped after its full time is at the end; after less, its position stays unknown."""
    cover = Cover(OPTIONS)
    memory = cover.handle_command(cover.handle_command(CoverMemory(), command, 100), Stop(), 100 + seconds)
    assert memory.position_percent == position
