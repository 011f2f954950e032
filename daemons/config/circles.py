"""Finds circles of rules: rules that make each other act, so that devices might never stop. Pure.

A rule leads to another rule if the change that its command makes can be the one that the other waits for.
A circle is allowed if each of its rules copies: on follows on, off follows off, a value follows a value. Then
each device acts only on a chain of changes that began later than its own latest one, so no chain comes back.
"""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.config.device import Device
from daemons.config.possible import possible_states
from daemons.config.rule import Rule
from daemons.values import Problem

Node = tuple[str, int]
"""A rule: the name of its device, and its index."""
Graph = dict[Node, list[Node]]


def with_circles(devices: dict[str, Device], problems: list[Problem]) -> dict[str, Device]:
    """Return the devices with their rules in allowed circles; add a problem for each other circle."""
    graph = rule_graph(devices)
    circular: dict[str, set[int]] = {}
    for circle in groups_of_circles(graph):
        foreign = [node for node in circle if not copies(devices[node[0]], _rule(devices, node))]
        itself = [node for node in circle if _rule(devices, node).device == node[0]]
        if foreign:
            problems.append(_problem(find_circle(graph, min(foreign), set(circle)), devices))
        elif itself:
            name, index = itself[0]
            text = f"{name} has this value already when its rule acts, so the rule changes nothing"
            problems.append(Problem(("devices", name, "when", index, "device"), text))
        else:
            for name, index in circle:
                circular.setdefault(name, set()).add(index)
    return {
        name: replace(device, circular_rules=frozenset(circular[name])) if name in circular else device
        for name, device in devices.items()
    }


def copies(device: Device, rule: Rule) -> bool:
    """Return whether a rule gives its device the values that the other device has turned to, at once."""
    if rule.for_seconds or rule.delay_seconds or rule.cooldown_seconds:
        return False
    if rule.follow:
        return True
    effect, wanted = device.kind.effect_of(rule.do), rule.wanted
    return bool(effect) and not rule.former and all(wanted.get(name) == effect[name] for name in effect)


def rule_graph(devices: Mapping[str, Device]) -> Graph:
    """Return for each rule the rules to which it leads."""
    listeners: dict[str, list[Node]] = {}
    for name, device in devices.items():
        for index, rule in enumerate(device.rules):
            conditions = [one for one in rule.all or () if one.presence is None]
            heard = [rule.device] if rule.device else [condition.device for condition in conditions]
            if rule.turning == ("reachable",):
                continue  # no command makes hardware reachable, or unreachable
            for other in dict.fromkeys(heard):
                listeners.setdefault(str(other), []).append((name, index))
    return {
        (name, index): [
            node for node in listeners.get(name, []) if leads_to(device, rule, _rule(devices, node))
        ]
        for name, device in devices.items()
        for index, rule in enumerate(device.rules)
    }


def leads_to(device: Device, rule: Rule, other: Rule) -> bool:
    """Return whether a rule of a device can make another rule act, which hears this device."""
    effect = lasting_effect(device, rule)
    if effect and other.all:
        held = {
            name: value
            for condition in other.all
            if condition.device == device.name
            for name, value in (condition.is_ or {}).items()
        }
        return can_have(device, effect, held)
    if not effect or not other.turns:
        return True
    if not can_have(device, effect, other.wanted):
        return False
    return not any(name in effect and effect[name] == value for name, value in other.former.items())


def can_have(device: Device, effect: Mapping[str, Scalar], values: Mapping[str, Scalar]) -> bool:
    """Return whether a device can have these values after a command with this effect."""
    if any(effect.get(name, value) != value for name, value in values.items()):
        return False
    return bool(possible_states(device, {**effect, **values}))


def lasting_effect(device: Device, rule: Rule) -> dict[str, Scalar]:
    """Return the fields that the command of a rule sets for good; empty if that is not known."""
    effect = {} if rule.follow else device.kind.effect_of(rule.do)
    goes_off = device.off_after_seconds or getattr(device.options, "max_on_seconds", None)
    return {} if effect.get("status") is True and goes_off else effect


def groups_of_circles(graph: Graph) -> Iterator[list[Node]]:
    """Yield each group of rules that lead to each other (the strongly connected components of the graph)."""
    found: list[list[Node]] = []
    numbers: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    open_nodes: list[Node] = []

    def visit(node: Node) -> None:
        numbers[node] = lowest[node] = len(numbers)
        open_nodes.append(node)
        for after in graph[node]:
            if after not in numbers:
                visit(after)
                lowest[node] = min(lowest[node], lowest[after])
            elif after in open_nodes:
                lowest[node] = min(lowest[node], numbers[after])
        if lowest[node] == numbers[node]:
            start = open_nodes.index(node)
            found.append(open_nodes[start:])
            del open_nodes[start:]

    for node in graph:
        if node not in numbers:
            visit(node)
    for group in found:
        if len(group) > 1 or group[0] in graph[group[0]]:
            yield group


def find_circle(graph: Graph, start: Node, group: set[Node]) -> list[Node]:
    """Return the shortest way from a rule of a group back to itself, without the last step."""
    ways: list[list[Node]] = [[start]]
    seen = {start}
    for way in ways:
        for after in graph[way[-1]]:
            if after == start:
                return way
            if after in group and after not in seen:
                seen.add(after)
                ways.append([*way, after])
    return [start]


def _problem(circle: list[Node], devices: Mapping[str, Device]) -> Problem:
    """Return the problem of a circle: it stands at the first rule, which hears the last device."""
    name, index = circle[0]
    rule = _rule(devices, circle[0])
    key = "device" if rule.device else "all"
    others = [device for device, _ in reversed(circle[1:]) if device != name]
    names = [name, *others, name]
    text = "devices that start each other never stop: " + " listens to ".join(names)
    return Problem(("devices", name, "when", index, key), text)


def _rule(devices: Mapping[str, Device], node: Node) -> Rule:
    return devices[node[0]].rules[node[1]]
