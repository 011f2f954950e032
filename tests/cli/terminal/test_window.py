"""A window: only changed lines are written, and the terminal is restored at every end."""

import os
import pty
import re
import termios
from collections.abc import Iterator

import pytest

from daemons.cli.terminal.keys import Keyboard
from daemons.cli.terminal.window import BEGIN, END, ENTER, LEAVE, Window


class Terminal:
    """A pseudo-terminal with a window, whose output a test reads."""

    def __init__(self) -> None:
        self.person, self.program = pty.openpty()
        self.window = Window(self.program, "utf-8", Keyboard(self.program))

    def written(self) -> str:
        """Return the output since the last call."""
        os.write(self.program, b"\0")
        data = b""
        while not data.endswith(b"\0"):
            data += os.read(self.person, 4096)
        return data[:-1].decode()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Yield a terminal."""
    made = Terminal()
    yield made
    os.close(made.person)
    os.close(made.program)


def test_a_window_switches_the_terminal_and_restores_it(terminal: Terminal) -> None:
    """The alternate screen is shown inside, and screen and modes are restored afterwards."""
    before = termios.tcgetattr(terminal.program)
    with terminal.window:
        assert terminal.written() == ENTER
        assert termios.tcgetattr(terminal.program) != before
    assert terminal.written() == LEAVE
    assert termios.tcgetattr(terminal.program) == before


def test_an_error_inside_restores_the_terminal(terminal: Terminal) -> None:
    """The terminal is restored before the error is printed."""
    before = termios.tcgetattr(terminal.program)
    with pytest.raises(ZeroDivisionError), terminal.window:
        raise ZeroDivisionError
    assert terminal.written().endswith(LEAVE)
    assert termios.tcgetattr(terminal.program) == before


def test_only_changed_lines_are_written(terminal: Terminal) -> None:
    """Changed lines are written at once, each at its row; without a change, nothing is written."""
    with terminal.window as window:
        window.paint(["one", "two", "three"])
        assert [int(row) for row in re.findall(r"\[(\d+);1H", terminal.written())] == [1, 2, 3]
        window.paint(["one", "2", "three"])
        assert terminal.written() == f"{BEGIN}\x1b[2;1H\x1b[2K2\x1b[0m{END}"
        window.paint(["one", "2", "three"])
        assert terminal.written() == ""


def test_another_size_or_another_program_repaints_everything(terminal: Terminal) -> None:
    """The content of the screen is unknown then, so the screen is cleared."""
    with terminal.window as window:
        window.paint(["one", "two"])
        terminal.written()
        window.paint(["one", "two", "three"])
        written = terminal.written()
        assert "\x1b[2J" in written
        assert "one" in written
        window.paint(["one", "two", "three"], anew=True)
        assert "one" in terminal.written()
        window.acquire()
        terminal.written()
        window.paint(["one", "two", "three"])
        assert "one" in terminal.written()


def test_a_character_outside_the_encoding_is_replaced() -> None:
    """A terminal without Unicode shows a question mark."""
    person, program = pty.openpty()
    Window(program, "ascii", None).paint(["● live"])
    assert b"? live" in os.read(person, 100)
    os.close(person)
    os.close(program)


def test_a_closed_terminal_is_left_without_an_error() -> None:
    """`paint` raises OSError, and the end of the window does not."""
    person, program = pty.openpty()
    window = Window(program, "utf-8", Keyboard(program))
    with window:
        os.close(person)
        with pytest.raises(OSError, match="Input/output error"):
            window.paint(["one"])
    os.close(program)
