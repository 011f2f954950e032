"""A window: only what has changed is written, and the terminal is given back however it is left."""

import os
import pty
import re
import termios
from collections.abc import Iterator

import pytest

from daemons.cli.terminal.keys import Keyboard
from daemons.cli.terminal.window import BEGIN, END, ENTER, LEAVE, Window


class Terminal:
    """A terminal that a test looks at."""

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


def test_a_window_is_taken_and_given_back(terminal: Terminal) -> None:
    """Another screen without a cursor, and then the one that was, with its modes."""
    before = termios.tcgetattr(terminal.program)
    with terminal.window:
        assert terminal.written() == ENTER
        assert termios.tcgetattr(terminal.program) != before
    assert terminal.written() == LEAVE
    assert termios.tcgetattr(terminal.program) == before


def test_what_goes_wrong_inside_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    """The error is told on the person's own screen, where it can be read."""
    before = termios.tcgetattr(terminal.program)
    with pytest.raises(ZeroDivisionError), terminal.window:
        raise ZeroDivisionError
    assert terminal.written().endswith(LEAVE)
    assert termios.tcgetattr(terminal.program) == before


def test_only_lines_that_have_changed_are_written(terminal: Terminal) -> None:
    """All at once, each in its place; nothing at all when nothing has changed."""
    with terminal.window as window:
        window.paint(["one", "two", "three"])
        assert [int(row) for row in re.findall(r"\[(\d+);1H", terminal.written())] == [1, 2, 3]
        window.paint(["one", "2", "three"])
        assert terminal.written() == f"{BEGIN}\x1b[2;1H\x1b[2K2\x1b[0m{END}"
        window.paint(["one", "2", "three"])
        assert terminal.written() == ""


def test_another_size_or_another_program_paints_all_anew(terminal: Terminal) -> None:
    """What the screen holds then is not known; it is cleared."""
    with terminal.window as window:
        window.paint(["one", "two"])
        terminal.written()
        window.paint(["one", "two", "three"])
        written = terminal.written()
        assert "\x1b[2J" in written
        assert "one" in written
        window.paint(["one", "two", "three"], anew=True)
        assert "one" in terminal.written()
        window.take()
        terminal.written()
        window.paint(["one", "two", "three"])
        assert "one" in terminal.written()


def test_a_letter_that_the_terminal_has_not_is_replaced() -> None:
    """A terminal without Unicode gets a question mark, not a traceback."""
    person, program = pty.openpty()
    Window(program, "ascii", None).paint(["● live"])
    assert b"? live" in os.read(person, 100)
    os.close(person)
    os.close(program)


def test_a_terminal_that_has_gone_is_left_quietly() -> None:
    """There is nothing to give back; who paints is told."""
    person, program = pty.openpty()
    window = Window(program, "utf-8", Keyboard(program))
    with window:
        os.close(person)
        with pytest.raises(OSError, match="Input/output error"):
            window.paint(["one"])
    os.close(program)
