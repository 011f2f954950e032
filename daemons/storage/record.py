"""The record in a page of the journal: one line of JSON, with a number and a checksum.

The checksum stands at the very end of the page. So a write that stops anywhere, also in the spaces between
the memory and the checksum, leaves a page that is known to be torn.
"""

from binascii import crc32
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

Memory = dict[str, Any]
VERSION = 3
"""The format of the journal: that of House 1.0.0. docs/upgrading.md says when it goes up."""
OLD_VERSION = 2
"""The version before, whose files were as long as their record."""
STEPS: dict[int, Callable[[str, Memory], Memory]] = {OLD_VERSION: lambda _, memory: memory}
"""For each old version, what makes a memory of the next version of one of it, by the name of its process.

A step stays for good: a house may skip releases. A field that a type does not have any more is dropped by
itself, and a new field has its default. Only a field with another name or another meaning needs a step.
"""


class LaterVersion(ValueError):
    """A record is of a later version than this House writes."""

    def __init__(self, version: int) -> None:
        super().__init__(f"it is of version {version}, this house reads up to {VERSION}")
        self.version, self.known = version, VERSION


class Head(Struct, frozen=True):
    """The part of a record that every format has."""

    version: int


class Record(Struct, frozen=True):
    """One save of a memory."""

    version: int
    """The version of the format."""
    memory: msgspec.Raw
    number: int = 0
    """The number of this save; the record with the highest number is the newest."""
    check: int = 0
    """The CRC-32 of the number and the memory as they are written."""


def encode(number: int, memory: bytes) -> tuple[bytes, bytes]:
    """Return the beginning and the end of a page, with spaces between them."""
    beginning = b'{"version":%d,"number":%d,"memory":%b' % (VERSION, number, memory)
    return beginning, b',"check":%d}\n' % checksum(VERSION, number, memory)


def decode(page: bytes) -> Record:
    """Return the record of a page, in the format in which it was written.

    Raises ValueError or msgspec.MsgspecError if it is not whole, and LaterVersion.
    """
    version = msgspec.json.decode(page, type=Head).version
    if version > VERSION:
        raise LaterVersion(version)
    record = msgspec.json.decode(page, type=Record)
    if version != VERSION and version not in STEPS:
        raise ValueError(f"it is of version {version}, this house reads {min(STEPS)} to {VERSION}")
    if record.check != checksum(record.version, record.number, record.memory):
        raise ValueError("it is torn")
    return record


def migrate(name: str, record: Record) -> bytes:
    """Return the memory of a record of the process `name` in the present format, as JSON."""
    if record.version == VERSION:
        return bytes(record.memory)  # a copy: its Raw parts would keep the whole page
    memory: Memory = msgspec.json.decode(record.memory)
    for version in range(record.version, VERSION):
        memory = STEPS[version](name, memory)
    return msgspec.json.encode(memory)


def checksum(version: int, number: int, memory: bytes | msgspec.Raw) -> int:
    """Return the checksum of a record; the one of the old version covers the memory only."""
    return crc32(memory, 0 if version == OLD_VERSION else crc32(b"%d" % number))
