"""The current status of a house, as JSON: combines the data of the mirror and of supervisord."""

import logging
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import zmq
from msgspec import to_builtins

from daemons.bus.attention import notices
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.look import Seen
from daemons.bus.notice import Notice
from daemons.bus.presence import PresenceTable
from daemons.bus.requests.blocking import send_command
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Subscriber
from daemons.bus.status import ProcessStatus
from daemons.config.attention import facts_of_service
from daemons.config.roster import Roster, mirrors
from daemons.errors import NoAnswer, NotUp, SupervisorError
from daemons.kinds.mirror import Options
from daemons.runtime.clock import uptime
from daemons.storage.paths import stopped_path, write_fault
from daemons.storage.release import describe_version, running_version
from daemons.supervision.supervisord import Supervisor, all_processes

SUPERVISORD_SECONDS = 3.0
"""How long supervisord may take to list its processes; after that, the devices are asked alone."""
MIRROR_SECONDS = 1.0
LISTEN_SECONDS = 0.3
"""How long to receive messages of the devices if the mirror does not answer."""
LONGEST_IPC_PATH = 107
"""The longest path of a Unix socket, in bytes (unix(7))."""

Context = zmq.Context[zmq.Socket[bytes]]
Processes = dict[str, dict[str, Any]]
"""The information of supervisord about each process, by name; empty if it does not run."""


def house_status(roster: Roster, run: Path, context: Context, supervisor: Supervisor) -> dict[str, Any]:
    """Return the whole status as one JSON document, which docs/json.md describes."""
    processes, warnings = list_processes(supervisor)
    if fault := write_fault():
        warnings.insert(0, f"{fault}. Until then, what happens now may be forgotten at a restart.")
    is_up = processes != {}
    running = running_version() if is_up else None
    warnings += version_warnings(running, describe_version())
    known, message, attention = (
        query_status(roster, context) if is_up else (unknown_status(roster), None, None)
    )
    devices = {
        name: {
            "name": peer.title,
            "room": peer.room,
            "kind": peer.kind,
            "host": peer.host,
            **process_status(name, processes, known[name], run, roster.is_elsewhere(name)),
        }
        for name, peer in roster.peers.items()
    }
    services = {name: process_status(name, processes, known[name], run) for name in roster.services}
    if is_up and attention is None:
        attention = find_notices(roster, {**devices, **services})
    return {
        "house": roster.settings.name,
        "at": time.time(),
        "up": is_up,
        "warnings": warnings,
        "message": message,
        "attention": to_builtins(attention or ()),
        "mirror": {"url": page_url(roster, known) if is_up else None},
        "devices": devices,
        "services": services,
        "host": roster.host,
        "version": running,
    }


def version_warnings(running: str | None, installed: str) -> list[str]:
    """Return a warning if the house runs another version than the installed one."""
    if running in (None, installed):
        return []
    text = f"The house runs House {running}, and {installed} is installed"
    return [f"{text}: `house down` and `house up` start it."]


def find_notices(roster: Roster, found: dict[str, dict[str, Any]]) -> tuple[Notice, ...]:
    """Return the notices about these devices and services; none of them is known to be acknowledged."""
    facts = {name: peer.facts for name, peer in roster.peers.items() if peer.facts}
    facts |= {name: facts_of_service(name) for name in roster.services}
    seen = {
        name: Seen(
            presence=found[name]["presence"],
            presence_since=found[name]["presence_since"],
            state=found[name]["state"],
            since=found[name]["since"],
            reason=found[name]["reason"] if found[name]["presence"] != "live" else None,
            retry_at=found[name]["retry_at"],
        )
        for name in facts
    }
    return notices(seen, facts, time.time())


def list_processes(supervisor: Supervisor) -> tuple[Processes | None, list[str]]:
    """Return what supervisord reports about its processes, and warnings; None if it does not answer."""
    try:
        return all_processes(supervisor), []
    except NotUp:
        return {}, []
    except SupervisorError as error:
        return None, [f"{error}. Meanwhile the devices work, but a process that ends is not restarted."]


def page_url(roster: Roster, known: dict[str, ProcessStatus]) -> str | None:
    """Return the URL of the first mirror's page, or None."""
    for name in mirrors(roster):
        if url := (known[name].state or {}).get("url"):
            return str(url)
    return None


def process_status(
    name: str, processes: Processes | None, known: ProcessStatus, run: Path, elsewhere: bool = False
) -> dict[str, Any]:
    """Return the status of one process and its endpoints.

    With `elsewhere`, and without an answer of supervisord, it comes from the messages of the process alone.
    """
    if elsewhere or processes is None:
        of_process = own_process("ELSEWHERE" if elsewhere else "UNKNOWN", known)
        return join_status(name, known.presence, of_process, known, run)
    info = processes.get(name)
    is_stopped = info is not None and not info["pid"] and stopped_path(name).exists()
    found = "stopped" if is_stopped else presence(info, known)
    return join_status(name, found, process(info, known), known, run)


