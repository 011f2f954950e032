"""Sessions with a real broker, in the process of the test."""

import logging
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.config.tables import Bridging
from daemons.drivers.transports import mqtt
from daemons.drivers.transports.mqtt_client import MqttClient
from daemons.processes.bridge import session
from daemons.processes.bridge.session_thread import SessionMemory, SessionThread
from daemons.storage.journal import Journal
from daemons.values import convert
from tests.support import factories
from tests.support.mosquitto import Mosquitto, make_certificate
from tests.support.mqtt_recorder import record_broker
from tests.support.ports import free_port

ALLOWED = "topic readwrite #\n"


@contextmanager
def sessions(**keys: Any) -> Iterator[SessionThread]:
    """Yield a thread that holds sessions with these keys of the table [bridge]."""
    log = logging.LoggerAdapter(logging.getLogger("test_session"), {})
    journal = Journal("bridge-broker", SessionMemory, log)
    thread = SessionThread(convert({"discovery": "off", **keys}, Bridging), {}, journal, log, session.run)
    thread.start()
    try:
        yield thread
    finally:
        thread.end()


def wait_for_fault(thread: SessionThread, text: str) -> None:
    """Wait until the fault of the session contains a text."""
    factories.wait_until(lambda: text in str(thread.fault), f"the fault {text!r}, found {thread.fault!r}")


def test_a_client_certificate_opens_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be used is named. With certificate and key, the broker accepts the bridge."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    own = make_certificate(tmp_path, "own")
    key, place = own.with_suffix(".key"), tmp_path / "client.key"
    with Mosquitto(tmp_path / "broker", tls=True, client_certificate=own) as broker:
        keys = {"port": broker.port, "tls": True, "certificate_authority": str(broker.authority)}
        with sessions(**keys) as thread:
            wait_for_fault(thread, "127.0.0.1")
            assert not thread.is_connected
        with sessions(**keys, certificate_file=str(own), key_file=str(place)) as thread:
            wait_for_fault(thread, f"the file {place} cannot be read: No such file or directory")
            place.write_bytes(key.read_bytes())
            place.chmod(0o644)
            wait_for_fault(thread, f"the key file {place} can be read by others; run `chmod 600 {place}`")
            place.chmod(0o600)
            factories.wait_until(lambda: thread.is_connected, "a session")
            assert (thread.broker, thread.protocol) == (f"127.0.0.1:{broker.port}", "MQTT 5")
            place.write_text("no key")
        with sessions(**keys, certificate_file=str(own), key_file=str(place)) as thread:
            wait_for_fault(thread, f"the files {own} and {place} are no certificate and its key")


def test_a_refused_message_is_a_fault_of_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MQTT 5 says why. The session goes on, and the fault ends once the broker accepts the topic."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with (
        Mosquitto(tmp_path / "broker", acl="topic readwrite house/#\n") as broker,
        sessions(port=broker.port) as thread,
    ):
        factories.wait_until(lambda: thread.is_connected, "a session")
        thread.outbox.retain("elsewhere/lamp", b"1")
        wait_for_fault(
            thread, "the broker does not let the bridge publish elsewhere/lamp: not authorized (code 135)"
        )
        assert thread.is_connected
        broker.set_acl(ALLOWED)
        factories.wait_until(lambda: accepted(thread), "the end of the fault")


def accepted(thread: SessionThread) -> bool:
    """Send everything again, and return whether the broker refuses none of it."""
    thread.outbox.resend()
    return thread.is_connected and thread.fault is None


def test_late_messages_of_an_old_session_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an "offline" that is not its own, the bridge publishes "online" and every state again."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with (
        Mosquitto(tmp_path / "broker") as broker,
        record_broker(broker.port) as mqtt_client,
        sessions(port=broker.port) as thread,
    ):
        thread.outbox.retain("house/lamp/state", b"new")
        mqtt_client.wait_for(lambda: mqtt_client.is_online("bridge"))
        mqtt_client.publish("house/lamp/state", "old", retain=True)
        mqtt_client.publish("house/bridge/availability", "offline", retain=True)
        mqtt_client.wait_for(lambda: mqtt_client.is_online("bridge"))
        mqtt_client.wait_for(lambda: mqtt_client.retained["house/lamp/state"] == b"new")


def test_the_next_broker_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bridge names the broker with which it has a session, and goes on to another when that one ends."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with Mosquitto(tmp_path / "one") as one, Mosquitto(tmp_path / "two") as two:
        addresses = [f"mqtt://127.0.0.1:{port}" for port in (one.port, two.port)]
        with sessions(brokers=addresses) as thread:
            factories.wait_until(lambda: thread.is_connected, "a session")
            assert thread.broker == f"127.0.0.1:{one.port}"
            one.kill()
            factories.wait_until(lambda: thread.is_connected and str(two.port) in thread.broker, "the other")


def test_a_silent_broker_gets_more_time_after_the_first_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that elects a leader is given up early, and one behind a slow line has its time later."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    assert session.QUICK_CONNECT_SECONDS < mqtt.CONNECT_SECONDS
    monkeypatch.setattr(session, "QUICK_CONNECT_SECONDS", 0.1)
    given: list[float] = []
    opened = mqtt.mqtt_session

    def record(*args: Any, connect_seconds: float, **how: Any) -> AbstractAsyncContextManager[MqttClient]:
        given.append(connect_seconds)
        return opened(*args, connect_seconds=connect_seconds, **how)

    monkeypatch.setattr(mqtt, "mqtt_session", record)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        with sessions(brokers=[broker, broker.replace("127.0.0.1", "127.0.0.2")]) as thread:
            factories.wait_until(lambda: len(given) == 3, "a second round")
        assert given == [0.1, 0.1, mqtt.CONNECT_SECONDS]
        assert thread.fault is not None


@pytest.mark.parametrize("others", [False, True], ids=["alone", "one of two"])
def test_a_subscription_that_the_broker_drops_later_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    """The bridge sends a message to itself again and again; without an echo it has no session.

    Where another broker can take over, it does so more often.
    """
    factories.enter_run_directory(tmp_path, monkeypatch)
    intervals = session.ECHO_INTERVAL_SECONDS, session.CLUSTER_ECHO_INTERVAL_SECONDS
    assert (session.ECHO_SECONDS, *intervals) == (5.0, 60.0, 5.0)
    monkeypatch.setattr(session, "ECHO_SECONDS", 1.0)
    monkeypatch.setattr(session, "ECHO_INTERVAL_SECONDS", 1000.0 if others else 0.1)
    monkeypatch.setattr(session, "CLUSTER_ECHO_INTERVAL_SECONDS", 0.1 if others else 1000.0)
    with Mosquitto(tmp_path / "broker", acl=ALLOWED) as broker, ExitStack() as stack:
        unused = f"mqtt://127.0.0.1:{free_port()}"
        address = (
            {"brokers": [f"mqtt://127.0.0.1:{broker.port}", unused]} if others else {"port": broker.port}
        )
        thread = stack.enter_context(sessions(**address))
        factories.wait_until(lambda: thread.is_connected, "a session")
        broker.set_acl("topic write #\n")
        factories.wait_until(lambda: not thread.is_connected, "the end of the session")
        assert "no message comes back from house/bridge/command/echo" in str(thread.fault)
        broker.set_acl(ALLOWED)
        factories.wait_until(lambda: thread.is_connected, "a session again")
        assert thread.commands == 0
