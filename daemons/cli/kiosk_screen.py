"""Switches the screen of a kiosk on and off, and detects touches while it is off."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

CALL_SECONDS = 10
INPUT_BYTES = 4096


class ScreenPower:
    """The programs that switch the screen: wlopm or wlr-randr on Wayland, xset on X."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.program = find_program(environment)
        """The program that is used; None if there is none, and then the screen stays on."""
        self._is_on: bool | None = None
        if self.program == "xset":  # X would blank the screen by itself after some minutes
            run("xset", "s", "off", "s", "noblank", "dpms", "0", "0", "0")

    def switch(self, is_on: bool) -> str | None:
        """Switch the screen, unless that was done last; return why the program failed, or None.

        What has failed is tried again at the next call.
        """
        if is_on == self._is_on:
            return None
        failures = [run(*command)[1] for command in self._commands("on" if is_on else "off")]
        failure = next(filter(None, failures), None)
        self._is_on = None if failure else is_on
        return failure and f"{self.program}: {failure}"

    def _commands(self, word: str) -> list[tuple[str, ...]]:
        match self.program:
            case "wlopm":
                return [("wlopm", f"--{word}", "*")]
            case "wlr-randr":
                names = outputs(run("wlr-randr")[0])
                return [("wlr-randr", "--output", name, f"--{word}") for name in names]
            case "xset":
                return [("xset", "dpms", "force", word)]
        return []


def find_program(environment: Mapping[str, str]) -> str | None:
    """Return the program that switches the screen of this session; None without one."""
    wayland, x11 = "WAYLAND_DISPLAY" in environment, "DISPLAY" in environment
    candidates = [("wlopm", wayland), ("wlr-randr", wayland), ("xset", x11 and not wayland)]
    path = environment.get("PATH")
    return next((name for name, fits in candidates if fits and shutil.which(name, path=path)), None)


def outputs(text: str) -> list[str]:
    """Return the names of the screens in what wlr-randr prints: the lines that are not indented."""
    return [line.split()[0] for line in text.splitlines() if line.strip() and not line[0].isspace()]


def run(*words: str) -> tuple[str, str | None]:
    """Run a program; return what it prints, and why it failed, or None.

    `xset` tells an error only by what it writes.
    """
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=CALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    errors = done.stderr.strip().splitlines()
    status = f"exit status {done.returncode}" if done.returncode else None
    return done.stdout, errors[0] if errors else status


def open_inputs(folder: Path = Path("/dev/input")) -> list[int]:
    """Open the touch screens, mice and keyboards that this user may read (group `input` on Debian)."""
    files = []
    for path in sorted(folder.glob("event*")):
        with suppress(OSError):
            files.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    return files


def drain(file: int) -> bool:
    """Read all events of an input; return False if it is gone."""
    try:
        while os.read(file, INPUT_BYTES):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
