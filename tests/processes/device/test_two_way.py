"""Devices that follow each other: they agree in the end, and no chain of changes comes back.

The devices are the real appliances with their runners. Messages between them take up to two seconds, keep
their order for each pair, and may be cut off. Each device that is cut off hears the latest state afterwards.
"""

from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.bus.message import State
from daemons.bus.origin import Reason
from daemons.kinds import Reading
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

NOW = factories.START_TIME
FOLLOW = {"follow": ["status", "brightness_percent"]}
COPY = (
    {"turns": {"status": True}, "do": "on"},
    {"turns": {"status": False}, "do": "off"},
)
RINGS = {
    "two lamps": {"a": "b", "b": "a"},
    "three in a ring": {"a": "b", "b": "c", "c": "a"},
    "each follows all": {"a": "bc", "b": "ac", "c": "ab"},
}


class Net:
    """Lamps that follow each other, and the messages between them that are still on their way."""

    def __init__(self, follows: dict[str, str], rules: Iterable[dict[str, Any]]) -> None:
        self.now = NOW
        self.lamps = {name: self._lamp(name, others, list(rules)) for name, others in follows.items()}
        self._follows = follows
        self._underway: dict[tuple[str, str], list[tuple[float, State]]] = {}
        self._seqs = dict.fromkeys(follows, 0)
        self._sent: dict[str, Any] = dict.fromkeys(follows)
        self._commands = 0
        self.cut: set[str] = set()
        self.latency = 0.0
        for name in follows:
            self._send(name)
        self.run(5)

    def _lamp(self, name: str, others: str, rules: list[dict[str, Any]]) -> CrashSimulator:
        when = [{"device": other, **rule} for other in others for rule in rules]
        device = factories.device("lamp", when=when)
        device = replace(device, name=name, circular_rules=frozenset(range(len(device.rules))))
        return CrashSimulator("lamp", device)

    def command(self, name: str, word: str, **args: Any) -> None:
        """Command a lamp."""
        self._commands += 1
        self.lamps[name].command(word, f"c{self._commands}", **args)
        self._send(name)

    def hand(self, name: str, on: bool) -> None:
        """Switch a lamp by hand."""
        lamp = self.lamps[name]
        lamp.relay.switch_manually(on, lamp.now)
        lamp.poll()
        self._send(name)

    def kill(self, name: str) -> None:
        """Kill a lamp; its next process subscribes anew, and hears the latest states."""
        self.lamps[name].restart()
        for other in self._follows[name]:
            self._underway.setdefault((other, name), []).clear()
            self._sent[other] = None
            self._send(other)

    def run(self, seconds: float, step: float = 0.1) -> None:
        """Advance time, and deliver the messages that are due."""
        end = self.now + seconds
        while self.now < end:
            self.now += step
            for name, lamp in self.lamps.items():
                lamp.now = self.now
                for (_, to), queue in self._underway.items():
                    while to == name and to not in self.cut and queue and queue[0][0] <= self.now:
                        lamp.on_state(queue.pop(0)[1])
                lamp.poll()
                self._send(name)

    def starts(self) -> int:
        """Return how often any lamp was switched on or off."""
        return sum(lamp.relay.switchings for lamp in self.lamps.values())

    def values(self) -> set[tuple[Any, Any]]:
        """Return the different values that the lamps have: one, if they agree. Dark lamps are alike."""
        found = [(lamp.field("status"), lamp.field("brightness_percent")) for lamp in self.lamps.values()]
        return {(on, bright if on else None) for on, bright in found}

    def _send(self, name: str) -> None:
        """Publish the state of a lamp, if it has changed."""
        lamp = self.lamps[name]
        memory = lamp.appliance.memory
        reason, origin = lamp.appliance.published_reason
        if (memory.last_state, memory.change_times, origin) == self._sent[name]:
            return
        self._sent[name] = (memory.last_state, memory.change_times, origin)
        self._seqs[name] += 1
        state = factories.state(name, seq=self._seqs[name])
        state = replace(
            state, at=max(self.now, lamp.appliance.since), state=memory.last_state, past=memory.past,
            turned=memory.change_times, cause=memory.cause, reason=reason, origin=origin,
        )  # fmt: skip
        for other, heard in self._follows.items():
            if name in heard:
                queue = self._underway.setdefault((name, other), [])
                queue[:] = queue if other not in self.cut else []  # a later state replaces what was lost
                queue.append((self.now + self.latency, state))


@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS)
@pytest.mark.parametrize("rules", [[FOLLOW], COPY], ids=["follow", "on and off"])
def test_all_follow_a_switch_at_one_of_them_once(
    ring: dict[str, str], rules: Iterable[dict[str, Any]]
) -> None:
    """Each lamp is switched once for each switch, and the chain ends where it began."""
    net = Net(ring, rules)
    for number, (name, word) in enumerate([("a", "on"), ("b", "off"), ("b", "on"), ("a", "off")], 1):
        net.command(name, word)
        net.run(5)
        assert net.values() == {(word == "on", 100 if word == "on" else None)}
        assert net.starts() == number * len(ring)


def test_a_brightness_follows_a_brightness() -> None:
    """The second lamp is dimmed as the first one, and back."""
    net = Net(RINGS["two lamps"], [FOLLOW])
    net.command("a", "on", brightness_percent=30)
    net.run(3)
    assert net.values() == {(True, 30)}
    net.command("b", "on", brightness_percent=70)
    net.run(3)
    assert net.values() == {(True, 70)}


