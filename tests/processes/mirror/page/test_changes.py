"""The board: every change once and in order to whoever keeps up, and no cost for who does not."""

from threading import Thread
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemons.processes.mirror.page.changes import HELD, Board, Change
from tests.support import factories

DEVICES = ("lamp", "toaster", "switch")


def put(board: Board, *devices: str) -> None:
    """Put up something of each."""
    for device in devices:
        board.put(device, {"n": board.number + 1}, float(board.number + 1), heard=True)


def seen(changes: list[Change] | None) -> list[int] | None:
    """Give their numbers."""
    return None if changes is None else [change.number for change in changes]


def test_changes_are_numbered_from_one() -> None:
    """An empty board is at 0; each change is told as it was put up."""
    board = Board()
    assert (board.number, board.latest(), board.after(0)) == (0, (0, {}), [])
    board.put("lamp", {"presence": "live"}, 5.0, heard=False)
    assert board.after(0) == [Change(1, "lamp", False, {"presence": "live"}, 5.0)]
    assert board.number == 1


def test_the_ring_holds_the_newest_only() -> None:
    """Of ten changes the last four are held: who is at 6 or later is served, who is older is not."""
    board = Board(held=4)
    put(board, *DEVICES, *DEVICES, *DEVICES, "lamp")
    assert [seen(board.after(number)) for number in (10, 9, 6)] == [[], [10], [7, 8, 9, 10]]
    assert [board.after(number) for number in (5, 0, -1)] == [None, None, None]


def test_a_number_that_was_never_given_is_nothing() -> None:
    """Who comes with a number from another life is told so, not given an empty list."""
    board = Board()
    put(board, "lamp")
    assert board.after(2) is None
    assert board.after(10**30) is None


def test_the_latest_outlives_the_ring() -> None:
    """A device that showed something once is known, however much others have shown since."""
    board = Board(held=2)
    put(board, "lamp", *["toaster"] * 5)
    number, latest = board.latest()
    assert (number, {name: change.number for name, change in latest.items()}) == (
        6,
        {"lamp": 1, "toaster": 6},
    )


def test_what_was_given_out_stays_what_it_was() -> None:
    """A list that a slow client holds does not change beneath it."""
    board = Board(held=3)
    put(board, "lamp")
    changes, (_, latest) = board.after(0), board.latest()
    put(board, "toaster", "lamp", "lamp")
    assert seen(changes) == [1]
    assert {name: change.number for name, change in latest.items()} == {"lamp": 1}


def test_each_change_wakes() -> None:
    """Whoever waits is called after the change is up, so that it finds it."""
    board = Board()
    found: list[Any] = []
    board.wake = lambda: found.append((board.number, seen(board.after(board.number - 1))))
    put(board, "lamp", "toaster")
    assert found == [(1, [1]), (2, [2])]


def test_the_ring_is_as_long_as_is_promised() -> None:
    """docs/page.md: the last 4,096 are held."""
    board = Board()
    put(board, *["lamp"] * 5000)
    assert HELD == 4096
    assert len(board.after(5000 - 4096) or ()) == 4096
    assert board.after(5000 - 4097) is None


class Reading(RuleBasedStateMachine):
    """Readers who take when they please get each change once and in order, or are told that they cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board(held=5)
        self.all: list[str] = []
        self.readers = {"quick": 0, "slow": 0}
        self.got: dict[str, list[int]] = {"quick": [], "slow": []}

    @rule(devices=st.lists(st.sampled_from(DEVICES), min_size=1, max_size=7))
    def put(self, devices: list[str]) -> None:
        put(self.board, *devices)
        self.all += devices

    @rule(who=st.sampled_from(["quick", "slow"]))
    def read(self, who: str) -> None:
        changes = self.board.after(self.readers[who])
        if len(self.all) - self.readers[who] > 5:
            assert changes is None
            self.readers[who] = self.board.latest()[0]
            self.got[who] = []
            return
        assert seen(changes) == list(range(self.readers[who] + 1, len(self.all) + 1))
        for change in changes or ():
            assert change.device == self.all[change.number - 1]
            self.got[who].append(change.number)
            self.readers[who] = change.number

    @precondition(lambda self: self.all)
    @rule(number=st.integers(-3, 60))
    def ask(self, number: int) -> None:
        newest = len(self.all)
        held = newest - 5 <= number <= newest and number >= 0
        assert (self.board.after(number) is not None) == held

    @invariant()
    def nothing_twice_and_nothing_left_out(self) -> None:
        for got in self.got.values():
            assert got == list(range(got[0], got[0] + len(got))) if got else True

    @invariant()
    def the_latest_is_the_last_of_each(self) -> None:
        number, latest = self.board.latest()
        assert number == self.board.number == len(self.all)
        last = {device: index + 1 for index, device in enumerate(self.all)}
        assert {name: change.number for name, change in latest.items()} == last


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_a_writer_and_a_reader_in_two_threads() -> None:
    """While one thread writes as fast as it can, another gets each change once, in order, or a whole."""
    board, most = Board(held=50), 30_000
    writer = Thread(target=put, args=(board, *(DEVICES * (most // 3))))
    writer.start()
    number, wholes = 0, 0

    def is_read() -> bool:
        nonlocal number, wholes
        changes = board.after(number)
        if changes is None:
            whole, latest = board.latest()
            assert whole > number
            assert max(change.number for change in latest.values()) == whole
            number, wholes = whole, wholes + 1
            return False
        assert seen(changes) == list(range(number + 1, number + 1 + len(changes)))
        assert all(change.standing == {"n": change.number} for change in changes)
        number += len(changes)
        return number == most

    factories.until(is_read, "the last change")
    writer.join()
