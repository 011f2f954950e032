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

from daemons.errors import StorageError
from daemons.storage.changed_file import ChangedFile
from daemons.storage.paths import replace_file

TOKEN_PATH = Path("token")
"""The token's file, relative to the run directory."""
COOKIE_NAME = "house"
PAGE = "page"
"""The sender of the commands from the page."""


def make_token() -> str:
    """Make a new token, write it to its file, and return it; the earlier token is no longer valid."""
    token = secrets.token_urlsafe(24)
    replace_file(TOKEN_PATH, token.encode())
    return token


def remove_token() -> None:
    """Delete the token's file; raises StorageError if that is not possible."""
    try:
        TOKEN_PATH.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{TOKEN_PATH.absolute()} cannot be deleted: {error.strerror}") from error


class AccessPolicy:
    """Decides which requests the page accepts."""

    def __init__(self, address: str, hosts: Iterable[str]) -> None:
        """`hosts` are the accepted host names, besides localhost and IP addresses."""
        self._is_open = is_loopback(address)
        self._hosts = {"localhost", *hosts}
        self._token = ChangedFile[str | None](TOKEN_PATH, parse_token, None)

    @property
    def token(self) -> str | None:
        """Return the token, or None if there is no file; a new token is valid at once.

        Raises StorageError if there is a file and it has no token that can be read.
        """
        return self._token.read()

    @property
    def is_locked(self) -> bool:
        """Return whether every request would be refused: a token is needed, and there is none."""
        return not self._is_open and self.token is None

    def is_known_host(self, host: str | None) -> bool:
        """Return whether a Host header names this house; an IP address cannot be rebound."""
        name = hostname(host or "")
        return name in self._hosts or is_address(name)

    def is_authorized(self, authorization: str | None, cookie: str | None) -> bool:
        """Return whether a request has the token or its cookie, if one is needed."""
        token = self.token
        if token is None:
            return self._is_open
        given = bearer_token(authorization)
        if given is not None:
            return is_equal(given, token)
        return is_equal(cookie or "", cookie_value(token))

    def is_valid_token(self, given: str) -> bool:
        """Return whether this is the token."""
        token = self.token
        return token is not None and is_equal(given.strip(), token)

    @property
    def cookie(self) -> str:
        """Return the value of the cookie for a browser that sent the token; it does not reveal the token."""
        return cookie_value(self.token or "")


def parse_token(content: bytes) -> str:
    """Return the token in its file; raises ValueError for a file without one."""
    token = content.decode().strip()
    if not token:
        raise ValueError("it is empty")
    return token


def bearer_token(authorization: str | None) -> str | None:
    """Return the token in an Authorization header; None without one."""
    scheme, _, given = (authorization or "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def is_equal(given: str, right: str) -> bool:
    """Return whether two texts are the same; the time that this takes reveals nothing of the right one.

    A text may have lone surrogates: bytes that are not UTF-8 become surrogates in a header.
    """
    return hmac.compare_digest(given.encode(errors="surrogatepass"), right.encode())


def is_same_origin(origin: str | None, host: str | None, *, is_https: bool) -> bool:
    """Return whether a request comes from the page itself, or from a client that is not a browser.

    A reverse proxy may receive HTTPS and send HTTP to the page. So an origin with https is accepted also
    if the page is served over HTTP. An origin with http is not accepted by a page that is served over HTTPS.
    """
    schemes = ("https",) if is_https else ("https", "http")
    return origin is None or origin in [f"{scheme}://{host}" for scheme in schemes]


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
