"""How an MQTT broker is reached, and what the bridge says there: the keys that a person sets."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemons.secret import SecretFile

Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*\Z", max_length=100)]
"""The first levels of topics: letters, digits and _, with / between them."""


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


class Bridging(Broker, frozen=True, kw_only=True):
    """The table [bridge]."""

    prefix: Prefix = "house"
    """What the house's topics begin with; each house at a broker has its own."""
    commands: bool = True
    """Whether commands are taken from the broker; otherwise it only tells."""
    discovery: Literal["device", "component", "off"] = "device"
    """How Home Assistant is told of the devices: "component" for versions before 2024.11."""
    discovery_prefix: Prefix = "homeassistant"
    """Where Home Assistant looks for them."""

    host: str | None = None
    """On which host the bridge runs, in a house of several; nothing: on the first."""

    def __post_init__(self) -> None:
        """Refuse what would be said in Home Assistant's own place, and a key that does nothing."""
        if self.prefix == self.discovery_prefix:
            raise ValueError("prefix and discovery_prefix must differ")
        if self.certificate_authority is not None and not self.tls:
            raise ValueError("certificate_authority is for tls = true")
