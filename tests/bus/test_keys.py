"""Keys: who is let in and what each may; what is no key lets nobody in."""

import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus import keys
from daemons.bus.keys import (
    CLIENTS,
    OWN,
    Keyring,
    Rights,
    make,
    new_pair,
    own_pair,
    read_keys,
    read_pass,
    revoke,
)
from daemons.errors import PlaceError
from tests.support import factories


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter(tmp_path, monkeypatch)


Complaints = list[tuple[str, str]]


@pytest.fixture
def complaints() -> Complaints:
    """Have what is complained of."""
    return []


def read(complaints: Complaints) -> dict[str, keys.Key]:
    """Read all keys."""
    return read_keys(lambda name, why: complaints.append((name, str(why))))


def give(name: str, to: Path, **rights: list[str]) -> keys.Pass:
    """Make a key, and read what is given."""
    make(name, "tcp://house:8070", to, **rights)
    return read_pass(to)


def test_a_key_is_two_halves_and_only_the_public_one_is_kept(tmp_path: Path, complaints: Complaints) -> None:
    """What is given has the secret half, the address and the house's own key; files are their owner's."""
    given = give("laptop", tmp_path / "laptop.key", hear=["*"], say=[], command=["toaster", "lamp/"])
    key = read(complaints)["laptop"]
    assert key == keys.Key(hear=("*",), command=("toaster/", "lamp/"), public_key=given.public_key)
    assert (given.address, given.server_key) == ("tcp://house:8070", own_pair().public_key)
    assert given.secret_key not in (CLIENTS / "laptop.toml").read_text()
    assert not key.manages
    for path in (OWN, CLIENTS / "laptop.toml", tmp_path / "laptop.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(CLIENTS.stat().st_mode) == 0o700
    assert complaints == []


def test_a_key_of_the_same_name_takes_its_place_and_a_revoked_one_is_gone(
    tmp_path: Path, complaints: Complaints
) -> None:
    """Once, and then there is none to revoke."""
    first = give("laptop", tmp_path / "a.key", hear=["*"])
    second = give("laptop", tmp_path / "b.key")
    assert first.public_key != second.public_key
    assert [key.public_key for key in read(complaints).values()] == [second.public_key]
    assert revoke("laptop")
    assert not revoke("laptop")
    assert read(complaints) == {}


def test_a_key_whose_file_cannot_be_written_is_not_made(tmp_path: Path, complaints: Complaints) -> None:
    """And the one before stays what it was."""
    first = give("laptop", tmp_path / "laptop.key", hear=["*"])
    with pytest.raises(PlaceError, match="cannot be written"):
        give("laptop", tmp_path / "nowhere" / "laptop.key")
    assert [key.public_key for key in read(complaints).values()] == [first.public_key]


def test_the_houses_own_key_is_made_once() -> None:
    """Nobody's clients have to be told of another one after a restart."""
    assert own_pair() == own_pair()
    assert list(OWN.parent.glob("own*")) == [OWN]


def test_of_two_that_make_the_own_key_at_once_one_wins() -> None:
    """Both have the same key then."""
    theirs = new_pair()

    def meanwhile(path: Path, data: bytes) -> None:
        for made, what in ((path, data), (OWN, keys.toml(theirs))):
            made.write_bytes(what)
            made.chmod(0o600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "write", meanwhile)
        assert own_pair() == theirs
    assert own_pair() == theirs


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hear = [", "is no key"),
        ("hear = []", "missing required field `public_key`"),
        ('public_key = "short"', "public_key"),
        ('public_key = "{key}"\nhear = ["toaster"]', "hear"),
        ('public_key = "{key}"\nhear = "*"', "hear"),
        ('public_key = "{key}"\nsay = ["../"]', "say"),
    ],
)
def test_a_file_that_is_no_key_is_told_and_lets_nobody_in(
    complaints: Complaints, tmp_path: Path, text: str, why: str
) -> None:
    """And the others come in all the same."""
    give("other", tmp_path / "other.key")
    path = CLIENTS / "odd.toml"
    path.write_text(text.replace("{key}", new_pair().public_key))
    path.chmod(0o600)
    assert list(read(complaints)) == ["other"]
    ((name, complaint),) = complaints
    assert name == "odd"
    assert why in complaint
    assert str(path.absolute()) in complaint


