"""Reads single keys from a terminal, as words such as "up".

Ctrl-C and Ctrl-Z still send their signals.
"""

import os
import re
import signal
import termios
from contextlib import suppress

WORDS = {
    b"\x1b": "escape",
    b"\n": "enter",
    b"\r": "enter",
    b" ": "space",
    b"\x04": "end",
    b"\x7f": "backspace",
}
SIGNS = (b"?", b":", b".", b"-", b"_", b"/", b"+", b"=", b",")
"""The keys beside letters and digits that have a meaning."""
FIRST_OF_SEVERAL = 0xC2
"""The lowest first byte of a character with several bytes (UTF-8)."""
ARROWS = {b"A": "up", b"B": "down", b"H": "first", b"F": "last"}
KEY = re.compile(rb"\x1b(?:\[([\d;]*)([@-~])|O(.)|\[[\d;]*\Z|O\Z)?|[\x00-\x7f]|[\xc2-\xf4][\x80-\xbf]+")
"""The bytes of one key (ECMA-48, 5.4). The last two alternatives match an incomplete sequence."""


def decode(data: bytes) -> tuple[list[str], bytes]:
    """Return the known keys in the bytes of a terminal, and the bytes of an incomplete sequence."""
    keys = []
    for found in KEY.finditer(data):
        sent, final = found[0], found[2] or found[3]
        if final is not None:
            keys += [ARROWS[final]] if final in ARROWS else []
        elif sent[:1] == b"\x1b" and len(sent) > 1:
            return keys, sent
        elif sent in WORDS:
            keys.append(WORDS[sent])
        elif sent.isalnum() or sent in SIGNS or sent[0] >= FIRST_OF_SEVERAL:
            text = sent.decode(errors="ignore")
            keys += [text] if len(text) == 1 and text.isprintable() else []
    return keys, b""


class Keyboard:
    """Reads keys from a terminal, between `enter` and `leave`."""

    def __init__(self, file: int) -> None:
        """Store the modes of the terminal; raises termios.error if the file is not a terminal."""
        self.file = file
        self._before = termios.tcgetattr(file)
        self._rest = b""

    def enter(self) -> None:
        """Switch to single keys without echo; raises OSError if the terminal is gone."""
        try:
            modes = termios.tcgetattr(self.file)
            modes[0] = modes[0] & ~termios.IXON | termios.ICRNL  # Ctrl-S must not freeze the view
            modes[3] = modes[3] & ~(termios.ICANON | termios.ECHO) | termios.ISIG
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.file, termios.TCSANOW, modes)
        except termios.error as error:
            raise OSError(*error.args) from error

    def leave(self) -> None:
        """Restore the modes of the terminal, if it still exists and no shell has taken it back."""
        handler = signal.signal(
            signal.SIGTTOU, signal.SIG_IGN
        )  # otherwise a process in the background stops here
        with suppress(OSError, termios.error):
            if self._is_foreground():
                termios.tcsetattr(self.file, termios.TCSANOW, self._before)
        signal.signal(signal.SIGTTOU, handler)

    def _is_foreground(self) -> bool:
        """Return whether this process is in the foreground of the terminal."""
        try:
            return os.tcgetpgrp(self.file) == os.getpgrp()
        except OSError:
            return True

    def read(self) -> list[str]:
        """Return the pressed keys, or "end" if the terminal is gone."""
        try:
            data = os.read(self.file, 1024)
        except OSError:
            return ["end"]
        keys, self._rest = decode(self._rest + data)
        return keys if data else ["end"]
