"""One appliance through presses, commands, hands, kills and broken hardware."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemons.bus.message import LONGEST_DEADLINE_SECONDS, Command, Receipt, State
from daemons.config.sun import Almanac
from daemons.kinds import Press, Reading, Setting
from daemons.processes.device.appliance import CONFIRM_SECONDS, MOST_RECEIPTS, Appliance
from tests.support import factories
from tests.support.crash_simulator import NEVER, Life

NOW = factories.BORN
PRESS: dict[str, Any] = {"device": "switch", "turns": {"status": True}}


def press(at: float, cause: str | None = "p1", status: bool = True) -> State:
    """Give the state of a switch that was pressed at a moment."""
    return factories.state(status=status, turned=at, cause=cause)


# Presses count once


class Presses(RuleBasedStateMachine):
    """A light that counts what reached it, with kills between any two of its instructions."""

    lefts = st.just(NEVER) | st.integers(0, 4)

    @initialize(grace=st.sampled_from(["60s", "1s"]))
    def begin(self, grace: str) -> None:
        """Set up the house."""
        self.life = Life("light_switch", grace=grace, when=[{**PRESS, "do": "press"}])
        self.life.now += 1
        self.switch = factories.state(status=False)
        self.dealt: set[float | str] = set()
        self.counted = 0
        self.sent: dict[str, Command] = {}
        self.receipts: dict[str, Receipt] = {}

    @rule()
    def press(self) -> None:
        """Somebody presses the other switch; it is heard when it is heard."""
        self.switch = press(self.life.now, cause=None)

    @rule()
    def release(self) -> None:
        """And presses it off again."""
        self.switch = press(self.life.now, cause=None, status=False)

    @precondition(lambda self: self.life.live)
    @rule(left=lefts)
    def hear(self, left: int) -> None:
        """The switch's state arrives, the first time or again."""
        moment, writes = self.switch.turned.get("status", 0.0), self.life.writes
        new = self.switch.state["status"] is True and moment not in self.dealt
        late = self.life.now - moment > self.life.device.grace_seconds
        with self.life.mortal(left):
            self.life.hear(self.switch)
        if new and self.life.writes > writes:
            self.dealt.add(moment)
            self.counted += not late

    @precondition(lambda self: self.life.live)
    @rule(left=lefts, seconds=st.sampled_from([0.5, 10.0, 300.0]))
    def command(self, left: int, seconds: float) -> None:
        """A command with a new id arrives."""
        id_ = f"c{len(self.sent)}"
        self.sent[id_] = Command(id=id_, command="press", deadline=self.life.now + seconds)
        self.send(id_, left)

    @precondition(lambda self: self.life.live and self.sent)
    @rule(left=lefts, data=st.data())
    def repeat(self, left: int, data: st.DataObject) -> None:
        """A command arrives again, for its sender got no receipt, or did not believe it."""
        self.send(data.draw(st.sampled_from(sorted(self.sent))), left)

    def send(self, id_: str, left: int) -> None:
        """Deliver a command."""
        command, writes = self.sent[id_], self.life.writes
        open_ = command.deadline > self.life.now
        receipt: Receipt | None = None
        with self.life.mortal(left):
            receipt = self.life.obey(command)
        if open_ and id_ not in self.dealt and self.life.writes > writes:
            self.dealt.add(id_)
            self.counted += 1
        if receipt:
            assert receipt.outcome == "applied" or not open_
            assert not open_ or receipt == self.receipts.setdefault(id_, receipt)

    @rule(seconds=st.sampled_from([0.1, 1.0, 30.0, 61.0, 400.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, for the living and the dead."""
        self.life.wait(seconds)

    @rule()
    def kill(self) -> None:
        """The process is killed while it does nothing."""
        self.life.live = None

    @precondition(lambda self: not self.life.live)
    @rule(left=lefts)
    def revive(self, left: int) -> None:
        """supervisord starts it again, and it may be killed while it starts."""
        self.life.revive(left)

    @invariant()
    def each_press_counts_once(self) -> None:
        """What was heard has counted, once; the light is as that many presses leave it."""
        if self.life.live:
            assert self.life.shows("presses") == self.counted
            assert self.life.relay.on == bool(self.counted % 2)


TestAPressCountsOnceWhateverIsKilled = Presses.TestCase
TestAPressCountsOnceWhateverIsKilled.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None
)


# Hot things go off


STARTED = [
    word
    for word in factories.machines()
    if factories.machine(word).heats
    and "Start" in [command.__name__ for command in factories.machine(word).commands]
]
"""What heats when it is started."""


class Hot(RuleBasedStateMachine):
    """Something that heats, among presses, hands, kills and long deaths."""

    lefts = Presses.lefts

    @initialize(word=st.sampled_from(STARTED))
    def begin(self, word: str) -> None:
        """Set up the house."""
        self.life = Life(word, when=[{**PRESS, "do": "start"}])
        self.words = [command.__name__.lower() for command in self.life.device.kind.commands]
        self.sent = 0

    @precondition(lambda self: self.life.live)
    @rule(left=lefts)
    def press(self, left: int) -> None:
        """The switch is pressed, and heard."""
        with self.life.mortal(left):
            self.life.hear(press(self.life.now))

    @precondition(lambda self: self.life.live)
    @rule(left=lefts, data=st.data())
    def command(self, left: int, data: st.DataObject) -> None:
        """A command arrives, whatever the kind has."""
        self.sent += 1
        with self.life.mortal(left):
            self.life.command(data.draw(st.sampled_from(self.words)), f"c{self.sent}")

    @precondition(lambda self: self.life.live)
    @rule(on=st.booleans(), left=st.just(NEVER) | st.integers(1, 4))
    def hand(self, on: bool, left: int) -> None:
        """A hand switches the hardware, the device sees it, and may be killed once and start again."""
        self.life.relay.hand(on, self.life.now)
        with self.life.mortal(left):
            self.life.look()
        if not self.life.live:
            self.life.revive()

    @rule(broken=st.booleans())
    def breaks(self, broken: bool) -> None:
        """The hardware stops going on, or is repaired."""
        self.life.relay.broken = broken

    @rule(seconds=st.sampled_from([0.5, 6.0, 60.0, 300.0, 1000.0, 5000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, for the living and the dead."""
        self.life.wait(seconds)

    @rule()
    def kill(self) -> None:
        """The process is killed while it does nothing."""
        self.life.live = None

    @precondition(lambda self: not self.life.live)
    @rule(left=lefts)
    def revive(self, left: int) -> None:
        """It starts again, and may be killed while it does."""
        self.life.revive(left)

    @invariant()
    def nothing_is_on_longer_than_it_may(self) -> None:
        """The relay's own stopwatch never exceeds max_on."""
        self.life.relay.look(self.life.now)
        assert self.life.relay.longest_seconds <= self.life.device.options.max_on_seconds + 0.01

    def teardown(self) -> None:
        """Whatever has happened: in the end it is off."""
        if not hasattr(self, "life"):
            return
        if not self.life.live:
            self.life.revive()
        self.life.wait(self.life.device.options.max_on_seconds + 10)
        assert not self.life.relay.on
        self.nothing_is_on_longer_than_it_may()


TestHotThingsGoOffWhateverIsKilled = Hot.TestCase
TestHotThingsGoOffWhateverIsKilled.settings = settings(
    max_examples=100, stateful_step_count=20, deadline=None
)


def test_what_heats_is_armed_with_its_end() -> None:
    """Hardware that heats is told to go off by itself; hardware that does not heat is not."""
    toaster = factories.appliance(factories.device("toaster"), "toaster")
    toaster.obey(Command(id="c1", command="start", deadline=NOW + 1), NOW, NOW)
    assert toaster.to_ask(NOW) == Setting(on=True, off_after_seconds=360.0)
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.obey(Command(id="c1", command="on", deadline=NOW + 1), NOW, NOW)
    assert lamp.to_ask(NOW) == Setting(on=True, brightness_percent=100)


def test_a_toaster_that_a_hand_switched_on_is_armed() -> None:
    """A hand at the lever counts as a start, and the hardware gets its timer as well."""
    life = Life("toaster")
    life.relay.hand(True, life.now)
    life.look()
    life.live = None
    life.wait(5000)
    life.relay.look(life.now)
    assert life.relay.longest_seconds == pytest.approx(360)


def test_a_kill_before_the_arming_does_not_leave_it_unarmed() -> None:
    """Killed between writing down and arming, a device that starts again arms what it finds on."""
    life = Life("toaster")
    life.relay.hand(True, life.now)
    with life.mortal(1):
        life.look()
    assert life.live is None
    life.revive()
    life.live = None
    life.wait(5000)
    life.relay.look(life.now)
    assert life.relay.longest_seconds == pytest.approx(360)


def test_a_toaster_that_missed_its_arming_is_armed_when_it_comes_on() -> None:
    """A command that was lost, and then a hand at the lever: the timer is asked for once more."""
    life = Life("toaster")
    life.relay.broken = True
    life.command("start")
    life.relay.broken = False
    life.now += 2
    life.relay.hand(True, life.now)
    life.look()
    life.live = None
    life.wait(5000)
    life.relay.look(life.now)
    assert life.relay.longest_seconds <= 360


def test_it_goes_off_at_its_longest_time_though_its_phases_go_on() -> None:
    """Coffee that is made again while it was kept warm does not make the plate's time longer."""
    life = Life("coffee_maker", max_on="30m")
    life.command("start", "c1")
    life.wait(1400)
    life.command("start", "c2")
    life.wait(398)
    assert life.relay.on
    life.wait(3)
    assert not life.relay.on
    assert life.shows("phase") == "idle"
    assert "has been on as long as max_on allows" in life.notes()


# Commands and receipts


def test_a_command_is_applied_and_the_hardware_follows() -> None:
    """A receipt says applied, and by then the relay has been switched, with the command's id as cause."""
    life = Life("lamp")
    receipt = life.command("on", "c1", brightness_percent=30)
    assert (receipt.id, receipt.device, receipt.outcome) == ("c1", "lamp", "applied")
    assert (life.relay.on, life.relay.brightness_percent) == (True, 30)
    assert (life.shows("status"), life.appliance.memory.cause) == (True, "c1")


def test_a_repeated_command_gets_its_first_receipt_also_after_a_restart() -> None:
    """The same id is not done twice, and its answer is the same, in the next life too."""
    life = Life("light_switch")
    first = life.command("press")
    life.revive()
    life.now += 1
    assert life.command("press") == first
    assert life.shows("presses") == 1


def test_a_command_past_its_deadline_is_expired() -> None:
    """What nobody wants any more is not done, and the receipt says how late it was."""
    life = Life("light_switch")
    receipt = life.obey(Command(id="c1", command="press", deadline=life.now - 2))
    assert (receipt.outcome, receipt.reason) == ("expired", "its deadline passed 2.0 s ago")
    assert life.shows("presses") == 0


def test_a_far_deadline_is_rejected() -> None:
    """A deadline further ahead than receipts are kept is refused, and one just within that is not."""
    life = Life("light_switch")
    far = Command(id="c1", command="press", deadline=life.now + LONGEST_DEADLINE_SECONDS + 1)
    receipt = life.obey(far)
    assert (receipt.outcome, receipt.reason) == ("rejected", "a deadline may lie at most 300 s ahead")
    near = Command(id="c2", command="press", deadline=life.now + LONGEST_DEADLINE_SECONDS)
    assert life.obey(near).outcome == "applied"


def test_a_flood_of_commands_is_rejected_until_deadlines_pass() -> None:
    """Only so many receipts are remembered; then new commands have to wait, and the memory stays small."""
    life = Life("light_switch")
    for number in range(MOST_RECEIPTS):
        assert life.command("on", f"c{number}").outcome == "applied"
    receipt = life.command("on", "one_more")
    assert (receipt.outcome, receipt.reason) == ("rejected", "too many commands within their deadlines")
    life.now += 11
    assert life.command("on", "later").outcome == "applied"
    assert len(life.appliance.memory.receipts) == 1


@pytest.mark.parametrize(
    ("word", "args", "why"),
    [
        ("jump", {}, "it has no command 'jump'; allowed: on, off, toggle"),
        ("on", {"brightness_percent": 0}, "brightness_percent: 0 is not allowed; brightness_percent takes"),
        (
            "on",
            {"brightnes_percent": 5},
            "brightnes_percent: unknown key; did you mean 'brightness_percent'?",
        ),
        ("off", {"x": 1}, "x: unknown key; allowed: none"),
    ],
)
def test_a_command_that_makes_no_sense_is_rejected_with_what_does(
    word: str, args: dict[str, Any], why: str
) -> None:
    """An unknown command or argument, or a value out of bounds, changes nothing and says what is allowed."""
    life = Life("lamp")
    receipt = life.command(word, **args)
    assert receipt.outcome == "rejected"
    assert why in str(receipt.reason)
    assert life.shows("starts") == 0


def test_a_refusal_of_the_kind_is_the_receipt_s_reason() -> None:
    """A toaster that toasts says so to who starts it again, and notes it."""
    life = Life("toaster")
    life.command("start", "c1")
    receipt = life.command("start", "c2")
    assert (receipt.outcome, receipt.reason) == ("rejected", "it is already toasting")
    assert "warning: rejects start: it is already toasting [c2]" in life.notes()


def test_a_command_after_a_long_pause_meets_the_present() -> None:
    """A process that stood still lets the time that has passed pass before it answers."""
    life = Life("toaster")
    life.command("start", "c1")
    life.now += 1000  # stopped meanwhile: no timer ran
    assert life.command("start", "c2").outcome == "applied"
    assert life.shows("starts") == 2


# Rules


def test_a_press_starts_it_with_the_press_as_its_cause() -> None:
    """The id of the press goes through to what it led to."""
    life = Life("toaster", when=[{**PRESS, "do": "start"}])
    life.hear(press(NOW + 5, cause="p7"))
    assert (life.shows("phase"), life.appliance.memory.cause) == ("toasting", "p7")


def test_a_state_of_another_device_is_not_its_business() -> None:
    """A rule names the device that it hears."""
    life = Life("toaster", when=[{**PRESS, "do": "start"}])
    life.hear(factories.state("other", status=True, turned=NOW + 5))
    assert life.shows("phase") == "idle"


def test_presses_that_are_over_are_heard_in_their_order_and_once() -> None:
    """A lamp that was away follows on, off and on again as if it had been there, and not a second time."""
    switch, lamp = Life("light_switch"), Life("lamp", when=[{**PRESS, "do": "on"}])
    for second in range(1, 4):
        switch.now = NOW + second
        switch.command("press", f"p{second}")
    memory = switch.appliance.memory
    heard = State(
        device="switch", boot=1, seq=1, at=NOW, since=NOW, state=memory.shown, turned=memory.turned,
        cause=memory.cause, past=memory.past,
    )  # fmt: skip
    assert [moment.cause for moment in heard.past] == [None, "p1", "p2"]
    lamp.now = NOW + 4
    lamp.hear(heard)
    lamp.hear(heard)
    assert (lamp.shows("status"), lamp.shows("starts")) == (True, 1)
    assert lamp.appliance.memory.cause == "p1"  # the third found it on


def test_a_press_past_its_grace_is_told_and_not_acted_on() -> None:
    """What a device missed for too long is not made up for, and the log says why."""
    life = Life("toaster", grace="10s", when=[{**PRESS, "do": "start"}])
    life.now += 100
    life.hear(press(life.now - 11))
    assert life.shows("phase") == "idle"
    assert "start for switch: that was 11 s ago, and the grace is 10 s [p1]" in life.notes()


def test_a_delay_survives_a_kill() -> None:
    """A rule that waits for its delay acts at its moment, in the next life too, once."""
    life = Life("light_switch", when=[{**PRESS, "do": "press", "delay": "30s"}])
    life.hear(press(NOW))
    life.hear(press(NOW + 1))
    life.now = NOW + 1
    life.hear(press(NOW + 1))
    life.live = None
    life.wait(10)
    life.revive()
    life.wait(18)
    assert life.shows("presses") == 0
    life.wait(10)
    assert life.shows("presses") == 1


def test_a_delay_that_ended_long_ago_is_not_made_up_for() -> None:
    """A device that was dead past the delay and the grace leaves it, and says so."""
    life = Life("light_switch", grace="10s", when=[{**PRESS, "do": "press", "delay": "30s"}])
    life.now += 1
    life.hear(press(life.now))
    life.live = None
    life.wait(41)
    life.revive()
    assert life.shows("presses") == 0
    assert "press for switch: it is 11 s late" in life.notes()


def test_rules_that_differ_only_in_their_hours_both_count() -> None:
    """Dim at night and bright by day are two rules, though device, turns and command are the same."""
    rules = [
        {**PRESS, "do": "on", "with": {"brightness_percent": 10}, "between": ["22:00", "06:00"]},
        {**PRESS, "do": "on", "with": {"brightness_percent": 90}, "between": ["06:00", "22:00"]},
    ]
    for hour, percent in [(1, 10), (12, 90)]:
        life = Life("lamp", when=rules)
        life.now = 20 * 86400.0 + hour * 3600  # 1970-01-21, in UTC
        life.hear(press(life.now))
        assert life.shows("brightness_percent") == percent


def test_a_clock_that_was_set_back_makes_nobody_deaf() -> None:
    """The wall clock ran an hour ahead when the house began; the first press after its correction counts."""
    toaster = factories.appliance(factories.device("toaster", when=[{**PRESS, "do": "start"}]), "toaster")
    toaster.start(Reading(on=False), NOW, NOW + 3600)
    toaster.hear(press(NOW + 10), NOW + 11, NOW + 11)
    assert toaster.shows(NOW + 11)["starts"] == 1


def test_a_changed_rule_does_not_act_again_on_what_the_old_one_has_dealt_with() -> None:
    """It is a new rule, and a new rule looks only at what comes."""
    life = Life("toaster", when=[{**PRESS, "do": "start"}])
    life.now += 5
    pressed = press(life.now)
    life.hear(pressed)
    life.command("stop")
    life.device = factories.device("toaster", when=[{**PRESS, "do": "start", "cooldown": "1s"}])
    life.revive()
    life.hear(pressed)
    assert life.shows("starts") == 1
    life.now += 5
    life.hear(press(life.now))
    assert life.shows("starts") == 2


def test_nothing_gets_ready_without_power() -> None:
    """A plug that has not switched when the coffee's time is up has made no coffee."""
    life = Life("coffee_maker", heat="1s", brew="1s")
    life.relay.broken = True
    life.command("start")
    life.wait(3)
    assert (life.shows("phase"), life.shows("ready")) == ("heating", False)
    life.wait(CONFIRM_SECONDS)
    assert (life.shows("phase"), life.shows("ready")) == ("idle", False)


def test_a_rule_keeps_its_memory_when_another_is_added_before_it() -> None:
    """A changed configuration does not make a device act again on what it has dealt with."""
    life = Life("light_switch", when=[{**PRESS, "do": "press"}])
    life.now += 5
    life.hear(press(life.now))
    life.device = factories.device(
        "light_switch",
        when=[{"device": "other", "turns": {"status": True}, "do": "off"}, {**PRESS, "do": "press"}],
    )
    life.revive()
    life.hear(press(life.now))
    assert life.shows("presses") == 1


def test_a_rule_that_the_kind_refuses_is_a_line_in_the_log() -> None:
    """A press for a toaster that toasts already is told, and is no error."""
    life = Life("toaster", when=[{**PRESS, "do": "start"}])
    life.command("start")
    life.now += 5
    life.hear(press(life.now))
    assert "start for switch: it is already toasting [p1]" in life.notes()


# The hardware


def test_a_hand_at_the_hardware_is_followed() -> None:
    """What is switched at the appliance itself is shown, with the hardware as its cause."""
    life = Life("lamp")
    life.relay.hand(True, life.now)
    life.look()
    assert (life.shows("status"), life.appliance.memory.cause) == (True, "hardware")
    assert "was switched on at the hardware" in life.notes()
    life.relay.hand(False, life.now)
    life.look()
    assert life.shows("status") is False


def test_a_hand_while_it_was_dead_is_followed() -> None:
    """On start a device takes the hardware as it is, if it had been as wanted before."""
    life = Life("lamp")
    life.command("on")
    life.live = None
    life.relay.hand(False, life.now)
    life.revive()
    assert life.shows("status") is False
    assert not life.relay.on


def test_hardware_that_does_not_go_on_is_a_fault_and_counts_as_off() -> None:
    """What was asked and not done within five seconds is told, and not waited for for ever."""
    life = Life("toaster")
    life.relay.broken = True
    life.command("start")
    life.wait(CONFIRM_SECONDS - 0.1)
    assert (life.shows("phase"), life.shows("fault")) == ("toasting", None)
    life.wait(0.2)
    assert (life.shows("phase"), life.shows("fault")) == ("idle", "did not switch on within 5 s")
    assert "error: did not switch on within 5 s [c1]" in life.notes()


def test_a_fault_ends_when_the_hardware_follows_again() -> None:
    """A fault is shown until the next switching that works."""
    life = Life("lamp")
    life.relay.broken = True
    life.command("on", "c1")
    life.wait(6)
    assert life.shows("fault") is not None
    life.relay.broken = False
    life.command("on", "c2")
    assert (life.shows("fault"), life.shows("status")) == (None, True)


def test_hardware_that_does_not_go_off_is_asked_again_and_again() -> None:
    """What shall be off is never given up: each five seconds it is asked once more."""
    toaster = factories.appliance(factories.device("toaster"), "toaster")
    stuck = Reading(on=True)
    toaster.read(stuck, NOW, NOW)
    asked = []
    for second in range(21):
        now = NOW + second
        toaster.tick(now, now)
        toaster.read(stuck, now, now)
        if (setting := toaster.to_ask(now)) is not None:
            asked.append((second, setting.on))
    assert asked == [(0, False), (5, False), (10, False), (15, False), (20, False)]
    assert toaster.shows(NOW)["fault"] == "did not switch off within 5 s"


def test_a_complaint_of_the_hardware_is_shown_and_noted_once() -> None:
    """What the driver reports stands in the state, and one line in the log."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    for _ in range(3):
        lamp.read(Reading(on=False, fault="it smokes"), NOW, NOW)
    assert lamp.shows(NOW)["fault"] == "it smokes"
    assert [note.text for note in lamp.notes] == ["it smokes"]


# Hardware that cannot be reached

LOST = Reading(reachable=False, fault="10.0.0.7: no answer within 5 s", losses=1)


def test_on_is_refused_once_the_hardware_has_been_away_for_a_while_and_off_never_is() -> None:
    """Nobody wants the lamp on whenever the plug comes back; but off it shall be, as soon as it can."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(on=False), NOW, NOW)
    lamp.read(LOST, NOW, NOW)
    outcomes = []
    for number, (word, seconds) in enumerate([("on", 4.9), ("off", 5.0), ("on", 5.0), ("off", 60.0)]):
        at = NOW + seconds
        receipt = lamp.obey(Command(id=f"c{number}", command=word, deadline=at + 10), at, at)
        outcomes.append((receipt.outcome, receipt.reason))
    why = "its hardware cannot be reached: 10.0.0.7: no answer within 5 s"
    assert outcomes == [("applied", None), ("applied", None), ("rejected", why), ("applied", None)]


def test_it_says_since_when_its_hardware_is_lost_also_after_a_restart() -> None:
    """The moment is remembered; when the hardware is there again there is none."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(on=False), NOW, NOW)
    lamp.read(LOST, NOW + 7, NOW + 7)
    assert (lamp.shows(NOW + 8)["reachable"], lamp.shows(NOW + 8)["unreachable_since"]) == (False, NOW + 7)
    again = Appliance(
        factories.device("lamp"), factories.machine("lamp"), lamp.memory, Almanac(factories.UTC)
    )
    again.start(Reading(reachable=None), NOW + 20, NOW + 20)
    again.read(LOST, NOW + 21, NOW + 21)
    assert again.shows(NOW + 22)["unreachable_since"] == NOW + 7
    again.read(Reading(on=False, losses=1), NOW + 30, NOW + 30)
    assert (again.shows(NOW + 30)["reachable"], again.shows(NOW + 30)["unreachable_since"]) == (True, None)


def test_hardware_that_was_never_there_and_never_wanted_is_only_lost() -> None:
    """Nobody asked it to go off, so that it did not is no complaint."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(reachable=None), NOW, NOW)
    for second in range(12):
        lamp.to_ask(NOW + second)
        lamp.read(LOST, NOW + second, NOW + second)
        lamp.tick(NOW + second, NOW + second)
    assert lamp.shows(NOW + 12)["fault"] == LOST.fault


@pytest.mark.parametrize(("kind", "armed"), [("toaster", True), ("lamp", False)])
def test_what_heats_is_armed_anew_after_its_hardware_was_away(kind: str, armed: bool) -> None:
    """However shortly: who was away may have lost its timer. What does not heat is left alone."""
    life = Life(kind)
    life.command("start" if kind == "toaster" else "on")
    life.now += 10
    life.appliance.read(Reading(on=True, losses=1), life.now, life.now)
    setting = life.appliance.to_ask(life.now)
    assert (setting is not None) == armed
    if setting:
        assert setting.off_after_seconds == pytest.approx(350)


def test_two_presses_at_once_are_two() -> None:
    """Each a moment of its own, with a cause of its own, though both come with one reading."""
    button = factories.appliance(factories.device("button"), "button")
    button.start(Reading(), NOW, NOW)
    button.read(Reading(presses=(Press("single", "p1"), Press("double", "p2"))), NOW + 1, NOW + 1)
    assert (button.shows(NOW + 1)["presses"], button.shows(NOW + 1)["phase"]) == (2, "idle")
    told = [(moment.state["phase"], moment.cause) for moment in button.memory.past if moment.state]
    assert ("single", "p1") in told
    assert ("double", "p2") in told


def test_a_brightness_that_a_kill_kept_from_the_hardware_is_set_by_the_next_life() -> None:
    """Killed between writing down and dimming, a lamp is dimmed when it starts again."""
    life = Life("lamp")
    life.command("on", "c1", brightness_percent=100)
    with life.mortal(1):
        life.command("on", "c2", brightness_percent=10)
    assert life.live is None
    life.revive()
    assert life.shows("brightness_percent") == 10
    assert life.relay.brightness_percent == 10


@pytest.mark.parametrize(("restore", "expected"), [("last", True), ("off", False), ("on", True)])
def test_a_lamp_comes_back_as_its_configuration_says(restore: str, expected: bool) -> None:
    """After a restart a lamp is as it was, or off, or on."""
    life = Life("lamp", restore=restore)
    life.command("on")
    life.revive()
    assert (life.shows("status"), life.relay.on) == (expected, expected)


# What is shown


def test_a_first_state_has_turned_to_nothing() -> None:
    """What is shown for the first time is no change that anybody may act on."""
    life = Life("lamp")
    assert life.appliance.memory.turned == {}
    assert life.appliance.since == factories.BORN


def test_each_field_says_when_it_took_its_value() -> None:
    """A change notes its moment for the fields that changed, and for no measurement."""
    life = Life("lamp")
    life.now += 10
    life.command("on", "c1", brightness_percent=30)
    life.now += 10
    life.command("on", "c2", brightness_percent=40)
    assert life.appliance.memory.turned == {
        "status": NOW + 10, "phase": NOW + 10, "starts": NOW + 10, "brightness_percent": NOW + 20,
    }  # fmt: skip
    assert life.appliance.since == NOW + 20


def test_a_measurement_turns_nothing() -> None:
    """Watts that come and go are shown, and are no change to act on."""
    lamp = factories.appliance(factories.device("lamp"), "lamp")
    lamp.start(Reading(on=False), NOW, NOW)
    lamp.read(Reading(on=False, power_watts=0.4), NOW + 1, NOW + 1)
    assert lamp.shows(NOW + 1)["power_watts"] == 0.4
    assert lamp.memory.turned == {}


def test_a_restart_turns_nothing() -> None:
    """A device that comes back shows the moments of its last life."""
    life = Life("lamp")
    life.now += 10
    life.command("on")
    before = life.appliance.memory.turned
    life.now += 10
    life.revive()
    assert life.appliance.memory.turned == before


# Limits, times of day, conditions


WARM: dict[str, Any] = {"device": "room", "above": {"celsius": 25}, "do": "on"}


def lamp(**when: Any) -> Life:
    """Give a lamp with one rule, a second old."""
    life = Life("lamp", when=[when])
    life.now += 1
    return life


@pytest.mark.parametrize("left", range(8))
def test_a_limit_is_acted_on_once_whenever_it_is_killed(left: int) -> None:
    """Between crossing the limit and the light there is no moment at which a kill loses or doubles it."""
    life = lamp(**WARM)
    life.hear(factories.state("room", celsius=20.0))
    with life.mortal(left):
        life.hear(factories.state("room", celsius=26.0))
    if life.live is None:
        life.revive()
        life.hear(factories.state("room", celsius=26.0))
    assert (life.relay.on, life.shows("starts")) == (True, 1)
    life.command("off")
    life.revive()
    life.hear(factories.state("room", celsius=27.0))
    assert not life.relay.on


def test_what_must_be_so_for_a_while_goes_on_over_a_kill() -> None:
    """The time that it was dead counts, and the device it hears has a while to speak up."""
    life = lamp(**WARM, **{"for": "30s"})
    life.hear(factories.state("room", celsius=20.0))
    began = life.now
    life.hear(factories.state("room", celsius=26.0))
    life.now += 25
    life.revive()
    life.now += 4
    life.look()
    life.hear(factories.state("room", celsius=26.0))
    assert not life.relay.on
    life.wait(began + 30 - life.now)
    assert life.relay.on


def test_a_silent_device_holds_nothing() -> None:
    """A sensor that says nothing for 10 s may have cooled down: the while begins anew when it is heard."""
    life = lamp(**WARM, **{"for": "30s"})
    life.hear(factories.state("room", celsius=20.0))
    life.hear(factories.state("room", celsius=26.0))
    for _ in range(4):
        life.wait(10)
        life.look()
    assert not life.relay.on
    life.hear(factories.state("room", celsius=26.0))
    for _ in range(6):
        life.now += 5
        life.appliance.beat("room", life.now)
        life.look()
    assert life.relay.on


def test_a_time_of_day_is_acted_on_once_over_kills() -> None:
    """A life that ends right after its moment leaves nothing to do to the next."""
    moment = datetime.fromtimestamp(factories.BORN + 120, factories.UTC).replace(second=0).timestamp()
    life = lamp(at=datetime.fromtimestamp(moment, factories.UTC).strftime("%H:%M"), do="toggle")
    life.now = moment - 1
    life.look()
    assert not life.relay.on
    life.now = moment + 1
    for _ in range(3):
        life.revive()
    assert (life.relay.on, life.shows("starts")) == (True, 1)
    assert life.appliance.memory.cause == f"{int(moment):010x}"
    life.now = moment + 86_400
    life.look()
    assert not life.relay.on


DARK: dict[str, Any] = {**PRESS, "do": "on", "only_if": [{"device": "room", "below": {"lux": 10}}]}


def test_a_condition_that_does_not_hold_is_told() -> None:
    """By daylight the lamp stays off, and the log says why."""
    life = lamp(**DARK)
    life.hear(factories.state("room", lux=500))
    life.hear(press(life.now))
    assert not life.relay.on
    assert "no on for switch: not so: room below { lux = 10" in life.notes()
    life.hear(factories.state("room", lux=5))
    life.wait(5)
    assert not life.relay.on


def test_a_condition_that_is_not_known_is_waited_for_within_the_grace() -> None:
    """A press is not lost because the sensor was just restarting; nor is it acted on an hour later."""
    for seconds, expected in ((30, True), (61, False)):
        life = lamp(**DARK)
        life.hear(press(life.now))
        life.now += seconds
        life.look()
        life.hear(factories.state("room", lux=5))
        assert life.relay.on == expected
        life.look()
        assert ("late, not known: room below" in life.notes()) != expected


def test_a_condition_may_be_about_the_device_itself() -> None:
    """A lamp that is on is turned off by the next press, and by that alone."""
    life = lamp(**PRESS, do="off", only_if=[{"device": "lamp", "is": {"phase": "on"}}])
    life.hear(press(life.now))
    assert "not so: lamp is" in life.notes()
    life.command("on")
    life.now += 1
    life.hear(press(life.now, cause="p2"))
    assert not life.relay.on
