"""`house doctor` reads the status of the house, and finds what does not work."""

from typing import Any

from daemons.cli.checks.hardware import status_findings


def process(presence: str = "live", reason: str | None = None, **state: object) -> dict[str, Any]:
    """Return a process as `house status --json` prints it."""
    return {"presence": presence, "reason": reason, "state": state}


def wrong(devices: dict[str, Any], *warnings: str, up: bool = True) -> list[str]:
    """Return what is wrong with a house."""
    services = {"steward": process()}
    status = {"up": up, "warnings": list(warnings), "devices": devices, "services": services}
    found = status_findings(status)
    assert all((finding.remedy is not None) is (finding.ok is False) for finding in found)
    return [finding.text for finding in found if finding.ok is False]


def test_hardware_that_does_not_answer_is_named() -> None:
    """Its process is well, so that it is named once."""
    devices = {"lamp": process(reachable=True), "plug": process(reachable=False, fault="no answer")}
    assert wrong(devices) == ["the hardware cannot be reached: plug"]
    assert wrong({"lamp": process(reachable=True), "fan": process("stopped")}) == []


def test_a_process_that_does_not_work_is_named_with_its_reason() -> None:
    """It has failed, is silent, or reports a fault."""
    devices = {"a": process("failed", "it crashed"), "b": process("offline"), "c": process(fault="full")}
    assert wrong(devices) == ["a is failed: it crashed", "b is offline", "c is live: full"]


def test_a_house_that_is_down_or_hangs_is_named() -> None:
    """Nothing is said about its hardware."""
    assert wrong({"lamp": process("offline", reachable=False)}, up=False) == ["the house is not up"]
    assert wrong({}, "supervisord does not answer") == ["supervisord does not answer"]
    assert next(finding.text for finding in status_findings(None)) == "the house was never up"
