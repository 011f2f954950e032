"""Repeated, outdated and lost messages, by boot and sequence number."""

from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import Heartbeat, Published, Report, State, topic
from daemons.bus.sequence import MessageFilter, SequenceTracker


@given(st.sets(st.integers(1, 12)), st.integers(1, 12))
def test_a_heartbeat_shows_whether_any_report_was_lost(lost: set[int], last: int) -> None:
    """Any report after the first received one counts, and a gap is returned once."""
    sequence = SequenceTracker()
    received = [seq for seq in range(1, last + 1) if seq not in lost]
    for seq in received:
        sequence.record(5, seq, is_report=True)
        sequence.record(5, seq, is_report=True)  # sent again for another subscriber
    assert sequence.has_gap(5, last) == (not received or received != list(range(received[0], last + 1)))
    assert sequence.has_gap(5, last) == (not received or received[-1] != last)


def test_a_later_state_makes_up_for_a_lost_one() -> None:
    """A skipped state is no gap; neither is any first number of a boot."""
    sequence = SequenceTracker()
    for boot, seq in ((1, 4), (1, 9), (2, 3)):
        sequence.record(boot, seq, is_report=False)
    assert not sequence.has_gap(2, 3)
    assert sequence.has_gap(2, 4)
    assert sequence.has_gap(3, 0)


def state(seq: int, boot: int = 1, device: str = "lamp") -> State:
    """Return a state."""
    return State(device=device, boot=boot, seq=seq, at=1.0, since=1.0, state={})


def heartbeat(seq: int, at: float, boot: int = 1, device: str = "lamp") -> Heartbeat:
    """Return a heartbeat."""
    return Heartbeat(device=device, boot=boot, seq=seq, at=at, pid=1)


def passed(message_filter: MessageFilter, *messages: Published) -> list[bool]:
    """Return for each message whether the filter passes it."""
    return [message_filter.is_new(topic(sent), sent) for sent in messages]


def test_a_repeated_state_and_messages_of_an_earlier_boot_are_not_new() -> None:
    """Each publisher has its own numbers."""
    message_filter = MessageFilter(lambda _: None)
    sent = (state(1), state(2), state(1), state(2), state(3), state(3, device="hall"))
    assert passed(message_filter, *sent) == [True, True, False, False, True, True]
    later = (state(1, boot=2), state(9), heartbeat(9, 1.0), heartbeat(1, 2.0, boot=2))
    assert passed(message_filter, *later) == [True, False, False, True]


def test_a_gap_is_reported_once_for_each_heartbeat() -> None:
    """A repeated heartbeat, as in the answer, causes no second request; the next heartbeat does."""
    gaps: list[str] = []
    message_filter = MessageFilter(gaps.append)
    assert passed(message_filter, state(1), heartbeat(1, 1.0)) == [True, True]
    assert gaps == []
    passed(message_filter, heartbeat(2, 2.0), heartbeat(2, 2.0))
    assert gaps == ["lamp"]
    passed(message_filter, heartbeat(2, 3.0))
    assert gaps == ["lamp", "lamp"]
    passed(message_filter, state(2), heartbeat(2, 4.0))
    assert gaps == ["lamp", "lamp"]


def test_reports_of_several_topics_are_all_new() -> None:
    """A late report passes, although a later number of its publisher has arrived; the gap is reported."""
    gaps: list[str] = []
    message_filter = MessageFilter(gaps.append)

    def report(seq: int) -> Report:
        return Report(device=f"lamp_{seq}", boot=1, seq=seq, at=1.0, life="running", since=1.0)

    assert passed(message_filter, report(1), report(3)) == [True, True]
    passed(message_filter, heartbeat(3, 2.0, device="steward"))
    assert gaps == ["steward"]
    assert passed(message_filter, report(1), report(2), report(3)) == [False, True, False]


def test_a_removed_publisher_starts_anew() -> None:
    """After a removal, an earlier boot counts as new again."""
    message_filter = MessageFilter(lambda _: None)
    passed(message_filter, state(1, boot=5))
    message_filter.remove("lamp")
    message_filter.remove("nothing")
    assert message_filter.is_new(b"lamp/heartbeat", heartbeat(0, 1.0, boot=4))
