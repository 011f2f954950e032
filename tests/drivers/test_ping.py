"""The driver `ping`: answers, silence, a witness, and what this user may not do."""

import asyncio
import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from daemons.config import device
from daemons.drivers.ping import NOT_ALLOWED, Options, Ping
from daemons.drivers.transports import echo
from daemons.values import Problem, convert
from tests.support.house import PROJECT
from tests.support.network import Network, skip_without_network

PHONE, ROUTER = "192.168.1.20", "192.168.1.1"


class Air:
    """The network as the driver sees it: who answers, and how."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answering: set[str] = set()
        self.refusing: set[str] = set()
        """Who refuses a TCP connection."""
        self.arp: dict[str, bool] = {}
        self.error: OSError | None = None
        self.gateway: str | None = ROUTER
        monkeypatch.setattr(echo, "answers_ping", self.answers_ping)
        monkeypatch.setattr(echo, "answers_tcp", self.answers_tcp)
        monkeypatch.setattr(echo, "arp_entry", self.arp.get)
        monkeypatch.setattr(echo, "default_gateway", lambda: self.gateway)

    async def answers_ping(self, address: str, seconds: float) -> bool:
        """Answer an echo request."""
        if self.error:
            raise self.error
        return address in self.answering

    async def answers_tcp(self, address: str, port: int, seconds: float) -> bool | None:
        """Answer a connection."""
        return True if address in self.refusing else None


@pytest.fixture
def air(monkeypatch: pytest.MonkeyPatch) -> Air:
    """Replace the network."""
    return Air(monkeypatch)


def driver(**options: Any) -> Ping:
    """Return a driver for the telephone."""
    return Ping("anna", convert({"address": PHONE, **options}, Options))


def look(ping: Ping) -> tuple[bool | None, str | None]:
    """Ask once."""
    return asyncio.run(ping._look())


def test_it_reports_whether_the_telephone_answers(air: Air) -> None:
    """A silent telephone beside a router that answers is not there."""
    ping = driver()
    air.answering = {PHONE, ROUTER}
    assert look(ping) == (True, None)
    air.answering = {ROUTER}
    assert look(ping) == (False, None)


def test_a_network_that_is_down_says_nothing(air: Air) -> None:
    """If the router is silent as well, or there is no route, the place is unknown."""
    ping = driver()
    air.answering = {ROUTER}
    look(ping)
    air.answering = set()
    assert look(ping) == (None, f"{ROUTER} does not answer either, so the network may be down")
    air.error = OSError(101, "Network is unreachable")
    assert look(ping) == (None, f"{PHONE}: Network is unreachable")


def test_a_router_that_never_answers_is_no_witness(air: Air) -> None:
    """Some routers answer no echo request; a witness that the configuration names must answer."""
    assert look(driver()) == (False, None)
    air.gateway = None
    assert look(driver()) == (False, None)
    why = "192.168.1.5 does not answer either, so the network may be down"
    assert look(driver(witness="192.168.1.5")) == (None, why)


def test_a_sleeping_telephone_answers_to_its_address(air: Air) -> None:
    """The ARP table counts from the second time on, if it had time to change since the last packet."""
    air.arp[PHONE] = True
    ping = driver()
    assert look(ping) == (False, None)
    assert look(ping) == (True, None)
    hasty = driver(every="5s")
    assert [look(hasty)[0], look(hasty)[0]] == [False, False]


def test_without_icmp_it_says_what_to_allow(air: Air) -> None:
    """TCP and ARP are tried; as long as nothing has answered, silence says nothing."""
    air.error = PermissionError(13, "Permission denied")
    ping = driver()
    assert look(ping) == (None, NOT_ALLOWED)
    assert "net.ipv4.ping_group_range" in NOT_ALLOWED
    air.arp[PHONE] = False
    assert look(ping) == (False, NOT_ALLOWED)
    air.refusing = {PHONE}
    assert look(ping) == (True, None)
    air.refusing = set()
    assert look(ping) == (False, None)
    air.error, air.answering = None, {PHONE}
    assert look(ping) == (True, None), "it does not notice that ICMP is allowed now"


def test_a_name_without_an_address_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place is unknown then."""

    async def resolve(name: str) -> str:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(echo, "resolve", resolve)
    assert look(driver(address="annas-phone")) == (None, "annas-phone: Name or service not known")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "the key 'address' is missing"),
        ({"address": PHONE, "every": "500ms"}, "every must be 1s or longer"),
        ({"address": PHONE, "every": "2s"}, "timeout must be longer than 0s and shorter than every"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    """The problem says what is allowed."""
    problems: list[Problem] = []
    table = {"kind": "person", "driver": "ping", "ping": options}
    device.build("anna", table, ("devices", "anna"), problems)
    assert [text in problem.text for problem in problems] == [True]


def test_a_sensor_cannot_use_it() -> None:
    """A telephone that answers is no sensor."""
    problems: list[Problem] = []
    table = {"kind": "sensor", "driver": "ping", "ping": {"address": PHONE}}
    device.build("anna", table, ("devices", "anna"), problems)
    assert 'the driver "ping" cannot sense' in problems[0].text


PROBE = textwrap.dedent("""
    import asyncio, json, sys
    from daemons.drivers.ping import Options, Ping
    from daemons.values import convert
    ping = Ping("anna", convert({"address": sys.argv[1], "timeout": "2s"}, Options))
    for line in sys.stdin:
        print(json.dumps([*asyncio.run(ping._look()), ping._is_icmp_allowed]), flush=True)
""")


@pytest.mark.parametrize(
    ("groups", "is_allowed"), [("0 2147483647", True), ("1 0", False)], ids=["icmp", "tcp"]
)
def test_it_asks_over_a_real_network(groups: str, is_allowed: bool) -> None:
    """Between two hosts, with and without ICMP: there, cut off, there again, and no network at all."""
    skip_without_network()
    with Network() as network:
        here, phone = network.add("here"), network.add("phone")
        allow = f"echo '{groups}' > /proc/sys/net/ipv4/ping_group_range"
        subprocess.run([*here.command_prefix, "sh", "-c", allow], check=True)
        command = [*here.command_prefix, sys.executable, "-c", PROBE, phone.address]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
        ) as probe:
            assert probe.stdin
            assert probe.stdout

            def look_there() -> list[Any]:
                assert probe.stdin
                assert probe.stdout
                probe.stdin.write("\n")
                probe.stdin.flush()
                found: list[Any]
                *found, is_icmp_allowed = json.loads(probe.stdout.readline())
                assert is_icmp_allowed is is_allowed
                return found

            assert look_there() == [True, None]
            network.cut("here", "phone")
            assert look_there()[0] in (False, True)  # the ARP table still knows it
            subprocess.run([*here.command_prefix, "ip", "neigh", "flush", "all"], check=False)
            assert look_there() == [False, None]
            network.heal("here", "phone")
            assert look_there() == [True, None]
            subprocess.run([*here.command_prefix, "ip", "link", "set", "eth0", "down"], check=True)
            seen, fault = look_there()
            assert seen is None
            assert "Network is unreachable" in str(fault)
            probe.stdin.close()
