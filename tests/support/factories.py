"""Helpers of the tests: a new run directory, a new device, a wait with a timeout."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from daemons.bus.message import State
from daemons.config import device as house
from daemons.config import tables
from daemons.config.sun import SunCalendar
from daemons.contract.subject import REQUIRED, device, machine, machine_kinds
from daemons.kinds import Machine
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.process import Process
from daemons.processes.process_run import ProcessRun
from daemons.runtime.clock import Anchor, uptime
from daemons.runtime.log import open_log
from daemons.runtime.loop import Loop
from daemons.storage import lock as lock_module
from daemons.storage import paths
from tests.support.patience import Deadline

__all__ = ["REQUIRED", "device", "machine", "machine_kinds"]
UTC = tables.zone("UTC")
START_TIME = 1_000_000.0
"""When the memory of each device in the tests was created (Unix seconds)."""


def enter_run_directory(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a new run directory until the test ends."""
    monkeypatch.chdir(run)
    paths.enter(run)


def wait_until(met: Callable[[], bool], what: str) -> None:
    """Wait until a condition is met; after the timeout, fail with the description of the condition."""
    deadline = Deadline()
    while not met():
        assert deadline.left() > 0, f"waited in vain for {what}"
        os.sched_yield()


@contextmanager
def zmq_context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """Yield a zmq context; at the end, close all sockets that the test left open."""
    opened: list[Any] = []  # without references the garbage collector would close them

    class RecordingContext(zmq.Context[zmq.Socket[bytes]]):
        def socket(self, *args: Any, **kwargs: Any) -> Any:
            opened.append(super().socket(*args, **kwargs))
            return opened[-1]

    made = RecordingContext()
    try:
        yield made
    finally:
        made.destroy(linger=0)


def memory(
    of: Machine[Any, Any], kind: str, now: float = START_TIME, *, is_new: bool = False
) -> DeviceMemory:
    """Return a memory without history, written at `now` (steady seconds)."""
    return DeviceMemory(
        kind=kind,
        machine=msgspec.Raw(msgspec.json.encode(of.memory_type())),
        anchor=Anchor("a start of this machine", 0.0),
        written_at=now,
        created_at=START_TIME,
        life=ProcessRun(1, 1, 0),
        is_new=is_new,
    )


def appliance(made: house.Device, kind: str, now: float = START_TIME) -> Appliance:
    """Return a new appliance that has not started yet."""
    assert issubclass(made.kind, Machine)
    kind_machine = made.kind(made.options)
    return Appliance(made, kind_machine, memory(kind_machine, kind, now), SunCalendar(UTC))


def state(device: str = "switch", seq: int = 1, boot: int = 1, **fields: Any) -> State:
    """Return a state with the given fields; `turned` is when each of them took its value (Unix seconds)."""
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
    """Limit the size of all files that this process writes, as on a full disk."""
    soft_before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft_before, hard))


@contextmanager
def process(name: str = "exchange") -> Iterator[Process]:
    """Yield a process of the house in this run directory, under a name."""
    lock = lock_module.NameLock(name)
    with Process(name, ProcessRun(1000, 1, 0), lock, open_log(name), uptime) as made:
        yield made


def run_until(loop: Loop, met: Callable[[], Any], what: str) -> None:
    """Run a loop until a condition is met; after the timeout, fail with the description of the condition."""
    deadline = Deadline()

    def check() -> None:
        if met():
            loop.stop("met")
        elif deadline.left() < 0:
            loop.stop("too late")
        else:
            loop.at(loop.now() + 0.002, check)

    loop.stop_reason = None
    check()
    assert (loop.stop_reason or loop.run()) == "met", f"waited in vain for {what}"


def run_for(loop: Loop, seconds: float) -> None:
    """Run a loop for a number of seconds in which an event must not happen."""
    loop.stop_reason = None
    loop.at(loop.now() + seconds, lambda: loop.stop("over"))
    assert loop.run() == "over"
