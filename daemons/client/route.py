"""Finds the sockets of a house: those of its exchange, or, in a house without one, those of its devices."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from daemons.bus import sockets
from daemons.bus.endpoints import command_endpoint, installed_names, publish_endpoint
from daemons.bus.keys import Credentials, read_credentials
from daemons.bus.message import EXCHANGE
from daemons.errors import DeviceError, NoAnswer, StorageError


class GatewayEndpoints(NamedTuple):
    """The endpoints of the three sockets of a gateway."""

    publish: str
    states: str
    commands: str


class Route:
    """The way to a house: by its run directory, or over the network with a key."""

    def __init__(self, where: str | os.PathLike[str]) -> None:
        """`where` is a run directory or a key file; StorageError when it is neither."""
        path = Path(where)
        self.credentials: Credentials | None = None
        self._run: Path | None = None
        if path.is_file():
            self.credentials = read_credentials(path)
            base, _, port = self.credentials.address.rpartition(":")
            if not port.isdecimal():
                raise StorageError(
                    f"{path.absolute()}: the address {self.credentials.address!r} does not end with a port; "
                    "the form is tcp://HOST:PORT"
                )
            self.gateway = GatewayEndpoints(*(f"{base}:{int(port) + number}" for number in range(3)))
        else:
            self._run = path.absolute()
            if not (self._run / "bus").is_dir():
                raise StorageError(f"{self._run} is neither the run directory of a house nor a key file")
            self._folder = shorter(self._run / "bus")
            ends = ("hear", "say", "command")
            self.gateway = GatewayEndpoints(*(f"ipc://{self._folder}/{EXCHANGE}.{end}" for end in ends))

    def direct_names(self) -> list[str]:
        """Return the processes to connect to directly: all of a house without an exchange, else none."""
        names = installed_names(self._run) if self._run else []
        return [] if EXCHANGE in names else names

    def publish_endpoints(self, names: Collection[str]) -> set[str]:
        """Return the endpoints that publish the messages of some devices; without names, of all."""
        direct = self.direct_names()
        if not direct:
            return {self.gateway.publish}
        return {publish_endpoint(name, self._folder) for name in direct if not names or name in names}

    def command_endpoint(self, device: str) -> str:
        """Return the endpoint of a device of a house without an exchange."""
        return command_endpoint(device, self._folder)

    def check_exchange(self, device: str) -> None:
        """Raise DeviceError in a house without an exchange, where no program can serve a device."""
        if self.direct_names():
            raise DeviceError(
                device, "a program serves it through the exchange; add the table [exchange] to house.toml"
            )

    def no_answer(self, device: str, timeout_seconds: float) -> NoAnswer:
        """Return the error for an exchange that has not answered."""
        if self.credentials:
            hint = f"is the house up at {self.credentials.address}, and is this key in its `house keys list`?"
        else:
            hint = "are the house and its exchange up? `house status` shows it"
        return NoAnswer(device, round(timeout_seconds, 1), hint)

    def connect(self, context: Any, kind: int, endpoint: str) -> Any:
        """Open a socket that is connected to an endpoint; its class is that of the context's sockets."""
        return connect(context, kind, endpoint, self.credentials)


def connect(context: Any, kind: int, endpoint: str, credentials: Credentials | None) -> Any:
    """Open a socket that is connected to an endpoint; with credentials, over the network."""
    socket = open_socket(context, kind, credentials)
    socket.connect(endpoint)
    return socket


def open_socket(context: Any, kind: int, credentials: Credentials | None) -> Any:
    """Open a socket that is not connected yet; with credentials, one for the network."""
    if credentials is None:
        return sockets.open_socket(context, kind)
    socket: Any = sockets.open_tcp_socket(context, kind)
    socket.curve_serverkey = credentials.server_key.encode()
    socket.curve_publickey = credentials.public_key.encode()
    socket.curve_secretkey = credentials.secret_key.encode()
    return socket


def shorter(folder: Path) -> str:
    """Return a folder's absolute or relative path, the shorter one: a socket path has at most 107 bytes."""
    try:
        relative = os.path.relpath(folder)
    except OSError:  # the working directory is gone
        relative = str(folder)
    return min(relative, str(folder), key=len)
