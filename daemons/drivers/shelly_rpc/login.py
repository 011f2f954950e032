"""The login of a Shelly: a digest (SHA-256, after RFC 7616) in each request. Pure."""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

USER = "admin"
"""The only user of a Shelly."""
ALGORITHM = "SHA-256"
HA2 = hashlib.sha256(b"dummy_method:dummy_uri").hexdigest()
"""The hash of a fixed method and path, because the RPC has neither."""


class Challenge(Struct, frozen=True):
    """The device's challenge for the digest. Some models write its numbers as text."""

    realm: str
    nonce: int | str
    nc: int | str = 1
    algorithm: str = ALGORITHM


class Login:
    """Proves the password with each request, without sending it. The counter `nc` goes up each time."""

    def __init__(self, challenge: Challenge, password: str) -> None:
        """Raise ValueError if the challenge is not supported."""
        if challenge.algorithm != ALGORITHM:
            raise ValueError(f"unknown algorithm {challenge.algorithm}")
        self._challenge = challenge
        self._nc = int(challenge.nc)
        self._secret = sha256(f"{USER}:{challenge.realm}:{password}")

    def proof(self, cnonce: int) -> dict[str, Any]:
        """Return the member `auth` of the next request; `cnonce` is any number, a new one each time."""
        challenge, nc = self._challenge, self._nc
        self._nc += 1
        return {
            "realm": challenge.realm,
            "username": USER,
            "nonce": challenge.nonce,
            "nc": nc,
            "cnonce": cnonce,
            "response": sha256(f"{self._secret}:{challenge.nonce}:{nc}:{cnonce}:auth:{HA2}"),
            "algorithm": ALGORITHM,
        }


def answer_to(message: str, password: str) -> Login:
    """Return the login for a challenge, which is JSON; raises ValueError if it is not supported."""
    try:
        return Login(msgspec.json.decode(message, type=Challenge), password)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def sha256(text: str) -> str:
    """Return the digest of a text in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
