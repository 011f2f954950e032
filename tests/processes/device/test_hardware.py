"""The hardware of one appliance: followed, confirmed, given up, switched off in time, lost and found."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from daemons.bus.message import Command
from daemons.config.sun import SunCalendar
from daemons.kinds import ButtonPress, Reading, Setting, without_implausible
from daemons.processes.device.appliance import Appliance
from tests.support import factories
from tests.support.crash_simulator import NEVER, CrashSimulator

NOW = factories.START_TIME
PRESS: dict[str, Any] = {"device": "switch", "turns": {"status": True}}


def make(kind: str, **table: Any) -> Appliance:
    """Return an appliance whose hardware is off and whose process has just started."""
    made = factories.appliance(factories.device(kind, **table), kind)
    made.start(Reading(on=False), NOW, NOW)
    return made


def make_confirmed(kind: str) -> Appliance:
    """Return an appliance whose hardware has confirmed that it is off."""
    made = make(kind)
    assert made.next_setting(NOW) == Setting(on=False)
    made.on_reading(Reading(on=False), NOW, NOW)
    return made


def command(appliance: Appliance, word: str, at: float = NOW, id_: str = "c1", **args: Any) -> str | None:
    """Carry out a command, and return the reason if it was rejected."""
    sent = Command(id=id_, command=word, deadline=at + 10, args=args)
    return appliance.handle_command(sent, at, at).reason


# Heating appliances go off


STARTED = [
    word
    for word in factories.machine_kinds()
    if factories.machine(word).heats
    and "Start" in [command.__name__ for command in factories.machine(word).commands]
]
"""The kinds that heat when they are started."""


class Heating(RuleBasedStateMachine):
    """A heating appliance with presses, manual switches, kills and long pauses."""

    actions = st.just(NEVER) | st.integers(0, 4)

    @initialize(kind=st.sampled_from(STARTED))
    def begin(self, kind: str) -> None:
        """Set up the appliance."""
        self.simulator = CrashSimulator(kind, when=[{**PRESS, "do": "start"}])
        self.words = [command.__name__.lower() for command in self.simulator.device.kind.commands]
        self.sent = 0

    @precondition(lambda self: self.simulator.running)
    @rule(actions=actions)
    def press(self, actions: int) -> None:
        """The switch is pressed, and its state arrives."""
        with self.simulator.killed_after(actions):
            self.simulator.on_state(factories.state(status=True, turned=self.simulator.now, cause="p1"))

    @precondition(lambda self: self.simulator.running)
    @rule(actions=actions, data=st.data())
    def command(self, actions: int, data: st.DataObject) -> None:
        """Any command of the kind arrives."""
        self.sent += 1
        with self.simulator.killed_after(actions):
            self.simulator.command(data.draw(st.sampled_from(self.words)), f"c{self.sent}")

    @precondition(lambda self: self.simulator.running)
    @rule(on=st.booleans(), actions=st.just(NEVER) | st.integers(1, 4))
    def switch_manually(self, on: bool, actions: int) -> None:
        """Switch the hardware manually. The process may be killed once before it has handled this."""
        self.simulator.relay.switch_manually(on, self.simulator.now)
        with self.simulator.killed_after(actions):
            self.simulator.poll()
        if not self.simulator.running:
            self.simulator.restart()

    @rule(broken=st.booleans())
    def break_or_repair(self, broken: bool) -> None:
        """The hardware no longer switches on, or does so again."""
        self.simulator.relay.is_broken = broken

    @rule(seconds=st.sampled_from([0.5, 6.0, 60.0, 300.0, 1000.0, 5000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, whether or not the process runs."""
        self.simulator.wait(seconds)

    @rule()
    def kill(self) -> None:
        """Kill the process while it is idle."""
        self.simulator.running = None

    @precondition(lambda self: not self.simulator.running)
    @rule(actions=actions)
    def restart(self, actions: int) -> None:
        """Start the process again, and perhaps kill it during the start."""
        self.simulator.restart(actions)

    @invariant()
    def hardware_is_never_on_for_too_long(self) -> None:
        """The relay itself measures that it is never on for longer than max_on."""
        self.simulator.relay.read(self.simulator.now)
        assert self.simulator.relay.longest_on_seconds <= self.simulator.device.options.max_on_seconds + 0.01

    def teardown(self) -> None:
        """Check that the relay is off in the end."""
        if not hasattr(self, "simulator"):
            return
        if not self.simulator.running:
            self.simulator.restart()
        self.simulator.wait(self.simulator.device.options.max_on_seconds + 10)
        assert not self.simulator.relay.is_on
        self.hardware_is_never_on_for_too_long()


TestHeatingAppliancesGoOffWhateverIsKilled = Heating.TestCase
TestHeatingAppliancesGoOffWhateverIsKilled.settings = settings(
    max_examples=100, stateful_step_count=20, deadline=None
)


