"""The live view: receives the messages of the house, reads keys, executes their actions, and draws.

One loop waits for messages, keys and timers. It draws after a change, and at least once a second. Work
that may block, such as a restart or a request to the mirror, runs in a background thread, so that the
view stays responsive.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

import zmq
from rich.console import Console

from daemons.bus.message import Receipt, Report, State
from daemons.bus.requests.blocking import send_command
from daemons.bus.requests.protocol import TERMINAL, new_command
from daemons.bus.sockets import Subscriber
from daemons.cli.terminal.controls import control_of
from daemons.cli.terminal.live_window import live_window, raise_stop_signal
from daemons.cli.terminal.presses import Presses
from daemons.cli.terminal.screen import frame
from daemons.cli.terminal.view import KeyAction, View
from daemons.cli.terminal.why_panel import WhyPanel
from daemons.config.loader import kind_or_none
from daemons.config.roster import Roster
from daemons.config.tables import zone
from daemons.errors import AlreadyRunning, HouseError, NoAnswer
from daemons.runtime.jobs import JobPool
from daemons.runtime.loop import Loop, Timer
from daemons.storage.installed import INSTALLED_FINGERPRINT
from daemons.supervision import operations
from daemons.supervision.log_time import in_house_time
from daemons.supervision.logs import last_lines
from daemons.values import printable

CHANGE_SECONDS = 0.02
"""The delay after a change before the status is read, so that related changes are drawn together."""
MEASUREMENT_SECONDS = 0.25
"""The same delay after a new state in which only measurements have changed."""
MIN_REFRESH_SECONDS = 0.1
"""The minimum time between two reads of the status."""
PATIENCE_SECONDS = 2.0
"""How long a command waits for its receipt, as in `house send`."""
READY_SECONDS = 10.0
"""How long a restarted device may take until it is ready, as in `house restart`."""
PRESSES, LINES = 20, 40
"""The maximum number of presses and of log lines that are drawn."""

StatusSource = Callable[[], AbstractContextManager[tuple[Roster, Callable[[], dict[str, Any]]]]]


class Viewer:
    """Shows a house in a terminal until a person ends it."""

    def __init__(self, console: Console, status_source: StatusSource) -> None:
        """`status_source` yields the roster, and a function that returns the status (see context.py)."""
        self._console = console
        self._status_source = status_source
        self._view = View()
        self._presses = Presses({})
        self._status: dict[str, Any] = {"devices": {}}
        self._busy: set[str] = set()
        """The devices that have not answered a command yet."""
        self._restarting: str | None = None
        self._last_changes: dict[str, tuple[int, float]] = {}
        """The last received boot number and change time of each device."""
        self._next_refresh: Timer | None = None
        """The timer of the next read of the status."""
        self._is_refreshing = self._is_refresh_due = False
        self._refreshed_at = 0.0
        self._installed: str | None = None
        """The version of the installed roster that was loaded last."""
        self._subscribed: set[str] = set()
        """The processes to which the view subscribes."""

    def run(self) -> None:
        """Run until a key or a signal ends the view; raise the signal again once the terminal is restored."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._house = ExitStack()
        draw_anew = partial(self._draw, anew=True)
        try:
            with (
                Loop(time.monotonic) as self._loop,
                JobPool(self._loop) as self._jobs,
                live_window(self._console, self._loop, draw_anew, self._on_keys) as self._window,
            ):
                self._subscriber = Subscriber(self._context, (), logging.getLogger("house"))
                self._loop.watch(self._subscriber.socket, self._on_messages)
                self._view.has_keys = self._window.keyboard is not None
                self._loop.every(1.0, self._on_tick)
                self._loop.run()
        finally:
            self._house.close()
            self._context.destroy(linger=0)
        raise_stop_signal(self._loop)

    def _on_tick(self) -> None:
        """Load the roster if it has changed, and read the status; runs once a second."""
        installed = INSTALLED_FINGERPRINT.read_or_last()
        if installed != self._installed and (installed or not self._installed) and not self._is_refreshing:
            self._installed = installed
            self._load_roster()
        self._subscriber.reconnect_silent()
        self._refresh_within(0)

    def _load_roster(self) -> None:
        """Load the roster, and subscribe to its processes."""
        self._house.close()
        self._roster, self._get_status = self._house.enter_context(self._status_source())
        peers = self._roster.peers
        kinds = {name: kind_or_none(peer.kind) for name, peer in peers.items()}
        self._view.kinds = {name: kind for name, kind in kinds.items() if kind}
        controls = {
            name: peer.control or (control_of(kind) if (kind := kinds[name]) else None)
            for name, peer in peers.items()
        }
        self._view.controls = {name: control for name, control in controls.items() if control}
        self._why = WhyPanel(self._jobs, self._draw)
        self._presses.subscriptions = {
            name: peers[name].subscriptions for name, kind in self._view.kinds.items() if kind.commands
        }
        processes = {*peers, *self._roster.services}
        for name in processes:
            self._subscriber.add(name)
        for name in self._subscribed - processes:
            self._subscriber.remove(name)
        self._subscribed = processes

    def _on_messages(self) -> None:
        """Receive messages: a change is drawn at once, a measurement soon, a heartbeat within a second."""
        for message in self._subscriber.receive():
            if isinstance(message, Report):
                self._refresh_within(CHANGE_SECONDS)
                continue
            since = (
                message.since
                if isinstance(message, State)
                else self._last_changes.get(message.device, (0, 0.0))[1]
            )
            if isinstance(message, State):
                self._presses.on_state(message)
                self._refresh_within(MEASUREMENT_SECONDS)
            if self._last_changes.get(message.device) != (message.boot, since):
                self._last_changes[message.device] = message.boot, since
                self._refresh_within(CHANGE_SECONDS)

    def _refresh_within(self, seconds: float) -> None:
        """Read the status within `seconds`, but not more often than every MIN_REFRESH_SECONDS."""
        when = max(self._loop.now() + seconds, self._refreshed_at + MIN_REFRESH_SECONDS)
        if self._next_refresh and self._next_refresh.when <= when:
            return
        if self._next_refresh:
            self._next_refresh.cancel()
        self._next_refresh = self._loop.at(when, self._refresh)

    def _refresh(self) -> None:
        """Read the status in a background thread; if a read is running already, read again after it."""
        self._next_refresh = None
        if self._is_refreshing:
            self._is_refresh_due = True
            return
        self._is_refreshing, self._is_refresh_due, self._refreshed_at = True, False, self._loop.now()
        self._jobs.submit(self._get_status, self._on_status)

    def _on_status(self, answer: "Future[Any]") -> None:
        """Store the status that a background thread has read, and draw it."""
        self._is_refreshing = False
        try:
            self._status = printable(answer.result())
        except HouseError as error:
            self._show_notice(str(error), "red")
        if self._is_refresh_due:
            self._refresh_within(0)
        self._draw()

    def _draw(self, *, anew: bool = False) -> None:
        if "at" not in self._status:
            return  # no status has been read yet
        view, last_presses = self._view, self._presses.latest(PRESSES)
        devices = self._status["devices"]
        selected = view.choose(devices)
        log = last_lines(selected, LINES) if view.panel == "log" and selected else []
        timezone = zone(self._roster.settings.timezone)
        log = [in_house_time(line, timezone) for line in log]
        why = self._why.lines(selected, devices, timezone) if view.panel == "why" else None
        drawn = frame(self._status, timezone, self._console, view, last_presses, log, why)
        self._window.paint(drawn, anew=anew)

    def _on_keys(self) -> None:
        """Read the pressed keys, and execute their actions."""
        keyboard = self._window.keyboard
        for key in keyboard.read() if keyboard else ():
            action = self._view.press(key, self._status["devices"], time.time())
            if action:
                {"end": self._end, "send": self._send, "restart": self._restart}[action.what](action)
        self._draw()

    def _end(self, action: KeyAction) -> None:
        self._loop.stop("a key")

    def _send(self, action: KeyAction) -> None:
        """Send a command, unless the device has not answered the last one yet."""
        if action.device in self._busy:
            return
        self._busy.add(action.device)
        args = {} if action.argument is None else {action.argument: action.value}
        value = f" {action.value}" if args else ""
        label = f"{self._title(action.device)}: {action.command}{value}"
        self._show_notice(f"{label} …", "dim")

        def on_answer(answer: "Future[Receipt]") -> None:
            self._busy.discard(action.device)
            try:
                receipt = answer.result()
            except NoAnswer:
                self._show_notice(f"{label}: no answer within {PATIENCE_SECONDS:g} s", "red")
            except HouseError as error:
                self._show_notice(f"{label}: {error}", "red")
            else:
                why = f": {receipt.reason}" if receipt.reason else ""
                self._show_notice(
                    f"{label} {receipt.outcome}{why}", "green" if receipt.outcome == "applied" else "red"
                )
            self._refresh_within(CHANGE_SECONDS)

        self._jobs.submit(
            lambda: send_command(
                self._context,
                action.device,
                new_command(action.command, PATIENCE_SECONDS, args, who=TERMINAL),
            ),
            on_answer,
        )

    def _restart(self, action: KeyAction) -> None:
        """Restart a process; only one restart runs at a time."""
        title = self._title(action.device)
        if self._restarting:
            self._show_notice(f"{self._restarting} is still being restarted.", "yellow")
            return
        self._restarting = title
        self._show_notice(f"Restarting {title} …", "dim")

        def work() -> float:
            began = time.monotonic()
            operations.restart([action.device], READY_SECONDS, lambda *_: None)
            return time.monotonic() - began

        def done(answer: "Future[float]") -> None:
            self._restarting = None
            try:
                self._show_notice(f"{title}: restarted in {answer.result():.2f} s", "green")
            except AlreadyRunning as error:
                self._show_notice(
                    f"{title}: not restarted; another command (PID {error.pid}) is changing the house", "red"
                )
            except HouseError as error:
                self._show_notice(f"{title}: not restarted; {error}", "red")
            self._refresh_within(CHANGE_SECONDS)

        self._jobs.submit(work, done)

    def _show_notice(self, text: str, style: str) -> None:
        self._view.set_notice(time.time(), text, style)
        self._draw()

    def _title(self, name: str) -> str:
        return self._roster.peers[name].title
