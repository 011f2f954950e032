"""One appliance as a whole: each press counts once across kills, and the state has the changes."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemons.bus.message import Command, Receipt, State
from daemons.kinds import Reading
from tests.support import factories
from tests.support.crash_simulator import NEVER, CrashSimulator

NOW = factories.START_TIME
PRESS: dict[str, Any] = {"device": "switch", "turns": {"status": True}}


def press(at: float, status: bool = True) -> State:
    """Return the state of a switch that was switched at a time (Unix seconds)."""
    return factories.state(status=status, turned=at)


# Each press counts once


class Presses(RuleBasedStateMachine):
    """A light that counts its presses, and is killed between any two of its actions."""

    actions = st.just(NEVER) | st.integers(0, 4)

    @initialize(grace=st.sampled_from(["60s", "1s"]))
    def begin(self, grace: str) -> None:
        """Set up the light and the switch."""
        self.simulator = CrashSimulator("light_switch", grace=grace, when=[{**PRESS, "do": "press"}])
        self.simulator.now += 1
        self.switch = factories.state(status=False)
        self.handled: set[float | str] = set()
        self.counted = 0
        self.sent: dict[str, Command] = {}
        self.receipts: dict[str, Receipt] = {}

    @rule()
    def press(self) -> None:
        """The other switch is pressed. Its state may arrive later."""
        self.switch = press(self.simulator.now)

    @rule()
    def release(self) -> None:
        """The other switch is switched off again."""
        self.switch = press(self.simulator.now, status=False)

    @precondition(lambda self: self.simulator.running)
    @rule(actions=actions)
    def receive(self, actions: int) -> None:
        """The state of the other switch arrives, the first time or again."""
        moment, writes = self.switch.turned.get("status", 0.0), self.simulator.writes
        is_new = self.switch.state["status"] is True and moment not in self.handled
        is_late = self.simulator.now - moment > self.simulator.device.grace_seconds
        with self.simulator.killed_after(actions):
            self.simulator.on_state(self.switch)
        if is_new and self.simulator.writes > writes:
            self.handled.add(moment)
            self.counted += not is_late

    @precondition(lambda self: self.simulator.running)
    @rule(actions=actions, seconds=st.sampled_from([0.5, 10.0, 300.0]))
    def command(self, actions: int, seconds: float) -> None:
        """A command with a new id arrives."""
        id_ = f"c{len(self.sent)}"
        self.sent[id_] = Command(id=id_, command="press", deadline=self.simulator.now + seconds)
        self.send(id_, actions)

    @precondition(lambda self: self.simulator.running and self.sent)
    @rule(actions=actions, data=st.data())
    def repeat(self, actions: int, data: st.DataObject) -> None:
        """A command arrives again, since its client got no receipt."""
        self.send(data.draw(st.sampled_from(sorted(self.sent))), actions)

    def send(self, id_: str, actions: int) -> None:
        """Send a command, and check its receipt."""
        command, writes = self.sent[id_], self.simulator.writes
        is_open = command.deadline > self.simulator.now
        receipt: Receipt | None = None
        with self.simulator.killed_after(actions):
            receipt = self.simulator.handle_command(command)
        if is_open and id_ not in self.handled and self.simulator.writes > writes:
            self.handled.add(id_)
            self.counted += 1
        if receipt:
            assert receipt.outcome == "applied" or not is_open
            assert not is_open or receipt == self.receipts.setdefault(id_, receipt)

    @rule(seconds=st.sampled_from([0.1, 1.0, 30.0, 61.0, 400.0]))
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
    def each_press_counts_once(self) -> None:
        """Each received press has counted once, and the relay has the state after that many presses."""
        if self.simulator.running:
            assert self.simulator.field("presses") == self.counted
            assert self.simulator.relay.is_on == bool(self.counted % 2)


TestAPressCountsOnceWhateverIsKilled = Presses.TestCase
TestAPressCountsOnceWhateverIsKilled.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None
)


# Changes in the state


def test_a_first_state_has_no_change_times() -> None:
    """A field that is published for the first time has not changed, so no rule acts on it."""
    simulator = CrashSimulator("lamp")
    assert simulator.appliance.memory.change_times == {}
    assert simulator.appliance.memory.past == ()
    assert simulator.appliance.since == NOW


def test_each_field_has_the_time_at_which_it_took_its_value() -> None:
    """A change sets the time of the fields that changed, and of no measurement."""
    simulator = CrashSimulator("lamp")
    simulator.now += 10
    simulator.command("on", "c1", brightness_percent=30)
    simulator.now += 10
    simulator.command("on", "c2", brightness_percent=40)
    assert simulator.appliance.memory.change_times == {
        "status": NOW + 10, "phase": NOW + 10, "starts": NOW + 10, "brightness_percent": NOW + 20,
    }  # fmt: skip
    assert simulator.appliance.since == NOW + 20


def test_the_change_of_a_command_is_remembered_before_the_hardware_acts() -> None:
    """The memory that is written before the setting is sent has the new state and its cause already."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(on=False), NOW, NOW)
    lamp.handle_command(Command(id="c1", command="on", deadline=NOW + 20), NOW + 10, NOW + 10)
    memory = lamp.memory
    assert (memory.last_state["status"], memory.last_state_cause) == (True, "c1")
    assert memory.change_times["status"] == NOW + 10


