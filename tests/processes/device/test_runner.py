"""The order of a runner: write, publish, answer, set the hardware; and a kill between each two steps."""

import msgspec
import pytest

from daemons.bus.message import Command, Receipt
from daemons.kinds import Reading, Setting
from tests.support.crash_simulator import CrashSimulator

HEATING, OTHER = "toaster", "lamp"
ON = {"toaster": "start", "lamp": "on"}


def start(simulator: CrashSimulator, id_: str = "c1") -> Receipt:
    """Send the command that switches the device on; its hardware is set when the loop goes on."""
    command = Command(id=id_, command=ON[simulator.kind], deadline=simulator.now + 10)
    return simulator.runner.handle_command(command)


def test_other_processes_need_not_wait_for_the_hardware() -> None:
    """The receipt is there, and the state is published as not confirmed, before the relay switches."""
    lamp = CrashSimulator(OTHER)
    published, writes = len(lamp.published), lamp.writes
    assert start(lamp).outcome == "applied"
    assert (lamp.writes, len(lamp.published), lamp.relay.is_on) == (writes + 1, published + 1, False)
    told = lamp.published[-1]
    assert (told["status"], told["confirmed"], told["cause"]) == (True, False, "c1")
    lamp.process.run_due()
    assert lamp.relay.is_on
    assert lamp.published[-1]["confirmed"] is True


def test_what_heats_is_set_before_the_receipt() -> None:
    """A toaster is told to its subscribers first, and switches without waiting for the loop."""
    toaster = CrashSimulator(HEATING)
    start(toaster)
    assert toaster.relay.is_on
    assert [told["confirmed"] for told in toaster.published[-2:]] == [False, True]


def test_off_follows_on_at_once_and_both_reach_the_hardware() -> None:
    """The hardware is set before the next event, so two quick commands are two switchings."""
    lamp = CrashSimulator(OTHER)
    switched: list[bool] = []
    set_relay = lamp.relay.set

    def record(setting: Setting, now: float) -> None:
        switched.append(setting.on)
        set_relay(setting, now)

    lamp.relay.set = record  # type: ignore[method-assign]
    start(lamp)
    lamp.runner.handle_command(Command(id="c2", command="off", deadline=lamp.now + 10))
    lamp.runner.finish()
    assert switched == [True, False]


def test_the_hardware_is_set_before_the_process_ends() -> None:
    """`finish` is called at SIGTERM. The loop need not go on."""
    lamp = CrashSimulator(OTHER)
    start(lamp)
    lamp.runner.finish()
    assert lamp.relay.is_on


@pytest.mark.parametrize("restore", ["last", "off"])
@pytest.mark.parametrize("kind", [OTHER, HEATING])
@pytest.mark.parametrize("actions", range(12))
def test_a_press_with_a_receipt_is_carried_out_once_after_any_kill(
    kind: str, restore: str, actions: int
) -> None:
    """The next process finishes what the killed one had written, whatever `restore` says; but only once."""
    simulator = CrashSimulator(kind, restore=restore)
    began, receipt = simulator.writes, None
    with simulator.killed_after(actions):
        receipt = start(simulator)
        simulator.process.run_due()
    is_written = simulator.writes > began
    assert not simulator.published[-1]["status"] or is_written, "nothing is told before it is written"
    assert receipt is None or is_written
    simulator.now += 20
    if simulator.running is None:
        is_pending = msgspec.json.decode(simulator.disk)["unsent"] is not None
        simulator.restart()
        assert simulator.relay.is_on == (is_written and (restore == "last" or is_pending))
    repeated = simulator.command(ON[kind], "c1")
    assert repeated.outcome == "applied"
    assert simulator.field("status") == simulator.relay.is_on


@pytest.mark.parametrize("actions", range(8))
def test_a_press_of_the_button_counts_once_after_any_kill(actions: int) -> None:
    """The place read up to is written together with what the press did: neither stands without the other."""
    switch = CrashSimulator("light_switch")
    switch.relay.presses = 1
    with switch.killed_after(actions):
        switch.poll()
    if switch.running is None:
        switch.restart()
    switch.poll()
    assert switch.field("status") is True
    switch.restart()
    assert switch.field("status") is True
    switch.relay.presses = 2
    switch.poll()
    assert switch.field("status") is False


@pytest.mark.parametrize(("away_seconds", "is_on"), [(59, True), (61, False)])
def test_what_heats_does_not_begin_after_its_grace(away_seconds: float, is_on: bool) -> None:
    """The process was killed before it set the hardware, and nothing ran for a while."""
    toaster = CrashSimulator(HEATING)
    with toaster.killed_after(2):
        start(toaster)
    assert toaster.running is None
    toaster.now += away_seconds
    toaster.restart()
    assert toaster.relay.is_on == is_on
    assert toaster.field("status") == is_on
    assert ("warning: does not switch on: it is 61 s late [c1]" in toaster.log()) != is_on


def test_the_work_of_what_heats_begins_when_it_is_on() -> None:
    """A toaster that was killed before it switched on has toasted nothing meanwhile."""
    toaster = CrashSimulator(HEATING)
    with toaster.killed_after(2):
        start(toaster)
    toaster.now += 50
    toaster.restart(actions=1)
    toaster.restart()
    assert toaster.field("phase") == "toasting"


@pytest.mark.parametrize("away_seconds", [1, 1000])
def test_a_switch_that_was_not_carried_out_is_so_however_late(away_seconds: float) -> None:
    """Off is always carried out."""
    toaster = CrashSimulator(HEATING)
    toaster.command("start")
    with toaster.killed_after(2):
        toaster.command("stop", "c2")
    toaster.now += away_seconds
    toaster.restart()
    assert not toaster.relay.is_on


def test_a_measurement_that_changes_too_soon_is_published_once_and_later() -> None:
    """Then the device sleeps again: a deadline that stays in the past would occupy the processor."""
    lamp = CrashSimulator(OTHER)
    lamp.now += 10
    lamp.on_reading(Reading(on=False, power_watts=1.0))
    lamp.now += 0.1
    lamp.on_reading(Reading(on=False, power_watts=2.0))
    assert lamp.published[-1]["power_watts"] == 1.0
    waiting = [timer.when for timer in lamp.process.timers]
    assert min(waiting) == pytest.approx(lamp.now + 0.4)
    lamp.now += 0.4
    lamp.on_reading(Reading(on=False, power_watts=2.0))
    assert lamp.published[-1]["power_watts"] == 2.0
    for _ in range(3):
        lamp.on_reading(Reading(on=False, power_watts=2.0))
        assert all(timer.when > lamp.now for timer in lamp.process.timers)


def test_nothing_waits_when_nothing_is_to_be_set() -> None:
    """A repeated command writes nothing, publishes nothing, and sets nothing."""
    lamp = CrashSimulator(OTHER)
    lamp.command("on")
    before = (lamp.writes, len(lamp.published))
    with lamp.killed_after(0):
        lamp.command("on")
    assert lamp.running is not None
    assert (lamp.writes, len(lamp.published)) == before
