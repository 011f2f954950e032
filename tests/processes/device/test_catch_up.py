"""A device that was away catches up: it ends as a device that was never away."""

import random
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from daemons.bus.message import State
from daemons.bus.state_history import StateHistory
from tests.support import factories
from tests.support.crash_simulator import CrashSimulator

START = int(factories.START_TIME)
QUIET, ACTIVE = "clear", "motion"
ON_AT_MOTION: dict[str, Any] = {"device": "sensor", "turns": {"phase": ACTIVE}, "do": "on"}
OFF_AT_CLEAR: dict[str, Any] = {"device": "sensor", "turns": {"phase": QUIET}, "do": "off", "for": "6s"}
TURNS = {2: ["sensor"], 10: ["sensor"], 18: ["sensor"]}
"""Motion begins in second 2, ends in second 10, and begins again in second 18. For 6 s nothing moves."""


class Source:
    """Another device: it has two phases, and publishes the last eight changes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self._history = StateHistory().after({"phase": QUIET}, None, START)

    def turn(self, now: float) -> None:
        """Change to the other phase."""
        phase = ACTIVE if self._history.fields["phase"] == QUIET else QUIET
        self._history = self._history.after({"phase": phase}, f"{self.name}{self.seq}", now)

    def state(self, now: float) -> State:
        """Return the state to publish."""
        self.seq += 1
        history = self._history
        return State(
            device=self.name, boot=1, seq=self.seq, at=now, since=history.since(START), state=history.fields,
            turned=history.change_times, cause=history.cause, past=history.past,
        )  # fmt: skip


class Away(NamedTuple):
    """A time during which the lamp's process is dead, or the link to some devices is cut."""

    begins: int
    ends: int
    cut: frozenset[str] | None
    """The devices that cannot be heard; None: the process is dead."""


def play(
    rules: list[dict[str, Any]],
    turns: dict[int, list[str]],
    aways: list[Away],
    seed: int,
    **keys: Any,
) -> CrashSimulator:
    """Play a history for a lamp, second by second. Return the lamp after the last rule has acted."""
    order = random.Random(seed)  # noqa: S311
    sources = {name: Source(name) for name in ("sensor", "door")}
    lamp = CrashSimulator("lamp", when=rules, **{"grace": "1h", **keys})
    for source in sources.values():
        lamp.on_state(source.state(lamp.now))
    was_cut: frozenset[str] = frozenset()
    for second in range(60):
        lamp.wait(START + second - lamp.now)
        present = [away for away in aways if away.begins <= second < away.ends]
        is_dead = any(away.cut is None for away in present)
        cut = frozenset[str]().union(*(away.cut for away in present if away.cut))
        heard = sorted(sources.keys() - cut)
        order.shuffle(heard)
        to_send = set[str](was_cut - cut)
        for name in turns.get(second, ()):
            sources[name].turn(START + second)
            to_send.add(name)
        if is_dead:
            lamp.running = None
        elif lamp.running is None:
            lamp.restart()
            to_send = set(sources)
        if lamp.running:
            for name in heard:
                if name in to_send:
                    lamp.on_state(sources[name].state(lamp.now))
                else:
                    lamp.appliance.on_heartbeat(name, lamp.now)
        was_cut = cut
    if lamp.running is None:
        lamp.restart()
        was_cut = frozenset(sources)
    names = list(sources)
    order.shuffle(names)
    for name in names:
        if name in was_cut:
            lamp.on_state(sources[name].state(lamp.now))
    for _ in range(20):
        lamp.wait(1)
        for name in sources:
            lamp.appliance.on_heartbeat(name, lamp.now)
    return lamp


def outcome(lamp: CrashSimulator) -> tuple[bool, Any]:
    """Return what the lamp shows in the end."""
    return lamp.relay.is_on, lamp.field("brightness_percent") if lamp.relay.is_on else None


@pytest.mark.parametrize("when", [[ON_AT_MOTION, OFF_AT_CLEAR], [OFF_AT_CLEAR, ON_AT_MOTION]])
@pytest.mark.parametrize("cut", [None, frozenset({"sensor", "door"})])
@pytest.mark.parametrize(("begins", "ends"), [(9, 20), (12, 20), (12, 17), (15, 19), (17, 19), (1, 25)])
def test_a_motion_light_is_on_while_motion_lasts(
    when: list[dict[str, Any]], cut: frozenset[str] | None, begins: int, ends: int
) -> None:
    """The lamp or the link to its host is away while "clear" expires and motion comes back."""
    lamp = play(when, TURNS, [Away(begins, ends, cut)], 0)
    assert outcome(lamp) == (True, 100)


