"""Adds what scenes and groups need to the tables of a configuration: their members, and the members' rules.

A scene or a group gets the option `resolved`. Each member gets rules, at the end of its `when`. So a changed
scene restarts exactly its members, and a fault in such a rule is reported at the line of the scene. Pure.
"""

from collections.abc import Container, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs
from msgspec.structs import replace

from daemons.bus.facts import Facts
from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER, STEWARD
from daemons.config.ability import lacking_in
from daemons.config.attention import facts_of, facts_of_service
from daemons.config.loader import kind_or_none, words
from daemons.config.roster import default_title
from daemons.config.tables import DEFAULT_ROOM, FOREIGN, Common, Recording, Settings
from daemons.kinds import Kind
from daemons.kinds._members import CONFIRM_SECONDS, Member, MembersKind, Order
from daemons.values import Path as Where
from daemons.values import Problem, format_toml, parse_table, suggest

RULE_KEYS = ("made_by", "command_from", "random_key")
"""The keys of a rule that no person writes."""
PASSED_ON = ("on", "open", "close", "stop", "set")
"""The commands of a group that a member carries out under the same name."""
WITHOUT_RESULT = ("toggle", "press")
"""The commands whose result depends on the state before, so that no scene can have them."""


class Expansion(Struct, frozen=True):
    """A configuration with the members of scenes and groups, and what is wrong with them."""

    raw: dict[str, Any]
    problems: list[Problem]
    origins: dict[tuple[str, int], Where]
    """By device and index of an added rule, what in the file leads to it."""

    def in_file(self, problem: Problem) -> Problem:
        """Return a problem at a place of the file, if it is one of an added rule."""
        match problem.path:
            case ("devices", str(name), "when", int(index), *rest) if (name, index) in self.origins:
                origin = self.origins[name, index]
                return replace(problem, path=(*origin, *rest[1:]) if rest[:1] == ["with"] else origin)
        return problem


def expand(raw: dict[str, Any]) -> Expansion:
    """Return a configuration with the members of its scenes and groups."""
    tables = raw.get("devices")
    if not isinstance(tables, dict):
        return Expansion(raw, [], {})
    return _Expander(tables).expand(raw)


