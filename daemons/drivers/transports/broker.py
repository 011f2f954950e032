"""The options for an MQTT broker: its address, the login and TLS."""

import re
from typing import Annotated

from msgspec import Meta, Struct

from daemons.drivers.transports.secret import SecretFile
from daemons.values import Parsed

URL = re.compile(r"(mqtts?)://(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?/?")
PORTS = {"mqtt": 1883, "mqtts": 8883}
"""The usual port of each scheme; mqtts has TLS."""


class BrokerUrl(str, Parsed):
    """The address of a broker, such as "mqtts://mqtt.example.com:8883"."""

    __slots__ = ()
    allowed = 'the address of a broker, such as "mqtts://mqtt.example.com:8883" (TLS) or "mqtt://10.0.0.2"'

    @classmethod
    def parse(cls, text: object) -> "BrokerUrl":
        """Parse an address; raises ValueError for anything else."""
        if not isinstance(text, str) or not URL.fullmatch(text) or not 1 <= cls(text).port <= 65535:  # noqa: PLR2004
            raise ValueError(cls.allowed)
        return cls(text)

    @property
    def scheme(self) -> str:
        """The scheme: mqtt, or mqtts for TLS."""
        return self._parts()[0]

    @property
    def host(self) -> str:
        """The name or the address, without the brackets of IPv6."""
        return self._parts()[1].strip("[]")

    @property
    def port(self) -> int:
        """The port; without one, the usual port of the scheme."""
        scheme, _, port = self._parts()
        return int(port) if port else PORTS[scheme]

    def _parts(self) -> tuple[str, str, str | None]:
        found = URL.fullmatch(self)
        assert found is not None  # noqa: S101  for the type checker
        return found[1], found[2], found[3]


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
    certificate_file: SecretFile | None = None
    """A file (PEM) with the certificate by which the broker knows this client, with TLS."""
    key_file: SecretFile | None = None
    """The file (PEM) with the key of this certificate, without a password. The default is the same file."""

    @property
    def endpoint(self) -> str:
        """Return the broker's address as `host:port`."""
        return f"{self.broker}:{self.port}"
