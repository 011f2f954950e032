"""The retained messages: the messages for new subscribers, and the detection of lost ones."""

import pytest

from daemons.bus.message import EXCHANGE, Heartbeat, Published, Report, encode, topic
from daemons.errors import MessageError
from daemons.processes.exchange.retained import RetainedMessages
from tests.support import factories


def add(retained: RetainedMessages, message: Published) -> bool:
    """Add a message in its encoded form."""
    return retained.add(topic(message), encode(message))


def heartbeat(seq: int, at: float = 5.0, boot: int = 1) -> Heartbeat:
    """Return a heartbeat of a lamp."""
    return Heartbeat(device="lamp", boot=boot, seq=seq, at=at, pid=42)


def offline(at: float) -> Report:
    """Return the exchange's report that a lamp is offline."""
    return Report(device="lamp", boot=1, seq=1, at=at, by=EXCHANGE, life="offline", since=at)


def test_the_latest_message_of_each_topic_is_retained_except_heartbeats() -> None:
    """An old heartbeat would look like a new one."""
    retained = RetainedMessages()
    for seq in (1, 2):
        assert not add(retained, factories.state("lamp", seq=seq, status=seq == 2))
    add(retained, factories.state("toaster", status=False))
    add(retained, heartbeat(2))
    assert retained.messages.keys() == {b"lamp/state", b"toaster/state"}
    assert b'"seq":2' in retained.messages[b"lamp/state"]


@pytest.mark.parametrize(
    ("received", "is_missed"),
    [
        (heartbeat(3), False),
        (heartbeat(2), False),
        (heartbeat(4), True),
        (heartbeat(1, boot=2), True),
        (heartbeat(4, boot=0), False),
    ],
    ids=["the latest", "an older one", "a lost one", "a lost boot", "an ended boot"],
)
def test_a_heartbeat_shows_whether_a_state_was_lost(received: Heartbeat, is_missed: bool) -> None:
    """A heartbeat has the number of its device's latest state."""
    retained = RetainedMessages()
    add(retained, factories.state("lamp", seq=3, status=True))
    assert add(retained, received) is is_missed


def test_a_lost_report_is_detected_although_a_later_one_arrived() -> None:
    """Each report is on another process."""
    retained = RetainedMessages()
    for seq in (1, 3):
        add(retained, Report(device=f"lamp_{seq}", boot=1, seq=seq, at=1.0, life="running", since=1.0))
    assert add(retained, Heartbeat(device="steward", boot=1, seq=3, at=2.0, pid=1))
    assert not add(retained, Heartbeat(device="steward", boot=1, seq=3, at=3.0, pid=1))


def test_a_lost_state_is_no_gap_if_a_later_one_arrived() -> None:
    """A state contains everything that the one before contained."""
    retained = RetainedMessages()
    for seq in (1, 3):
        add(retained, factories.state("lamp", seq=seq, status=True))
    assert not add(retained, heartbeat(3))


def test_a_repeated_heartbeat_requests_a_state_only_once() -> None:
    """Each answer brings the heartbeat again, so the requests would never end."""
    retained = RetainedMessages()
    assert add(retained, heartbeat(7))
    assert not add(retained, heartbeat(7))
    assert add(retained, heartbeat(7, at=6.0))


def test_the_state_of_an_offline_device_is_dropped() -> None:
    """The state may be out of date; a state that is newer than the report is retained."""
    retained = RetainedMessages()
    add(retained, factories.state("lamp", status=True))
    add(retained, factories.state("toaster", status=True))
    reported_at = float(factories.state("lamp", status=True).at)
    add(retained, offline(reported_at))
    assert b"lamp/state" in retained.messages
    add(retained, offline(reported_at + 1))
    assert retained.messages.keys() == {b"toaster/state", b"exchange/process/lamp"}
    add(retained, factories.state("lamp", seq=2, status=True))
    add(retained, offline(reported_at - 1))
    assert b"lamp/state" in retained.messages


def test_the_state_of_a_device_with_another_life_is_retained() -> None:
    """Only `offline` means that the state may be out of date."""
    retained = RetainedMessages()
    add(retained, factories.state("lamp", status=True))
    at = 2 * factories.START_TIME
    add(retained, Report(device="lamp", boot=1, seq=1, at=at, life="failed", since=at))
    assert b"lamp/state" in retained.messages


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"boot": 1}', b"\xff", b'{"boot": "1", "seq": 1}'])
def test_an_invalid_payload_is_refused(payload: bytes) -> None:
    """New subscribers do not receive the payload."""
    retained = RetainedMessages()
    with pytest.raises(MessageError):
        retained.add(b"lamp/state", payload)
    assert not retained.messages


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (b"lamp/state", b'{"boot":1,"seq":1,"more":' + b"[" * 5000),
        (b"lamp/state", b'{"boot":1,"seq":1,"more":"' + b"x" * 65_536 + b'"}'),
        (b"lamp/state", b'{"boot":1,"seq":1,"life":"\xff"}'),
        (b"lamp/other", b'{"boot":1,"seq":1}'),
        (b"lamp/process/\xff", b'{"boot":1,"seq":1}'),
    ],
    ids=["deep JSON", "too long", "not UTF-8", "an unknown topic", "a topic that is not ASCII"],
)
def test_what_is_no_message_is_refused(topic: bytes, payload: bytes) -> None:
    """Nothing of it is retained."""
    retained = RetainedMessages()
    with pytest.raises(MessageError):
        retained.add(topic, payload)
    assert not retained.messages
