"""The log of changes: a reader that keeps up receives every change once and in order."""

from threading import Thread

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from daemons.bus.presence import PresenceTable
from daemons.bus.status import ProcessStatus
from daemons.processes.mirror.page.changes import ChangeLog, StatusChange
from tests.support import factories

DEVICES = ("lamp", "toaster", "switch")
UNKNOWN = PresenceTable(["lamp"], 3.0, 10.0).status("lamp", 0.0)


def numbered(number: int) -> ProcessStatus:
    """Return a status that differs from all others."""
    return replace(UNKNOWN, seq=number)


def append(log: ChangeLog, *devices: str) -> None:
    """Append one change of each device."""
    for device in devices:
        number = log.number + 1
        log.append(device, numbered(number), float(number), is_own_state=True)


def numbers(changes: list[StatusChange] | None) -> list[int] | None:
    """Return the numbers of changes."""
    return None if changes is None else [change.number for change in changes]


def test_changes_are_numbered_from_one() -> None:
    """An empty log is at 0, and a change is read as it was appended."""
    log = ChangeLog()
    assert (log.number, log.latest(), log.after(0)) == (0, (0, {}), [])
    log.append("lamp", UNKNOWN, 5.0, is_own_state=False)
    assert log.after(0) == [StatusChange(1, "lamp", False, UNKNOWN, 5.0)]
    assert log.number == 1


def test_the_log_holds_the_newest_changes_only() -> None:
    """Of ten changes the last four are held: a reader at 6 or later gets changes, an earlier one does not."""
    log = ChangeLog(capacity=4)
    append(log, *DEVICES, *DEVICES, *DEVICES, "lamp")
    assert [numbers(log.after(number)) for number in (10, 9, 6)] == [[], [10], [7, 8, 9, 10]]
    assert [log.after(number) for number in (5, 0, -1)] == [None, None, None]


def test_a_number_in_the_future_is_refused() -> None:
    """A reader with a number of another run gets None, not an empty list."""
    log = ChangeLog()
    append(log, "lamp")
    assert log.after(2) is None
    assert log.after(10**30) is None


def test_the_latest_change_of_a_process_is_stored() -> None:
    """The change stays in the log, however many changes of other processes follow."""
    log = ChangeLog(capacity=2)
    append(log, "lamp", *["toaster"] * 5)
    number, latest = log.latest()
    assert (number, {name: change.number for name, change in latest.items()}) == (
        6,
        {"lamp": 1, "toaster": 6},
    )


def test_a_returned_list_does_not_change_any_more() -> None:
    """Later changes do not alter a list that a slow client still uses."""
    log = ChangeLog(capacity=3)
    append(log, "lamp")
    changes, (_, latest) = log.after(0), log.latest()
    append(log, "toaster", "lamp", "lamp")
    assert numbers(changes) == [1]
    assert {name: change.number for name, change in latest.items()} == {"lamp": 1}


def test_on_append_is_called_after_each_change() -> None:
    """The callback already finds the new change."""
    log = ChangeLog()
    found: list[tuple[int, list[int] | None]] = []
    log.on_append = lambda: found.append((log.number, numbers(log.after(log.number - 1))))
    append(log, "lamp", "toaster")
    assert found == [(1, [1]), (2, [2])]


def test_the_log_holds_4096_changes() -> None:
    """docs/page.md promises the last 4,096."""
    log = ChangeLog()
    append(log, *["lamp"] * 5000)
    assert len(log.after(5000 - 4096) or ()) == 4096
    assert log.after(5000 - 4097) is None


class Reading(RuleBasedStateMachine):
    """Readers at any pace get each change once and in order, or learn that some are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.log = ChangeLog(capacity=5)
        self.all: list[str] = []
        self.positions = {"quick": 0, "slow": 0}
        self.received: dict[str, list[int]] = {"quick": [], "slow": []}

    @rule(devices=st.lists(st.sampled_from(DEVICES), min_size=1, max_size=7))
    def append(self, devices: list[str]) -> None:
        append(self.log, *devices)
        self.all += devices

    @rule(reader=st.sampled_from(["quick", "slow"]))
    def read(self, reader: str) -> None:
        changes = self.log.after(self.positions[reader])
        if len(self.all) - self.positions[reader] > 5:
            assert changes is None
            self.positions[reader] = self.log.latest()[0]
            self.received[reader] = []
            return
        assert numbers(changes) == list(range(self.positions[reader] + 1, len(self.all) + 1))
        for change in changes or ():
            assert change.device == self.all[change.number - 1]
            self.received[reader].append(change.number)
            self.positions[reader] = change.number

    @precondition(lambda self: self.all)
    @rule(number=st.integers(-3, 60))
    def read_after(self, number: int) -> None:
        newest = len(self.all)
        held = newest - 5 <= number <= newest and number >= 0
        assert (self.log.after(number) is not None) == held

    @invariant()
    def no_change_is_repeated_or_left_out(self) -> None:
        for received in self.received.values():
            assert received == list(range(received[0], received[0] + len(received))) if received else True

    @invariant()
    def latest_is_the_last_change_of_each_device(self) -> None:
        number, latest = self.log.latest()
        assert number == self.log.number == len(self.all)
        last = {device: index + 1 for index, device in enumerate(self.all)}
        assert {name: change.number for name, change in latest.items()} == last


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_one_thread_can_append_while_another_reads() -> None:
    """The reader receives each change once and in order, or a snapshot if it has fallen behind."""
    log, count = ChangeLog(capacity=50), 30_000
    writer = Thread(target=append, args=(log, *(DEVICES * (count // 3))))
    writer.start()
    position = 0

    def is_read() -> bool:
        nonlocal position
        changes = log.after(position)
        if changes is None:
            newest, latest = log.latest()
            assert newest > position
            assert max(change.number for change in latest.values()) == newest
            position = newest
            return position == count
        assert numbers(changes) == list(range(position + 1, position + 1 + len(changes)))
        assert all(change.status.seq == change.number for change in changes)
        position += len(changes)
        return position == count

    factories.wait_until(is_read, "the last change")
    writer.join()
