"""A smart plug: on and off, and when what it switches runs and has finished."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config import device
from daemons.kinds import Reading
from daemons.kinds.plug import NO_METER, PROGRAM_SECONDS, Memory, Off, On, Options, Plug, Toggle
from daemons.values import Problem, Seconds
from tests.support.crash_simulator import CrashSimulator

WASHER = Options(running_above_watts=20, finished_below_watts=5, finished_seconds=Seconds(180))


def draws(plug: Plug, memory: Memory, watts: float, now: float) -> Memory:
    """Let its meter tell a power."""
    return plug.update_measurements(plug.advance(memory, now), Reading(on=True, power_watts=watts), now)


def test_without_thresholds_it_is_on_or_off() -> None:
    """And counts how often it went on."""
    plug = Plug(Options())
    memory = plug.handle_command(Memory(), Toggle(), 0)
    assert (memory.phase, memory.starts) == ("on", 1)
    assert plug.handle_command(memory, On(), 1) == memory
    assert draws(plug, memory, 2000, 2) == memory
    assert plug.handle_command(memory, Off(), 3) == Memory(starts=1)


def test_a_washing_machine_is_ready_when_its_power_was_low_for_long_enough() -> None:
    """A rest in the middle of the work is no end; the end counts from when the power dropped."""
    plug = Plug(WASHER)
    memory = plug.handle_command(Memory(), On(), 0)
    assert memory.phase == "standby"
    memory = draws(plug, memory, 2000, 10)
    memory = draws(plug, memory, 1, 100)
    memory = draws(plug, memory, 6, 250)
    assert (memory.phase, memory.low) == ("running", None)
    memory = draws(plug, memory, 1, 300)
    assert plug.next_deadline(memory) == 480
    assert plug.advance(memory, 479).phase == "running"
    memory = plug.advance(memory, 480)
    assert plug.state(memory, Reading(on=True, power_watts=1), 480).ready
    assert plug.desired_setting(memory).on
    assert plug.advance(memory, 480 + 7200).phase == "standby"


def test_between_the_thresholds_nothing_begins() -> None:
    """What draws a little is on standby."""
    plug = Plug(WASHER)
    memory = plug.handle_command(Memory(), On(), 0)
    assert draws(plug, memory, 19, 1) == memory


def test_the_memory_is_written_for_turns_only() -> None:
    """A meter that tells something new all the time wears out no disk."""
    plug = Plug(WASHER)
    memory = draws(plug, plug.handle_command(Memory(), On(), 0), 500, 1)
    assert draws(plug, memory, 501, 2) == memory
    low = draws(plug, memory, 2, 3)
    assert draws(plug, low, 1, 4) == low


def test_hardware_without_a_meter_is_told() -> None:
    """Nobody waits for a washing machine whose power is not measured."""
    plug = Plug(WASHER)
    memory = plug.handle_command(Memory(), On(), 0)
    assert plug.state(memory, Reading(on=True), 1).fault == NO_METER
    assert plug.state(memory, Reading(on=True, power_watts=0.0), 1).fault is None
    assert Plug(Options()).state(memory, Reading(on=True), 1).fault is None


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(0.1, 400), st.sampled_from([0.0, 4.9, 5.0, 19.9, 20.0, 2000.0]))))
def test_it_has_finished_only_after_a_low_that_lasted(told: list[tuple[float, float]]) -> None:
    """Whatever its meter tells, whenever: it ran before, and nothing above the threshold was told since."""
    plug = Plug(WASHER)
    memory, now, low, ran = plug.handle_command(Memory(), On(), 0.0), 0.0, 0.0, False
    for seconds, watts in told:
        now += seconds
        before, memory = memory.phase, plug.advance(memory, now)
        if memory.phase == "finished" != before:
            assert ran
            assert now - low >= WASHER.finished_seconds
        memory = draws(plug, memory, watts, now)
        ran = memory.phase in ("running", "finished")
        low = now if watts >= 5 else low
        assert (memory.phase == "running") >= (watts >= 20)


def test_what_cannot_be_reached_has_not_finished() -> None:
    """A power that was low when the plug was lost may have risen since: its low begins anew."""
    plug = Plug(WASHER)
    memory = draws(plug, draws(plug, plug.handle_command(Memory(), On(), 0), 2000, 10), 1, 100)
    lost = plug.update_measurements(memory, Reading(on=True, power_watts=1, reachable=False), 110)
    assert (lost.phase, plug.next_deadline(lost)) == ("running", None)
    assert plug.next_deadline(draws(plug, lost, 1, 5000)) == 5180


def test_its_low_survives_a_restart() -> None:
    """A washing machine that was about to finish when the process died has finished when it is back."""
    simulator = CrashSimulator("plug", running_above_watts=20, finished_below_watts=5)
    simulator.command("on")
    for watts in (2000.0, 1.0):
        simulator.now += 1
        simulator.appliance.on_reading(Reading(on=True, power_watts=watts), simulator.now, simulator.now)
        simulator.apply()
    simulator.running = None
    simulator.now += 200
    simulator.restart()
    assert (simulator.field("phase"), simulator.field("ready"), simulator.field("status")) == (
        "finished",
        True,
        True,
    )


def test_a_wash_on_paper_runs_and_ends() -> None:
    """A simulated plug with thresholds can be seen to finish, as much sooner as it is faster."""
    fast = Plug(WASHER, speed=15)
    (seconds, running), (_, resting) = fast.power_profile()
    assert seconds == PROGRAM_SECONDS / 15
    memory = draws(fast, fast.handle_command(Memory(), On(), 0), running, 1)
    assert memory.phase == "running"
    assert fast.next_deadline(draws(fast, memory, resting, seconds)) == seconds + 180 / 15


def test_it_heats_if_it_has_a_longest_time() -> None:
    """Then, and only then, its device cuts it off."""
    assert not Plug(Options()).heats
    assert Plug(Options(max_on_seconds=Seconds(600))).heats


@pytest.mark.parametrize("left", range(8))
def test_with_a_longest_time_it_is_never_on_longer(left: int) -> None:
    """Also when it is killed at any instruction, and for however long, and switched on by hand."""
    simulator = CrashSimulator("plug", max_on="10m")
    with simulator.killed_after(left):
        simulator.command("on")
    simulator.wait(1000)
    simulator.restart()
    simulator.relay.switch_manually(on=True, now=simulator.now)
    simulator.poll()
    simulator.wait(1000)
    assert (simulator.relay.is_on, simulator.field("status")) == (False, False)
    assert simulator.relay.longest_on_seconds <= 600 + 0.01


def test_without_one_it_stays_as_it_was_left() -> None:
    """A freezer is never switched off by a clock, nor by a restart."""
    simulator = CrashSimulator("plug")
    simulator.command("on")
    simulator.wait(7 * 86400)
    simulator.restart()
    assert (simulator.relay.is_on, simulator.field("status")) == (True, True)


def test_what_heats_is_never_switched_on_by_a_restart() -> None:
    """`restore = "on"` is refused with `max_on`, and only with it."""
    for table, refused in (({}, False), ({"max_on": "1h"}, True)):
        problems: list[Problem] = []
        common = {"kind": "plug", "driver": "simulated", "restore": "on"}
        device.build("plug", {**common, **table}, ("devices", "plug"), problems)
        assert any("never switched on by a restart" in problem.text for problem in problems) == refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"running_above_watts": 5.0}, "go together"),
        ({"running_above_watts": 5.0, "finished_below_watts": 5.0}, "must be below"),
        ({"max_on_seconds": Seconds(0)}, "longer than 0s"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(options: dict[str, float], said: str) -> None:
    """By `house check`."""
    with pytest.raises(ValueError, match=said):
        Options(**options)  # type: ignore[arg-type]
