"""The restored memory of a device."""

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemons.bus.message import Command, Receipt
from daemons.config.house import load_house
from daemons.processes.device import device
from daemons.processes.device.device import resume_memory
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process import Process, ProcessRun
from daemons.runtime.clock import Anchor, boot_id
from daemons.runtime.log import Log
from daemons.storage import paths
from daemons.storage.journal import Journal, peek
from tests.support import factories

LOG = Log(logging.getLogger("test_device"))
LAMP = factories.machine("lamp")
RUN = ProcessRun(8, 1, 1)
LAST = DeviceMemory(
    kind="lamp",
    machine=msgspec.Raw(b'{"on": true}'),
    anchor=Anchor(boot_id(), 123.0),
    written_at=5.0,
    created_at=factories.START_TIME,
    life=ProcessRun(7, 1, 0),
    cause="a1",
)


def test_a_device_resumes_its_memory() -> None:
    """The memory of the machine, the cause and the clock continue. Only the boot is new."""
    memory, clock = resume_memory(LAST, RUN, LAMP, "lamp", LOG)
    assert (memory.machine, memory.cause, memory.created_at) == (LAST.machine, "a1", factories.START_TIME)
    assert memory.life == RUN
    assert clock.anchor == memory.anchor == LAST.anchor


def test_a_new_device_starts_with_an_empty_memory() -> None:
    """A new device is off, and ignores all earlier events."""
    memory, _clock = resume_memory(None, RUN, LAMP, "lamp", LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert memory.created_at == pytest.approx(time.time(), abs=5)
    assert (memory.rule_states, memory.receipts, memory.cause) == ({}, {}, None)


def test_another_kind_under_the_same_name_starts_anew() -> None:
    """A lamp that becomes a toaster starts with the empty memory of a toaster."""
    memory, _clock = resume_memory(LAST, RUN, factories.machine("toaster"), "toaster", LOG)
    assert memory.kind == "toaster"
    assert memory.cause is None
    assert memory.life == RUN


def test_a_memory_that_cannot_be_read_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The device starts off if the memory of its kind has another format, and the log reports it."""
    old = msgspec.structs.replace(LAST, machine=msgspec.Raw(b'{"on": "yes"}'))
    memory, _clock = resume_memory(old, RUN, LAMP, "lamp", LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert "cannot read its memory of an earlier version of lamp, and starts anew" in caplog.text


def test_a_memory_that_cannot_be_forced_to_the_disk_switches_nothing_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle device shows the fault at its next poll, rejects what switches on, and recovers by itself."""
    config = tmp_path / "house.toml"
    config.write_text('[devices.lamp]\nkind = "lamp"\ndriver = "simulated"\n')
    monkeypatch.chdir(tmp_path)
    paths.enter(tmp_path / "run")
    runners: list[DeviceRunner] = []
    start, force = DeviceRunner.start, os.fdatasync

    def note_start(runner: DeviceRunner, is_clock_right: Callable[[], bool]) -> None:
        runners.append(runner)
        start(runner, is_clock_right)

    monkeypatch.setattr(DeviceRunner, "start", note_start)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def fault() -> object:
        return runners[0]._appliance.state(runners[0]._now())["fault"]

    def work(process: Process, handle_command: Callable[[Command], Receipt]) -> None:
        def send(word: str) -> Receipt:
            return handle_command(Command(id=f"{word}{time.time()}", command=word, deadline=time.time() + 10))

        journal, runner = process._journal, runners[0]
        assert isinstance(journal, Journal)
        assert send("on").outcome == "applied"
        assert send("off").outcome == "applied"
        monkeypatch.setattr(os, "fdatasync", fail)
        journal.secure()
        before = peek("lamp", DeviceMemory)
        first = send("on")  # before the device was told of the fault
        assert first.outcome == "rejected"
        assert "cannot be forced to the disk: Input/output error" in str(first.reason)
        after = peek("lamp", DeviceMemory)
        assert before is not None
        assert after is not None
        assert after.machine == before.machine
        monkeypatch.setattr(os, "fdatasync", force)
        journal.secure()
        runner.poll()
        runner.finish()
        assert fault() is None
        assert runner._is_idle
        monkeypatch.setattr(os, "fdatasync", fail)
        assert send("off").outcome == "applied"
        journal.secure()
        runner.poll()
        assert "cannot be forced to the disk" in str(fault())
        assert send("on").outcome == "rejected"
        assert send("off").outcome == "applied"
        monkeypatch.setattr(os, "fdatasync", force)
        journal.secure()
        runner.poll()
        assert fault() is None
        assert send("on").outcome == "applied"

    monkeypatch.setattr(Process, "run", work)
    device.run(load_house(config).slices()["lamp"])
    assert runners
