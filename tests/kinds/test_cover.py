"""A cover: where it is, by how long it moved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.kinds import Reading, Setting
from daemons.kinds.cover import OVERRUN_SECONDS, TURN_SECONDS, Close, Cover, Memory, Open, Options, Set, Stop
from daemons.values import Seconds

OPTIONS = Options(open_seconds=Seconds(20), close_seconds=Seconds(10))


def moved(cover: Cover, memory: Memory, now: float) -> tuple[Memory, float]:
    """Let it come to rest; give also when that was."""
    while (due := cover.next_deadline(memory)) is not None:
        now = due
        memory = cover.advance(memory, now)
    return memory, now


def test_it_learns_where_it_is_at_an_end() -> None:
    """It runs a little longer there, and the motor is told how long at the most."""
    cover = Cover(OPTIONS)
    assert cover.state(Memory(), Reading(), 0).phase == "unknown"
    memory = cover.handle_command(Memory(), Open(), 100)
    assert cover.next_deadline(memory) == 100 + 20 + OVERRUN_SECONDS
    assert cover.desired_setting(memory) == Setting(
        on=True, direction="open", off_after_seconds=20 + 2 * OVERRUN_SECONDS
    )
    memory, _ = moved(cover, memory, 100)
    shown = cover.state(memory, Reading(), 200)
    assert (shown.phase, shown.position_percent, shown.status) == ("open", 100, False)


def test_it_stops_in_between() -> None:
    """And tells how far it got, while it moves and after."""
    cover = Cover(OPTIONS)
    memory, now = moved(cover, cover.handle_command(Memory(), Open(), 100), 100)
    memory = cover.handle_command(memory, Close(), now + 10)
    assert cover.state(memory, Reading(), now + 14).position_percent == 60
    memory = cover.handle_command(memory, Stop(), now + 14)
    assert (cover.state(memory, Reading(), now + 99).phase, memory.position) == ("between", 60)
    assert not cover.desired_setting(memory).on


@pytest.mark.parametrize("goal", [0, 1, 40, 99, 100])
def test_it_goes_where_it_is_told(goal: int) -> None:
    """From anywhere, also from it knows not where."""
    cover = Cover(OPTIONS)
    memory, now = moved(cover, cover.handle_command(Memory(), Set(position_percent=goal), 100), 100)
    assert memory.position == pytest.approx(goal, abs=1)
    memory, _ = moved(cover, cover.handle_command(memory, Set(position_percent=100 - goal), now + 5), now + 5)
    assert memory.position == pytest.approx(100 - goal, abs=1)


def test_a_motor_rests_before_it_turns_round() -> None:
    """Half a second in which nothing is switched on."""
    cover = Cover(OPTIONS)
    memory = cover.handle_command(Memory(50.0), Open(), 100)
    memory = cover.handle_command(memory, Close(), 105)
    assert cover.state(memory, Reading(), 105).phase == "turning"
    assert cover.desired_setting(memory) == Setting(on=False)
    memory = cover.advance(memory, 105 + TURN_SECONDS)
    assert cover.desired_setting(memory).direction == "close"


def test_what_goes_on_the_same_way_is_not_interrupted() -> None:
    """Told twice to open, it is one move."""
    cover = Cover(OPTIONS)
    memory = cover.handle_command(Memory(50.0), Open(), 100)
    again = cover.handle_command(memory, Open(), 103)
    assert cover.desired_setting(again).direction == "open"
    assert again.starts == memory.starts == 1
    assert again.position == 65


def test_hardware_that_knows_where_it_is_is_believed() -> None:
    """Once it stands."""
    cover = Cover(OPTIONS)
    memory = cover.update_measurements(Memory(), Reading(on=False, position_percent=30), 100)
    assert cover.state(memory, Reading(), 100).position_percent == 30
    memory = cover.handle_command(memory, Open(), 100)
    assert cover.update_measurements(memory, Reading(on=True, position_percent=31), 101) == memory


def test_hardware_that_stops_by_itself_ends_the_move() -> None:
    """And a hand that moves it is followed."""
    cover = Cover(OPTIONS)
    memory = cover.adopt(cover.handle_command(Memory(0.0), Open(), 100), Reading(on=False), 110)
    assert (memory.position, cover.next_deadline(memory)) == (50, None)
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
def test_it_never_turns_at_once_and_always_comes_to_rest(life: list[tuple[float, object]]) -> None:
    """Whatever it is told, in whatever order."""
    cover, memory, now = Cover(OPTIONS), Memory(), 1000.0
    last: tuple[str, float] | None = None
    for seconds, command in life:
        now += seconds
        memory = cover.advance(memory, now)
        memory = cover.handle_command(memory, command, now)  # type: ignore[arg-type]
        wants = cover.desired_setting(memory)
        if last and wants.direction and last[0] != wants.direction:
            assert memory.began - last[1] >= TURN_SECONDS - 1e-6
        last = (wants.direction, now) if wants.direction else last
    memory, _ = moved(cover, memory, now)
    assert cover.desired_setting(memory) == Setting(on=False)
