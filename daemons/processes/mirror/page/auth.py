"""Access to the page: by host name, by origin and by token.

Pure, but for the token's file. Any site can make a browser send requests to this page. So a request
is accepted only with a host name of this house (this prevents DNS rebinding). If the browser names
the origin of the request, it must be this page (this prevents cross-site WebSockets).
"""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from daemons.storage.changed_file import ChangedFile
from daemons.storage.paths import replace_file

TOKEN_PATH = Path("token")
"""The token's file, relative to the run directory."""
COOKIE_NAME = "house"


def make_token() -> str:
    """Make a new token, write it to its file, and return it; the earlier token is no longer valid."""
    token = secrets.token_urlsafe(24)
    replace_file(TOKEN_PATH, token.encode())
    return token


class AccessPolicy:
    """Decides which requests the page accepts."""

    def __init__(self, address: str, hosts: Iterable[str]) -> None:
        """`hosts` are the accepted host names, besides localhost and IP addresses."""
        self._is_open = is_loopback(address)
        self._hosts = {"localhost", *hosts}
        self._token = ChangedFile(TOKEN_PATH, lambda content: content.decode().strip() or None, None)

    @property
    def token(self) -> str | None:
        """Return the token, or None; a new token is valid at once."""
        return self._token.read()

    @property
    def is_locked(self) -> bool:
        """Return whether every request would be refused: a token is needed, and there is none."""
        return not self._is_open and self.token is None

    def is_known_host(self, host: str | None) -> bool:
        """Return whether a Host header names this house; an IP address cannot be rebound."""
        name = hostname(host or "")
        return name in self._hosts or is_address(name)

    def is_same_origin(self, origin: str | None, host: str | None) -> bool:
        """Return whether a request comes from this page, or from a client that is not a browser."""
        return origin is None or origin.partition("://")[2] == host

    def is_authorized(self, authorization: str | None, cookie: str | None) -> bool:
        """Return whether a request has the token or its cookie, if one is needed."""
        token = self.token
        if token is None:
            return self._is_open
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return self.is_valid_token(given)
        return hmac.compare_digest((cookie or "").encode(), cookie_value(token).encode())

    def is_valid_token(self, given: str) -> bool:
        """Return whether this is the token; the time that takes reveals nothing of the token."""
        return self.token is not None and hmac.compare_digest(given.strip().encode(), self.token.encode())

    @property
    def cookie(self) -> str:
        """Return the value of the cookie for a browser that sent the token; it does not reveal the token."""
        return cookie_value(self.token or "")


def cookie_value(token: str) -> str:
    """Derive the cookie's value from the token: a new token makes all earlier cookies invalid."""
    return hmac.new(token.encode(), b"cookie", sha256).hexdigest()


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach an address."""
    return address == "localhost" or (is_address(address) and ip_address(address).is_loopback)


def is_address(name: str) -> bool:
    """Return whether a name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def hostname(host: str) -> str:
    """Return the name in a Host header, without its port."""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name if not port or port[0] == ":" else host
    return host.partition(":")[0].lower()
