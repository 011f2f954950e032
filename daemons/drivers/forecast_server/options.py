"""The options of every weather service."""

from typing import Annotated

from msgspec import Meta, Struct, field

from daemons.drivers.transports.http_post import parse_url
from daemons.drivers.transports.secret import SecretFile
from daemons.values import Seconds

SHORTEST_SECONDS, LONGEST_SECONDS = 600.0, 7200.0
"""The limits of the option `every` for a public server. Your own may be asked more often."""


class Place(Struct, frozen=True, kw_only=True):
    """The place of a forecast, and how often it is asked for; the base of the options of every service."""

    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    """Degrees north; south is negative. The default is that of [house]."""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    """Degrees east; west is negative. The default is that of [house]."""
    every_seconds: Seconds = field(name="every", default=Seconds(1800))
    """How often it asks, `"10m"` to `"2h"`; from `"100ms"` on for a server of your own. It never asks before
    the server says that there is something new."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(20))
    """How long an answer may take, `"1s"` to `"60s"`."""
    certificate_authority: SecretFile | None = None
    """A file (PEM) with the authorities to trust, an absolute path. The default is the machine's list."""


def check_place(place: Place, url: str, public_url: str) -> None:
    """Raise ValueError for half a place, and for times or an address that cannot be used."""
    parse_url(url)
    if (place.latitude is None) != (place.longitude is None):
        raise ValueError("latitude and longitude are needed together")
    shortest = SHORTEST_SECONDS if url == public_url else 0.1
    if not shortest <= place.every_seconds <= LONGEST_SECONDS:
        raise ValueError(f"every must be from {'10m' if shortest > 1 else '100ms'} to 2h")
    if not 1 <= place.timeout_seconds <= 60:  # noqa: PLR2004
        raise ValueError("timeout must be from 1s to 60s")
