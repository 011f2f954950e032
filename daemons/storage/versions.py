"""The configurations that were installed, each with its author, its time and its reason: for `house undo`."""

import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from daemons.storage.paths import replace_file, user_name

FOLDER = Path("versions")
"""The folder, relative to the run directory."""
MOST_VERSIONS, MOST_BYTES = 50, 16 << 20
"""How many versions are kept, and how large they may be together. The newest two always stay."""


class Version(Struct, frozen=True, kw_only=True):
    """One installed configuration."""

    number: int
    at: float
    """When it was installed, in Unix seconds."""
    by: str
    """The user of the machine, or the account of the page, such as "page:anna"."""
    why: str
    content: str
    """All files as one text: `config.files.unpack` reads it."""


def keep_version(content: str, why: str, by: str | None = None, at: float | None = None) -> None:
    """Keep an installed configuration, unless it is the one of the newest version.

    Without `by`, its author is the user of this process. Raises StorageError.
    """
    versions = list_versions()
    if versions and versions[0].content == content:
        return
    number = versions[0].number + 1 if versions else 1
    new = Version(
        number=number,
        at=time.time() if at is None else at,
        by=by or user_name(os.geteuid()),
        why=why,
        content=content,
    )
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    replace_file(version_path(number), msgspec.json.encode(new))
    remove_old([new, *versions])


def list_versions() -> list[Version]:
    """Return the versions, the newest first; one that cannot be read is left out."""
    found = []
    for path in FOLDER.glob("*.json"):
        with suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Version))
    return sorted(found, key=lambda version: -version.number)


def remove_old(versions: list[Version]) -> None:
    """Delete the oldest versions beyond the limits."""
    size = 0
    for index, version in enumerate(versions):
        size += len(version.content)
        if index >= 2 and (index >= MOST_VERSIONS or size > MOST_BYTES):  # noqa: PLR2004
            with suppress(OSError):
                version_path(version.number).unlink()


def version_path(number: int) -> Path:
    """Return the path of a version."""
    return FOLDER / f"{number:06}.json"
