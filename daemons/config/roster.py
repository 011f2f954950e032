"""The roster: name, room, kind and host of every device and service of a house."""

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from daemons.bus.message import BRIDGE, EXCHANGE, RECORDER, STEWARD
from daemons.config import loader
from daemons.config.tables import DEFAULT_ROOM, FOREIGN, Recording, Settings
from daemons.values import convert


class Peer(Struct, frozen=True, omit_defaults=True):
    """What others have to know of a device."""

    title: str
    room: str
    kind: str
    hears: tuple[str, ...] = ()
    """Whose states its rules act on."""
    host: str | None = None
    """On which host it is, in a house of several."""
    every_seconds: float | None = None
    """Of somebody's own program: how often that says what it is, at the least."""

    def is_elsewhere(self, host: str | None) -> bool:
        """Tell whether it has no process on a host."""
        return self.every_seconds is not None or self.host != host

    abilities: tuple[str, ...] = ()
    """What its driver can; told to the bridge only."""
    detects: str | None = None
    """What its status detects; told to the bridge only."""


class Roster(Struct, frozen=True, kw_only=True):
    """Who lives in a house: enough to ask and to show it, even when the file of a kind is broken."""

    settings: Settings
    peers: dict[str, Peer]
    services: tuple[str, ...]
    """The house's own processes."""
    host: str | None = None
    """Which host this is, in a house of several."""

    def is_elsewhere(self, name: str) -> bool:
        """Tell whether a device has no process on this host."""
        return name in self.peers and self.peers[name].is_elsewhere(self.host)

    def is_distant(self, name: str) -> bool:
        """Tell whether a device has a process on another host."""
        return self.is_elsewhere(name) and self.peers[name].every_seconds is None


def make_roster(raw: dict[str, Any], host: str | None = None) -> Roster:
    """Give the roster of a configuration that was checked when it was installed, as it is on a host."""
    first = next(iter(raw.get("hosts", {})), None)
    peers = {
        name: Peer(
            table.get("name") or default_title(name),
            table.get("room") or DEFAULT_ROOM,
            table["kind"],
            hears(table),
            table.get("host", first),
            silence(table),
        )
        for name, table in raw["devices"].items()
    }
    records = convert(raw.get("recorder", {}), Recording).enabled
    services: tuple[str, ...] = (STEWARD, RECORDER) if records else (STEWARD,)
    if "exchange" in raw or first or any(peer.every_seconds is not None for peer in peers.values()):
        services += (EXCHANGE,)
    if BRIDGE in raw and raw[BRIDGE].get("host", first) == host:  # two would throw each other out
        services += (BRIDGE,)
    settings = convert(raw.get("house", {}), Settings)
    return Roster(settings=settings, peers=peers, services=services, host=host)


def hears(table: dict[str, Any]) -> tuple[str, ...]:
    """Name the devices that one listens to, of a table that was checked when it was installed."""
    rules = [part for rule in table.get("when", ()) for part in (rule, *rule.get("only_if", ()))]
    found = dict.fromkeys(part["device"] for part in rules if "device" in part)
    kind = loader.find_kind(table["kind"])
    if kind:
        keys = {f.encode_name for f in msgspec.structs.fields(kind.options_type)} & table.keys()
        with suppress(msgspec.ValidationError):  # another version's
            found |= kind.sources(convert({key: table[key] for key in keys}, kind.options_type))
    return tuple(found)


def silence(table: dict[str, Any]) -> float | None:
    """Say for how long a device that is somebody's own program may be silent; nothing for any other."""
    if table.get("driver") != FOREIGN:
        return None
    options = convert(table.get(FOREIGN, {}), loader.driver(FOREIGN).options_type)
    return float(options.every_seconds)  # type: ignore[attr-defined]


def mirrors(roster: Roster) -> list[str]:
    """Name the devices that are mirrors, on this host."""
    kinds = {name: loader.find_kind(peer.kind) for name, peer in roster.peers.items()}
    return [
        name
        for name, kind in kinds.items()
        if kind and kind.role == "mirror" and not roster.is_elsewhere(name)
    ]


def default_title(name: str) -> str:
    """Give the friendly name of a device that was given none."""
    return name.replace("_", " ").capitalize()
