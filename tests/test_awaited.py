"""Receipts that are waited for: each comes once, or its time passes, and no device takes all the room."""

import pytest

from daemons.awaited import MOST, SPARE_SECONDS, Awaited
from daemons.bus import command
from daemons.loop import Loop
from daemons.message import Receipt


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


def receipt(id_: str) -> Receipt:
    """Give one."""
    return Receipt(id=id_, device="toaster", outcome="applied", at=1.0)


def test_who_waits_gets_the_receipt_once(clocked: Clocked) -> None:
    """And everybody who sent the same command gets it."""
    awaited = Awaited(clocked.loop)
    wish = command("start", 5, id_="a")
    assert awaited.expect("toaster", wish, clocked.got.append)
    assert awaited.expect("toaster", wish, clocked.got.append)
    assert awaited.waits("toaster", "a")
    assert not awaited.come("lamp", receipt("a"))
    assert not awaited.come("toaster", receipt("b"))
    assert awaited.come("toaster", receipt("a"))
    assert not awaited.come("toaster", receipt("a"))
    clocked.pass_(10)
    assert clocked.got == [receipt("a")] * 2


def test_when_its_time_has_passed_that_is_said(clocked: Clocked) -> None:
    """After the deadline, and a little more."""
    awaited = Awaited(clocked.loop)
    awaited.expect("toaster", command("start", 5, id_="a"), clocked.got.append)
    clocked.pass_(5 - 0.1)
    assert clocked.got == []
    clocked.pass_(0.1 + 2 * SPARE_SECONDS)
    assert [found.outcome for found in clocked.got] == ["unanswered"]
    assert "toaster said nothing within 5" in str(clocked.got[0].reason)
    assert not awaited.come("toaster", receipt("a"))


def test_a_device_that_says_nothing_keeps_nobody_from_the_others(clocked: Clocked) -> None:
    """So many wait for it and no more, the same command again counted in; there is room when one has come."""
    awaited = Awaited(clocked.loop)
    wishes = [command("start", 300, id_=f"a{number // 2}") for number in range(MOST)]
    assert all(awaited.expect("toaster", wish, clocked.got.append) for wish in wishes)
    assert not awaited.expect("toaster", wishes[0], clocked.got.append)
    assert awaited.expect("lamp", wishes[0], clocked.got.append)
    awaited.come("toaster", receipt("a0"))
    assert awaited.expect("toaster", wishes[0], clocked.got.append)


def test_timers_of_what_has_come_are_not_kept_until_their_time(clocked: Clocked) -> None:
    """Twenty thousand quick commands with long deadlines leave next to nothing."""
    awaited = Awaited(clocked.loop)
    wish = command("start", 300, id_="a")
    for _ in range(20_000):
        awaited.expect("toaster", wish, lambda _: None)
        awaited.come("toaster", receipt("a"))
    assert len(clocked.loop._timers) <= 2000
