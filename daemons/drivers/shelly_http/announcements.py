"""The announcements of a Shelly of the first generation (CoIoT): a multicast says that something has changed.

They are not parsed: the driver asks for the status, as it does anyway. Without multicast, it only polls.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

GROUP, PORT = "224.0.1.187", 5683
interface = "0.0.0.0"  # noqa: S104  only the group is received
"""The interface of the group: the usual one, unless a test replaces it."""


class Receiver(asyncio.DatagramProtocol):
    """Calls a function for each announcement of one device."""

    def __init__(self, hosts: set[str], on_change: Callable[[], None]) -> None:
        self._hosts = hosts
        self._on_change = on_change

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Handle an announcement."""
        if addr[0] in self._hosts:
            self._on_change()


@asynccontextmanager
async def announcements(address: str, on_change: Callable[[], None]) -> AsyncIterator[None]:
    """Call `on_change` for each announcement of the device at an address, for the time of the block."""
    loop, transport = asyncio.get_running_loop(), None
    with suppress(OSError):  # no such host, no multicast here, or another program has the port
        host = urlsplit(f"//{address}").hostname
        found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        hosts = {str(one[4][0]) for one in found}
        transport, _ = await loop.create_datagram_endpoint(lambda: Receiver(hosts, on_change), sock=joined())
    try:
        yield
    finally:
        if transport is not None:
            transport.close()


def joined() -> socket.socket:
    """Return a socket in the group, which every process of the house can have; raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setblocking(False)
        made.bind((GROUP, PORT))
        member = socket.inet_aton(GROUP) + socket.inet_aton(interface)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except OSError:
        made.close()
        raise
    return made
