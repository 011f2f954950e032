"""The processes of one peer: a switch, so many appliances and a mirror, forked from one that has loaded all.

usage: python -m bench.cast PEER FOLDER PORT APPLIANCES PUBLISHERS
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import peers
from bench.house import kill_all, watch_over
from bench.part import MIRROR, PRESS, PROBE, SWITCH, Appliance, Mirror, Switch, decode, encode, topic
from bench.peers import PATIENCE, Peer, PeerError, serving

TRY_SECONDS = 0.25
"""How long a first press may take to go all the way; before that somebody was not there yet."""


class Cast:
    """A peer at work: its server and its processes, and somebody to press; a context manager."""

    def __init__(self, word: str, appliances: int, publishers: int = 0) -> None:
        """Without appliances it is a mirror alone, to be flooded by so many publishers."""
        self.word = word
        self._peer = peers.find(word)
        self._appliances = appliances
        self._publishers = publishers
        self._count = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everybody, and press until a press goes all the way."""
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
            (self.folder / "bus").mkdir()
            watch_over(self.folder)
            self._stack.callback(kill_all, self.folder)
            self.port = self._stack.enter_context(serving(self._peer, self.folder))
            numbers = [str(number) for number in (self.port, self._appliances, self._publishers)]
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.cast", self.word, str(self.folder), *numbers],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
                start_new_session=True,
            )
            self._stack.callback(end, process)
            self._driver = self._peer(self.folder, self.port, "driver", (MIRROR,))
            self._driver.connect()
            self._stack.callback(self._driver.close)
            last = time.monotonic() + PATIENCE + self._appliances / 2
            while not self._ask(PRESS if self._appliances else PROBE, TRY_SECONDS):
                if time.monotonic() > last or process.poll() is not None:
                    raise PeerError(f"{self.word}: no press goes all the way")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everybody."""
        self._stack.close()

    def press(self) -> tuple[float, dict[str, Any]]:
        """Press; give the moment just before, and what the mirror says once everybody has followed."""
        answer = self._ask(PRESS, PATIENCE)
        if answer is None:
            raise PeerError(f"{self.word}: the mirror has not heard everybody within {PATIENCE:g} s")
        return answer

    def heard(self) -> dict[str, Any]:
        """Ask the mirror how many states it has heard."""
        answer = self._ask(PROBE, PATIENCE)
        if answer is None:
            raise PeerError(f"{self.word}: the mirror says nothing for {PATIENCE:g} s")
        return answer[1]

    def _ask(self, where: str, patience: float) -> tuple[float, dict[str, Any]] | None:
        self._count += 1
        id_ = f"{self._count:010}"
        sent = self._driver.ask(where, encode({"id": id_, "command": "press", "args": {}}), patience)
        while sent is not None:
            began, payload = sent
            answer: dict[str, Any] = decode(payload)
            if answer["cause"] == id_:
                return began, answer
            sent = None  # of a press before; the next one will go all the way
        return None


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it has forked."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    """Fork everybody, and wait for the end."""
    word, folder = sys.argv[1], Path(sys.argv[2])
    port, appliances, publishers = (int(number) for number in sys.argv[3:])
    peer = peers.find(word)

    def fork(name: str, hears: tuple[str, ...], hear: Callable[[str, bytes], Any]) -> None:
        if os.fork() == 0:
            play(peer(folder, port, name, hears), hear)

    if appliances:
        fork("switch", (PRESS,), Switch().hear)
    for index in range(appliances):
        fork(f"lamp_{index}", (SWITCH,), Appliance(index).hear)
    heard = [SWITCH] if appliances else []
    heard += [topic(index) for index in range(appliances or publishers)]
    fork("mirror", (PROBE, *heard), Mirror(appliances).hear)
    signal.pause()


def play(peer: Peer, hear: Callable[[str, bytes], Any]) -> None:
    """Be one of them, until the group is killed."""
    try:
        peer.run(hear)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
