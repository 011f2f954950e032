"""The record in a page of the journal: one line of JSON, with a number and a checksum.

The checksum stands at the very end of the page. So a write that stops anywhere, also in the spaces between
the memory and the checksum, leaves a page that is known to be torn.
"""

from binascii import crc32

import msgspec
from msgspec import Struct

VERSION = 3
OLD_VERSION = 2
"""The version before, whose files were as long as their record."""


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
    """Return the record of a page; raises ValueError or msgspec.MsgspecError if it is not whole."""
    record = msgspec.json.decode(page, type=Record)
    if record.version not in (VERSION, OLD_VERSION):
        raise ValueError(f"it is of version {record.version}, this house reads {VERSION}")
    if record.check != checksum(record.version, record.number, record.memory):
        raise ValueError("it is torn")
    return record


def checksum(version: int, number: int, memory: bytes | msgspec.Raw) -> int:
    """Return the checksum of a record; the one of the old version covers the memory only."""
    return crc32(memory, 0 if version == OLD_VERSION else crc32(b"%d" % number))
