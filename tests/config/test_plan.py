"""The plan of a reload: which processes start, stop and restart, and because of which values."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.config.house import load_house
from daemons.config.plan import Difference, ProcessChange, begun_rules, differ, make_plan, with_places
from daemons.config.roster import Peer
from daemons.config.rule import Rule, rule_key
from daemons.config.slice import Slice
from daemons.values import convert

KEYS = st.sampled_from(["browning", "kind", "simulated", "when", "turns", "days"])
SCALARS = st.booleans() | st.integers(0, 3) | st.sampled_from(["on", "off", ""])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(SCALARS, max_size=3)
        | st.lists(st.dictionaries(KEYS, inner, max_size=2), max_size=2)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)
SLICES = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda table: part(**table))
HOUSES = st.dictionaries(st.sampled_from(["lamp", "mirror", "toaster"]), SLICES)


def part(**table: Any) -> Slice:
    """Return the slice of one device with this table."""
    return Slice(name="toaster", house={"timezone": "UTC"}, table=table)


def found(old: Slice | None, new: Slice | None) -> list[tuple[str, Any, Any]]:
    """Return every difference as key, old and new."""
    return [(one.key, one.old, one.new) for one in differ(old, new)]


def test_a_value_that_changed_is_named_with_both_sides() -> None:
    """Equal values are left out."""
    old, new = part(kind="toaster", browning=3), part(kind="toaster", browning=5)
    assert found(old, new) == [("browning", 3, 5)]


def test_a_key_on_only_one_side_is_a_difference() -> None:
    """On the other side the value is None."""
    assert found(part(), part(room="Kitchen")) == [("room", None, "Kitchen")]
    assert found(part(room="Kitchen"), part()) == [("room", "Kitchen", None)]


def test_nested_values_have_the_path_that_a_person_would_write() -> None:
    """The path joins tables by dots, and numbers the rules."""
    rules = [{"device": "a", "turns": {"status": True}}, {"device": "b", "turns": {"status": True}}]
    old = part(simulated={"speed": 15}, when=rules)
    new = part(simulated={"speed": 1}, when=[rules[0], {"device": "c", "turns": {"status": False}}])
    assert found(old, new) == [
        ("simulated.speed", 15, 1),
        ("when[1].device", "b", "c"),
        ("when[1].turns.status", True, False),
    ]


def test_a_rule_that_gets_into_a_circle_is_a_difference() -> None:
    """A rule of another device closes the circle, so the own table stays as it is."""
    old = part(kind="lamp")
    assert found(old, replace(old, circular_rules=(0,))) == [("circular_rules", None, (0,))]


def test_a_list_of_values_is_one_value() -> None:
    """A list of days is one value."""
    assert found(part(days=["mon"]), part(days=["mon", "tue"])) == [("days", ["mon"], ["mon", "tue"])]


def test_values_of_the_house_and_of_peers_are_distinguished() -> None:
    """Their paths differ from all keys of a device."""
    old = Slice(name="mirror", house={"timezone": "UTC"}, table={}, peers={"a": Peer("A", "Hall", "lamp")})
    new = Slice(name="mirror", house={"timezone": "CET"}, table={}, peers={"a": Peer("A", "Attic", "lamp")})
    assert found(old, new) == [("house.timezone", "UTC", "CET"), ("peers.a.room", "Hall", "Attic")]


@given(SLICES)
def test_a_slice_does_not_differ_from_itself(slice_: Slice) -> None:
    """Equal slices have no difference."""
    assert found(slice_, slice_) == []


@given(SLICES, SLICES)
def test_two_slices_that_differ_in_anything_differ_in_a_value(one: Slice, other: Slice) -> None:
    """Different slices have at least one difference, also for an empty table."""
    assert bool(found(one, other)) == (one != other)


@given(SLICES, SLICES)
def test_differences_read_backwards_are_the_way_back(one: Slice, other: Slice) -> None:
    """A rollback has the same differences with exchanged sides."""
    assert found(other, one) == [(key, new, old) for key, old, new in found(one, other)]


def test_one_house_to_another() -> None:
    """A new process starts, a removed one stops, a changed one restarts; others are not named."""
    same, before, after = (
        part(kind="lamp"),
        part(kind="toaster", browning=3),
        part(kind="toaster", browning=4),
    )
    plan = make_plan(
        {"gone": same, "lamp": same, "toaster": before},
        {"lamp": same, "new": same, "toaster": after},
        relaunched=set(),
    )
    assert [(change.name, change.action) for change in plan] == [
        ("gone", "stop"),
        ("new", "start"),
        ("toaster", "restart"),
    ]
    assert plan[2] == ProcessChange("toaster", "restart", (Difference("browning", 3, 4),))
    assert Difference("kind", "lamp", None) in plan[0].differences
    assert Difference("kind", None, "lamp") in plan[1].differences


def test_a_changed_program_is_reported_as_the_reason_of_a_restart() -> None:
    """If a new version renders another program, the process restarts with equal values."""
    plan = make_plan({"toaster": part()}, {"toaster": part()}, relaunched={"toaster"})
    assert [(change.name, change.action) for change in plan] == [("toaster", "restart")]
    assert [difference.key for difference in plan[0].differences] == ["program"]


def test_values_are_the_better_reason() -> None:
    """For a changed slice only its values are reported, and not the changed program."""
    plan = make_plan({"toaster": part(browning=3)}, {"toaster": part(browning=4)}, relaunched={"toaster"})
    assert [difference.key for difference in plan[0].differences] == ["browning"]


@given(HOUSES, HOUSES, st.sets(st.sampled_from(["lamp", "mirror", "toaster"])))
def test_a_plan_names_each_process_at_most_once_and_every_one_that_changes(
    running: dict[str, Slice], written: dict[str, Slice], relaunched: set[str]
) -> None:
    """The plan is in order and complete, and has a reason for each process."""
    plan = {change.name: change.action for change in make_plan(running, written, relaunched=relaunched)}
    assert list(plan) == sorted(plan)
    for name in running.keys() | written.keys():
        if name not in running:
            assert plan.pop(name) == "start"
        elif name not in written:
            assert plan.pop(name) == "stop"
        elif name in relaunched or found(running[name], written[name]):
            assert plan.pop(name) == "restart"
    assert not plan


def test_a_changed_rule_that_had_begun_something_is_named() -> None:
    """Rules that only move, or that wait for nothing, are not named."""
    press = {"device": "switch", "turns": {"status": True}}
    waits, lasts, kept, idle = (
        {**press, "do": "on", "delay": "5m"},
        {**press, "do": "off", "for": "1h"},
        {**press, "do": "toggle", "delay": "5m"},
        {"at": "06:30", "do": "on"},
    )
    begun = {rule_key(convert(rule, Rule)) for rule in (waits, lasts, kept)}
    old = part(when=[waits, lasts, kept, idle, {"of": "another version"}])
    new = part(when=[kept, {**waits, "delay": "6m"}])
    assert list(begun_rules(old, new, begun)) == [
        "when[0]: its running delay is dropped, and no on follows",
        "when[1]: its running for is dropped, and no off follows",
    ]
    assert list(begun_rules(old, old, begun)) == []


def test_each_changed_key_has_the_file_and_line_in_which_it_stands(tmp_path: Path) -> None:
    """A default stands in the main file; a fact about another device stands in no file."""
    (tmp_path / "rooms").mkdir()
    (tmp_path / "house.toml").write_text(
        'include = ["rooms/*.toml"]\n[house]\ntimezone = "UTC"\n[recorder]\nkeep = "2h"\n'
        '[defaults.kinds.lamp]\ndriver = "simulated"\nbrightness_percent = 40\n'
        '[devices.button]\nkind = "button"\ndriver = "simulated"\n'
    )
    (tmp_path / "rooms" / "hall.toml").write_text(
        '[devices.hall]\nkind = "lamp"\nroom = "Hall"\n'
        '[[devices.hall.when]]\nat = "06:00"\ndo = "on"\n'
        '[[devices.hall.when]]\ndevice = "button"\nturns = { phase = "single" }\ndo = "on"\n'
    )
    place = load_house(tmp_path / "house.toml").locator().place

    def places(name: str, *keys: str) -> list[str | None]:
        change = ProcessChange(name, "restart", tuple(Difference(key, 1, 2) for key in keys))
        return [one.place for one in with_places(change, place).differences]

    assert places("hall", "room", "when[1].turns.phase", "when[0].do") == [
        "rooms/hall.toml:3", "rooms/hall.toml:9", "rooms/hall.toml:6",
    ]  # fmt: skip
    assert places("hall", "brightness_percent", "driver") == ["house.toml:8", "house.toml:7"]
    assert places("hall", "house.timezone", "removed") == ["house.toml:3", "rooms/hall.toml:1"]
    assert places("recorder", "keep", "peers.hall.kind") == ["house.toml:5", None]
    assert places("hall", "program") == [None]
    started, stopped = (with_places(ProcessChange("hall", action, ()), place) for action in ("start", "stop"))
    assert (started.place, stopped.place) == ("rooms/hall.toml:1", None)
