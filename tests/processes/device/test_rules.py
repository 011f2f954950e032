"""The rules of one appliance: actions, times, and recovery after a kill or a changed configuration."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from daemons.bus.message import Moment, State
from daemons.config.rule import rule_key
from daemons.kinds import Reading
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

NOW = factories.START_TIME
PRESS: dict[str, Any] = {"device": "switch", "turns": {"status": True}}
WARM: dict[str, Any] = {"device": "room", "above": {"celsius": 25}, "do": "on"}
DARK: dict[str, Any] = {**PRESS, "do": "on", "only_if": [{"device": "room", "below": {"lux": 10}}]}


def press(at: float, cause: str | None = "p1", status: bool = True) -> State:
    """Return the state of a switch that was switched at a time (Unix seconds)."""
    return factories.state(status=status, turned=at, cause=cause)


def lamp(**rule: Any) -> CrashSimulator:
    """Return a lamp with one rule, one second after its start."""
    simulator = CrashSimulator("lamp", when=[rule])
    simulator.now += 1
    return simulator


# Changes of another device


def test_a_press_is_the_cause_of_its_consequences() -> None:
    """The cause of the press is the cause of the new state."""
    simulator = CrashSimulator("toaster", when=[{**PRESS, "do": "start"}])
    simulator.on_state(press(NOW + 5, cause="p7"))
    assert (simulator.field("phase"), simulator.appliance.memory.cause) == ("toasting", "p7")


def test_a_state_of_another_device_starts_nothing() -> None:
    """A rule acts only on states of its own device."""
    simulator = CrashSimulator("toaster", when=[{**PRESS, "do": "start"}])
    simulator.on_state(factories.state("other", status=True, turned=NOW + 5))
    assert simulator.field("phase") == "idle"


def test_past_states_act_in_their_order_and_once() -> None:
    """A lamp that was away follows on, off and on again, and does not follow them a second time."""
    switch, follower = CrashSimulator("light_switch"), CrashSimulator("lamp", when=[{**PRESS, "do": "on"}])
    for second in range(1, 4):
        switch.now = NOW + second
        switch.command("press", f"p{second}")
    memory = switch.appliance.memory
    published = State(
        device="switch", boot=1, seq=1, at=NOW + 3, since=NOW + 3, state=memory.last_state,
        turned=memory.change_times, cause=memory.cause, past=memory.past,
    )  # fmt: skip
    assert [moment.cause for moment in published.past] == [None, "p1", "p2"]
    follower.now = NOW + 4
    follower.on_state(published)
    follower.on_state(published)
    assert (follower.field("status"), follower.field("starts")) == (True, 1)
    assert follower.appliance.memory.cause == "p1"  # at the third press the lamp was already on


def test_a_past_state_may_cancel_a_for() -> None:
    """A value that lasted too short a time does not act, although all its states are replayed at once."""
    for lasted, expected in ((29, False), (30, True)):
        simulator = lamp(**PRESS, do="on", **{"for": "30s"})
        opened = Moment(state={"status": True}, turned={"status": NOW + 1}, cause="p1")
        closed = press(NOW + 1 + lasted, status=False)
        simulator.now = NOW + 50
        simulator.on_state(msgspec.structs.replace(closed, past=(opened,)))
        assert simulator.relay.is_on == expected


@pytest.mark.parametrize("restarts", [False, True])
def test_an_outage_before_a_for_began_does_not_end_it(restarts: bool) -> None:
    """The sensor was lost, is back, and then turns: a later message repeats the outage in its past."""
    simulator = lamp(**PRESS, do="on", **{"for": "30s"})
    lost = Moment(state={"status": False, "reachable": False}, turned={"reachable": NOW + 2})
    back = Moment(state={"status": False, "reachable": True}, turned={"reachable": NOW + 4})
    turned = msgspec.structs.replace(
        factories.state(status=True, reachable=True, turned=NOW + 6, cause="p1"),
        turned={"reachable": NOW + 4, "status": NOW + 6},
        past=(lost, back),
    )
    simulator.now = NOW + 6
    simulator.on_state(turned)
    simulator.now = NOW + 8
    if restarts:
        simulator.restart()
    repeated = (msgspec.structs.replace(lost), msgspec.structs.replace(back))  # as they are decoded anew
    simulator.on_state(msgspec.structs.replace(turned, past=repeated))
    simulator.wait(27)
    assert not simulator.relay.is_on
    simulator.appliance.on_heartbeat("switch", simulator.now)
    simulator.wait(1)
    assert simulator.relay.is_on


def test_a_past_state_does_not_hide_a_time_of_day() -> None:
    """Times of day and limits are checked for the present only, not for each replayed state."""
    simulator = lamp(**WARM)
    simulator.on_state(factories.state("room", celsius=20.0))
    warm = factories.state("room", celsius=26.0)
    moment = Moment(state={"phase": "measuring"})
    simulator.on_state(msgspec.structs.replace(warm, past=(moment, moment)))
    assert (simulator.relay.is_on, simulator.field("starts")) == (True, 1)


def test_a_press_past_its_grace_is_logged_and_does_not_act() -> None:
    """A device does not act on a press after its grace, and logs the reason."""
    simulator = CrashSimulator("toaster", grace="10s", when=[{**PRESS, "do": "start"}])
    simulator.now += 100
    simulator.on_state(press(simulator.now - 11))
    assert simulator.field("phase") == "idle"
    assert "info: no start for switch: that was 11 s ago, and the grace is 10 s [p1]" in simulator.log()


def test_a_rejected_action_is_logged_and_starts_no_cooldown() -> None:
    """A press for a toaster that toasts already is no error. The next one may act at once."""
    simulator = CrashSimulator("toaster", when=[{**PRESS, "do": "start", "cooldown": "1h"}])
    simulator.command("start")
    simulator.now += 5
    simulator.on_state(press(simulator.now))
    assert "info: no start for switch: it is already toasting [p1]" in simulator.log()
    simulator.command("stop", "c2")
    simulator.now += 5
    simulator.on_state(press(simulator.now, cause="p2"))
    assert simulator.field("phase") == "toasting"


def test_an_action_starts_the_cooldown() -> None:
    """A second press within the cooldown does not act, also after a restart."""
    simulator = CrashSimulator("light_switch", when=[{**PRESS, "do": "press", "cooldown": "10s"}])
    simulator.now += 1
    simulator.on_state(press(simulator.now))
    simulator.restart()
    simulator.now += 9
    simulator.on_state(press(simulator.now))
    assert simulator.field("presses") == 1
    assert "it acted 9 s ago, and its cooldown is 10 s" in simulator.log()
    simulator.now += 1
    simulator.on_state(press(simulator.now))
    assert simulator.field("presses") == 2


def test_a_wall_clock_that_was_set_back_blocks_no_rule() -> None:
    """The wall clock ran an hour ahead at the start. The first press after its correction acts."""
    toaster = factories.appliance(factories.device("toaster", when=[{**PRESS, "do": "start"}]), "toaster")
    toaster.start(Reading(on=False), NOW, NOW + 3600)
    toaster.on_state(press(NOW + 10), NOW + 11, NOW + 11)
    assert toaster.state(NOW + 11)["starts"] == 1


# Hardware that cannot be reached


def test_a_rule_waits_for_its_hardware_within_the_grace() -> None:
    """The bulb is lost for 15 s, and the press comes meanwhile. The bulb goes on when it is back."""
    for back, expected in ((7, True), (61, False)):
        simulator = lamp(**PRESS, do="on")
        lose_hardware(simulator)
        simulator.now += 8
        simulator.on_state(press(simulator.now))
        assert not simulator.field("status")
        assert not simulator.appliance.is_idle
        simulator.now += back
        simulator.poll()
        simulator.poll()
        assert simulator.relay.is_on == expected
        assert ("it is 61 s late, its hardware cannot be reached" in simulator.log()) != expected


@pytest.mark.parametrize(("later", "back"), [(2, 5), (0.3, 0.3), (0, 0.3), (0, 5)])
def test_a_rule_that_waits_for_its_hardware_yields_to_a_later_command(later: float, back: float) -> None:
    """The light is switched off before the bulb is back, so it does not go on."""
    simulator = lamp(**PRESS, do="on")
    lose_hardware(simulator)
    simulator.now += 8
    simulator.on_state(press(simulator.now))
    simulator.now += later
    simulator.command("off")
    simulator.now += back
    simulator.poll()
    simulator.poll()
    assert not simulator.relay.is_on
    assert "info: no on for switch: off came after it [p1]" in simulator.log()


def test_two_moments_in_one_message_have_their_order_also_while_the_hardware_is_lost() -> None:
    """Coffee was ready and is not any more, both at the start of the process: the lamp stays off."""
    rules = [{**PRESS, "do": "on"}, {"device": "switch", "turns": {"status": False}, "do": "off"}]
    simulator = CrashSimulator("lamp", when=rules)
    simulator.now += 1
    lose_hardware(simulator)
    simulator.now += 8
    ready = Moment(state={"status": True}, turned={"status": simulator.now}, cause="p1")
    simulator.on_state(replace(press(simulator.now + 1e-6, status=False), past=(ready,)))
    simulator.now += 30
    simulator.poll()
    simulator.poll()
    assert not simulator.relay.is_on


def test_the_latest_moment_is_acted_on_when_the_hardware_is_back() -> None:
    """Two presses come while the bulb is lost. The first is past its grace when the bulb is back."""
    simulator = lamp(**PRESS, do="on")
    lose_hardware(simulator)
    simulator.now += 8
    simulator.on_state(press(simulator.now))
    simulator.now += 45
    simulator.on_state(press(simulator.now, cause="p2"))
    simulator.now += 20
    simulator.poll()
    simulator.poll()
    assert (simulator.relay.is_on, simulator.appliance.memory.cause) == (True, "p2")


@pytest.mark.parametrize("how", ["follow", "order"])
def test_a_command_that_waits_for_the_hardware_keeps_its_values(how: str) -> None:
    """The values that a rule copies, and the command that came from a scene, are still known then."""
    rule: dict[str, Any] = {"device": "switch", "follow": ["status", "brightness_percent"]}
    if how == "order":
        rule = {**PRESS, "do": "off", "made_by": "switch", "command_from": "orders"}
    simulator = CrashSimulator("lamp", when=[rule])
    lose_hardware(simulator)
    simulator.now += 10
    simulator.appliance.on_reading(Reading(reachable=False), simulator.now, simulator.now)
    fields: dict[str, Any] = {"status": True, "brightness_percent": 30}
    orders = '{"lamp": ["on", {"brightness_percent": 30}]}'
    simulator.on_state(replace(press(simulator.now), state={**fields, "orders": orders}))
    assert simulator.appliance.memory.rule_states != {}
    assert not simulator.field("status")
    simulator.restart()
    simulator.now += 5
    simulator.poll()
    simulator.poll()
    assert (simulator.field("status"), simulator.field("brightness_percent")) == (True, 30)


def lose_hardware(simulator: CrashSimulator) -> None:
    """Report to the device that its hardware does not answer; its next poll finds it again."""
    simulator.on_reading(Reading(reachable=False))


@pytest.mark.parametrize(("back", "acts_at"), [(20, 50), (29, 59)])
def test_a_for_begins_anew_when_the_hardware_of_its_device_is_back(back: int, acts_at: int) -> None:
    """The state of the door is unknown while its hardware cannot be reached."""
    simulator = lamp(**PRESS, do="on", **{"for": "30s"})
    began = simulator.now
    turned = {"status": began}
    opened = msgspec.structs.replace(press(began), state={"status": True, "reachable": True}, turned=turned)
    simulator.on_state(opened)
    for at, reachable in ((10, False), (back, True)):
        simulator.now = began + at
        simulator.on_state(msgspec.structs.replace(
            opened, at=simulator.now, state={"status": True, "reachable": reachable},
            turned={**turned, "reachable": simulator.now},
        ))  # fmt: skip
        simulator.restart()
    while simulator.now < began + acts_at:
        assert not simulator.relay.is_on
        simulator.now += 1
        simulator.appliance.on_heartbeat("switch", simulator.now)
        simulator.on_state(msgspec.structs.replace(
            opened, at=simulator.now, state={"status": True, "reachable": True},
            turned={**turned, "reachable": began + back},
        ))  # fmt: skip
        simulator.poll()
    assert simulator.relay.is_on


def test_a_for_begins_anew_although_this_device_restarted_while_the_other_was_lost() -> None:
    """The states before the loss come again after the restart. They do not end the loss."""
    simulator = lamp(**PRESS, do="on", **{"for": "30s"})
    began = simulator.now
    door: dict[str, Any] = {"status": True, "reachable": True}
    opened = msgspec.structs.replace(press(began), state=door)
    lost = msgspec.structs.replace(
        opened, at=began + 10, turned={"status": began, "reachable": began + 10},
        state={**door, "reachable": False}, past=(Moment(state=door, turned={"status": began}),),
    )  # fmt: skip
    back = msgspec.structs.replace(
        lost, at=began + 20, state=door, turned={"status": began, "reachable": began + 20},
        past=(*lost.past, Moment(state=lost.state, turned=lost.turned)),
    )  # fmt: skip
    simulator.on_state(opened)
    simulator.now = began + 10
    simulator.on_state(lost)
    simulator.restart()
    simulator.on_state(lost)
    simulator.now = began + 20
    simulator.on_state(back)
    simulator.now = began + 51
    simulator.on_state(msgspec.structs.replace(back, at=simulator.now))
    assert simulator.relay.is_on


def test_a_wait_that_is_over_blocks_no_deadline() -> None:
    """The bulb is lost when it is warm for long enough, and it gets cool. The next wait has its deadline."""
    simulator = lamp(**WARM, **{"for": "30s"})
    for celsius in (20.0, 26.0):
        simulator.on_state(factories.state("room", celsius=celsius))
    lose_hardware(simulator)
    simulator.now += 31
    simulator.on_state(factories.state("room", celsius=26.0))
    for celsius in (20.0, 26.0):
        simulator.on_state(factories.state("room", celsius=celsius))
    assert simulator.appliance.next_deadline() == simulator.now + 30


def test_a_for_is_not_met_by_a_device_that_cannot_reach_its_hardware() -> None:
    """A door that opened and was then lost is not open for half a minute. A rule that acted acts no more."""
    simulator = lamp(**PRESS, do="toggle", **{"for": "30s"})
    began = simulator.now
    opened = msgspec.structs.replace(press(began), state={"status": True, "reachable": True})
    simulator.on_state(opened)
    simulator.now += 29
    lost = {"status": True, "reachable": False}
    turned = {"status": began, "reachable": began + 29}
    simulator.on_state(msgspec.structs.replace(opened, at=simulator.now, state=lost, turned=turned))
    simulator.wait(5)
    assert not simulator.relay.is_on
    back = msgspec.structs.replace(
        opened, state={"status": True, "reachable": True}, turned={"status": began, "reachable": began + 35}
    )
    simulator.now = began + 66
    simulator.on_state(msgspec.structs.replace(back, at=simulator.now))
    assert simulator.relay.is_on
    for at, reachable in ((70, False), (75, True), (110, True)):
        simulator.now = began + at
        turned = {"status": began, "reachable": began + min(at, 75)}
        state = {"status": True, "reachable": reachable}
        simulator.on_state(msgspec.structs.replace(opened, at=simulator.now, state=state, turned=turned))
        simulator.poll()
    assert simulator.relay.is_on


# Cooldown


def test_a_crossing_in_the_cooldown_acts_when_that_is_over() -> None:
    """The air conditioner goes on at 33 degrees, though it went on less than ten minutes before."""
    simulator = lamp(**WARM, cooldown="10m")
    simulator.on_state(factories.state("room", celsius=20.0))
    simulator.on_state(factories.state("room", celsius=26.0))
    began = simulator.now
    assert simulator.relay.is_on
    simulator.command("off")
    simulator.now += 100
    simulator.on_state(factories.state("room", celsius=20.0))
    simulator.on_state(factories.state("room", celsius=33.0))
    while simulator.now < began + 600:
        assert not simulator.relay.is_on
        simulator.now += 5
        simulator.appliance.on_heartbeat("room", simulator.now)
        simulator.poll()
    assert simulator.relay.is_on


@pytest.mark.parametrize("celsius", [20.0, None])
def test_a_crossing_in_the_cooldown_does_not_act_if_it_is_over_before(celsius: float | None) -> None:
    """It is cool again, or unknown, when the cooldown ends. Also over a restart."""
    simulator = lamp(**WARM, cooldown="10m")
    for degrees in (20.0, 26.0):
        simulator.on_state(factories.state("room", celsius=degrees))
    simulator.command("off")
    simulator.now += 100
    for degrees in (20.0, 33.0):
        simulator.on_state(factories.state("room", celsius=degrees))
    simulator.restart()
    simulator.now += 100
    simulator.on_state(factories.state("room", celsius=celsius))
    simulator.wait(600)
    assert not simulator.relay.is_on


@pytest.mark.parametrize(("closed_after", "expected"), [(None, True), (560, False), (599, False)])
def test_a_duration_in_the_cooldown_acts_when_that_is_over(closed_after: int | None, expected: bool) -> None:
    """A door that is open for 30 s acts at the end of the cooldown, if it is still open then."""
    simulator = lamp(**PRESS, do="on", cooldown="10m", **{"for": "30s"})
    began = simulator.now
    history = [(0, True), (40, False), (50, True)] + ([(closed_after, False)] if closed_after else [])
    for second in range(631):
        simulator.now = began + second
        for at, status in history:
            if at == second:
                simulator.on_state(press(simulator.now, status=status))
        simulator.appliance.on_heartbeat("switch", simulator.now)
        simulator.poll()
        if second == 35:
            assert simulator.relay.is_on
            simulator.command("off")
        assert second <= 35 or second >= 630 or not simulator.relay.is_on
    assert simulator.relay.is_on == expected


# Delays


def test_a_delay_survives_a_kill() -> None:
    """A rule that waits for its delay acts once at its time, also in the next process."""
    simulator = CrashSimulator("light_switch", when=[{**PRESS, "do": "press", "delay": "30s"}])
    simulator.on_state(press(NOW))
    simulator.on_state(press(NOW + 1))
    simulator.now = NOW + 1
    simulator.on_state(press(NOW + 1))
    assert simulator.appliance.next_deadline() == NOW + 30
    simulator.running = None
    simulator.wait(10)
    simulator.restart()
    simulator.wait(18)
    assert simulator.field("presses") == 0
    simulator.wait(10)
    assert simulator.field("presses") == 1


def test_an_action_clears_its_schedule() -> None:
    """After a rule has acted, neither its time nor its cause is left."""
    simulator = CrashSimulator("light_switch", when=[{**PRESS, "do": "press", "delay": "30s"}])
    simulator.now += 1
    simulator.on_state(press(simulator.now))
    simulator.wait(30)
    (state,) = simulator.appliance.memory.rule_states.values()
    assert (state.due_at, state.cause, state.fired_at) == (None, None, NOW + 31)
    assert simulator.appliance.next_deadline() is None


def test_a_delay_that_ended_long_ago_does_not_act() -> None:
    """A device that was down past the delay and the grace does not act, and logs the reason."""
    simulator = CrashSimulator("light_switch", grace="10s", when=[{**PRESS, "do": "press", "delay": "30s"}])
    simulator.now += 1
    simulator.on_state(press(simulator.now))
    simulator.running = None
    simulator.wait(41)
    simulator.restart()
    assert simulator.field("presses") == 0
    assert "warning: no press for switch: it is 11 s late [p1]" in simulator.log()


def test_a_delay_that_ended_within_the_grace_acts() -> None:
    """A device that was dead past the delay acts as long as the grace lasts."""
    simulator = CrashSimulator("light_switch", grace="10s", when=[{**PRESS, "do": "press", "delay": "30s"}])
    simulator.now += 1
    simulator.on_state(press(simulator.now))
    simulator.running = None
    simulator.wait(40)
    simulator.restart()
    assert simulator.field("presses") == 1


def test_rules_that_differ_only_in_their_hours_both_count() -> None:
    """Dim at night and bright by day are two rules, though device, turns and command are the same."""
    rules = [
        {**PRESS, "do": "on", "with": {"brightness_percent": 10}, "between": ["22:00", "06:00"]},
        {**PRESS, "do": "on", "with": {"brightness_percent": 90}, "between": ["06:00", "22:00"]},
    ]
    for hour, percent in [(1, 10), (12, 90)]:
        simulator = CrashSimulator("lamp", when=rules)
        simulator.now = 20 * 86400.0 + hour * 3600  # 1970-01-21, in UTC
        simulator.on_state(press(simulator.now))
        assert simulator.field("brightness_percent") == percent


# An edited configuration


def test_an_edited_rule_does_not_act_on_a_change_that_the_old_one_handled() -> None:
    """An edited rule is a new rule: it handles only changes after its addition."""
    simulator = CrashSimulator("toaster", when=[{**PRESS, "do": "start"}])
    simulator.now += 5
    pressed = press(simulator.now)
    simulator.on_state(pressed)
    simulator.command("stop")
    simulator.device = factories.device("toaster", when=[{**PRESS, "do": "start", "cooldown": "1s"}])
    simulator.restart()
    simulator.on_state(pressed)
    assert simulator.field("starts") == 1
    simulator.now += 5
    simulator.on_state(press(simulator.now))
    assert simulator.field("starts") == 2


def test_a_removed_rule_is_forgotten() -> None:
    """The memory has the states of the present rules only."""
    simulator = CrashSimulator("light_switch", when=[{**PRESS, "do": "press"}, {**PRESS, "do": "off"}])
    assert len(simulator.appliance.memory.rule_states) == 2
    simulator.device = factories.device("light_switch", when=[{**PRESS, "do": "off"}])
    simulator.restart()
    assert list(simulator.appliance.memory.rule_states) == [rule_key(simulator.device.rules[0])]


def test_the_state_of_a_rule_survives_the_addition_of_another() -> None:
    """After a change of the configuration, a device does not repeat its last action."""
    simulator = CrashSimulator("light_switch", when=[{**PRESS, "do": "press"}])
    simulator.now += 5
    simulator.on_state(press(simulator.now))
    simulator.device = factories.device(
        "light_switch",
        when=[{"device": "other", "turns": {"status": True}, "do": "off"}, {**PRESS, "do": "press"}],
    )
    simulator.restart()
    simulator.on_state(press(simulator.now))
    assert simulator.field("presses") == 1


def test_the_key_of_a_rule_is_the_same_as_in_the_first_version() -> None:
    """A device finds its rules' states in a memory that an earlier version wrote."""
    (rule,) = factories.device("lamp", when=[{**PRESS, "do": "on", "delay": "5s", "at": None}]).rules
    expected = '{"delay":5.0,"device":"switch","do":"on","turns":{"status":true}}'
    assert rule_key(rule) == expected