def test_a_heating_appliance_sets_the_hardware_timer() -> None:
    """The setting of an appliance that heats has an off time. The setting of any other has none."""
    toaster, lamp = make("toaster"), make("lamp")
    command(toaster, "start")
    assert toaster.next_setting(NOW) == Setting(on=True, off_after_seconds=360.0)
    command(lamp, "on")
    assert lamp.next_setting(NOW) == Setting(on=True, brightness_percent=100)


def test_a_toaster_that_was_switched_on_manually_gets_its_timer() -> None:
    """A manual switch counts as a start, and the hardware gets its timer as well."""
    simulator = CrashSimulator("toaster")
    simulator.relay.switch_manually(True, simulator.now)
    simulator.poll()
    simulator.running = None
    simulator.wait(5000)
    simulator.relay.read(simulator.now)
    assert simulator.relay.longest_on_seconds == pytest.approx(360)


def test_a_kill_before_the_timer_is_set_does_not_lose_the_timer() -> None:
    """A process that is killed after saving its memory sets the timer when it starts again."""
    simulator = CrashSimulator("toaster")
    simulator.relay.switch_manually(True, simulator.now)
    with simulator.killed_after(1):
        simulator.poll()
    assert simulator.running is None
    simulator.restart()
    simulator.running = None
    simulator.wait(5000)
    simulator.relay.read(simulator.now)
    assert simulator.relay.longest_on_seconds == pytest.approx(360)


def test_a_toaster_that_switches_on_late_gets_its_timer_again() -> None:
    """After a setting that did not arrive, a manual switch has no timer: the setting is sent once more."""
    simulator = CrashSimulator("toaster")
    simulator.relay.is_broken = True
    simulator.command("start")
    simulator.relay.is_broken = False
    simulator.now += 2
    simulator.relay.switch_manually(True, simulator.now)
    simulator.poll()
    simulator.running = None
    simulator.wait(5000)
    simulator.relay.read(simulator.now)
    assert simulator.relay.longest_on_seconds <= 360


@pytest.mark.parametrize(("late_seconds", "is_sent_again"), [(0.5, False), (0.6, True)])
def test_a_heating_appliance_that_is_on_within_half_a_second_was_switched_on_by_us(
    late_seconds: float, is_sent_again: bool
) -> None:
    """A setting that is reached later is sent again, because a person may have switched the hardware."""
    toaster = make("toaster")
    command(toaster, "start")
    assert toaster.next_setting(NOW)
    toaster.on_reading(Reading(on=True), NOW + late_seconds, NOW + late_seconds)
    assert (toaster.next_setting(NOW + 1) is not None) == is_sent_again


def test_heat_that_a_hand_switches_on_just_after_a_start_that_failed_gets_its_timer() -> None:
    """The relay is off after the setting, and a hand switches it on; then the process dies for good."""
    simulator = CrashSimulator("coffee_maker", max_on="40m")
    simulator.relay.is_broken = True
    simulator.command("start")
    simulator.relay.is_broken = False
    simulator.relay.switch_manually(True, simulator.now)
    simulator.poll()
    simulator.running = None
    simulator.now += 5000
    simulator.relay.read(simulator.now)
    assert simulator.relay.longest_on_seconds == 2400


def test_it_goes_off_at_max_on_although_its_phases_continue() -> None:
    """Another pot of coffee during the warm phase does not extend the time for which the plate is on."""
    simulator = CrashSimulator("coffee_maker", max_on="30m")
    simulator.command("start", "c1")
    simulator.wait(1400)
    simulator.command("start", "c2")
    simulator.wait(398)
    assert simulator.relay.is_on
    simulator.wait(3)
    assert not simulator.relay.is_on
    assert simulator.field("phase") == "idle"
    assert simulator.appliance.memory.cause == "max_on"
    assert "has been on as long as max_on allows" in simulator.log()


def test_nothing_gets_ready_without_power() -> None:
    """A coffee maker whose plug has not switched on does not advance, and makes no coffee."""
    simulator = CrashSimulator("coffee_maker", heat="1s", brew="1s")
    simulator.relay.is_broken = True
    simulator.command("start")
    simulator.wait(3)
    assert (simulator.field("phase"), simulator.field("ready")) == ("heating", False)
    assert simulator.appliance.next_deadline() == NOW + 5  # the setting's, not that of the phase
    simulator.wait(5)
    assert (simulator.field("phase"), simulator.field("ready")) == ("idle", False)


# Manual switches


def test_a_manual_switch_is_adopted() -> None:
    """The state follows hardware that was switched manually, with "hardware" as its cause."""
    simulator = CrashSimulator("lamp")
    simulator.relay.switch_manually(True, simulator.now)
    simulator.poll()
    assert (simulator.field("status"), simulator.appliance.memory.cause) == (True, "hardware")
    assert "was switched on at the hardware" in simulator.log()
    assert simulator.field("confirmed")
    simulator.relay.switch_manually(False, simulator.now)
    simulator.poll()
    assert simulator.field("status") is False
    assert "was switched off at the hardware" in simulator.log()


