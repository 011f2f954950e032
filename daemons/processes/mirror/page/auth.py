"""Who is let in to the page: by which name it is called, from which site, with which token, how often.

Pure, but for the token's file. A browser can be made to send requests by any site that it shows;
so a request counts only when it was meant for this house (Host: no DNS rebinding) and, where a
browser says who made it, was made by this house's own page (Origin: no cross-site WebSocket).
"""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from daemons.storage.paths import write

TOKEN = Path("token")
"""Where the token stands, from inside the run directory."""
COOKIE = "house"


def make_token() -> str:
    """Make a new token and write it down; the one before it is worth nothing from now on."""
    token = secrets.token_urlsafe(24)
    write(TOKEN, token.encode())
    return token


class Gate:
    """Decides on one request at a time."""

    def __init__(self, address: str, hosts: Iterable[str]) -> None:
        """`hosts` are the names by which the house may be called, beside those that are safe anyway."""
        self._is_open = is_loopback(address)
        self._hosts = {"localhost", *hosts}
        self._known: tuple[tuple[int, int] | None, str | None] = (None, None)
        """Which file it was, and what stood in it."""

    @property
    def token(self) -> str | None:
        """Give the token, if there is one; a new one counts at once."""
        try:
            status = TOKEN.stat()
            if (file := (status.st_ino, status.st_mtime_ns)) != self._known[0]:
                self._known = (file, TOKEN.read_text().strip() or None)
        except OSError:
            self._known = (None, None)
        return self._known[1]

    @property
    def is_locked(self) -> bool:
        """Tell whether nobody can be let in: a token is needed, and there is none."""
        return not self._is_open and self.token is None

    def is_called_rightly(self, host: str | None) -> bool:
        """Tell whether the Host of a request is one of this house: an address cannot be rebound."""
        name = hostname(host or "")
        return name in self._hosts or is_address(name)

    def is_own(self, origin: str | None, host: str | None) -> bool:
        """Tell whether a request was made by our own page, or by something that is no browser."""
        return origin is None or origin.partition("://")[2] == host

    def is_known(self, authorization: str | None, cookie: str | None) -> bool:
        """Tell whether a request brings the token, where one is asked for."""
        token = self.token
        if token is None:
            return self._is_open
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return self.fits(given)
        return hmac.compare_digest((cookie or "").encode(), pass_of(token).encode())

    def fits(self, given: str) -> bool:
        """Compare a token with ours, in a time that does not depend on how far they agree."""
        return self.token is not None and hmac.compare_digest(given.strip().encode(), self.token.encode())

    @property
    def cookie(self) -> str:
        """Give what a browser that knows the token is given to keep; it is not the token itself."""
        return pass_of(self.token or "")


def pass_of(token: str) -> str:
    """Derive the cookie's value from the token: a new token makes all cookies worthless."""
    return hmac.new(token.encode(), b"cookie", sha256).hexdigest()


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach an address."""
    return address == "localhost" or (is_address(address) and ip_address(address).is_loopback)


def is_address(name: str) -> bool:
    """Tell whether a name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def hostname(host: str) -> str:
    """Give the name in a Host header, without its port."""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name if not port or port[0] == ":" else host
    return host.partition(":")[0].lower()