# Limits


@pytest.mark.parametrize("actions", range(8))
def test_a_limit_acts_once_whenever_the_process_is_killed(actions: int) -> None:
    """A kill between the crossed limit and the light neither loses nor repeats the action."""
    simulator = lamp(**WARM)
    simulator.on_state(factories.state("room", celsius=20.0))
    with simulator.killed_after(actions):
        simulator.on_state(factories.state("room", celsius=26.0))
    if simulator.running is None:
        simulator.restart()
        simulator.on_state(factories.state("room", celsius=26.0))
    assert (simulator.relay.is_on, simulator.field("starts")) == (True, 1)
    simulator.command("off")
    simulator.restart()
    simulator.on_state(factories.state("room", celsius=27.0))
    assert not simulator.relay.is_on


def test_a_limit_has_the_measurement_as_its_cause() -> None:
    """The cause of the state that crossed the limit is the cause of the action."""
    simulator = lamp(**WARM)
    simulator.on_state(factories.state("room", celsius=20.0))
    simulator.on_state(factories.state("room", celsius=26.0, cause="c9"))
    assert simulator.appliance.memory.cause == "c9"


def test_a_for_continues_after_a_kill() -> None:
    """The time that the process was dead counts. The device has ten seconds for its first state."""
    simulator = lamp(**WARM, **{"for": "30s"})
    simulator.on_state(factories.state("room", celsius=20.0))
    began = simulator.now
    simulator.on_state(factories.state("room", celsius=26.0))
    simulator.now += 25
    simulator.restart()
    simulator.now += 4
    simulator.poll()
    simulator.on_state(factories.state("room", celsius=26.0))
    assert not simulator.relay.is_on
    simulator.wait(began + 30 - simulator.now)
    assert simulator.relay.is_on


