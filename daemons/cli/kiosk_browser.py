"""The browser of a kiosk: it signs in with a token of its own, and is started again when it ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

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


def find_browser() -> list[str]:
    """Return the command of the installed Chromium; raises UsageError if there is none."""
    for name in BROWSERS:
        if shutil.which(name):
            return [name]
    raise click.UsageError("there is no Chromium; on Debian: sudo apt install chromium")


def platform_flags(environment: Mapping[str, str]) -> list[str]:
    """Return the flag by which Chromium draws on a Wayland display.

    By itself it asks XDG_SESSION_TYPE, which is `tty` where a compositor was started from a console.
    """
    return ["--ozone-platform=wayland"] if "WAYLAND_DISPLAY" in environment else []


def is_display_gone(environment: Mapping[str, str]) -> bool:
    """Return whether the display of this session has ended: its socket refuses a connection, or is missing.

    A display that is reached in another way, or not at all, counts as there: the browser itself knows.
    """
    path = display_path(environment)
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        except OSError:
            return False
    return False


def display_path(environment: Mapping[str, str]) -> Path | None:
    """Return the path of the socket of the local Wayland or X display; None without one.

    The paths are those of libwayland (wl_display_connect) and of X(7).
    """
    if name := environment.get("WAYLAND_DISPLAY"):
        return Path(environment.get("XDG_RUNTIME_DIR", ""), name)
    found = re.fullmatch(r":(\d+)(\.\d+)?", environment.get("DISPLAY", ""))
    return Path(f"/tmp/.X11-unix/X{found[1]}") if found else None  # noqa: S108  X defines it


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
        flags = [*FLAGS, *platform_flags(os.environ), f"--user-data-dir={profile}"]
        command = [*self._words, *flags, sign_in.as_uri()]
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
        if is_display_gone(os.environ):
            click.echo("The display has ended, and so does the kiosk.", err=True)
            self._loop.stop("the display has ended")
            return
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
