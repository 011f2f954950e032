"""A terminal with a `house` command in it: what a person would see, and the keys that a person presses."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from daemons.cli.terminal.window import BEGIN, END
from tests.support.house import HOUSE, PATIENCE, Household

PIECE = re.compile(r"\x1b\[(\d+);1H|\x1b\[(2J|2K|\?1049[hl])|\x1b\[[?\d;]*[a-zA-Z]|([^\x1b]+)")
SHELL = """
import os, signal, subprocess, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen(sys.argv[1:], process_group=0)
while True:
    os.tcsetpgrp(0, job.pid)
    os.kill(job.pid, signal.SIGCONT)
    _, status = os.waitpid(job.pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpid())
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    usual = termios.tcgetattr(0)[3] & termios.ICANON and termios.tcgetattr(0)[3] & termios.ECHO
    print("stopped, and the terminal is", "as it was" if usual else "broken", flush=True)
    sys.stdin.readline()
"""
"""As much of a shell as Ctrl-Z needs: a job of its own in the foreground, continued by an Enter."""


class Glass:
    """What stands on the terminal, line by line."""

    def __init__(self, process: "subprocess.Popen[bytes]", person: int, program: int) -> None:
        self.process = process
        self.program = program
        self.person = person
        self.rows: dict[int, str] = {}
        self.other_screen = False
        self.sent = b""
        """All that was ever written to it."""
        self._rest = b""
        self._row = 1

    @property
    def text(self) -> str:
        """Give all that can be read now."""
        return "\n".join(self.rows[row] for row in sorted(self.rows))

    def line(self, word: str) -> str:
        """Give the line of a device."""
        return next((line for line in self.rows.values() if word in line), "")

    def press(self, keys: str) -> "Glass":
        """Press keys."""
        os.write(self.person, keys.encode())
        return self

    def resize(self, columns: int, rows: int) -> None:
        """Make it another size; who looks is told by the kernel."""
        fcntl.ioctl(self.program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, *words: str, without: str | None = None, patience: float = PATIENCE) -> "Glass":
        """Look until all of these can be read, and this can not; fail when that never is."""
        end = time.monotonic() + patience
        while not all(word in self.text for word in words) or (without is not None and without in self.text):
            left = end - time.monotonic()
            if left <= 0 or not self._look(left):
                raise AssertionError(f"not within {patience:g} s: {words}\n{self.text}")
        return self

    def end(self) -> int:
        """Look until the command has ended; give its exit status."""
        while self._look(PATIENCE):
            if self.process.poll() is not None and not select.select([self.person], [], [], 0)[0]:
                break
        return self.process.wait(PATIENCE)

    def _look(self, seconds: float) -> bool:
        wake = os.pidfd_open(self.process.pid) if self.process.poll() is None else self.person
        readable, _, _ = select.select([self.person, wake], [], [], seconds)
        if wake != self.person:
            os.close(wake)
        if self.person in readable:
            data = os.read(self.person, 1 << 16)
            self.sent += data
            whole, self._rest = whole_frames(self._rest + data)
            self._write(whole.decode(errors="replace"))
        return bool(readable)

    def _write(self, text: str) -> None:
        for row, control, plain in PIECE.findall(text):
            if row:
                self._row = int(row)
            elif control == "2K":
                self.rows[self._row] = ""
            elif control:
                self.rows = {}
                self.other_screen = control == "?1049h" or (self.other_screen and control == "2J")
            elif plain:
                self.rows[self._row] = self.rows.get(self._row, "") + plain


def whole_frames(data: bytes) -> tuple[bytes, bytes]:
    """Part what can be looked at from a frame that is not all there yet: a terminal is read in pieces."""
    begins = data.rfind(BEGIN.encode())
    if begins > data.rfind(END.encode()):
        return data[:begins], data[begins:]
    escape = data.rfind(b"\x1b")
    cut = escape >= 0 and BEGIN.encode().startswith(data[escape:])
    return (data[:escape], data[escape:]) if cut else (data, b"")


@contextmanager
def glass(
    house: Household,
    *,
    columns: int = 110,
    rows: int = 30,
    in_shell: bool = False,
    keys: bool = True,
    **more: str,
) -> Iterator[Glass]:
    """Have `house mirror` in a terminal of this size, in a shell if need be, or without a keyboard."""
    person, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    around = [HOUSE[0], "-c", SHELL] if in_shell else []
    environment = {**house.environment, "TERM": "xterm", **more}
    process = subprocess.Popen(
        [*around, *HOUSE, "mirror"],
        env={key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES")},
        stdin=program if keys else subprocess.DEVNULL,
        stdout=program,
        stderr=program,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads here
    )
    try:
        yield Glass(process, person, program)
    finally:
        for number in (signal.SIGCONT, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
        process.wait(PATIENCE)
        os.close(person)
        os.close(program)