def test_a_for_does_not_go_on_while_its_device_is_silent() -> None:
    """A sensor that was silent for 10 s may have cooled down: the time begins anew with its next message."""
    simulator = lamp(**WARM, **{"for": "30s"})
    simulator.on_state(factories.state("room", celsius=20.0))
    simulator.on_state(factories.state("room", celsius=26.0))
    for _ in range(4):
        simulator.wait(10)
        simulator.poll()
    assert not simulator.relay.is_on
    simulator.on_state(factories.state("room", celsius=26.0))
    for _ in range(6):
        simulator.now += 5
        simulator.appliance.on_heartbeat("room", simulator.now)
        simulator.poll()
    assert simulator.relay.is_on


# Times of day


def test_a_time_of_day_acts_once_over_kills() -> None:
    """A process that is killed right after the time of day leaves nothing to do for the next."""
    moment = datetime.fromtimestamp(NOW + 120, factories.UTC).replace(second=0).timestamp()
    simulator = lamp(at=datetime.fromtimestamp(moment, factories.UTC).strftime("%H:%M"), do="toggle")
    simulator.now = moment - 1
    simulator.poll()
    assert not simulator.relay.is_on
    simulator.now = moment + 1
    for _ in range(3):
        simulator.restart()
    assert (simulator.relay.is_on, simulator.field("starts")) == (True, 1)
    assert simulator.appliance.memory.cause == f"{int(moment):010x}"
    simulator.now = moment + 86_400
    simulator.poll()
    assert not simulator.relay.is_on


