"""Services that announce themselves on the local network, by multicast DNS (RFC 6762, RFC 6763)."""

import asyncio
from contextlib import suppress
from typing import Any

from msgspec import Struct
from zeroconf import InterfaceChoice, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

HTTP_PORT = 80
interfaces: Any = InterfaceChoice.All
"""Where is asked: everywhere, unless a test says otherwise."""


class MdnsService(Struct, frozen=True):
    """One that has announced itself."""

    name: str
    address: str
    """Its IP address, with :port where that is not 80."""
    properties: dict[str, str]
    """What it tells of itself."""


async def browse(type_: str, seconds: float) -> list[MdnsService]:
    """Return the announcements of a service type within a time, by name; raises OSError without a network."""
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
    """Read an announcement; nothing when it names no address."""
    addresses = info.parsed_addresses()
    if not addresses:
        return None
    host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    port = "" if info.port in (None, HTTP_PORT) else f":{info.port}"
    properties = {key: value or "" for key, value in info.decoded_properties.items()}
    return MdnsService(info.name.removesuffix(f".{type_}"), f"{host}{port}", properties)
