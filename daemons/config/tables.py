"""The tables of house.toml other than devices: their keys, types, limits and defaults."""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, field

from daemons.bus.facts import LOW_BATTERY_PERCENT, OPEN_SECONDS
from daemons.config.sun import SunCalendar
from daemons.drivers.transports.broker import Broker, BrokerUrl
from daemons.values import KeyText, Parsed, Seconds

Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*\Z", max_length=100)]
"""The first levels of topics: letters, digits and _, with / between them."""


class CommandPath(str, Parsed):
    """A command of a device, such as "heater/set", or all commands of a device: "lamp/"."""

    __slots__ = ()
    allowed = 'a command of a device, such as "heater/set", or all of its commands: "lamp/"'

    @classmethod
    def parse(cls, text: object) -> "CommandPath":
        """Parse a path; raises ValueError for anything else."""
        if not isinstance(text, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}/[a-z0-9_]{0,64}", text):
            raise ValueError(cls.allowed)
        return cls(text)


class Bridging(Broker, frozen=True, kw_only=True):
    """The table [bridge]."""

    brokers: Annotated[tuple[BrokerUrl, ...], Meta(max_length=20)] = ()
    """Several brokers, or nodes of a cluster, which are tried in turn; in place of `broker`."""
    prefix: Prefix = "house"
    """The first levels of the topics of this house; each house at a broker needs its own."""
    commands: bool | Annotated[tuple[CommandPath, ...], Meta(max_length=1000)] = True
    """Whether the bridge accepts commands from the broker, or which ones."""
    discovery: Literal["device", "component", "off"] = "device"
    """The form of the discovery messages; "component" is for Home Assistant before 2024.11."""
    discovery_prefix: Prefix = "homeassistant"
    """The prefix of the topics that Home Assistant reads discovery messages from."""

    host: str | None = None
    """The host that runs the bridge, in a house of several hosts; by default the first one."""

    def __post_init__(self) -> None:
        """Check rules over several keys."""
        if self.prefix == self.discovery_prefix:
            raise ValueError("prefix and discovery_prefix must differ")
        files = {
            "certificate_authority": self.certificate_authority,
            "certificate_file": self.certificate_file,
            "key_file": self.key_file,
        }
        for key in (key for key, file in files.items() if file is not None):
            if self.brokers and not any(one.tls for one in self.each_broker()):
                raise ValueError(f'{key} is for brokers with TLS: "mqtts://..."')
            if not self.brokers and not self.tls:
                raise ValueError(f"{key} is for tls = true")
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("key_file is for certificate_file, which is missing")

    def each_broker(self) -> tuple[Broker, ...]:
        """Return each broker, in the order in which the bridge tries them."""
        common = {key: getattr(self, key) for key in Broker.__struct_fields__}
        addresses = [
            {"broker": url.host, "port": url.port, "tls": url.scheme == "mqtts"} for url in self.brokers
        ]
        return tuple(Broker(**{**common, **address}) for address in addresses) or (Broker(**common),)


Title = Annotated[str, Meta(min_length=1, max_length=60)]


DEFAULT_ROOM = "House"


FRONT_PORT = 8070


FOREIGN = "foreign"
"""The driver of a device that your own program runs."""