# Conditions


def test_a_condition_that_is_not_met_is_logged() -> None:
    """By daylight the lamp stays off, and the log has the reason. Darkness later changes nothing."""
    simulator = lamp(**DARK)
    simulator.on_state(factories.state("room", lux=500))
    simulator.on_state(press(simulator.now))
    assert not simulator.relay.is_on
    assert "info: no on for switch: condition not met: room below { lux = 10" in simulator.log()
    simulator.on_state(factories.state("room", lux=5))
    simulator.wait(5)
    assert not simulator.relay.is_on


def test_an_unknown_condition_is_waited_for_within_the_grace() -> None:
    """A press waits while the sensor restarts, but not for an hour."""
    for seconds, expected in ((30, True), (61, False)):
        simulator = lamp(**DARK)
        simulator.on_state(press(simulator.now))
        # Each message and each poll checks it again, until its grace is over.
        assert simulator.appliance.next_deadline() == pytest.approx(simulator.now + 60, abs=0.01)
        assert not simulator.appliance.is_idle
        simulator.now += seconds
        simulator.poll()
        simulator.on_state(factories.state("room", lux=5))
        assert simulator.relay.is_on == expected
        simulator.poll()
        assert ("late, condition unknown: room below" in simulator.log()) != expected


def test_a_condition_may_be_about_the_device_itself() -> None:
    """A lamp that is on is switched off by the next press, and by that alone."""
    simulator = lamp(**PRESS, do="off", only_if=[{"device": "lamp", "is": {"phase": "on"}}])
    simulator.on_state(press(simulator.now))
    assert "condition not met: lamp is" in simulator.log()
    simulator.command("on")
    simulator.now += 1
    simulator.on_state(press(simulator.now, cause="p2"))
    assert not simulator.relay.is_on


