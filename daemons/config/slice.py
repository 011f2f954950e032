"""The slice: the part of a configuration that one process reads."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from daemons.config import loader
from daemons.config.extension import Extension
from daemons.config.roster import Peer
from daemons.config.sun import SunCalendar
from daemons.config.tables import Host, Settings
from daemons.errors import StorageError
from daemons.values import convert

ORDER = "order"
"""The key of a mirror's slice with all devices in the order in which they are shown."""


class Slice(Struct, frozen=True, kw_only=True):
    """Everything in the configuration that one process depends on; a changed slice restarts it.

    A device process never reads the file that a person edits. It reads its slice, which was checked
    with the whole file. So a half-edited file cannot reach a device that restarts.
    """

    name: str
    house: dict[str, Any]
    """The keys of [house] that this process depends on."""
    table: dict[str, Any]
    """Its own table: [devices.NAME], or [NAME] for a process that is no device."""
    circular_rules: tuple[int, ...] = ()
    """The indices of its rules that are in a circle of devices that follow each other."""
    peers: dict[str, Peer] = {}
    services: tuple[str, ...] = ()
    host: str | None = None
    """The name of this host, in a house of several hosts."""
    hosts: dict[str, Host] = {}
    """The other hosts."""
    extensions: tuple[Extension, ...] = ()
    """The code of its own kind and driver, if they are no part of House."""
    kinds: dict[str, dict[str, Any]] = {}
    """The kinds of its peers that are no part of House, or its own one: their KindFacts."""

    @property
    def settings(self) -> Settings:
        """The table [house], typed."""
        return convert(self.house, Settings)

    @property
    def calendar(self) -> SunCalendar:
        """The calendar of the house's place, with the holidays if the process needs them."""
        calendar = self.settings.calendar
        calendar.holidays = frozenset(self.house.get("holidays", ()))
        return calendar

    def add_extensions(self) -> None:
        """Make the kinds and drivers that are no part of House known to this process, which is its own."""
        for extension in self.extensions:
            loader.add(extension)
        own = {one.word for one in self.extensions if one.folder == "kinds"}
        describe_kinds({word: facts for word, facts in self.kinds.items() if word not in own})

    @property
    def ordered_peers(self) -> dict[str, Peer]:
        """The peers in the order in which they are shown; that of their names if the slice has no order."""
        names = dict.fromkeys([*self.house.get(ORDER, ()), *self.peers])
        return {name: self.peers[name] for name in names if name in self.peers}

    def encode(self) -> bytes:
        """Return the slice as JSON."""
        return msgspec.json.encode(self, order="sorted")


def slice_path(name: str) -> Path:
    """Return the path of a slice, relative to the run directory."""
    return Path("devices") / f"{name}.json"


def read_slice(name: str) -> Slice:
    """Read this process's slice; StorageError when there is none."""
    try:
        return msgspec.json.decode(slice_path(name).read_bytes(), type=Slice)
    except (OSError, msgspec.MsgspecError) as error:
        raise StorageError(
            f"{slice_path(name).absolute()} cannot be read ({error}); `house reload` writes it again, "
            "or `house up` if the house is down"
        ) from error


def describe_kinds(kinds: dict[str, dict[str, Any]]) -> None:
    """Make kinds known to this process by their facts."""
    if kinds:
        from daemons.config.kind_facts import KindFacts, kind_of  # noqa: PLC0415  few houses need it

        for word, facts in kinds.items():
            loader.describe(word, kind_of(word, convert(facts, KindFacts)))
