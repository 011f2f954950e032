"""Plain helpers of the tests: a fresh run directory, a fresh device, a bounded wait."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from daemons.bus.message import State
from daemons.config import device as house
from daemons.config import loader, tables
from daemons.config.sun import SunCalendar
from daemons.kinds import Machine
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.process import ProcessRun, Process
from daemons.runtime.clock import Anchor, uptime
from daemons.runtime.log import open_log
from daemons.runtime.loop import Loop
from daemons.storage import lock as lock_module
from daemons.storage import paths
from daemons.values import Problem

TIMEOUT_SECONDS = 10.0
UTC = tables.zone("UTC")
START_TIME = 1_000_000.0
"""When the devices of the tests began to remember, in wall clock seconds."""


def enter_run_directory(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work inside a fresh run directory until the test ends."""
    monkeypatch.chdir(run)
    paths.enter(run)


def wait_until(met: Callable[[], bool], what: str) -> None:
    """Wait until something is so; a test that waits too long fails with what it waited for."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not met():
        assert time.monotonic() < end, f"waited in vain for {what}"
        os.sched_yield()


@contextmanager
def zmq_context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """Give a zmq context whose sockets are all gone afterwards."""
    opened: list[Any] = []  # a socket that a test forgets is closed here, not by the garbage collector

    class Keeping(zmq.Context[zmq.Socket[bytes]]):
        def socket(self, *args: Any, **kwargs: Any) -> Any:
            opened.append(super().socket(*args, **kwargs))
            return opened[-1]

    made = Keeping()
    try:
        yield made
    finally:
        made.destroy(linger=0)


def device(kind: str, **table: Any) -> house.Device:
    """Give a simulated device of a kind, as a configuration would make it."""
    problems: list[Problem] = []
    made = house.build(kind, {"kind": kind, "driver": "simulated", **table}, ("devices", kind), problems)
    assert made is not None, problems
    assert not problems
    return made


def machine(kind: str, speed: float = 1.0, **options: Any) -> Machine[Any, Any]:
    """Give the state machine of a kind."""
    made = device(kind, **options)
    assert issubclass(made.kind, Machine)
    return made.kind(made.options, speed)


def machine_kinds() -> list[str]:
    """Give the word of every kind that drives hardware."""
    return [word for word in loader.available("kinds") if issubclass(loader.kind(word), Machine)]


def memory(of: Machine[Any, Any], kind: str, now: float = START_TIME) -> DeviceMemory:
    """Give what a new appliance remembers."""
    return DeviceMemory(
        kind=kind,
        machine=msgspec.Raw(msgspec.json.encode(of.memory_type())),
        anchor=Anchor("a start of this machine", 0.0),
        written_at=now,
        created_at=START_TIME,
        life=ProcessRun(1, 1, 0),
    )


def appliance(made: house.Device, kind: str, now: float = START_TIME) -> Appliance:
    """Give a new appliance, before its start."""
    assert issubclass(made.kind, Machine)
    inside = made.kind(made.options)
    return Appliance(made, inside, memory(inside, kind, now), SunCalendar(UTC))


def state(device: str = "switch", seq: int = 1, boot: int = 1, **fields: Any) -> State:
    """Give a state; `turned` is when every field took its value."""
    turned = fields.pop("turned", None)
    cause = fields.pop("cause", None)
    return State(
        device=device,
        boot=boot,
        seq=seq,
        at=turned or START_TIME,
        since=turned or START_TIME,
        state=fields,
        turned={} if turned is None else dict.fromkeys(fields, turned),
        cause=cause,
    )


@contextmanager
def full_disk(size: int = 0) -> Iterator[None]:
    """Let no file of this process grow above a size, as on a disk that is full."""
    soft_before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft_before, hard))


@contextmanager
def process(name: str = "exchange") -> Iterator[Process]:
    """Be a process of a house in this run directory."""
    lock = lock_module.NameLock(name)
    with Process(name, ProcessRun(1000, 1, 0), lock, open_log(name), uptime) as made:
        yield made


def run_until(loop: Loop, met: Callable[[], Any], what: str) -> None:
    """Have a loop turn until something is so."""
    end = loop.now() + TIMEOUT_SECONDS

    def look() -> None:
        if met():
            loop.stop("met")
        elif loop.now() > end:
            loop.stop("too late")
        else:
            loop.at(loop.now() + 0.002, look)

    loop.stop_reason = None
    look()
    assert (loop.stop_reason or loop.run()) == "met", f"waited in vain for {what}"


def run_for(loop: Loop, seconds: float) -> None:
    """Have a loop turn for a while, in which something must not happen."""
    loop.stop_reason = None
    loop.at(loop.now() + seconds, lambda: loop.stop("over"))
    assert loop.run() == "over"
