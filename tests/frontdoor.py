"""The front door of a house in a test: houses with one, plain programs that come to it, and who they are."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from daemons import client
from daemons.keyring import Pass, read_pass
from tests.household import BREAKFAST, PATIENCE, Household, eventually

GARDEN = """
[devices.garden_lamp]
kind = "lamp"
driver = "foreign"
foreign.every = "2s"
room = "Garden"

[[devices.kitchen_lamp.when]]
device = "garden_lamp"
turns = { status = true }
do = "on"
"""
"""A device that is somebody's own program, and a rule of a lamp of the house that goes by it."""


def free_ports() -> int:
    """Give the first of three ports in a row that nobody has."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
        try:
            for number in (1, 2):
                with socket.socket() as other:
                    other.bind(("127.0.0.1", port + number))
        except OSError:
            continue
        if port < 65000:
            return port


def near_door() -> str:
    """Give a house with the near door, and a foreign device."""
    return BREAKFAST + GARDEN


def far_door(port: int) -> str:
    """Give a house that is reached over the network as well."""
    return f'{near_door()}\n[exchange]\naddress = "127.0.0.1"\nport = {port}\n'


def make_key(house: Household, name: str, **rights: str) -> Path:
    """Have a key made, as a person does; give its file."""
    file = house.config.parent / f"{name}.key"
    options = [part for word, reach in rights.items() for part in (f"--{word}", reach)]
    house.house("keys", "make", name, *options, "--to", str(file))
    return file


def lamp(on: bool) -> dict[str, Any]:
    """Give what a lamp shows."""
    return {"status": on, "phase": "on" if on else "off"}


class Visitor:
    """Somebody at the door, with plain sockets: nothing here keeps a rule of the house."""

    def __init__(self, where: Path, context: Any) -> None:
        self._context = context
        self.way = client.way(where)
        self._sockets: dict[str, Any] = {}

    def socket(self, kind: int, number: int, key: Pass | None = None) -> Any:
        """Open one of the three sockets, with another key than its own perhaps."""
        opened = client.open_socket(self._context, kind, self.way[number], key or self.way.key)
        opened.set(zmq.LINGER, 0)
        return opened

    def hear(self, *prefixes: str) -> Any:
        """Subscribe."""
        opened = self.socket(zmq.SUB, 0)
        for prefix in prefixes:
            opened.subscribe(prefix)
        return opened

    def say(self, device: str, state: Any, **more: Any) -> None:
        """Say a state, once the way is open."""
        if "say" not in self._sockets:
            self._sockets["say"] = self.socket(zmq.XPUB, 1)
            self._sockets["say"].poll(5000)
        payload = state if isinstance(state, bytes) else json.dumps({"state": state, **more}).encode()
        self._sockets["say"].send_multipart([f"{device}/state".encode(), payload])

    def send(self, command: dict[str, Any], wait: float = PATIENCE) -> dict[str, Any] | None:
        """Send a command as it is; give the receipt, or nothing when none comes."""
        if "ask" not in self._sockets:
            self._sockets["ask"] = self.socket(zmq.DEALER, 2)
        ask = self._sockets["ask"]
        ask.send_multipart([b"", json.dumps(command).encode()])
        end = time.monotonic() + wait
        while ask.poll(max(0, int((end - time.monotonic()) * 1000))):
            found: dict[str, Any] = json.loads(ask.recv_multipart()[-1])
            if found["id"] == command["id"]:
                return found
        return None

    def command(self, device: str, word: str, seconds: float = 5.0, **more: Any) -> dict[str, Any] | None:
        """Send a command that is wanted for a while."""
        return self.send(
            {
                "id": os.urandom(5).hex(),
                "device": device,
                "command": word,
                "deadline": time.time() + seconds,
                **more,
            }
        )


@contextmanager
def visit(where: Path) -> Iterator[Visitor]:
    """Come to the door, with a run directory or a key's file."""
    context = zmq.Context()
    before = Path.cwd()
    if where.is_dir():
        os.chdir(where)  # a socket's path has room for 107 bytes
        where = Path()
    try:
        yield Visitor(where, context)
    finally:
        context.destroy(linger=0)
        os.chdir(before)


def heard(socket: Any, patience: float = PATIENCE) -> tuple[str, dict[str, Any]]:
    """Take the next message of a subscriber."""
    assert socket.poll(int(patience * 1000)), "nothing was heard"
    topic, payload = socket.recv_multipart()
    return topic.decode(), json.loads(payload)


def hears(socket: Any, seconds: float) -> set[str]:
    """Give every topic that is heard within a while."""
    found = set()
    end = time.monotonic() + seconds
    while socket.poll(max(0, int((end - time.monotonic()) * 1000))):
        found.add(socket.recv_multipart()[0].decode())
    return found


@contextmanager
def program(code: str, *args: str, cwd: Path, lines: int = 0) -> Iterator["subprocess.Popen[str]"]:
    """Run a program of somebody's own, which has nothing of ours; it ends with the test at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, *args], cwd=cwd, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def exchange_log(house: Household, words: str) -> None:
    """Wait until the exchange has logged something."""
    eventually(lambda: words in house.log("exchange"))


def exchange_pid(house: Household) -> int:
    """Give the exchange's PID, by its lock's holder."""
    with house.ear("exchange") as ear:
        return ear.until(lambda ear: "exchange" in ear.beats).beats["exchange"].pid


def pss_kilobytes(pid: int) -> int:
    """Give a process's proportional share of memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def pass_of(file: Path) -> Pass:
    """Read a key's file."""
    return read_pass(file)
