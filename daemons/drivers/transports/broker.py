"""How an MQTT broker is reached, and what the bridge says there: the keys that a person sets."""

from typing import Annotated

from msgspec import Meta, Struct

from daemons.drivers.transports.secret import SecretFile


class Broker(Struct, frozen=True, kw_only=True):
    """How a broker is reached; part of the options of whatever goes by one."""

    broker: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    """The broker's host."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: SecretFile | None = None
    tls: bool = False
    """Whether to speak TLS, usually on port 8883."""
    certificate_authority: SecretFile | None = None
    """With TLS: a file (PEM) of whom to trust, where that is not whom this machine trusts anyway."""

    @property
    def place(self) -> str:
        """Name where it is."""
        return f"{self.broker}:{self.port}"
