"""Finds out whether a host on the network answers, without root: by ICMP, by TCP, and by the ARP table.

Linux lets a user send ICMP echo requests if the sysctl net.ipv4.ping_group_range has one of the user's
groups (icmp(7)). A closed TCP port answers as well: it refuses the connection. The ARP table shows which
hosts of the local network have answered to their address; a telephone does that even while it sleeps.
"""

import asyncio
import errno
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

ECHO_REQUEST, ECHO_REPLY = 8, 0
REPEAT_SECONDS = 1.0
"""How often a request is sent again."""
COMPLETE, PERMANENT = 0x2, 0x4
"""Flags of an entry of the ARP table (if_arp.h)."""
NO_ADDRESS = "00:00:00:00:00:00"
NO_NETWORK = (errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
ARP, ROUTES = Path("/proc/net/arp"), Path("/proc/net/route")


async def answers_ping(address: str, seconds: float) -> bool:
    """Return whether a host answers an ICMP echo request within `seconds`.

    Raises PermissionError if this user may send none, and OSError without a network.
    """
    loop = asyncio.get_running_loop()
    token = os.urandom(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as sock:
        sock.setblocking(False)
        sock.connect((address, 0))  # then only packets of this host arrive
        request = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, 0, 1) + token  # the kernel adds id and checksum
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            sock.send(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, REPEAT_SECONDS)):
                    while not is_reply(await loop.sock_recv(sock, 1024), token):
                        pass
                    return True
    return False


def is_reply(packet: bytes, token: bytes) -> bool:
    """Return whether a packet is the reply to the request with this token."""
    return packet[:1] == bytes([ECHO_REPLY]) and packet[8:] == token


async def answers_tcp(address: str, port: int, seconds: float) -> bool | None:
    """Return whether a host accepts or refuses a connection; None if nothing arrives within `seconds`.

    False means that the local network has no such host. Raises OSError without a network.
    """
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port)
        writer.close()
    except ConnectionError:
        return True
    except TimeoutError:
        return None
    except OSError as error:
        if error.errno in NO_NETWORK:
            raise
        return False if error.errno == errno.EHOSTUNREACH else None
    return True


def arp_entry(address: str) -> bool | None:
    """Return whether the ARP table has the hardware address of a host; None if it says nothing of it.

    An entry is false when the host did not answer to its address, some 8 s after a packet was sent to it.
    """
    return parse_arp(_read(ARP), address)


def parse_arp(table: str, address: str) -> bool | None:
    """Return what an ARP table says of a host."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) >= 4 and columns[0] == address:  # noqa: PLR2004
            flags = int(columns[2], 16)
            if flags & PERMANENT:
                return None  # a person has written it
            return bool(flags & COMPLETE) and columns[3] != NO_ADDRESS
    return None


def default_gateway() -> str | None:
    """Return the address of the default gateway of this machine; None without one."""
    return parse_gateway(_read(ROUTES))


def parse_gateway(table: str) -> str | None:
    """Return the default gateway of a routing table, whose addresses are in the order of the machine."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) >= 3 and columns[1] == "00000000" and columns[2] != "00000000":  # noqa: PLR2004
            return socket.inet_ntoa(struct.pack("=I", int(columns[2], 16)))
    return None


async def resolve(name: str) -> str:
    """Return the IPv4 address of a host; raises OSError if it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])


def _read(path: Path) -> str:
    """Return the content of a file of the kernel; nothing if it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
