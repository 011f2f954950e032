"""The live table of houses: reads keys and draws, while the session receives in a thread of its own."""

import sys
import time
from datetime import datetime
from functools import partial

from rich.console import Console

from daemons.cli.fleet.houses import Fleet, HouseRow
from daemons.cli.fleet.session import FleetSession
from daemons.cli.terminal.fleet_view import FleetView, fleet_frame
from daemons.cli.terminal.live_window import live_window, raise_stop_signal
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
        draw_anew = partial(self._draw, anew=True)
        with (
            Loop(time.monotonic) as self._loop,
            live_window(self._console, self._loop, draw_anew, self._on_keys) as self._window,
        ):
            self._view.has_keys = self._window.keyboard is not None
            self._loop.every(DRAW_SECONDS, self._refresh)
            self._loop.run()
        raise_stop_signal(self._loop)

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
