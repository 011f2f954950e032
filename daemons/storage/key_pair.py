"""The key pair of the house, and the files that hold keys, which only their owner can read.

By the public half of `keys/own.toml`, programs and other hosts check that they are connected to this
house (CURVE, rfc.zeromq.org/spec/26).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import tomli
import zmq
from msgspec import Struct

from daemons.errors import StorageError
from daemons.storage.paths import replace_file
from daemons.values import KeyText, format_toml

T = TypeVar("T", bound=Struct)

FORMAT = 1
"""The format of the files with keys, tokens and their rights."""
OWN = Path("keys/own.toml")
"""The path is relative to the run directory."""


class KeyPair(Struct, frozen=True, kw_only=True):
    """Both halves of a key."""

    public_key: KeyText
    secret_key: KeyText


def new_key_pair() -> KeyPair:
    """Return a new key pair."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public_key=public.decode(), secret_key=secret.decode())


def own_key_pair() -> KeyPair:
    """Return the key pair of the house, which the first call makes; StorageError when it cannot be read."""
    if not OWN.exists():
        mine = OWN.with_suffix(f".{os.getpid()}")
        replace_file(mine, to_toml(new_key_pair()))
        try:
            OWN.hardlink_to(
                mine
            )  # of two processes that make one at once, the first wins; both read its file
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return read_key(OWN, KeyPair)


def to_toml(value: Struct, comment: str = "") -> bytes:
    """Return a flat value as TOML."""
    lines = [f"# {line}" for line in comment.splitlines()]
    table: Mapping[str, object] = msgspec.to_builtins(value)
    lines += [
        f"{key} = {format_toml(part, longest=1000)}" for key, part in table.items() if part is not False
    ]
    return ("\n".join(lines) + "\n").encode()


def check_format(table: dict[str, object]) -> None:
    """Raise ValueError if a later version of House has written a file with rights.

    This version does not know what a key of such a file takes away. A file without a number has format 1.
    """
    if table.get("format", FORMAT) != FORMAT:
        raise ValueError(f"it is of format {table['format']}, and this version of House reads {FORMAT}")


def read_key(path: Path, type_: type[T]) -> T:
    """Read a file with a key; StorageError if it is not valid, or if other users can read it."""
    try:
        if path.stat().st_mode & 0o077:
            raise StorageError(
                f"{path.absolute()}: other users can read this key; run `chmod 600 {path.absolute()}`"
            )
        table = tomli.loads(path.read_text())
        check_format(table)
        return msgspec.convert(table, type_)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"{path.absolute()}: the key cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise StorageError(f"{path.absolute()} is not a key: {error}") from error