def test_a_second_opening_counts_while_the_first_is_caught_up() -> None:
    """The first opening was long enough, and so was the second: the rule acts on both."""
    openings = {2: ["door"], 9: ["door"], 10: ["door"]}
    siren = {"device": "door", "turns": {"phase": ACTIVE}, "for": "5s", "do": "toggle"}
    for aways in ([], [Away(1, 12, None)], [Away(1, 30, None)], [Away(8, 30, None)]):
        lamp = play([siren], openings, aways, 0)
        assert (lamp.field("starts"), lamp.relay.is_on) == (1, False)


def test_a_missed_moment_waits_until_the_other_devices_are_heard() -> None:
    """The sensor is heard first, though the door turned before it."""
    sources = {name: Source(name) for name in ("door", "sensor")}
    lamp = CrashSimulator(
        "lamp", when=[ON_AT_MOTION, {"device": "door", "turns": {"phase": ACTIVE}, "do": "off"}]
    )
    lamp.running = None
    sources["door"].turn(START + 5)
    sources["sensor"].turn(START + 6)
    lamp.now = START + 8
    lamp.restart()
    lamp.on_state(sources["sensor"].state(lamp.now))
    assert not lamp.relay.is_on
    assert lamp.appliance.next_deadline() == START + 10
    lamp.on_state(sources["door"].state(lamp.now))
    assert lamp.relay.is_on


def test_a_missed_moment_does_not_wait_longer_for_a_device_that_is_silent() -> None:
    """After two seconds, or after half of what is left of its grace, it acts without that device."""
    for grace, seconds in (("60s", 2.0), ("4s", 1.0)):
        sensor = Source("sensor")
        lamp = CrashSimulator(
            "lamp",
            grace=grace,
            when=[ON_AT_MOTION, {"device": "door", "turns": {"phase": ACTIVE}, "do": "off"}],
        )
        lamp.running = None
        sensor.turn(START + 5)
        lamp.now = START + 7
        lamp.restart()
        lamp.on_state(sensor.state(lamp.now))
        assert lamp.appliance.next_deadline() == START + 7 + seconds
        lamp.wait(seconds)
        assert lamp.relay.is_on


def test_a_moment_that_is_not_missed_never_waits() -> None:
    """A dead device does not delay the press of another one."""
    sensor = Source("sensor")
    lamp = CrashSimulator(
        "lamp", when=[ON_AT_MOTION, {"device": "door", "turns": {"phase": ACTIVE}, "do": "off"}]
    )
    lamp.on_state(sensor.state(lamp.now))
    lamp.now += 5
    sensor.turn(lamp.now - 0.9)
    lamp.on_state(sensor.state(lamp.now))
    assert lamp.relay.is_on


def test_an_earlier_moment_does_not_undo_a_later_command() -> None:
    """The link to the sensor was cut. Meanwhile a person switched the lamp off."""
    sensor = Source("sensor")
    lamp = CrashSimulator("lamp", when=[ON_AT_MOTION])
    lamp.on_state(sensor.state(lamp.now))
    sensor.turn(START + 5)
    lamp.now = START + 8
    lamp.command("off")
    lamp.restart()
    lamp.now = START + 10
    lamp.on_state(sensor.state(lamp.now))
    assert not lamp.relay.is_on
    assert "info: no on for sensor: off came after it [sensor1]" in lamp.log()


