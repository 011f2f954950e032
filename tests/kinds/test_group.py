"""A group: shows its members as one, and passes commands on to all of them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import Receipt
from daemons.kinds import Reading
from daemons.kinds._members import Member, Order
from daemons.kinds.group import Group, GroupMemory, Off, On, Options, State, Toggle
from daemons.rehearsal.world import World
from tests.support.virtual_house import world_of

KITCHEN = """\
[devices.sink_lamp]
kind = "lamp"
driver = "simulated"
[devices.table_lamp]
kind = "lamp"
driver = "simulated"
[devices.wall_light]
kind = "light_switch"
driver = "simulated"
[devices.kitchen]
kind = "group"
members = ["sink_lamp", "table_lamp", "wall_light"]
"""
WINDOWS = """\
[devices.north]
kind = "sensor"
driver = "simulated"
detects = "opening"
[devices.south]
kind = "sensor"
driver = "simulated"
detects = "opening"
[devices.windows]
kind = "group"
members = ["north", "south"]
[devices.mirror]
kind = "mirror"
"""
COVERS = """\
[devices.left]
kind = "cover"
driver = "simulated"
[devices.right]
kind = "cover"
driver = "simulated"
[devices.blinds]
kind = "group"
members = ["left", "right"]
"""
LAMP = Member({"on": Order("on", takes=("brightness_percent",)), "off": Order("off")})
PLUG = Member({"on": Order("on"), "off": Order("off")})
SENSOR = Member({})


def group(**members: Member) -> Group:
    """Return a group of members."""
    return Group(Options(resolved=members))


def shown(made: Group, memory: GroupMemory) -> State:
    """Return the published state."""
    return made.state(memory, Reading(), 0)


def heard(made: Group, memory: GroupMemory | None = None, **states: dict[str, Any] | None) -> GroupMemory:
    """Return the memory after the states of members."""
    return made.update_sources(memory or GroupMemory(), states, 1)


def fields(world: World, name: str) -> dict[str, Any]:
    """Return the state of a device that runs."""
    state = world.state(name)
    assert state is not None
    return state


def send(world: World, name: str, word: str, **args: Any) -> Receipt:
    """Send a command, and let ten seconds pass."""
    receipt = world.send(name, word, args)
    assert receipt is not None
    world.run(world.now + 10)
    return receipt


ON, OFF = {"status": True, "brightness_percent": 40}, {"status": False, "brightness_percent": 40}


@pytest.mark.parametrize(
    ("a", "b", "phase", "any_on", "all_on", "on_count", "unknown_count"),
    [
        (OFF, OFF, "off", False, False, 0, 0),
        (ON, OFF, "some", True, False, 1, 0),
        (ON, ON, "on", True, True, 2, 0),
        (ON, None, "some", True, None, 1, 1),
        (OFF, None, "unknown", None, False, 0, 1),
        (None, None, "unknown", None, None, 0, 2),
        (ON, {**ON, "reachable": False}, "some", True, None, 1, 1),
        (OFF, {**OFF, "phase": "stale"}, "unknown", None, False, 0, 1),
    ],
)
def test_any_and_all_are_known_as_far_as_the_members_are(
    a: Any, b: Any, phase: str, any_on: Any, all_on: Any, on_count: int, unknown_count: int
) -> None:
    """A member that is silent, out of reach or stale counts as unknown, and not as off."""
    made = group(a=LAMP, b=LAMP)
    state = shown(made, heard(made, a=a, b=b))
    assert (state.phase, state.any_on, state.all_on, state.on_count, state.unknown_count) == (
        phase, any_on, all_on, on_count, unknown_count,
    )  # fmt: skip
    assert state.status is bool(any_on)
    assert state.on_members == (", ".join(name for name, one in (("a", a), ("b", b)) if one == ON) or None)


def test_toggle_is_off_if_any_member_is_on() -> None:
    """If none is known to be on, it is on."""
    made = group(a=PLUG, b=PLUG)
    for states, asked in (((True, False), "off"), ((True, True), "off"), ((False, False), "on")):
        memory = heard(made, a={"status": states[0]}, b={"status": states[1]})
        assert shown(made, made.handle_command(memory, Toggle(), 2)).asked == asked
    assert shown(made, made.handle_command(GroupMemory(), Toggle(), 2)).asked == "on"


def test_it_rejects_what_a_member_cannot_do() -> None:
    """The reason names the members."""
    world = world_of(WINDOWS)
    assert send(world, "windows", "on").reason == "north, south cannot on"
    plugs = world_of(
        '[devices.a]\nkind = "plug"\ndriver = "simulated"\n[devices.g]\nkind = "group"\nmembers = ["a"]\n'
    )
    assert (
        send(plugs, "g", "on", brightness_percent=3).reason == "none of its members takes brightness_percent"
    )
    assert send(plugs, "g", "on").outcome == "applied"


def test_a_lamp_group_passes_its_brightness_on() -> None:
    """A member that has no brightness is only switched on. The same command again is carried out again."""
    world = world_of(KITCHEN)
    assert send(world, "kitchen", "on", brightness_percent=40).outcome == "applied"
    assert fields(world, "sink_lamp")["brightness_percent"] == 40
    state = fields(world, "kitchen")
    assert (state["phase"], state["brightness_percent"], state["confirmed_count"], state["missing"]) == (
        "on", 40, 3, None,
    )  # fmt: skip
    send(world, "table_lamp", "off")
    assert fields(world, "kitchen")["on_members"] == "sink_lamp, wall_light"
    assert fields(world, "kitchen")["missing"] is None
    send(world, "kitchen", "on", brightness_percent=60)
    assert [fields(world, name)["brightness_percent"] for name in ("sink_lamp", "table_lamp")] == [60, 60]
    send(world, "kitchen", "on")
    assert fields(world, "sink_lamp")["brightness_percent"] == 100
    send(world, "kitchen", "toggle")
    assert fields(world, "kitchen")["phase"] == "off"


def test_a_group_of_covers_is_a_cover() -> None:
    """It has the mean position, and moves all of them to a position."""
    world = world_of(COVERS)
    assert fields(world, "blinds")["cover"] == "unknown"
    for name, word in (("left", "open"), ("right", "close")):
        assert send(world, name, word).outcome == "applied"
    assert fields(world, "blinds")["cover"] in ("opening", "closing")
    world.run(world.now + 60)
    state = fields(world, "blinds")
    assert (state["cover"], state["position_percent"]) == ("open", 50)
    assert send(world, "blinds", "set", position_percent=30).outcome == "applied"
    world.run(world.now + 60)
    assert [fields(world, name)["position_percent"] for name in ("left", "right", "blinds")] == [30, 30, 30]
    state = fields(world, "blinds")
    assert (state["cover"], state["confirmed_count"], state["missing"]) == ("open", 2, None)
    send(world, "blinds", "close")
    world.run(world.now + 60)
    assert fields(world, "blinds")["cover"] == "closed"
    world.kill("left", 100)
    world.run(world.now + 60)
    assert fields(world, "blinds")["cover"] == "unknown"


VALUES = [
    ('kind = "number"\nmax = 30', 'kind = "number"\nmax = 20\nmin = -5', "value", 0, 7.5, 25),
    ('kind = "mode"\nvalues = ["a", "b"]', 'kind = "mode"\nvalues = ["b", "c"]', "value", None, "b", "a"),
    ('kind = "counter"', 'kind = "counter"\nmax = 9', "count", 0, 4, 12),
    ('kind = "moment"', 'kind = "moment"\ntime = "08:00"', "time", None, "06:30", None),
]


@pytest.mark.parametrize(
    ("one", "other", "argument", "first", "value", "refused"),
    VALUES,
    ids=["number", "mode", "counter", "moment"],
)
def test_a_group_sets_the_value_that_its_members_have(
    one: str, other: str, argument: str, first: Any, value: Any, refused: Any
) -> None:
    """It shows the value that they have in common; a value that one of them does not take changes none."""
    group_of = '[devices.g]\nkind = "group"\nmembers = ["a", "b"]\n'
    world = world_of(f"[devices.a]\n{one}\n[devices.b]\n{other}\n{group_of}")
    if first is not None:
        assert fields(world, "g")["value"] in (first, None)
    assert send(world, "g", "set", **{argument: value}).outcome == "applied"
    assert fields(world, "g")["value"] == value
    assert (fields(world, "g")["confirmed_count"], fields(world, "g")["missing"]) == (2, None)
    if refused is not None:
        assert send(world, "g", "set", **{argument: refused}).outcome == "rejected"
    assert fields(world, "g")["value"] == value
    assert send(world, "g", "set").reason == f"set takes one value that all its members have: {argument}"
    assert send(world, "g", "set", position_percent=3).outcome == "rejected"


def test_a_group_of_heaters_sets_their_target() -> None:
    """Each heater refuses by itself what it cannot keep, and is then missing."""
    heaters = "".join(f'[devices.{name}]\nkind = "heater"\ndriver = "simulated"\n' for name in "ab")
    world = world_of(heaters + '[devices.g]\nkind = "group"\nof = "heater"\n')
    assert send(world, "g", "set", celsius=23).outcome == "applied"
    assert [fields(world, name)["target_celsius"] for name in ("a", "b", "g")] == [23, 23, 23]
    assert send(world, "a", "set", celsius=19).outcome == "applied"
    assert fields(world, "g")["target_celsius"] is None
    assert send(world, "g", "set", celsius=45).outcome == "applied"
    world.run(world.now + 100)
    assert fields(world, "g")["missing"] == "a has not followed; b has not followed"


def test_a_member_that_does_not_follow_is_named() -> None:
    """It is dead for longer than its grace; it counts again when it is as it was asked to be."""
    world = world_of(KITCHEN)
    world.kill("table_lamp", 100)
    send(world, "kitchen", "on")
    world.run(world.now + 60)
    assert fields(world, "kitchen")["missing"] == "table_lamp is silent"
    assert fields(world, "kitchen")["unreachable_count"] == 1
    world.run(world.now + 60)
    state = fields(world, "kitchen")
    assert (state["missing"], state["confirmed_count"]) == ("table_lamp has not followed", 2)
    send(world, "table_lamp", "on")
    assert fields(world, "kitchen")["missing"] is None


def test_an_open_window_is_seen_in_the_group() -> None:
    """A dead sensor makes the answer unknown, unless another window is open."""
    world = world_of(WINDOWS)
    world.switch_by_hand("north", on=False)
    world.switch_by_hand("south", on=False)
    world.run(world.now + 5)
    assert fields(world, "windows")["any_on"] is False
    world.kill("north", 40)
    world.run(world.now + 15)
    assert fields(world, "windows")["any_on"] is None
    world.switch_by_hand("south", on=True)
    world.run(world.now + 1)
    state = fields(world, "windows")
    assert (state["any_on"], state["on_members"], state["unreachable_count"]) == (True, "south", 1)


@pytest.mark.parametrize("name", ["kitchen", "sink_lamp"])
def test_each_member_acts_once_when_a_process_is_killed_between_any_two_steps(name: str) -> None:
    """The command of a killed group is lost or carried out by all of them."""
    for step in range(30):
        world = world_of(KITCHEN)
        world.devices[name].steps_left = step
        receipt = world.send("kitchen", "on", {"brightness_percent": 40})
        was_killed = world.devices[name].steps_left is None
        world.run(world.now + 10)
        found = {
            (fields(world, lamp)["status"], fields(world, lamp)["starts"])
            for lamp in ("sink_lamp", "table_lamp")
        }
        assert found in ({(True, 1)}, {(False, 0)})
        assert found == {(True, 1)} or receipt is None
        if not was_killed and world.devices[name].steps_left is not None:
            break
    assert step > 1


states = st.none() | st.fixed_dictionaries(
    {"status": st.booleans()},
    optional={
        "phase": st.sampled_from(["on", "stale", "unknown"]),
        "reachable": st.booleans(),
        "confirmed": st.booleans(),
        "brightness_percent": st.integers(1, 100),
    },
)
events = (
    st.fixed_dictionaries({}, optional={"a": states, "b": states, "c": states})
    | st.sampled_from([On(), Off(), Toggle(), None])
    | st.builds(On, brightness_percent=st.integers(1, 100))
)


@given(st.lists(st.tuples(st.floats(0, 100), events), max_size=20))
def test_any_history_leads_to_counts_that_fit(history: list[tuple[float, Any]]) -> None:
    """Against a plain count of the latest states; each memory survives a restart."""
    made = group(a=LAMP, b=LAMP, c=PLUG)
    memory, now, latest = GroupMemory(), 1000.0, dict[str, Any]()
    for seconds, event in history:
        now += seconds
        memory = made.advance(memory, now)
        if isinstance(event, dict):
            latest |= event
            memory = made.update_sources(memory, event, now)
        elif event is not None:
            memory = made.handle_command(memory, event, now)
        memory = msgspec.json.decode(msgspec.json.encode(memory), type=GroupMemory)
        state = shown(made, memory)
        known = {
            name: one["status"]
            for name, one in latest.items()
            if one and one.get("reachable") is not False and one.get("phase") not in ("stale", "unknown")
        }
        assert state.on_count == sum(known.values())
        assert state.unknown_count == 3 - len(known)
        assert state.all_on is (False if False in known.values() else True if len(known) == 3 else None)
        assert any(
            one.items() <= msgspec.to_builtins(state).items() for one in made.possible_states(made.options)
        )
        assert (state.missing is None) == (state.confirmed_count in (None, 3))
