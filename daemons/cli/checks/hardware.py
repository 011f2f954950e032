"""Checks whether the house is up, its processes work, and their hardware can be reached."""

from typing import Any

from daemons.cli.checks.finding import Finding, unknown, well, wrong

CHECK = "house"
MOST_NAMES = 10


def status_findings(status: dict[str, Any] | None, fault: str | None = None) -> list[Finding]:
    """Return the findings about a house; `status` is what `house status --json` prints.

    Without one, nothing was ever installed, or `fault` is the reason why it cannot be read.
    """
    if status is None:
        text = fault or "the house was never up"
        return [wrong(CHECK, text, "`house up` starts it"), unknown("hardware", "the house is not up")]
    if not status["up"]:
        return [
            wrong(CHECK, "the house is not up", "`house up` starts it"),
            unknown("hardware", "the house is not up"),
        ]
    found = [
        wrong(CHECK, warning, "`house logs` has more; `house down` and `house up` start the house anew")
        for warning in status["warnings"]
    ]
    processes = status["devices"] | status["services"]
    for name, one in processes.items():
        found += process_finding(name, one)
    silent = [name for name, one in status["devices"].items() if is_unreachable(one)]
    if not found:
        found.append(well(CHECK, f"the house is up: {len(processes)} processes"))
    return [*found, hardware_finding(silent, len(status["devices"]))]


def process_finding(name: str, one: dict[str, Any]) -> list[Finding]:
    """Return a finding if a process does not work; one that was stopped by hand is well."""
    fault = (one["state"] or {}).get("fault") if one["presence"] == "live" else None
    if one["presence"] in ("live", "stopped") and not fault:
        return []
    if one["presence"] == "live" and is_unreachable(one):
        return []  # its fault is the one of the hardware
    reason = fault or one["reason"]
    text = f"{name} is {one['presence']}" + (f": {reason}" if reason else "")
    return [wrong(CHECK, text, f"`house logs {name}` has the reason; `house restart {name}` tries again")]


def is_unreachable(one: dict[str, Any]) -> bool:
    """Return whether a device reports that its hardware does not answer."""
    return one["presence"] == "live" and (one["state"] or {}).get("reachable") is False


def hardware_finding(silent: list[str], count: int) -> Finding:
    """Return the finding about hardware that does not answer."""
    if not silent:
        return well("hardware", f"the hardware of all {count} devices that are live can be reached")
    more = f" and {len(silent) - MOST_NAMES} more" if len(silent) > MOST_NAMES else ""
    text = f"the hardware cannot be reached: {', '.join(silent[:MOST_NAMES])}{more}"
    remedy = f"check its power and its network; `house logs {silent[0]}` has the reason"
    return wrong("hardware", text, remedy)