def test_a_manual_switch_while_the_process_was_dead_is_adopted() -> None:
    """At its start a device adopts hardware that was confirmed before and differs now."""
    simulator = CrashSimulator("lamp")
    simulator.command("on")
    simulator.running = None
    simulator.relay.switch_manually(False, simulator.now)
    simulator.restart()
    assert simulator.field("status") is False
    assert not simulator.relay.is_on


def test_a_manual_change_of_brightness_is_adopted() -> None:
    """A lamp that was dimmed manually is not dimmed back."""
    lamp = make("lamp")
    command(lamp, "on")
    lamp.next_setting(NOW)
    lamp.on_reading(Reading(on=True, brightness_percent=100), NOW, NOW)
    lamp.log_lines.clear()
    lamp.on_reading(Reading(on=True, brightness_percent=40), NOW + 9, NOW + 9)
    assert lamp.state(NOW + 9)["brightness_percent"] == 40
    assert lamp.next_setting(NOW + 9) is None
    assert "was changed at the hardware" in [line.text for line in lamp.log_lines]


def test_the_driver_may_report_the_cause_of_a_manual_switch() -> None:
    """A hardware timer that switches reports the command that set it."""
    lamp = make_confirmed("lamp")
    lamp.on_reading(Reading(on=True, cause="c7"), NOW + 1, NOW + 1)
    assert lamp.memory.cause == "c7"


# Hardware that does not follow


def test_hardware_that_does_not_switch_on_is_a_fault_and_counts_as_off() -> None:
    """A setting that is not reached within five seconds is logged, and no longer waited for."""
    simulator = CrashSimulator("toaster")
    simulator.relay.is_broken = True
    simulator.command("start")
    simulator.wait(4.9)
    assert (simulator.field("phase"), simulator.field("fault")) == ("toasting", None)
    simulator.wait(0.2)
    assert (simulator.field("phase"), simulator.field("fault")) == ("idle", "did not switch on within 5 s")
    assert "error: did not switch on within 5 s [c1]" in simulator.log()


@pytest.mark.parametrize("on", [True, False])
def test_a_driver_that_still_applies_a_setting_is_waited_for(on: bool) -> None:
    """Nothing else is sent after five seconds, and there is no fault; the answer confirms the setting."""
    made = make_confirmed("plug")
    if not on:
        command(made, "on", NOW, "c0")
        made.next_setting(NOW)
        made.on_reading(Reading(on=True), NOW, NOW)
    command(made, "on" if on else "off", NOW + 1, "c1")
    sent = made.next_setting(NOW + 1)
    assert sent is not None
    assert sent.on is on
    for now in (NOW + 2, NOW + 6, NOW + 12):
        made.on_reading(Reading(is_pending=True), now, now)
        made.advance(now, now)
        assert made.next_setting(now) is None
        assert (made.state(now)["status"], made.state(now)["fault"]) == (on, None)
        assert made.next_deadline() is None
    made.on_reading(Reading(on=on), NOW + 13, NOW + 13)
    assert made.state(NOW + 13)["confirmed"] is True


def test_hardware_that_did_not_switch_on_in_time_gets_one_more_off() -> None:
    """The first setting may still arrive, so off is sent although the hardware reports off."""
    lamp = make_confirmed("lamp")
    command(lamp, "on")
    assert lamp.next_setting(NOW) == Setting(on=True, brightness_percent=100)
    lamp.on_reading(Reading(on=False), NOW + 5, NOW + 5)
    lamp.advance(NOW + 5, NOW + 5)
    assert lamp.next_setting(NOW + 5) == Setting(on=False)
    lamp.on_reading(Reading(on=False), NOW + 6, NOW + 6)
    assert lamp.next_setting(NOW + 6) is None
    # Reaching off does not show that the hardware can switch on.
    assert lamp.state(NOW + 6)["fault"] == "did not switch on within 5 s"


def test_a_fault_ends_when_the_hardware_follows_again() -> None:
    """A fault is shown until the next setting that is reached."""
    simulator = CrashSimulator("lamp")
    simulator.relay.is_broken = True
    simulator.command("on", "c1")
    simulator.wait(6)
    assert simulator.field("fault") is not None
    simulator.relay.is_broken = False
    simulator.command("on", "c2")
    assert (simulator.field("fault"), simulator.field("status")) == (None, True)


def test_hardware_that_does_not_switch_off_gets_its_setting_repeatedly() -> None:
    """Off is sent every five seconds without end. The fault is logged once."""
    toaster = factories.appliance(factories.device("toaster"), "toaster")
    stuck = Reading(on=True)
    toaster.on_reading(stuck, NOW, NOW)
    sent = []
    for second in range(21):
        now = NOW + second
        toaster.advance(now, now)
        toaster.on_reading(stuck, now, now)
        if (setting := toaster.next_setting(now)) is not None:
            sent.append((second, setting.on))
    assert sent == [(0, False), (5, False), (10, False), (15, False), (20, False)]
    assert toaster.state(NOW)["fault"] == "did not switch off within 5 s"
    assert [line.text for line in toaster.log_lines].count("did not switch off within 5 s") == 1


