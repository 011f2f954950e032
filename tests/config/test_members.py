"""Scenes and groups: their members, the rules that the members get, and what `house check` refuses."""

import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config.check import check
from daemons.config.house import House, load_house
from daemons.config.members import expand
from daemons.config.plan import make_plan
from daemons.config.slice import Slice
from daemons.errors import ConfigurationError
from daemons.values import Problem

LAMPS = """\
[devices.hall_lamp]
kind = "lamp"
driver = "simulated"
room = "Hall"
[devices.desk_lamp]
kind = "lamp"
driver = "simulated"
room = "Study"
[devices.kettle]
kind = "plug"
driver = "simulated"
room = "Study"
[devices.toaster]
kind = "toaster"
driver = "simulated"
[devices.window]
kind = "sensor"
driver = "simulated"
detects = "opening"
[devices.remote]
kind = "button"
driver = "simulated"
[devices.pump]
kind = "plug"
driver = "foreign"
"""
SCENE = '[devices.movie]\nkind = "scene"\n'
GROUP = '[devices.lights]\nkind = "group"\n'


def house(more: str) -> House:
    """Return the house with more tables."""
    return load_house(Path("house.toml"), LAMPS + more)


def problems(more: str) -> list[str]:
    """Return what `house check` says of the house with more tables."""
    with pytest.raises(ConfigurationError) as refused:
        house(more)
    return [str(problem).removeprefix("house.toml:") for problem in refused.value.problems]


def line(more: str, text: str) -> int:
    """Return the line of a text in the file."""
    return (LAMPS + more).split(text)[0].count("\n") + 1


def members(of: House, name: str) -> list[str]:
    """Return the members of a group or a scene."""
    device = of.devices[name]
    return list(device.kind.sources(device.options))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ('members = ["hall_lamp", "kettle"]', ["hall_lamp", "kettle"]),
        ('members = ["hall_lamp"]\nroom = "Study"', ["hall_lamp"]),
        ('of = "lamp"', ["hall_lamp", "desk_lamp"]),
        ('of = ["plug", "sensor"]', ["kettle", "window", "pump"]),
        ('of = "lamp"\nroom = "Study"', ["desk_lamp"]),
        ('room = "Study"', ["desk_lamp", "kettle"]),
        ('room = "House"', ["toaster", "pump"]),
    ],
)
def test_a_group_has_members_by_name_by_kind_or_by_room(options: str, found: list[str]) -> None:
    """A room alone means what is switched there. With `members`, the room is only that of the group."""
    assert members(house(GROUP + options), "lights") == found


def test_a_group_in_a_group_stands_for_its_members() -> None:
    """Each device is a member once."""
    more = GROUP + 'of = "lamp"\n[devices.all]\nkind = "group"\nmembers = ["lights", "hall_lamp", "kettle"]'
    assert members(house(more), "all") == ["hall_lamp", "desk_lamp", "kettle"]


def test_each_member_gets_the_rules_of_its_scene_in_its_own_slice() -> None:
    """They come after its own rules. The scene listens to its members."""
    more = SCENE + 'sets = { hall_lamp = { on = { brightness_percent = 30 } }, toaster = "stop" }\n'
    own = '[[devices.toaster.when]]\nat = "06:30"\ndo = "start"\n'
    made = house(more + own)
    rules = made.slices()["toaster"].table["when"]
    assert rules[0] == {"at": "06:30", "do": "start"}
    assert rules[1] == {"made_by": "movie", "device": "movie", "turns": {"asked": "on"}, "do": "stop"}
    on, undo = made.devices["hall_lamp"].rules
    assert (on.do, on.with_, on.turns) == ("on", {"brightness_percent": 30}, {"asked": "on"})
    assert (undo.turns, undo.command_from) == ({"asked": "undo"}, "orders")
    assert made.devices["movie"].subscriptions == {"hall_lamp", "toaster"}
    assert made.devices["toaster"].subscriptions == {"movie"}
    assert made.devices["desk_lamp"].rules == ()


def test_a_changed_scene_restarts_exactly_its_members() -> None:
    """The plan names the rule of the scene, and the scene itself."""
    before = house(SCENE + 'sets = { hall_lamp = { on = { brightness_percent = 30 } }, kettle = "off" }')
    after = house(SCENE + 'sets = { hall_lamp = { on = { brightness_percent = 40 } }, kettle = "off" }')
    plan = make_plan(before.slices(), after.slices(), relaunched=set())
    assert [(change.name, change.action) for change in plan] == [
        ("hall_lamp", "restart"),
        ("movie", "restart"),
    ]
    (difference,) = plan[0].differences
    assert (difference.key, difference.old, difference.new) == (
        "when[0] of movie.with.brightness_percent", 30, 40,
    )  # fmt: skip


