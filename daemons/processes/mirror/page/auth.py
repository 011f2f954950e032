"""Access to the page: by host name, by origin and by token.

Pure, but for the files of the tokens. Any site can make a browser send requests to this page. So a request
is accepted only with a host name of this house (this prevents DNS rebinding). If the browser names
the origin of the request, it must be this page (this prevents cross-site WebSockets).
"""

import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from daemons.bus.keys import NO_RIGHTS, OWNER_RIGHTS, Rights
from daemons.errors import StorageError
from daemons.processes.mirror.page.person_tokens import PersonToken, PersonTokens, find_person, person_cookie
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


class Account(Struct, frozen=True):
    """Who made a request: the owner, or a person with a token of their own."""

    name: str | None
    """The name of the person; None for the owner."""
    rights: Rights
    credential: str | PersonToken | None
    """The owner's token, or that of the person; None for the owner of a page without a token."""

    @property
    def who(self) -> str:
        """Return the sender of the commands from this account."""
        return PAGE if self.name is None else f"{PAGE}:{self.name}"

    @property
    def sees_everything(self) -> bool:
        """Return whether the account sees the whole house."""
        return "*" in self.rights.hear

    @property
    def reads_logs(self) -> bool:
        """Return whether the account may read logs, whose lines may name any device."""
        return self.rights.manages and self.sees_everything

    def edit_refusal(self, *, is_editing_on: bool) -> "EditRefusal | None":
        """Return why the account may not edit the configuration, or None if it may.

        `is_editing_on` is the option `edit` of the mirror. Nothing is edited without a token.
        """
        if not is_editing_on:
            return EDITING_OFF
        if self.credential is None:
            return NO_TOKEN
        has_right = isinstance(self.credential, str) or (self.credential.edit and self.sees_everything)
        return None if has_right else NO_EDIT_RIGHT


class EditRefusal(NamedTuple):
    """Why an account may not edit: a code for programs, and a sentence with the remedy."""

    code: Literal["off", "no_token", "no_right"]
    reason: str


EDITING_OFF = EditRefusal("off", "editing is off; `edit = true` in the table of the mirror switches it on")
NO_TOKEN = EditRefusal("no_token", "editing needs a token, also on this machine; `house token` makes one")
NO_EDIT_RIGHT = EditRefusal(
    "no_right",
    'this token gives no right to edit; `house token make NAME --see "*" --edit` makes one that does',
)
NO_ACCOUNT = Account(None, NO_RIGHTS, None)
"""The account of a request whose access is not checked yet."""


class Access(NamedTuple):
    """All valid credentials at one moment."""

    token: str | None
    """The owner's token; None if there is none."""
    persons: Mapping[str, PersonToken]

    def is_valid(self, account: Account, wall: float) -> bool:
        """Return whether an account has access at `wall` (Unix seconds), with the rights that it had."""
        if account.name is None:
            return account.credential == self.token
        token = self.persons.get(account.name)
        return token is not None and token == account.credential and not token.is_expired(wall)


class SignIn(NamedTuple):
    """The cookie for a browser that has sent a valid token."""

    cookie: str
    expires_at: float | None
    """When the token expires, in Unix seconds; None for one that does not expire."""


class AccessPolicy:
    """Decides which requests the page accepts."""

    def __init__(self, address: str, hosts: Iterable[str]) -> None:
        """`hosts` are the accepted host names, besides localhost and IP addresses."""
        self._is_open = is_loopback(address)
        self._hosts = {"localhost", *hosts}
        self._token = ChangedFile[str | None](TOKEN_PATH, parse_token, None)
        self.persons = PersonTokens()

    @property
    def token(self) -> str | None:
        """Return the token, or None if there is no file; a new token is valid at once.

        Raises StorageError if there is a file and it has no token that can be read.
        """
        return self._token.read()

    @property
    def is_locked(self) -> bool:
        """Return whether every request would be refused: a token is needed, and there is none."""
        return not self._is_open and self.token is None and not self.persons.read()

    def is_known_host(self, host: str | None) -> bool:
        """Return whether a Host header names this house; an IP address cannot be rebound."""
        name = hostname(host or "")
        return name in self._hosts or is_address(name)

    def account(self, authorization: str | None, cookie: str | None) -> Account | None:
        """Return whose token or cookie a request has; None if it has no access.

        A page that needs no token refuses a person's token that is not valid. Otherwise a person whose token
        was revoked would have the rights of the owner.
        """
        token, persons = self.token, self.persons.read()
        bearer = bearer_token(authorization)
        given = (cookie or "") if bearer is None else bearer
        if token is not None and is_equal(given, cookie_value(token) if bearer is None else token):
            return Account(None, OWNER_RIGHTS, token)
        if persons is not None and "." in given:
            name = find_person(persons, given, time.time(), is_cookie=bearer is None)
            return Account(name, persons[name].rights, persons[name]) if name else None
        return Account(None, OWNER_RIGHTS, None) if token is None and self._is_open else None

    def sign_in(self, given: str) -> SignIn | None:
        """Return the cookie for a token, or None if the token is not valid."""
        token, persons, given = self.token, self.persons.read() or {}, given.strip()
        if token is not None and is_equal(given, token):
            return SignIn(cookie_value(token), None)
        if name := find_person(persons, given, time.time(), is_cookie=False):
            return SignIn(person_cookie(given), persons[name].until)
        return None

    def access(self) -> Access:
        """Return all valid credentials now; raises StorageError if they cannot be read."""
        return Access(self.token, self.persons.read() or {})


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
