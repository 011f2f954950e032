"""The alive message of a house, and two houses with one prefix."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.bus.message import Report
from daemons.bus.presence import PresenceTable
from daemons.config.tables import Bridging
from daemons.errors import MessageError
from daemons.processes.bridge import session, session_thread
from daemons.processes.bridge.alive import (
    CHANGE_SECONDS,
    EVERY_SECONDS,
    RIVAL_SECONDS,
    Alive,
    decode_alive,
    faults_of,
)
from daemons.processes.bridge.session_thread import SessionMemory, SessionThread
from daemons.storage.journal import Journal
from tests.support import factories
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_recorder import record_broker

ALIVE = Alive(version="1.0.0", name="Anna's house", devices={"live": 20}, session="0123456789abcdef")


def encoded(**changes: Any) -> bytes:
    """Return the alive message of a house with other keys."""
    return msgspec.json.encode({**msgspec.to_builtins(ALIVE), **changes})


def test_a_message_is_read_as_it_was_sent() -> None:
    """Every key is in the message, and a key of a later version is ignored."""
    assert decode_alive(msgspec.json.encode(ALIVE)) == ALIVE
    assert decode_alive(encoded(later=1)) == ALIVE
    assert sorted(msgspec.to_builtins(ALIVE)) == [
        "at", "configuration", "devices", "every_seconds", "fault_count", "faults", "name", "restarts",
        "session", "version",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 5000, id="deep"),
        pytest.param(b'{"name": "x"}', id="keys are missing"),
        pytest.param(encoded(name="x" * 61), id="a long name"),
        pytest.param(encoded(every_seconds=0), id="no interval"),
        pytest.param(encoded(at=1e12), id="a time in the far future"),
        pytest.param(encoded(session="\n" * 16), id="a session that is no id"),
        pytest.param(encoded(configuration="0123456789abcdef\n"), id="a digest with a line feed"),
        pytest.param(encoded(devices={"dead": 1}), id="no presence"),
        pytest.param(encoded(fault_count=-1), id="a negative number"),
        pytest.param(encoded(faults={f"d{number}": "x" for number in range(11)}), id="many faults"),
        pytest.param(encoded(later="x" * 17_000), id="a long payload"),
    ],
)
def test_a_message_of_another_form_is_refused(payload: bytes) -> None:
    """Lengths, numbers and ids have bounds."""
    with pytest.raises(MessageError):
        decode_alive(payload)


def test_texts_have_no_control_characters() -> None:
    """A name or a fault cannot control a terminal."""
    alive = decode_alive(encoded(name="a\x1b[2Jb", version="1\n", faults={"lamp": "\x9b31m"}))
    assert (alive.name, alive.version, alive.faults) == ("a [2Jb", "1 ", {"lamp": " 31m"})


def test_faults_are_those_of_live_and_of_failed_devices() -> None:
    """The state of a device that is away is not current, so its fault is left out."""
    names = ("lamp", "oven", "plug", "pump")
    table = PresenceTable(names, 3.0, 10.0)
    for name, fault in (("lamp", "it is mute"), ("plug", "x" * 300), ("pump", "it is old")):
        table.on_message(factories.state(name, fault=fault), 1.0)
    table.on_message(
        Report(device="oven", boot=1, seq=1, at=1.0, life="failed", since=1.0, reason="no such file"), 1.0
    )
    found = faults_of(
        table, {"lamp": "live", "oven": "failed", "plug": "live", "pump": "stale"}, "two houses"
    )
    assert found == {
        "bridge": "two houses", "lamp": "it is mute", "oven": "no such file", "plug": "x" * 200,
    }  # fmt: skip


@contextmanager
def house(number: int, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionThread]:
    """Hold sessions for one of several houses that share the prefix."""
    log = logging.LoggerAdapter(logging.getLogger("test_alive"), {})
    journal = Journal(f"bridge-broker-{number}", SessionMemory, log)
    thread = SessionThread(Bridging(port=port, discovery="off"), {}, journal, log, session.run)
    monkeypatch.setattr(thread.topics, "node", lambda *_: f"house-{number}")
    thread.alive = msgspec.structs.replace(ALIVE, name=f"House {number}", version=f"{number}.0")
    thread.start()
    try:
        factories.wait_until(lambda: thread.is_connected, f"a session of house {number}")
        yield thread
    finally:
        thread.end()


def test_two_houses_with_one_prefix_are_a_fault_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each names the other, also in its alive message. The fault ends when no more message of it comes."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    assert (EVERY_SECONDS, CHANGE_SECONDS, RIVAL_SECONDS) == (60, 5, 180)
    monkeypatch.setattr(session, "EVERY_SECONDS", 0.2)
    monkeypatch.setattr(session, "CHANGE_SECONDS", 0.1)
    monkeypatch.setattr(session_thread, "RIVAL_SECONDS", 1.0)
    with Mosquitto(tmp_path / "broker") as broker, house(1, broker.port, monkeypatch) as first:
        with record_broker(broker.port) as mqtt_client:
            sent = mqtt_client.wait_for(lambda: mqtt_client.payloads("house/bridge/alive")[2:])
        ids = {decode_alive(payload).session for payload in sent}
        assert len(ids) == 1
        assert re.fullmatch("[0-9a-f]{16}", ids.pop())
        assert first.prefix_fault() is None
        with house(2, broker.port, monkeypatch) as second:
            factories.wait_until(lambda: bool(first.prefix_fault() and second.prefix_fault()), "both faults")
            assert first.prefix_fault() == (
                "another house uses the prefix house: House 2 (version 2.0); "
                "each house at a broker needs its own"
            )
            assert "House 1 (version 1.0)" in str(second.prefix_fault())
            assert first.is_connected
            assert second.is_connected
        factories.wait_until(lambda: first.prefix_fault() is None, "the end of the fault")


def test_a_former_session_of_the_house_is_no_other_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alive message of an own session is no other house, also after a restart, nor is a retained one."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    with Mosquitto(tmp_path / "broker") as broker, record_broker(broker.port) as mqtt_client:
        with house(1, broker.port, monkeypatch):
            old = mqtt_client.wait_for(lambda: mqtt_client.payloads("house/bridge/alive"))[0]
        other = msgspec.json.encode(msgspec.structs.replace(ALIVE, session="f" * 16)).decode()
        mqtt_client.publish("house/bridge/alive", other, retain=True)  # it may be as old as the broker
        mqtt_client.clear()
        with house(1, broker.port, monkeypatch) as again:
            new = mqtt_client.wait_for(lambda: mqtt_client.payloads("house/bridge/alive"))[0]
            assert decode_alive(new).session != decode_alive(old).session
            mqtt_client.publish("house/bridge/alive", old.decode())
            mqtt_client.publish("house/bridge/alive", "no alive message")
            # A command is answered after what came before it.
            mqtt_client.publish("house/attic/command", "ON")
            mqtt_client.wait_for(lambda: mqtt_client.receipts("bridge"))
            assert again.prefix_fault() is None
            mqtt_client.publish("house/bridge/alive", other)
            factories.wait_until(lambda: again.prefix_fault() is not None, "the other house")