def test_hardware_that_applies_only_a_part_of_a_setting_is_adopted() -> None:
    """A bulb that is on, but too dim, is published with its own brightness after five seconds."""
    lamp = make("lamp")
    command(lamp, "on", brightness_percent=100)
    lamp.next_setting(NOW)
    dimmed = Reading(on=True, brightness_percent=80)
    lamp.on_reading(dimmed, NOW + 1, NOW + 1)
    assert not lamp.state(NOW + 1)["confirmed"]
    lamp.advance(NOW + 5, NOW + 5)
    state = lamp.state(NOW + 5)
    assert (state["confirmed"], state["brightness_percent"], state["fault"]) == (True, 80, None)
    assert "the hardware accepted only a part of the setting" in [line.text for line in lamp.log_lines]
    assert lamp.next_setting(NOW + 5) is None


def test_a_fault_of_the_hardware_is_shown_and_logged_once() -> None:
    """A fault of the driver is in the state, and once in the log."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    for _ in range(3):
        lamp.on_reading(Reading(on=False, fault="it smokes"), NOW, NOW)
    assert lamp.state(NOW)["fault"] == "it smokes"
    assert [line.text for line in lamp.log_lines] == ["it smokes"]


def test_two_faults_are_both_shown() -> None:
    """The driver's fault follows that of the setting. The same text is not shown twice."""
    lamp = make("lamp")
    command(lamp, "on")
    lamp.next_setting(NOW)
    lamp.on_reading(Reading(on=False, fault="it smokes"), NOW + 5, NOW + 5)
    lamp.advance(NOW + 5, NOW + 5)
    assert lamp.state(NOW + 5)["fault"] == "did not switch on within 5 s; it smokes"
    lamp.on_reading(Reading(on=False, fault="did not switch on within 5 s"), NOW + 6, NOW + 6)
    assert lamp.state(NOW + 6)["fault"] == "did not switch on within 5 s"


# Hardware that cannot be reached

LOST = Reading(reachable=False, fault="10.0.0.7: no answer within 5 s", losses=1)


def test_on_is_rejected_once_the_hardware_was_unreachable_for_a_while_and_off_never_is() -> None:
    """A lamp must not switch on when its plug returns much later. It must switch off as soon as possible."""
    lamp = make("lamp")
    lamp.on_reading(LOST, NOW, NOW)
    outcomes = []
    for number, (word, seconds) in enumerate([("on", 4.9), ("off", 5.0), ("on", 5.0), ("off", 60.0)]):
        outcomes.append(command(lamp, word, NOW + seconds, f"c{number}"))
    why = "its hardware cannot be reached: 10.0.0.7: no answer within 5 s"
    assert outcomes == [None, None, why, None]


def test_a_command_that_changes_nothing_is_applied_while_the_hardware_is_unreachable() -> None:
    """A lamp that is desired to be on already accepts another on, until its grace is over."""
    lamp = make("lamp")
    command(lamp, "on")
    lamp.on_reading(LOST, NOW + 1, NOW + 1)
    assert command(lamp, "on", NOW + 59, "c2") is None
    assert command(lamp, "on", NOW + 60, "c3") == f"its hardware cannot be reached: {LOST.fault}"


def test_it_publishes_since_when_its_hardware_is_unreachable_across_restarts() -> None:
    """The time is remembered. When the hardware is reachable again, there is none."""
    lamp = make("lamp")
    lamp.on_reading(LOST, NOW + 7, NOW + 7)
    assert (lamp.state(NOW + 8)["reachable"], lamp.state(NOW + 8)["unreachable_since"]) == (False, NOW + 7)
    machine = factories.machine("lamp")
    again = Appliance(factories.device("lamp"), machine, lamp.memory, SunCalendar(factories.UTC))
    again.start(Reading(reachable=None), NOW + 20, NOW + 20)
    again.on_reading(LOST, NOW + 21, NOW + 21)
    assert again.state(NOW + 22)["unreachable_since"] == NOW + 7
    assert command(again, "on", NOW + 25) is None
    assert command(again, "off", NOW + 25, "c2") is None
    assert command(again, "on", NOW + 26, "c3") == f"its hardware cannot be reached: {LOST.fault}"
    again.on_reading(Reading(on=False, losses=1), NOW + 30, NOW + 30)
    assert (again.state(NOW + 30)["reachable"], again.state(NOW + 30)["unreachable_since"]) == (True, None)
    assert "its hardware can be reached again" in [line.text for line in again.log_lines]


