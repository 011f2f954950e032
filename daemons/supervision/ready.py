"""Waits until the processes of a house are ready, or until the steward reports that they fail."""

import logging
import time
from collections.abc import Callable, Iterable

import zmq

from daemons.bus.message import STEWARD, Heartbeat, Report, State
from daemons.bus.sockets import Subscriber
from daemons.config.roster import Roster, mirrors
from daemons.errors import NotReady
from daemons.storage.paths import stopped_path
from daemons.supervision.logs import last_lines
from daemons.supervision.supervisord import Supervisor

Progress = Callable[[int, int], None]
"""Is told how many devices are ready, and of how many."""


def wait_page(roster: Roster, patience: float) -> tuple[str | None, str | None]:
    """Wait for the mirror's page; give where it is, or why it is not, or nothing where there is no mirror."""
    found = mirrors(roster)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    end = time.monotonic() + patience
    try:
        subscriber = Subscriber(context, found, logging.getLogger("house"))
        while found and (left := end - time.monotonic()) > 0:
            subscriber.socket.poll(int(left * 1000) + 1)
            for heard in subscriber.receive():
                if isinstance(heard, State) and (heard.state.get("url") or heard.state.get("fault")):
                    url, fault = heard.state.get("url"), heard.state.get("fault")
                    return url and str(url), fault and str(fault)  # type: ignore[return-value]
    finally:
        context.destroy(linger=0)
    return None, f"the mirror has not said for {patience:g} s where its page is" if found else None


def wait_ready(
    names: Iterable[str],
    supervisor: Supervisor,
    patience: float,
    progress: Progress,
    since: float | None = None,
) -> None:
    """Wait until each of these devices, but those stopped by hand, is heard from the process that runs it.

    NotReady after `patience` seconds, or as soon as the steward says that each that is not ready fails,
    and has done so since a moment (Unix seconds), which is now unless it is given.
    """
    names = [name for name in names if not stopped_path(name).exists()]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    began, end = since or time.time(), time.monotonic() + patience
    alive: dict[str, int] = {}
    failed: set[str] = set()
    waiting = names
    try:
        subscriber = Subscriber(context, {*names, STEWARD}, logging.getLogger("house"))
        while not failed.issuperset(waiting) and time.monotonic() < end:
            if subscriber.socket.poll(20):
                for heard in subscriber.receive():
                    if isinstance(heard, Heartbeat):
                        alive[heard.device] = heard.pid
                    elif isinstance(heard, Report) and heard.life == "failed" and heard.since >= began:
                        failed.add(heard.device)
            # Each question turns its loop, so that it starts what it has to; and to tell of hundreds of
            # processes takes it a tenth of a second, so it is asked for their PIDs when all were heard.
            waiting = [name for name in names if name not in alive]
            if waiting:
                supervisor.call("getState")
            else:
                processes = supervisor.processes()
                waiting = [name for name in names if alive[name] != processes[name]["pid"]]
            progress(len(names) - len(waiting), len(names))
    finally:
        context.destroy(linger=0)
    if waiting:
        waiting.sort(key=lambda name: name not in failed)
        others = f" (nor are: {', '.join(waiting[1:])})" if waiting[1:] else ""
        lines = "\n".join(f"    {line}" for line in last_lines(waiting[0], 10)) or "    (its log is empty)"
        why = "fails again and again" if waiting[0] in failed else f"is not ready after {patience:g} s"
        raise NotReady(waiting[0], f"{why}{others}. Its log ends:\n{lines}")
