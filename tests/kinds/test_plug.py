"""A smart plug: on and off, and the detection of a running and of a finished appliance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config import device
from daemons.kinds import Reading
from daemons.kinds.plug import Off, On, Options, Plug, PlugMemory, Toggle
from daemons.values import Problem, Seconds
from tests.support.crash_simulator import CrashSimulator

WASHER = Options(running_above_watts=20, finished_below_watts=5, finished_seconds=Seconds(180))


def with_power(plug: Plug, memory: PlugMemory, watts: float, now: float) -> PlugMemory:
    """Pass a power of its meter."""
    return plug.update_measurements(plug.advance(memory, now), Reading(on=True, power_watts=watts), now)


def test_without_thresholds_it_is_on_or_off() -> None:
    """The phase is on or off, and each start is counted."""
    plug = Plug(Options())
    memory = plug.handle_command(PlugMemory(), Toggle(), 0)
    assert (memory.phase, memory.starts) == ("on", 1)
    assert plug.handle_command(memory, On(), 1) == memory
    assert with_power(plug, memory, 2000, 2) == memory
    assert plug.handle_command(memory, Off(), 3) == PlugMemory(starts=1)


def test_a_washing_machine_is_ready_when_its_power_was_low_for_long_enough() -> None:
    """A pause during the work is no end; the time counts from the drop of the power."""
    plug = Plug(WASHER)
    memory = plug.handle_command(PlugMemory(), On(), 0)
    assert memory.phase == "standby"
    memory = with_power(plug, memory, 2000, 10)
    memory = with_power(plug, memory, 1, 100)
    memory = with_power(plug, memory, 6, 250)
    assert (memory.phase, memory.low_since) == ("running", None)
    memory = with_power(plug, memory, 1, 300)
    assert plug.next_deadline(memory) == 480
    assert plug.advance(memory, 479).phase == "running"
    memory = plug.advance(memory, 480)
    assert plug.state(memory, Reading(on=True, power_watts=1), 480).ready
    assert plug.desired_setting(memory).on
    assert plug.advance(memory, 480 + 7200).phase == "standby"


def test_between_the_thresholds_nothing_begins() -> None:
    """An appliance between the thresholds stays on standby."""
    plug = Plug(WASHER)
    memory = plug.handle_command(PlugMemory(), On(), 0)
    assert with_power(plug, memory, 19, 1) == memory


def test_a_measurement_alone_does_not_change_the_memory() -> None:
    """The journal is written for changes of phase only, not for each measurement."""
    plug = Plug(WASHER)
    memory = with_power(plug, plug.handle_command(PlugMemory(), On(), 0), 500, 1)
    assert with_power(plug, memory, 501, 2) == memory
    low = with_power(plug, memory, 2, 3)
    assert with_power(plug, low, 1, 4) == low


def test_thresholds_without_a_meter_are_a_fault() -> None:
    """Without a power meter a washing machine never counts as running."""
    plug = Plug(WASHER)
    memory = plug.handle_command(PlugMemory(), On(), 0)
    assert (
        plug.state(memory, Reading(on=True), 1).fault
        == "its power is not told, so it is not known when it runs"
    )
    assert plug.state(memory, Reading(on=True, power_watts=0.0), 1).fault is None
    assert Plug(Options()).state(memory, Reading(on=True), 1).fault is None


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(0.1, 400), st.sampled_from([0.0, 4.9, 5.0, 19.9, 20.0, 2000.0]))))
def test_it_has_finished_only_after_low_power_for_the_whole_time(readings: list[tuple[float, float]]) -> None:
    """For any readings: the plug ran before, and its power was never above the threshold since."""
    plug = Plug(WASHER)
    memory, now, low, ran = plug.handle_command(PlugMemory(), On(), 0.0), 0.0, 0.0, False
    for seconds, watts in readings:
        now += seconds
        before, memory = memory.phase, plug.advance(memory, now)
        if memory.phase == "finished" != before:
            assert ran
            assert now - low >= WASHER.finished_seconds
        memory = with_power(plug, memory, watts, now)
        ran = memory.phase in ("running", "finished")
        low = now if watts >= 5 else low
        assert (memory.phase == "running") >= (watts >= 20)


def test_an_unreachable_plug_has_not_finished() -> None:
    """The power may have risen while the plug was unreachable, so the time of low power starts again."""
    plug = Plug(WASHER)
    memory = with_power(plug, with_power(plug, plug.handle_command(PlugMemory(), On(), 0), 2000, 10), 1, 100)
    lost = plug.update_measurements(memory, Reading(on=True, power_watts=1, reachable=False), 110)
    assert (lost.phase, plug.next_deadline(lost)) == ("running", None)
    assert plug.next_deadline(with_power(plug, lost, 1, 5000)) == 5180


def test_a_simulated_wash_runs_and_ends() -> None:
    """A simulated plug with thresholds finishes, and sooner at a higher speed."""
    fast = Plug(WASHER, speed=15)
    (seconds, running), (_, resting) = fast.power_profile()
    assert seconds == 3600 / 15
    memory = with_power(fast, fast.handle_command(PlugMemory(), On(), 0), running, 1)
    assert memory.phase == "running"
    assert fast.next_deadline(with_power(fast, memory, resting, seconds)) == seconds + 180 / 15


def test_it_heats_if_it_has_a_max_on() -> None:
    """Only with `max_on` the plug goes off in time."""
    assert not Plug(Options()).heats
    assert Plug(Options(max_on_seconds=Seconds(600))).heats


@pytest.mark.parametrize("left", range(8))
def test_with_max_on_it_is_never_on_longer(left: int) -> None:
    """This is true if the process is killed at any action, and if the plug is switched on manually."""
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


def test_without_max_on_it_restores_its_state() -> None:
    """A freezer is switched off neither by time nor by a restart."""
    simulator = CrashSimulator("plug")
    simulator.command("on")
    simulator.wait(7 * 86400)
    simulator.restart()
    assert (simulator.relay.is_on, simulator.field("status")) == (True, True)


def test_a_plug_that_heats_is_never_switched_on_by_a_restart() -> None:
    """`restore = "on"` is refused together with `max_on`, and only then."""
    for table, refused in (({}, False), ({"max_on": "1h"}, True)):
        problems: list[Problem] = []
        common = {"kind": "plug", "driver": "simulated", "restore": "on"}
        device.build("plug", {**common, **table}, ("devices", "plug"), problems)
        assert (
            any("a restart never switches on a heating device" in problem.text for problem in problems)
            == refused
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"running_above_watts": 5.0}, "go together"),
        ({"running_above_watts": 5.0, "finished_below_watts": 5.0}, "must be below"),
        ({"max_on_seconds": Seconds(0)}, "longer than 0s"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(options: dict[str, float], message: str) -> None:
    """The options raise ValueError, which `house check` prints."""
    with pytest.raises(ValueError, match=message):
        Options(**options)  # type: ignore[arg-type]


def test_its_power_is_that_of_a_kettle_or_of_one_wash() -> None:
    """Simulated hardware draws 1000 W; with thresholds, twice the upper one, and then half the lower one."""
    assert Plug(Options()).power_profile() == ((1.0, 1000.0),)
    wash = Plug(Options(running_above_watts=10.0, finished_below_watts=4.0))
    (seconds, running), last = wash.power_profile()
    assert (running, last) == (20.0, (1.0, 2.0))
    assert seconds > 0


def test_a_power_at_the_lower_threshold_is_not_low() -> None:
    """The time of low power begins below the threshold."""
    plug = Plug(Options(running_above_watts=10.0, finished_below_watts=4.0))
    memory = with_power(plug, PlugMemory(phase="on"), 12.0, 1.0)
    assert with_power(plug, memory, 4.0, 2.0).low_since is None
    assert with_power(plug, memory, 3.9, 2.0).low_since == 2.0
