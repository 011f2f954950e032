"""Links that acknowledge one urgent message, and can do nothing else.

The token of a link names the messenger and the message. An HMAC-SHA256 with a secret of the house proves
that the house made it. The secret is a file in the run directory, which the first link makes.
"""

import hmac
import os
import re
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from daemons.errors import StorageError
from daemons.storage.paths import replace_file

SECRET_PATH = Path("acknowledge.key")
"""The file with the secret, relative to the run directory. Without it, all earlier links are not valid."""
SECRET_BYTES = 32
PROOF_DIGITS = 32
"""Hexadecimal digits of the HMAC in a token: 128 bits."""
TOKEN = re.compile(r"([a-z][a-z0-9_]{0,39})\.([0-9a-f]{1,20}-[0-9]{1,20})\.([0-9a-f]{32})", re.ASCII)
PATH = "/seen/"
"""The path of such a link on the page, before the token."""


class Acknowledged(NamedTuple):
    """What a link acknowledges."""

    messenger: str
    id: str
    """The id of the message."""


def make_link(page: str, messenger: str, id_: str) -> str:
    """Return the link that acknowledges a message; `page` is the address of the page, without a path.

    Raises StorageError if the secret can neither be read nor made.
    """
    return f"{page.rstrip('/')}{PATH}{messenger}.{id_}.{_proof(_make_secret(), messenger, id_)}"


def read_token(token: str) -> Acknowledged | None:
    """Return what the token of a link acknowledges, or None if this house has not made it.

    Raises StorageError if the secret cannot be read.
    """
    found = TOKEN.fullmatch(token)
    secret = _read_secret()
    if found is None or secret is None:
        return None
    messenger, id_, proof = found.groups()
    return (
        Acknowledged(messenger, id_) if hmac.compare_digest(_proof(secret, messenger, id_), proof) else None
    )


def _proof(secret: bytes, messenger: str, id_: str) -> str:
    return hmac.new(secret, f"{messenger}.{id_}".encode(), sha256).hexdigest()[:PROOF_DIGITS]


def _read_secret() -> bytes | None:
    """Return the secret, or None if no link was ever made."""
    try:
        secret = SECRET_PATH.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{SECRET_PATH.absolute()} cannot be read: {error.strerror}") from error
    if len(secret) != SECRET_BYTES:
        raise StorageError(f"{SECRET_PATH.absolute()} is no secret of {SECRET_BYTES} bytes; delete the file")
    return secret


def _make_secret() -> bytes:
    """Return the secret. Of two processes that make it at once, one wins, and both have the same."""
    if (secret := _read_secret()) is not None:
        return secret
    new = SECRET_PATH.with_name(f"{SECRET_PATH.name}.{secrets.token_hex(8)}")
    replace_file(new, secrets.token_bytes(SECRET_BYTES))
    try:
        with suppress(FileExistsError):
            os.link(new, SECRET_PATH)
    except OSError as error:
        raise StorageError(f"{SECRET_PATH.absolute()} cannot be made: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)
    secret = _read_secret()
    if secret is None:
        raise StorageError(f"{SECRET_PATH.absolute()} was deleted as it was made")
    return secret
