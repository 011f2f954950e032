"""The keyboard: decodes the bytes of a terminal into keys, and restores the terminal afterwards."""

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
        ("ü€".encode(), ["ü", "€"]),
        (b"\x7f-:._", ["backspace", "-", ":", ".", "_"]),
        (b"\x00\x01+/", ["+", "/"]),
        (b"", []),
    ],
)
def test_the_bytes_of_a_terminal_are_decoded_into_keys(sent: bytes, keys: list[str]) -> None:
    """Arrow keys are decoded in both modes; an unknown sequence is ignored as a whole."""
    assert decode(sent) == (keys, b"")


@pytest.mark.parametrize("sent", [b"\x1b[", b"\x1b[1;5", b"\x1bO"])
def test_an_incomplete_sequence_is_kept_until_its_rest_arrives(sent: bytes) -> None:
    """The incomplete sequence is not decoded as Escape and letters."""
    assert decode(b"j" + sent) == (["j"], sent)
    assert decode(sent + b"A") == (["up"], b"")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Yield both ends of a terminal."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_keys_arrive_at_once_and_are_not_echoed(terminal: tuple[int, int]) -> None:
    """No Enter is needed, and a sequence in two parts is one key."""
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


def test_leave_restores_the_modes_of_the_terminal(terminal: tuple[int, int]) -> None:
    """The modes are restored after `enter` was called twice; Ctrl-C and Ctrl-Z stay signals meanwhile."""
    before = termios.tcgetattr(terminal[1])
    before[3] &= ~termios.ISIG  # as an earlier program may have left the terminal
    termios.tcsetattr(terminal[1], termios.TCSANOW, before)
    keyboard = Keyboard(terminal[1])
    keyboard.enter()
    keyboard.enter()
    during = termios.tcgetattr(terminal[1])
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG
    keyboard.leave()
    assert termios.tcgetattr(terminal[1]) == before


def test_a_closed_terminal_is_an_end_key() -> None:
    """`read` returns "end", and `leave` does not fail."""
    person, program = pty.openpty()
    keyboard = Keyboard(program)
    os.close(person)
    assert keyboard.read() == ["end"]
    keyboard.leave()
    os.close(program)
