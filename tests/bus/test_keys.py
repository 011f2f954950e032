"""Keys and their rights; a file that is not a key admits no client."""

import errno
import logging
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus import keys
from daemons.bus.keys import CLIENTS, Keyring, Rights, make_key, read_credentials, read_keys, revoke_key
from daemons.errors import StorageError
from daemons.storage.key_pair import OWN, new_key_pair, own_key_pair
from tests.support import factories


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


Errors = list[tuple[str, str]]


@pytest.fixture
def errors() -> Errors:
    """Return the list that gets the name and error of each invalid file."""
    return []


def read_all(errors: Errors) -> dict[str, keys.ClientKey]:
    """Read all keys, and append the errors."""
    return read_keys(lambda name, why: errors.append((name, str(why))))


def make_credentials(name: str, to: Path, **rights: list[str]) -> keys.Credentials:
    """Make a key, and return the credentials of its program."""
    make_key(name, "tcp://house:8070", to, **rights)
    return read_credentials(to)


def test_only_the_public_half_of_a_key_is_stored(tmp_path: Path, errors: Errors) -> None:
    """The credentials have the secret half, the address and the house's public key; all files are private."""
    credentials = make_credentials(
        "laptop", tmp_path / "laptop.key", hear=["*"], say=[], command=["toaster", "lamp/"]
    )
    key = read_all(errors)["laptop"]
    assert key == keys.ClientKey(
        hear=("*",), command=("toaster/", "lamp/"), public_key=credentials.public_key
    )
    assert (credentials.address, credentials.server_key) == ("tcp://house:8070", own_key_pair().public_key)
    assert credentials.secret_key not in (CLIENTS / "laptop.toml").read_text()
    assert not key.manages
    for path in (OWN, CLIENTS / "laptop.toml", tmp_path / "laptop.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(CLIENTS.stat().st_mode) == 0o700
    assert errors == []


def test_a_key_of_the_same_name_replaces_the_earlier_one_and_can_be_revoked(
    tmp_path: Path, errors: Errors
) -> None:
    """A second revocation finds no key."""
    first = make_credentials("laptop", tmp_path / "a.key", hear=["*"])
    second = make_credentials("laptop", tmp_path / "b.key")
    assert first.public_key != second.public_key
    assert [key.public_key for key in read_all(errors).values()] == [second.public_key]
    assert revoke_key("laptop")
    assert not revoke_key("laptop")
    assert read_all(errors) == {}


def test_a_key_whose_file_cannot_be_written_is_not_made(tmp_path: Path, errors: Errors) -> None:
    """The earlier key of that name stays valid."""
    first = make_credentials("laptop", tmp_path / "laptop.key", hear=["*"])
    with pytest.raises(StorageError, match="cannot be written"):
        make_credentials("laptop", tmp_path / "nowhere" / "laptop.key")
    assert [key.public_key for key in read_all(errors).values()] == [first.public_key]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hear = [", "is not a key"),
        ("hear = []", "missing required field `public_key`"),
        ('public_key = "short"', "public_key"),
        ('public_key = "{key}"\nhear = ["toaster"]', "hear"),
        ('public_key = "{key}"\nhear = "*"', "hear"),
        ('public_key = "{key}"\nsay = ["../"]', "say"),
        ('format = 2\npublic_key = "{key}"\nhear = ["*"]', "it is of format 2, and this version"),
    ],
)
def test_a_file_that_is_not_a_key_is_reported_and_admits_no_client(
    errors: Errors, tmp_path: Path, text: str, why: str
) -> None:
    """The other keys stay valid, and the error names the file."""
    make_credentials("other", tmp_path / "other.key")
    path = CLIENTS / "odd.toml"
    path.write_text(text.replace("{key}", new_key_pair().public_key))
    path.chmod(0o600)
    assert list(read_all(errors)) == ["other"]
    ((name, error),) = errors
    assert name == "odd"
    assert why in error
    assert str(path.absolute()) in error


def test_a_key_that_other_users_can_read_is_refused(errors: Errors, tmp_path: Path) -> None:
    """The error has the command that fixes the mode. The same is true for the credentials of a program."""
    make_credentials("laptop", tmp_path / "laptop.key")
    (CLIENTS / "laptop.toml").chmod(0o640)
    assert read_all(errors) == {}
    assert f"run `chmod 600 {(CLIENTS / 'laptop.toml').absolute()}`" in errors[0][1]
    (tmp_path / "laptop.key").chmod(0o644)
    with pytest.raises(StorageError, match="other users can read this key"):
        read_credentials(tmp_path / "laptop.key")


