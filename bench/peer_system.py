"""The processes of one peer: a switch, some appliances and a mirror, forked from one warm process.

usage: python -m bench.peer_system PEER FOLDER PORT APPLIANCES PUBLISHERS [PROCESS...]

Without names of processes, all are forked.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import peers
from bench.house import kill_all, kill_at_exit
from bench.peer_roles import (
    MIRROR,
    PRESS,
    PROBE,
    SWITCH,
    Appliance,
    Mirror,
    Role,
    Switch,
    decode,
    encode,
    topic,
)
from bench.peers import PATIENCE, Peer, PeerError, serving

FIRST_PRESS_SECONDS = 0.25
"""How long the first press may take to arrive; before that, not every process is connected."""


class PeerSystem:
    """A running peer: its server, its processes and a client that presses; a context manager."""

    def __init__(self, word: str, appliances: int, publishers: int = 0) -> None:
        """Without appliances there is only a mirror, for the load of this many publishers."""
        self.word = word
        self._peer = peers.find(word)
        self._appliances = appliances
        self._publishers = publishers
        self._count = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start all processes, and press until a press arrives at the mirror."""
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
            (self.folder / "bus").mkdir()
            kill_at_exit(self.folder)
            self._stack.callback(kill_all, self.folder)
            self.port = self._stack.enter_context(serving(self._peer, self.folder))
            numbers = [str(number) for number in (self.port, self._appliances, self._publishers)]
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.peer_system", self.word, str(self.folder), *numbers],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
                start_new_session=True,
            )
            self._stack.callback(kill_group, process)
            self._client = self._peer(self.folder, self.port, "driver", (MIRROR,))
            self._client.connect()
            self._stack.callback(self._client.close)
            last = time.monotonic() + PATIENCE + self._appliances / 2
            while not self._request(PRESS if self._appliances else PROBE, FIRST_PRESS_SECONDS):
                if time.monotonic() > last or process.poll() is not None:
                    raise PeerError(f"{self.word}: no press arrives at the mirror")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all processes."""
        self._stack.close()

    def press(self) -> tuple[float, dict[str, Any]]:
        """Press; return the time just before, and the mirror's message once all appliances have followed."""
        answer = self._request(PRESS, PATIENCE)
        if answer is None:
            raise PeerError(f"{self.word}: the mirror did not receive all states within {PATIENCE:g} s")
        return answer

    def received(self) -> dict[str, Any]:
        """Return the mirror's answer with the number of states it has received."""
        answer = self._request(PROBE, PATIENCE)
        if answer is None:
            raise PeerError(f"{self.word}: the mirror sent no answer within {PATIENCE:g} s")
        return answer[1]

    def _request(self, where: str, patience: float) -> tuple[float, dict[str, Any]] | None:
        self._count += 1
        id_ = f"{self._count:010}"
        command = encode({"id": id_, "command": "press", "args": {}})
        answer = self._client.request(where, command, id_.encode(), patience)
        return (answer[0], decode(answer[1])) if answer else None


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all processes that it has forked."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def roles(appliances: int, publishers: int) -> dict[str, tuple[Role, tuple[str, ...]]]:
    """Return the role of each process, and the topics that it receives."""
    found: dict[str, tuple[Role, tuple[str, ...]]] = {}
    if appliances:
        found["switch"] = Switch(), (PRESS,)
    for index in range(appliances):
        found[f"lamp_{index}"] = Appliance(index), (SWITCH,)
    states = [SWITCH] if appliances else []
    states += [topic(index) for index in range(appliances or publishers)]
    found["mirror"] = Mirror(appliances), (PROBE, *states)
    return found


def main() -> None:
    """Fork the processes, and wait for the end."""
    word, folder = sys.argv[1], Path(sys.argv[2])
    port, appliances, publishers = (int(number) for number in sys.argv[3:6])
    peer = peers.find(word)
    for name, (role, topics) in roles(appliances, publishers).items():
        if (not sys.argv[6:] or name in sys.argv[6:]) and os.fork() == 0:
            run_role(peer(folder, port, name, topics), role)
    signal.pause()


def run_role(peer: Peer, role: Role) -> None:
    """Run one role until its process group is killed."""
    try:
        peer.run(role)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
