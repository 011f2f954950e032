"""The keys of programs and hosts that connect over the network, and the rights of each.

Each client key is a file in `keys/clients` that only its owner can read: the public half, and the
rights. The secret half is given to the program and is not kept here. The house's own key pair is in
storage/key_pair.py.
"""

import os
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from daemons.bus.message import NAME
from daemons.errors import StorageError
from daemons.storage.key_pair import KeyPair, new_key_pair, own_key_pair, read_key, to_toml
from daemons.storage.paths import replace_file
from daemons.values import KeyText

CLIENTS = Path("keys/clients")
"""The path is relative to the run directory."""
TOPIC_PREFIX = rf"(\*|{NAME.pattern}/[a-z0-9_/]{{0,80}})"
TopicPrefix = Annotated[str, Meta(pattern=rf"^{TOPIC_PREFIX}\Z")]
"""The beginning of topics, such as `toaster/`; a star stands for all topics."""


class Rights(Struct, frozen=True, kw_only=True):
    """The rights of a client; without any, nothing is allowed."""

    hear: tuple[TopicPrefix, ...] = ()
    """The topics that it may subscribe to."""
    say: tuple[TopicPrefix, ...] = ()
    """The devices whose state it may publish, and whose commands it gets."""
    command: tuple[TopicPrefix, ...] = ()
    """The devices that it may send commands to."""
    manages: bool = False
    """Whether it may restart processes and read their logs. The owner and the other hosts may."""

    def allowed_prefixes(self, prefix: bytes) -> list[bytes]:
        """Return the allowed part of a subscription: itself, or narrower ones, or nothing."""
        allowed = [b"" if topics == "*" else topics.encode() for topics in self.hear]
        if any(prefix.startswith(topics) for topics in allowed):
            return [prefix]
        return [topics for topics in allowed if topics.startswith(prefix)]

    def may_hear(self, device: str) -> bool:
        """Return whether it may subscribe to all topics of a device."""
        return _covers(self.hear, device)

    def may_publish(self, device: str) -> bool:
        """Return whether it may publish states of a device."""
        return _covers(self.say, device)

    def may_command(self, device: str) -> bool:
        """Return whether it may send commands to a device."""
        return _covers(self.command, device)

    def __str__(self) -> str:
        """Return the rights as a phrase, for a log line."""
        parts = (("hears", self.hear), ("says", self.say), ("commands", self.command))
        return "; ".join(f"{word} {', '.join(what)}" for word, what in parts if what) or "may do nothing"


OWNER_RIGHTS = Rights(hear=("*",), say=("*",), command=("*",), manages=True)
"""The rights of programs that work in the run directory, which only its owner can enter."""
NO_RIGHTS = Rights()
HOST_RIGHTS = Rights(hear=("*",), command=("*",), manages=True)
"""The rights of another host of the same house. Its states arrive at the link to it, so it needs no `say`."""


class ClientKey(Rights, frozen=True, kw_only=True):
    """The key of one client: its public half, and its rights."""

    public_key: KeyText


class Credentials(KeyPair, frozen=True, kw_only=True):
    """All that a program needs to connect: the content of the file that `house keys make` writes."""

    address: str
    server_key: KeyText


def _covers(allowed: tuple[str, ...], device: str) -> bool:
    return any(prefix == "*" or f"{device}/".startswith(prefix) for prefix in allowed)


class Keyring:
    """The client keys; the files are read again after one of them has changed.

    A key stays valid while its file exists and cannot be read, as with a failing disk.
    """

    def __init__(self, on_invalid: Callable[[str, object], None]) -> None:
        """`on_invalid` gets the name and the error of each file that is not a key."""
        self._on_invalid = on_invalid
        self._files: object = None
        self._keys: dict[str, ClientKey] = {}

    def read(self) -> dict[str, ClientKey]:
        """Return every key by its name."""
        try:
            files = [(path.name, it.st_ino, it.st_ctime_ns) for path, it in _key_files()]
            if files != self._files:
                unread = self._read_files()
                self._files = None if unread else files  # the next call tries again
        except StorageError as error:
            self._on_invalid("the keys", error)
        return self._keys

    def _read_files(self) -> set[str]:
        """Read every file; return the names of those that cannot be read, whose keys stay as they were."""
        failures: dict[str, StorageError] = {}
        found = read_keys(failures.__setitem__)
        for name, error in failures.items():
            self._on_invalid(name, error)
        unread = {name for name, error in failures.items() if isinstance(error.__cause__, OSError)}
        self._keys = {name: key for name, key in self._keys.items() if name in unread} | found
        return unread


def _key_files() -> list[tuple[Path, os.stat_result]]:
    """Return the files of the client keys; StorageError when their folder cannot be read."""
    files = []
    try:
        with suppress(FileNotFoundError):  # without the folder there are no keys
            for path in sorted(CLIENTS.iterdir()):
                with suppress(FileNotFoundError):  # the key was revoked at this moment
                    files.append((path, path.stat()))
    except OSError as error:
        raise StorageError(f"{CLIENTS.absolute()}: the keys cannot be read: {error.strerror}") from error
    return [file for file in files if file[0].suffix == ".toml"]


def read_keys(on_invalid: Callable[[str, StorageError], None]) -> dict[str, ClientKey]:
    """Return every key by its name; StorageError when their folder cannot be read.

    `on_invalid` gets the name and the error of a file that is not a key.
    """
    found = {}
    for path, _ in _key_files():
        try:
            found[path.stem] = read_key(path, ClientKey)
        except StorageError as error:
            on_invalid(path.stem, error)
    return found


def read_credentials(path: Path) -> Credentials:
    """Read the file with which a program connects; StorageError when it is not valid."""
    return read_key(path, Credentials)


def make_key(name: str, address: str | None, to: Path, **rights: Sequence[str]) -> ClientKey:
    """Make a key, write the program's file to `to`, and admit the key from now on.

    An earlier key of the same name is replaced. `address` is the endpoint of the house for programs.
    `rights` are those of Rights. ValueError when the name or a right is not valid, StorageError when
    the file cannot be written.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError(
            f"{name!r} is not a key name; allowed: a-z, 0-9 and _, at most 40 characters, first a letter"
        )
    prefixes = {right: topic_prefixes(right, allowed) for right, allowed in rights.items()}
    own, pair = own_key_pair(), new_key_pair()
    key = msgspec.convert({**prefixes, "public_key": pair.public_key}, ClientKey)
    credentials = Credentials(
        address=address or f"tcp://{socket.gethostname()}:8070",
        server_key=own.public_key,
        public_key=pair.public_key,
        secret_key=pair.secret_key,
    )
    replace_file(to, to_toml(credentials, f"Any program with this file connects as {name}. Keep it secret."))
    replace_file(
        CLIENTS / f"{name}.toml", to_toml(key)
    )  # last: without the program's file the key has no use
    return key


def topic_prefixes(right: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """Return the topics of a right; a name without a slash stands for all topics of this device.

    ValueError when one of them is not valid.
    """
    prefixes = tuple(prefix if prefix == "*" or "/" in prefix else f"{prefix}/" for prefix in allowed)
    for prefix in prefixes:
        if not re.fullmatch(TOPIC_PREFIX, prefix):
            raise ValueError(
                f'--{right} {prefix}: allowed are "*" and the beginning of topics, such as "toaster/"'
            )
    return prefixes


def revoke_key(name: str) -> bool:
    """Revoke a key; return False when there is none of this name."""
    try:
        (CLIENTS / f"{name}.toml").unlink()
    except FileNotFoundError:
        return False
    return True
