"""The front door of a house in a test: houses with one, plain programs that come to it, and who they are."""

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

from daemons import client
from daemons.bus.keys import Pass
from tests.support.house import BREAKFAST, PATIENCE, PROJECT, Household, eventually

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
"""Two devices that are somebody's own programs, and a rule of a lamp of the house that goes by one."""


def far_door(port: int) -> str:
    """Give a house with both doors."""
    return f'{BREAKFAST}{GARDEN}\n[exchange]\naddress = "127.0.0.1"\nport = {port}\n'


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
        self.context = context
        self.way = client.way(where)
        self._opened: list[Any] = []
        self._sockets: dict[str, Any] = {}

    def socket(self, kind: int, number: int, key: Pass | None = None) -> Any:
        """Open one of the three sockets, with another key than its own perhaps."""
        endpoint = (self.way.hear, self.way.say, self.way.ask)[number]
        opened = client.open_socket(self.context, kind, endpoint, key or self.way.key)
        opened.set(zmq.LINGER, 0)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Leave."""
        for opened in self._opened:
            opened.close()

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
    before = Path.cwd()
    if where.is_dir():
        os.chdir(where)  # a socket's path has room for 107 bytes
        where = Path()
    visitor = Visitor(where, zmq.Context())
    try:
        yield visitor
    finally:
        visitor.close()
        visitor.context.destroy(linger=0)
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
def program(house: Household, code: str, *args: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a program of somebody's own; it ends with the test at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args], env=house.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]", words: str) -> str:
    """Read what a program prints until a line has these words; give that."""
    assert process.stdout is not None
    for printed in process.stdout:
        if words in printed:
            return printed
    raise AssertionError(f"it ended without {words!r}")


def begin_anew(house: Household) -> int:
    """Have the exchange killed and back: it has refused nobody yet; give its PID."""
    with house.ear("exchange") as ear:
        ear.kill("exchange")
        return ear.beats["exchange"].pid


def refused(house: Household, words: str) -> None:
    """Wait until the exchange has logged that it refused something."""
    eventually(lambda: words in house.log("exchange"))


def pss_kilobytes(pid: int) -> int:
    """Give a process's proportional share of memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def documented(name: str) -> str:
    """Give a program as docs/programs.md shows it."""
    text = (PROJECT / "docs" / "programs.md").read_text()
    found = re.search(rf"^```python\n(# {re.escape(name)}: .*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/programs.md has no {name}"
    return found[1]
