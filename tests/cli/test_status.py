"""How far what is known can be trusted, in one word; and endpoints that work from anywhere."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemons.bus.presence import PresenceTable
from daemons.bus.requests.protocol import new_command
from daemons.cli.status import absolute, presence, process

UNKNOWN = PresenceTable(["lamp"], 3.0, 10.0).status("lamp", 0.0)
KNOWN = replace(UNKNOWN, presence="live", pid=42, restarts=3)


def info(statename: str = "RUNNING", pid: int = 42) -> dict[str, Any]:
    """Return the information of supervisord about a process."""
    return {"statename": statename, "pid": pid, "now": 130, "start": 100}


@pytest.mark.parametrize(
    ("said", "known", "word"),
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
def test_a_presence_never_shows_the_dead_as_live(
    said: dict[str, Any] | None, known: dict[str, Any], word: str
) -> None:
    """Live is only what runs, and was heard from that very process."""
    assert presence(said, replace(KNOWN, **known)) == word


def test_a_process_is_told_in_supervisord_s_words() -> None:
    """State, PID, restarts and seconds up; one that is not up has neither PID nor seconds."""
    assert process(info(), KNOWN) == {"state": "RUNNING", "pid": 42, "restarts": 3, "uptime_seconds": 30}
    gone = process(info("FATAL", 0), KNOWN)
    assert (gone["state"], gone["pid"], gone["uptime_seconds"]) == ("FATAL", None, 0)
    assert process(None, KNOWN)["state"] == "STOPPED"


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    """A process that seems to have started in the future is up for no time."""
    assert process({**info(), "start": 200}, KNOWN)["uptime_seconds"] == 0


def test_an_endpoint_works_from_anywhere() -> None:
    """An endpoint is given with its whole path, where that fits."""
    assert absolute("ipc://bus/lamp.publish", Path("/home/a/run")) == "ipc:///home/a/run/bus/lamp.publish"


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_an_endpoint_that_does_not_fit_stays_relative(letter: str) -> None:
    """A path longer than 107 bytes, not letters, is given as it works inside the run directory."""
    short = absolute("ipc://bus/lamp.publish", Path("/" + "x" * 88))
    assert len(short.removeprefix("ipc://").encode()) <= 107
    assert short != "ipc://bus/lamp.publish"
    deep = Path("/" + letter * (95 // len(letter.encode())))
    assert absolute("ipc://bus/lamp.publish", deep) == "ipc://bus/lamp.publish"


def test_two_commands_never_share_an_id() -> None:
    """Each wish is one of its own, however fast they come."""
    ids = {new_command("press", 1.0).id for _ in range(1000)}
    assert len(ids) == 1000
