"""Rules on the house itself: those on every device (`device = "*"`), on processes, and on presence. Pure.

Such a rule becomes one rule for each device or process that it concerns. The first stands in the place of
the written rule, and the others after all rules of the device, so that the numbers of its other rules stay.
They are in the order of the devices, so that a device at the end of the file adds rules at the end.
The names in the texts of rules are filled in here, because they are known when the configuration is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER, STEWARD, Report
from daemons.config.device import check_limit, check_turns
from daemons.config.loader import kind_or_none
from daemons.config.roster import default_title, typed_options
from daemons.config.tables import FOREIGN
from daemons.config.text import text_problem, with_names
from daemons.kinds import Kind
from daemons.values import Path as Where
from daemons.values import Problem, format_toml, suggest

EVERY = "*"
"""As `device` or `process` of a rule: every device, or every process."""
LIVES: tuple[str, ...] = get_args(Report.__annotations__["life"])
"""What a report says about a process."""
PRESENCES = ("live", "offline")
PROCESS_FIELDS = ("name", "title", "life", "reason")
"""The placeholders in the texts of a rule with `process`."""
LIMITS = ("above", "below")


class HouseRules(Struct, frozen=True):
    """A configuration in which each rule concerns one device or process, and what is wrong with its rules."""

    raw: dict[str, Any]
    problems: list[Problem]
    origins: dict[tuple[str, int], Where]
    """By device and index of an added rule, the rule in the file."""

    def in_file(self, problem: Problem) -> Problem:
        """Return a problem at a place of the file, if it is one of an added rule."""
        match problem.path:
            case ("devices", str(name), "when", int(index), *rest) if (name, index) in self.origins:
                return replace(problem, path=(*self.origins[name, index], *rest))
        return problem


def expand_house_rules(raw: dict[str, Any]) -> HouseRules:
    """Return a configuration with the rules of all devices expanded."""
    tables = raw.get("devices")
    if not isinstance(tables, dict):
        return HouseRules(raw, [], {})
    expander = _Expander(raw, tables)
    return HouseRules({**raw, "devices": expander.expand()}, expander.problems, expander.origins)


class _Expander:
    """Expands the rules of all devices."""

    def __init__(self, raw: dict[str, Any], tables: dict[str, Any]) -> None:
        self.problems: list[Problem] = []
        self.origins: dict[tuple[str, int], Where] = {}
        self._tables = tables
        self._kinds = {
            name: kind_or_none(table.get("kind")) if isinstance(table, dict) else None
            for name, table in tables.items()
        }
        self._has_hosts = bool(raw.get("hosts"))
        recorder = raw.get("recorder")
        records = not isinstance(recorder, dict) or recorder.get("enabled") is not False
        found = {RECORDER: records, BRIDGE: BRIDGE in raw, EXCHANGE: EXCHANGE in raw or self._has_hosts}
        found[EXCHANGE] |= any(map(self._is_foreign, tables))
        self._processes = [*(name for name, is_there in found.items() if is_there), *tables]

    def expand(self) -> dict[str, Any]:
        """Return the tables of all devices with their rules expanded."""
        expanded = dict(self._tables)
        for name, table in self._tables.items():
            rules = table.get("when") if isinstance(table, dict) else None
            if not isinstance(rules, list):
                continue
            first: list[Any] = []
            more: list[tuple[int, Where, dict[str, Any]]] = []
            for index, rule in enumerate(rules):
                where = ("devices", name, "when", index)
                found = self._expand(name, rule, where) if isinstance(rule, dict) else [rule]
                first.append(found[0])
                more += [(self._position(added), where, added) for added in found[1:]]
            more.sort(key=lambda added: added[0])
            self.origins |= {(name, len(rules) + number): added[1] for number, added in enumerate(more)}
            expanded[name] = {**table, "when": [*first, *(added for _, _, added in more)]}
        return expanded

    def _position(self, rule: dict[str, Any]) -> int:
        """Return the position of the process or device that an added rule concerns."""
        target = rule.get("process") or rule.get("device") or rule["all"][0]["device"]
        return self._processes.index(target)

    def _expand(self, name: str, rule: dict[str, Any], where: Where) -> list[dict[str, Any]]:
        """Return what a rule becomes: itself, or a rule for each device or process that it concerns."""
        before = len(self.problems)
        if "reporters" in rule:
            self._problem((*where, "reporters"), "unknown key; it is added by House itself")
        if isinstance(rule.get("process"), str):
            found = list(self._on_processes(name, rule, where))
        elif rule.get("device") == EVERY or self._is_on_presence(rule):
            found = list(self._on_devices(name, rule, where))
        else:
            found = [self._with_texts(rule, rule.get("device"), where)]
        if len(self.problems) > before or not found:  # nothing more is to be said of what the rule waits for
            return [{"at": "00:00", **{key: rule[key] for key in ("do", "with") if key in rule}}]
        return found

    def _problem(self, where: Where, text: str) -> None:
        self.problems.append(Problem(where, text))

    # Processes

    def _on_processes(self, name: str, rule: dict[str, Any], where: Where) -> Iterator[dict[str, Any]]:
        """Yield a rule for each process that a rule concerns."""
        process = rule["process"]
        others = [other for other in self._processes if other != name]
        turns = rule.get("turns")
        if process != EVERY and process not in others:
            text = f"{format_toml(process)} is the process of the rule itself" if process == name else ""
            text = text or f"there is no process {format_toml(process)}; {suggest(process, [EVERY, *others])}"
            self._problem((*where, "process"), text)
            return
        if not isinstance(turns, dict) or set(turns) != {"life"}:
            key = ("turns",) if isinstance(turns, dict) else ()
            self._problem((*where, *key), 'process goes with turns = { life = "failed" } alone')
            return
        life = turns["life"]
        if life not in LIVES:
            text = f"{format_toml(life)} is not a life; {suggest(life, LIVES)}"
            if isinstance(life, dict):
                text = (
                    f"it takes one word, because a report says nothing of before; allowed: {', '.join(LIVES)}"
                )
            self._problem((*where, "turns", "life"), text)
            return
        targets = others if process == EVERY else [process]
        targets = [other for other in targets if life in self._lives(other)]
        if not targets:
            of = "any process" if process == EVERY else process
            allowed = LIVES[:-1] if process == EVERY else self._lives(process)
            text = f"{of} is never reported {format_toml(life)}; allowed: {', '.join(allowed)}"
            self._problem((*where, "turns", "life"), text)
        for other in targets:
            one = {**rule, "process": other, "reporters": self._reporters(other)}
            yield self._filled(one, other, PROCESS_FIELDS, where)

    def _lives(self, name: str) -> tuple[str, ...]:
        """Return what can be reported about a process."""
        if self._is_foreign(name):
            return ("running", "offline")
        return LIVES if self._has_hosts and name in self._tables else LIVES[:-1]

    def _reporters(self, name: str) -> list[str]:
        """Return the processes that report about another. A device can be on this host, or elsewhere."""
        if self._is_foreign(name):
            return [EXCHANGE]
        return [STEWARD, EXCHANGE] if self._has_hosts and name in self._tables else [STEWARD]

    def _is_foreign(self, name: str) -> bool:
        table = self._tables.get(name)
        return isinstance(table, dict) and table.get("driver") == FOREIGN

    # Devices

    @staticmethod
    def _is_on_presence(rule: dict[str, Any]) -> bool:
        return isinstance(turns := rule.get("turns"), dict) and "presence" in turns

    def _on_devices(self, name: str, rule: dict[str, Any], where: Where) -> Iterator[dict[str, Any]]:
        """Yield a rule for each device that a rule concerns."""
        others = [other for other in self._tables if other != name]
        if not self._is_on_presence(rule):
            tested = [key for key in ("turns", *LIMITS) if isinstance(rule.get(key), dict)]
            if not tested:
                self._problem((*where, "device"), f'device = "{EVERY}" goes with turns, above and below')
                return
            targets = [other for other in others if self._fits(rule, other)]
            if not targets:
                fields = {field for kind in self._kinds.values() if kind for field in kind.fields()}
                unknown = next((field for field in rule[tested[0]] if field not in fields), None)
                text = "no other device can have this"
                if unknown is not None:
                    text = f"no device has a field {unknown}; {suggest(unknown, sorted(fields))}"
                self._problem((*where, tested[0]), text)
            for other in targets:
                yield self._with_texts({**rule, "device": other}, other, where)
            return
        device, turns = rule.get("device"), rule["turns"]
        if device == name:
            self._problem((*where, "device"), "a device does not hear whether it is offline itself")
        elif device != EVERY and device not in others:
            text = f"there is no device {format_toml(device)}; {suggest(device, others)}"
            self._problem((*where, "device"), text)
        elif len(turns) > 1 or "all" in rule:
            self._problem((*where, "turns"), "presence stands alone; write the others into only_if")
        elif turns["presence"] not in PRESENCES:
            text = f"{format_toml(turns['presence'])} is not allowed; allowed: {', '.join(PRESENCES)}"
            self._problem((*where, "turns", "presence"), text)
        else:
            for other in others if device == EVERY else [device]:
                one = {key: value for key, value in rule.items() if key not in ("device", "turns")}
                one["all"] = [{"device": other, "presence": turns["presence"]}]
                yield self._filled(one, other, ("name", "title"), where)

    def _fits(self, rule: dict[str, Any], name: str) -> bool:
        """Return whether a device has the fields of a rule, and can have its values."""
        kind, problems = self._kinds[name], list[Problem]()
        if kind is None:
            return False
        for key in ("turns", *LIMITS):
            values = rule.get(key)
            if isinstance(values, dict):
                check = check_turns if key == "turns" else check_limit
                check(values, kind, (), problems)
        if problems:
            return False
        states = self._possible_states(kind, name)
        turns = {key: value for key, value in rule.get("turns", {}).items() if not isinstance(value, dict)}
        limits = [field for key in LIMITS for field in rule.get(key, {})]
        return any(
            all(state.get(field, value) == value for field, value in turns.items())
            and all(state.get(field, 0.0) is not None for field in limits)
            for state in states
        )

    def _possible_states(self, kind: type[Kind], name: str) -> tuple[Mapping[str, Any], ...]:
        options = typed_options(kind, self._tables[name])
        is_here = not self._is_foreign(name)
        return kind.possible_states(options) if options is not None and is_here else ({},)

    # Texts

    def _with_texts(self, rule: dict[str, Any], device: Any, where: Where) -> dict[str, Any]:
        """Return a rule on a device, or on no device, with the names in its texts filled in."""
        kind = self._kinds.get(device) if isinstance(device, str) else None
        if kind is None:
            return self._filled(rule, None, (), where) if device is None else rule
        return self._filled(rule, device, ("name", "title", *kind.fields()), where)

    def _filled(
        self, rule: dict[str, Any], name: str | None, allowed: tuple[str, ...], where: Where
    ) -> dict[str, Any]:
        """Return a rule with the names in its texts filled in; add a problem for an unknown placeholder."""
        with_ = rule.get("with")
        if not isinstance(with_, dict):
            return rule
        names = {} if name is None else {"name": name, "title": self._title(name)}
        filled = dict(with_)
        for key, value in with_.items():
            if not isinstance(value, str):
                continue
            if (text := text_problem(value, allowed)) and not self._is_known((*where, "with", key)):
                self._problem((*where, "with", key), text)
            filled[key] = with_names(value, names)
        return {**rule, "with": filled}

    def _is_known(self, where: Where) -> bool:
        """Return whether a text has a problem already: a rule on every device has it many times."""
        return any(problem.path == where for problem in self.problems)

    def _title(self, name: str) -> str:
        table = self._tables.get(name)
        title = table.get("name") if isinstance(table, dict) else None
        return title if isinstance(title, str) else default_title(name)