def test_hardware_that_was_never_reachable_and_never_used_has_no_second_fault() -> None:
    """Without a command, the only fault is that the hardware is unreachable."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(reachable=None), NOW, NOW)
    for second in range(12):
        lamp.next_setting(NOW + second)
        lamp.on_reading(LOST, NOW + second, NOW + second)
        lamp.advance(NOW + second, NOW + second)
    assert lamp.state(NOW + 12)["fault"] == LOST.fault


def test_unreachable_hardware_is_neither_confirmed_nor_adopted() -> None:
    """A reading from before the loss says nothing about the present."""
    lamp = make("lamp")
    command(lamp, "on")
    lamp.next_setting(NOW)
    lamp.on_reading(Reading(on=True, reachable=False, losses=1), NOW + 1, NOW + 1)
    assert not lamp.memory.confirmed
    lamp.on_reading(Reading(on=True, losses=1), NOW + 2, NOW + 2)
    assert lamp.memory.confirmed
    lamp.on_reading(Reading(on=False, reachable=False, losses=2), NOW + 3, NOW + 3)
    assert lamp.state(NOW + 3)["status"] is True


class LostRelay:
    """A device whose relay is out of reach at times."""

    def __init__(self, kind: str, **table: Any) -> None:
        self.simulator = CrashSimulator(kind, **table)
        self.losses = 0
        self.lost_until: float | None = None
        read, set_ = self.simulator.relay.read, self.simulator.relay.set
        self.simulator.relay.read = lambda now: self._read(read(now), now)  # type: ignore[method-assign]
        self.simulator.relay.set = lambda setting, now: None if self._is_lost(now) else set_(setting, now)  # type: ignore[method-assign]

    def _is_lost(self, now: float) -> bool:
        return self.lost_until is not None and now < self.lost_until

    def _read(self, reading: Reading, now: float) -> Reading:
        if self._is_lost(now):
            return replace(LOST, losses=self.losses, presses_until=reading.presses_until)
        return replace(reading, losses=self.losses)

    def lose(self, seconds: float) -> None:
        """Put the relay out of reach from now on, for this time; the device has not noticed yet."""
        self.losses += 1
        self.lost_until = self.simulator.now + seconds


HARDWARE_COMES_BACK = [
    ("lamp", "on", {}, "on"),
    ("plug", "on", {}, "on"),
    ("plug", "on", {"max_on": "20s"}, "on"),
    ("coffee_maker", "start", {"heat": "5s", "brew": "5s"}, "heating"),
    ("toaster", "start", {}, "toasting"),
]


@pytest.mark.parametrize("kills", [False, True], ids=["runs", "killed"])
@pytest.mark.parametrize(("kind", "word", "table", "phase"), HARDWARE_COMES_BACK)
def test_what_was_to_go_on_goes_on_when_its_hardware_is_back_within_the_grace(
    kind: str, word: str, table: dict[str, Any], phase: str, kills: bool
) -> None:
    """It was lost just before, which its driver could not know yet. Its times count from when it is on."""
    device = LostRelay(kind, **table)
    simulator = device.simulator
    back = 15.0 if "max_on" in table else 40.0
    device.lose(back)
    assert simulator.command(word).outcome == "applied"
    simulator.wait(7)
    assert (simulator.field("phase"), simulator.field("confirmed")) == (phase, False)
    assert simulator.field("fault") == LOST.fault
    if kills:
        simulator.restart()
    simulator.wait(back - 7.1)
    assert not simulator.relay.is_on
    simulator.wait(0.2)
    assert simulator.relay.is_on
    simulator.wait(4)
    assert (simulator.field("phase"), simulator.field("confirmed")) == (phase, True)
    assert simulator.field("fault") is None
    simulator.wait(5000)
    if kind != "lamp" and (kind, table) != ("plug", {}):
        assert not simulator.relay.is_on
        assert simulator.relay.longest_on_seconds <= simulator.device.options.max_on_seconds + 0.01


@pytest.mark.parametrize("kills", [False, True], ids=["runs", "killed"])
@pytest.mark.parametrize(("kind", "word", "table", "phase"), HARDWARE_COMES_BACK)
def test_what_was_to_go_on_stays_off_when_its_hardware_is_back_after_the_grace(
    kind: str, word: str, table: dict[str, Any], phase: str, kills: bool
) -> None:
    """The fault tells how long it waited. Kills do not make it wait for longer."""
    device = LostRelay(kind, **table)
    simulator = device.simulator
    device.lose(70)
    simulator.command(word)
    for _ in range(12):
        if kills:
            simulator.restart()
        simulator.wait(5)
    simulator.wait(1)
    assert simulator.field("status") is False
    waited = 20 if "max_on" in table else 60
    if waited == simulator.device.grace_seconds:
        assert simulator.field("fault") == f"did not switch on within {waited} s; {LOST.fault}"
    simulator.wait(30)
    assert (simulator.relay.is_on, simulator.field("confirmed")) == (False, True)


def test_a_setting_that_a_short_loss_took_is_sent_again() -> None:
    """The loss is over before a reading shows it; the hardware is off, and goes on."""
    lamp = make_confirmed("lamp")
    command(lamp, "on")
    assert lamp.next_setting(NOW) is not None
    lamp.on_reading(Reading(on=False, losses=1), NOW + 1, NOW + 1)
    assert lamp.next_setting(NOW + 1) == Setting(on=True, brightness_percent=100)
    lamp.on_reading(Reading(on=False, losses=1), NOW + 2, NOW + 2)
    assert lamp.next_setting(NOW + 2) is None


def test_hardware_that_refuses_and_is_lost_again_and_again_is_given_up() -> None:
    """It gets the time of one grace in all, and not that of one more after each loss."""
    lamp = make_confirmed("lamp")
    command(lamp, "on")
    for second in range(70):
        now = NOW + second
        lamp.advance(now, now)
        lamp.on_reading(Reading(on=False, reachable=second % 4 != 0, losses=1 + second // 4), now, now)
        lamp.next_setting(now)
    assert lamp.state(NOW + 70)["status"] is False


def test_a_setting_for_hardware_that_is_on_and_lost_is_given_up_once() -> None:
    """After its grace, the device has nothing to do until the hardware is back. Then it sends the setting."""
    lamp = make_confirmed("lamp")
    command(lamp, "on")
    lamp.next_setting(NOW)
    lamp.on_reading(Reading(on=True), NOW, NOW)
    command(lamp, "on", NOW + 1, "c2", brightness_percent=30)
    lost = Reading(on=True, reachable=False, fault="no answer", losses=1)
    for second in range(1, 70):
        lamp.on_reading(lost, NOW + second, NOW + second)
        lamp.next_setting(NOW + second)
        lamp.advance(NOW + second, NOW + second)
    deadline = lamp.next_deadline()
    assert deadline is None or deadline > NOW + 70
    assert [line.text for line in lamp.log_lines].count("did not switch on within 60 s") == 1
    lamp.on_reading(Reading(on=True, brightness_percent=100, losses=1), NOW + 70, NOW + 70)
    assert lamp.next_setting(NOW + 70) == Setting(on=True, brightness_percent=30)


def test_the_target_of_a_thermostat_that_is_lost_is_sent_when_it_is_back_however_late() -> None:
    """A valve that sleeps, or a night without Zigbee, ends no heating: no grace gives the target up."""
    valve = make("thermostat")
    command(valve, "set", celsius=19)
    valve.next_setting(NOW)
    valve.on_reading(Reading(on=True, target_celsius=19.0), NOW, NOW)
    lost = Reading(on=None, target_celsius=19.0, reachable=False, fault="no answer", losses=1)
    command(valve, "set", NOW + 1, "c2", celsius=21)
    for second in range(1, 600):
        valve.on_reading(lost, NOW + second, NOW + second)
        valve.next_setting(NOW + second)
        valve.advance(NOW + second, NOW + second)
    valve.on_reading(Reading(on=True, target_celsius=19.0, losses=1), NOW + 600, NOW + 600)
    assert valve.next_setting(NOW + 600) == Setting(on=True, target_celsius=21)
    valve.on_reading(Reading(on=True, target_celsius=21.0, losses=1), NOW + 601, NOW + 601)
    shown = valve.state(NOW + 601)
    assert (shown["enabled"], shown["target_celsius"], shown["confirmed"]) == (True, 21, True)


def test_the_knob_of_a_thermostat_is_adopted() -> None:
    """It is not set back."""
    valve = make_confirmed("thermostat")
    valve.on_reading(Reading(on=True, target_celsius=20.0), NOW, NOW)
    valve.on_reading(Reading(on=True, target_celsius=23.0), NOW + 1, NOW + 1)
    assert (valve.state(NOW + 1)["target_celsius"], valve.next_setting(NOW + 1)) == (23.0, None)


def test_off_for_hardware_that_is_lost_is_sent_when_it_is_back_however_late() -> None:
    """No grace ends it."""
    device = LostRelay("lamp")
    simulator = device.simulator
    simulator.command("on", "c1")
    device.lose(500)
    simulator.command("off", "c2")
    simulator.wait(499)
    assert simulator.relay.is_on
    simulator.wait(7)
    assert not simulator.relay.is_on


@pytest.mark.parametrize("reported", [None, 30])
@pytest.mark.parametrize("is_on", [False, True], ids=["stands", "moves"])
def test_a_cover_whose_hardware_was_lost_moves_from_where_it_is(reported: int | None, is_on: bool) -> None:
    """The lost setting may have moved it: without a report, it runs as long as the whole way takes."""
    cover = make("cover", open_time="20s", close_time="20s")
    command(cover, "open", NOW, "c1")
    assert cover.next_setting(NOW) is not None
    cover.on_reading(LOST, NOW + 1, NOW + 1)
    for second in range(2, 30):
        cover.advance(NOW + second, NOW + second)
        cover.on_reading(LOST, NOW + second, NOW + second)
        assert cover.next_setting(NOW + second) is None
        assert cover.state(NOW + second)["phase"] == "opening"
    back = Reading(on=is_on, direction="open", losses=1, position_percent=reported)
    cover.on_reading(back, NOW + 30, NOW + 30)
    setting = cover.next_setting(NOW + 30)
    assert setting is not None
    assert (setting.on, setting.direction) == (True, "open")
    moving = Reading(on=True, direction="open", losses=1)
    cover.on_reading(moving, NOW + 30, NOW + 30)
    end = NOW + 30 + (20 if reported is None else 14) + 2.5
    cover.advance(end, end)
    assert (cover.state(end)["phase"], cover.state(end)["position_percent"]) == ("open", 100)


@pytest.mark.parametrize(("kind", "is_sent"), [("toaster", True), ("lamp", False)])
def test_a_heating_appliance_gets_its_timer_again_after_a_loss(kind: str, is_sent: bool) -> None:
    """After a loss, the timer of the hardware may be gone. An appliance that does not heat has none."""
    simulator = CrashSimulator(kind)
    simulator.command("start" if kind == "toaster" else "on")
    simulator.now += 10
    simulator.appliance.on_reading(Reading(on=True, losses=1), simulator.now, simulator.now)
    setting = simulator.appliance.next_setting(simulator.now)
    assert (setting is not None) == is_sent
    if setting:
        assert setting.off_after_seconds == pytest.approx(350)


def test_a_loss_is_counted_once() -> None:
    """Readings after a loss carry the same count, and do not send the setting again and again."""
    simulator = CrashSimulator("toaster")
    simulator.command("start")
    for _ in range(2):
        simulator.now += 1
        simulator.on_reading(Reading(on=True, losses=1))
    assert simulator.log().count("its hardware can be reached again") == 1


# Buttons, sensors, sources


def test_two_presses_in_one_reading_are_two_changes() -> None:
    """Each press has its own change time and its own cause."""
    button = make("button")
    button.on_reading(
        Reading(presses=(ButtonPress("single", "p1"), ButtonPress("double", "p2"))), NOW + 1, NOW + 1
    )
    assert (button.state(NOW + 1)["presses"], button.state(NOW + 1)["phase"]) == (2, "idle")
    moments = {moment.cause: moment for moment in button.memory.past if moment.state["phase"] != "idle"}
    assert (moments["p1"].state["phase"], moments["p2"].state["phase"]) == ("single", "double")
    assert moments["p1"].turned["phase"] == NOW + 1
    assert moments["p2"].turned["phase"] == pytest.approx(NOW + 1.001, abs=1e-6)


def test_a_device_without_outputs_sends_no_setting() -> None:
    """The hardware of a sensor is only read, and is confirmed as soon as it is reachable."""
    sensor = make("sensor", detects="motion")
    assert sensor.next_setting(NOW) is None
    sensor.on_reading(Reading(on=True, at=NOW + 1), NOW + 1, NOW + 1)
    assert (sensor.state(NOW + 1)["confirmed"], sensor.memory.cause) == (True, "hardware")


def test_a_thermostat_gets_the_state_of_its_source() -> None:
    """A heater heats by another device's temperature, and stops when that device is silent."""
    heater = make("heater", source="room", target_celsius=20)
    command(heater, "on")
    assert not heater.state(NOW)["status"]
    heater.on_state(factories.state("room", temperature_celsius=15.0), NOW + 1, NOW + 1)
    assert heater.state(NOW + 1)["temperature_celsius"] == 15.0
    heater.on_heartbeat("room", NOW + 10)
    heater.advance(NOW + 19, NOW + 19)
    assert heater.state(NOW + 19)["temperature_celsius"] == 15.0
    heater.advance(NOW + 20, NOW + 20)
    assert heater.state(NOW + 20)["temperature_celsius"] is None
    assert not heater.is_idle


