"""The checks of a whole configuration: tables, names, and what devices need from each other."""

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from daemons.bus.message import BRIDGE, EXCHANGE, NAME, RECORDER, STEWARD
from daemons.config.circles import with_circles
from daemons.config.device import Device, build, check_limit, check_turns, turning_problem
from daemons.config.holiday import country_problem
from daemons.config.loader import kind_or_none, missing_library
from daemons.config.rule import CONDITION_KEYS
from daemons.config.rule_check import check_possible, rules_of
from daemons.config.tables import Bridging, Front, Host, Recording, Settings, zone
from daemons.values import Path as Where
from daemons.values import Problem, format_toml, parse_table, suggest

TABLES = ["include", "house", "recorder", "bridge", "exchange", "hosts", "defaults", "devices"]


RESERVED = {"house", "supervisord", STEWARD, RECORDER, EXCHANGE, BRIDGE}
"""The names of the processes that are no devices; no device may have one of them."""
NEEDS_POSITION = "a time of the sun needs latitude and longitude in [house]"
IN_BROKERS = {
    "broker": 'Each broker is an address in brokers, such as "mqtt://10.0.0.2:1883"',
    "port": 'In brokers, the port is a part of each address, such as "mqtt://10.0.0.2:1883"',
    "tls": 'In brokers, TLS is a part of each address: "mqtts://10.0.0.2:8883"',
}
"""How `brokers` contains what the other keys say."""
NAME_RULE = "allowed: a-z, 0-9 and _, a letter first, 40 characters at most"


def _bridge(raw: dict[str, Any], hosts: dict[str, Host], problems: list[Problem]) -> Bridging | None:
    """Check the table [bridge], and that its library is installed; return it."""
    if BRIDGE not in raw:
        return None
    bridging = parse_table(raw[BRIDGE], Bridging, (BRIDGE,), problems)
    if bridging and bridging.brokers:
        for key in ("broker", "port", "tls"):
            if key in raw[BRIDGE]:
                text = f"{key} stands beside brokers; delete one of the two. {IN_BROKERS[key]}"
                problems.append(Problem((BRIDGE, key), text))
    if missing := missing_library("aiomqtt"):
        problems.append(Problem((BRIDGE,), missing))
    if bridging and bridging.host is not None and bridging.host not in hosts:
        text = f"there is no host {format_toml(bridging.host)}; {suggest(bridging.host, hosts)}"
        problems.append(Problem((BRIDGE, "host"), text))
    return bridging


def _bridged_commands(
    bridging: Bridging, tables: dict[str, Any], devices: dict[str, Device], problems: list[Problem]
) -> None:
    """Check that each path in `commands` of [bridge] names a device, and a command of it."""
    for index, path in enumerate(() if isinstance(bridging.commands, bool) else bridging.commands):
        name, _, word = path.partition("/")
        where = (BRIDGE, "commands", index)
        if name not in tables:
            text = f"there is no device {format_toml(name)}; {suggest(name, tables)}"
            problems.append(Problem(where, text))
        elif word and name in devices:
            usable = devices[name].kind.usable_commands(devices[name].options)
            if word not in usable:
                text = f"{name} has no command {format_toml(word)}; {suggest(word, usable)}"
                problems.append(Problem(where, text))