def test_a_rule_sees_the_action_of_the_rule_before() -> None:
    """The condition of the second rule uses the state after the action of the first."""
    is_on = [{"device": "lamp", "is": {"phase": "on"}}]
    dim = {**PRESS, "do": "on", "with": {"brightness_percent": 20}, "only_if": is_on}
    simulator = CrashSimulator("lamp", when=[{**PRESS, "do": "on"}, dim])
    simulator.now += 1
    simulator.on_state(press(simulator.now))
    assert simulator.field("brightness_percent") == 20


@pytest.mark.parametrize(
    ("rule", "is_idle"),
    [
        ({**PRESS, "do": "on"}, True),
        (WARM, False),
        ({"at": "06:30", "do": "on"}, True),
    ],
)
def test_a_device_with_a_limit_in_a_rule_is_never_idle(rule: dict[str, Any], is_idle: bool) -> None:
    """A rule with a limit is evaluated at each poll: the other device may fall silent."""
    assert lamp(**rule).appliance.is_idle == is_idle


def test_a_device_with_a_time_of_day_sleeps_until_then() -> None:
    """The next time is its deadline. If the clock is set meanwhile, it is calculated anew."""
    simulator = lamp(at="06:30", do="on")
    appliance, now = simulator.appliance, simulator.now
    deadline = appliance.next_deadline()
    assert deadline is not None
    assert datetime.fromtimestamp(deadline, factories.UTC).strftime("%H:%M:%S") == "06:30:00"
    assert 0 < deadline - now <= 86400
    reading = simulator.relay.read(now)
    assert appliance.is_unchanged(reading, now + 1, now + 1)
    assert not appliance.is_unchanged(reading, now + 1, now + 1 + 3600)
    assert not appliance.is_unchanged(reading, deadline, deadline)
    simulator.wait(deadline - now)
    assert simulator.relay.is_on
    assert appliance.next_deadline() == deadline + 86400