def test_a_source_has_ten_seconds_after_a_start() -> None:
    """Until then its last temperature, which is remembered, counts."""
    simulator = CrashSimulator("heater", source="room")
    simulator.on_state(factories.state("room", temperature_celsius=15.0))
    simulator.restart()
    simulator.wait(9)
    assert simulator.field("temperature_celsius") == 15.0
    simulator.wait(2)
    assert simulator.field("temperature_celsius") is None


# Recovery after a kill, and the state after a start


def test_a_brightness_that_was_not_sent_before_a_kill_is_sent_after_it() -> None:
    """A lamp that is killed after saving its memory is dimmed when it starts again."""
    simulator = CrashSimulator("lamp")
    simulator.command("on", "c1", brightness_percent=100)
    with simulator.killed_after(1):
        simulator.command("on", "c2", brightness_percent=10)
    assert simulator.running is None
    simulator.restart()
    assert simulator.field("brightness_percent") == 10
    assert simulator.relay.brightness_percent == 10


@pytest.mark.parametrize("was_on", [True, False])
@pytest.mark.parametrize(("restore", "expected"), [("last", None), ("off", False), ("on", True)])
def test_a_lamp_starts_with_its_configured_state(restore: str, expected: bool | None, was_on: bool) -> None:
    """After a restart a lamp has its last state, or is off, or on, even after a manual switch."""
    simulator = CrashSimulator("lamp", restore=restore)
    simulator.command("on" if was_on else "off")
    simulator.restart()
    expected = was_on if expected is None else expected
    assert (simulator.field("status"), simulator.relay.is_on) == (expected, expected)
    if restore != "last":
        simulator.running = None
        simulator.relay.switch_manually(not expected, simulator.now)
        simulator.restart()
        assert (simulator.field("status"), simulator.relay.is_on) == (expected, expected)


