"""`house kiosk`: a browser in full screen on the page of the mirror, for a display on a wall."""

import logging
import os
import shlex
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from daemons.cli.context import Context

PAGE_SECONDS = 5.0
LOCK_SECONDS, LOCK_POLL_SECONDS = 10.0, 0.5
"""How long the end of another kiosk is awaited, and how often it is checked."""
CHECK_SECONDS = 5.0
"""How often the time of day is compared with the windows of the mirror."""
AWAKE_SECONDS = 60.0
"""So long a touch shows a screen that is off."""


@click.command()
@click.option(
    "--browser",
    metavar="COMMAND",
    help='The browser, and more of its options: "chromium --force-dark-mode".  [default: chromium]',
)
@click.pass_obj
def kiosk(context: Context, browser: str | None) -> None:
    """Show the page in full screen, and switch the screen by the mirror's `screen_off` and `screen_needs`.

    `house install --kiosk` starts this at log-in. The browser gets a token of its own, named kiosk.
    """
    from daemons.cli.kiosk_browser import find_browser
    from daemons.errors import AlreadyRunning

    words = shlex.split(browser) if browser else find_browser()
    context.enter_run_directory()
    try:
        lock = wait_lock()
    except AlreadyRunning:
        click.echo("A kiosk of this house runs already; nothing was done.")
        return
    try:
        url = wait_url(context)
        with tempfile.TemporaryDirectory(
            prefix="house-kiosk-", dir=os.environ.get("XDG_RUNTIME_DIR"), ignore_cleanup_errors=True
        ) as folder:
            run_kiosk(context, words, url, Path(folder))
    finally:
        lock.release()


def wait_lock() -> Any:
    """Acquire the lock of the kiosk; raises AlreadyRunning if another one holds it and does not end.

    The kiosk of a session that has just ended may still close its browser.
    """
    from daemons.errors import AlreadyRunning
    from daemons.storage.lock import NameLock

    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return NameLock("kiosk.browser")
        except AlreadyRunning:
            if time.monotonic() >= end:
                raise
        time.sleep(LOCK_POLL_SECONDS)


def wait_url(context: Context) -> str:
    """Wait until the mirror serves its page, and return its address; the house may start meanwhile."""
    from daemons.supervision import ready

    fault = None
    while True:
        began = time.monotonic()
        url, found = ready.wait_page(context.enter_and_read_roster(), PAGE_SECONDS)
        if url:
            return url
        if found != fault:
            fault = found
            click.echo(f"Waiting for the page: {found or 'the house has no mirror'}", err=True)
        time.sleep(max(0.0, PAGE_SECONDS - (time.monotonic() - began)))


def run_kiosk(context: Context, words: list[str], url: str, folder: Path) -> None:
    """Run the browser and the screen until SIGTERM or Ctrl-C. Only this user may read the folder."""
    from daemons.cli.kiosk_browser import Browser
    from daemons.runtime.loop import Loop

    with Loop(time.monotonic) as loop:
        browser = Browser(loop, words, url, folder)
        screen = Screen(loop, context)
        try:
            loop.run()
        finally:
            screen.close()
            browser.close()


class Screen:
    """Switches the screen by the windows of the mirror, presence, alarms and touches."""

    def __init__(self, loop: Any, context: Context) -> None:
        import zmq

        from daemons.bus.sockets import Subscriber
        from daemons.cli.kiosk_screen import ScreenPower, open_inputs
        from daemons.supervision.install import installed_house

        self._loop = loop
        house = installed_house()
        self._calendar = house.calendar
        self._name, mirror = next(
            (name, device) for name, device in house.devices.items() if device.kind.role == "mirror"
        )
        self._options = mirror.options
        self._power = ScreenPower(os.environ)
        self._failure: str | None = None
        """Why the screen could not be switched last."""
        self._heard: dict[str, float] = {}
        self._states: dict[str, Any] = {}
        self._awake_until = 0.0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        names = [self._name, *filter(None, [self._options.screen_needs])]
        self._subscriber = Subscriber(self._context, names, logging.getLogger("house"))
        loop.watch(self._subscriber.socket, self._on_message)
        loop.every(1.0, self._subscriber.reconnect_silent)
        self._inputs = open_inputs()
        for file in self._inputs:
            loop.watch(file, lambda file=file: self._on_input(file))
        loop.every(CHECK_SECONDS, self._check)

    def _on_message(self) -> None:
        from daemons.bus.message import Heartbeat, State

        for message in self._subscriber.receive():
            if isinstance(message, Heartbeat):
                self._heard[message.device] = self._loop.now()
            elif isinstance(message, State):
                self._states[message.device] = message.state
                self._check()

    def _on_input(self, file: int) -> None:
        from daemons.cli.kiosk_screen import drain

        if not drain(file):
            self._loop.unwatch(file)
        self._awake_until = self._loop.now() + AWAKE_SECONDS
        self._check()

    def _check(self) -> None:
        from daemons.processes.mirror.screen import screen

        now, needed = self._loop.now(), self._options.screen_needs
        is_live = now - self._heard.get(needed, float("-inf")) < self._options.offline_seconds
        status = self._states.get(needed, {}).get("status") if is_live else None
        is_needed = status if isinstance(status, bool) else None
        is_off = screen(self._options, self._calendar, is_needed, time.time()) == "off"
        is_alarm = self._states.get(self._name, {}).get("alarm") is True
        failure = self._power.switch(not is_off or is_alarm or now < self._awake_until)
        if failure not in (None, self._failure):
            click.echo(f"The screen cannot be switched. {failure}", err=True)
        self._failure = failure

    def close(self) -> None:
        """Switch the screen on, and close the sockets."""
        self._power.switch(True)
        for file in self._inputs:
            os.close(file)
        self._context.destroy(linger=0)