commands: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {"do": "on"}, {"do": "off"}, {"do": "toggle"},
    {"do": "on", "with": {"brightness_percent": 20}}, {"do": "on", "with": {"brightness_percent": 80}},
])  # fmt: skip
pauses = st.sampled_from([{}, {"for": "6.5s"}, {"for": "11.5s"}, {"delay": "5.5s"}, {"cooldown": "9.5s"}])
rules: st.SearchStrategy[dict[str, Any]] = st.builds(
    lambda device, phase, command, pause: {"device": device, "turns": {"phase": phase}, **command, **pause},
    st.sampled_from(["sensor", "door"]), st.sampled_from([QUIET, ACTIVE]), commands, pauses,
)  # fmt: skip
histories = st.fixed_dictionaries(
    {name: st.sets(st.integers(1, 59), max_size=8) for name in ("sensor", "door")}
)
absolute_rules = st.builds(
    lambda device, phase, command, pause: {"device": device, "turns": {"phase": phase}, **command, **pause},
    st.sampled_from(["sensor", "door"]),
    st.sampled_from([QUIET, ACTIVE]),
    commands.filter(lambda command: command["do"] != "toggle"),
    st.sampled_from([{}, {"delay": "5.5s"}]),
)


def aways(cuts: st.SearchStrategy[frozenset[str] | None]) -> st.SearchStrategy[list[Away]]:
    """Return up to three times of absence."""
    return st.lists(
        st.builds(
            lambda begins, length, cut: Away(begins, begins + length, cut),
            st.integers(1, 50), st.integers(1, 40), cuts,
        ),
        min_size=1,
        max_size=3,
    )  # fmt: skip


def by_second(history: dict[str, set[int]]) -> dict[int, list[str]]:
    """Return the devices that turn in each second. Two turns of different devices share none."""
    taken: dict[int, list[str]] = {}
    for name, seconds in history.items():
        for second in sorted(seconds):
            taken.setdefault(second, [name])
    return taken


@settings(max_examples=200)
@given(
    when=st.lists(rules, min_size=1, max_size=4, unique_by=repr),
    history=histories,
    away=aways(st.none()),
    seed=st.integers(0, 9),
)
def test_any_absence_of_the_process_gives_the_end_of_a_process_that_was_never_away(
    when: list[dict[str, Any]], history: dict[str, set[int]], away: list[Away], seed: int
) -> None:
    """What became due or true meanwhile is acted on in its order, whatever the file's order is.

    A toggle in the very second of the return is left out: it is not missed, so it does not wait for others.
    """
    turns = by_second(history)
    assume(not (turns.keys() & {one.ends for one in away} and any(rule["do"] == "toggle" for rule in when)))
    expected = outcome(play(when, turns, [], seed))
    assert outcome(play(when, turns, away, seed)) == expected


@settings(max_examples=200)
@given(
    when=st.lists(absolute_rules, min_size=1, max_size=4, unique_by=repr),
    history=histories,
    away=aways(
        st.sampled_from([frozenset({"sensor"}), frozenset({"door"}), frozenset({"sensor", "door"}), None])
    ),
    seed=st.integers(0, 9),
)
@example(
    when=[
        {"device": "sensor", "turns": {"phase": "clear"}, "do": "off", "delay": "5.5s"},
        {"device": "sensor", "turns": {"phase": "motion"}, "do": "on"},
    ],
    history={"sensor": {1, 2, 3, 4, 8}, "door": set()},
    away=[Away(3, 8, frozenset({"sensor"}))],  # the rule waited at 4, so that moment does not count
    seed=0,
)
@example(
    when=[
        {"device": "sensor", "turns": {"phase": "clear"}, "do": "on", "delay": "5.5s"},
        {"device": "door", "turns": {"phase": "clear"}, "do": "off"},
    ],
    history={"sensor": {2, 22}, "door": {1, 28}},
    away=[Away(19, 28, frozenset({"sensor"}))],
    seed=0,
)
def test_any_cut_link_gives_the_end_of_a_device_that_was_never_away(
    when: list[dict[str, Any]], history: dict[str, set[int]], away: list[Away], seed: int
) -> None:
    """A command that sets a value is not undone by an earlier moment that is learned later."""
    turns = by_second(history)
    expected = outcome(play(when, turns, [], seed))
    assert outcome(play(when, turns, away, seed)) == expected


@given(
    rule=rules.filter(lambda rule: not rule.keys() & {"for", "delay"}),
    turned=st.integers(2, 10),
    length=st.integers(21, 40),
)
def test_an_absence_that_is_longer_than_the_grace_does_nothing(
    rule: dict[str, Any], turned: int, length: int
) -> None:
    """A change that is older than the grace when the lamp is back does not act."""
    away = [Away(1, turned + length, None)]
    lamp = play([rule], {turned: [rule["device"]]}, away, 0, grace="20s")
    assert outcome(lamp) == (False, None)
