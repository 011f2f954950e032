"""The plan of a reload: which processes it starts, stops and restarts, and why. Pure."""

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER
from daemons.config.rule import Rule, rule_key
from daemons.config.slice import ORDER, Slice
from daemons.values import Path as Where
from daemons.values import parse_table


class Difference(Struct, frozen=True, omit_defaults=True):
    """One value that differs; on a side where it is missing, it is None."""

    key: str
    old: Any
    new: Any
    place: str | None = None
    """The file and the line of the key, such as `rooms/kitchen.toml:4`, in a house of several files."""


class ProcessChange(Struct, frozen=True, omit_defaults=True):
    """What a reload does to one process."""

    name: str
    action: Literal["start", "stop", "restart"]
    differences: tuple[Difference, ...]
    dropped: tuple[str, ...] = ()
    """What its changed or removed rules have begun, and the reload drops, one sentence each."""
    place: str | None = None
    """The file and the line of the device that is started, in a house of several files."""


def make_plan(
    running: dict[str, Slice], written: dict[str, Slice], *, relaunched: set[str]
) -> list[ProcessChange]:
    """Return the changes that lead from the running slices to the written ones.

    `relaunched` are processes whose supervisord program differs although their slice does not.
    """
    plan = []
    for name in sorted(running.keys() | written.keys()):
        old, new = running.get(name), written.get(name)
        differences = written_differences(tuple(differ(old, new)))
        if old is None:
            plan.append(ProcessChange(name, "start", differences))
        elif new is None:
            plan.append(ProcessChange(name, "stop", differences))
        elif differences:
            plan.append(ProcessChange(name, "restart", differences))
        elif name in relaunched:
            plan.append(
                ProcessChange(
                    name, "restart", (Difference("program", "as installed", "as this version renders it"),)
                )
            )
    return plan


def with_places(change: ProcessChange, place: Callable[[Where], str]) -> ProcessChange:
    """Return a change with the place of each of its keys; `place` returns that of a path.

    A device that is started has one place, and one that is stopped has none any more.
    """
    if change.action == "start":
        return replace(change, place=place(("devices", change.name)))
    if change.action == "stop":
        return change
    differences = tuple(
        replace(found, place=place(path)) if (path := path_of(change.name, found.key)) else found
        for found in change.differences
    )
    return replace(change, differences=differences)


def path_of(name: str, key: str) -> Where | None:
    """Return the path of a key of a process in the configuration; None for a key that no file has."""
    parts = [int(number) if number else word for word, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key)]
    if not parts or parts[0] in ("peers", "program", "code"):
        return None
    if parts[0] == "house":
        return tuple(parts)
    return (name, *parts) if name in (RECORDER, EXCHANGE, BRIDGE) else ("devices", name, *parts)


def written_differences(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Return the differences without those that follow from others, unless there are no others."""
    written = tuple(
        found
        for found in differences
        if not found.key.startswith("resolved.") and found.key != f"house.{ORDER}"
    )
    return written or differences


def begun_rules(old: Slice, new: Slice, begun: set[str]) -> Iterator[str]:
    """Yield a sentence for each rule that waits for its `for` or `delay`, and is not in the new slice.

    `begun` has the keys of the rules that wait. A changed rule is a new rule, and begins anew.
    """
    kept = {rule_key(rule) for _, rule in rules_of(new)}
    for index, rule in rules_of(old):
        if (key := rule_key(rule)) in begun and key not in kept:
            word = "for" if rule.for_seconds else "delay"
            yield f"when[{index}]: its running {word} is dropped, and no {rule.do} follows"


def rules_of(slice_: Slice) -> Iterator[tuple[int, Rule]]:
    """Yield each rule of a slice with its index. A slice of another version may have invalid ones."""
    rules = slice_.table.get("when", [])
    for index, raw in enumerate(rules if isinstance(rules, list) else []):
        if rule := parse_table(raw, Rule, (), []):
            yield index, rule


def differ(old: Slice | None, new: Slice | None) -> Iterator[Difference]:
    """Yield each value that differs between two slices, with its path."""
    before, after = dict(flatten(old)), dict(flatten(new))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield Difference(key, before.get(key), after.get(key))


def flatten(slice_: Slice | None) -> Iterator[tuple[str, Any]]:
    """Yield each value of a slice with its path in the configuration."""
    if slice_ is None:
        return
    raw = msgspec.to_builtins(slice_)
    for part, prefix in (("table", ""), ("house", "house."), ("peers", "peers.")):
        for key, value in raw[part].items():
            if prefix == "peers." and key == slice_.name:
                continue  # what others know of it follows from its own table
            yield from _flatten(value, f"{prefix}{key}.")
    if raw["circular_rules"]:
        yield "circular_rules", raw["circular_rules"]
    for extension in slice_.extensions:
        digest = sha256(msgspec.json.encode(extension)).hexdigest()[:8]
        yield f"code.{extension.word}", f"{extension.origin} ({digest})"
    for word, facts in raw["kinds"].items():
        if all(extension.word != word for extension in slice_.extensions):
            yield f"code.{word}", f"its declarations ({sha256(msgspec.json.encode(facts)).hexdigest()[:8]})"


def _flatten(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}{key}.")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            made_by = inner.get("made_by")
            of = f" of {made_by}" if isinstance(made_by, str) else ""
            yield from _flatten(inner, f"{path[:-1]}[{index}]{of}.")
    else:
        yield path[:-1], value
