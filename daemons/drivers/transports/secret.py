"""Passwords of devices: read from a file or from the environment, never from the configuration."""

import os
import stat
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from daemons.errors import StorageError

SecretFile = Annotated[str, Meta(pattern=r"^/.")]
"""The type of an option that names a password file: an absolute path."""


def variable(device: str) -> str:
    """Return the name of the environment variable for a device's password."""
    return f"HOUSE_PASSWORD_{device.upper()}"


def read_secret(device: str, file: str | None) -> str | None:
    """Return the password of a device, from its file's first line or from the environment; None without one.

    Raises StorageError if the file cannot be read, is empty, or is readable for other users.
    """
    if file is None:
        return os.environ.get(variable(device)) or None
    path = Path(file)
    try:
        with path.open(encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            line = opened.readline(4096).rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StorageError(f"the password file {path} cannot be read: {why}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise StorageError(f"the password file {path} can be read by others; run `chmod 600 {path}`")
    if not line:
        raise StorageError(f"the password file {path} is empty; its first line is the password")
    return line
