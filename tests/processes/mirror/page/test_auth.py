"""Access to the page: by host name, by origin and by token."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.errors import StorageError
from daemons.processes.mirror.page.auth import (
    TOKEN_PATH,
    AccessPolicy,
    bearer_token,
    cookie_value,
    hostname,
    is_address,
    is_equal,
    is_loopback,
    is_same_origin,
    make_token,
    remove_token,
)

POLICY = AccessPolicy("127.0.0.1", {"house.example", "kitchen"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8060", "LocalHost:8060", "127.0.0.1", "127.0.0.1:8060", "[::1]", "[::1]:8060",
        "192.168.1.7:8060", "[fe80::1]:8060", "house.example", "HOUSE.Example:8060", "kitchen:1",
    ],
)  # fmt: skip
def test_a_host_name_of_the_house_is_accepted(host: str) -> None:
    """Its own names in any case, and any IP address, which cannot be rebound; with a port or without."""
    assert POLICY.is_known_host(host)


@pytest.mark.parametrize(
    "host",
    [
        None, "", ":8060", "evil.example", "evil.example:8060", "localhost.evil.example", "evil-localhost",
        "127.0.0.1.evil.example", "127.0.0.1.nip.io:8060", "1.2.3", "2130706433", "0x7f.1",
        "[evil.example]:8060", "house.example.evil.example", "xhouse.example", "[", "[]", " localhost",
    ],
)  # fmt: skip
def test_a_foreign_host_name_is_refused(host: str | None) -> None:
    """A name that only resembles one of the house is foreign, too."""
    assert not POLICY.is_known_host(host)


@given(st.text(max_size=40))
def test_any_host_header_is_decided(host: str) -> None:
    """No header makes the check fail, and only a known name or an IP address is accepted."""
    if POLICY.is_known_host(host):
        name = hostname(host)
        assert name in {"localhost", "house.example", "kitchen"} or is_address(name)


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        (None, "localhost:8060", True),  # no browser, or a page of the same site
        ("http://localhost:8060", "localhost:8060", True),
        ("https://house.example", "house.example", True),  # a reverse proxy receives HTTPS
        ("ftp://localhost:8060", "localhost:8060", False),
        ("file://localhost:8060", "localhost:8060", False),
        ("chrome-extension://localhost:8060", "localhost:8060", False),
        ("ws://localhost:8060", "localhost:8060", False),
        ("xhttp://localhost:8060", "localhost:8060", False),
        ("://localhost:8060", "localhost:8060", False),
        ("http://http://localhost:8060", "localhost:8060", False),
        ("http://[::1]:8060", "[::1]:8060", True),
        ("http://evil.example", "localhost:8060", False),
        ("http://localhost:9999", "localhost:8060", False),
        ("http://localhost", "localhost:8060", False),
        ("http://localhost:8060.evil.example", "localhost:8060", False),
        ("http://127.0.0.1:8060", "localhost:8060", False),
        ("null", "localhost:8060", False),
        ("", "localhost:8060", False),
        ("localhost:8060", "localhost:8060", False),
    ],
)
def test_only_the_page_itself_is_the_same_origin(origin: str | None, host: str, *, is_same: bool) -> None:
    """An origin is the same only with the scheme of a page, the same name and the same port."""
    assert is_same_origin(origin, host, is_https=False) is is_same


def test_a_page_over_https_refuses_an_origin_over_http() -> None:
    """Any machine on the way can write a page that comes over HTTP."""
    assert is_same_origin("https://house.example", "house.example", is_https=True)
    assert is_same_origin(None, "house.example", is_https=True)
    assert not is_same_origin("http://house.example", "house.example", is_https=True)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False), ("192.168.1.2", False), ("house.example", False), ("localhost.evil.example", False),
    ],
)  # fmt: skip
def test_only_loopback_addresses_are_loopback(address: str, *, loopback: bool) -> None:
    """An address that other machines can reach is not loopback."""
    assert is_loopback(address) is loopback


# The token


def test_on_loopback_no_token_is_needed(run: Path) -> None:
    """Without a token every request is authorized, with any credentials."""
    policy = AccessPolicy("127.0.0.1", ())
    assert policy.token is None
    assert not policy.is_locked
    assert policy.account(None, None)
    assert policy.account("Bearer x", "x")


def test_beyond_loopback_every_request_is_refused_without_a_token(run: Path) -> None:
    """Neither an empty token nor the cookie of an empty token is accepted."""
    policy = AccessPolicy("0.0.0.0", ())  # noqa: S104
    assert policy.is_locked
    for authorization, cookie in [
        (None, None),
        ("Bearer ", None),
        ("Bearer x", None),
        (None, cookie_value("")),
    ]:
        assert not policy.account(authorization, cookie)
    assert not policy.sign_in("")
    make_token()
    assert not policy.is_locked


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_an_existing_token_is_needed(run: Path, address: str) -> None:
    """The token or its cookie authorizes a request; on loopback, too, once there is a token."""
    policy, token = AccessPolicy(address, ()), make_token()
    assert policy.token == token
    assert policy.account(f"Bearer {token}", None)
    assert policy.account(f"bearer {token}", None)
    assert policy.account(None, cookie_value(token))
    right = cookie_value(token)
    wrong = [
        (None, None), ("", ""), ("Bearer", None), ("Bearer ", None), (f"Basic {token}", None), (token, None),
        (f"Bearer {token}x", None), (f"Bearer {token[:-1]}", None), (None, token), (None, right[:-1]),
        (f"Bearer {right}", None), ("Bearer ü", None), (None, "ü"), ("Bearer wrong", right),
    ]  # fmt: skip
    for authorization, cookie in wrong:
        assert not policy.account(authorization, cookie), (authorization, cookie)


def test_the_cookie_does_not_reveal_the_token(run: Path) -> None:
    """A stolen cookie does not help to make another cookie."""
    token = make_token()
    assert token not in cookie_value(token)
    assert len(cookie_value(token)) == 64


def test_a_new_token_is_valid_at_once(run: Path) -> None:
    """The old token and all its cookies are invalid from then on."""
    policy, first = AccessPolicy("0.0.0.0", ()), make_token()  # noqa: S104
    cookie = cookie_value(first)
    assert policy.account(None, cookie)
    second = make_token()
    os.utime(
        TOKEN_PATH, ns=(1, 1)
    )  # a later moment than the first's, however coarse the file system's clock is
    assert first != second
    assert not policy.account(f"Bearer {first}", None)
    assert not policy.account(None, cookie)
    assert policy.account(f"Bearer {second}", None)
    assert policy.account(None, cookie_value(second))


def test_a_removed_token_locks_the_page(run: Path) -> None:
    """As after `house token --remove`: neither the token nor its cookie is accepted."""
    policy, token = AccessPolicy("0.0.0.0", ()), make_token()  # noqa: S104
    cookie = cookie_value(token)
    TOKEN_PATH.unlink()
    assert policy.is_locked
    assert not policy.account(f"Bearer {token}", None)
    assert not policy.account(None, cookie)


def make_unreadable(token: Path, reason: str) -> None:
    """Put something in the place of the token that cannot be read as one."""
    match reason:
        case "Is a directory":
            token.mkdir()
        case "No such file or directory":
            token.symlink_to("gone")
        case "Too many levels of symbolic links":
            token.symlink_to("token")
        case "it is empty":
            token.write_text(" \n")
        case _:
            token.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
@pytest.mark.parametrize(
    "reason",
    [
        "Is a directory", "No such file or directory", "Too many levels of symbolic links", "it is empty",
        "can't decode byte 0xff",
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_read_is_not_a_missing_token(run: Path, address: str, reason: str) -> None:
    """No request is accepted, on loopback neither: only without a file there is no token."""
    make_unreadable(TOKEN_PATH, reason)
    policy = AccessPolicy(address, ())
    for authorization in (None, "Bearer ", "Bearer x"):
        with pytest.raises(StorageError, match=rf"/token cannot be read: .*{reason}"):
            policy.account(authorization, None)
    with pytest.raises(StorageError):
        policy.sign_in("")


def test_a_token_that_cannot_be_read_any_more_is_not_valid_any_more(run: Path) -> None:
    """The token that was read last is not used instead; when the file is readable again, it is."""
    policy, token = AccessPolicy("127.0.0.1", ()), make_token()
    assert policy.account(f"Bearer {token}", None)
    TOKEN_PATH.rename("kept")
    TOKEN_PATH.mkdir()
    with pytest.raises(StorageError):
        policy.account(f"Bearer {token}", None)
    TOKEN_PATH.rmdir()
    Path("kept").rename(TOKEN_PATH)
    assert policy.account(f"Bearer {token}", None)
    assert not policy.account(None, None)


def test_a_token_that_cannot_be_removed_is_an_error(run: Path) -> None:
    """`house token --remove` says which file it is."""
    TOKEN_PATH.mkdir()
    with pytest.raises(StorageError, match="/token cannot be deleted: Is a directory"):
        remove_token()
    TOKEN_PATH.rmdir()
    remove_token()


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_any_credentials_are_decided(authorization: str, cookie: str) -> None:
    """A header that was not UTF-8 has lone surrogates; it is a wrong token, and no error."""
    assert not is_equal(authorization, "token")
    assert not is_equal(cookie, cookie_value("token"))
    assert bearer_token(authorization) is None or authorization[:6].lower() == "bearer"
    assert bearer_token(f"bearer {cookie}") == cookie.strip()


def test_a_token_file_may_end_with_a_newline(run: Path) -> None:
    """Editors add a newline."""
    TOKEN_PATH.write_text("abc\n")
    assert AccessPolicy("0.0.0.0", ()).account("Bearer abc", None)  # noqa: S104


def test_a_token_is_private_and_random(run: Path) -> None:
    """Its file has mode 0600 with any umask; the token has 24 random bytes and is never the same."""
    before = os.umask(0)
    try:
        tokens = {make_token() for _ in range(20)}
    finally:
        os.umask(before)
    assert TOKEN_PATH.stat().st_mode & 0o777 == 0o600
    assert len(tokens) == 20
    assert all(len(token) >= 32 for token in tokens)
    assert [path.name for path in run.glob("token*")] == ["token"]
