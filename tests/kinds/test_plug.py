"""A smart plug: on and off, and when what it switches runs and has finished."""

import pytest

from daemons.hardware import Reading
from daemons.kinds.plug import NO_METER, Memory, Off, On, Options, Plug, Toggle
from daemons.value import Seconds

WASHER = Options(running_above_watts=20, finished_below_watts=5, finished_seconds=Seconds(180))


def draws(plug: Plug, memory: Memory, watts: float, now: float) -> Memory:
    """Let its meter tell a power."""
    return plug.measure(plug.elapse(memory, now), Reading(on=True, power_watts=watts), now)


def test_without_thresholds_it_is_on_or_off() -> None:
    """And counts how often it went on."""
    plug = Plug(Options())
    memory = plug.obey(Memory(), Toggle(), 0)
    assert (memory.phase, memory.starts) == ("on", 1)
    assert plug.obey(memory, On(), 1) == memory
    assert draws(plug, memory, 2000, 2) == memory
    assert plug.obey(memory, Off(), 3) == Memory(starts=1)


def test_a_washing_machine_is_ready_when_its_power_was_low_for_long_enough() -> None:
    """A rest in the middle of the work is no end; the end counts from when the power dropped."""
    plug = Plug(WASHER)
    memory = plug.obey(Memory(), On(), 0)
    assert memory.phase == "standby"
    memory = draws(plug, memory, 2000, 10)
    memory = draws(plug, memory, 1, 100)
    memory = draws(plug, memory, 6, 250)
    assert (memory.phase, memory.low) == ("running", None)
    memory = draws(plug, memory, 1, 300)
    assert plug.due(memory) == 480
    assert plug.elapse(memory, 479).phase == "running"
    memory = plug.elapse(memory, 480)
    assert plug.shows(memory, Reading(on=True, power_watts=1), 480).ready
    assert plug.wants(memory).on
    assert plug.elapse(memory, 480 + 7200).phase == "standby"


def test_between_the_thresholds_nothing_begins() -> None:
    """What draws a little is on standby."""
    plug = Plug(WASHER)
    memory = plug.obey(Memory(), On(), 0)
    assert draws(plug, memory, 19, 1) == memory


def test_the_memory_is_written_for_turns_only() -> None:
    """A meter that tells something new all the time wears out no disk."""
    plug = Plug(WASHER)
    memory = draws(plug, plug.obey(Memory(), On(), 0), 500, 1)
    assert draws(plug, memory, 501, 2) == memory
    low = draws(plug, memory, 2, 3)
    assert draws(plug, low, 1, 4) == low


def test_hardware_without_a_meter_is_told() -> None:
    """Nobody waits for a washing machine whose power is not measured."""
    plug = Plug(WASHER)
    memory = plug.obey(Memory(), On(), 0)
    assert plug.shows(memory, Reading(on=True), 1).fault == NO_METER
    assert plug.shows(memory, Reading(on=True, power_watts=0.0), 1).fault is None
    assert Plug(Options()).shows(memory, Reading(on=True), 1).fault is None


def test_it_heats_if_it_has_a_longest_time() -> None:
    """Then, and only then, its device cuts it off."""
    assert not Plug(Options()).heats
    assert Plug(Options(max_on_seconds=Seconds(600))).heats


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"running_above_watts": 5.0}, "go together"),
        ({"running_above_watts": 5.0, "finished_below_watts": 6.0}, "must not be above"),
        ({"max_on_seconds": Seconds(0)}, "longer than 0s"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(options: dict[str, float], said: str) -> None:
    """By `house check`."""
    with pytest.raises(ValueError, match=said):
        Options(**options)  # type: ignore[arg-type]
