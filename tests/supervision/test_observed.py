"""What `house status --json` says of processes: which are ready, and which are not ready any more."""

from typing import Any

from daemons.supervision.observed import has_failed, not_ready, pids, ready_names


def process(presence: str, pid: int | None, state: str = "RUNNING") -> dict[str, Any]:
    """Return what a status document says of a process."""
    return {"presence": presence, "process": {"pid": pid, "state": state}}


STATUS = {
    "up": True,
    "devices": {
        "lamp": process("live", 10),
        "toaster": process("failed", None),
        "heater": process("stopped", None),
        "desk": process("restarting", 11),
        "gate": process("live", 12, "ELSEWHERE"),
    },
    "services": {"steward": process("live", 13)},
}


def test_only_live_processes_of_this_host_are_ready() -> None:
    """A device that fails, is stopped, is starting or runs on another host is not waited for."""
    assert ready_names(STATUS) == ("lamp", "steward")
    assert ready_names({}) == ()
    assert pids(STATUS, ["lamp", "gate", "toaster", "gone"]) == {"lamp": 10}


def test_what_was_ready_must_be_ready_again() -> None:
    """A device that the new configuration does not have any more is not missing."""
    assert not_ready(STATUS, ["lamp", "toaster", "gone", "steward"]) == ["toaster"]
    assert has_failed(STATUS, ["toaster"])
    assert not has_failed(STATUS, ["toaster", "desk"])
    assert not has_failed(STATUS, [])