def test_a_copy_waits_for_its_hardware() -> None:
    """The bulb of the second lamp is lost when the first one is switched, and is back after five seconds."""
    net = Net(RINGS["two lamps"], [FOLLOW])
    net.lamps["b"].on_reading(Reading(reachable=False))
    lost = Reading(reachable=False, fault="lost")
    with patch.object(net.lamps["b"].relay, "read", lambda _now: lost):
        net.run(7)
        net.command("a", "on", brightness_percent=30)
        net.run(5)
        assert net.values() == {(True, 30), (False, None)}
    net.run(5)
    assert net.values() == {(True, 30)}


@pytest.mark.parametrize("away", [0.0, 5.0])
@pytest.mark.parametrize("latency", [0.0, 2.0])
def test_two_lamps_that_cross_agree_and_do_not_swing(latency: float, away: float) -> None:
    """One is switched on and the other off while their messages are underway: the later one counts."""
    net = Net(RINGS["two lamps"], COPY)
    net.command("b", "on")
    net.run(5)
    net.latency = latency
    before = net.starts()
    net.cut = {"a"} if away else set()
    net.command("b", "off")
    net.run(0.5)
    net.command("a", "off")
    net.command("a", "on")
    net.run(away)
    net.cut = set()
    net.run(30)
    assert net.values() == {(True, 100)}
    assert net.starts() - before <= 6


def test_a_clock_that_was_ahead_does_not_hold_followers_back() -> None:
    """The first lamp was switched while the clock was an hour ahead; then the second one is switched."""
    net = Net(RINGS["two lamps"], COPY)
    for lamp in net.lamps.values():
        lamp.wall_offset = 3600.0
    net.command("a", "on")
    net.run(3)
    for lamp in net.lamps.values():
        lamp.wall_offset = 0.0
    net.run(3)
    net.command("b", "off")
    net.run(5)
    assert net.values() == {(False, None)}


@pytest.mark.parametrize("rules", [[FOLLOW], COPY], ids=["follow", "on and off"])
def test_a_device_passes_a_later_chain_on_that_changes_nothing_at_itself(rules: list[dict[str, Any]]) -> None:
    """The second lamp is on already when the third one is switched on; the first one learns of it."""
    net = Net(RINGS["three in a ring"], rules)
    net.latency = 0.2
    net.command("b", "on")
    net.run(0.15)
    assert net.lamps["a"].field("status")
    net.command("a", "off")
    net.run(0.1)
    net.command("c", "on")
    net.run(3)
    assert net.values() == {(True, 100)}
    origins = {lamp.appliance.published_reason[1] for lamp in net.lamps.values()}
    assert [origin.device for origin in origins if origin] == ["c"]


names = st.sampled_from("abc")
steps = st.one_of(
    st.tuples(st.just("dim"), names, st.sampled_from([30, 70])),
    st.tuples(st.just("command"), names, st.sampled_from(["on", "off", "toggle"])),
    st.tuples(st.just("hand"), names, st.booleans()),
    st.tuples(st.just("kill"), names, st.none()),
    st.tuples(st.just("cut"), names, st.none()),
    st.tuples(st.just("heal"), names, st.none()),
    st.tuples(st.just("wait"), names, st.sampled_from([0.1, 0.3, 2.0, 6.0])),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(RINGS)),
    st.sampled_from([0.0, 0.2, 2.0]),
    st.lists(steps, max_size=14),
)
def test_lamps_that_follow_each_other_agree_in_the_end(
    ring: str, latency: float, script: list[tuple[str, str, Any]]
) -> None:
    """Whatever is switched, killed and cut off meanwhile; and each chain switches each lamp at most once."""
    net = Net(RINGS[ring], [FOLLOW])
    net.latency = latency
    begun = 0
    for what, chosen, value in script:
        name = chosen if chosen in net.lamps else "a"
        if what == "command":
            net.command(name, value)
        elif what == "dim":
            net.command(name, "on", brightness_percent=value)
        elif what == "hand":
            net.hand(name, value)
        elif what == "kill":
            net.kill(name)
        elif what == "cut":
            net.cut = {name}
        elif what == "heal":
            net.cut = set()
        else:
            net.run(value)
        begun += what in ("command", "dim", "hand")
        net.run(0.1)
    net.cut = set()
    net.run(20)
    assert len(net.values()) == 1
    assert net.starts() <= begun * len(net.lamps)
    before = net.starts()
    net.run(20)
    assert net.starts() == before


def test_a_follower_that_was_away_for_longer_than_its_grace_takes_over_what_still_holds() -> None:
    """The first lamp went on while the second one was cut off for two minutes."""
    net = Net(RINGS["two lamps"], [FOLLOW])
    net.cut = {"b"}
    net.command("a", "on", brightness_percent=30)
    net.run(120, step=1)
    net.cut = set()
    net.run(2)
    assert net.values() == {(True, 30)}


def test_heat_does_not_follow_what_began_before_its_grace() -> None:
    """A plug with `max_on` that learns two minutes late stays off; a plug without it goes on."""
    cases: list[tuple[dict[str, Any], bool]] = [({}, True), ({"max_on": "1h"}, False)]
    for options, is_on in cases:
        plug = CrashSimulator("plug", when=[{"device": "switch", "follow": ["status"]}], **options)
        plug.now += 130
        plug.on_state(factories.state(status=True, turned=NOW + 10, cause="p1"))
        plug.wait(5)
        assert plug.field("status") is is_on


def test_hardware_that_does_not_follow_begins_a_chain_that_the_other_device_follows() -> None:
    """The second lamp followed at once; it goes off again when the first one has given up."""
    net = Net(RINGS["two lamps"], [FOLLOW])
    net.lamps["a"].relay.is_broken = True
    net.command("a", "on")
    net.run(2)
    assert net.lamps["b"].field("status")
    net.run(10)
    assert net.values() == {(False, None)}
    reason, origin = net.lamps["a"].appliance.published_reason
    assert reason == Reason("limit", "hardware")
    assert origin is not None
    assert origin.by == "limit"
