"""A device whose memory cannot be written, that has no memory, or that was away while things happened."""

import pytest

from daemons.bus.message import Command
from daemons.config.sun import SunCalendar
from daemons.kinds import Reading, Setting
from daemons.processes.device.appliance import Appliance
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

NOW = factories.START_TIME
FULL = "No space left on device"
REASON = f"its memory cannot be written: {FULL}"


def start_new(kind: str, reading: Reading, **table: object) -> Appliance:
    """Return an appliance that starts without a memory, after it has read its hardware."""
    device = factories.device(kind, **table)
    machine = factories.machine(kind)
    memory = factories.memory(machine, kind, NOW, is_new=True)
    made = Appliance(device, type(machine)(device.options), memory, SunCalendar(factories.UTC))
    made.start(reading, NOW, NOW)
    return made


# A memory that cannot be written


@pytest.mark.parametrize(("kind", "word"), [("toaster", "start"), ("lamp", "on"), ("plug", "toggle")])
def test_a_command_that_switches_on_is_rejected(kind: str, word: str) -> None:
    """The first one is taken back, the next ones are refused at once; a kill changes nothing of this."""
    simulator = CrashSimulator(kind)
    simulator.disk_error = FULL
    for id_ in ("c1", "c2", "c1"):
        receipt = simulator.command(word, id_)
        assert (receipt.outcome, receipt.reason) == ("rejected", REASON)
        assert not simulator.relay.is_on
    assert simulator.field("status") is False
    assert simulator.field("fault") == REASON
    simulator.running = None
    simulator.restart()
    assert simulator.command(word, "c1").outcome == "rejected"
    assert not simulator.relay.is_on


def test_a_decision_that_was_taken_back_was_never_published() -> None:
    """No state before the present one shows the toaster at work, and its starts are not counted."""
    simulator = CrashSimulator("toaster")
    simulator.disk_error = FULL
    simulator.command("start")
    memory = simulator.appliance.memory
    assert {moment.state["phase"] for moment in memory.past} <= {"idle"}
    assert (memory.last_state["phase"], memory.last_state["starts"]) == ("idle", 0)
    assert "is toasting" not in simulator.log()


def test_all_is_well_again_when_the_disk_is() -> None:
    """The next write succeeds, the fault is gone, and commands are carried out."""
    simulator = CrashSimulator("toaster")
    simulator.disk_error = FULL
    simulator.command("start", "c1")
    assert not simulator.appliance.is_idle
    simulator.disk_error = None
    simulator.wait(1)
    assert simulator.field("fault") is None
    assert simulator.command("start", "c2").outcome == "applied"
    assert simulator.relay.is_on


@pytest.mark.parametrize(("kind", "on", "off"), [("toaster", "start", "stop"), ("lamp", "on", "off")])
def test_off_is_always_carried_out(kind: str, on: str, off: str) -> None:
    """Without a memory, an id may be carried out twice; off twice is off."""
    simulator = CrashSimulator(kind)
    simulator.command(on, "c1")
    simulator.disk_error = FULL
    assert simulator.command(off, "c2").outcome == "applied"
    assert not simulator.relay.is_on


def test_heat_goes_off_at_its_time_without_a_writable_disk() -> None:
    """The toast that was begun before the fault is made, and is off in time."""
    simulator = CrashSimulator("toaster")
    simulator.command("start")
    simulator.disk_error = FULL
    simulator.wait(119)
    assert simulator.relay.is_on
    simulator.wait(2)
    assert (simulator.relay.is_on, simulator.field("phase")) == (False, "ready")


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize(
    ("kind", "before", "word"),
    [
        ("button", None, "single"),
        ("coffee_maker", "start", "start"),
        ("heater", None, "on"),
        ("cover", "open", "close"),
    ],
)
def test_a_command_that_would_be_forgotten_is_rejected(
    kind: str, before: str | None, word: str, is_known: bool
) -> None:
    """After a kill the same id would act again, or the command would be lost."""
    simulator = CrashSimulator(kind)
    if before:
        simulator.command(before, "c0")
        simulator.wait(250 if kind == "coffee_maker" else 5)
    state, phase = simulator.appliance.memory.machine, simulator.field("phase")
    simulator.disk_error = FULL
    if is_known:
        simulator.poll()
    assert simulator.command(word, "c1").reason == REASON
    assert (simulator.appliance.memory.machine, simulator.field("phase")) == (state, phase)
    simulator.disk_error = None
    simulator.poll()
    assert simulator.command(word, "c2").outcome == "applied"


