"""Loads a configuration with all its files: returns a House, or every problem with its place and remedy."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from socket import gethostname
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER, STEWARD
from daemons.config import loader
from daemons.config.ability import lacking
from daemons.config.check import check
from daemons.config.defaults import Inherited, blame, check_defaults
from daemons.config.device import Device
from daemons.config.extension import Extension, file_name, of_file, of_packages, words_of
from daemons.config.files import Files, Locator, read_files
from daemons.config.holiday import holiday_dates
from daemons.config.house_rules import expand_house_rules
from daemons.config.inputs import inputs
from daemons.config.kind_facts import facts_of
from daemons.config.members import expand
from daemons.config.place import with_places
from daemons.config.roster import Peer, Roster, make_roster
from daemons.config.slice import ORDER, Slice
from daemons.config.sun import SunCalendar
from daemons.config.tables import SHOWN_KEYS, Front, Host, Settings
from daemons.errors import ConfigurationError, HouseError
from daemons.kinds import Machine, Reading
from daemons.kinds._members import MembersKind
from daemons.values import Problem, convert, format_toml, suggest

DEVICE_KEYS, MIRROR_KEYS, STEWARD_KEYS = {"timezone"}, {"name", "timezone", "locale"}, {"watchdog"}
BRIDGE_KEYS = {"name"}
SUN_KEYS = {"latitude", "longitude"}
HOLIDAYS = "holidays"
"""The key of a slice with the dates of the holidays; a person writes country and region."""
"""The keys of [house] that each process depends on: a new name restarts only the mirror."""


UNUSED_KEYS = {"host", *SHOWN_KEYS}
"""The keys of a device's table that its own process does not depend on."""


class House(Struct, frozen=True, kw_only=True):
    """A whole configuration, checked and typed."""

    settings: Settings
    devices: dict[str, Device]
    hosts: dict[str, Host]
    raw: dict[str, Any]
    """The tables of all files, with the defaults in each device, and what scenes and groups add to them."""
    files: Files
    host: str | None = None
    """The name of this host, in a house of several hosts."""

    def table(self, name: str) -> dict[str, Any]:
        """Return the table of a device, with its defaults and the rules that scenes and groups add."""
        found: dict[str, Any] = self.raw["devices"][name]
        return found

    def locator(self) -> Locator:
        """Return what finds the file and the line of a value."""
        return Locator(self.files, self.files.merged()[1])

    @property
    def gateway(self) -> tuple[str, int] | None:
        """Return the address and the first port at which the network reaches this host; None: not at all."""
        front = convert(self.raw.get("exchange", {}), Front)
        if own := self.hosts.get(self.host or ""):
            return own.address, own.port
        if front.address is None:
            return None
        everywhere = front.address in ("*", "0.0.0.0", "::")  # noqa: S104  it is compared
        return gethostname() if everywhere else front.address, front.port

    @property
    def own(self) -> list[str]:
        """The devices that have a process on this host."""
        roster = self.roster
        return [name for name in self.devices if not roster.is_elsewhere(name)]

    @property
    def roster(self) -> Roster:
        """The roster of the house, on this host."""
        return make_roster(self.raw, self.host)

    @property
    def holidays(self) -> tuple[str, ...]:
        """The holidays as ISO dates, if a rule uses them."""
        country = self.settings.country
        if country is None or not any(device.uses_holidays for device in self.devices.values()):
            return ()
        return holiday_dates(country, self.settings.region)

    @property
    def calendar(self) -> SunCalendar:
        """The calendar of the house's place, with the holidays if a rule uses them."""
        calendar = self.settings.calendar
        calendar.holidays = frozenset(self.holidays)
        return calendar

    def extensions_of(self, name: str) -> tuple[Extension, ...]:
        """Return the code of the kind and the driver of a device, if they are no part of House."""
        device = self.devices[name]
        words = [("kinds", device.kind.word), ("drivers", device.driver.word if device.driver else "")]
        found = [loader.extension_of(folder, word) for folder, word in words]
        return tuple(extension for extension in found if extension)

    def foreign_kinds(self) -> dict[str, dict[str, Any]]:
        """Return by word the facts of the kinds that are no part of House."""
        kinds = {device.kind.word: device.kind for device in self.devices.values()}
        return {
            word: msgspec.to_builtins(facts_of(kind), order="sorted")
            for word, kind in kinds.items()
            if loader.extension_of("kinds", word)
        }

    def slices(self) -> dict[str, Slice]:
        """Return the slice of each process of this host; it has only what the process depends on."""
        house = self.raw.get("house", {})
        roster = self.roster
        shown = {
            name: replace(
                roster.peers[name],
                lacks=tuple(sorted(lacking(device.kind, device.driver, device.driver_options))),
                commands=usable_commands(device),
            )
            for name, device in self.devices.items()
        }
        on_mirrors = {name: with_appearance(peer, self.devices[name]) for name, peer in shown.items()}
        slices = {}
        foreign = self.foreign_kinds()
        for name, device in self.devices.items():
            if roster.is_elsewhere(name):
                continue
            hears_all = device.kind.role != "device"
            keys = (MIRROR_KEYS if hears_all else DEVICE_KEYS) | (SUN_KEYS if device.uses_sun else set())
            dates = {HOLIDAYS: list(self.holidays)} if device.uses_holidays else {}
            order = {ORDER: list(roster.peers)} if hears_all else {}
            own_facts = {word: facts for word, facts in foreign.items() if word == device.kind.word}
            slices[name] = Slice(
                name=name,
                house={key: house[key] for key in keys & house.keys()} | dates | order,
                table={key: value for key, value in self.table(name).items() if key not in UNUSED_KEYS},
                circular_rules=tuple(sorted(device.circular_rules)),
                peers=on_mirrors if hears_all else {name: shown[name]} if own_facts else {},
                services=roster.services if hears_all else (),
                host=self.host if hears_all else None,
                extensions=self.extensions_of(name),
                kinds=foreign if hears_all else own_facts,
            )
        slices[STEWARD] = Slice(
            name=STEWARD, house={key: house[key] for key in STEWARD_KEYS & house.keys()}, table={}
        )
        if RECORDER in roster.services:
            ruled = ruled_fields(self.devices.values())
            kinds = {
                name: Peer("", "", peer.kind, ruled=ruled.get(name, ()))
                for name, peer in roster.peers.items()
            }
            slices[RECORDER] = Slice(
                name=RECORDER,
                house={},
                table=self.raw.get("recorder", {}),
                peers=kinds,
                kinds=foreign,
            )
        if EXCHANGE in roster.services:
            slices[EXCHANGE] = self._front(roster, foreign)
        if BRIDGE in roster.services:
            slices[BRIDGE] = Slice(
                name=BRIDGE,
                house={key: house[key] for key in BRIDGE_KEYS & house.keys()},
                table=self.raw[BRIDGE],
                services=tuple(name for name in roster.services if name in (STEWARD, EXCHANGE)),
                peers={
                    name: bridged(device, str(self.table(name)["kind"]), self.devices)
                    for name, device in self.devices.items()
                },
                kinds=foreign,
            )
        return slices

    def _front(self, roster: Roster, foreign: dict[str, dict[str, Any]]) -> Slice:
        """Return the slice of the exchange: its address, and the host of each device."""
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
            kinds=foreign,
        )