def join_status(
    name: str, found: str, of_process: dict[str, Any], known: ProcessStatus, run: Path
) -> dict[str, Any]:
    """Return the status of one process as a part of the document."""
    copied = ("state", "cause", "since", "age_seconds", "reason", "last_lines", "retry_at")
    return {
        "process": of_process,
        "presence": found,
        "presence_since": known.presence_since if found == known.presence else None,
        **{key: getattr(known, key) for key in copied},
        "endpoints": {
            "publish": absolute(publish_endpoint(name), run),
            "command": absolute(command_endpoint(name), run),
        },
    }


def empty_table(names: list[str]) -> PresenceTable:
    """Return an empty table with the limits that a mirror has by default."""
    options = Options()
    return PresenceTable(names, options.stale_seconds, options.offline_seconds)


def unknown_status(roster: Roster) -> dict[str, ProcessStatus]:
    """Return the status of each process before any message has arrived."""
    names = [*roster.peers, *roster.services]
    table = empty_table(names)
    return {name: table.status(name, uptime()) for name in names}


def query_status(
    roster: Roster, context: Context
) -> tuple[dict[str, ProcessStatus], str | None, tuple[Notice, ...] | None]:
    """Return the status of each process, the mirror's message, and its notices.

    If no mirror answers, the status comes from the messages of the processes, and the notices are None.
    """
    found = mirrors(roster)
    for name in found:
        try:
            answer = send_command(context, name, new_command("snapshot", MIRROR_SECONDS)).result
        except NoAnswer:
            continue
        if answer is None:
            continue  # the mirror rejected the command because its deadline had passed
        try:
            received = msgspec.convert(answer["devices"], dict[str, ProcessStatus])
            attention = msgspec.convert(answer["attention"], tuple[Notice, ...])
        except (msgspec.ValidationError, KeyError):
            continue  # the mirror has another version
        return {**unknown_status(roster), **received}, answer["message"], attention
    message = "The mirror does not answer; this status is from the devices."
    return receive_status([*roster.peers, *roster.services], context), message if found else None, None


def receive_status(names: list[str], context: Context) -> dict[str, ProcessStatus]:
    """Subscribe to every process for a moment: each process sends its state to a new subscriber."""
    table = empty_table(names)
    subscriber = Subscriber(context, names, logging.getLogger("house"))
    for messages in subscriber.receive_until(time.monotonic() + LISTEN_SECONDS):
        for message in messages:
            table.on_message(message, uptime())
    subscriber.socket.close()
    return {name: table.status(name, uptime()) for name in names}


def process(info: dict[str, Any] | None, known: ProcessStatus) -> dict[str, Any]:
    """Return the state of a process as supervisord names it."""
    if info is None:
        return {"state": "STOPPED", "pid": None, "restarts": 0, "uptime_seconds": 0}
    return {
        "state": info["statename"],
        "pid": info["pid"] or None,
        "restarts": known.restarts or 0,
        "uptime_seconds": max(0, info["now"] - info["start"]) if info["pid"] else 0,
    }


def own_process(state: str, known: ProcessStatus) -> dict[str, Any]:
    """Return the state of a process from its own messages, under a word for what supervisord says of it."""
    is_alive = known.presence in ("live", "stale")
    started = known.started_at if is_alive and known.pid else None
    return {
        "state": state,
        "pid": known.pid if is_alive else None,
        "restarts": known.restarts or 0,
        "uptime_seconds": max(0, int(time.time() - started)) if started else 0,
    }


def presence(info: dict[str, Any] | None, known: ProcessStatus) -> str:
    """Return the presence of a process, from supervisord's state and from its messages."""
    if info is None:
        return "offline"
    if known.presence in ("failed", "stopped"):
        return known.presence
    if info["statename"] == "STOPPED":
        return "stopped"
    if info["statename"] in ("FATAL", "UNKNOWN"):
        return "failed"
    if info["statename"] != "RUNNING" or known.pid not in (info["pid"], None):
        return "restarting"
    return known.presence


def absolute(endpoint: str, run: Path) -> str:
    """Return an absolute endpoint; an endpoint that is too long stays relative to the run directory."""
    path = os.path.join(run, endpoint.removeprefix("ipc://"))  # noqa: PTH118
    return f"ipc://{path}" if len(os.fsencode(path)) <= LONGEST_IPC_PATH else endpoint
