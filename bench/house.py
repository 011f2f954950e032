"""A house of its own for a measurement: started, pressed, killed, looked at, and gone when it is over."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

import zmq

from bench.sight import PATIENCE, Ear, Mirror, milliseconds
from daemons.bus import message
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.message import STEWARD, Receipt
from daemons.bus.sockets import Context, Socket, command, open_socket
from daemons.errors import HouseError
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support import reaper
from tests.support.house import SHIPPED, Household

GONE_SECONDS = 10.0
"""How long a killed process may take to be gone."""
PATIENT = ("up", "restart", "reload")
"""The verbs that wait until all is ready."""
COMMAND_SECONDS = 2.0
"""How long a command may take, as by `house send`."""
MOST_TRIES = 10
"""How often a command is given that expires, on a machine that is too busy to carry it out in time."""
BREAKFAST = SHIPPED.replace('kind = "mirror"', 'kind = "mirror"\nport = 0')
"""The shipped house; its page takes a free port."""
HOUSE = [sys.executable, "-P", "-m", "daemons.cli.main"]
SUPERVISORCTL = [sys.executable, "-P", "-m", "supervisor.supervisorctl", "-c", "../supervisord.conf"]


class House:
    """A running house in a temporary folder; a context manager, at whose end nothing is left."""

    def __init__(self, toml: str, *, stock: bool = False, below: str | None = None) -> None:
        """Stock is supervisord without the nursery's section; `below` is where its folder is made."""
        self._folder = tempfile.TemporaryDirectory(prefix="bench", dir=below)
        self.household = Household(Path(self._folder.name), toml, nursery=not stock)
        self.run = self.household.run
        self.context: Context = zmq.Context()
        self._lines: dict[str, Socket] = {}
        self.command_seconds = COMMAND_SECONDS
        watch_over(self.run)

    def __enter__(self) -> Self:
        """Be up."""
        try:
            self.up_seconds = self.house("up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Be down, whatever has happened."""
        self.context.destroy(linger=0)
        try:
            if self.run.exists():
                with suppress(subprocess.SubprocessError):  # then it is killed
                    self.household.house("down", check=False)
        finally:
            kill_all(self.run)
            self._folder.cleanup()

    # What a person does

    def house(self, *words: str) -> float:
        """Run a `house` command; give the seconds it took."""
        patience = ["--timeout", f"{PATIENCE:g}"] if words[0] in PATIENT else []
        return self.command([*HOUSE, *words, *patience])

    def command(self, words: list[str]) -> float:
        """Run any command in its run directory; HouseError holds what a failed one said."""
        began = time.perf_counter()
        done = subprocess.run(
            words,
            env=self.household.environment,
            cwd=self.run if self.run.exists() else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        took = time.perf_counter() - began
        if done.returncode:
            raise HouseError(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return took

    def edit(self, pattern: str, replacement: str) -> None:
        """Edit its configuration in one place."""
        text, number = re.subn(pattern, replacement, self.household.config.read_text(), count=1)
        if number != 1:
            raise HouseError(f"its configuration has no {pattern}")
        self.household.config.write_text(text)

    def send(self, name: str, word: str, **args: Any) -> tuple[str, float]:
        """Send a command; give its id and the moment, in Unix seconds, just before it went."""
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = self.socket(zmq.DEALER)
            line.connect(self.endpoint(command_endpoint(name)))
        wish = command(word, self.command_seconds, args)
        frames = [b"", message.encode(wish)]
        began = time.time()
        line.send_multipart(frames)
        return wish.id, began

    def receipt(self, name: str, id_: str) -> Receipt:
        """Wait for the receipt of what was sent; HouseError when there is none, or it was rejected."""
        line, end = self._lines[name], time.monotonic() + PATIENCE
        while line.poll(milliseconds(end)):
            receipt = message.decode_receipt(line.recv_multipart()[-1])
            if receipt.id == id_:
                if receipt.outcome == "rejected":
                    raise HouseError(f"{name}: {receipt.outcome}, {receipt.reason}")
                return receipt
        raise HouseError(f"{name} gave no receipt within {PATIENCE:g} s")

    def do(self, name: str, word: str, **args: Any) -> tuple[str, float]:
        """Have something done, and wait for the receipt; give the id and the moment before it was sent.

        What expires was not done, and is sent again; HouseError when it always expires, or is rejected.
        """
        for _ in range(MOST_TRIES):
            id_, began = self.send(name, word, **args)
            if self.receipt(name, id_).outcome == "applied":
                return id_, began
        raise HouseError(f"{name}: {word} expired {MOST_TRIES} times")

    # What is seen of it

    def socket(self, kind: int) -> Socket:
        """Open a socket with the house's options, but one that is back at once: it times others."""
        socket = open_socket(self.context, kind)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RECONNECT_IVL, 1)
        socket.set(zmq.RECONNECT_IVL_MAX, 0)
        return socket

    def endpoint(self, relative: str) -> str:
        """Give an endpoint as it is from anywhere, so that two houses can be heard at a time."""
        return relative.replace("ipc://", f"ipc://{self.run}/")

    def ear(self, *names: str) -> Ear:
        """Listen to the states of these."""
        socket = self.socket(zmq.SUB)
        for name in names:
            socket.connect(self.endpoint(publish_endpoint(name)))
            socket.subscribe(f"{name}/state")
        return Ear(socket)

    def mirror(self, name: str = "mirror") -> Mirror:
        """Have somebody to ask."""
        socket = self.socket(zmq.DEALER)
        socket.connect(self.endpoint(command_endpoint(name)))
        return Mirror(socket)

    def pids(self) -> dict[str, int]:
        """Give the PID of every process, the house's own and supervisord included."""
        status = self.household.status()
        found = {
            name: one["process"]["pid"] for name, one in (status["devices"] | status["services"]).items()
        }
        return {**found, "supervisord": int((self.run / "supervisord.pid").read_text())}

    def memory(self) -> dict[str, float]:
        """Weigh every process: its proportional set size, in MB."""
        return {name: size / 1e6 for name, size in memory_use(self.pids()).items()}

    def page(self) -> str:
        """Give the address of its page, once there is one."""
        url = self.mirror().until(lambda answer: answer["mirror"]["state"]["url"])["mirror"]["state"]["url"]
        return str(url)


def without_steward(house: House) -> None:
    """Stop the steward of a stock house, for stock supervisord has none."""
    house.command([*SUPERVISORCTL, "stop", STEWARD])


@contextmanager
def inside(house: House) -> Iterator[None]:
    """Work in its run directory, for what knows its sockets by their short names only."""
    before = Path.cwd()
    os.chdir(house.run)
    try:
        yield
    finally:
        os.chdir(before)


def kill_all(folder: Path) -> None:
    """Kill whoever works in a folder, and return when they have gone."""
    end = time.monotonic() + GONE_SECONDS
    while reaper.kill_all(str(folder)) and time.monotonic() < end:
        time.sleep(0.01)


def watch_over(folder: Path) -> None:
    """Have whoever works in this folder killed when we have ended, however that was."""
    stdin = _guard().stdin
    if stdin is None:
        raise HouseError("the guard does not listen")
    print(folder, file=stdin, flush=True)


@cache
def _guard() -> "subprocess.Popen[str]":
    """Start the one that outlives us: when our end of its pipe is closed, it kills what is left."""
    return subprocess.Popen(
        [sys.executable, reaper.__file__], stdin=subprocess.PIPE, text=True, start_new_session=True
    )
