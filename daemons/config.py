"""config/house.toml to a House, or to every problem in it with file, line, table, key and remedy."""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from socket import gethostname
from typing import Any

import tomli
from msgspec import Struct, structs

from daemons.broker import Bridging
from daemons.errors import ConfigurationError
from daemons.house import (
    Device,
    Front,
    Host,
    Peer,
    Recording,
    Roster,
    Settings,
    Slice,
    build,
    check_limit,
    check_turns,
    make_roster,
    zone,
)
from daemons.load import find_kind, lacks
from daemons.message import BRIDGE, EXCHANGE, NAME, RECORDER, STEWARD
from daemons.place import far_endpoint
from daemons.value import Path as Where
from daemons.value import Problem, choose, convert, read, show

TABLES = ["house", "recorder", "bridge", "exchange", "hosts", "devices"]
DEVICE_KEYS, MIRROR_KEYS, STEWARD_KEYS = {"timezone"}, {"name", "timezone", "locale"}, {"watchdog"}
BRIDGE_KEYS = {"name"}
SUN_KEYS = {"latitude", "longitude"}
"""What each sort of process depends on in [house]: a new name for the house restarts its mirror only."""
RESERVED = {"house", "supervisord", STEWARD, RECORDER, EXCHANGE, BRIDGE}
"""Names of the house's own processes."""


class House(Struct, frozen=True, kw_only=True):
    """A whole configuration, checked."""

    settings: Settings
    devices: dict[str, Device]
    hosts: dict[str, Host]
    raw: dict[str, Any]
    text: str
    """The file itself."""
    host: str | None = None
    """Which host this is, in a house of several."""

    def table(self, name: str) -> dict[str, Any]:
        """Give a device's table as it was written."""
        found: dict[str, Any] = self.raw["devices"][name]
        return found

    @property
    def front(self) -> str | None:
        """Say where programs reach the house over the network; nothing where they do not."""
        front = convert(self.raw.get("exchange", {}), Front)
        if own := self.hosts.get(self.host or ""):
            return far_endpoint(own.address, own.port)
        if front.address is None:
            return None
        everywhere = front.address in ("*", "0.0.0.0", "::")  # noqa: S104  it is compared
        return far_endpoint(gethostname() if everywhere else front.address, front.port)

    @property
    def own(self) -> list[str]:
        """Name the devices that have a process on this host."""
        roster = self.roster
        return [name for name in self.devices if not roster.is_elsewhere(name)]

    @property
    def roster(self) -> Roster:
        """Say who lives in it."""
        return make_roster(self.raw, self.host)

    def slices(self) -> dict[str, Slice]:
        """Give each process of this host its slice: what makes no difference to it is not in it."""
        house = self.raw.get("house", {})
        roster = self.roster
        slices = {}
        for name, device in self.devices.items():
            if roster.is_elsewhere(name):
                continue
            hears_all = device.kind.role != "device"
            keys = (MIRROR_KEYS if hears_all else DEVICE_KEYS) | (SUN_KEYS if device.by_sun else set())
            slices[name] = Slice(
                name=name,
                house={key: house[key] for key in keys & house.keys()},
                table={key: value for key, value in self.table(name).items() if key != "host"},
                peers=roster.peers if hears_all else {},
                services=roster.services if hears_all else (),
                host=self.host if hears_all else None,
            )
        slices[STEWARD] = Slice(
            name=STEWARD, house={key: house[key] for key in STEWARD_KEYS & house.keys()}, table={}
        )
        if RECORDER in roster.services:
            kinds = {name: Peer("", "", peer.kind) for name, peer in roster.peers.items()}
            slices[RECORDER] = Slice(name=RECORDER, house={}, table=self.raw.get("recorder", {}), peers=kinds)
        if EXCHANGE in roster.services:
            slices[EXCHANGE] = self._front(roster)
        if BRIDGE in roster.services:
            slices[BRIDGE] = Slice(
                name=BRIDGE,
                house={key: house[key] for key in BRIDGE_KEYS & house.keys()},
                table=self.raw[BRIDGE],
                services=tuple(name for name in roster.services if name in (STEWARD, EXCHANGE)),
                peers={
                    name: bridged(device, str(self.table(name)["kind"]))
                    for name, device in self.devices.items()
                },
            )
        return slices

    def _front(self, roster: Roster) -> Slice:
        """Give the exchange its slice: where it is reached, who lives where."""
        front = convert(self.raw.get("exchange", {}), Front)
        own = self.hosts.get(self.host or "")
        reached = {
            "address": front.address or ("*" if own else None),
            "port": own.port if own else front.port,
        }
        kinds = {
            name: Peer("", "", peer.kind, (), peer.host, peer.every_seconds)
            for name, peer in roster.peers.items()
        }
        return Slice(
            name=EXCHANGE,
            house={},
            table={key: value for key, value in reached.items() if reached["address"]},
            peers=kinds,
            services=roster.services,
            host=self.host,
            hosts={name: about for name, about in self.hosts.items() if name != self.host},
        )


