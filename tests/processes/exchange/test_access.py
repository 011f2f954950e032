"""Access to the remote gateway: keys are accepted, replaced and revoked while the exchange runs."""

import logging
from pathlib import Path

import pytest

from daemons.bus import keys
from daemons.bus.dropped import DroppedLog
from daemons.bus.keys import HOST_RIGHTS, NO_RIGHTS
from daemons.config.tables import Host
from daemons.processes.exchange.access import AccessControl
from daemons.processes.exchange.connections import Connections
from daemons.storage.key_pair import new_key_pair, own_key_pair
from tests.support import factories

LOG = logging.getLogger("test_access")
KITCHEN = Host(address="10.0.0.2", port=8070, public_key=new_key_pair().public_key)


class RecordingConnections(Connections):
    """Connections that record which clients were disconnected."""

    def __init__(self) -> None:
        super().__init__(LOG)
        self.disconnected: list[str] = []

    def disconnect(self, client: str) -> None:
        """Record a client."""
        self.disconnected.append(client)


class AccessUnderTest:
    """Access control in a run directory, and a key for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connections = RecordingConnections()
        self.dropped = DroppedLog(LOG)
        self.access = AccessControl({"kitchen": KITCHEN}, self.connections, self.dropped, LOG)

    def make_key(self, name: str, **rights: list[str]) -> str:
        """Create a key, and return its public half."""
        return keys.make_key(name, None, self.folder / f"{name}.key", **rights).public_key


@pytest.fixture
def under_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AccessUnderTest:
    """Create access control without keys of programs."""
    run = tmp_path / "run"
    run.mkdir()
    factories.enter_run_directory(run, monkeypatch)
    return AccessUnderTest(tmp_path)


def test_a_new_key_is_accepted_at_once(under_test: AccessUnderTest) -> None:
    """The user id has the connection number and the name of the key; the client has the rights of the key."""
    public_key = under_test.make_key("laptop", hear=["toaster/"])
    assert len(under_test.access.keys) == 0
    assert under_test.access.authenticate(public_key, "10.0.0.9") == "1 laptop"
    assert under_test.access.authenticate(public_key, "10.0.0.9") == "2 laptop"
    assert under_test.access.rights_of("laptop").allowed_prefixes(b"") == [b"toaster/"]


def test_the_keys_of_the_house_are_read_at_start(under_test: AccessUnderTest) -> None:
    """They are those of its clients, and its own pair."""
    under_test.make_key("laptop", hear=["toaster/"])
    access = AccessControl({}, under_test.connections, under_test.dropped, LOG)
    assert list(access.keys) == ["laptop"]
    assert access.own == own_key_pair()


def test_an_unknown_key_is_not_accepted_and_logged(
    under_test: AccessUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the address and the key."""
    unknown = new_key_pair().public_key
    assert under_test.access.authenticate(unknown, "10.0.0.9") is None
    assert f"the gateway, from 10.0.0.9: unknown key {unknown}" in caplog.text
    assert under_test.access.rights_of("stranger") == NO_RIGHTS


def test_another_host_of_the_house_has_the_rights_of_a_host(under_test: AccessUnderTest) -> None:
    """Its client name cannot be that of a program's key, which has no space."""
    assert under_test.access.authenticate(KITCHEN.public_key, "10.0.0.2") == "1 host kitchen"
    assert under_test.access.rights_of("host kitchen") == HOST_RIGHTS


def test_a_revoked_key_is_disconnected_once(under_test: AccessUnderTest) -> None:
    """Other keys stay connected."""
    leaving, staying = under_test.make_key("leaving"), under_test.make_key("staying")
    for public_key in (leaving, staying):
        under_test.access.authenticate(public_key, "10.0.0.9")
    under_test.access.refresh()
    assert under_test.connections.disconnected == []
    keys.revoke_key("leaving")
    for _ in range(2):
        under_test.access.refresh()
    assert under_test.connections.disconnected == ["leaving"]
    assert under_test.access.authenticate(leaving, "10.0.0.9") is None


def test_a_replaced_key_is_disconnected_and_may_connect_with_its_new_half(
    under_test: AccessUnderTest,
) -> None:
    """Also when the new half connects before the keys are checked."""
    old = under_test.make_key("laptop")
    under_test.access.authenticate(old, "10.0.0.9")
    new = under_test.make_key("laptop", hear=["*"])
    assert under_test.access.authenticate(new, "10.0.0.9") is not None
    assert under_test.connections.disconnected == ["laptop"]
    assert under_test.access.authenticate(old, "10.0.0.9") is None
    under_test.access.refresh()
    assert under_test.connections.disconnected == ["laptop"]
