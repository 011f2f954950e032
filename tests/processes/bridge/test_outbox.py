"""The outbox: of each topic the latest, what happened soon or never, and nothing queues up."""

from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.bridge.outbox import MOST_EVENTS, STALE_EVENT_SECONDS, Outbox, Said


def test_only_the_latest_of_a_topic_is_said() -> None:
    """A slow broker gets what is so, not what was."""
    outbox = Outbox()
    for number in range(1000):
        outbox.put("a", str(number).encode())
    outbox.put("b", b"x")
    assert outbox.take(0, 20) == [Said("a", b"999", retain=True), Said("b", b"x", retain=True)]
    assert outbox.take(0, 20) == []


def test_what_stands_there_already_is_not_said_again() -> None:
    """But something else is, and so is its end."""
    outbox = Outbox()
    outbox.put("a", b"1")
    outbox.take(0, 20)
    outbox.put("a", b"1")
    assert outbox.take(0, 20) == []
    outbox.drop("a")
    outbox.drop("a")
    assert outbox.take(0, 20) == [Said("a", b"", retain=True)]
    assert outbox.standing() == {}


def test_a_new_broker_gets_everything() -> None:
    """All that stands, once: what was due is in it."""
    outbox = Outbox()
    outbox.put("a", b"1")
    outbox.take(0, 20)
    outbox.put("b", b"2")
    assert outbox.renew() == {"a": b"1", "b": b"2"}
    assert outbox.take(0, 20) == []


def test_what_happened_is_said_soon_or_never() -> None:
    """Each press by itself, the first first, before what stands; not those that are long over."""
    outbox = Outbox()
    outbox.put("a", b"1")
    outbox.tell("e", b"old", 0)
    outbox.tell("e", b"one", 10)
    outbox.tell("e", b"one", 10)
    said = outbox.take(STALE_EVENT_SECONDS + 1, 2)
    assert said == [Said("e", b"one", retain=False)] * 2
    assert outbox.take(10, 20) == [Said("a", b"1", retain=True)]
    for number in range(MOST_EVENTS + 5):
        outbox.tell("e", str(number).encode(), 10)
    assert outbox.take(10, 10_000)[0].payload == b"5"


def test_whoever_waits_is_woken() -> None:
    """By whatever is new, and by nothing else."""
    outbox, woken = Outbox(), []
    outbox.wake = lambda: woken.append(1)
    outbox.put("a", b"1")
    outbox.put("a", b"1")
    outbox.tell("e", b"1", 0)
    outbox.drop("b")
    outbox.drop("a")
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
def test_a_broker_that_takes_all_knows_what_stands(steps: list[tuple[str, str, bytes]]) -> None:
    """Whatever is put, dropped and taken in whatever order, what was said in the end is what stands."""
    outbox, broker = Outbox(), {}
    for step, topic, payload in [*steps, ("take", "", b"")]:
        if step == "put":
            outbox.put(topic, payload)
        elif step == "drop":
            outbox.drop(topic)
        elif step == "renew":
            broker.update(outbox.renew())
            # What was dropped meanwhile the announcement clears, which knows what was said before.
            broker = {key: value for key, value in broker.items() if key in outbox.standing()}
        else:
            for said in outbox.take(0, 100):
                broker.pop(said.topic, None)
                if said.payload:
                    broker[said.topic] = said.payload
    assert broker == outbox.standing()
