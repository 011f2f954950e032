"""A pseudo-terminal that runs a `house` command: its screen, and its keyboard."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from daemons.cli.terminal.window import BEGIN, END
from tests.support.house import HOUSE, TemporaryHouse
from tests.support.patience import WAIT_SECONDS, Deadline, patience

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
"""The part of a shell that Ctrl-Z needs: a job in the foreground, which Enter continues."""


class Terminal:
    """The screen of a terminal, line by line."""

    def __init__(self, process: "subprocess.Popen[bytes]", keyboard: int, program: int) -> None:
        self.process = process
        self.program = program
        self.keyboard = keyboard
        self.rows: dict[int, str] = {}
        self.other_screen = False
        self.sent = b""
        """Every byte that the command has written."""
        self._rest = b""
        self._row = 1

    @property
    def text(self) -> str:
        """Return all text that is on the screen now."""
        return "\n".join(self.rows[row] for row in sorted(self.rows))

    def line(self, word: str) -> str:
        """Return the line of a device."""
        return next((line for line in self.rows.values() if word in line), "")

    def press(self, keys: str) -> "Terminal":
        """Press keys."""
        os.write(self.keyboard, keys.encode())
        return self

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal; the kernel sends SIGWINCH to the command."""
        fcntl.ioctl(self.program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(
        self, *words: str, without: str | None = None, timeout_seconds: float = WAIT_SECONDS
    ) -> "Terminal":
        """Wait until the screen has all of `words`, and not `without`; fail after the timeout."""
        deadline = Deadline(timeout_seconds)
        while not all(word in self.text for word in words) or (without is not None and without in self.text):
            left = deadline.left()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{deadline}: {words}\n{self.text}")
        return self

    def end(self) -> int:
        """Wait until the command has ended, and return its exit status."""
        while self._read(patience()):
            if self.process.poll() is not None and not select.select([self.keyboard], [], [], 0)[0]:
                break
        return self.process.wait(patience())

    def _read(self, seconds: float) -> bool:
        wake = os.pidfd_open(self.process.pid) if self.process.poll() is None else self.keyboard
        readable, _, _ = select.select([self.keyboard, wake], [], [], seconds)
        if wake != self.keyboard:
            os.close(wake)
        if self.keyboard in readable:
            data = os.read(self.keyboard, 1 << 16)
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
    """Split the complete frames from the beginning of a frame that is still incomplete."""
    begins = data.rfind(BEGIN.encode())
    if begins > data.rfind(END.encode()):
        return data[:begins], data[begins:]
    escape = data.rfind(b"\x1b")
    cut = escape >= 0 and BEGIN.encode().startswith(data[escape:])
    return (data[:escape], data[escape:]) if cut else (data, b"")


@contextmanager
def glass(
    house: TemporaryHouse,
    *,
    columns: int = 110,
    rows: int = 30,
    in_shell: bool = False,
    keys: bool = True,
    verb: tuple[str, ...] = ("mirror",),
    **more: str,
) -> Iterator[Terminal]:
    """Run a live view in a terminal of this size, optionally in a shell or without a keyboard."""
    keyboard, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    around = [HOUSE[0], "-c", SHELL] if in_shell else []
    environment = {**house.environment, "TERM": "xterm", **more}
    process = subprocess.Popen(
        [*around, *HOUSE, *verb],
        env={key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES")},
        stdin=program if keys else subprocess.DEVNULL,
        stdout=program,
        stderr=program,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads here
    )
    try:
        yield Terminal(process, keyboard, program)
    finally:
        for number in (signal.SIGCONT, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
        process.wait(patience())
        os.close(keyboard)
        os.close(program)
