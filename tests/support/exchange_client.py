"""Clients of the exchange for tests: houses with gateways, keys, and programs that use plain sockets."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from daemons.bus.keys import Credentials
from daemons.client.route import Route, connect
from tests.support.house import BREAKFAST, PROJECT, TemporaryHouse, eventually
from tests.support.patience import WAIT_SECONDS, Deadline, patience

GARDEN = """
[devices.garden_lamp]
kind = "lamp"
driver = "foreign"
foreign.every = "2s"
room = "Garden"

[devices.shed_lamp]
kind = "lamp"
driver = "foreign"
foreign.every = "2s"
room = "Shed"

[[devices.kitchen_lamp.when]]
device = "garden_lamp"
turns = { status = true }
do = "on"
"""
"""Two foreign devices, and a rule of a lamp of the house that depends on one of them."""


def exchange_toml(port: int) -> str:
    """Return the configuration of a house with a local and a remote gateway."""
    return f'{BREAKFAST}{GARDEN}\n[exchange]\naddress = "127.0.0.1"\nport = {port}\n'


def make_key(house: TemporaryHouse, name: str, **rights: str) -> Path:
    """Run `house keys make`, and return the file of the key."""
    file = house.config.parent / f"{name}.key"
    options = [part for word, reach in rights.items() for part in (f"--{word}", reach)]
    house.house("keys", "make", name, *options, "--to", str(file))
    return file


def lamp_state(on: bool) -> dict[str, Any]:
    """Return the state of a lamp."""
    return {"status": on, "phase": "on" if on else "off"}


class ExchangeClient:
    """A client of a gateway with plain sockets: it may break every rule of the protocol."""

    def __init__(self, where: Path, context: Any) -> None:
        """`where` is a run directory or the file of a key."""
        self.context = context
        self.route = Route(where)
        self._opened: list[Any] = []
        self._sockets: dict[str, Any] = {}

    def socket(self, kind: int, number: int, key: Credentials | None = None) -> Any:
        """Connect a socket to one of the three endpoints, with this client's key or with another one."""
        credentials = key or self.route.credentials
        opened = connect(self.context, kind, self.route.gateway[number], credentials)
        opened.set(zmq.LINGER, 0)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close all sockets."""
        for opened in self._opened:
            opened.close()

    def subscribe(self, *prefixes: str) -> Any:
        """Return a new socket with these subscriptions."""
        opened = self.socket(zmq.SUB, 0)
        for prefix in prefixes:
            opened.subscribe(prefix)
        return opened

    def report(self, device: str, state: Any, **more: Any) -> None:
        """Report a state of a device, once the exchange has subscribed; bytes are sent as they are."""
        if "report" not in self._sockets:
            self._sockets["report"] = self.socket(zmq.XPUB, 1)
            assert self._sockets["report"].poll(int(patience() * 1000)), "the exchange does not subscribe"
        payload = state if isinstance(state, bytes) else json.dumps({"state": state, **more}).encode()
        self._sockets["report"].send_multipart([f"{device}/state".encode(), payload])

    def send(self, command: dict[str, Any], wait: float = WAIT_SECONDS) -> dict[str, Any] | None:
        """Send a command as it is, and return its receipt; None when none comes within `wait` seconds."""
        if "command" not in self._sockets:
            self._sockets["command"] = self.socket(zmq.DEALER, 2)
        socket = self._sockets["command"]
        socket.send_multipart([b"", json.dumps(command).encode()])
        deadline = Deadline(wait)
        while socket.poll(max(0, int(deadline.left() * 1000))):
            found: dict[str, Any] = json.loads(socket.recv_multipart()[-1])
            if found["id"] == command["id"]:
                return found
        return None

    def command(self, device: str, word: str, seconds: float = 5.0, **more: Any) -> dict[str, Any] | None:
        """Send a command with a new id and a deadline, and return its receipt."""
        return self.send(
            {
                "id": os.urandom(5).hex(),
                "device": device,
                "command": word,
                "deadline": time.time() + patience(seconds),
                **more,
            }
        )


@contextmanager
def connect_client(where: Path) -> Iterator[ExchangeClient]:
    """Connect a client, by a run directory or by the file of a key."""
    before = Path.cwd()
    if where.is_dir():
        os.chdir(where)  # the path of a socket is limited to 107 bytes
        where = Path()
    made = ExchangeClient(where, zmq.Context())
    try:
        yield made
    finally:
        made.close()
        made.context.destroy(linger=0)
        os.chdir(before)


def receive_message(socket: Any, seconds: float = WAIT_SECONDS) -> tuple[str, dict[str, Any]]:
    """Receive the next message of a subscriber, topic and payload; fail after the bound."""
    assert socket.poll(int(patience(seconds) * 1000)), "no message came"
    topic, payload = socket.recv_multipart()
    return topic.decode(), json.loads(payload)


def topics_within(socket: Any, seconds: float) -> set[str]:
    """Return every topic that a subscriber receives within a time."""
    found = set()
    end = time.monotonic() + seconds
    while socket.poll(max(0, int((end - time.monotonic()) * 1000))):
        found.add(socket.recv_multipart()[0].decode())
    return found


@contextmanager
def run_program(house: TemporaryHouse, code: str, *args: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a Python program in the house's environment; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args], env=house.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Read the output of a program until a line contains these words, and return that line."""
    assert process.stdout is not None
    for printed in process.stdout:
        if words in printed:
            return printed
    raise AssertionError(f"the program ended without printing {words!r}")


def restart_exchange(house: TemporaryHouse) -> int:
    """Kill the exchange and wait for its successor, whose log of drops is empty; return the new PID."""
    with house.listen("exchange") as listener:
        listener.kill("exchange")
        return listener.heartbeats["exchange"].pid


def wait_for_log(house: TemporaryHouse, words: str) -> None:
    """Wait until the log of the exchange contains these words."""
    eventually(lambda: words in house.log("exchange"))


def pss_kilobytes(pid: int) -> int:
    """Return a process's proportional share of memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def documented_program(name: str) -> str:
    """Return a program from docs/programs.md."""
    text = (PROJECT / "docs" / "programs.md").read_text()
    found = re.search(rf"^```python\n(# {re.escape(name)}: .*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/programs.md has no {name}"
    return found[1]
