"""The gate: by which name, from which site, with which token and how often somebody is let in."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.mirror.page.auth import (
    TOKEN,
    Gate,
    hostname,
    is_address,
    is_loopback,
    make_token,
    pass_of,
)

GATE = Gate("127.0.0.1", {"house.example", "kitchen"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8060", "LocalHost:8060", "127.0.0.1", "127.0.0.1:8060", "[::1]", "[::1]:8060",
        "192.168.1.7:8060", "[fe80::1]:8060", "house.example", "HOUSE.Example:8060", "kitchen:1",
    ],
)  # fmt: skip
def test_a_name_of_this_house_is_answered(host: str) -> None:
    """Its own names in any case, and any address, which nobody can rebind; with a port or without."""
    assert GATE.is_called_rightly(host)


@pytest.mark.parametrize(
    "host",
    [
        None, "", ":8060", "evil.example", "evil.example:8060", "localhost.evil.example", "evil-localhost",
        "127.0.0.1.evil.example", "127.0.0.1.nip.io:8060", "1.2.3", "2130706433", "0x7f.1",
        "[evil.example]:8060", "house.example.evil.example", "xhouse.example", "[", "[]", " localhost",
    ],
)  # fmt: skip
def test_a_name_of_somebody_else_is_not(host: str | None) -> None:
    """Also one that only looks like ours."""
    assert not GATE.is_called_rightly(host)


@given(st.text(max_size=40))
def test_any_host_at_all_is_decided_on(host: str) -> None:
    """Nothing that a stranger sends makes the decision fail, and only a known name or an address is right."""
    if GATE.is_called_rightly(host):
        name = hostname(host)
        assert name in {"localhost", "house.example", "kitchen"} or is_address(name)


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        (None, "localhost:8060", True),  # no browser, or a page of the same site
        ("http://localhost:8060", "localhost:8060", True),
        ("https://house.example", "house.example", True),
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
def test_only_our_own_page_is_our_own(origin: str | None, host: str, *, is_own: bool) -> None:
    """An origin is the same only with the same name and the same port."""
    assert GATE.is_own(origin, host) is is_own


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False), ("192.168.1.2", False), ("house.example", False), ("localhost.evil.example", False),
    ],
)  # fmt: skip
def test_what_is_loopback(address: str, *, loopback: bool) -> None:
    """Nothing that somebody else could reach."""
    assert is_loopback(address) is loopback


# The token


def test_on_loopback_nobody_is_asked(run: Path) -> None:
    """Without a token everybody is known, whatever they bring."""
    gate = Gate("127.0.0.1", ())
    assert gate.token is None
    assert not gate.is_locked
    assert gate.is_known(None, None)
    assert gate.is_known("Bearer x", "x")


def test_beyond_loopback_nobody_is_let_in_without_a_token(run: Path) -> None:
    """No token: locked, and neither an empty token nor the cookie of none opens it."""
    gate = Gate("0.0.0.0", ())  # noqa: S104
    assert gate.is_locked
    for authorization, cookie in [(None, None), ("Bearer ", None), ("Bearer x", None), (None, pass_of(""))]:
        assert not gate.is_known(authorization, cookie)
    assert not gate.fits("")
    make_token()
    assert not gate.is_locked


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_with_a_token_it_is_asked_for(run: Path, address: str) -> None:
    """The bearer of the token, or of the cookie made of it; on loopback too, once there is one."""
    gate, token = Gate(address, ()), make_token()
    assert gate.token == token
    assert gate.is_known(f"Bearer {token}", None)
    assert gate.is_known(f"bearer {token}", None)
    assert gate.is_known(None, gate.cookie)
    wrong = [
        (None, None), ("", ""), ("Bearer", None), ("Bearer ", None), (f"Basic {token}", None), (token, None),
        (f"Bearer {token}x", None), (f"Bearer {token[:-1]}", None), (None, token), (None, gate.cookie[:-1]),
        (f"Bearer {gate.cookie}", None), ("Bearer ü", None), (None, "ü"), ("Bearer wrong", gate.cookie),
    ]  # fmt: skip
    for authorization, cookie in wrong:
        assert not gate.is_known(authorization, cookie), (authorization, cookie)


def test_the_cookie_does_not_tell_the_token(run: Path) -> None:
    """Who steals a cookie cannot make another cookie of it."""
    token = make_token()
    assert token not in Gate("127.0.0.1", ()).cookie
    assert len(Gate("127.0.0.1", ()).cookie) == 64


def test_a_new_token_counts_at_once(run: Path) -> None:
    """And with the old one all its cookies are worth nothing."""
    gate, first = Gate("0.0.0.0", ()), make_token()  # noqa: S104
    cookie = gate.cookie
    assert gate.is_known(None, cookie)
    second = make_token()
    os.utime(TOKEN, ns=(1, 1))  # a later moment than the first's, however coarse the file system's clock is
    assert first != second
    assert not gate.is_known(f"Bearer {first}", None)
    assert not gate.is_known(None, cookie)
    assert gate.is_known(f"Bearer {second}", None)
    assert gate.is_known(None, gate.cookie)


def test_a_token_that_is_taken_away_locks_again(run: Path) -> None:
    """As `house token --remove` does: neither it nor its cookie opens anything."""
    gate, token = Gate("0.0.0.0", ()), make_token()  # noqa: S104
    cookie = gate.cookie
    TOKEN.unlink()
    assert gate.is_locked
    assert not gate.is_known(f"Bearer {token}", None)
    assert not gate.is_known(None, cookie)


@pytest.mark.parametrize("content", ["", "\n", "   \n"])
def test_an_empty_file_is_no_token(run: Path, content: str) -> None:
    """Nobody gets in with nothing."""
    TOKEN.write_text(content)
    gate = Gate("0.0.0.0", ())  # noqa: S104
    assert gate.is_locked
    assert not gate.is_known("Bearer ", None)


def test_a_token_written_by_hand_may_end_with_a_line(run: Path) -> None:
    """An editor adds it."""
    TOKEN.write_text("abc\n")
    assert Gate("0.0.0.0", ()).is_known("Bearer abc", None)  # noqa: S104


def test_a_token_is_its_owners_alone_and_hard_to_guess(run: Path) -> None:
    """Mode 0600, whatever the umask; 24 random bytes; never the same."""
    before = os.umask(0)
    try:
        tokens = {make_token() for _ in range(20)}
    finally:
        os.umask(before)
    assert TOKEN.stat().st_mode & 0o777 == 0o600
    assert len(tokens) == 20
    assert all(len(token) >= 32 for token in tokens)
    assert [path.name for path in run.glob("token*")] == ["token"]
