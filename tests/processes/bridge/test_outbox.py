"""The outbox: the latest message of each topic, events with an age limit, and no queue of old states."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.bridge.outbox import BrokerMessage, Outbox

MAX_EVENTS = 200
"""The most events that wait for the broker."""
STALE_EVENT_SECONDS = 5.0
"""An event that could not be sent for longer is dropped (docs/bridge.md)."""


def payloads(messages: Mapping[str, BrokerMessage]) -> dict[str, bytes]:
    """Return the payload of each topic."""
    return {topic: message.payload for topic, message in messages.items()}


def test_only_the_latest_message_of_a_topic_is_sent() -> None:
    """A slow broker gets only the present state."""
    outbox = Outbox()
    for number in range(1000):
        outbox.retain("a", str(number).encode())
    outbox.retain("b", b"x")
    assert outbox.take(0, 20) == [
        BrokerMessage("a", b"999", retain=True),
        BrokerMessage("b", b"x", retain=True),
    ]
    assert outbox.take(0, 20) == []


def test_an_equal_message_is_not_sent_again() -> None:
    """A different message is sent, and so is its removal."""
    outbox = Outbox()
    outbox.retain("a", b"1")
    outbox.take(0, 20)
    outbox.retain("a", b"1")
    assert outbox.take(0, 20) == []
    outbox.clear("a")
    outbox.clear("a")
    assert outbox.take(0, 20) == [BrokerMessage("a", b"", retain=True)]
    assert payloads(outbox._retained) == {}


def test_a_new_broker_gets_everything() -> None:
    """A new broker gets every retained message once."""
    outbox = Outbox()
    outbox.retain("a", b"1")
    outbox.take(0, 20)
    outbox.retain("b", b"2")
    assert payloads(outbox.take_all()) == {"a": b"1", "b": b"2"}
    assert outbox.take(0, 20) == []


def test_an_event_is_sent_soon_or_never() -> None:
    """Events are sent in order, before retained messages; old ones are dropped."""
    outbox = Outbox()
    outbox.retain("a", b"1")
    outbox.send_event("e", b"old", 0)
    outbox.send_event("e", b"one", 10)
    outbox.send_event("e", b"one", 10)
    sent = outbox.take(STALE_EVENT_SECONDS + 1, 2)
    assert sent == [BrokerMessage("e", b"one", retain=False, expiry_seconds=5)] * 2
    assert outbox.take(10, 20) == [BrokerMessage("a", b"1", retain=True)]
    for number in range(MAX_EVENTS + 5):
        outbox.send_event("e", str(number).encode(), 10)
    assert outbox.take(10, 10_000)[0].payload == b"5"


def test_an_event_of_just_five_seconds_is_too_old() -> None:
    """At exactly five seconds it is dropped."""
    outbox = Outbox()
    outbox.send_event("e", b"1", 10)
    outbox.send_event("e", b"2", 10.1)
    assert [message.payload for message in outbox.take(15.0, 20)] == [b"2"]


def test_no_more_than_asked_for_is_taken() -> None:
    """Events and retained messages count together; the rest follows."""
    outbox = Outbox()
    for number in range(3):
        outbox.send_event("e", str(number).encode(), 0)
        outbox.retain(str(number), b"x")
    assert [len(outbox.take(0, 2)) for _ in range(4)] == [2, 2, 2, 0]


def test_topics_are_sent_in_the_order_of_their_latest_changes() -> None:
    """A topic that changes again, or is removed, goes behind the others."""
    outbox = Outbox()
    for topic in ("a", "b", "c"):
        outbox.retain(topic, b"1")
    outbox.retain("a", b"2")
    outbox.clear("b")
    assert [message.topic for message in outbox.take(0, 20)] == ["c", "a", "b"]


def test_each_change_wakes_the_session() -> None:
    """Every change calls `wake`; an unchanged message does not."""
    outbox, woken = Outbox(), []
    outbox.wake = lambda: woken.append(1)
    outbox.retain("a", b"1")
    outbox.retain("a", b"1")
    outbox.send_event("e", b"1", 0)
    outbox.clear("b")
    outbox.clear("a")
    assert len(woken) == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "drop", "take", "renew"]),
            st.sampled_from("abc"),
            st.binary(min_size=1, max_size=2),
        ),
        max_size=40,
    )
)
def test_a_broker_that_receives_all_has_the_present_messages(steps: list[tuple[str, str, bytes]]) -> None:
    """After any order of changes and sends, the broker has exactly the present messages."""
    outbox, broker = Outbox(), {}
    for step, topic, payload in [*steps, ("take", "", b"")]:
        if step == "put":
            outbox.retain(topic, payload)
        elif step == "drop":
            outbox.clear(topic)
        elif step == "renew":
            broker.update(payloads(outbox.take_all()))
            # The announcement after a renewal clears the retained messages that were dropped meanwhile.
            broker = {key: value for key, value in broker.items() if key in payloads(outbox._retained)}
        else:
            for sent in outbox.take(0, 100):
                broker.pop(sent.topic, None)
                if sent.payload:
                    broker[sent.topic] = sent.payload
    assert broker == payloads(outbox._retained)
