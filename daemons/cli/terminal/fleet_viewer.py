"""The live table of houses: reads keys and draws, while the session receives in a thread of its own."""

import errno
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Console

from daemons.cli.fleet.houses import Fleet, HouseRow
from daemons.cli.fleet.session import FleetSession
from daemons.cli.terminal.fleet_view import FleetView, fleet_frame
from daemons.cli.terminal.viewer import handling, window
from daemons.runtime.clock import uptime
from daemons.runtime.loop import Loop

DRAW_SECONDS = 1.0
SWITCH_SECONDS = 0.001
"""The thread of the session lets the view work after so long, while thousands of messages arrive."""


class FleetViewer:
    """Shows the houses until a person ends it."""

    def __init__(
        self, console: Console, session: FleetSession, fleet: Fleet, view: FleetView, place: str
    ) -> None:
        self._console, self._session, self._fleet = console, session, fleet
        self._view, self._place = view, place
        self._rows: list[HouseRow] = []

    def run(self) -> None:
        """Run until a key or a signal ends the view; raise the signal again once the terminal is restored."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._window = window(self._console)
        self._loop = loop = Loop(time.monotonic)
        try:
            with loop, handling(self._signals()), self._window:
                if self._window.keyboard:
                    loop.watch(self._window.keyboard.file, self._on_keys)
                self._view.has_keys = self._window.keyboard is not None
                loop.every(DRAW_SECONDS, self._refresh)
                loop.run()
        except OSError as error:
            if error.errno != errno.EIO:
                raise  # the terminal is gone, so no message can be shown
        if loop.stop_reason in ("SIGTERM", "SIGHUP", "SIGQUIT"):
            signal.signal(signal.Signals[loop.stop_reason], signal.SIG_DFL)
            signal.raise_signal(signal.Signals[loop.stop_reason])

    def _signals(self) -> dict[signal.Signals, Callable[..., object]]:
        return {
            signal.SIGHUP: lambda *_: self._loop.stop("SIGHUP"),
            signal.SIGQUIT: lambda *_: self._loop.stop("SIGQUIT"),
            signal.SIGTSTP: lambda *_: self._window.suspend(),
            signal.SIGCONT: lambda *_: self._on_continue(),
            signal.SIGWINCH: lambda *_: self._loop.at(0, lambda: self._draw(anew=True)),
        }

    def _on_continue(self) -> None:
        """Acquire the terminal after SIGCONT; a terminal that closes sends this signal as well."""
        if self._loop.stop_reason is None:
            self._window.acquire()
        self._loop.at(0, lambda: self._draw(anew=True))

    def _refresh(self) -> None:
        """Read the houses as they are now, and draw them."""
        self._rows = self._fleet.rows(uptime())
        self._draw()

    def _draw(self, *, anew: bool = False) -> None:
        session = self._session
        fault = None if session.is_subscribed else session.fault or "it is being opened"
        now = datetime.now().astimezone()
        drawn = fleet_frame(self._rows, self._view, self._console, self._place, fault, now)
        self._window.paint(drawn, anew=anew)

    def _on_keys(self) -> None:
        keyboard = self._window.keyboard
        for key in keyboard.read() if keyboard else ():
            if self._view.press(key, self._view.shown):
                self._loop.stop("a key")
        self._draw()
