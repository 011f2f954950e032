"""The presence table: the status of each process, by the age of its messages and the steward's reports."""

from typing import Any, get_args

import msgspec
import pytest

from daemons.bus.message import Heartbeat, Report
from daemons.bus.presence import REPORTED_LIFE, PresenceTable
from daemons.bus.status import PRESENCES, Presence, ProcessStatus
from tests.support import factories

FIELDS = (
    "presence", "presence_since", "state", "cause", "since", "at", "age_seconds", "boot", "seq", "pid",
    "restarts", "started_at", "reason", "last_lines", "retry_at",
)  # fmt: skip


@pytest.fixture
def table() -> PresenceTable:
    """Return a table with the limits of a mirror, before any message."""
    return PresenceTable(["steward", "lamp"], stale_seconds=3.0, offline_seconds=10.0)


def report(life: str, device: str = "lamp", **more: Any) -> Report:
    """Return a report of the steward about a process."""
    about: dict[str, Any] = {"device": device, "boot": 1, "seq": 1, "at": 1.0, "since": 70.0, "life": life}
    return Report(**about, **more)


def beat(device: str, at: float = 1.0) -> Heartbeat:
    """Return a heartbeat."""
    return Heartbeat(device=device, boot=1, seq=1, at=at, pid=42, restarts=2)


def test_a_process_without_any_message_is_offline(table: PresenceTable) -> None:
    """Every field of the status exists; all but the presence and the log lines are null."""
    found = msgspec.to_builtins(table.status("lamp", 5.0))
    assert found.pop("presence") == "offline"
    assert list(found.pop("last_lines")) == []
    assert set(found.values()) == {None}


def test_a_status_is_encoded_with_fifteen_keys_in_their_order(table: PresenceTable) -> None:
    """The snapshot, the page and `house status` have the same keys in the same order."""
    encoded = msgspec.json.decode(msgspec.json.encode(table.status("lamp", 5.0)))
    assert tuple(encoded) == FIELDS
    assert msgspec.convert(encoded, ProcessStatus) == table.status("lamp", 5.0)


@pytest.mark.parametrize(
    ("age", "presence"), [(0.0, "live"), (2.9, "live"), (3.0, "stale"), (9.9, "stale"), (10.0, "offline")]
)
def test_a_silent_process_becomes_stale_and_then_offline(
    table: PresenceTable, age: float, presence: str
) -> None:
    """After 3 s without a message the values are stale, after 10 s the process is offline."""
    table.on_message(factories.state("lamp", status=True), 100.0)
    assert table.presence("lamp", 100.0 + age) == presence


def test_a_heartbeat_keeps_a_state_live(table: PresenceTable) -> None:
    """A process that publishes no new state stays live while its heartbeats arrive."""
    table.on_message(factories.state("lamp", status=True), 100.0)
    table.on_message(beat("lamp"), 109.0)
    assert table.presence("lamp", 110.0) == "live"
    assert table.status("lamp", 110.0) == ProcessStatus(
        presence="live",
        presence_since=None,
        state={"status": True},
        cause=None,
        since=factories.START_TIME,
        at=factories.START_TIME,
        age_seconds=1.0,
        boot=1,
        seq=1,
        pid=42,
        restarts=2,
        started_at=0.001,
        reason=None,
        last_lines=(),
        retry_at=None,
    )


def test_a_heartbeat_without_a_state_does_not_make_a_process_live(table: PresenceTable) -> None:
    """A process that has not published a state yet counts as offline."""
    table.on_message(beat("lamp"), 100.0)
    assert table.presence("lamp", 100.0) == "offline"


@pytest.mark.parametrize("life", ["restarting", "failed", "stopped"])
def test_a_report_of_the_steward_overrides_the_age(table: PresenceTable, life: str) -> None:
    """The report counts unless the steward itself is offline, and adds the reason and the times."""
    table.on_message(factories.state("steward"), 100.0)
    table.on_message(factories.state("lamp", status=True), 100.0)
    table.on_message(report(life, reason="terminated by SIGKILL", lines=("a", "b"), retry_at=99.0), 100.0)
    status = table.status("lamp", 101.0)
    assert (status.presence, status.presence_since) == (life, 70.0)
    assert (status.reason, status.retry_at, status.age_seconds) == ("terminated by SIGKILL", 99.0, 1.0)
    assert status.last_lines == ("a", "b")
    assert table.presence("lamp", 110.0) == "offline"  # the steward's own messages are 10 s old


def test_a_live_process_is_live_since_the_steward_reported_it(table: PresenceTable) -> None:
    """Without a report the time since which a process is live is unknown."""
    table.on_message(factories.state("steward"), 100.0)
    table.on_message(factories.state("lamp", status=True), 100.0)
    assert table.status("lamp", 100.0).presence_since is None
    table.on_message(report("running"), 100.0)
    status = table.status("lamp", 100.0)
    assert (status.presence, status.presence_since) == ("live", 70.0)


def test_the_presences_are_those_of_the_contract() -> None:
    """The presences, their order, and the `life` in a report for each."""
    assert PRESENCES == ("live", "stale", "offline", "restarting", "failed", "stopped")
    assert get_args(Presence) == PRESENCES
    assert REPORTED_LIFE == {"live": "running"}


def test_a_stale_process_is_stale_since_its_last_message(table: PresenceTable) -> None:
    """The later of its state and its heartbeat counts, by the clock of the process."""
    table.on_message(factories.state("lamp", status=True), 100.0)
    table.on_message(beat("lamp", at=factories.START_TIME + 50), 150.0)
    for now, presence in ((155.0, "stale"), (165.0, "offline")):
        status = table.status("lamp", now)
        assert (status.presence, status.presence_since) == (presence, factories.START_TIME + 50)


def test_a_report_about_an_unknown_process_is_ignored(table: PresenceTable) -> None:
    """The steward also reports about the receiver itself, which is not in its own table."""
    assert table.on_message(report("running", "stranger"), 0.0) is None
    assert "stranger" not in table.entries


def test_a_state_returns_the_state_that_it_replaces(table: PresenceTable) -> None:
    """The caller can compare both; a heartbeat replaces no state."""
    first = factories.state("lamp", status=True)
    assert table.on_message(first, 0.0) is None
    assert table.on_message(beat("lamp"), 0.0) is None
    assert table.on_message(factories.state("lamp", seq=2, status=False), 0.0) == first
