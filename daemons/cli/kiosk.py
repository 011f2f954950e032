"""`house kiosk`: a browser in full screen on the page of the mirror, for a display on a wall."""

import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from daemons.cli.context import Context

PAGE_SECONDS = 5.0
CHECK_SECONDS = 5.0
"""How often the time of day is compared with the windows of the mirror."""
AWAKE_SECONDS = 60.0
"""So long a touch shows a screen that is off."""
SIGN_IN_SECONDS = 120.0
"""So long after the start of the browser, the file with its token is deleted."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 60.0
"""The pause before an ended browser is started again doubles from the first value to the second one."""
STEADY_SECONDS = 60.0
END_SECONDS = 5.0
PERSON = "kiosk"
"""The name of the kiosk's token."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--kiosk",
    "--no-first-run",
    "--no-default-browser-check",
    "--noerrdialogs",
    "--disable-infobars",
    "--hide-crash-restore-bubble",
    "--disable-session-crashed-bubble",
    "--disable-features=Translate",
    "--disable-pinch",
    "--overscroll-history-navigation=0",
    "--password-store=basic",
    "--autoplay-policy=no-user-gesture-required",
    "--ozone-platform-hint=auto",
    "--check-for-update-interval=31536000",
)
"""No dialog and no bubble covers the page, and an alarm may sound without a touch."""
SIGN_IN = """\
<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<title>House</title>
<script>location.replace({url})</script>
"""


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
    from daemons.errors import AlreadyRunning
    from daemons.storage.lock import NameLock

    words = shlex.split(browser) if browser else find_browser()
    context.enter_run_directory()
    try:
        lock = NameLock("kiosk.browser")
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


def find_browser() -> list[str]:
    """Return the command of the installed Chromium; raises UsageError if there is none."""
    for name in BROWSERS:
        if shutil.which(name):
            return [name]
    raise click.UsageError("there is no Chromium; on Debian: sudo apt install chromium")


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
    from daemons.runtime.loop import Loop

    with Loop(time.monotonic) as loop:
        browser = Browser(loop, words, url, folder)
        screen = Screen(loop, context)
        try:
            loop.run()
        finally:
            screen.close()
            browser.close()


def write_sign_in(folder: Path, url: str) -> Path:
    """Make a token for the kiosk, and write the file with which the browser signs in.

    The command line of a browser can be read by every user of the machine, so it names only this file.
    """
    from daemons.processes.mirror.page.person_tokens import make_person_token

    text, _ = make_person_token(PERSON, ["*"], ["*"])
    link = json.dumps(f"{url.rstrip('/')}/login#token={text}&glass=black").replace("<", "\\u003c")
    path = folder / "sign-in.html"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(SIGN_IN.format(url=link))
    return path


class Browser:
    """A browser with a fresh profile, which is started again when it ends."""

    def __init__(self, loop: Any, words: list[str], url: str, folder: Path) -> None:
        self._loop = loop
        self._words = words
        self._url = url
        self._folder = folder
        self._wait_seconds = FIRST_WAIT_SECONDS
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def _start(self) -> None:
        profile = self._folder / "profile"
        shutil.rmtree(profile, ignore_errors=True)  # so it never asks to restore pages after a crash
        sign_in = write_sign_in(self._folder, self._url)
        command = [*self._words, *FLAGS, f"--user-data-dir={profile}", sign_in.as_uri()]
        self._began = self._loop.now()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.watch(self._pidfd, self._on_end)
        self._forget = self._loop.at(self._began + SIGN_IN_SECONDS, lambda: sign_in.unlink(missing_ok=True))

    def _on_end(self) -> None:
        self._loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._forget.cancel()
        code = self._process.wait() if self._process else None
        self._process = None
        now = self._loop.now()
        if now - self._began >= STEADY_SECONDS:
            self._wait_seconds = FIRST_WAIT_SECONDS
        click.echo(
            f"The browser has ended (status {code}); it is started again in {self._wait_seconds:g} s.",
            err=True,
        )
        self._loop.at(now + self._wait_seconds, self._start)
        self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)

    def close(self) -> None:
        """End the browser and its processes."""
        if not self._process:
            return
        os.close(self._pidfd)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)


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
        self._power.switch(not is_off or is_alarm or now < self._awake_until)

    def close(self) -> None:
        """Switch the screen on, and close the sockets."""
        self._power.switch(True)
        for file in self._inputs:
            os.close(file)
        self._context.destroy(linger=0)
