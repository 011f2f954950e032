"""Keys: what a terminal sends as words, however it arrives, and a terminal that is as it was afterwards."""

import os
import pty
import termios
from collections.abc import Iterator

import pytest

from daemons.cli.terminal.keys import Keyboard, decode


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"q", ["q"]),
        (b"jjk", ["j", "j", "k"]),
        (b"4r", ["4", "r"]),
        (b"?", ["?"]),
        (b"\n", ["enter"]),
        (b"\r", ["enter"]),
        (b" ", ["space"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA\x1bOB", ["up", "down"]),
        (b"\x1b[H\x1b[F", ["first", "last"]),
        (b"\x1b[1;5A", ["up"]),
        (b"\x1b", ["escape"]),
        (b"\x1b\x1b[A", ["escape", "up"]),
        (b"\x04", ["end"]),
        (b"\x1b[5~\x1b[3~\x1b[200~", []),
        ("ü€".encode(), []),
        (b"\x00\x01\x7f-/", []),
        (b"", []),
    ],
)
def test_what_a_terminal_sends_is_keys(sent: bytes, keys: list[str]) -> None:
    """Arrows in both of their modes; keys that are unknown do nothing, and none of their letters count."""
    assert decode(sent) == (keys, b"")


@pytest.mark.parametrize("sent", [b"\x1b[", b"\x1b[1;5", b"\x1bO"])
def test_a_key_that_has_come_in_part_waits_for_its_rest(sent: bytes) -> None:
    """It is not taken for an Escape and letters."""
    assert decode(b"j" + sent) == (["j"], sent)
    assert decode(sent + b"A") == (["up"], b"")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Yield both ends of a terminal."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_keys_come_at_once_and_are_not_echoed(terminal: tuple[int, int]) -> None:
    """Without an Enter; a key that comes in two parts is one."""
    person, program = terminal
    keyboard = Keyboard(program)
    keyboard.enter()
    os.write(person, b"j\x1b[")
    assert keyboard.read() == ["j"]
    os.write(person, b"A")
    assert keyboard.read() == ["up"]
    os.set_blocking(person, False)
    with pytest.raises(BlockingIOError):
        os.read(person, 100)  # nothing was echoed


def test_the_terminal_is_as_it_was_afterwards(terminal: tuple[int, int]) -> None:
    """Also when it was entered twice; and Ctrl-C and Ctrl-Z stay signals meanwhile."""
    before = termios.tcgetattr(terminal[1])
    before[3] &= ~termios.ISIG  # as a program that was here before us may have left it
    termios.tcsetattr(terminal[1], termios.TCSANOW, before)
    keyboard = Keyboard(terminal[1])
    keyboard.enter()
    keyboard.enter()
    during = termios.tcgetattr(terminal[1])
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG
    keyboard.leave()
    assert termios.tcgetattr(terminal[1]) == before


def test_a_terminal_that_has_gone_ends_it() -> None:
    """The terminal is gone, so the keyboard ends."""
    person, program = pty.openpty()
    keyboard = Keyboard(program)
    os.close(person)
    assert keyboard.read() == ["end"]
    keyboard.leave()
    os.close(program)
