"""The tokens of persons for the page: a file for each, with the rights of the person and hashes of the token.

A token has the form NAME.SECRET, with 192 random bits. It is not kept here, so no file gives access. A cookie
is derived from the token, and the file has only its hash too. The owner's one token is in `auth`.
"""

import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
import tomli
from msgspec import Meta, Struct

from daemons.bus.keys import Rights, TopicPrefix, topic_prefixes
from daemons.bus.message import NAME
from daemons.errors import StorageError
from daemons.storage.key_pair import check_format, to_toml
from daemons.storage.paths import replace_file

FOLDER = Path("tokens")
"""The folder of the tokens, relative to the run directory. It stays when all tokens are revoked."""
MAX_FILE_BYTES = 64 * 1024
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A SHA-256 hash in hexadecimal digits."""
UNKNOWN_HASH = sha256(secrets.token_bytes(32)).hexdigest()
"""No text has this hash. A token with an unknown name is compared with it, which takes the usual time."""


class PersonToken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The token of one person: its hashes, and the rights that it gives."""

    see: tuple[TopicPrefix, ...] = ()
    """The devices that the person sees, as `toaster/`; a star stands for the whole house."""
    command: tuple[TopicPrefix, ...] = ()
    """The devices that the person may command."""
    manage: bool = False
    """Whether the person may restart, stop and start processes; with the whole house in sight, also read
    their logs."""
    edit: bool = False
    """Whether the person may edit the tables of devices. That needs the whole house in sight."""
    until: Annotated[float, Meta(ge=0)] | None = None
    """When the token expires, in Unix seconds; None for one that does not expire."""
    token_sha256: Hash
    cookie_sha256: Hash

    @property
    def rights(self) -> Rights:
        """Return the rights of the person, in the form of the exchange's keys."""
        return Rights(hear=self.see, command=self.command, manages=self.manage)

    def is_expired(self, wall: float) -> bool:
        """Return whether the token has expired at `wall` (Unix seconds)."""
        return self.until is not None and wall >= self.until

    def __str__(self) -> str:
        """Return the rights as a phrase."""
        parts = (("sees", self.see), ("commands", self.command))
        texts = [f"{word} {', '.join(what)}" for word, what in parts if what]
        texts += [text for text, has in (("manages processes", self.manage), ("edits", self.edit)) if has]
        return "; ".join(texts) or "may do nothing"


class PersonTokens:
    """The tokens of all persons; the files are read again after one of them has changed.

    A file that cannot be read gives no access.
    """

    def __init__(self) -> None:
        self.on_invalid: Callable[[str, StorageError], None] = lambda *_: None
        """Called with the name and the error of each file that is no token."""
        self._files: object = None
        self._tokens: dict[str, PersonToken] = {}

    def read(self) -> Mapping[str, PersonToken] | None:
        """Return each token by the name of its person; None if no token was ever made.

        Raises StorageError if the folder cannot be read.
        """
        files = _files()
        if files is None:
            self._files, self._tokens = None, {}
            return None
        versions = [(path.name, it.st_ino, it.st_ctime_ns) for path, it in files]
        if versions != self._files:
            invalid: dict[str, StorageError] = {}
            self._tokens = read_tokens(invalid.__setitem__)
            self._files = None if invalid else versions  # the next call tries again
            for name, error in invalid.items():
                self.on_invalid(name, error)
        return self._tokens


def find_person(tokens: Mapping[str, PersonToken], given: str, wall: float, *, is_cookie: bool) -> str | None:
    """Return whose token or cookie a text is at `wall` (Unix seconds); None for any other text.

    The comparison takes the same time for each text. A text may have lone surrogates.
    """
    name = given.partition(".")[0]
    token = tokens.get(name)
    right = UNKNOWN_HASH if token is None else token.cookie_sha256 if is_cookie else token.token_sha256
    is_right = hmac.compare_digest(hash_text(given), right)
    return name if is_right and token is not None and not token.is_expired(wall) else None


def make_person_token(
    name: str,
    see: Sequence[str],
    command: Sequence[str],
    valid_seconds: float | None = None,
    *,
    manage: bool = False,
    edit: bool = False,
) -> tuple[str, PersonToken]:
    """Make a token for a person, store its hashes, and return both.

    The previous token of the person is no longer valid. ValueError when the name or a right is not
    valid, or for the right to edit without the whole house in sight. StorageError when the file cannot be
    written.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError(
            f"{name!r} is not the name of a person; allowed: a-z, 0-9 and _, at most 40 characters, "
            "first a letter"
        )
    if edit and "*" not in see:
        raise ValueError('--edit needs --see "*": the table of a device names other devices')
    text = f"{name}.{secrets.token_urlsafe(24)}"
    token = PersonToken(
        see=topic_prefixes("see", see),
        command=topic_prefixes("command", command),
        manage=manage,
        edit=edit,
        until=None if valid_seconds is None else time.time() + valid_seconds,
        token_sha256=hash_text(text),
        cookie_sha256=hash_text(person_cookie(text)),
    )
    try:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{FOLDER.absolute()} cannot be made: {error.strerror}") from error
    replace_file(FOLDER / f"{name}.toml", to_toml(token))
    return text, token


def revoke_person_token(name: str) -> bool:
    """Revoke the token of a person; return False when there is none. StorageError if that is not possible."""
    if not re.fullmatch(NAME, name):
        return False
    try:
        (FOLDER / f"{name}.toml").unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"the token of {name} cannot be deleted: {error.strerror}") from error
    return True


def read_tokens(on_invalid: Callable[[str, StorageError], None]) -> dict[str, PersonToken]:
    """Return each token by the name of its person; StorageError when their folder cannot be read.

    `on_invalid` gets the name and the error of a file that is no token.
    """
    found = {}
    for path, _ in _files() or []:
        try:
            found[path.stem] = _read(path)
        except FileNotFoundError:
            continue  # the token was revoked at this moment
        except StorageError as error:
            on_invalid(path.stem, error)
    return found


def person_cookie(token: str) -> str:
    """Return the cookie for a browser that sent the token; it does not reveal the token."""
    secret = hmac.new(token.encode(errors="surrogatepass"), b"cookie", sha256).hexdigest()
    return f"{token.partition('.')[0]}.{secret}"


def hash_text(text: str) -> str:
    """Return the SHA-256 hash of a text in hexadecimal digits."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _files() -> list[tuple[Path, os.stat_result]] | None:
    """Return the files of the tokens; None without their folder. StorageError when it cannot be read."""
    files = []
    try:
        for path in sorted(FOLDER.iterdir()):
            if path.suffix == ".toml" and re.fullmatch(NAME, path.stem):
                with suppress(FileNotFoundError):  # the token was revoked at this moment
                    files.append((path, path.stat()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{FOLDER.absolute()}: the tokens cannot be read: {error.strerror}") from error
    return files


def _read(path: Path) -> PersonToken:
    """Read a file; StorageError if it is no token, FileNotFoundError if it was just deleted."""
    try:
        status = path.stat()
        if status.st_mode & 0o077:
            raise StorageError(
                f"{path.absolute()}: other users can read this token; run `chmod 600 {path.absolute()}`"
            )
        if status.st_size > MAX_FILE_BYTES:
            raise StorageError(f"{path.absolute()} is not a token: it is longer than {MAX_FILE_BYTES} bytes")
        table = tomli.loads(path.read_text())
        check_format(table)
        return msgspec.convert(table, PersonToken)
    except (StorageError, FileNotFoundError):
        raise
    except OSError as error:
        raise StorageError(f"{path.absolute()}: the token cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise StorageError(f"{path.absolute()} is not a token: {error}") from error
