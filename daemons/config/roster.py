"""The roster: name, room, kind and host of every device and service of a house."""

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct, field

from daemons.bus.facts import Facts
from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER, STEWARD
from daemons.config import loader
from daemons.config.attention import facts_of
from daemons.config.rule import CONDITION_KEYS
from daemons.config.tables import DEFAULT_ROOM, FOREIGN, Recording, Settings
from daemons.kinds import Control, Kind
from daemons.values import convert


class Peer(Struct, frozen=True, omit_defaults=True):
    """What other processes need to know about a device."""

    title: str
    room: str
    kind: str
    subscriptions: tuple[str, ...] = field(name="hears", default=())
    """The devices whose states its rules act on."""
    host: str | None = None
    """The host of the device, in a house of several hosts."""
    every_seconds: float | None = None
    """For a program of your own: the longest pause between two of its states, in seconds."""

    control: Control | None = None
    """The input for its value, if it has one."""
    controls: tuple[Control, ...] = ()
    """All inputs, if these are not only `control`; set for the mirrors only."""
    hide: bool = False
    """Whether the first view of the page leaves it out; set for the mirrors only."""
    favourite: bool = False
    """Whether it is shown before the rooms; set for the mirrors only."""

    def is_elsewhere(self, host: str | None) -> bool:
        """Return whether the device has no process on a host."""
        return self.every_seconds is not None or self.host != host

    lacks: tuple[str, ...] = ()
    """The commands and arguments of its kind that its driver cannot carry out; set for the mirrors only."""
    ruled: tuple[str, ...] = ()
    """Its measurements by which rules go; set for the recorder only."""
    abilities: tuple[str, ...] = ()
    """The abilities of its driver; set for the bridge only."""
    detects: str | None = None
    """What its status detects; set for the bridge only."""
    units: dict[str, str] = {}
    """The unit of each field for which its options decide it; set for the bridge only."""
    cools: bool = False
    """Whether it cools a room; set for the bridge only."""
    commands: tuple[str, ...] | None = None
    """The commands that it can carry out with its options, if these are not all of its kind; set for the
    mirrors and the bridge only."""
    phases: tuple[str, ...] | None = None
    """The phases that it can have with its options, if these are known; set for the bridge only."""
    entity: str | None = None
    """Its main entity, if that is not the one of its kind; set for the bridge only."""
    facts: Facts | None = None
    """What notices about it depend on; set for the mirrors and the terminal only."""


class Roster(Struct, frozen=True, kw_only=True):
    """The devices and services of a house; it loads also when the file of a kind is broken."""

    settings: Settings
    peers: dict[str, Peer]
    """The devices, in the order in which they are shown."""
    services: tuple[str, ...]
    """The names of the processes that are no devices."""
    host: str | None = None
    """The name of this host, in a house of several hosts."""

    def is_elsewhere(self, name: str) -> bool:
        """Return whether a device has no process on this host."""
        return name in self.peers and self.peers[name].is_elsewhere(self.host)

    def is_distant(self, name: str) -> bool:
        """Return whether a device has a process on another host."""
        return self.is_elsewhere(name) and self.peers[name].every_seconds is None


def make_roster(raw: dict[str, Any], host: str | None = None) -> Roster:
    """Return the roster of an installed configuration, which was checked before, for one host."""
    first = next(iter(raw.get("hosts", {})), None)
    settings = convert(raw.get("house", {}), Settings)
    peers = {
        name: Peer(
            table.get("name") or default_title(name),
            table.get("room") or DEFAULT_ROOM,
            table["kind"],
            subscriptions(table),
            table.get("host", first),
            silence_limit(table),
            control(table),
            facts=facts(name, table, settings),
        )
        for name, table in in_order(raw["devices"])
    }
    records = convert(raw.get("recorder", {}), Recording).enabled
    services: tuple[str, ...] = (STEWARD, RECORDER) if records else (STEWARD,)
    if "exchange" in raw or first or any(peer.every_seconds is not None for peer in peers.values()):
        services += (EXCHANGE,)
    if BRIDGE in raw and raw[BRIDGE].get("host", first) == host:  # two bridges would disconnect each other
        services += (BRIDGE,)
    return Roster(settings=settings, peers=peers, services=services, host=host)


def in_order(devices: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the tables of the devices as they are shown: by `order`, then in the order of the files.

    Devices of the room DEFAULT_ROOM come first, because the whole house shares them. A mirror does not: it
    only shows the others.
    """

    def place(item: tuple[str, dict[str, Any]]) -> tuple[float, bool]:
        table = item[1]
        kind = loader.kind_or_none(table["kind"])
        is_shared = table.get("room", DEFAULT_ROOM) == DEFAULT_ROOM and not (kind and kind.role == "mirror")
        return table.get("order", 0.0), not is_shared

    return sorted(devices.items(), key=place)


def subscriptions(table: dict[str, Any]) -> tuple[str, ...]:
    """Return the devices that the rules and options of a checked table name."""
    rules = [
        part
        for rule in table.get("when", ())
        for part in (rule, *(one for key in CONDITION_KEYS for one in rule.get(key, ())))
    ]
    found = dict.fromkeys(part["device"] for part in rules if "device" in part)
    kind = loader.kind_or_none(table["kind"])
    if kind and (options := typed_options(kind, table)):
        found |= kind.sources(options)
    return tuple(found)


def control(table: dict[str, Any]) -> Control | None:
    """Return the input for the value of a device, by its checked table."""
    kind = loader.kind_or_none(table["kind"])
    return kind.control(options) if kind and (options := typed_options(kind, table)) else None


def facts(name: str, table: dict[str, Any], settings: Settings) -> Facts:
    """Return what notices about a device depend on, by its checked table."""
    kind = loader.kind_or_none(table["kind"])
    options = typed_options(kind, table) if kind else None
    title, room = table.get("name") or default_title(name), table.get("room") or DEFAULT_ROOM
    return facts_of(title, room, kind, options, settings)


def typed_options(kind: type[Kind], table: dict[str, Any]) -> Any:
    """Return the options of a kind in a checked table; None if another version wrote the table."""
    keys = {f.encode_name for f in msgspec.structs.fields(kind.options_type)} & table.keys()
    with suppress(msgspec.ValidationError):
        return convert({key: table[key] for key in keys}, kind.options_type)
    return None


def silence_limit(table: dict[str, Any]) -> float | None:
    """Return the longest pause between states of a program of your own, in seconds; None otherwise."""
    if table.get("driver") != FOREIGN:
        return None
    options = convert(table.get(FOREIGN, {}), loader.driver(FOREIGN).options_type)
    return float(options.every_seconds)  # type: ignore[attr-defined]


def mirrors(roster: Roster) -> list[str]:
    """Return the names of the mirrors on this host."""
    kinds = {name: loader.kind_or_none(peer.kind) for name, peer in roster.peers.items()}
    return [
        name
        for name, kind in kinds.items()
        if kind and kind.role == "mirror" and not roster.is_elsewhere(name)
    ]


def default_title(name: str) -> str:
    """Return the friendly name of a device that has no `name`."""
    return name.replace("_", " ").capitalize()
