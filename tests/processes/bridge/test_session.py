"""Sessions with a real broker, in the process of the test."""

import logging
from pathlib import Path

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.config.tables import Bridging
from daemons.processes.bridge import session
from daemons.processes.bridge.session_thread import SessionMemory, SessionThread
from daemons.storage.journal import Journal
from tests.support import factories
from tests.support.mosquitto import Mosquitto

ALLOWED = "topic readwrite #\n"


def test_a_subscription_that_the_broker_drops_later_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bridge sends a message to itself again and again; without an echo it has no session."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    assert (session.ECHO_SECONDS, session.ECHO_INTERVAL_SECONDS) == (5.0, 60.0)
    monkeypatch.setattr(session, "ECHO_SECONDS", 1.0)
    monkeypatch.setattr(session, "ECHO_INTERVAL_SECONDS", 0.1)
    log = logging.LoggerAdapter(logging.getLogger("test_session"), {})
    with Mosquitto(tmp_path / "broker", acl=ALLOWED) as broker:
        journal = Journal("bridge-broker", SessionMemory, log)
        bridging = Bridging(port=broker.port, discovery="off")
        thread = SessionThread(bridging, {}, journal, log, session.run)
        thread.start()
        try:
            factories.wait_until(lambda: thread.is_connected, "a session")
            broker.set_acl("topic write #\n")
            factories.wait_until(lambda: not thread.is_connected, "the end of the session")
            assert "no message comes back from house/bridge/command/echo" in str(thread.fault)
            broker.set_acl(ALLOWED)
            factories.wait_until(lambda: thread.is_connected, "a session again")
            assert thread.commands == 0
        finally:
            thread.end()