# When nothing changes by time alone


def test_a_confirmed_lamp_that_is_off_is_idle() -> None:
    """The device has no deadline, and an unchanged reading needs no work."""
    lamp = make("lamp")
    assert not lamp.is_idle  # not confirmed yet
    lamp.next_setting(NOW)
    lamp.on_reading(Reading(on=False), NOW, NOW)
    assert (lamp.is_idle, lamp.next_deadline()) == (True, None)


@pytest.mark.parametrize(
    "reading",
    [Reading(on=True), Reading(on=False, reachable=False, losses=1), Reading(on=False, reachable=None)],
)
def test_a_lamp_that_is_on_or_unreachable_is_not_idle(reading: Reading) -> None:
    """Its measurements may change, or its hardware may return."""
    lamp = make_confirmed("lamp")
    lamp.on_reading(reading, NOW + 1, NOW + 1)
    assert not lamp.is_idle


def test_an_appliance_that_waits_for_its_hardware_is_not_idle() -> None:
    """The device polls again when the setting should have been reached."""
    lamp = make("lamp")
    command(lamp, "on")
    lamp.next_setting(NOW)
    assert (lamp.is_idle, lamp.next_deadline()) == (False, NOW + 5)


def test_an_appliance_that_is_about_to_change_is_not_idle() -> None:
    """A toaster that is ready is off, and is still ready for a while."""
    simulator = CrashSimulator("toaster")
    simulator.command("start")
    simulator.wait(200)
    assert (simulator.field("phase"), simulator.relay.is_on) == ("ready", False)
    assert not simulator.appliance.is_idle