class _Expander:
    """Finds the members of the scenes and groups among the tables of all devices."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._tables = {name: table for name, table in tables.items() if isinstance(table, dict)}
        self._kinds = {name: kind_or_none(table.get("kind")) for name, table in self._tables.items()}
        self._problems: list[Problem] = []
        self._resolved: dict[str, dict[str, Member]] = {}
        self._paths: dict[tuple[str, str], Where] = {}
        """By scene or group and member, what in the file makes it one."""

    def expand(self, raw: dict[str, Any]) -> Expansion:
        """Return the configuration with all members and their rules."""
        tables, origins = dict(raw["devices"]), {}
        self._refuse_keys()
        for name, kind in self._kinds.items():
            if kind is None or not issubclass(kind, MembersKind):
                continue
            resolved = self._resolve(name, ())
            options = self._options(name, resolved=resolved)
            # A slice is JSON, so the table has what JSON has: lists and no tuples.
            raw_members = msgspec.json.decode(msgspec.json.encode(resolved))
            tables[name] = {**tables[name], "resolved": raw_members}
            if options is None:
                continue
            if kind.needs_history:
                tables[name] |= self._recorded(name, kind, options, raw.get("recorder", {}))
            self._check_commands(name, kind, options)
            for member, rules in kind.member_rules(name, options).items():
                own = tables[member].get("when", [])
                if not isinstance(own, list):
                    continue
                path = self._paths.get((name, member), ("devices", name))
                origins.update({(member, len(own) + index): path for index in range(len(rules))})
                tables[member] = {**tables[member], "when": [*own, *rules]}
        for name, kind in self._kinds.items():
            if kind is not None and "watched" in kind.derived_options and tables[name].get("attention"):
                tables[name] = {**tables[name], **self._watched(name, raw)}
        return Expansion({**raw, "devices": tables}, self._problems, origins)

    def _watched(self, name: str, raw: dict[str, Any]) -> dict[str, Any]:
        """Return what a messenger needs to know about all others: what notices about them depend on."""
        settings = parse_table(raw.get("house", {}), Settings, (), []) or Settings()
        found: dict[str, Facts] = {}
        for other, table in self._tables.items():
            kind = self._kinds[other]
            if other == name or kind is None or kind.role != "device":
                continue
            title, room = str(table.get("name") or default_title(other)), str(table.get("room", DEFAULT_ROOM))
            found[other] = facts_of(title, room, kind, self._options(other), settings)
        found |= {service: facts_of_service(service) for service in (RECORDER, EXCHANGE, BRIDGE)}
        is_far = "hosts" in raw or any(self._is_foreign(other) for other in self._tables)
        reporting = [STEWARD, EXCHANGE] if is_far else [STEWARD]
        return {"watched": msgspec.json.decode(msgspec.json.encode(found)), "reporting": reporting}

    def _refuse_keys(self) -> None:
        """Refuse the keys that only this file may write."""
        for name, table in self._tables.items():
            kind = self._kinds[name]
            for key in kind.derived_options & table.keys() if kind else ():
                self._problem(("devices", name, key), "unknown key; it is added by House itself")
            rules = table.get("when")
            for index, rule in enumerate(rules if isinstance(rules, list) else []):
                for key in [key for key in RULE_KEYS if isinstance(rule, dict) and key in rule]:
                    where = ("devices", name, "when", index, key)
                    self._problem(where, "unknown key; it is added by House itself")

    def _problem(self, where: Where, text: str) -> None:
        self._problems.append(Problem(where, text))

    def _resolve(self, name: str, inside: tuple[str, ...]) -> dict[str, Member]:
        """Return the members of a scene or a group; `inside` are the groups that contain it."""
        if name not in self._resolved:
            options = self._options(name)
            if options is None:
                found = {}  # the check of its table reports it
            elif hasattr(options, "sets"):
                found = self._members_of_scene(name, options)
            else:
                found = self._members_of_group(name, options, inside)
            self._resolved[name] = found
        return self._resolved[name]

    # Groups

    def _members_of_group(self, name: str, options: Any, inside: tuple[str, ...]) -> dict[str, Member]:
        found: dict[str, Member] = {}
        for member in options.members or self._chosen(name, options):
            where = ("devices", name, "members") if options.members else ("devices", name)
            if member in (path := (*inside, name)):
                circle = " has the member ".join((*path[path.index(member) :], member))
                self._problem(where, f"a group cannot be a member of itself: {circle}")
            elif member not in self._tables:
                self._problem(
                    where, f"there is no device {format_toml(member)}; {suggest(member, self._tables)}"
                )
            elif self._is_group(member):
                found |= self._resolve(member, path)
            elif one := self._member(member, where):
                found[member] = one
        for member in found:
            self._paths[name, member] = ("devices", name, "members") if options.members else ("devices", name)
        return found

    def _chosen(self, name: str, options: Any) -> Iterator[str]:
        """Yield the devices of the kind and the room of a group without `members`."""
        room = self._tables[name].get("room")
        kinds = (options.of,) if isinstance(options.of, str) else options.of or ()
        known = words("kinds")
        for kind in [kind for kind in kinds if kind not in known]:
            self._problem(
                ("devices", name, "of"), f"unknown kind {format_toml(kind)}; {suggest(kind, known)}"
            )
            return
        if not kinds and room is None:
            self._problem(("devices", name), "it has no members; write members, of or room")
            return
        found = [
            other
            for other, table in self._tables.items()
            if (table.get("kind") in kinds if kinds else self._is_switched(other))
            and (room is None or table.get("room", DEFAULT_ROOM) == room)
            and not self._has_members(other)
        ]
        if not found:
            what = " or ".join(kinds) if kinds else "device that can be switched"
            where = "" if room is None else f" in the room {format_toml(room)}"
            self._problem(("devices", name), f"it has no members: there is no {what}{where}")
        yield from found

    def _member(self, name: str, where: Where) -> Member | None:
        """Return a member of a group, with the commands that the group can pass on."""
        kind, options = self._kinds[name], self._options(name)
        if kind is None or options is None:
            return None  # the check of its table reports it
        if kind.role != "device":
            self._problem(where, f"{name} is a {self._tables[name]['kind']}, which cannot be a member")
            return None
        orders: dict[str, Order] = {}
        if not self._is_foreign(name):
            lacks = lacking_in(kind, self._tables[name])
            usable = {
                word: type_
                for word, type_ in commands_of(kind).items()
                if word in kind.usable_commands(options) and word not in lacks
            }
            orders = {
                word: Order(word, takes=arguments(usable[word], lacks))
                for word in PASSED_ON
                if word in usable
            }
            if off := next((word for word in ("off", *kind.off_commands) if word in usable), None):
                orders["off"] = Order(off)
        return self._described(name, kind, options, orders)

    def _described(self, name: str, kind: type[Kind], options: Any, orders: dict[str, Order]) -> Member:
        commands, lacks = commands_of(kind), lacking_in(kind, self._tables[name])
        common = parse_table(
            {key: self._tables[name][key] for key in ("kind", "grace") if key in self._tables[name]},
            Common,
            (),
            [],
        )
        return Member(
            orders,
            results=tuple(one.without(lacks) for one in kind.results),
            arguments={
                one.command: arguments(commands[one.command], lacks)
                for one in kind.results
                if one.restores and one.arguments and one.command in commands
            },
            seconds=(common.grace_seconds if common else 60.0)
            + CONFIRM_SECONDS
            + kind.settle_seconds(options),
            entity=kind.main_entity(options),
            control=kind.control(options),
        )

    def _recorded(
        self, name: str, kind: type[MembersKind[Any, Any]], options: Any, recorder: Any
    ) -> dict[str, Any]:
        """Return the table of the driver that reads the history; refuse a house that keeps too little."""
        where = ("devices", name)
        recording = parse_table(recorder, Recording, (), [])
        if recording and not recording.enabled:
            self._problem(where, "it repeats the history, and [recorder] has enabled = false; remove that")
        elif recording and recording.keep_seconds <= options.after_seconds:
            text = "the recorder does not keep the history for so long; make keep in [recorder] longer"
            self._problem((*where, "after"), text)
        for member in options.resolved:
            table, of = self._tables[member], self._kinds[member]
            if not any(one.restores for one in of.results) if of else False:
                self._problem(where, f"{member} is a {table['kind']}, whose states cannot be repeated")
            elif getattr(self._options(member), "max_on_seconds", None) is not None:
                self._problem(where, f"{member} has a max_on: what heats is not repeated")
        if refusal := kind.refusal(options.resolved):
            self._problem(where, refusal)
        return {"recorded": {"members": list(options.resolved), "after": f"{options.after_seconds:.3f}s"}}

    # Scenes

    def _members_of_scene(self, name: str, options: Any) -> dict[str, Member]:
        found: dict[str, Member] = {}
        direct: dict[str, Member] = {}
        if not options.sets:
            self._problem(
                ("devices", name), 'it sets nothing; write, for example, sets = { hall_lamp = "off" }'
            )
        for target, wish in options.sets.items():
            where = ("devices", name, "sets", target)
            if isinstance(wish, dict) and len(wish) != 1:
                self._problem(where, "it takes one command; write one scene for each state")
                continue
            do, with_ = next(iter(wish.items())) if isinstance(wish, dict) else (wish, {})
            path = (*where, do) if isinstance(wish, dict) else where
            if target not in self._tables:
                self._problem(
                    where, f"there is no device {format_toml(target)}; {suggest(target, self._tables)}"
                )
            elif do in WITHOUT_RESULT:
                self._problem(
                    where, f"{do} leads to no certain state; a scene takes commands such as on and off"
                )
            elif self._is_group(target):
                for member, about in self._resolve(target, ()).items():
                    order = about.orders.get(do)
                    if order is None:
                        self._problem(where, f"{member}, a member of {target}, has no command {do}")
                        break
                    given = {key: value for key, value in with_.items() if key in order.takes}
                    found[member] = replace(about, orders={"on": Order(order.do, given)})
                    self._paths.setdefault((name, member), where)
            elif one := self._member_of_scene(target, Order(do, with_), where):
                direct[target] = one
                self._paths[name, target] = path
        found |= direct  # a device that is named itself goes before its group
        kind = self._kinds[name]
        if text := kind.refusal(found) if found else None:  # type: ignore[union-attr]
            self._problem(("devices", name, "sets"), text)
        return found

    def _member_of_scene(self, target: str, order: Order, where: Where) -> Member | None:
        kind, options = self._kinds[target], self._options(target)
        if kind is None or options is None:
            return None
        if kind.role != "device" or self._is_foreign(target):
            what = (
                "runs in your own program"
                if self._is_foreign(target)
                else f"is a {self._tables[target]['kind']}"
            )
            self._problem(where, f"{target} {what}, and has no rules; a scene cannot set it")
            return None
        return self._described(target, kind, options, {"on": order})

    # All

    def _options(self, name: str, **more: Any) -> Any:
        """Return the typed options of a device, or None if they are not valid."""
        kind, table = self._kinds[name], self._tables[name]
        if kind is None:
            return None
        keys = (
            {field.encode_name for field in structs.fields(kind.options_type)} & table.keys()
        ) - kind.derived_options
        options = parse_table({key: table[key] for key in keys}, kind.options_type, (), [])
        if options is not None and not more and issubclass(kind, MembersKind) and name in self._resolved:
            more = {"resolved": self._resolved[name]}
        return options and replace(options, **more)

    def _check_commands(self, name: str, kind: type[MembersKind[Any, Any]], options: Any) -> None:
        """Refuse a rule of a group with a command that its members do not have in common."""
        rules = self._tables[name].get("when")
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            do = rule.get("do") if isinstance(rule, dict) else None
            if not (options.resolved and isinstance(do, str) and do in commands_of(kind)):
                continue
            where = ("devices", name, "when", index)
            usable = kind.usable_commands(options)
            if do not in usable:
                lacking = next(
                    (one for one, about in options.resolved.items() if do not in about.orders), "one"
                )
                allowed = ", ".join(usable) or "none"
                text = f"{lacking}, a member of it, has no command {do}; allowed: {allowed}"
                self._problem((*where, "do"), text)
                continue
            given = rule.get("with", {})
            if isinstance(given, dict) and (refusal := kind.refused_arguments(options, do, given)):
                self._problem((*where, "with") if given else (*where, "do"), refusal)

    def _is_group(self, name: str) -> bool:
        kind = self._kinds[name]
        return kind is not None and issubclass(kind, MembersKind) and kind.is_group

    def _has_members(self, name: str) -> bool:
        kind = self._kinds[name]
        return kind is not None and issubclass(kind, MembersKind)

    def _is_foreign(self, name: str) -> bool:
        return self._tables[name].get("driver") == FOREIGN

    def _is_switched(self, name: str) -> bool:
        kind = self._kinds[name]
        return kind is not None and kind.role == "device" and bool(getattr(kind, "drives", False))


def commands_of(kind: type[Kind]) -> Mapping[str, type[Struct]]:
    """Return the commands of a kind by their words."""
    return {command.__name__.lower(): command for command in kind.commands}


def arguments(command: type[Struct], lacks: Container[str]) -> tuple[str, ...]:
    """Return the arguments of a command but those that the device lacks, in their order."""
    return tuple(field.encode_name for field in structs.fields(command) if field.encode_name not in lacks)
