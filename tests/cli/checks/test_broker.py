"""`house doctor` connects to each broker once, and waits no longer for several than for one."""

import socket
import time

import pytest

from daemons.cli.checks import broker

RAW = {
    "bridge": {"broker": "broker.lan"},
    "devices": {
        "plug": {"driver": "mqtt_tasmota", "mqtt_tasmota": {"topic": "t", "broker": "broker.lan"}},
        "lamp": {"driver": "mqtt", "mqtt": {"broker": "10.0.0.2", "port": 1884}},
        "wrong": {"driver": "mqtt", "mqtt": {"port": "many"}},
        "toaster": {"driver": "simulated"},
        "odd": 5,
        "own": {"driver": "own_code"},
    },
}  # fmt: skip


def test_a_broker_of_several_devices_is_asked_once() -> None:
    """An address with a mistake, and a driver of other code, are left out."""
    assert broker.brokers(RAW) == {("broker.lan", 1883): ["bridge", "plug"], ("10.0.0.2", 1884): ["lamp"]}
    assert broker.brokers({"devices": "no table"}) == {}
    several = {"bridge": {"brokers": ["mqtts://a", "mqtt://[::1]:1884"]}}
    assert broker.brokers(several) == {("a", 8883): ["bridge"], ("::1", 1884): ["bridge"]}


def test_an_open_and_a_closed_port_are_told_apart() -> None:
    """A broker that listens is well, and the reason of the other one is named."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        here, there = ("127.0.0.1", server.getsockname()[1]), ("127.0.0.1", unused.getsockname()[1])
        results = broker.connect([here, there], broker.connect_once)
    assert results == {here: None, there: "Connection refused"}
    fine, refused = broker.broker_findings({here: ["bridge"], there: ["plug"]}, results)
    assert fine.ok is True
    assert refused.ok is False
    assert "of plug cannot be reached: Connection refused" in refused.text


def test_a_silent_broker_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """All brokers that do not answer take the time of one."""
    monkeypatch.setattr(broker, "CONNECT_SECONDS", 0.2)
    began = time.monotonic()
    endpoints = [(f"10.0.0.{number}", 1883) for number in range(5)]
    results = broker.connect(endpoints, lambda _: time.sleep(30))
    assert set(results.values()) == {"no answer within 2 s"}
    assert time.monotonic() - began < 0.8


def test_a_house_without_brokers_is_well() -> None:
    """Nothing is connected."""
    (finding,) = broker.broker_findings({}, {})
    assert finding.ok is True
