"""The installed configuration, and its fingerprint, which tells whether it is another one than before."""

import hashlib
import zlib
from pathlib import Path

from daemons.storage.changed_file import ChangedFile

INSTALLED = Path("house.toml")
"""The installed configuration, in the run directory: the one that the running house was started from.

It is one file also if the configuration has several, so that a kill never leaves files that do not belong
together.
"""


SOURCE = Path("source")
"""The file in the run directory with the path of the configuration that a person edits."""


def fingerprint(content: bytes) -> str:
    """Return a short text that differs between configurations: the CRC-32, in hexadecimal."""
    return f"{zlib.crc32(content):08x}"


def digest(content: bytes) -> str | None:
    """Return the first 16 hexadecimal digits of the SHA-256 of a configuration."""
    return hashlib.sha256(content).hexdigest()[:16]


INSTALLED_DIGEST = ChangedFile(INSTALLED, digest, None)
"""The digest of the installed configuration, equal on all machines; None if nothing is installed."""
INSTALLED_FINGERPRINT = ChangedFile(INSTALLED, fingerprint, "")
"""The fingerprint of the installed configuration; empty if nothing is installed."""