def test_a_cover_stops_without_a_writable_disk() -> None:
    """Also while its motor rests before the next move, which then does not begin."""
    simulator = CrashSimulator("cover", open_time="20s", close_time="20s")
    simulator.command("open", "c1")
    simulator.wait(5)
    simulator.command("close", "c2")
    simulator.disk_error = FULL
    simulator.wait(0.1)
    assert simulator.field("phase") == "turning"
    assert simulator.command("stop", "c3").outcome == "applied"
    simulator.disk_error = None
    simulator.wait(30)
    assert not simulator.relay.is_on


def test_a_rule_that_was_taken_back_acts_when_the_disk_is_well() -> None:
    """Within its grace, and once."""
    rule = {"device": "switch", "turns": {"status": True}, "do": "toggle"}
    simulator = CrashSimulator("lamp", when=[rule])
    simulator.disk_error = FULL
    simulator.now += 1
    simulator.on_state(factories.state("switch", turned=simulator.now, cause="p1", status=True))
    simulator.wait(5)
    assert not simulator.relay.is_on
    simulator.disk_error = None
    for _ in range(5):
        simulator.wait(1)
    assert (simulator.relay.is_on, simulator.field("starts")) == (True, 1)


def test_a_rule_does_not_switch_on_without_a_writable_disk() -> None:
    """The press is not carried out, neither now nor after a restart, and the log has the reason."""
    rule = {"device": "switch", "turns": {"status": True}, "do": "start"}
    simulator = CrashSimulator("toaster", when=[rule])
    simulator.disk_error = FULL
    simulator.now += 1
    simulator.on_state(factories.state("switch", turned=simulator.now, cause="p1", status=True))
    assert not simulator.relay.is_on
    assert REASON in simulator.log()


@pytest.mark.parametrize("period_seconds", [1.5, 0.5, 2.9])
def test_kills_never_lengthen_the_heat(period_seconds: float) -> None:
    """A plug that was switched on by hand, and whose process dies again and again, is off after `max_on`."""
    simulator = CrashSimulator("plug", max_on="3s")
    simulator.disk_error = FULL
    simulator.now += 10
    simulator.relay.switch_manually(on=True, now=simulator.now)
    simulator.poll()
    for _ in range(40):
        simulator.wait(period_seconds)
        simulator.running = None
        simulator.restart()
    assert not simulator.relay.is_on
    assert simulator.relay.longest_on_seconds <= 3 + period_seconds


@pytest.mark.parametrize("command", ["close", "open"])
def test_a_move_that_may_not_begin_keeps_the_process_idle(command: str) -> None:
    """A cover reverses after a rest. It has no deadline in the past, and moves when the disk is back."""
    simulator = CrashSimulator("cover", open_time="20s", close_time="20s")
    simulator.command("open" if command == "close" else "close", "c1")
    simulator.wait(5)
    simulator.command(command, "c2")
    simulator.disk_error = FULL
    simulator.wait(10)
    assert (simulator.relay.is_on, simulator.field("fault")) == (False, REASON)
    simulator.disk_error = None
    simulator.wait(1)
    simulator.wait(1)
    assert (simulator.relay.is_on, simulator.field("fault")) == (True, None)


# Heat of unknown age


@pytest.mark.parametrize("kind", ["toaster", "coffee_maker", "heater"])
def test_heat_of_unknown_age_goes_off_at_a_start(kind: str) -> None:
    """Nothing says since when it is on, so `max_on` cannot be kept otherwise."""
    simulator = CrashSimulator(kind)
    simulator.running = None
    simulator.now += 5
    simulator.relay.switch_manually(on=True, now=simulator.now)
    simulator.restart()
    assert not simulator.relay.is_on
    assert "it is not known since when" in simulator.log()


@pytest.mark.parametrize(("timer", "left"), [(20.0, 20.0), (99_999.0, 360.0)])
def test_the_running_timer_of_the_hardware_is_never_lengthened(timer: float, left: float) -> None:
    """A toaster adopts heat with a timer, and goes off when the timer ends, at most after `max_on`."""
    made = start_new("toaster", Reading(on=True, off_after_seconds=timer))
    assert made.memory.off_deadline == NOW + left
    setting = made.next_setting(NOW)
    assert setting is None or setting.off_after_seconds == left


