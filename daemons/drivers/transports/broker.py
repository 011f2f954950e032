"""The options for an MQTT broker: its address, the login and TLS."""

from typing import Annotated

from msgspec import Meta, Struct

from daemons.drivers.transports.secret import SecretFile


class Broker(Struct, frozen=True, kw_only=True):
    """The connection to a broker; the base of the options of every MQTT driver."""

    broker: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    """The host of the broker."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    """The port of the broker."""
    username: str | None = None
    """The user at the broker."""
    password_file: SecretFile | None = None
    """The file with the broker's password, an absolute path."""
    tls: bool = False
    """Whether to use TLS, usually on port 8883."""
    certificate_authority: SecretFile | None = None
    """A file (PEM) with the authorities to trust, with TLS. The default is the list of the machine."""

    @property
    def endpoint(self) -> str:
        """Return the broker's address as `host:port`."""
        return f"{self.broker}:{self.port}"