@pytest.mark.parametrize("name", ["", "Laptop", "my key", "../x", "a" * 41, "host kitchen"])
def test_a_bad_key_name_is_refused(name: str) -> None:
    """The name becomes a file name and a part of log lines."""
    with pytest.raises(ValueError, match="is not a key name"):
        make_key(name, None, Path("x.key"))


@pytest.mark.parametrize("reach", ["", "**", "toaster/*", "Toaster/", "../", "toaster/ state"])
def test_a_bad_right_is_refused_with_the_allowed_form(reach: str) -> None:
    """The error quotes the option."""
    with pytest.raises(ValueError, match="--hear") as caught:
        make_key("laptop", None, Path("x.key"), hear=[reach])
    assert 'such as "toaster/"' in str(caught.value)


def test_a_keyring_reads_its_files_again_after_a_change_only(
    tmp_path: Path, errors: Errors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new, changed, unreadable or removed file is noticed; without a change, no file is opened."""
    ring = Keyring(lambda name, why: errors.append((name, str(why))))
    assert ring.read() == {}
    make_credentials("laptop", tmp_path / "laptop.key", hear=["*"])
    assert list(ring.read()) == ["laptop"]
    make_credentials("laptop", tmp_path / "laptop.key", hear=["toaster/"])
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


@pytest.mark.parametrize("call", ["iterdir", "stat", "read_text"])
def test_a_key_stays_valid_while_its_file_cannot_be_read(
    errors: Errors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Too many open files or a failing disk revoke no key; the files are read again afterwards."""
    ring = Keyring(lambda name, why: errors.append((name, str(why))))
    make_credentials("laptop", tmp_path / "laptop.key", hear=["*"])
    make_credentials("leaving", tmp_path / "leaving.key")
    assert list(ring.read()) == ["laptop", "leaving"]
    make_credentials("laptop", tmp_path / "laptop.key", hear=["toaster/"])
    revoke_key("leaving")

    def fail(path: Path, *args: object, **more: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, call, fail)
        for _ in range(2):
            assert ring.read()["laptop"].hear == ("*",)
    assert "Too many open files" in errors[-1][1]
    read = ring.read()
    assert (list(read), read["laptop"].hear) == (["laptop"], ("toaster/",))


def test_without_the_folder_of_the_keys_there_are_none(errors: Errors, tmp_path: Path) -> None:
    """The folder may be removed to revoke all keys."""
    ring = Keyring(lambda name, why: errors.append((name, str(why))))
    make_credentials("laptop", tmp_path / "laptop.key", hear=["*"])
    assert list(ring.read()) == ["laptop"]
    shutil.rmtree(CLIENTS)
    assert ring.read() == {}
    assert errors == []


topics = st.text("abt/_", max_size=6)


@given(st.lists(st.sampled_from(["*", "a/", "b/", "a/b", "t_/"]), max_size=3), topics, topics)
def test_a_subscription_is_granted_as_far_as_the_rights_allow(
    reaches: list[str], prefix: str, more: str
) -> None:
    """A topic is granted exactly if it begins with the subscription and with an allowed prefix."""
    rights = Rights(hear=tuple(reaches))
    topic = (prefix + more).encode()
    is_allowed = any(reach == "*" or topic.startswith(reach.encode()) for reach in reaches)
    granted = rights.allowed_prefixes(prefix.encode())
    assert any(topic.startswith(reach) for reach in granted) == is_allowed


def test_a_right_for_a_device_does_not_cover_a_longer_name() -> None:
    """A right for a part of its topics does not allow commands to the device."""
    rights = Rights(say=("lamp/",), command=("lamp/state",))
    assert rights.may_publish("lamp")
    assert not rights.may_publish("lamp2")
    assert not rights.may_publish("")
    assert not rights.may_command("lamp")
    assert Rights(say=("*",)).may_publish("anything")


def test_a_secret_key_is_not_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """The log has no part of the secret half."""
    with caplog.at_level(logging.DEBUG):
        credentials = make_credentials("laptop", tmp_path / "laptop.key")
        repr(credentials)
    assert credentials.secret_key not in caplog.text