def test_a_key_that_others_can_read_is_none(complaints: Complaints, tmp_path: Path) -> None:
    """With the command that mends it; also for the file that is given."""
    give("laptop", tmp_path / "laptop.key")
    (CLIENTS / "laptop.toml").chmod(0o640)
    assert read(complaints) == {}
    assert "`chmod 600` mends that" in complaints[0][1]
    (tmp_path / "laptop.key").chmod(0o644)
    with pytest.raises(PlaceError, match="can be read by others"):
        read_pass(tmp_path / "laptop.key")


@pytest.mark.parametrize("name", ["", "Laptop", "my key", "../x", "a" * 41, "host kitchen"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """It is a file's name, and stands in the log."""
    with pytest.raises(ValueError, match="is no name for a key"):
        make(name, None, Path("x.key"))


@pytest.mark.parametrize("reach", ["", "**", "toaster/*", "Toaster/", "../", "toaster/ state"])
def test_a_right_that_is_none_is_refused_with_what_it_takes(reach: str) -> None:
    """With the option as it was typed."""
    with pytest.raises(ValueError, match="--hear") as caught:
        make("laptop", None, Path("x.key"), hear=[reach])
    assert 'such as "toaster/"' in str(caught.value)


def test_the_ring_reads_what_is_new_and_nothing_else(
    tmp_path: Path, complaints: Complaints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file made, changed, made readable or gone is seen; as long as nothing is, no file is opened."""
    ring = Keyring(lambda name, why: complaints.append((name, str(why))))
    assert ring.read() == {}
    give("laptop", tmp_path / "laptop.key", hear=["*"])
    assert list(ring.read()) == ["laptop"]
    give("laptop", tmp_path / "laptop.key", hear=["toaster/"])
    assert ring.read()["laptop"].hear == ("toaster/",)
    (CLIENTS / "laptop.toml").chmod(0o644)
    assert ring.read() == {}
    (CLIENTS / "laptop.toml").chmod(0o600)
    with monkeypatch.context() as patch:
        assert list(ring.read()) == ["laptop"]
        patch.setattr(keys, "read_keys", lambda _: pytest.fail("it was read again"))
        assert list(ring.read()) == ["laptop"]
    os.unlink(CLIENTS / "laptop.toml")  # noqa: PTH108
    assert ring.read() == {}


topics = st.text("abt/_", max_size=6)


@given(st.lists(st.sampled_from(["*", "a/", "b/", "a/b", "t_/"]), max_size=3), topics, topics)
def test_whoever_hears_no_more_than_is_allowed_hears_all_of_that(
    reaches: list[str], prefix: str, more: str
) -> None:
    """A topic is heard just when it begins with what was asked for and with what is allowed."""
    rights = Rights(hear=tuple(reaches))
    topic = (prefix + more).encode()
    is_allowed = any(reach == "*" or topic.startswith(reach.encode()) for reach in reaches)
    granted = rights.hears(prefix.encode())
    assert any(topic.startswith(reach) for reach in granted) == is_allowed


def test_a_right_for_a_device_is_none_for_one_that_begins_so() -> None:
    """And a right for a part of its topics is none to speak for it."""
    rights = Rights(say=("lamp/",), command=("lamp/state",))
    assert rights.says("lamp")
    assert not rights.says("lamp2")
    assert not rights.says("")
    assert not rights.commands("lamp")
    assert Rights(say=("*",)).says("anything")


def test_logging_is_not_where_a_secret_ends(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Nothing of a key's secret half is ever logged or told."""
    with caplog.at_level(logging.DEBUG):
        given = give("laptop", tmp_path / "laptop.key")
        repr(given)
    assert given.secret_key not in caplog.text
