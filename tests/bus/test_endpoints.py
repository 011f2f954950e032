"""The endpoints of a process: short enough for an ipc path, and different from each other."""

import pytest

from daemons.bus.endpoints import command_endpoint, publish_endpoint, tcp_endpoint


def test_endpoints_are_short_and_differ() -> None:
    """Endpoints are relative, fit an ipc path with the longest name, and differ from each other."""
    longest = "x" * 40
    assert len(publish_endpoint(longest)) < 107
    assert publish_endpoint("lamp") != command_endpoint("lamp")
    assert publish_endpoint("lamp").startswith("ipc://bus/")


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("127.0.0.1", "tcp://127.0.0.1:8070"),
        ("hall.local", "tcp://hall.local:8070"),
        ("::1", "tcp://[::1]:8070"),
    ],
)
def test_an_address_of_ipv6_has_brackets(address: str, endpoint: str) -> None:
    """Other addresses and names have none."""
    assert tcp_endpoint(address, 8070) == endpoint