def test_a_house_that_is_not_changed_restarts_nothing() -> None:
    """The running slices were read from JSON."""
    made = house(GROUP + 'of = "lamp"\n' + SCENE + 'sets = { hall_lamp = "on" }')
    running = {
        name: msgspec.json.decode(slice_.encode(), type=Slice) for name, slice_ in made.slices().items()
    }
    assert make_plan(running, made.slices(), relaunched=set()) == []


def test_a_changed_scene_is_shown_as_it_is_written() -> None:
    """The plan leaves out what House adds to it; a new member of a group is shown by that."""
    before, after = (
        house(SCENE + f"sets = {{ hall_lamp = {{ on = {{ brightness_percent = {bright} }} }} }}")
        for bright in (30, 40)
    )
    plan = make_plan(before.slices(), after.slices(), relaunched=set())
    assert [difference.key for difference in plan[1].differences] == ["sets.hall_lamp.on.brightness_percent"]
    grown = house(GROUP + 'of = "lamp"\n[devices.new]\nkind = "lamp"\ndriver = "simulated"\n')
    plan = make_plan(house(GROUP + 'of = "lamp"').slices(), grown.slices(), relaunched=set())
    assert [(change.name, change.action) for change in plan if change.name in grown.devices] == [
        ("lights", "restart"), ("new", "start"),
    ]  # fmt: skip
    assert all(one.key.startswith("resolved.new.") for one in plan[1].differences)


def test_a_group_in_a_scene_stands_for_its_members_and_a_device_goes_before_its_group() -> None:
    """Off is the command of each member that switches it off."""
    more = GROUP + 'members = ["hall_lamp", "desk_lamp", "toaster"]\n'
    more += SCENE + 'sets = { hall_lamp = "on", lights = "off" }'
    made = house(more)
    asked = {name: made.devices[name].rules[0] for name in ("hall_lamp", "desk_lamp", "toaster")}
    by_scene = {
        name: next(rule.do for rule in made.devices[name].rules if rule.made_by == "movie") for name in asked
    }
    assert by_scene == {"hall_lamp": "on", "desk_lamp": "off", "toaster": "stop"}


