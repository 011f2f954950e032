"""The process of a device: its start, its end and its disk."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.bus.message import Command, Receipt
from daemons.config.house import load_house
from daemons.processes.device import device
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process import Process
from daemons.storage import paths
from daemons.storage.journal import Journal, peek


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
