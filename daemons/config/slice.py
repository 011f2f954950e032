"""The slice: the part of a configuration that one process reads."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from daemons.config.roster import Peer
from daemons.config.tables import Host, Settings
from daemons.errors import PlaceError
from daemons.values import convert


class Slice(Struct, frozen=True, kw_only=True):
    """All of a configuration that one process depends on; another slice is another process."""

    name: str
    house: dict[str, Any]
    """Of the table [house], the keys that make a difference to this process."""
    table: dict[str, Any]
    """Its own table: [devices.NAME], or [NAME] for one of the house's own processes."""
    peers: dict[str, Peer] = {}
    services: tuple[str, ...] = ()
    host: str | None = None
    """Which host this is, in a house of several."""
    hosts: dict[str, Host] = {}
    """The others."""

    @property
    def settings(self) -> Settings:
        """Give the table [house], typed."""
        return convert(self.house, Settings)

    def encode(self) -> bytes:
        """Give it as JSON."""
        return msgspec.json.encode(self, order="sorted")


def slice_path(name: str) -> Path:
    """Say where a slice stands, from inside the run directory."""
    return Path("devices") / f"{name}.json"


def read_slice(name: str) -> Slice:
    """Read this process's slice; PlaceError when there is none."""
    try:
        return msgspec.json.decode(slice_path(name).read_bytes(), type=Slice)
    except (OSError, msgspec.MsgspecError) as error:
        raise PlaceError(
            f"{slice_path(name).absolute()} cannot be read ({error}); `house up` writes it"
        ) from error