def _bridge(raw: dict[str, Any], hosts: dict[str, Host], problems: list[Problem]) -> None:
    """Check the table [bridge], and that what it needs is installed."""
    if BRIDGE not in raw:
        return
    bridging = read(raw[BRIDGE], Bridging, (BRIDGE,), problems)
    if missing := lacks("aiomqtt"):
        problems.append(Problem((BRIDGE,), missing))
    if bridging and bridging.host is not None and bridging.host not in hosts:
        text = f"there is no host {show(bridging.host)}; {choose(bridging.host, hosts)}"
        problems.append(Problem((BRIDGE, "host"), text))


def bridged(device: Device, kind: str) -> Peer:
    """Give what the bridge has to know of a device: it makes no difference to it whom that hears."""
    abilities = sorted(device.driver.abilities) if device.driver else ()
    return Peer(
        device.title,
        device.room,
        kind,
        abilities=tuple(abilities),
        detects=device.kind.detects(device.options),
    )


class Location(Struct, frozen=True):
    """A problem, and where in the file it stands."""

    file: str
    line: int
    table: str
    key: str | None
    text: str

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.file}:{self.line}: [{self.table}]{key} {self.text}"


def load_house(path: Path, text: str | None = None, host: str | None = None) -> House:
    """Read and check a configuration; ConfigurationError holds all that is wrong with it.

    With `text`, that is checked, as if it stood in the file. `host` is which of its hosts this is.
    """
    text, raw = parse(path, text)
    problems: list[Problem] = []
    checked = check(raw, problems)
    if problems or checked is None:
        lines = Lines(text)
        found = [lines.locate(str(path), problem) for problem in problems]
        raise ConfigurationError(sorted(found, key=lambda location: location.line))
    settings, devices, hosts = checked
    if not hosts:
        host = None
    elif host is not None and host not in hosts:
        where = Location(
            str(path),
            Lines(text).line(("hosts",)),
            "hosts",
            None,
            f"there is no host {show(host)}; {choose(host, hosts)}",
        )
        raise ConfigurationError([where])
    return House(settings=settings, devices=devices, hosts=hosts, raw=raw, text=text, host=host)


def parse(path: Path, text: str | None = None) -> tuple[str, dict[str, Any]]:
    """Read a file of TOML: its text, and what that says; ConfigurationError when it is none."""
    try:
        text = path.read_bytes().decode() if text is None else text
        raw = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        location = Location(str(path), error.lineno, "TOML", None, f"{error.msg} (column {error.colno})")
        raise ConfigurationError([location]) from error
    except (ValueError, RecursionError) as error:
        what = (
            "is not UTF-8"
            if isinstance(error, UnicodeDecodeError)
            else "holds a number or a nesting beyond all measure"
        )
        raise ConfigurationError([Location(str(path), 1, "TOML", None, what)]) from error
    except OSError as error:
        raise ConfigurationError(
            [Location(str(path), 1, "TOML", None, f"cannot be read: {error.strerror}")]
        ) from error
    return text, raw


