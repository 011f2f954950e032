"""Translated messages: each change has one time here, however often its state is received."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemons.bus.message import Heartbeat, Moment, Scalar, State, update_change_times
from daemons.bus.origin import Origin, Reason
from daemons.processes.exchange.clock_sync.translate import StateTranslator, TranslationMemory

MAX_PAST = 8
"""How many changes back a state reaches (docs/wire.md)."""

STEPS = st.floats(-600, 600)


class TranslatingMachine(RuleBasedStateMachine):
    """A device on a host with one clock, translated on a host with another; both are set now and then."""

    @initialize()
    def begin(self) -> None:
        """Create the device and its translator."""
        self.time, self.remote, self.local = 0.0, 1e6, 2e6
        self.translator = StateTranslator(TranslationMemory("kitchen"))
        self.device = State(device="lamp", boot=1, seq=1, at=1e6, since=1e6, state={"presses": 0})
        self.boot(0.0)
        self.translated: dict[float, float] = {}
        self.boots: dict[int, int] = {}
        self.latest = 0.0

    @property
    def remote_now(self) -> float:
        """Return the time of the other clock."""
        return self.time + self.remote

    @property
    def now(self) -> float:
        """Return the time of the clock here."""
        return self.time + self.local

    @rule(seconds=st.floats(0.01, 100))
    def wait(self, seconds: float) -> None:
        """Wait."""
        self.time += seconds

    @rule()
    def press(self) -> None:
        """Change the state of the device."""
        before = self.device
        presses = int(before.state["presses"] or 0) + 1
        shown: dict[str, Scalar] = {"presses": presses, "pressed_at": self.remote_now}
        past = (*before.past, Moment(state=before.state, turned=before.turned))[-MAX_PAST:]
        was: dict[str, Scalar] = {"presses": presses - 1}
        turned = update_change_times(was, {"presses": presses}, before.turned, self.remote_now)
        self.device = State(
            device="lamp",
            boot=before.boot,
            seq=before.seq + 1,
            at=self.remote_now,
            since=turned["presses"],
            state=shown,
            turned=turned,
            past=past,
        )

    @rule(seconds=STEPS)
    def set_remote(self, seconds: float) -> None:
        """Set the other clock."""
        self.remote += seconds

    @rule(seconds=STEPS)
    def set_local(self, seconds: float) -> None:
        """Set the clock here."""
        self.local += seconds

    @rule(seconds=st.floats(0.01, 10))
    def boot(self, seconds: float) -> None:
        """Restart the device; its boot number grows, whatever its clock shows."""
        self.time += seconds
        boot = max(int(self.remote_now * 1000), self.device.boot + 1)
        self.device = State(
            device="lamp",
            boot=boot,
            seq=1,
            at=self.remote_now,
            since=self.device.since,
            state=self.device.state,
            turned=self.device.turned,
            past=self.device.past,
        )

    @rule()
    def restart(self) -> None:
        """Restart the translator from its memory."""
        self.translator = StateTranslator(self.translator.memory)

    @rule()
    def receive_state(self) -> None:
        """Translate the state of the device."""
        state = self.translator.translate_state(self.device, self._to_local, self.now)
        assert not self.translator.has_new_times(self.device)
        local = [*(when for was in state.past for when in was.turned.values()), *state.turned.values()]
        remote = [
            *(when for was in self.device.past for when in was.turned.values()),
            *self.device.turned.values(),
        ]
        assert local == sorted(local), "the order is lost"
        for before, after in zip(remote, local, strict=True):
            if before not in self.translated:
                assert after <= max(self.now, self.latest + 1e-4), "a change is in the future"
            assert self.translated.setdefault(before, after) == after, "a change has two times"
            self.latest = max(self.latest, after)
        assert self.boots.setdefault(self.device.boot, state.boot) == state.boot
        if turned := state.turned:
            assert state.since == turned["presses"], "`since` and `turned` differ"
        assert state.at <= self.now
        # A change that was received before the clock here was set back still has its time.
        assert float(state.state.get("pressed_at") or 0) <= max(self.now, self.latest)

    @rule()
    def receive_heartbeat(self) -> None:
        """Translate a heartbeat of the device."""
        received = Heartbeat(device="lamp", boot=self.device.boot, seq=1, at=self.remote_now, pid=1)
        heartbeat = self.translator.translate_heartbeat(received, self._to_local, self.now)
        assert self.boots.setdefault(self.device.boot, heartbeat.boot) == heartbeat.boot
        assert heartbeat.at <= self.now

    def _to_local(self, moment: float) -> float:
        return moment - self.remote + self.local

    @invariant()
    def boot_numbers_keep_their_order(self) -> None:
        """A later boot has a greater number here, too, so it does not look like an earlier one."""
        boots = [local for _, local in sorted(getattr(self, "boots", {}).items())]
        assert boots == sorted(set(boots))


TestTranslating = TranslatingMachine.TestCase
TestTranslating.settings = settings(max_examples=50, stateful_step_count=30)


def lamp_turned(seconds: float, boot: int = 1000) -> State:
    """Return a state whose status changed at a time of the other clock."""
    return State(
        device="lamp",
        boot=boot,
        seq=1,
        at=seconds,
        since=seconds,
        state={"status": True},
        turned={"status": seconds},
    )


def same(moment: float) -> float:
    """Convert a time of a clock that shows the same as the clock here."""
    return moment


def boot_of(translator: StateTranslator, boot: int) -> int:
    """Return the translated boot number of a heartbeat."""
    heartbeat = Heartbeat(device="lamp", boot=boot, seq=1, at=10, pid=1)
    return translator.translate_heartbeat(heartbeat, same, 100).boot


def test_after_a_cut_a_smaller_boot_number_may_be_the_present_one() -> None:
    """A device that lost its disk counts its boots anew, and is received as soon as the link is open."""
    translator = StateTranslator(TranslationMemory("kitchen", boot=(1000, 5000)))
    assert boot_of(translator, 1000) == 5000
    translator.on_link_cut()
    assert boot_of(translator, 10) > 5000
    assert boot_of(translator, 9) < boot_of(translator, 10)


def test_after_a_restart_of_the_exchange_a_smaller_boot_number_may_be_the_present_one() -> None:
    """Messages may have been missed meanwhile, as during a cut."""
    translator = StateTranslator(TranslationMemory("kitchen", boot=(1000, 5000)))
    assert boot_of(translator, 10) > 5000


def test_without_a_cut_a_smaller_boot_number_is_an_earlier_boot() -> None:
    """Its messages are late: they get a number just below the present one, and change no memory."""
    translator = StateTranslator(TranslationMemory("kitchen"))
    assert boot_of(translator, 20_000) == 20_000
    assert boot_of(translator, 10_000) == 19_999
    assert translator.memory.boot == (20_000, 20_000)


def test_a_boot_is_not_translated_into_the_future() -> None:
    """A boot number is a time in milliseconds; its translation is at most the present time."""
    assert boot_of(StateTranslator(TranslationMemory("kitchen")), 200_000) == 100_000
    assert boot_of(StateTranslator(TranslationMemory("kitchen", boot=(1, 1))), 20_000) == 20_000
    assert boot_of(StateTranslator(TranslationMemory("kitchen", boot=(1, 100_000))), 200_000) == 100_001


def test_a_boot_or_a_change_without_a_translation_is_new() -> None:
    """A heartbeat carries no change; a state of a known boot is new when one of its changes is."""
    translator = StateTranslator(TranslationMemory("kitchen"))
    beat = Heartbeat(device="lamp", boot=1000, seq=1, at=10, pid=1)
    assert translator.has_new_times(beat)
    assert translator.has_new_times(lamp_turned(10))
    translator.translate_state(lamp_turned(10), same, 100)
    assert not translator.has_new_times(beat)
    assert not translator.has_new_times(lamp_turned(10))
    assert translator.has_new_times(lamp_turned(11))
    assert translator.has_new_times(lamp_turned(10, boot=1001))


def test_two_changes_of_which_both_look_later_than_now_keep_their_order() -> None:
    """They get the present time, a microsecond apart."""
    state = State(
        device="lamp",
        boot=1,
        seq=1,
        at=300,
        since=300,
        state={"status": True, "phase": "on"},
        turned={"status": 200, "phase": 300},
    )
    translated = StateTranslator(TranslationMemory("kitchen")).translate_state(state, same, 100)
    assert translated.turned == {"status": 100, "phase": 100 + 1e-6}
    assert (translated.at, translated.since) == (100, 100 + 1e-6)


def test_only_fields_with_a_time_are_translated() -> None:
    """A time is a number in a field that ends with `_at` or `_since`; past states are translated too."""
    fields: dict[str, Scalar] = {"ready_at": 20.0, "seen_at": None, "flat": 3.0, "fault_since": True}
    before: dict[str, Scalar] = {"open_since": 15}
    state = State(
        device="lamp",
        boot=1,
        seq=1,
        at=10,
        since=10,
        state=fields,
        past=(Moment(state=before, turned={"status": 5}, cause="a"),),
    )
    translator = StateTranslator(TranslationMemory("kitchen"))
    translated = translator.translate_state(state, lambda moment: moment + 100, 1000)
    assert translated.state == {"ready_at": 120.0, "seen_at": None, "flat": 3.0, "fault_since": True}
    assert translated.past == (Moment(state={"open_since": 115.0}, turned={"status": 105.0}, cause="a"),)


def test_a_reason_and_an_origin_are_translated_and_keep_their_translation() -> None:
    """The clock of the other host drifts between two messages; the same origin has the same time here."""
    reason, origin = Reason("rule", "switch", 1, 8.0), Origin("p1", 7.0, "press", "switch")
    moment = Moment(state={"status": True}, turned={"status": 9}, reason=reason, origin=origin)
    state = State(
        device="lamp", boot=1, seq=1, at=10, since=9, state={"status": False}, turned={"status": 10},
        reason=Reason("hand"), origin=Origin("lamp.1", 10.0, "hand", "lamp"), past=(moment,),
    )  # fmt: skip
    translator = StateTranslator(TranslationMemory("kitchen"))
    for offset in (100.0, 100.5):
        found = translator.translate_state(state, lambda at, offset=offset: at + offset, 1000)  # type: ignore[misc]
        assert (found.reason, found.origin and found.origin.at) == (Reason("hand"), 110.0)
        assert found.past[0].reason == Reason("rule", "switch", 1, 108.0)
        assert found.past[0].origin == Origin("p1", 107.0, "press", "switch")


def test_no_translated_time_is_negative() -> None:
    """A clock that starts in 1970 may lie behind the beginning of Unix time here."""
    state = State(device="lamp", boot=1, seq=1, at=10, since=10, state={"ready_at": 20.0})
    translator = StateTranslator(TranslationMemory("kitchen"))
    translated = translator.translate_state(state, lambda moment: moment - 50, 1000)
    assert (translated.at, translated.since, translated.state) == (0.0, 0.0, {"ready_at": 0.0})


def test_only_changes_that_a_device_still_reports_are_remembered() -> None:
    """So the memory does not grow."""
    translator = StateTranslator(TranslationMemory("kitchen"))
    for second in range(100):
        translator.translate_state(lamp_turned(float(second)), same, 1e9)
    assert len(translator.memory.times) == 1
    assert translator.memory.times[0] == pytest.approx((99, 99))


def test_times_that_a_device_has_put_right_keep_their_translations() -> None:
    """The other host's clock was set back by 600 s; the device corrects its times, and is pressed again."""

    def published(*times: float) -> State:
        steps = [
            Moment(state={"presses": number}, turned={"presses": at} if number else {}, cause=f"p{number}")
            for number, at in enumerate((0.0, *times))
        ]
        last = steps.pop()
        return State(
            device="lamp", boot=1, seq=len(times), at=times[-1], since=times[-1],
            state=last.state, turned=last.turned, cause=last.cause, past=tuple(steps),
        )  # fmt: skip

    translator = StateTranslator(TranslationMemory("hall"))
    first = translator.translate_state(published(1000.0, 1001.0), lambda moment: moment + 50, 1100.0)
    second = translator.translate_state(published(400.0, 401.0, 405.0), lambda moment: moment + 650.2, 1100.0)
    assert first.turned == {"presses": 1051.0}
    assert [moment.turned.get("presses") for moment in second.past] == [None, 1050.0, 1051.0]
    assert second.turned == {"presses": pytest.approx(1055.2)}
