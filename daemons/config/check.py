"""The checks of a whole configuration: tables, names, and what devices need from each other."""

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from daemons.bus.message import BRIDGE, EXCHANGE, NAME, RECORDER, STEWARD
from daemons.config.device import Device, build, check_limit, check_turns
from daemons.config.loader import find_kind, lacks
from daemons.config.tables import Bridging, Front, Host, Recording, Settings, zone
from daemons.values import Path as Where
from daemons.values import Problem, choose, read, show

TABLES = ["house", "recorder", "bridge", "exchange", "hosts", "devices"]


RESERVED = {"house", "supervisord", STEWARD, RECORDER, EXCHANGE, BRIDGE}
"""Names of the house's own processes."""


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
