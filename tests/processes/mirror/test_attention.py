"""The attention of a mirror: its notices over time, and what a person has acknowledged."""

from typing import Any

from daemons.bus.facts import Facts
from daemons.bus.message import Report
from daemons.bus.presence import PresenceTable
from daemons.processes.mirror.attention import LINGER_SECONDS, Attention, AttentionMemory
from tests.support import factories

FACTS = {
    "smoke": Facts(name="Smoke detector", detects="smoke", is_sensor=True, unknown_phases=("unknown",)),
    "lamp": Facts(name="Lamp"),
    "steward": Facts(name="Steward", is_service=True),
}
START = factories.START_TIME


class MirrorStub:
    """A presence table and the attention of a mirror, at a wall clock that is the steady one."""

    def __init__(self, memory: AttentionMemory | None = None, now: float = START) -> None:
        self.now = now
        self.table = PresenceTable(FACTS, stale_seconds=3.0, offline_seconds=10.0)
        self.attention = Attention(self.table, FACTS, now, memory)
        self._seq = 0

    def hear(self, device: str, turned: float = START, **fields: Any) -> None:
        """Receive a state whose fields all changed at `turned`."""
        self._seq += 1
        state = factories.state(device, turned=turned, seq=self._seq, **fields)
        self.table.on_message(state, self.now)
        if self.attention.look(device, self.now):
            self.attention.update(self.now)

    def report(self, device: str, life: Any) -> None:
        """Receive a report of the steward."""
        self._seq += 1
        report = Report(
            device=device, boot=1, seq=self._seq, at=self.now, life=life, since=self.now, reason="x"
        )
        self.table.on_message(report, self.now)
        self.attention.look(device, self.now)
        self.attention.update(self.now)

    def hear_all(self) -> None:
        """Receive a quiet state of each process."""
        for name in FACTS:
            self.hear(name, status=False, phase="clear", fault=None)

    def wait(self, seconds: float) -> None:
        """Pass time, in which only the lamp and the detector fall silent."""
        self.now += seconds
        self.attention.look_at_all(self.now)
        self.attention.update(self.now)

    @property
    def shown(self) -> list[tuple[str, bool]]:
        """The code of each notice, and whether it is acknowledged."""
        return [(one.code, one.acknowledged) for one in self.attention.notices]


def test_a_notice_comes_by_silence_alone_and_goes_with_the_next_message() -> None:
    """A silent process sends no message that could be noticed."""
    mirror = MirrorStub()
    mirror.hear_all()
    mirror.wait(11.0)
    assert set(mirror.shown) == {("silent", False)}
    mirror.hear_all()
    assert not mirror.shown


def test_until_all_were_heard_the_mirror_knows_how_many_are_missing() -> None:
    """After ten seconds they are silent, and named."""
    mirror = MirrorStub()
    assert mirror.attention.waiting(START) == 3
    mirror.hear("lamp", status=False)
    assert mirror.attention.waiting(START) == 2
    mirror.wait(10.0)
    assert mirror.attention.waiting(START + 10.0) == 0
    assert ("silent", False) in mirror.shown


def test_an_acknowledged_notice_stays_acknowledged_until_it_ends() -> None:
    """A new alarm is a new notice, even a moment later."""
    mirror = MirrorStub()
    mirror.hear_all()
    mirror.hear("smoke", turned=START + 1, status=True, phase="smoke")
    assert mirror.attention.acknowledge("smoke", None, START + 2) == 1
    mirror.hear("smoke", turned=START + 1, status=True, phase="smoke", temperature_celsius=30.0)
    assert mirror.shown == [("smoke", True)]
    mirror.hear("smoke", turned=START + 3, status=False, phase="clear")
    assert not mirror.shown
    mirror.hear("smoke", turned=START + 4, status=True, phase="smoke")
    assert mirror.shown == [("smoke", False)]


def test_a_process_that_fails_again_and_again_is_acknowledged_once() -> None:
    """It runs for a moment between two failures. Much later, it is a new notice."""
    mirror = MirrorStub()
    mirror.hear_all()
    mirror.report("lamp", "failed")
    mirror.attention.acknowledge(None, "failed", mirror.now)
    mirror.report("lamp", "running")
    mirror.hear_all()
    assert not mirror.shown
    mirror.now += 5.0
    mirror.hear_all()
    mirror.report("lamp", "failed")
    assert ("failed", True) in mirror.shown
    mirror.report("lamp", "running")
    mirror.now += LINGER_SECONDS + 1
    mirror.hear_all()
    mirror.attention.update(mirror.now)
    mirror.report("lamp", "failed")
    assert ("failed", False) in mirror.shown


def test_what_was_acknowledged_is_remembered_over_a_kill() -> None:
    """The next mirror has not heard the detector yet; the alarm counts until the detector says otherwise."""
    mirror = MirrorStub()
    mirror.hear_all()
    mirror.hear("smoke", turned=START + 1, status=True, phase="smoke")
    mirror.attention.acknowledge(None, None, START + 2)
    again = MirrorStub(mirror.attention.memory, START + 3)
    again.hear("lamp", status=False)
    again.wait(0.5)
    assert again.shown == [("smoke", True)]
    again.hear("smoke", turned=START + 1, status=True, phase="smoke")
    assert again.shown == [("smoke", True)]
    fresh = MirrorStub(mirror.attention.memory, START + 60)
    fresh.hear("smoke", turned=START + 50, status=True, phase="smoke")
    assert fresh.shown == [("smoke", False)], "an alarm that began while no mirror ran is a new one"


def test_only_the_chosen_notices_are_acknowledged() -> None:
    """By device, by code, or all; without any, there is nothing to do."""
    mirror = MirrorStub()
    mirror.hear_all()
    assert mirror.attention.acknowledge(None, None, START) == 0
    mirror.hear("smoke", status=True, phase="smoke", battery_percent=3)
    mirror.hear("lamp", status=True, fault="broken")
    assert mirror.attention.acknowledge("lamp", None, START) == 1
    assert mirror.attention.acknowledge("smoke", "battery", START) == 1
    assert mirror.shown == [("smoke", False), ("fault", True), ("battery", True)]


def test_new_notices_are_returned_once() -> None:
    """They are for the log."""
    mirror = MirrorStub()
    mirror.hear_all()
    mirror.table.on_message(factories.state("lamp", seq=99, status=True, fault="broken"), START)
    mirror.attention.look("lamp", START)
    assert [one.text for one in mirror.attention.update(START)] == ["Lamp: broken"]
    assert not mirror.attention.update(START)
