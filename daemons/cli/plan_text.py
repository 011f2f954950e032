"""The plan of a reload in words: devices, values and rules, without the parts of a slice. Pure.

The JSON of the plan names every value that differs. A person wants to know which device changes, and what
the other processes have to do with that.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER
from daemons.config.house import House
from daemons.config.plan import Difference, ProcessChange
from daemons.config.rule import Rule
from daemons.config.rule_names import Names
from daemons.config.rule_text import rule_text
from daemons.values import format_toml

REASONS = {
    "mirror": "it shows every device",
    RECORDER: "it records every device",
    EXCHANGE: "it passes every device on",
    BRIDGE: "it publishes every device",
}
"""Why a process restarts although another device has changed."""
PEER_WORDS = {"title": "name", "room": "room", "kind": "kind", "host": "host"}
"""What others know of a device, as the configuration calls it."""
WHEN = re.compile(r"when\[(\d+)\]")


class Line(NamedTuple):
    """One line below the name of a process."""

    text: str
    old: str | None = None
    """The former value, if the line is about a value."""
    new: str | None = None
    place: str | None = None
    is_warning: bool = False


class Part(NamedTuple):
    """The plan for one process: its head, and the lines below it."""

    head: str
    lines: list[Line]
    place: str | None = None


def plan_parts(changes: Sequence[ProcessChange], old: House | None, new: House) -> Iterator[Part]:
    """Yield the plan for each process; `old` is the installed house, or None before the first `up`."""
    for change in changes:
        yield Part(head(change, new), list(lines(change, changes, old, new)), change.place)


def head(change: ProcessChange, new: House) -> str:
    """Return what happens to a process, and for a device that comes or goes what it is."""
    text = f"{change.action} {change.name}"
    if change.action == "start" and change.name in new.devices:
        device = new.devices[change.name]
        return f"{text}: a new {device.kind.word}, {device.title!r} in {device.room}"
    if change.action == "start":
        return f"{text}: the configuration has it now"
    if change.action == "stop":
        return f"{text}: the configuration does not have it any more"
    return text


def lines(
    change: ProcessChange, changes: Sequence[ProcessChange], old: House | None, new: House
) -> Iterator[Line]:
    """Yield the lines about one process."""
    if change.action == "stop":
        if twin := renamed(change, changes, old, new):
            yield Line(f"{twin} has the same options; under its new name it has no memory and no history yet")
    else:
        yield from value_lines(change)
        yield from rule_lines(change, old, new)
        if change.action == "restart":
            yield from other_lines(change, old, new)
    for text in change.dropped:
        yield Line(WHEN.sub(lambda found: f"rule {int(found[1]) + 1}", text), is_warning=True)


def renamed(
    change: ProcessChange, changes: Sequence[ProcessChange], old: House | None, new: House
) -> str | None:
    """Return the device that starts with the same options as one that stops."""
    if old is None or change.name not in old.devices:
        return None
    table = old.table(change.name)
    started = [other.name for other in changes if other.action == "start" and other.name in new.devices]
    return next((name for name in started if new.table(name) == table), None)


def value_lines(change: ProcessChange) -> Iterator[Line]:
    """Yield a line for each option of the process itself, and for each key of [house] that it uses."""
    is_start = change.action == "start"
    for found in change.differences:
        part = found.key.partition(".")[0]
        if part == "house" and not is_start:
            yield house_line(found)
        elif part in ("house", "peers", "program", "code", "resolved", "circular_rules") or WHEN.match(part):
            continue
        elif not is_start or found.key != "kind":
            yield Line(found.key, None if is_start else value(found.old), value(found.new), found.place)


def house_line(found: Difference) -> Line:
    """Return the line about a key of [house]."""
    key = found.key.removeprefix("house.")
    if key == "holidays":
        return Line("the dates of the holidays differ")
    return Line(f"[house] {key}", value(found.old), value(found.new), found.place)


def value(raw: Any) -> str:
    """Return a value as TOML writes it."""
    return "nothing" if raw is None else format_toml(raw, 200)


def rule_lines(change: ProcessChange, old: House | None, new: House) -> Iterator[Line]:
    """Yield a line for each rule that is new, changed or removed, in words."""
    if not any(WHEN.match(found.key) for found in change.differences):
        return
    before, after = rules_of(old, change.name), rules_of(new, change.name)
    texts = [
        [rule_text(rule, names) for rule in rules]
        for rules, names in ((before, Names(old)), (after, Names(new)))
    ]
    blocks = SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes()
    for what, first, last, start, end in blocks:
        if what == "equal":
            continue
        for index in range(max(last - first, end - start)):
            was, now = first + index, start + index
            place = place_of_rule(change, now)
            if was < last and now < end:
                number = f"rule {now + 1}{made_by(after[now])}"
                yield Line(f"{number} was", texts[0][was])
                yield Line(f"{number} becomes", None, texts[1][now], place)
            elif now < end:
                yield Line(f"new rule {now + 1}{made_by(after[now])}", None, texts[1][now], place)
            else:
                yield Line(f"rule {was + 1}{made_by(before[was])} is removed", texts[0][was], None)
    if texts[0] == texts[1]:
        yield Line("the same rules, with other details")


def rules_of(house: House | None, name: str) -> tuple[Rule, ...]:
    """Return the rules of a device; none if the house does not have it."""
    return house.devices[name].rules if house is not None and name in house.devices else ()


def made_by(rule: Rule) -> str:
    """Return the scene or the group that has made a rule."""
    return f" made by {rule.made_by}" if rule.made_by else ""


def place_of_rule(change: ProcessChange, index: int) -> str | None:
    """Return the place of the first difference of a rule, in a house of several files."""
    keys = (found for found in change.differences if found.key.startswith(f"when[{index}]"))
    return next((found.place for found in keys if found.place), None)


def other_lines(change: ProcessChange, old: House | None, new: House) -> Iterator[Line]:
    """Yield why a process restarts because of something outside its own table."""
    keys = [found.key for found in change.differences]
    yield from peer_lines(change, old, new)
    for found in change.differences:
        part, _, word = found.key.partition(".")
        if part == "code":
            origin = str(found.new or found.old).partition(" (")[0]
            yield Line(f"the code of {word} has changed ({origin})")
        elif part == "circular_rules":
            yield Line("other rules of it are in a circle of devices that follow each other")
    if "program" in keys:
        yield from service_lines(old, new)
    if any(key.startswith("resolved.") for key in keys) and len(keys) == sum(
        key.startswith("resolved.") for key in keys
    ):
        yield Line("what its members can do has changed")


def peer_lines(change: ProcessChange, old: House | None, new: House) -> Iterator[Line]:
    """Yield what other devices have to do with the restart of a process."""
    found: dict[str, list[Difference]] = {}
    for difference in change.differences:
        if difference.key.startswith("peers."):
            found.setdefault(difference.key.split(".")[1], []).append(difference)
    reason = why_others(change.name, new)
    for name, differences in found.items():
        was, now = old is not None and name in old.devices, name in new.devices
        if now and not was:
            yield Line(f"{reason}, and {name} is new")
            continue
        if was and not now:
            yield Line(f"{reason}, and {name} is gone")
            continue
        other = False
        for difference in differences:
            word = PEER_WORDS.get(difference.key.split(".", 2)[2])
            if word is None:
                other = True
            else:
                yield Line(f"{word} of {name}", value(difference.old), value(difference.new))
        if other:
            yield Line(f"{reason}, and what {name} can do, or listens to, has changed")


def why_others(name: str, new: House) -> str:
    """Return why a process depends on other devices."""
    word = new.devices[name].kind.word if name in new.devices else name
    return REASONS.get(word, "it uses that device")


def service_lines(old: House | None, new: House) -> Iterator[Line]:
    """Yield why supervisord starts a process in another way."""
    before, after = set(old.roster.services if old else ()), set(new.roster.services)
    for name in sorted(after - before):
        yield Line(f"the {name} is new")
    for name in sorted(before - after):
        yield Line(f"the {name} is gone")
    if before == after and old is not None and old.hosts != new.hosts:
        yield Line("the hosts of the house differ")
    elif before == after:
        yield Line("this version of House starts it in another way")


def summary(changes: Sequence[ProcessChange], new: House) -> str:
    """Return how many processes the reload starts, stops and restarts, and how many stay."""
    counts = {word: sum(change.action == word for change in changes) for word in ("start", "stop", "restart")}
    texts = [f"{word}s {number}" for word, number in counts.items() if number]
    touched = {change.name for change in changes}
    rest = len({*new.own, *new.roster.services} - touched)
    stay = f"; {rest} other{'s' * (rest != 1)} run{'s' * (rest == 1)} on" if rest else ""
    number = len(changes)
    return f"`house reload` {', '.join(texts)} process{'es' * (number != 1)}{stay}."
