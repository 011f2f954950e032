"""Writes a configuration into the run directory, reads it, and puts the previous one back."""

import zlib
from pathlib import Path

from daemons.config.house import House, load_house, parse
from daemons.config.roster import Roster, make_roster
from daemons.config.slice import slice_path
from daemons.storage.paths import HOST, this_host, write
from daemons.supervision.programs import render


class Fingerprint:
    """Tells one installed configuration from another."""

    def __init__(self) -> None:
        self._known: tuple[tuple[int, int], str] = (0, 0), ""

    def read(self) -> str:
        """Give that of the configuration that is installed now; nothing where there is none."""
        try:
            status = INSTALLED.stat()
            if (file := (status.st_ino, status.st_mtime_ns)) != self._known[0]:
                self._known = file, f"{zlib.crc32(INSTALLED.read_bytes()):08x}"
        except OSError:
            return ""
        return self._known[1]


INSTALLED = Path("house.toml")
"""The configuration that the running house was made of, in its run directory."""


def installed_house() -> House:
    """Give what the running house was made of, whatever the person's file says by now."""
    return load_house(INSTALLED, host=this_host())


def installed_roster() -> Roster:
    """Say who lives in the running house, as it is on this host."""
    return make_roster(parse(INSTALLED)[1], this_host())


def program_path(name: str) -> Path:
    """Say where a device's program stands, from inside the run directory."""
    return Path("programs") / f"{name}.conf"


def installed_files() -> list[Path]:
    """Give every slice and program that is installed, and what they were made of."""
    made_of = [path for path in (INSTALLED, HOST) if path.exists()]
    return [*Path("programs").glob("*.conf"), *Path("devices").glob("*.json"), *made_of]


def install(house: House, run: Path) -> None:
    """Write each device's slice and program, and take away those of devices that are no more."""
    slices = house.slices()
    write(INSTALLED, house.text.encode())
    write(HOST, (house.host or "").encode())
    for name, slice_ in slices.items():
        put(slice_path(name), slice_.encode())
        put(program_path(name), render(slice_, run).encode())
    for file in installed_files():
        if file.stem not in slices and file not in (INSTALLED, HOST):
            file.unlink()


def put(path: Path, content: bytes) -> None:
    """Write a file, unless that is what stands there: to replace one takes ext4 up to a millisecond."""
    if not path.is_file() or path.read_bytes() != content:
        write(path, content)


def forget_stops(house: House) -> None:
    """Forget of devices that are no more that a person stopped them."""
    for path in Path("stopped").iterdir():
        if path.name not in house.slices():
            path.unlink()


def put_back(previous: dict[Path, bytes]) -> None:
    """Install again what was installed before."""
    for path, content in previous.items():
        write(path, content)
    for path in installed_files():
        if path not in previous:
            path.unlink()
