"""Receipts that are waited for: each wish gets one, once, by its deadline."""

import time

import pytest

from daemons.bus.message import Command, Receipt
from daemons.bus.sockets import command
from daemons.processes.exchange import pending
from daemons.processes.exchange.pending import SPARE_SECONDS, Awaited
from daemons.runtime.loop import Loop
from tests.support.factories import turn_for, turn_until


def receipt(wish: Command, device: str = "toaster") -> Receipt:
    """Give what came of it."""
    return Receipt(id=wish.id, device=device, outcome="applied", at=time.time())


def test_a_receipt_goes_to_all_who_wait_for_it_once() -> None:
    """Two may have sent the same command; one that comes again is nobody's."""
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        taken: list[Receipt] = []
        wish = command("start", 0.1)
        assert waiting.expect("toaster", wish, taken.append)
        assert waiting.expect("toaster", wish, taken.append)
        assert waiting.come("toaster", receipt(wish))
        assert not waiting.come("toaster", receipt(wish))
        turn_for(loop, 0.1 + SPARE_SECONDS * 2)
    assert [it.outcome for it in taken] == ["applied", "applied"]


def test_what_nobody_answers_is_told_when_its_deadline_has_passed() -> None:
    """And not before: the device itself may still say that it has passed."""
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        taken: list[Receipt] = []
        waiting.expect("toaster", wish := command("start", 0.1), taken.append)
        turn_until(loop, lambda: taken, "the end of patience")
        assert time.time() >= wish.deadline
        assert not waiting.come("toaster", receipt(wish)), "it was told already"
    assert [(it.id, it.outcome) for it in taken] == [(wish.id, "unanswered")]
    assert taken[0].reason is not None
    assert taken[0].reason.startswith("toaster said nothing within 0.1 s")


def test_of_two_who_wait_for_different_times_one_is_told_and_the_other_waits_on() -> None:
    """The same wish with another deadline."""
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        hasty: list[Receipt] = []
        patient: list[Receipt] = []
        waiting.expect("toaster", command("start", 0.05, id_="a"), hasty.append)
        waiting.expect("toaster", wish := command("start", 60, id_="a"), patient.append)
        turn_until(loop, lambda: hasty, "the end of its patience")
        assert not patient
        assert waiting.come("toaster", receipt(wish))
    assert [it.outcome for it in (*hasty, *patient)] == ["unanswered", "applied"]


def test_a_receipt_of_another_device_is_not_taken_for_it() -> None:
    """Two devices may have got the same id."""
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        taken: list[Receipt] = []
        waiting.expect("toaster", wish := command("start", 60), taken.append)
        assert not waiting.come("lamp", receipt(wish, "lamp"))
        assert not taken


def test_a_deadline_that_has_passed_is_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device answers that it has expired; it is worth hearing."""
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        taken: list[Receipt] = []
        monkeypatch.setattr(pending, "SPARE_SECONDS", 60.0)
        waiting.expect("toaster", wish := command("start", -5), taken.append)
        assert waiting.come("toaster", receipt(wish))
    assert len(taken) == 1


def test_too_many_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks after that is told so at once, and one that is answered makes room."""
    monkeypatch.setattr(pending, "MOST", 3)
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        taken: list[Receipt] = []
        wishes = [command("start", 60) for _ in range(4)]
        assert [waiting.expect("toaster", wish, taken.append) for wish in wishes] == [True, True, True, False]
        assert waiting.come("toaster", receipt(wishes[0]))
        assert waiting.expect("toaster", wishes[3], taken.append)


def test_the_same_wish_again_and_again_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted are those who wait, not the wishes."""
    monkeypatch.setattr(pending, "MOST", 3)
    with Loop(time.monotonic) as loop:
        waiting = Awaited(loop)
        wish = command("start", 60)
        told = [waiting.expect("toaster", wish, lambda _: None) for _ in range(5)]
    assert told == [True, True, True, False, False]


class Clocked:
    """A loop's clock, and its timers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.loop = Loop(lambda: self.now)
        self.got: list[Receipt] = []

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.loop._run_due()


@pytest.fixture
def clocked() -> Clocked:
    """Have one."""
    return Clocked()


def test_a_device_that_says_nothing_keeps_nobody_from_the_others(clocked: Clocked) -> None:
    """So many wait for it and no more, the same command again counted in; there is room when one has come."""
    waiting = Awaited(clocked.loop)
    wishes = [command("start", 300, id_=f"a{number // 2}") for number in range(pending.MOST)]
    assert all(waiting.expect("toaster", wish, clocked.got.append) for wish in wishes)
    assert not waiting.expect("toaster", wishes[0], clocked.got.append)
    assert waiting.expect("lamp", wishes[0], clocked.got.append)
    waiting.come("toaster", receipt(wishes[0]))
    assert waiting.expect("toaster", wishes[0], clocked.got.append)


def test_timers_of_what_has_come_are_not_kept_until_their_time(clocked: Clocked) -> None:
    """Twenty thousand quick commands with long deadlines leave next to nothing."""
    waiting = Awaited(clocked.loop)
    wish = command("start", 300, id_="a")
    for _ in range(20_000):
        waiting.expect("toaster", wish, lambda _: None)
        waiting.come("toaster", receipt(wish))
    assert len(clocked.loop._timers) <= 2000