def check(
    raw: dict[str, Any], problems: list[Problem]
) -> tuple[Settings, dict[str, Device], dict[str, Host]] | None:
    """Turn parsed TOML into typed values; what is wrong is added to `problems`."""
    for key in [key for key in raw if key not in TABLES]:
        problems.append(Problem((key,), f"unknown table; {choose(key, TABLES)}"))
    table = raw.get("house", {})
    settings = read(table, Settings, ("house",), problems)
    if isinstance(table, dict) and isinstance(timezone := table.get("timezone"), str):
        try:
            zone(timezone)
        except ValueError as error:
            problems.append(Problem(("house", "timezone"), str(error)))
    read(raw.get("recorder", {}), Recording, ("recorder",), problems)
    read(raw.get("exchange", {}), Front, ("exchange",), problems)
    hosts = _hosts(raw.get("hosts", {}), problems)
    _bridge(raw, hosts, problems)
    tables = raw.get("devices", {})
    if not isinstance(tables, dict) or not tables:
        problems.append(Problem(("devices",), "there is no device; each is a table [devices.NAME]"))
        return None
    devices: dict[str, Device] = {}
    for name, table in tables.items():
        if name in RESERVED:
            problems.append(
                Problem(("devices", name), f"{show(name)} is the name of one of the house's own processes")
            )
        elif not NAME.fullmatch(name):
            text = (
                f"{show(name)} is no device's name: that has a-z, 0-9 and _, begins with a letter, 40 at most"
            )
            problems.append(Problem(("devices", name), text))
        elif device := build(name, table, ("devices", name), problems):
            devices[name] = device
            if device.host is not None and device.host not in hosts:
                text = f"there is no host {show(device.host)}; {choose(device.host, hosts)}"
                problems.append(Problem(("devices", name, "host"), text))
    _check_rules(tables, problems)
    if settings and settings.latitude is None:
        for name, device in devices.items():
            for index, rule in enumerate(device.rules):
                if rule.by_sun:
                    key = "at" if rule.at is not None and rule.at.sun else "between"
                    text = "goes by the sun: for that, [house] needs latitude and longitude"
                    problems.append(Problem(("devices", name, "when", index, key), text))
    if problems or settings is None:
        return None
    return settings, devices, hosts


def _hosts(tables: Any, problems: list[Problem]) -> dict[str, Host]:
    """Read the tables [hosts.NAME]."""
    hosts: dict[str, Host] = {}
    if not isinstance(tables, dict):
        problems.append(Problem(("hosts",), f"{show(tables)} stands where tables [hosts.NAME] are needed"))
        return hosts
    for name, table in tables.items():
        if not NAME.fullmatch(name):
            text = (
                f"{show(name)} is no host's name: that has a-z, 0-9 and _, begins with a letter, 40 at most"
            )
            problems.append(Problem(("hosts", name), text))
        elif host := read(table, Host, ("hosts", name), problems):
            if other := next((o for o, about in hosts.items() if about.public_key == host.public_key), None):
                text = f"it is the key of {other} as well; `house keys own` on each host prints its own"
                problems.append(Problem(("hosts", name, "public_key"), text))
            hosts[name] = host
    return hosts


def _check_rules(tables: dict[str, Any], problems: list[Problem]) -> None:
    """Check what only shows between devices: who is heard, what is waited for, and no circles.

    It looks at what was written, so that one mistake in a device does not hide those in its rules.
    """
    hears: dict[str, dict[str, int]] = {}
    for name, table in tables.items():
        rules = table.get("when") if isinstance(table, dict) else None
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            if not isinstance(rule, dict):
                continue  # told already, where the rule was read
            where: Where = ("devices", name, "when", index)
            _check_heard(rule, tables, where, problems)
            if isinstance(heard := rule.get("device"), str) and heard in tables:
                hears.setdefault(name, {}).setdefault(heard, index)
            conditions = rule.get("only_if")
            for number, condition in enumerate(conditions if isinstance(conditions, list) else []):
                if isinstance(condition, dict):
                    _check_heard(condition, tables, (*where, "only_if", number), problems)
    for name, table in tables.items():
        _check_sources(name, table, tables, problems)
    for circle in circles(hears):
        first = circle[0]
        where = ("devices", first, "when", hears[first][circle[1]], "device")
        text = "devices that start each other never stop: " + " hears ".join(circle)
        problems.append(Problem(where, text))