def ruled_fields(devices: Iterable[Device]) -> dict[str, tuple[str, ...]]:
    """Return by device the fields of its hardware by which rules and kinds go. Its meter only counts on."""
    found: dict[str, set[str]] = {}
    for name, field in set[tuple[str, str]]().union(*(device.measurements for device in devices)):
        if field in Reading.__struct_fields__ and field != "energy_watt_hours":
            found.setdefault(name, set()).add(field)
    return {name: tuple(sorted(fields)) for name, fields in found.items()}


def usable_commands(device: Device) -> tuple[str, ...] | None:
    """Return the commands that a device can carry out with its options; None for all of its kind."""
    commands = device.kind.usable_commands(device.options)
    return None if len(commands) == len(device.kind.commands) else commands


def with_appearance(peer: Peer, device: Device) -> Peer:
    """Return what a mirror knows of a device: also where and with which inputs it is shown."""
    found = inputs(device.kind, device.options)
    return replace(
        peer,
        controls=() if found == ((peer.control,) if peer.control else ()) else found,
        hide=device.hide,
        favourite=device.favourite,
    )


def possible_phases(device: Device) -> tuple[str, ...] | None:
    """Return the phases that a device can have with its options; None if its kind does not say so."""
    phases = [one.get("phase") for one in device.kind.possible_states(device.options)]
    return None if None in phases else tuple(dict.fromkeys(str(phase) for phase in phases))


