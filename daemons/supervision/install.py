"""Writes a configuration into the run directory, reads it, and puts the previous one back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from daemons.config import loader
from daemons.config.files import pack, unpack
from daemons.config.house import House, make_house
from daemons.config.members import expand
from daemons.config.roster import Peer, Roster, make_roster
from daemons.config.slice import describe_kinds, read_slice, slice_path
from daemons.errors import ConfigurationError, StorageError
from daemons.storage.installed import INSTALLED, SOURCE
from daemons.storage.paths import HOST_FILE, replace_file, this_host
from daemons.supervision.programs import render


def installed_house() -> House:
    """Return the installed configuration, independent of the file that a person edits.

    Raises StorageError if it is damaged, or of another version.
    """
    with translate_errors():
        return make_house(unpack(INSTALLED), this_host())


def installed_roster() -> Roster:
    """Return the roster of the installed configuration, as it is on this host.

    Raises StorageError if it is damaged, or of another version.
    """
    with translate_errors():
        raw = expand(unpack(INSTALLED).merged()[0]).raw
        if not raw.get("devices"):
            raise ConfigurationError(["it has no devices"])
        host = this_host()
        if host is not None and host not in raw.get("hosts", {}):
            raise StorageError(
                f"{HOST_FILE.absolute()} names {host!r}, which is no host of this house; "
                "`house --host NAME up` or `house --host NAME reload` writes it"
            )
        known = foreign_peers(raw["devices"])
        roster = make_roster(raw, host)
        return replace(roster, peers=roster.peers | known)


def foreign_peers(devices: dict[str, Any]) -> dict[str, Peer]:
    """Return the devices whose kinds are no part of House, and make these kinds known by their facts.

    Their code is not loaded here. A device of another host has no slice here.
    """
    found = dict[str, Peer]()
    builtin = loader.built_in()["kinds"]
    for name in [name for name, table in devices.items() if table["kind"] not in builtin]:
        with suppress(StorageError):
            slice_ = read_slice(name)
            describe_kinds(slice_.kinds)
            found |= slice_.peers
    return found


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise StorageError for an installed configuration that is not valid: no person edits it."""
    try:
        yield
    except StorageError:
        raise
    except (ConfigurationError, ValueError, TypeError, LookupError, AttributeError) as error:
        problems = error.problems if isinstance(error, ConfigurationError) else [error]
        raise StorageError(
            f"{INSTALLED.absolute()} is damaged, or of another version ({problems[0]}); "
            "`house reload` writes it again, or `house up` if the house is down"
        ) from error


def program_path(name: str) -> Path:
    """Return the path of the supervisord program of a process, relative to the run directory."""
    return Path("programs") / f"{name}.conf"


def installed_files() -> list[Path]:
    """Return the paths of every installed slice and program, and of the installed configuration."""
    sources = [path for path in (INSTALLED, HOST_FILE, SOURCE) if path.exists()]
    return [*Path("programs").glob("*.conf"), *Path("devices").glob("*.json"), *sources]


def install(house: House, run: Path) -> None:
    """Write the slice and the program of each process, and delete those of removed devices."""
    slices = house.slices()
    write_if_changed(INSTALLED, pack(house.files).encode())
    write_if_changed(HOST_FILE, (house.host or "").encode())
    write_if_changed(SOURCE, os.fsencode(house.files.main.path))
    for name, slice_ in slices.items():
        write_if_changed(slice_path(name), slice_.encode())
        write_if_changed(program_path(name), render(slice_, run).encode())
    for file in installed_files():
        if file.stem not in slices and file not in (INSTALLED, HOST_FILE, SOURCE):
            file.unlink()


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file if its content differs.

    So a start on a full disk succeeds, if nothing has changed. To replace a file takes a millisecond on ext4.
    """
    if not path.is_file() or path.read_bytes() != content:
        replace_file(path, content)


def forget_stops() -> None:
    """Delete the stop marks of devices that are not installed any more."""
    for path in Path("stopped").iterdir():
        if not program_path(path.name).exists():
            path.unlink()


def restore_files(previous: dict[Path, bytes]) -> None:
    """Restore the previously installed files; first delete the added ones, which frees their space."""
    for path in installed_files():
        if path not in previous:
            path.unlink()
    for path, content in previous.items():
        write_if_changed(path, content)