def test_a_measurement_is_no_change() -> None:
    """A changed power is in the state, but has no change time."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(on=False), NOW, NOW)
    lamp.on_reading(Reading(on=False, power_watts=0.4), NOW + 1, NOW + 1)
    assert lamp.state(NOW + 1)["power_watts"] == 0.4
    assert lamp.memory.change_times == {}


def test_a_restart_is_no_change() -> None:
    """A restarted device publishes the change times of its last process."""
    simulator = CrashSimulator("lamp")
    simulator.now += 10
    simulator.command("on")
    before = simulator.appliance.memory.change_times
    simulator.now += 10
    simulator.restart()
    assert simulator.appliance.memory.change_times == before


def test_the_past_has_the_latest_eight_states_with_their_causes() -> None:
    """Each past state has its own fields, change times and cause. The oldest are dropped."""
    simulator = CrashSimulator("light_switch")
    for second in range(1, 12):
        simulator.now = NOW + second
        simulator.command("press", f"p{second}")
    past = simulator.appliance.memory.past
    assert [moment.cause for moment in past] == [f"p{second}" for second in range(3, 11)]
    assert [moment.state["presses"] for moment in past] == list(range(3, 11))
    assert past[-1].turned["presses"] == NOW + 10
    assert simulator.appliance.memory.last_state["presses"] == 11


def test_each_new_phase_is_logged_with_its_cause() -> None:
    """The first phase after a start is not a change, so it is not logged."""
    simulator = CrashSimulator("lamp")
    assert simulator.log() == ""
    simulator.command("on", "c1")
    simulator.command("on", "c2", brightness_percent=40)
    assert simulator.log() == "info: is on [c1]"


def test_the_memory_is_replaced_and_never_changed_in_place() -> None:
    """The journal compares the memory with the written one, which must therefore stay unchanged."""
    simulator = CrashSimulator("light_switch", when=[{**PRESS, "do": "press"}])
    before, written = simulator.appliance.memory, simulator.disk
    assert simulator.appliance.memory == before
    simulator.now += 1
    simulator.command("press")
    simulator.on_state(press(simulator.now))
    assert simulator.appliance.memory != before
    assert before.receipts == {}
    assert simulator.disk != written


def test_an_idle_device_puts_its_times_right_when_the_clock_is_set_back() -> None:
    """Another device that was away must not take an old press for a new one."""
    years = 30 * 365 * 86400.0
    lamp = CrashSimulator("lamp").appliance
    now = factories.START_TIME + 10
    lamp.handle_command(Command(id="c1", command="on", deadline=now + years + 5), now, now + years)
    lamp.next_setting(now)
    lamp.on_reading(Reading(on=True), now, now + years)
    assert lamp.memory.change_times["status"] == now + years
    assert lamp.is_unchanged(Reading(on=True), now + 1, now + 1 + years)
    assert not lamp.is_unchanged(Reading(on=True), now + 2, now + 2)
    lamp.on_reading(Reading(on=True), now + 2, now + 2)
    assert lamp.memory.change_times["status"] == now
    assert lamp.is_unchanged(Reading(on=True), now + 3, now + 3)
