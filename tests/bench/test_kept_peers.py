"""The peers that keep messages lose no press and repeat none when their processes are killed."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt", reason="needs the extra mqtt")

from bench import peers
from bench.peer_roles import MIRROR, PRESS, encode
from bench.peers import PATIENCE, Peer, serving
from tests.support.house import PROJECT

pytestmark = pytest.mark.long
KEPT = ("mosquitto_qos2", "nats_jetstream", "redis_streams")
WRITTEN_FIRST = ("nats_jetstream", "redis_streams")
"""The servers that write a message before they acknowledge it."""
PROCESSES = ("switch", "lamp_0", "mirror")
SHORT_SECONDS = 0.3


class Kept:
    """The processes of one peer, each of which can be killed and started again."""

    def __init__(self, word: str, folder: Path, port: int, stack: ExitStack) -> None:
        self._word, self.folder, self._port, self._stack = word, folder, port, stack
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.client: Peer = peers.find(word)(folder, port, "driver", (MIRROR,))
        self.client.connect()
        stack.callback(self.client.close)
        self.start(*PROCESSES, "observer")

    def start(self, *names: str) -> None:
        """Start these processes."""
        for name in names:
            own = [self._word, str(self.folder), str(self._port)]
            command = ["bench.peer_system", *own, "1", "0", name]
            if name == "observer":
                command = ["tests.support.peer_observer", *own]
            output = (self.folder / f"{name}.out").open("ab")
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=PROJECT,
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
                stdout=output,
                start_new_session=True,
            )
            output.close()
            self._processes[name] = process
            self._stack.callback(self.kill, name)

    def kill(self, name: str) -> None:
        """Kill a process, if it runs, with the one that it has forked."""
        if process := self._processes.pop(name, None):
            os.killpg(process.pid, 9)
            process.wait()

    def press(self, id_: str, patience: float = PATIENCE) -> bool:
        """Press once; return whether the mirror has published what follows from it."""
        command = encode({"id": id_, "command": "press", "args": {}})
        return self.client.request(PRESS, command, id_.encode(), patience) is not None


@contextmanager
def running(word: str, folder: Path) -> Iterator[Kept]:
    """Run a peer; at the end kill its server and all its processes."""
    with serving(peers.find(word), folder) as port, ExitStack() as stack:
        yield Kept(word, folder, port, stack)


@pytest.fixture
def pressed() -> list[str]:
    """Return the list to which each press adds its id."""
    return []


def press(kept: Kept, pressed: list[str], patience: float) -> bool:
    """Press with a new id; return whether the mirror has published what follows from it."""
    pressed.append(f"press-{time.monotonic_ns()}")
    return kept.press(pressed[-1], patience)


def press_until_answered(kept: Kept, pressed: list[str]) -> None:
    """Press until a press arrives at the mirror at once: all processes run and are connected.

    Of the presses at the beginning, only the last one counts: before, a session may not exist yet.
    """
    end, is_beginning = time.monotonic() + PATIENCE, not pressed
    while not press(kept, pressed, SHORT_SECONDS):
        assert time.monotonic() < end, "no press arrives at the mirror"
    if is_beginning:
        del pressed[:-1]
        presses_until(kept.folder, pressed[0])  # the observer has subscribed, too


def check(kept: Kept, pressed: list[str]) -> None:
    """Check that the appliance has followed each press once: it counts the presses in its state.

    A press whose receiver was killed comes again after a second, behind later ones.
    """
    all_ = presses_until(kept.folder, pressed[0]) + len(pressed) - 1
    end = time.monotonic() + PATIENCE
    while (now := presses(kept.folder)) < all_:
        assert time.monotonic() < end, f"{all_ - now} presses are lost"
        time.sleep(0.02)  # a file sends no event
    assert not kept.press(pressed[-1], SHORT_SECONDS), "a repeated press is handled again"
    assert presses(kept.folder) == all_


def presses(folder: Path) -> int:
    """Return how many presses the appliance has followed, by its own count."""
    lines = (folder / "observer.out").read_text().splitlines()
    return max(int(line.split()[0]) for line in lines)


def presses_until(folder: Path, id_: str) -> int:
    """Return how many presses the appliance had followed with this one, by its own count."""
    output, end = folder / "observer.out", time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for line in output.read_text().splitlines():
            number, cause = line.split()
            if cause == id_:
                return int(number)
        time.sleep(0.02)  # a file sends no event
    raise AssertionError(f"the appliance has not followed {id_}")


def skip_if_missing(word: str) -> None:
    """Skip the test if this machine lacks something for the peer."""
    if reason := peers.find(word).missing():
        pytest.skip(reason)


@pytest.mark.parametrize("word", KEPT)
def test_a_press_counts_once_while_a_process_is_away(word: str, tmp_path: Path, pressed: list[str]) -> None:
    """Each process in turn is killed, and started again after a press."""
    skip_if_missing(word)
    with running(word, tmp_path) as kept:
        press_until_answered(kept, pressed)
        for name in PROCESSES:
            kept.kill(name)
            assert not press(kept, pressed, SHORT_SECONDS)
            kept.start(name)
            press_until_answered(kept, pressed)
        check(kept, pressed)


@pytest.mark.parametrize("word", WRITTEN_FIRST)
def test_a_press_counts_once_when_a_process_is_killed_during_it(
    word: str, tmp_path: Path, pressed: list[str]
) -> None:
    """Each process in turn is killed at some moment of a press."""
    skip_if_missing(word)
    with running(word, tmp_path) as kept:
        press_until_answered(kept, pressed)
        for name in PROCESSES * 2:
            press(kept, pressed, 0.001)
            kept.kill(name)
            kept.start(name)
            press_until_answered(kept, pressed)
        check(kept, pressed)


@pytest.mark.parametrize("word", WRITTEN_FIRST)
def test_a_press_counts_once_when_the_server_is_killed(word: str, tmp_path: Path, pressed: list[str]) -> None:
    """The server is killed just after it has accepted a press that no appliance has received."""
    skip_if_missing(word)
    with running(word, tmp_path) as kept:
        press_until_answered(kept, pressed)
        kept.kill("lamp_0")
        assert not press(kept, pressed, 0.05)
    with running(word, tmp_path) as kept:
        press_until_answered(kept, pressed)
        check(kept, pressed)
