"""What a version of House says of the processes of its house, by its own `house status --json`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from daemons.supervision.environment import Environment


def read_status(environment: Environment) -> dict[str, Any]:
    """Return what `house status --json` prints; a document without "up" if it fails."""
    done = environment.house("status", "--json")
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"fault": text_of(done)}


def processes(status: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the part of each process of a status document, by its name."""
    return {**status.get("devices", {}), **status.get("services", {})}


def ready_names(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the processes of this host that are ready."""
    found = processes(status)
    return tuple(sorted(name for name, one in found.items() if one["presence"] == "live" and pid_of(one)))


def not_ready(status: Mapping[str, Any], wanted: Iterable[str]) -> list[str]:
    """Return the processes that are not ready, without those that the house does not have any more."""
    found, ready = processes(status), ready_names(status)
    return [name for name in wanted if name in found and name not in ready]


def has_failed(status: Mapping[str, Any], missing: list[str]) -> bool:
    """Return whether waiting is useless: each missing process fails again and again."""
    found = processes(status)
    return bool(missing) and all(found[name]["presence"] == "failed" for name in missing)


def pids(status: Mapping[str, Any], names: Iterable[str]) -> dict[str, int]:
    """Return the PIDs of those of these processes that run."""
    found = processes(status)
    return {name: pid for name in names if name in found and (pid := pid_of(found[name]))}


def pid_of(process: Mapping[str, Any]) -> int | None:
    """Return the PID of a process on this host; None for one of another host."""
    about = process["process"]
    return None if about["state"] == "ELSEWHERE" else about["pid"]


def text_of(done: Any) -> str:
    """Return what a verb has printed as the reason of its failure."""
    return str(done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}")