def bridged(device: Device, kind: str, members: Mapping[str, Device]) -> Peer:
    """Return what the bridge needs to know about a device; `members` are all devices by name."""
    drivers = [device.driver]
    if issubclass(device.kind, MembersKind):
        drivers = [members[name].driver for name in device.kind.sources(device.options)]
    abilities = [driver.abilities if driver else frozenset() for driver in drivers] or [frozenset()]
    entity = device.kind.main_entity(device.options)
    return Peer(
        device.title,
        device.room,
        kind,
        abilities=tuple(sorted(frozenset.intersection(*abilities))),
        detects=device.kind.detects(device.options),
        units=device.kind.units(device.options),
        cools=device.kind.climate_mode(device.options) == "cool",
        control=device.kind.control(device.options),
        commands=usable_commands(device),
        phases=possible_phases(device),
        entity=None if entity == device.kind.entity_class else entity,
    )


def load_house(path: Path, text: str | None = None, host: str | None = None) -> House:
    """Load and check a configuration with all its files; raises ConfigurationError with every problem.

    With `text`, check this text instead of the content of the file. `host` is the name of this host.
    """
    return make_house(read_files(path, text), host)


def make_house(files: Files, host: str | None = None) -> House:
    """Check the files of a configuration; raises ConfigurationError with every problem."""
    raw, inherited = files.merged()
    add_extensions(files)
    raw, missing_places = with_places(raw)
    house_rules = expand_house_rules(raw)
    expansion = expand(house_rules.raw)
    raw, problems = expansion.raw, [*missing_places, *house_rules.problems, *expansion.problems]
    problems += extension_problems(raw.get("devices"))
    if "defaults" in files.main.raw:
        check_defaults(files.main.raw["defaults"], problems)
    checked = check(raw, problems)
    locator = Locator(files, inherited)
    if problems or checked is None:
        in_file = [house_rules.in_file(expansion.in_file(problem)) for problem in problems]
        found = [mended(explain(problem, raw, inherited), locator) for problem in in_file]
        located = dict.fromkeys(locator.locate(found))  # the rules of one scene can have the same fault
        raise ConfigurationError(tuple(located))
    settings, devices, hosts = checked
    if not hosts:
        host = None
    elif host is not None and host not in hosts:
        text = f"there is no host {format_toml(host)}; {suggest(host, hosts)}"
        raise ConfigurationError(locator.locate([Problem(("hosts",), text)]))
    return House(settings=settings, devices=devices, hosts=hosts, raw=raw, files=files, host=host)


def words_used(files: Files) -> dict[tuple[str, str], None]:
    """Return the folders and words of the kinds and drivers that are no part of House."""
    return dict.fromkeys(words_of(files.merged()[0].get("devices"), loader.built_in()))


def extensions_used(files: Files) -> list[Extension]:
    """Return the extensions of a configuration that were added."""
    return [found for word in words_used(files) if (found := loader.extension_of(*word))]


def add_extensions(files: Files) -> None:
    """Add the extensions that devices use: a file of your own goes before a package."""
    for folder, word in words_used(files):
        if (text := files.code.get(file_name(folder, word))) is not None:
            loader.add(of_file(folder, word, text))
        elif found := next((one for one in of_packages(folder) if one.word == word), None):
            loader.add(found)


def extension_problems(devices: Any) -> Iterator[Problem]:
    """Yield why a kind that is no part of House cannot be used."""
    for name, table in devices.items() if isinstance(devices, dict) else ():
        word = table.get("kind") if isinstance(table, dict) else None
        kind = loader.kind_or_none(word) if loader.extension_of("kinds", str(word)) else None
        if kind is None:
            continue  # the check of its table reports it
        where = ("devices", name, "kind")
        if not issubclass(kind, Machine) or kind.role != "device" or kind.derived_options:
            yield Problem(where, f"{word}: a kind of your own is a Machine, and has no derived options")
        try:
            facts_of(kind)
        except HouseError as error:
            yield Problem(where, f"{word}: {error}")


def mended(problem: Problem, locator: Locator) -> Problem:
    """Return a problem with its remedy, if what the person meant is recognized."""
    from daemons.config.value_remedies import remedy  # noqa: PLC0415  only a person's mistake needs it

    file, path = locator.origin(problem.path)
    return replace(remedy(replace(problem, path=path), file.raw), path=problem.path)


def explain(problem: Problem, raw: dict[str, Any], inherited: dict[str, Inherited]) -> Problem:
    """Return a problem at the default that causes it, or with the reason that a key is unknown."""
    path = problem.path
    if path[-1] == "include" and len(path) > 1 and problem.text.startswith("unknown key"):
        return Problem(path, "include stands at the top of the file, above the first table")
    if path[0] == "devices" and len(path) > 1 and (defaults := inherited.get(str(path[1]))):
        return blame(problem, raw["devices"][path[1]], defaults)
    return problem