def _check_heard(raw: dict[str, Any], tables: dict[str, Any], where: Where, problems: list[Problem]) -> None:
    """Check that the device which a rule or a condition names is there, and can show what it goes by."""
    heard = raw.get("device")
    if not isinstance(heard, str):
        return  # told already, where the rule was read
    if heard not in tables:
        text = f"there is no device {show(heard)}; {choose(heard, tables)}"
        problems.append(Problem((*where, "device"), text))
        return
    kind = find_kind(tables[heard].get("kind")) if isinstance(tables[heard], dict) else None
    for key, checks in (
        ("turns", check_turns),
        ("is", check_turns),
        ("above", check_limit),
        ("below", check_limit),
    ):
        if kind and isinstance(values := raw.get(key), dict):
            checks(values, kind, (*where, key), problems)


def _check_sources(name: str, table: Any, tables: dict[str, Any], problems: list[Problem]) -> None:
    """Check that the devices which a kind's options name are there, and show what it needs of them."""
    kind = find_kind(table.get("kind")) if isinstance(table, dict) else None
    if kind is None:
        return
    options = {f.encode_name for f in structs.fields(kind.options_type)} & table.keys()
    typed = read({key: table[key] for key in options}, kind.options_type, (), [])
    for source, needed in (kind.sources(typed) if typed else {}).items():
        where = ("devices", name, next(key for key in options if table[key] == source))
        if source not in tables:
            problems.append(Problem(where, f"there is no device {show(source)}; {choose(source, tables)}"))
            continue
        heard = find_kind(tables[source].get("kind")) if isinstance(tables[source], dict) else None
        if heard and needed not in heard.fields():
            text = f"{show(source)} is a {tables[source]['kind']}, which shows no {needed}"
            problems.append(Problem(where, text))


def circles(hears: dict[str, dict[str, int]]) -> Iterator[list[str]]:
    """Yield each circle of devices that hear each other once: first, ..., first again."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> Iterator[list[str]]:
        if name in path:
            yield [*path[path.index(name) :], name]
        elif name not in done:
            for other in hears.get(name, {}):
                yield from visit(other, [*path, name])
            done.add(name)

    for name in hears:
        yield from visit(name, [])


class Lines:
    """Finds the line of a value in TOML text.

    tomli gives values without places. But any beginning of the file that ends between two
    statements is TOML as well, so the line on which a value first exists can be found by
    parsing beginnings of it, by bisection; only a file with a problem pays for that.
    """

    def __init__(self, text: str) -> None:
        self._lines = [f"{line}\n" for line in text.split("\n")]
        self._parsed: dict[int, dict[str, Any]] = {}

    def line(self, path: Where) -> int:
        """Give the first line of the statement that made the path, or its nearest ancestor."""
        while path:
            number = bisect_left(
                range(len(self._lines)), True, key=lambda n: exists(self._up_to(n + 1), path)
            )
            if number < len(self._lines):
                return number + 1
            path = path[:-1]
        return 1

    def _up_to(self, number: int) -> dict[str, Any]:
        """Parse the beginning that ends with the statement which this line belongs to."""
        end = number
        while end not in self._parsed:
            try:
                self._parsed[end] = tomli.loads("".join(self._lines[:end]))
            except tomli.TOMLDecodeError:
                end += 1
        self._parsed[number] = self._parsed[end]
        return self._parsed[number]

    def locate(self, file: str, problem: Problem) -> Location:
        """Say where a problem stands: the innermost table that has a header, and the key in it."""
        words = [str(part) for part in problem.path]
        depth = 2 if words[0] in ("devices", "hosts") else 1
        if words[2:3] == ["when"]:
            table, key = ".".join(words[:3]), ".".join(words[4:])
        else:
            table, key = ".".join(words[:depth]), ".".join(words[depth:])
        return Location(file, self.line(problem.path), table, key or None, problem.text)


def exists(raw: Any, path: Where) -> bool:
    """Tell whether parsed TOML has something at a path."""
    for part in path:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
