"""The QR code with which a phone opens the mirror's page and signs in."""

import socket
from ipaddress import ip_address
from typing import Any

from daemons.kinds.mirror import Options

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  the address is only compared


def sign_in_url(options: Options, token: str) -> str | None:
    """Return the address that signs a phone in; None if the page is served on this machine only.

    The token stands behind a `#`: a browser sends that part to no server, and no log has it.
    """
    host = phone_host(options)
    if host is None or options.port == 0:
        return None
    scheme = "https" if options.certificate else "http"
    return f"{scheme}://{host}:{options.port}/login#token={token}"


def phone_host(options: Options) -> str | None:
    """Return the name or address by which a phone reaches the page; None if it cannot."""
    if options.hosts:
        return options.hosts[0]
    if options.address in EVERYWHERE:
        return network_address() or f"{socket.gethostname().partition('.')[0]}.local"
    try:
        address = ip_address(options.address)
    except ValueError:
        return None if options.address == "localhost" else options.address
    if address.is_loopback:
        return None
    return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004  IPv6


def network_address() -> str | None:
    """Return this machine's address in its network. No packet is sent: the system only finds the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError:
            return None
        found = str(sock.getsockname()[0])
    return None if ip_address(found).is_loopback else found


def print_code(text: str, out: Any) -> None:
    """Print a text as a QR code to a terminal."""
    import segno

    segno.make(text, error="l").terminal(out=out, border=2, compact=True)