# A moment while the rule waits


PRESSED: dict[str, Any] = {"device": "button", "turns": {"phase": "single"}}


def button(at: float, seq: int = 1) -> State:
    """Return the state of a button that was pressed at a time (Unix seconds)."""
    return factories.state("button", seq=seq, phase="single", turned=at, cause=f"p{seq}")


@pytest.mark.parametrize(("mode", "off_at"), [("single", 305), ("restart", 365), ("queued", 305)])
def test_a_new_press_during_the_delay(mode: str, off_at: float) -> None:
    """Two presses, a minute apart: the wait goes on, starts again, or a second one waits as well."""
    stairs = [{**PRESSED, "do": "on"}, {**PRESSED, "do": "off", "delay": "5m", "mode": mode}]
    simulator = CrashSimulator("lamp", when=stairs)
    for seq, second in enumerate((5, 65), 1):
        simulator.now = NOW + second
        simulator.on_state(button(simulator.now, seq))
    simulator.restart()
    simulator.wait(NOW + off_at - 1 - simulator.now)
    assert simulator.field("status")
    simulator.wait(2)
    assert not simulator.field("status")


def test_queued_moments_act_each_at_its_time_also_after_a_kill() -> None:
    """Three presses within two seconds start the toaster three times, each ten minutes after its press."""
    rule = {**PRESSED, "do": "toggle", "delay": "10m", "mode": "queued"}
    simulator = CrashSimulator("lamp", when=[rule])
    for seq in (1, 2, 3):
        simulator.now = NOW + seq
        simulator.on_state(button(simulator.now, seq))
        simulator.restart()
    for seq in (1, 2, 3):
        simulator.wait(NOW + 600 + seq + 0.5 - simulator.now)
        assert (simulator.field("starts"), simulator.appliance.memory.cause) == ((seq + 1) // 2, f"p{seq}")
    simulator.wait(3600)
    assert simulator.field("starts") == 2


def test_of_queued_moments_only_a_few_wait() -> None:
    """Nine wait at once; a tenth press is refused with the reason."""
    simulator = lamp(**PRESSED, do="toggle", delay="10m", mode="queued")
    for seq in range(1, 11):
        simulator.now += 1
        simulator.on_state(button(simulator.now, seq))
    assert simulator.log().count("9 moments already wait") == 1


# From one value to another


def door(*phases: str, seq: int = 1) -> State:
    """Return the state of a door that has had these phases, one a second; the last one is its present one."""
    moments = [
        Moment(state={"phase": phase}, turned={"phase": NOW + second}) for second, phase in enumerate(phases)
    ]
    state = factories.state("door", seq=seq, phase=phases[-1], turned=NOW + len(phases) - 1)
    return replace(state, past=tuple(moments[:-1]))


@pytest.mark.parametrize(
    ("turn", "phases", "is_on"),
    [
        ({"from": "closed", "to": "open"}, ["closed", "open"], True),
        ({"from": "stale", "to": "open"}, ["closed", "open"], False),
        ({"from": "closed", "to": "open"}, ["closed", "stale", "open"], False),
        ({"from": "closed"}, ["closed", "stale"], True),
        ({"from": "closed"}, ["open", "closed"], False),
        ({"to": "open"}, ["stale", "open"], True),
        ({"from": "closed", "to": "open"}, ["open"], False),
    ],
)
def test_a_rule_waits_for_a_change_from_one_value_to_another(
    turn: dict[str, str], phases: list[str], is_on: bool
) -> None:
    """The value before the oldest known state is unknown, and equals none."""
    simulator = CrashSimulator("lamp", when=[{"device": "door", "turns": {"phase": turn}, "do": "on"}])
    simulator.now = NOW + len(phases) - 1
    simulator.on_state(door(*phases))
    assert simulator.field("status") is is_on


# Conditions


@pytest.mark.parametrize(
    ("keys", "lux", "guests", "is_on"),
    [
        ({"any": ["dark", "guests"]}, 5, False, True),
        ({"any": ["dark", "guests"]}, 50, True, True),
        ({"any": ["dark", "guests"]}, 50, False, False),
        ({"any": ["dark", "guests"]}, None, True, True),
        ({"none": ["dark", "guests"]}, 50, False, True),
        ({"none": ["dark", "guests"]}, 5, False, False),
        ({"none": ["dark", "guests"]}, 50, True, False),
        ({"only_if": ["dark"], "none": ["guests"]}, 5, False, True),
        ({"only_if": ["dark"], "none": ["guests"]}, 5, True, False),
        ({"only_if": ["dark"], "any": ["guests"]}, 5, True, True),
    ],
)
def test_conditions_of_any_and_none(
    keys: dict[str, list[str]], lux: float | None, guests: bool, is_on: bool
) -> None:
    """At least one condition of `any` must be met, and no condition of `none`."""
    words = {
        "dark": {"device": "room", "below": {"lux": 10}},
        "guests": {"device": "guests", "is": {"status": True}},
    }
    lists = {key: [words[name] for name in names] for key, names in keys.items()}
    simulator = lamp(**PRESS, do="on", **lists)
    simulator.on_state(factories.state("room", lux=lux))
    simulator.on_state(factories.state("guests", status=guests))
    simulator.on_state(press(simulator.now))
    assert simulator.field("status") is is_on


def test_an_unknown_condition_of_none_waits() -> None:
    """The rule acts within its grace, as soon as the condition is known."""
    simulator = lamp(**PRESS, do="on", none=[{"device": "guests", "is": {"status": True}}])
    simulator.on_state(press(simulator.now))
    assert not simulator.field("status")
    simulator.now += 5
    simulator.on_state(factories.state("guests", status=False))
    assert simulator.field("status")


@pytest.mark.parametrize(("lasted", "is_on"), [(599, False), (600, True)])
def test_a_condition_that_must_have_lasted(lasted: float, is_on: bool) -> None:
    """The window has been open for ten minutes when the switch is pressed."""
    condition = {"device": "window", "is": {"status": True}, "for": "10m"}
    simulator = lamp(**PRESS, do="on", only_if=[condition])
    simulator.on_state(factories.state("window", status=True, turned=simulator.now))
    simulator.now += lasted
    simulator.on_state(factories.state("window", seq=2, status=True, turned=simulator.now - lasted))
    simulator.on_state(press(simulator.now))
    assert simulator.field("status") is is_on


BOTH: dict[str, Any] = {
    "all": [
        {"device": "window", "is": {"status": True}},
        {"device": "heater", "is": {"status": True}},
    ],
    "for": "10m",
    "do": "on",
}


class BothHouse:
    """A lamp that waits until a window is open and a heater is on, both for ten minutes."""

    def __init__(self) -> None:
        self.lamp = CrashSimulator("lamp", when=[BOTH])
        self.seq = 1
        self.values = {"window": (False, NOW), "heater": (False, NOW)}
        for name in self.values:
            self.turn(name, False)

    def turn(self, name: str, value: bool) -> None:
        """Publish a change."""
        self.values[name] = (value, self.lamp.now)
        self.send(name)

    def send(self, name: str) -> None:
        """Publish the state."""
        self.seq += 1
        value, at = self.values[name]
        self.lamp.on_state(factories.state(name, seq=self.seq, status=value, turned=at))

    def wait(self, seconds: float) -> None:
        """Pass time; both devices are alive."""
        for _ in range(int(seconds)):
            self.lamp.now += 1
            for name in self.values:
                self.send(name)
            self.lamp.poll()


def test_conditions_that_begin_to_hold_together_make_a_rule_act() -> None:
    """Ten minutes after the second of the two, also over a kill; and once."""
    house = BothHouse()
    house.turn("window", True)
    house.wait(300)
    house.turn("heater", True)
    house.wait(300)
    house.lamp.restart()
    house.wait(299)
    assert not house.lamp.field("status")
    house.wait(2)
    assert house.lamp.field("status")
    house.lamp.command("off")
    house.wait(900)
    assert not house.lamp.field("status")


def test_a_conjunction_that_ends_early_does_not_act() -> None:
    """The window is closed after nine minutes; when it is open again, ten minutes begin anew."""
    house = BothHouse()
    house.turn("heater", True)
    house.turn("window", True)
    house.wait(540)
    house.turn("window", False)
    house.wait(10)
    house.turn("window", True)
    house.wait(590)
    assert not house.lamp.field("status")
    house.wait(12)
    assert house.lamp.field("status")


def test_a_device_that_was_silent_tells_that_its_value_has_lasted() -> None:
    """The heater is silent meanwhile; its state names when it went on. The ten minutes count from there."""
    house = BothHouse()
    house.turn("heater", True)
    house.turn("window", True)
    house.wait(580)
    for _ in range(15):
        house.lamp.now += 1
        house.send("window")
        house.lamp.poll()
    assert house.lamp.appliance.latest("heater", house.lamp.now) is None
    house.wait(4)
    assert not house.lamp.field("status")
    house.wait(2)
    assert house.lamp.field("status")


def test_a_conjunction_acts_on_nothing_while_a_device_is_silent() -> None:
    """It is not known whether the heater is still on after the ten minutes."""
    house = BothHouse()
    house.turn("heater", True)
    house.turn("window", True)
    house.wait(580)
    for _ in range(60):
        house.lamp.now += 1
        house.send("window")
        house.lamp.poll()
    assert not house.lamp.field("status")


def test_conditions_that_hold_at_the_first_start_do_not_act() -> None:
    """A new rule acts when they begin to hold, as a limit must be crossed."""
    simulator = CrashSimulator("lamp", when=[{**BOTH, "for": "1s"}])
    for name in ("window", "heater"):
        simulator.on_state(factories.state(name, status=True, turned=NOW))
    simulator.wait(5)
    assert not simulator.field("status")


# A device that hears itself


SELF_OFF: dict[str, Any] = {"device": "lamp", "turns": {"status": True}, "for": "5m", "do": "off"}


@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("how", ["command", "hand", "rule"])
def test_a_lamp_goes_off_some_time_after_it_went_on(how: str, kills: bool) -> None:
    """It hears its own state, whatever switches it on; and again after the next time."""
    simulator = CrashSimulator("lamp", when=[SELF_OFF, {**PRESS, "do": "on"}])
    for seq in (1, 2):
        simulator.now += 10
        if how == "command":
            simulator.command("on", f"c{seq}")
        elif how == "hand":
            simulator.relay.switch_manually(True, simulator.now)
            simulator.poll()
        else:
            simulator.on_state(replace(press(simulator.now), seq=seq))
        assert simulator.relay.is_on
        for _ in range(2):
            simulator.wait(149)
            if kills:
                simulator.restart()
        assert simulator.relay.is_on
        simulator.wait(3)
        assert not simulator.relay.is_on


def test_a_lamp_that_went_off_in_between_begins_anew() -> None:
    """The five minutes count from the latest time at which it went on."""
    simulator = CrashSimulator("lamp", when=[SELF_OFF])
    simulator.command("on", "c1")
    simulator.wait(200)
    simulator.command("off", "c2")
    simulator.wait(50)
    simulator.command("on", "c3")
    simulator.wait(299)
    assert simulator.relay.is_on
    simulator.wait(2)
    assert not simulator.relay.is_on
