"""Who may come in over the network: a key for each program, and what it may hear, say and command.

Each key is a file in `keys/clients`, its owner's alone: the public half, and the rights. The secret
half is given to the program and kept nowhere here. The house has a pair of its own, `keys/own.toml`,
by which programs and other hosts know that it is this house (CURVE, rfc.zeromq.org/spec/26).
"""

import os
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import tomli
import zmq
from msgspec import Meta, Struct

from daemons.bus.message import NAME
from daemons.errors import PlaceError
from daemons.storage.paths import write
from daemons.values import KeyText, show

T = TypeVar("T", bound=Struct)

OWN = Path("keys/own.toml")
CLIENTS = Path("keys/clients")
"""Where they stand, from inside the run directory."""
REACH = rf"(\*|{NAME.pattern}/[a-z0-9_/]{{0,80}})"
Reach = Annotated[str, Meta(pattern=rf"^{REACH}\Z")]
"""The beginning of topics, such as `toaster/`; a star is all of them."""


class Rights(Struct, frozen=True, kw_only=True):
    """What somebody may do; nothing, unless it is said."""

    hear: tuple[Reach, ...] = ()
    """Which topics it hears."""
    say: tuple[Reach, ...] = ()
    """Whose states it tells, and whose commands it gets."""
    command: tuple[Reach, ...] = ()
    """Whom it may send commands."""
    manages: bool = False
    """Whether it may restart processes and read their logs: the owner, and the house's other hosts."""

    def hears(self, prefix: bytes) -> list[bytes]:
        """Give as much of a subscription as is allowed: it, or narrower ones, or nothing."""
        allowed = [b"" if reach == "*" else reach.encode() for reach in self.hear]
        if any(prefix.startswith(reach) for reach in allowed):
            return [prefix]
        return [reach for reach in allowed if reach.startswith(prefix)]

    def says(self, device: str) -> bool:
        """Tell whether it may speak for a device."""
        return _reaches(self.say, device)

    def commands(self, device: str) -> bool:
        """Tell whether it may send a device commands."""
        return _reaches(self.command, device)

    def __str__(self) -> str:
        """Tell them in words."""
        told = (("hears", self.hear), ("says", self.say), ("commands", self.command))
        return "; ".join(f"{word} {', '.join(what)}" for word, what in told if what) or "may do nothing"


OWNER = Rights(hear=("*",), say=("*",), command=("*",), manages=True)
"""Who works in the run directory, which is its owner's alone."""
NOBODY = Rights()
HOST = Rights(hear=("*",), command=("*",), manages=True)
"""Another host of the same house; what it says is heard by the link to it, and not here."""


class Key(Rights, frozen=True, kw_only=True):
    """One key: its public half, and its rights."""

    public_key: KeyText


class Pair(Struct, frozen=True, kw_only=True):
    """Both halves of a key."""

    public_key: KeyText
    secret_key: KeyText


class Pass(Pair, frozen=True, kw_only=True):
    """All that a program needs to come in: what stands in the file that `house keys make` writes."""

    address: str
    server_key: KeyText


def _reaches(allowed: tuple[str, ...], device: str) -> bool:
    return any(reach == "*" or f"{device}/".startswith(reach) for reach in allowed)


def new_pair() -> Pair:
    """Make a key."""
    public, secret = zmq.curve_keypair()
    return Pair(public_key=public.decode(), secret_key=secret.decode())


def own_pair() -> Pair:
    """Give the house's own key, which is made when it is first needed; PlaceError when it cannot be read."""
    if not OWN.exists():
        mine = OWN.with_suffix(f".{os.getpid()}")
        write(mine, toml(new_pair()))
        try:
            OWN.hardlink_to(mine)  # of two that make one at once, the first wins, and the second reads that
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return _read(OWN, Pair)


class Keyring:
    """The keys as they are now; they are read again when one of their files is another."""

    def __init__(self, complain: Callable[[str, object], None]) -> None:
        self._complain = complain
        self._files: object = None
        self._keys: dict[str, Key] = {}

    def read(self) -> dict[str, Key]:
        """Give every key by its name."""
        files = []
        for path in sorted(CLIENTS.iterdir()):
            with suppress(FileNotFoundError):  # it was revoked just now
                about = path.stat()
                files.append((path.name, about.st_ino, about.st_ctime_ns))
        if files != self._files:
            self._files, self._keys = files, read_keys(self._complain)
        return self._keys


def read_keys(complain: Callable[[str, object], None]) -> dict[str, Key]:
    """Give every key by its name; a file that is none is told, and lets nobody in."""
    found = {}
    for path in sorted(CLIENTS.glob("*.toml")):
        try:
            found[path.stem] = _read(path, Key)
        except PlaceError as error:
            complain(path.stem, error)
    return found


def read_pass(path: Path) -> Pass:
    """Read the file that a program comes in with; PlaceError says what is wrong with it."""
    return _read(path, Pass)


def make(name: str, address: str | None, to: Path, **rights: Sequence[str]) -> Key:
    """Let somebody in from now on, by a file that is written `to` where it is said and kept nowhere here.

    Who was let in by that name before is not any more. `rights` are those of Rights; ValueError
    when the name or one of them is none, PlaceError when the file cannot be written. `address` is
    where the house is reached.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError(f"{name!r} is no name for a key: that has a-z, 0-9 and _, and begins with a letter")
    given = {
        word: tuple(reach if reach == "*" or "/" in reach else f"{reach}/" for reach in reaches)
        for word, reaches in rights.items()
    }
    for word, reaches in given.items():
        for reach in reaches:
            if not re.fullmatch(REACH, reach):
                raise ValueError(
                    f'--{word} {reach}: it takes "*", or the beginning of topics, such as "toaster/"'
                )
    own, pair = own_pair(), new_pair()
    key = msgspec.convert({**given, "public_key": pair.public_key}, Key)
    give = Pass(
        address=address or f"tcp://{socket.gethostname()}:8070",
        server_key=own.public_key,
        public_key=pair.public_key,
        secret_key=pair.secret_key,
    )
    write(to, toml(give, f"Lets in who has it, as {name}. Keep it secret."))
    write(CLIENTS / f"{name}.toml", toml(key))  # not before the other: it would let nobody in
    return key


def revoke(name: str) -> bool:
    """Let somebody in no more; false when nobody was let in by that name."""
    try:
        (CLIENTS / f"{name}.toml").unlink()
    except FileNotFoundError:
        return False
    return True


def toml(value: Struct, comment: str = "") -> bytes:
    """Write a flat value as TOML."""
    lines = [f"# {line}" for line in comment.splitlines()]
    table: Mapping[str, object] = msgspec.to_builtins(value)
    lines += [f"{key} = {show(part, longest=1000)}" for key, part in table.items() if part is not False]
    return ("\n".join(lines) + "\n").encode()


def _read(path: Path, type_: type[T]) -> T:
    try:
        if path.stat().st_mode & 0o077:
            raise PlaceError(f"{path.absolute()} can be read by others; `chmod 600` mends that")
        return msgspec.convert(tomli.loads(path.read_text()), type_)
    except PlaceError:
        raise
    except OSError as error:
        raise PlaceError(f"{path.absolute()} cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise PlaceError(f"{path.absolute()} is no key: {error}") from error