# A device without a memory


@pytest.mark.parametrize("kind", ["plug", "lamp", "light_switch"])
@pytest.mark.parametrize("on", [True, False])
def test_a_new_device_adopts_its_hardware(kind: str, on: bool) -> None:
    """Nothing is sent to hardware that is on, as a freezer is, or off."""
    made = start_new(kind, Reading(on=on))
    assert made.next_setting(NOW) is None
    assert made.state(NOW)["status"] is on
    assert made.state(NOW)["confirmed"] is True


def test_a_new_device_waits_for_the_first_known_state() -> None:
    """Also if its process is killed before; a command decides at once."""
    made = start_new("plug", Reading(reachable=None))
    assert made.next_setting(NOW) is None
    assert made.memory.is_new
    made.on_reading(Reading(on=True), NOW + 1, NOW + 1)
    assert made.next_setting(NOW + 1) is None
    assert (made.state(NOW + 1)["status"], made.memory.is_new) == (True, False)


def test_a_command_before_the_first_known_state_is_sent() -> None:
    """Off is sent although the device shows off already."""
    made = start_new("plug", Reading(reachable=None))
    made.handle_command(Command(id="c1", command="off", deadline=NOW + 10), NOW, NOW)
    assert made.next_setting(NOW) == Setting(on=False)


@pytest.mark.parametrize(("restore", "is_on"), [("off", False), ("on", True)])
def test_a_new_device_with_a_configured_state_gets_it(restore: str, is_on: bool) -> None:
    """`restore` counts at the first start too."""
    made = start_new("plug", Reading(on=not is_on), restore=restore)
    setting = made.next_setting(NOW)
    assert setting is not None
    assert setting.on is is_on


# Away while things happen


def test_a_washing_machine_that_was_not_watched_has_not_finished() -> None:
    """Its power may have risen and fallen again; the time of low power begins anew with the first reading."""
    simulator = CrashSimulator("plug", running_above_watts=20, finished_below_watts=5)
    simulator.command("on")
    for watts in (2000.0, 1.0):
        simulator.now += 1
        simulator.on_reading(Reading(on=True, power_watts=watts))
    simulator.running = None
    simulator.now += 1000
    simulator.restart()
    assert simulator.field("phase") == "running"
    simulator.appliance.on_reading(Reading(on=True, power_watts=1.0), simulator.now, simulator.now)
    assert simulator.appliance.next_deadline() == simulator.now + 180


@pytest.mark.parametrize(("away_seconds", "position"), [(1, 55.0), (2, 60.0), (600, 60.0), (-4, 30.0)])
def test_a_cover_counts_the_run_of_its_motor(away_seconds: float, position: float) -> None:
    """Without the process, the motor runs until its own timer ends, two seconds after the planned end."""
    simulator = CrashSimulator("cover", open_time="20s", close_time="20s")
    simulator.command("close", "c1")
    simulator.wait(40)
    simulator.command("set", "c2", position_percent=50)
    simulator.running = None
    simulator.now += 10 + away_seconds
    simulator.restart()
    assert simulator.field("position_percent") == position


def test_kills_do_not_hide_that_a_source_is_silent() -> None:
    """A heater whose process dies every nine seconds stops ten seconds later than without kills, at most."""
    simulator = CrashSimulator("heater", source="thermometer")
    simulator.on_state(factories.state("thermometer", turned=NOW, temperature_celsius=15.0))
    simulator.command("on")
    assert simulator.relay.is_on
    writes = simulator.writes
    for _ in range(10):
        for _ in range(9):
            simulator.wait(1)
        simulator.running = None
        simulator.restart()
    assert not simulator.relay.is_on
    assert simulator.field("fault") == "there is no temperature from thermometer"
    assert simulator.relay.longest_on_seconds <= 80
    assert simulator.writes - writes < 120


def test_a_source_that_is_heard_again_is_not_silent() -> None:
    """The next silence begins anew, and is remembered once."""
    simulator = CrashSimulator("heater", source="thermometer")
    simulator.on_state(factories.state("thermometer", turned=NOW, temperature_celsius=15.0))
    assert simulator.appliance.memory.silent_since == {}
    simulator.wait(11)
    assert simulator.appliance.memory.silent_since == {"thermometer": NOW}
    simulator.on_state(factories.state("thermometer", seq=2, turned=NOW, temperature_celsius=15.0))
    assert simulator.appliance.memory.silent_since == {}
