"""Circles of rules: which are refused, and which are allowed because each of their rules copies."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config.circles import Graph, find_circle, groups_of_circles
from daemons.config.house import House, load_house
from daemons.errors import ConfigurationError
from daemons.values import format_toml


def house_of(path: Path, devices: dict[str, list[dict[str, Any]]], **more: dict[str, Any]) -> House:
    """Return a house of lamps with these rules; `more` has other keys of a device."""
    text = ""
    for name, rules in devices.items():
        table = {"kind": "lamp", "driver": "simulated", **more.get(name, {}), "when": rules}
        text += f"[devices.{name}]\n" + "".join(f"{key} = {format_toml(table[key], 9999)}\n" for key in table)
    file = path / "house.toml"
    file.write_text(text)
    return load_house(file)


def problem(path: Path, devices: dict[str, list[dict[str, Any]]], **more: dict[str, Any]) -> str:
    """Return the only problem of a house of lamps."""
    with pytest.raises(ConfigurationError) as raised:
        house_of(path, devices, **more)
    (found,) = raised.value.problems
    return str(found.text)


def on(device: str, **more: Any) -> dict[str, Any]:
    """Return a rule that goes on when another device goes on."""
    return {"device": device, "turns": {"status": True}, "do": "on", **more}


def off(device: str, **more: Any) -> dict[str, Any]:
    """Return a rule that goes off when another device goes off."""
    return {"device": device, "turns": {"status": False}, "do": "off", **more}


FOLLOW = {"follow": ["status", "brightness_percent"]}


def test_two_lamps_may_follow_each_other(tmp_path: Path) -> None:
    """On follows on, and off follows off: both rules of both lamps are in the circle."""
    house = house_of(tmp_path, {"a": [on("b"), off("b")], "b": [on("a"), off("a")]})
    assert [sorted(house.devices[name].circular_rules) for name in "ab"] == [[0, 1], [0, 1]]


def test_values_may_follow_each_other(tmp_path: Path) -> None:
    """Three lamps in a ring copy status and brightness."""
    rules = {name: [{"device": other, **FOLLOW}] for name, other in ("ab", "bc", "ca")}
    house = house_of(tmp_path, rules)
    assert [sorted(device.circular_rules) for device in house.devices.values()] == [[0], [0], [0]]


def test_a_rule_outside_the_circle_is_not_in_it(tmp_path: Path) -> None:
    """The lamp also follows a third lamp, which does not hear it."""
    house = house_of(tmp_path, {"a": [on("c"), on("b")], "b": [on("a")], "c": []})
    assert [sorted(house.devices[name].circular_rules) for name in "abc"] == [[1], [0], []]


@pytest.mark.parametrize("changed", [{"delay": "1s"}, {"for": "1s"}, {"cooldown": "1s"}])
def test_a_circle_that_waits_is_refused(tmp_path: Path, changed: dict[str, str]) -> None:
    """With a delay, two lamps that cross would swap their states for ever."""
    text = problem(tmp_path, {"a": [on("b"), off("b", **changed)], "b": [on("a"), off("a")]})
    assert text == "devices that start each other never stop: a listens to b listens to a"


@pytest.mark.parametrize(
    "rule",
    [
        {"device": "b", "turns": {"status": True}, "do": "toggle"},
        {"device": "b", "turns": {"starts": 3}, "do": "on"},
        {"device": "b", "above": {"power_watts": 3}, "do": "on"},
    ],
)
def test_a_circle_that_does_not_copy_is_refused(tmp_path: Path, rule: dict[str, Any]) -> None:
    """A toggle, a count and a measurement are no copies."""
    text = problem(tmp_path, {"a": [rule], "b": [on("a"), off("a")]})
    assert text == "devices that start each other never stop: a listens to b listens to a"


def test_a_lamp_may_go_off_some_time_after_it_went_on(tmp_path: Path) -> None:
    """Its own rule cannot make itself act: off is not on."""
    house = house_of(tmp_path, {"a": [off("a", turns={"status": True}, **{"for": "5m"})]})
    assert not house.devices["a"].circular_rules


@pytest.mark.parametrize("rule", [on("a"), off("a"), {"device": "a", **FOLLOW}])
def test_a_device_that_copies_itself_is_refused(tmp_path: Path, rule: dict[str, Any]) -> None:
    """It has that value already, so the rule never changes anything."""
    assert problem(tmp_path, {"a": [rule]}).startswith("a has this value already")


@pytest.mark.parametrize(("do", "is_allowed"), [("off", True), ("on", False)])
def test_a_rule_with_all_may_ask_for_its_own_device(tmp_path: Path, do: str, is_allowed: bool) -> None:
    """What it does must end one of its conditions, else it would act again and again."""
    conditions = [{"device": "a", "is": {"status": True}}, {"device": "b", "is": {"status": True}}]
    devices: dict[str, list[dict[str, Any]]] = {"a": [{"all": conditions, "for": "5m", "do": do}], "b": []}
    if is_allowed:
        assert not house_of(tmp_path, devices).devices["a"].circular_rules
    else:
        assert "listens to a" in problem(tmp_path, devices)


def test_a_lamp_that_would_blink_is_refused(tmp_path: Path) -> None:
    """It goes off after a while, and on again after a while."""
    rules = [off("a", turns={"status": True}, **{"for": "5m"})]
    rules.append(on("a", turns={"status": False}, **{"for": "5m"}))
    assert problem(tmp_path, {"a": rules}) == "devices that start each other never stop: a listens to a"


def test_lamps_that_only_end_each_other_are_no_circle(tmp_path: Path) -> None:
    """When one goes on, the other goes off, and nothing follows from that."""
    other = {"turns": {"status": True}, "do": "off"}
    house = house_of(tmp_path, {"a": [{"device": "b", **other}], "b": [{"device": "a", **other}]})
    assert not house.devices["a"].circular_rules


def test_a_lamp_that_goes_off_by_itself_can_close_a_circle(tmp_path: Path) -> None:
    """One goes on when the other goes off, which it does by its `off_after`."""
    rule = {"turns": {"status": False}, "do": "on"}
    devices = {"a": [{"device": "b", **rule}], "b": [{"device": "a", **rule}]}
    assert not house_of(tmp_path, devices).devices["a"].circular_rules
    text = problem(tmp_path, devices, a={"off_after": "5m"}, b={"off_after": "5m"})
    assert text == "devices that start each other never stop: a listens to b listens to a"


@settings(max_examples=60)
@given(st.dictionaries(st.integers(0, 6), st.sets(st.integers(0, 6)), max_size=7))
def test_a_circle_is_found_where_there_is_one(leads_to: dict[int, set[int]]) -> None:
    """A circle is found exactly if a rule leads back to itself, and each one is real."""
    numbers = range(7)
    graph: Graph = {("x", one): [("x", other) for other in leads_to.get(one, ())] for one in numbers}

    def reaches(start: int) -> set[int]:
        found: set[int] = set()
        waiting = [start]
        while waiting:
            new = leads_to.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    groups = list(groups_of_circles(graph))
    in_circles = {index for group in groups for _, index in group}
    assert in_circles == {one for one in numbers if one in reaches(one)}
    for group in groups:
        for node in group:
            circle = find_circle(graph, node, set(group))
            assert circle[0] == node
            assert all(
                after in graph[before] for before, after in zip(circle, [*circle[1:], node], strict=True)
            )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"turns": {"phase": {"from": "of"}}}, 'phase of b is never "of" with its options'),
        ({"turns": {"phase": {"form": "off"}}}, "unknown key; did you mean 'from'?"),
        ({"turns": {"phase": {"from": "on", "to": "on"}}}, "from and to are the same value"),
        ({"turns": {"status": True}, "mode": "restart"}, "mode goes with delay or for"),
        ({"turns": {"status": True}, "only_if": [{"device": "b", "by": "ruel"}]}, "did you mean 'rule'?"),
        ({"turns": {"status": True}, "none": [{"device": "b", "by": "rule:c"}]}, 'there is no device "c"'),
        (
            {"turns": {"status": True}, "any": [{"device": "b"}]},
            "it takes one of is, above, below and presence, or by",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_explained(tmp_path: Path, rule: dict[str, Any], expected: str) -> None:
    """There is one problem, and it names what is wrong."""
    assert expected in problem(tmp_path, {"a": [{"device": "b", "do": "on", **rule}], "b": []})


@pytest.mark.parametrize(
    ("follow", "expected"),
    [
        (["stats"], "a lamp cannot copy \"stats\"; did you mean 'status'?"),
        (["brightness_percent"], 'a lamp copies its other fields only together with "status"'),
    ],
)
def test_a_device_copies_only_what_its_commands_can_set(
    tmp_path: Path, follow: list[str], expected: str
) -> None:
    """The problem names what it can copy."""
    with pytest.raises(ConfigurationError) as raised:
        house_of(tmp_path, {"a": [{"device": "b", "follow": follow}], "b": []})
    assert expected in raised.value.problems[0].text