def check(
    raw: dict[str, Any], problems: list[Problem]
) -> tuple[Settings, dict[str, Device], dict[str, Host]] | None:
    """Return the typed values of a parsed file; add each problem to `problems`, and then return None."""
    for key in [key for key in raw if key not in TABLES]:
        problems.append(Problem((key,), f"unknown table; {suggest(key, TABLES)}"))
    table = raw.get("house", {})
    settings = parse_table(table, Settings, ("house",), problems)
    if isinstance(table, dict) and isinstance(timezone := table.get("timezone"), str):
        try:
            zone(timezone)
        except ValueError as error:
            problems.append(Problem(("house", "timezone"), str(error)))
    parse_table(raw.get("recorder", {}), Recording, ("recorder",), problems)
    parse_table(raw.get("exchange", {}), Front, ("exchange",), problems)
    hosts = _hosts(raw.get("hosts", {}), problems)
    bridging = _bridge(raw, hosts, problems)
    tables = raw.get("devices", {})
    if not isinstance(tables, dict) or not tables:
        problems.append(Problem(("devices",), "there is no device; add a table [devices.NAME]"))
        return None
    devices: dict[str, Device] = {}
    for name, table in tables.items():
        if name in RESERVED:
            problems.append(
                Problem(
                    ("devices", name),
                    f"{format_toml(name)} is the name of a process of the house; choose another one",
                )
            )
        elif not NAME.fullmatch(name):
            text = f"{format_toml(name)} is no valid device name; {NAME_RULE}"
            problems.append(Problem(("devices", name), text))
        elif device := build(name, table, ("devices", name), problems):
            devices[name] = device
            if device.host is not None and device.host not in hosts:
                text = f"there is no host {format_toml(device.host)}; {suggest(device.host, hosts)}"
                problems.append(Problem(("devices", name, "host"), text))
    if bridging:
        _bridged_commands(bridging, tables, devices, problems)
    _check_rules(tables, problems)
    check_possible(tables, devices, problems)
    if not problems:  # a rule that cannot be parsed is missing, and the numbers of others would be wrong
        devices = with_circles(devices, problems)
    _check_use_of_sources(devices, problems)
    _check_ports(devices, problems)
    if settings and settings.latitude is None:
        for where, rule in rules_of(tables):
            if rule.uses_sun:
                key = "at" if rule.at is not None and rule.at.sun else "between"
                problems.append(Problem((*where, key), NEEDS_POSITION))
        for name, device in devices.items():
            if any(time.sun for time in device.kind.times_of_day(device.options)):
                problems.append(Problem(("devices", name), NEEDS_POSITION))
    if settings:
        _check_holidays(settings, tables, problems)
    if problems or settings is None:
        return None
    return settings, devices, hosts


def _check_holidays(settings: Settings, tables: dict[str, Any], problems: list[Problem]) -> None:
    """Check the country, its region and their library, if a rule uses holidays."""
    using = [(where, rule) for where, rule in rules_of(tables) if rule.uses_holidays]
    if settings.country is None:
        for where, rule in using:
            key = "days" if rule.holidays is None else "holidays"
            problems.append(Problem((*where, key), 'holidays need a country in [house], such as "DE"'))
    elif using and (found := country_problem(settings.country, settings.region)):
        problems.append(Problem(("house", found[0]), found[1]))


def _hosts(tables: Any, problems: list[Problem]) -> dict[str, Host]:
    """Return the typed tables [hosts.NAME]; add each problem to `problems`."""
    hosts: dict[str, Host] = {}
    if not isinstance(tables, dict):
        problems.append(Problem(("hosts",), f"expected tables [hosts.NAME], found {format_toml(tables)}"))
        return hosts
    for name, table in tables.items():
        if not NAME.fullmatch(name):
            text = f"{format_toml(name)} is no valid host name; {NAME_RULE}"
            problems.append(Problem(("hosts", name), text))
        elif host := parse_table(table, Host, ("hosts", name), problems):
            if other := next((o for o, about in hosts.items() if about.public_key == host.public_key), None):
                text = f"this is also the key of {other}; `house keys own` prints the key of each host"
                problems.append(Problem(("hosts", name, "public_key"), text))
            hosts[name] = host
    return hosts


def _check_rules(tables: dict[str, Any], problems: list[Problem]) -> None:
    """Check what concerns several devices: the sources of rules, their fields, and circles.

    It reads the parsed tables, so that a problem in a device does not hide those in its rules.
    """
    for name, table in tables.items():
        rules = table.get("when") if isinstance(table, dict) else None
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            if not isinstance(rule, dict):
                continue  # the parser of the rule has reported it
            where: Where = ("devices", name, "when", index)
            _check_source_fields(rule, tables, where, problems)
            for key in CONDITION_KEYS:
                conditions = rule.get(key)
                for number, condition in enumerate(conditions if isinstance(conditions, list) else []):
                    if isinstance(condition, dict):
                        _check_source_fields(condition, tables, (*where, key, number), problems)
    for name, table in tables.items():
        _check_sources(name, table, tables, problems)
    for circle in circles({name: dict.fromkeys(meter_sources(table), 0) for name, table in tables.items()}):
        text = "meters that measure each other never stop counting: " + " measures ".join(circle)
        if len(circle) > 2:  # noqa: PLR2004  a device that is its own source was reported already
            problems.append(Problem(("devices", circle[0]), text))


