"""The status of a process from supervisord and its messages; and absolute endpoints."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemons.bus.facts import Facts
from daemons.bus.presence import PresenceTable
from daemons.bus.requests.protocol import new_command
from daemons.cli.status import absolute, find_notices, presence, process, version_warnings
from daemons.config.roster import Peer, Roster
from daemons.config.tables import Settings

UNKNOWN = PresenceTable(["lamp"], 3.0, 10.0).status("lamp", 0.0)
KNOWN = replace(UNKNOWN, presence="live", pid=42, restarts=3)


def info(statename: str = "RUNNING", pid: int = 42) -> dict[str, Any]:
    """Return supervisord's information about a process."""
    return {"statename": statename, "pid": pid, "now": 130, "start": 100}


@pytest.mark.parametrize(
    ("info_", "known", "expected"),
    [
        (None, {}, "offline"),
        (info("STOPPED", 0), {}, "stopped"),
        (info("FATAL", 0), {}, "failed"),
        (info("UNKNOWN", 0), {}, "failed"),
        (info("STARTING"), {}, "restarting"),
        (info("BACKOFF", 0), {}, "restarting"),
        (info("EXITED", 0), {}, "restarting"),
        (info("STOPPING"), {}, "restarting"),
        (info(pid=43), {}, "restarting"),
        (info(), {}, "live"),
        (info(), {"presence": "stale"}, "stale"),
        (info("BACKOFF", 0), {"presence": "failed"}, "failed"),
        (info("STARTING"), {"presence": "stopped"}, "stopped"),
        (None, {"presence": "failed"}, "offline"),
        (info(), {"presence": "offline", "pid": None}, "offline"),
    ],
)
def test_a_process_that_does_not_run_is_never_live(
    info_: dict[str, Any] | None, known: dict[str, Any], expected: str
) -> None:
    """A process is live only if it runs and its own messages have arrived."""
    assert presence(info_, replace(KNOWN, **known)) == expected


def test_the_process_has_supervisord_s_state() -> None:
    """A process has a state, a PID, restarts and an uptime; without a PID the uptime is zero."""
    assert process(info(), KNOWN) == {"state": "RUNNING", "pid": 42, "restarts": 3, "uptime_seconds": 30}
    gone = process(info("FATAL", 0), KNOWN)
    assert (gone["state"], gone["pid"], gone["uptime_seconds"]) == ("FATAL", None, 0)
    assert process(None, KNOWN)["state"] == "STOPPED"


def test_the_uptime_is_never_negative() -> None:
    """If the start time is in the future, the uptime is zero."""
    assert process({**info(), "start": 200}, KNOWN)["uptime_seconds"] == 0


def test_an_endpoint_is_absolute() -> None:
    """An endpoint has its absolute path if the path is short enough."""
    assert absolute("ipc://bus/lamp.publish", Path("/home/a/run")) == "ipc:///home/a/run/bus/lamp.publish"


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_an_endpoint_with_a_long_path_stays_relative(letter: str) -> None:
    """A path of more than 107 bytes, not characters, stays relative to the run directory."""
    short = absolute("ipc://bus/lamp.publish", Path("/" + "x" * 88))
    assert len(short.removeprefix("ipc://").encode()) <= 107
    assert short != "ipc://bus/lamp.publish"
    deep = Path("/" + letter * (95 // len(letter.encode())))
    assert absolute("ipc://bus/lamp.publish", deep) == "ipc://bus/lamp.publish"


def test_two_commands_never_share_an_id() -> None:
    """A thousand commands have a thousand ids."""
    ids = {new_command("press", 1.0).id for _ in range(1000)}
    assert len(ids) == 1000


def test_without_a_mirror_the_notices_come_from_the_devices() -> None:
    """Supervisord knows of a device that failed also if nothing was heard of it."""
    peer = Peer("Lamp", "Hall", "lamp", facts=Facts(name="Lamp"))
    door = Peer("Door", "Hall", "sensor", facts=Facts(name="Door", detects="open", open_seconds=60.0))
    roster = Roster(settings=Settings(), peers={"lamp": peer, "door": door}, services=("steward",))
    unknown = dict.fromkeys(("presence_since", "reason", "retry_at"))
    known: dict[str, Any] = {"presence": "live", "state": {}, "since": 1.0, **unknown}
    found = {
        "lamp": {**known, "presence": "failed", "reason": "exit status 1"},
        "door": {**known, "state": {"status": True, "phase": "open"}},
        "steward": known,
    }
    assert [one.text for one in find_notices(roster, found)] == [
        "Lamp has failed: exit status 1",
        "Door is open",
    ]


def test_a_house_of_another_version_than_the_installed_one_is_named() -> None:
    """The warning names both versions; a house without a known version has none."""
    assert version_warnings("1.0.0 (commit a)", "1.0.0 (commit a)") == []
    assert version_warnings(None, "1.0.0") == []
    assert version_warnings("1.0.0 (commit a)", "1.0.1") == [
        "The house runs House 1.0.0 (commit a), and 1.0.1 is installed: `house down` and `house up` start it."
    ]
