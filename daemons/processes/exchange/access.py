"""Which keys may connect to the remote gateway, and what each may do."""

from collections.abc import Mapping

from daemons.bus.dropped import DroppedLog, Logger
from daemons.bus.keys import HOST_RIGHTS, NO_RIGHTS, ClientKey, Keyring, Rights
from daemons.config.tables import Host
from daemons.processes.exchange.connections import Connections
from daemons.storage.key_pair import own_key_pair

HOST_PREFIX = "host "
"""The client name of another host begins with this. The name of a program's key has no space."""


class AccessControl:
    """The keys of programs and of other hosts; they are read again when their files change."""

    def __init__(
        self, hosts: Mapping[str, Host], connections: Connections, dropped: DroppedLog, log: Logger
    ) -> None:
        """PlaceError when the house's own key cannot be read."""
        self.own = own_key_pair()
        self._hosts = {host.public_key: name for name, host in hosts.items()}
        self._connections = connections
        self._dropped = dropped
        self._log = log
        self._keyring = Keyring(dropped.add)
        self.keys = self._keyring.read()
        self._admitted: dict[str, ClientKey] = {}
        """The key by which each client was admitted; it may have been replaced since."""

    def authenticate(self, public_key: str, address: str) -> str | None:
        """Return the user id for a new connection with this key (Z85); None when it may not connect."""
        if host := self._hosts.get(public_key):
            return self._connections.admit(HOST_PREFIX + host)
        self.refresh()  # the key may be new
        for name, key in self.keys.items():
            if key.public_key == public_key:
                self._admitted[name] = key
                return self._connections.admit(name)
        self._dropped.add(f"the gateway, from {address}", f"unknown key {public_key}")
        return None

    def rights_of(self, client: str) -> Rights:
        """Return what a client may do now."""
        return HOST_RIGHTS if client.startswith(HOST_PREFIX) else self.keys.get(client, NO_RIGHTS)

    def refresh(self) -> None:
        """Read the keys; close the connections of each client whose key was replaced or revoked."""
        self.keys = self._keyring.read()
        for name, key in list(self._admitted.items()):
            if self.keys.get(name) != key:
                del self._admitted[name]
                self._connections.disconnect(name)
                self._log.info("the key %s was replaced or revoked; its connections are closed", name)
