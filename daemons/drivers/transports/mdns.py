"""Search for services on the local network with multicast DNS (RFC 6762, RFC 6763)."""

import asyncio
from contextlib import suppress
from typing import Any

from msgspec import Struct
from zeroconf import InterfaceChoice, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

HTTP_PORT = 80
interfaces: Any = InterfaceChoice.All
"""The network interfaces of a search: all, unless a test replaces them."""


class MdnsService(Struct, frozen=True):
    """A service that was announced on the local network."""

    name: str
    address: str
    """Its IP address, with `:port` if the port is not 80."""
    properties: dict[str, str]
    """The properties in its announcement (the TXT record)."""


async def browse(type_: str, seconds: float) -> list[MdnsService]:
    """Return the services of a type that answer within `seconds`, sorted by name.

    Raises OSError without a network.
    """
    names: set[str] = set()

    def on_change(*, name: str, state_change: ServiceStateChange, **_: object) -> None:
        if state_change is not ServiceStateChange.Removed:
            names.add(name)

    found = []
    async with AsyncZeroconf(interfaces=interfaces) as zeroconf:
        browser = AsyncServiceBrowser(zeroconf.zeroconf, type_, handlers=[on_change])
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(seconds)
        await browser.async_cancel()
        for name in sorted(names):
            info = AsyncServiceInfo(type_, name)
            if info.load_from_cache(zeroconf.zeroconf):
                found += [service for service in [parse_service(info, type_)] if service]
    return found


def parse_service(info: AsyncServiceInfo, type_: str) -> MdnsService | None:
    """Parse an announcement; return None if it contains no address."""
    addresses = info.parsed_addresses()
    if not addresses:
        return None
    host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    port = "" if info.port in (None, HTTP_PORT) else f":{info.port}"
    properties = {key: value or "" for key, value in info.decoded_properties.items()}
    return MdnsService(info.name.removesuffix(f".{type_}"), f"{host}{port}", properties)