def test_a_reading_that_differs_only_in_its_time_is_unchanged() -> None:
    """Any other difference is news."""
    lamp = make("lamp")
    lamp.on_reading(Reading(on=False, power_watts=0.4, at=NOW), NOW, NOW)
    assert lamp.is_unchanged(Reading(on=False, power_watts=0.4, at=NOW + 9), NOW, NOW)
    assert not lamp.is_unchanged(Reading(on=False, power_watts=0.5, at=NOW), NOW, NOW)
    assert not lamp.is_unchanged(
        Reading(on=False, power_watts=0.4, at=NOW, presses=(ButtonPress("single", "p1"),)), NOW, NOW
    )


# Measurements


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("temperature_celsius", 1e308, "its temperature_celsius is not from -100 to 1500"),
        ("temperature_celsius", -127.0, "its temperature_celsius is not from -100 to 1500"),
        ("humidity_percent", 500.0, "its humidity_percent is not from 0 to 100"),
        ("humidity_percent", float("nan"), "its humidity_percent is not from 0 to 100"),
        ("battery_percent", 255, "its battery_percent is not from 0 to 100"),
    ],
)
def test_an_implausible_measurement_is_unknown_with_a_fault(name: str, value: float, text: str) -> None:
    """A broken sensor shows no value, and its other values stay. The next plausible value ends the fault."""
    sensor = make("sensor")
    values: dict[str, Any] = {"temperature_celsius": 21.0, "humidity_percent": 45.0, "battery_percent": 90}
    broken = Reading(on=None, at=NOW + 1, **{**values, name: value})
    sensor.on_reading(broken, NOW + 1, NOW + 1)
    state = sensor.state(NOW + 1)
    assert {key: state[key] for key in values} == {**values, name: None}
    assert state["fault"] == f"{text}, and counts as unknown"
    assert sensor.is_unchanged(broken, NOW + 1, NOW + 1)
    sensor.on_reading(Reading(on=None, at=NOW + 2, **values), NOW + 2, NOW + 2)
    state = sensor.state(NOW + 2)
    assert {key: state[key] for key in (*values, "fault")} == {**values, "fault": None}


def test_a_plug_does_not_run_by_an_implausible_power() -> None:
    """The meter reports more than any house has; the appliance is not taken to run."""
    plug = make("plug", running_above_watts=10, finished_below_watts=5)
    plug.on_reading(Reading(on=True), NOW, NOW)
    plug.handle_command(Command(id="c1", command="on", deadline=NOW + 9), NOW, NOW)
    plug.on_reading(Reading(on=True, power_watts=4e8, fault="it smokes"), NOW + 1, NOW + 1)
    state = plug.state(NOW + 1)
    assert (state["phase"], state["power_watts"]) == ("standby", None)
    assert state["fault"] == (
        "it smokes; its power_watts is not from -100000 to 100000, and counts as unknown"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature_celsius", -100.0), ("temperature_celsius", 1500.0), ("humidity_percent", 0.0),
        ("humidity_percent", 100.0), ("power_watts", -100_000.0), ("energy_watt_hours", 1e9),
        ("brightness_percent", 100), ("colour_temperature_kelvin", 500), ("position_percent", 0),
    ],
)  # fmt: skip
def test_the_ends_of_a_range_are_plausible(name: str, value: float) -> None:
    """A value at the end of its range is believed."""
    reading = Reading(on=True, **{name: value})  # type: ignore[arg-type]
    assert without_implausible(reading) == reading