@pytest.mark.parametrize(
    ("more", "at", "text"),
    [
        (
            SCENE + 'sets = { hal_lamp = "off" }',
            "sets",
            '[devices.movie] sets.hal_lamp: there is no device "hal_lamp"; did you mean ',
        ),
        (
            SCENE + '[devices.movie.sets]\nkettle = "off"\nhall_lamp = "dim"\n',
            "hall_lamp = ",
            "[devices.movie] sets.hall_lamp: \"dim\": did you mean 'dimmer'?",
        ),
        (
            SCENE + "sets = { hall_lamp = { on = { brightness_percent = 300 } } }",
            "sets",
            "[devices.movie] sets.hall_lamp.on.brightness_percent: 300 is not allowed;",
        ),
        (
            SCENE + 'sets = { hall_lamp = "toggle" }',
            "sets",
            "[devices.movie] sets.hall_lamp: toggle leads to no certain state;",
        ),
        (
            SCENE + "sets = { hall_lamp = { on = {}, off = {} } }",
            "sets",
            "[devices.movie] sets.hall_lamp: it takes one command; write one scene for each state",
        ),
        (
            SCENE + 'sets = { pump = "off" }',
            "sets",
            "[devices.movie] sets.pump: pump runs in your own program, and has no rules;",
        ),
        (
            SCENE,
            "[devices.movie]",
            '[devices.movie] it sets nothing; write, for example, sets = { hall_lamp = "off" }',
        ),
        (
            SCENE + 'sets = { hall_lamp = "off" }\nresolved = {}',
            "resolved",
            "[devices.movie] resolved: unknown key; it is added by House itself",
        ),
        (
            GROUP + 'of = "lamp"\n' + SCENE + 'sets = { lights = "close" }',
            "sets",
            "[devices.movie] sets.lights: hall_lamp, a member of lights, has no command close",
        ),
        (
            GROUP + 'members = ["hall_lamp", "desk_lam"]',
            "members =",
            '[devices.lights] members: there is no device "desk_lam"; did you mean \'desk_lamp\'? allowed: ',
        ),
        (
            GROUP + 'members = ["lights", "desk_lamp"]',
            "members =",
            "[devices.lights] members: a group cannot be a member of itself: lights has the member lights",
        ),
        (
            GROUP + 'members = ["more"]\n[devices.more]\nkind = "group"\nmembers = ["lights"]',
            'members = ["lights"]',
            "[devices.more] members: a group cannot be a member of itself: lights has the member more",
        ),
        (
            GROUP,
            "[devices.lights]",
            "[devices.lights] it has no members; write members, of or room",
        ),
        (
            GROUP + 'of = "lamb"',
            "of =",
            '[devices.lights] of: unknown kind "lamb"; did you mean \'lamp\'? allowed: ',
        ),
        (
            GROUP + 'of = "lamp"\nroom = "Cellar"',
            "[devices.lights]",
            '[devices.lights] it has no members: there is no lamp in the room "Cellar"',
        ),
        (
            GROUP + 'members = ["hall_lamp", "window"]\n[[devices.lights.when]]\nat = "22:00"\ndo = "off"',
            'do = "off"',
            "[devices.lights.when] do: window, a member of it, has no command off; allowed: none",
        ),
        (
            '[devices.away]\nkind = "presence"\nmembers = ["toaster"]',
            "[devices.away]",
            "[devices.away] toaster has a max_on: what heats is not repeated",
        ),
        (
            '[devices.away]\nkind = "presence"\nmembers = ["window"]',
            "[devices.away]",
            "[devices.away] window is a sensor, whose states cannot be repeated",
        ),
        (
            '[devices.away]\nkind = "presence"\nof = "lamp"\n[recorder]\nenabled = false',
            "[devices.away]",
            "[devices.away] it repeats the history, and [recorder] has enabled = false; remove that",
        ),
        (
            '[devices.away]\nkind = "presence"\nof = "lamp"\nafter = "40d"',
            "after",
            "[devices.away] after: the recorder does not keep the history for so long; make keep in",
        ),
        (
            '[[devices.hall_lamp.when]]\nat = "22:00"\ndo = "off"\nmade_by = "me"',
            "made_by",
            "[devices.hall_lamp.when] made_by: unknown key; it is added by House itself",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_reported_at_the_line_of_the_scene_or_the_group(more: str, at: str, text: str) -> None:
    """One problem, with the line, the table and the key that a person wrote."""
    found = problems(more)
    assert found[0].startswith(f"{line(more, at)}: {text}"), found
    assert len(found) == 1


def test_a_scene_that_a_member_starts_is_a_circle() -> None:
    """A rule of a group hears its member, which hears the group."""
    more = (
        GROUP
        + 'of = "lamp"\n[[devices.lights.when]]\ndevice = "hall_lamp"\nturns = { status = true }\ndo = "on"'
    )
    (found,) = problems(more)
    assert "devices that start each other never stop: " in found


def test_a_scene_has_not_more_members_than_its_undo_can_name() -> None:
    """It is refused before it runs."""
    names = [f"a_lamp_with_a_rather_long_name_{letter}" for letter in string.ascii_lowercase]
    tables = "".join(f'[devices.{name}]\nkind = "lamp"\ndriver = "simulated"\n' for name in names)
    sets = ", ".join(f'{name} = "off"' for name in names)
    (found,) = problems(f"{tables}{SCENE}sets = {{ {sets} }}")
    assert "26 devices are too many for one scene; make two" in found


def test_a_house_without_scenes_and_groups_is_not_changed() -> None:
    """Its tables are those of the file."""
    assert expand(house("").raw).raw == house("").raw


names = st.sampled_from(["a", "b", "c", "d"])
leaves: st.SearchStrategy[Any] = st.sampled_from(["on", "off", "a", "b", "lamp", "group", "Hall", True, 3])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.just("on"), inner, max_size=3),
    max_leaves=8,
)
tables = st.fixed_dictionaries(
    {"kind": st.sampled_from(["scene", "group", "lamp", "sensor", "mirror", "nothing"]) | values},
    optional={
        "driver": st.just("simulated"),
        "members": st.lists(names, max_size=3) | values,
        "of": st.sampled_from(["lamp", "group"]) | values,
        "room": st.just("Hall") | values,
        "sets": st.dictionaries(names, st.sampled_from(["on", "off", {"on": {}}]), max_size=3) | values,
        "when": st.lists(values | st.just({"at": "06:30", "do": "on"}), max_size=2) | values,
    },
)


@pytest.mark.long
@settings(max_examples=200)
@given(st.dictionaries(names, tables | values, max_size=4))
def test_no_table_raises(devices: dict[str, Any]) -> None:
    """Any tables of scenes and groups become a house, or problems at places of the file."""
    expansion = expand({"devices": devices})
    found: list[Problem] = [*expansion.problems]
    check(expansion.raw, found)
    for problem in found:
        match expansion.in_file(problem).path:
            case ("devices", name, "when", int(index), *_):
                assert index < len(devices[str(name)]["when"])
