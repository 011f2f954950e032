"""The latest of each topic: what newcomers are told, and whether something was missed."""

import pytest

from daemons.bus.message import EXCHANGE, Heartbeat, Published, Report, encode, topic
from daemons.errors import MessageError
from daemons.processes.exchange.retained import Latest
from tests.support import factories


def take(latest: Latest, message: Published) -> bool:
    """Take a message as it travels."""
    return latest.take(topic(message), encode(message))


def beat(seq: int, at: float = 5.0, boot: int = 1) -> Heartbeat:
    """Give a lamp's sign of life."""
    return Heartbeat(device="lamp", boot=boot, seq=seq, at=at, pid=42)


def offline(at: float) -> Report:
    """Give the exchange's word that a lamp is not heard."""
    return Report(device="lamp", boot=1, seq=1, at=at, by=EXCHANGE, life="offline", since=at)


def test_newcomers_are_told_the_latest_of_each_topic_and_no_sign_of_life() -> None:
    """A state that was replaced is not among it, and neither is a heartbeat, which would seem a new one."""
    latest = Latest()
    for seq in (1, 2):
        take(latest, factories.state("lamp", seq=seq, status=seq == 2))
    take(latest, factories.state("toaster", status=False))
    take(latest, beat(2))
    assert latest.current.keys() == {b"lamp/state", b"toaster/state"}
    assert b'"seq":2' in latest.current[b"lamp/state"]


@pytest.mark.parametrize(
    ("heard", "is_missed"),
    [(beat(3), False), (beat(2), False), (beat(4), True), (beat(1, boot=2), True)],
    ids=["the latest", "an older one", "one was missed", "a life was missed"],
)
def test_a_sign_of_life_tells_what_was_missed(heard: Heartbeat, is_missed: bool) -> None:
    """It names the state that it comes after."""
    latest = Latest()
    take(latest, factories.state("lamp", seq=3, status=True))
    assert take(latest, heard) is is_missed


def test_a_report_that_was_dropped_is_missed_though_a_later_one_came() -> None:
    """Each is of somebody else."""
    latest = Latest()
    for seq in (1, 3):
        take(latest, Report(device=f"lamp_{seq}", boot=1, seq=seq, at=1.0, life="running", since=1.0))
    assert take(latest, Heartbeat(device="steward", boot=1, seq=3, at=2.0, pid=1))
    assert not take(latest, Heartbeat(device="steward", boot=1, seq=3, at=3.0, pid=1))


def test_the_same_sign_of_life_asks_once() -> None:
    """It comes again with the answer; asked for it again, the two would go on for ever."""
    latest = Latest()
    assert take(latest, beat(7))
    assert not take(latest, beat(7))
    assert take(latest, beat(7, at=6.0))


def test_who_is_offline_is_not_told_to_newcomers() -> None:
    """What it said before nobody knows to be so; what it says after that is heard again."""
    latest = Latest()
    take(latest, factories.state("lamp", status=True))
    said = float(factories.state("lamp", status=True).at)
    take(latest, offline(said + 1))
    assert b"lamp/state" not in latest.current
    take(latest, offline(said - 1))
    take(latest, factories.state("lamp", seq=2, status=True))
    take(latest, offline(said - 1))
    assert b"lamp/state" in latest.current


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"boot": 1}', b"\xff", b'{"boot": "1", "seq": 1}'])
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    """And newcomers are not told it."""
    latest = Latest()
    with pytest.raises(MessageError):
        latest.take(b"lamp/state", payload)
    assert not latest.current
