"""A window that is live in a terminal: its keys, and the signals of the terminal."""

import errno
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from daemons.cli.terminal.keys import Keyboard
from daemons.cli.terminal.window import Window
from daemons.runtime.loop import Loop


@contextmanager
def live_window(
    console: Console, loop: Loop, draw_anew: Callable[[], None], on_keys: Callable[[], None]
) -> Iterator[Window]:
    """Open a window on standard output for as long as the loop runs.

    `draw_anew` is called when another program may have written over it, and `on_keys` when keys can be read.
    There are keys only if standard input is a terminal. The loop stops at a signal that ends a program, and
    `raise_stop_signal` then raises it again.
    """
    keyboard = Keyboard(sys.stdin.fileno()) if sys.stdin and sys.stdin.isatty() else None
    window = Window(sys.stdout.fileno(), console.encoding, keyboard)

    def on_continue(*_: object) -> None:
        """Acquire the terminal after SIGCONT; a terminal that closes sends this signal as well."""
        if loop.stop_reason is None:
            window.acquire()
        loop.at(0, draw_anew)

    handlers: dict[signal.Signals, Callable[..., object]] = {
        signal.SIGHUP: lambda *_: loop.stop("SIGHUP"),
        signal.SIGQUIT: lambda *_: loop.stop("SIGQUIT"),
        signal.SIGTSTP: lambda *_: window.suspend(),
        signal.SIGCONT: on_continue,
        signal.SIGWINCH: lambda *_: loop.at(0, draw_anew),
    }
    try:
        with _handling(handlers), window:
            if keyboard:
                loop.watch(keyboard.file, on_keys)
            yield window
    except OSError as error:
        if error.errno != errno.EIO:  # else the terminal is gone, and no message can be shown
            raise


def raise_stop_signal(loop: Loop) -> None:
    """Raise the signal that has stopped a loop again, once the terminal is restored."""
    if loop.stop_reason in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        signal.signal(signal.Signals[loop.stop_reason], signal.SIG_DFL)
        signal.raise_signal(signal.Signals[loop.stop_reason])


@contextmanager
def _handling(handlers: dict[signal.Signals, Callable[..., object]]) -> Iterator[None]:
    """Set signal handlers for the duration of the context."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
