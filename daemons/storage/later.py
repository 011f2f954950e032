"""The folder for files of a later version of House: after a downgrade, they are kept and never read."""

import time
from collections.abc import Iterable
from pathlib import Path

from daemons.errors import StorageError
from daemons.storage.paths import describe

FOLDER = Path("later")
"""The folder, relative to the run directory. House deletes nothing in it."""


def set_aside_later(name: str, paths: Iterable[Path]) -> Path:
    """Move the files that exist into a new folder of their own, and return its absolute path.

    Raises StorageError if that is not possible.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        for number in range(1, 1000):
            aside = FOLDER / f"{name}-{stamp}{f'-{number}' * (number > 1)}"
            try:
                aside.mkdir(mode=0o700, parents=True)
                break
            except FileExistsError:
                continue
        for path in paths:
            if path.exists():
                path.replace(aside / path.name)
    except OSError as error:
        raise StorageError(describe(error, f"{aside.absolute()} cannot be written")) from error
    return aside.absolute()
