"""A full-screen view in a terminal; the terminal is restored when the view ends, also after an error.

Only changed lines are written, in one write, so that the screen does not flicker.
"""

import os
import signal
from contextlib import suppress
from typing import Self

from daemons.cli.terminal.keys import Keyboard

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""Switch to the alternate screen, hide the cursor, turn off line wrapping (xterm control sequences)."""
LEAVE = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""The start and the end of a synchronized update; a terminal without this mode ignores them."""


class Window:
    """Paints lines on a terminal; `keyboard` reads its keys."""

    def __init__(self, file: int, encoding: str, keyboard: Keyboard | None) -> None:
        self.keyboard = keyboard
        self._file = file
        self._encoding = encoding
        self._shown: list[str] = []

    def __enter__(self) -> Self:
        """Switch the terminal to the view."""
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the terminal."""
        self.release()

    def acquire(self) -> None:
        """Switch the terminal to the view, also again after another program used it."""
        if self.keyboard:
            self.keyboard.enter()
        self._shown = []
        self._write(ENTER)

    def release(self) -> None:
        """Restore the terminal, if it still exists."""
        with suppress(OSError):
            self._write(LEAVE)
        if self.keyboard:
            self.keyboard.leave()

    def paint(self, lines: list[str], *, anew: bool = False) -> None:
        """Show these lines from the top; with `anew`, write all of them.

        Raises OSError if the terminal is gone.
        """
        if anew or len(lines) != len(self._shown):
            self._shown = []
        before: list[str | None] = [*self._shown] or [None] * len(lines)
        changed = [
            f"\x1b[{row};1H\x1b[2K{line}\x1b[0m"
            for row, (line, old) in enumerate(zip(lines, before, strict=True), 1)
            if line != old
        ]
        if changed:
            clear = "" if self._shown else "\x1b[2J"
            self._write(f"{BEGIN}{clear}{''.join(changed)}{END}")
        self._shown = lines

    def suspend(self) -> None:
        """Stop this process as Ctrl-Z does, and acquire the terminal when the process continues."""
        self.release()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # raised in this thread, so that it stops exactly here
        signal.signal(signal.SIGTSTP, handler)
        self.acquire()

    def _write(self, text: str) -> None:
        data = text.encode(self._encoding, "replace")
        while data:
            data = data[os.write(self._file, data) :]