class Settings(Struct, frozen=True, kw_only=True):
    """The table [house]."""

    name: Title = "House"
    timezone: Annotated[str, Meta(min_length=1)] = "UTC"
    locale: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")] = "en-GB"
    """How the page writes dates and numbers: a language tag (BCP 47), such as "de-DE"."""
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    """Degrees north; south is negative."""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    """Degrees east; west is negative."""
    country: Annotated[str, Meta(min_length=1, max_length=10)] | None = None
    """The country whose holidays count: a code such as "DE" (ISO 3166-1)."""
    region: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    """The region of the country, such as "BY", whose holidays count too."""
    watchdog_seconds: Seconds = field(name="watchdog", default=Seconds(3))
    """How long a process may send no heartbeat before the steward kills and restarts it."""
    battery_percent: Annotated[int, Meta(ge=0, le=100)] = field(
        name="battery_low", default=LOW_BATTERY_PERCENT
    )
    """A battery below this (in percent) deserves attention; with 0, none does."""
    open_seconds: Seconds = field(name="open_too_long", default=Seconds(OPEN_SECONDS))
    """A window or a door that is open for longer deserves attention; with `"0s"`, none does."""

    def __post_init__(self) -> None:
        """Check rules over several keys, and that the watchdog is longer than the heartbeat's period."""
        if self.watchdog_seconds < 1:
            raise ValueError("watchdog must be 1s or longer, because a heartbeat comes once a second")
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude are needed together")
        if self.region is not None and self.country is None:
            raise ValueError("region needs a country")

    @property
    def calendar(self) -> SunCalendar:
        """The calendar of the house's place; raises ValueError for an unknown timezone."""
        return SunCalendar(zone(self.timezone), self.latitude, self.longitude)


MOST_SYNC_SECONDS = 60
"""The recorder notes once a minute that it records: by then, all that it received is committed."""


class Recording(Struct, frozen=True, kw_only=True):
    """The table [recorder]."""

    enabled: bool = True
    """Whether the house records its history."""
    keep_seconds: Seconds = field(name="keep", default=Seconds(30 * 86400))
    """How long the history is kept."""
    keep_hours_seconds: Seconds = field(name="keep_hours", default=Seconds(3650 * 86400))
    """How long the hourly values of the measurements are kept; never shorter than the history."""
    sync_seconds: Seconds = field(name="sync", default=Seconds(10))
    """How often measurements are committed at most, up to `"60s"`. With `"0s"`, each second."""

    def __post_init__(self) -> None:
        """Check that at least the shortest timeline of the page is kept, and how long values are gathered."""
        if self.sync_seconds > MOST_SYNC_SECONDS:
            raise ValueError("sync must be 60s or shorter")
        if self.keep_seconds < 3600:  # noqa: PLR2004
            raise ValueError("keep must be 1h or longer; `enabled = false` records nothing")


class Front(Struct, frozen=True, kw_only=True):
    """The table [exchange]."""

    address: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    """The address of this machine to listen on, "*" for all of them, or None for no network access."""
    port: Annotated[int, Meta(ge=1, le=65533)] = FRONT_PORT
    """The first of three ports in a row."""

    def __post_init__(self) -> None:
        """Check that the address is an IP address."""
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
    """The address at which the other hosts reach this one."""
    public_key: KeyText
    """The public key that `house keys own` prints there; it identifies the host."""
    port: Annotated[int, Meta(ge=1, le=65533)] = FRONT_PORT


SHOWN_KEYS = ("order", "hide", "favourite")
"""The keys of a device that say where it is shown. They are in no slice but those of the mirrors."""


class Common(Struct, frozen=True, kw_only=True):
    """The keys that every device has, whatever its kind."""

    kind: str
    driver: str | None = None
    name: Title | None = None
    room: Title = DEFAULT_ROOM
    grace_seconds: Seconds = field(name="grace", default=Seconds(60))
    restore: Literal["last", "off", "on"] = "last"
    off_after_seconds: Seconds | None = field(name="off_after", default=None)
    """How long after each switching on the device goes off by itself; None: it stays on."""
    host: str | None = None
    order: float = 0.0
    """Its place where devices are shown: lower numbers come first. Equal ones keep the order of the file."""
    hide: bool = False
    """Whether the first view of the page leaves it out. The other views show it."""
    favourite: bool = False
    """Whether the first view of the page shows it before the rooms."""
    when: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Check that the grace is longer than nothing."""
        if self.grace_seconds <= 0:
            raise ValueError("grace must be longer than 0s")
        if self.off_after_seconds is not None and self.off_after_seconds <= 0:
            raise ValueError("off_after must be longer than 0s; leave it out for no limit")


def zone(timezone: str) -> ZoneInfo:
    """Return a timezone by its name; raises ValueError for an unknown one."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"unknown timezone {timezone!r}; allowed: names such as Europe/Berlin") from error