def _check_source_fields(
    raw: dict[str, Any], tables: dict[str, Any], where: Where, problems: list[Problem]
) -> None:
    """Check that the device of a rule or a condition exists, and has the fields that it uses."""
    heard = raw.get("device")
    if not isinstance(heard, str):
        return  # the parser of the rule has reported it
    if heard not in tables:
        text = f"there is no device {format_toml(heard)}; {suggest(heard, tables)}"
        problems.append(Problem((*where, "device"), text))
        return
    kind = kind_or_none(tables[heard].get("kind")) if isinstance(tables[heard], dict) else None
    for key, checks in (
        ("turns", check_turns),
        ("is", check_turns),
        ("above", check_limit),
        ("below", check_limit),
    ):
        if kind and isinstance(values := raw.get(key), dict):
            checks(values, kind, (*where, key), problems)
    followed = raw.get("follow")
    is_refused = any(problem.path == (*where, "follow") for problem in problems)
    for name in followed if kind and not is_refused and isinstance(followed, list) else []:
        if kind and isinstance(name, str) and (why := turning_problem(name, kind)):
            why = "is a measurement and cannot be copied" if name in kind.measurements() else why
            problems.append(Problem((*where, "follow"), f"{name}: {why}"))
    origins = raw.get("by", [])
    for origin in [origins] if isinstance(origins, str) else origins if isinstance(origins, list) else []:
        word, _, who = str(origin).partition(":")
        if word == "rule" and who and who not in tables:
            problem = f"there is no device {format_toml(who)}; {suggest(who, tables)}"
            problems.append(Problem((*where, "by"), problem))


def meter_sources(table: Any) -> tuple[str, ...]:
    """Return the devices whose energy a device without hardware adds up to its own."""
    kind = kind_or_none(table.get("kind")) if isinstance(table, dict) else None
    if kind is None:
        return ()
    options = {f.encode_name for f in structs.fields(kind.options_type)} & table.keys()
    typed = parse_table({key: table[key] for key in options}, kind.options_type, (), [])
    needed = kind.sources(typed) if typed else {}
    return tuple(source for source, field in needed.items() if field == "energy_watt_hours")


def _check_sources(name: str, table: Any, tables: dict[str, Any], problems: list[Problem]) -> None:
    """Check that the devices in the options of a kind exist, and have the fields that it needs."""
    kind = kind_or_none(table.get("kind")) if isinstance(table, dict) else None
    if kind is None:
        return
    options = {f.encode_name for f in structs.fields(kind.options_type)} & table.keys()
    typed = parse_table({key: table[key] for key in options}, kind.options_type, (), [])
    for source, needed in (kind.sources(typed) if typed else {}).items():
        if kind.derived_options:
            continue  # its members were checked as they were found
        where = ("devices", name, _key_of(source, {key: table[key] for key in options}))
        if source == name:
            problems.append(Problem(where, f"{format_toml(name)} cannot be its own source"))
            continue
        if source not in tables:
            problems.append(
                Problem(where, f"there is no device {format_toml(source)}; {suggest(source, tables)}")
            )
            continue
        heard = kind_or_none(tables[source].get("kind")) if isinstance(tables[source], dict) else None
        if heard and needed not in heard.fields():
            text = f"{format_toml(source)} is a {tables[source]['kind']}, which has no field {needed}"
            problems.append(Problem(where, text))


def _key_of(source: str, options: dict[str, Any]) -> str:
    """Return the option that names a device, alone or in a list."""
    return next(
        key
        for key, value in options.items()
        if value == source or (isinstance(value, list) and source in value)
    )


def _check_use_of_sources(devices: dict[str, Device], problems: list[Problem]) -> None:
    """Check that each kind can use the devices in its options in the way that it does."""
    for name, device in devices.items():
        sources = device.kind.sources(device.options)
        found = {
            source: (devices[source].kind, devices[source].options) for source in sources.keys() & devices
        }
        for key, text in device.kind.refused_sources(device.options, found):
            problems.append(Problem(("devices", name, key), text))


def _check_ports(devices: dict[str, Device], problems: list[Problem]) -> None:
    """Check that no two mirrors of a host serve their pages at one port."""
    taken: dict[tuple[str | None, int], str] = {}
    for name, device in devices.items():
        port = device.options.port if device.kind.role == "mirror" else 0
        if not port:
            continue  # it takes a free port
        first = taken.setdefault((device.host, port), name)
        if first != name:
            free = next(number for number in range(port + 1, 1 << 17) if (device.host, number) not in taken)
            text = f"the mirror {first} has the port {port} already; write another one, such as port = {free}"
            problems.append(Problem(("devices", name, "port"), text))


def circles(listens_to: dict[str, dict[str, int]]) -> Iterator[list[str]]:
    """Yield each circle of devices that start each other, once, as a list from a device back to itself."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> Iterator[list[str]]:
        if name in path:
            yield [*path[path.index(name) :], name]
        elif name not in done:
            for other in listens_to.get(name, {}):
                yield from visit(other, [*path, name])
            done.add(name)

    for name in listens_to:
        yield from visit(name, [])
