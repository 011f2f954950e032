"""The endpoints of processes and hosts."""

from pathlib import Path

import pytest

from daemons.bus.endpoints import command_endpoint, installed_names, publish_endpoint, tcp_endpoint


def test_each_process_has_two_endpoints() -> None:
    """They are relative to the run directory, or stand in a given folder."""
    assert (publish_endpoint("lamp"), command_endpoint("lamp")) == (
        "ipc://bus/lamp.publish",
        "ipc://bus/lamp.command",
    )
    assert publish_endpoint("lamp", "/run/house/bus") == "ipc:///run/house/bus/lamp.publish"
    assert command_endpoint("lamp", "/run/house/bus") == "ipc:///run/house/bus/lamp.command"


@pytest.mark.parametrize(
    ("address", "endpoint"), [("10.0.0.7", "tcp://10.0.0.7:8070"), ("::1", "tcp://[::1]:8070")]
)
def test_an_ipv6_address_gets_brackets(address: str, endpoint: str) -> None:
    """An IPv4 address and a host name get none."""
    assert tcp_endpoint(address, 8070) == endpoint


def test_the_installed_processes_are_those_with_a_slice(tmp_path: Path) -> None:
    """A run directory before its first `house up` has none."""
    assert installed_names(tmp_path) == []
    (tmp_path / "devices").mkdir()
    for name in ("toaster.json", "lamp.json", "lamp.json.123.new"):
        (tmp_path / "devices" / name).touch()
    assert installed_names(tmp_path) == ["lamp", "toaster"]
