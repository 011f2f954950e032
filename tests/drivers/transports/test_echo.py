"""Whether a host answers: by ICMP, TCP and the ARP table."""

import asyncio
import socket

import pytest

from daemons.drivers.transports import echo

ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         02:fc:00:00:00:05     *        eth0
192.168.1.20     0x1         0x0         00:00:00:00:00:00     *        eth0
192.168.1.21     0x1         0x6         02:fc:00:00:00:07     *        eth0
"""
ROUTES = """Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	0001A8C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth0	00000000	0101A8C0	0003	0	0	0	00000000	0	0	0
"""


@pytest.mark.parametrize(
    ("address", "found"),
    [("192.168.1.1", True), ("192.168.1.20", False), ("192.168.1.21", None), ("192.168.1.2", None)],
)
def test_the_arp_table_shows_who_has_answered(address: str, found: bool | None) -> None:
    """An entry that a person wrote, and no entry at all, say nothing."""
    assert echo.parse_arp(ARP, address) is found


@pytest.mark.skipif(socket.htons(1) == 1, reason="the text is that of a little-endian machine")
def test_the_gateway_is_that_of_the_default_route() -> None:
    """Its address has the byte order of the machine."""
    assert echo.parse_gateway(ROUTES) == "192.168.1.1"
    assert echo.parse_gateway("Iface\n") is None


def test_an_open_and_a_closed_port_answer() -> None:
    """A refused connection is an answer; on loopback each address of 127.0.0.0/8 refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert asyncio.run(echo.answers_tcp("127.0.0.1", port, 5)) is True
    assert asyncio.run(echo.answers_tcp("127.0.0.9", port, 5)) is True


def test_only_the_reply_with_its_own_token_counts() -> None:
    """A request, and the reply to another one, are no answer."""
    token = bytes(16)
    assert echo.is_reply(bytes([0, 0, 0, 0, 0, 0, 0, 1]) + token, token)
    assert not echo.is_reply(bytes([8, 0, 0, 0, 0, 0, 0, 1]) + token, token)
    assert not echo.is_reply(bytes([0, 0, 0, 0, 0, 0, 0, 1]) + bytes([1] * 16), token)
