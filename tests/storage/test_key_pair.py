"""The key pair of the house is made once, also by two processes at the same time."""

from pathlib import Path

import pytest

from daemons.storage import key_pair
from daemons.storage.key_pair import OWN, new_key_pair, own_key_pair, to_toml
from tests.support import factories


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


def test_the_key_of_the_house_is_made_once() -> None:
    """The key survives restarts, so that clients need no new credentials."""
    assert own_key_pair() == own_key_pair()
    assert list(OWN.parent.glob("own*")) == [OWN]


def test_two_processes_that_make_the_key_at_once_get_the_same() -> None:
    """Both processes read the file that was created first."""
    theirs = new_key_pair()

    def meanwhile(path: Path, data: bytes) -> None:
        for made, what in ((path, data), (OWN, to_toml(theirs))):
            made.write_bytes(what)
            made.chmod(0o600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_pair, "replace_file", meanwhile)
        assert own_key_pair() == theirs
    assert own_key_pair() == theirs
