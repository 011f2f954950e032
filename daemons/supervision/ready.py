"""Waits until the processes of a house are ready, or until the steward reports that they fail."""

import logging
import time
from collections.abc import Callable, Iterable

import zmq

from daemons.bus.message import STEWARD, Heartbeat, Report, State
from daemons.bus.sockets import Subscriber
from daemons.config.roster import Roster, mirrors
from daemons.errors import NotReady, NotUp, SupervisorError
from daemons.storage.paths import stopped_path
from daemons.supervision.logs import last_lines
from daemons.supervision.supervisord import Supervisor

Progress = Callable[[int, int], None]
"""A callback with the number of ready devices and the number of all devices."""
POLL_SECONDS = 0.02
"""How often supervisord is called while no message arrives."""


def wait_page(roster: Roster, timeout_seconds: float) -> tuple[str | None, str | None]:
    """Wait for the page of a mirror; return its URL and its fault, one of them None.

    Without a mirror both are None.
    """
    found = mirrors(roster)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    end = time.monotonic() + timeout_seconds
    try:
        subscriber = Subscriber(context, found, logging.getLogger("house"))
        for messages in subscriber.receive_until(end) if found else ():
            for message in messages:
                if not isinstance(message, State):
                    continue
                url, fault = message.state.get("url"), message.state.get("fault")
                if url or fault:
                    return url and str(url), fault and str(fault)  # type: ignore[return-value]
    finally:
        context.destroy(linger=0)
    return (
        None,
        f"the mirror has not published the address of its page within {timeout_seconds:g} s"
        if found
        else None,
    )


def wait_ready(
    names: Iterable[str],
    supervisor: Supervisor,
    timeout_seconds: float,
    progress: Progress,
    since: float | None = None,
) -> None:
    """Wait until a heartbeat has arrived from the process of each of these devices.

    Devices stopped by hand are left out. The timeout begins anew with each device that has been started
    or has become ready: a busy machine is slow, and is given time. Raises NotReady after the timeout, or
    as soon as the steward reports every device that is not ready as failed, since the time `since` (Unix
    seconds; by default the time of the call).
    """
    names = [name for name in names if not stopped_path(name).exists()]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    began, end = since or time.time(), time.monotonic() + timeout_seconds
    alive: dict[str, int] = {}
    started: set[str] = set()
    failed: set[str] = set()
    waiting, most = names, 0
    try:
        subscriber = Subscriber(context, {*names, STEWARD}, logging.getLogger("house"))
        for messages in subscriber.receive_until(float("inf"), POLL_SECONDS) if names else ():
            for message in messages:
                if isinstance(message, Heartbeat):
                    alive[message.device] = message.pid
                elif isinstance(message, Report) and message.life == "failed" and message.since >= began:
                    failed.add(message.device)
                elif isinstance(message, Report) and message.pid and message.at >= began:
                    started.add(message.device)
            # Each call runs the loop of supervisord, which then starts processes. To list hundreds of
            # processes takes a tenth of a second, so their PIDs are requested only at the end.
            waiting = [name for name in names if name not in alive]
            try:
                if waiting:
                    supervisor.call("getState")
                else:
                    processes = supervisor.processes()
                    waiting = [name for name in names if alive[name] != processes[name]["pid"]]
            except SupervisorError as error:
                if isinstance(error, NotUp) or error.fault_code is not None:
                    raise
                waiting = waiting or names  # supervisord did not answer: it is as busy as the machine
            progress(len(names) - len(waiting), len(names))
            if failed.issuperset(waiting):
                break
            if (done := len(names) - len(waiting) + len(started.intersection(names))) > most:
                most, end = done, time.monotonic() + timeout_seconds
            elif time.monotonic() > end:
                break
    finally:
        context.destroy(linger=0)
    if waiting:
        waiting.sort(key=lambda name: name not in failed)
        others = f" (nor are: {', '.join(waiting[1:])})" if waiting[1:] else ""
        lines = "\n".join(f"    {line}" for line in last_lines(waiting[0], 10)) or "    (its log is empty)"
        why = "fails again and again" if waiting[0] in failed else f"is not ready after {timeout_seconds:g} s"
        raise NotReady(waiting[0], f"{why}{others}. Its log ends:\n{lines}")
