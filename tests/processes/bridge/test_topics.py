"""The topics of a house: each topic is parsed as it was built, and no house accepts those of another."""

import re

from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import NAME
from daemons.processes.bridge.topics import Address, Topics

names = st.from_regex(NAME, fullmatch=True)
prefixes = st.from_regex(re.compile(r"[A-Za-z0-9_]{1,8}(/[A-Za-z0-9_]{1,8}){0,3}"), fullmatch=True)
words = st.from_regex(re.compile(r"[a-z_]{1,20}"), fullmatch=True)


@given(prefix=prefixes, device=names, word=st.none() | words)
def test_the_topic_of_a_command_is_parsed(prefix: str, device: str, word: str | None) -> None:
    """A command topic is parsed back to its device and command, with any prefix."""
    topics = Topics(prefix)
    topic = topics.command(device, word)
    assert topics.read(topic) == Address(device, word)
    levels = topics.commands.split("/")
    assert topic.startswith(f"{prefix}/")
    assert levels[-3:] == ["+", "command", "#"]


@given(prefix=prefixes, topic=st.text(max_size=60) | st.from_regex(r"[a-z/+#$]{0,30}", fullmatch=True))
def test_any_topic_is_a_command_or_none(prefix: str, topic: str) -> None:
    """Any topic is parsed, or is none; no topic raises an error."""
    topics = Topics(prefix)
    for text in (topic, f"{prefix}/{topic}"):
        address = topics.read(text)
        assert address is None or topics.command(*address) in (text, text.rstrip("/"))


@given(one=st.tuples(prefixes, names), other=st.tuples(prefixes, names))
def test_no_two_devices_of_any_two_houses_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A different prefix or device has a different node and different topics."""
    nodes = {Topics(prefix).node(device) for prefix, device in (one, other)}
    assert len(nodes) == len({one, other})
    states = {Topics(prefix).state(device) for prefix, device in (one, other)}
    assert len(states) == len({one, other})


def test_the_bridge_s_own_topics_are_no_commands() -> None:
    """The topics that the bridge publishes on do not match its command filter."""
    topics = Topics("house")
    published = [
        topics.state("lamp"),
        topics.availability("lamp"),
        topics.presence("lamp"),
        topics.event("lamp"),
    ]
    published += [topics.receipt("lamp"), topics.receipt(), topics.availability()]
    assert [topics.read(topic) for topic in published] == [None] * len(published)
    assert len(set(published)) == len(published)
