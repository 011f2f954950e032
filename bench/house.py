"""A temporary house for a measurement: start, command, observe, kill, and remove it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

import zmq

from bench.observers import PATIENCE, MirrorClient, StateSubscriber, milliseconds
from daemons.bus import message
from daemons.bus.endpoints import command_endpoint, publish_endpoint
from daemons.bus.message import STEWARD, Receipt
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Context, Socket, open_socket
from daemons.errors import HouseError
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support import reaper
from tests.support.house import SHIPPED, TemporaryHouse

GONE_SECONDS = 10.0
"""How long a killed process may take to end."""
READY_VERBS = ("up", "restart", "reload")
"""The verbs that wait until every device is ready."""
COMMAND_SECONDS = 2.0
"""How long a command may take, as by `house send`."""
MAX_TRIES = 10
"""How often an expired command is sent again, on a machine that is too busy to do it in time."""
BREAKFAST = SHIPPED.replace('kind = "mirror"', 'kind = "mirror"\nport = 0')
"""The shipped house; its page takes a free port."""
HOUSE = [sys.executable, "-P", "-m", "daemons.cli.main"]
SUPERVISORCTL = [sys.executable, "-P", "-m", "supervisor.supervisorctl", "-c", "../supervisord.conf"]


class House:
    """A running house in a temporary folder; a context manager that leaves nothing behind."""

    def __init__(
        self,
        toml: str,
        *,
        stock: bool = False,
        below: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Stock is supervisord without the prefork plugin's section; the folder is made in `below`.

        `environment` is added to that of its processes.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="bench", dir=below)
        self.temporary_house = TemporaryHouse(
            Path(self._folder.name), toml, prefork=not stock, environment=environment
        )
        self.run = self.temporary_house.run
        self.context: Context = zmq.Context()
        self._command_sockets: dict[str, Socket] = {}
        self.command_seconds = COMMAND_SECONDS
        kill_at_exit(self.run)

    def __enter__(self) -> Self:
        """Start the house."""
        try:
            self.up_seconds = self.house("up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the house, in any case."""
        self.context.destroy(linger=0)
        try:
            if self.run.exists():
                with suppress(subprocess.SubprocessError):  # kill_all ends it
                    self.temporary_house.house("down", check=False)
        finally:
            kill_all(self.run)
            self._folder.cleanup()

    # Commands

    def house(self, *words: str) -> float:
        """Run a `house` command; return the seconds it took."""
        patience = ["--timeout", f"{PATIENCE:g}"] if words[0] in READY_VERBS else []
        return self.command([*HOUSE, *words, *patience])

    def command(self, words: list[str]) -> float:
        """Run any command in the run directory; HouseError holds the output of a failed one."""
        began = time.perf_counter()
        done = subprocess.run(
            words,
            env=self.temporary_house.environment,
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
        """Edit the configuration in one place."""
        text, number = re.subn(pattern, replacement, self.temporary_house.config.read_text(), count=1)
        if number != 1:
            raise HouseError(f"the configuration has no match for {pattern}")
        self.temporary_house.config.write_text(text)

    def send(self, name: str, word: str, **args: Any) -> tuple[str, float]:
        """Send a command; return its id and the Unix time just before it was sent."""
        dealer = self._command_sockets.get(name)
        if dealer is None:
            dealer = self._command_sockets[name] = self.socket(zmq.DEALER)
            dealer.connect(self.endpoint(command_endpoint(name)))
        request = new_command(word, self.command_seconds, args)
        frames = [b"", message.encode(request)]
        began = time.time()
        dealer.send_multipart(frames)
        return request.id, began

    def receipt(self, name: str, id_: str) -> Receipt:
        """Wait for the receipt of a command; HouseError if there is none, or if it was rejected."""
        dealer, end = self._command_sockets[name], time.monotonic() + PATIENCE
        while dealer.poll(milliseconds(end)):
            receipt = message.decode_receipt(dealer.recv_multipart()[-1])
            if receipt.id == id_:
                if receipt.outcome == "rejected":
                    raise HouseError(f"{name}: {receipt.outcome}, {receipt.reason}")
                return receipt
        raise HouseError(f"{name} sent no receipt within {PATIENCE:g} s")

    def do(self, name: str, word: str, **args: Any) -> tuple[str, float]:
        """Send a command and wait for its receipt; return its id and the time before it was sent.

        An expired command was not carried out, and is sent again. HouseError if it is rejected, or always
        expires.
        """
        for _ in range(MAX_TRIES):
            id_, began = self.send(name, word, **args)
            if self.receipt(name, id_).outcome == "applied":
                return id_, began
        raise HouseError(f"{name}: {word} expired {MAX_TRIES} times")

    # Observation

    def socket(self, kind: int) -> Socket:
        """Open a socket with the house's options, but with a minimal reconnect time: it measures others."""
        socket = open_socket(self.context, kind)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RECONNECT_IVL, 1)
        socket.set(zmq.RECONNECT_IVL_MAX, 0)
        return socket

    def endpoint(self, relative: str) -> str:
        """Return an absolute endpoint, so that two houses can be used at a time."""
        return relative.replace("ipc://", f"ipc://{self.run}/")

    def subscribe(self, *names: str) -> StateSubscriber:
        """Subscribe to the states of these devices."""
        socket = self.socket(zmq.SUB)
        for name in names:
            socket.connect(self.endpoint(publish_endpoint(name)))
            socket.subscribe(f"{name}/state")
        return StateSubscriber(socket)

    def mirror_client(self, name: str = "mirror") -> MirrorClient:
        """Return a client of a mirror."""
        socket = self.socket(zmq.DEALER)
        socket.connect(self.endpoint(command_endpoint(name)))
        return MirrorClient(socket)

    def pids(self) -> dict[str, int]:
        """Return the PID of every process, the house's services and supervisord included."""
        status = self.temporary_house.status()
        found = {
            name: one["process"]["pid"] for name, one in (status["devices"] | status["services"]).items()
        }
        return {**found, "supervisord": int((self.run / "supervisord.pid").read_text())}

    def memory(self) -> dict[str, float]:
        """Return the proportional set size of every process, in MB."""
        return {name: size / 1e6 for name, size in memory_use(self.pids()).items()}

    def page(self) -> str:
        """Return the address of the page, once there is one."""
        url = self.mirror_client().until(lambda answer: answer["mirror"]["state"]["url"])["mirror"]["state"][
            "url"
        ]
        return str(url)


def stop_steward(house: House) -> None:
    """Stop the steward of a stock house: stock supervisord has none."""
    house.command([*SUPERVISORCTL, "stop", STEWARD])


@contextmanager
def working_in(house: House) -> Iterator[None]:
    """Work in the run directory, for code that uses relative socket names."""
    before = Path.cwd()
    os.chdir(house.run)
    try:
        yield
    finally:
        os.chdir(before)


def kill_all(folder: Path) -> None:
    """Kill all processes that work in a folder, and wait for their end."""
    end = time.monotonic() + GONE_SECONDS
    while reaper.kill_all(str(folder)) and time.monotonic() < end:
        time.sleep(0.01)


def kill_at_exit(folder: Path) -> None:
    """Kill all processes of this folder at the end of this process, even after a crash."""
    stdin = _guard().stdin
    if stdin is None:
        raise HouseError("the guard process has no standard input")
    print(folder, file=stdin, flush=True)


@cache
def _guard() -> "subprocess.Popen[str]":
    """Start a process that outlives this one: at the end of its pipe, it kills the remaining processes."""
    return subprocess.Popen(
        [sys.executable, reaper.__file__], stdin=subprocess.PIPE, text=True, start_new_session=True
    )
