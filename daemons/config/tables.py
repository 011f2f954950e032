"""The tables of house.toml other than devices: their keys, types, limits and defaults."""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, field

from daemons.config.sun import Almanac
from daemons.drivers.transports.broker import Broker
from daemons.values import KeyText, Seconds

Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*\Z", max_length=100)]
"""The first levels of topics: letters, digits and _, with / between them."""


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


Title = Annotated[str, Meta(min_length=1, max_length=60)]


DEFAULT_ROOM = "House"


FRONT_PORT = 8070


FOREIGN = "foreign"
"""The driver of what no process of the house is."""


class Settings(Struct, frozen=True, kw_only=True):
    """The table [house]."""

    name: Title = "House"
    timezone: Annotated[str, Meta(min_length=1)] = "UTC"
    locale: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")] = "en-GB"
    """How the mirror's page writes dates and numbers: a language tag (BCP 47), such as "de-DE"."""
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    """Degrees north; south is negative."""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    """Degrees east; west is negative."""
    watchdog_seconds: Seconds = field(name="watchdog", default=Seconds(3))
    """How long a process may be silent before it is taken for hung, killed and started again."""

    def __post_init__(self) -> None:
        """Refuse a patience that would kill what is well: a sign of life comes once a second."""
        if self.watchdog_seconds < 1:
            raise ValueError("watchdog must be 1s or longer, for a sign of life comes once a second")
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude go together")

    @property
    def almanac(self) -> Almanac:
        """Give the times of day of where the house stands; ValueError when there is no such timezone."""
        return Almanac(zone(self.timezone), self.latitude, self.longitude)


class Recording(Struct, frozen=True, kw_only=True):
    """The table [recorder]."""

    enabled: bool = True
    """Whether what happens is written down at all."""
    keep_seconds: Seconds = field(name="keep", default=Seconds(30 * 86400))
    """How long it is kept."""

    def __post_init__(self) -> None:
        """Refuse to keep less than the shortest timeline shows."""
        if self.keep_seconds < 3600:  # noqa: PLR2004
            raise ValueError("keep must be 1h or longer; `enabled = false` records nothing")


class Front(Struct, frozen=True, kw_only=True):
    """The table [exchange]."""

    address: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    """Which address of this machine it is reached at over the network; "*" is all of them. Nothing: none."""
    port: Annotated[int, Meta(ge=1, le=65533)] = FRONT_PORT
    """The first of three ports in a row."""

    def __post_init__(self) -> None:
        """Refuse what is no address of a machine's own: a socket could not be bound to it."""
        if self.address not in (None, "*"):
            from ipaddress import ip_address  # noqa: PLC0415  only an exchange needs it

            try:
                ip_address(self.address.partition("%")[0])
            except ValueError:
                text = 'address must be one of this machine, such as "192.168.1.10", or "*" for all of them'
                raise ValueError(text) from None


class Host(Struct, frozen=True, kw_only=True):
    """One table [hosts.NAME]: a machine of this house."""

    address: Annotated[str, Meta(min_length=1, max_length=253)]
    """Where the other hosts reach it."""
    public_key: KeyText
    """What `house keys own` prints there: by it the other hosts know that it is that host."""
    port: Annotated[int, Meta(ge=1, le=65533)] = FRONT_PORT


class Common(Struct, frozen=True, kw_only=True):
    """The keys that every device has, whatever its kind."""

    kind: str
    driver: str | None = None
    name: Title | None = None
    room: Title = DEFAULT_ROOM
    grace_seconds: Seconds = field(name="grace", default=Seconds(60))
    restore: Literal["last", "off", "on"] = "last"
    host: str | None = None
    when: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a grace in which nothing could ever be acted on."""
        if self.grace_seconds <= 0:
            raise ValueError("grace must be longer than 0s")


def zone(timezone: str) -> ZoneInfo:
    """Give the house's timezone; ValueError when there is none of that name."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(
            f"there is no timezone {timezone!r}; allowed: names such as Europe/Berlin"
        ) from error
