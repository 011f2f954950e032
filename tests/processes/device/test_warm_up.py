"""The preparation of a device process before the fork."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemons.bus.message import State
from daemons.config import loader
from daemons.config.rule import Rule
from daemons.config.slice import Slice
from daemons.kinds import Machine, Setting
from daemons.processes.device import device
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.warm_up import ROUNDS, STEPS, run_trial, warm_up
from tests.support import factories
from tests.support.patience import patience


@pytest.mark.parametrize("word", factories.machine_kinds())
def test_all_types_of_a_kind_are_prepared_before_the_fork(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each type that a device decodes is analysed once, in the process that is forked."""
    prepared: list[object] = []
    decoder = msgspec.json.Decoder

    def record(type_: object) -> object:
        prepared.append(type_)
        return decoder(type_)

    monkeypatch.setattr(msgspec.json, "Decoder", record)
    warm_up(word)
    kind = loader.kind(word)
    assert issubclass(kind, Machine)
    assert {Slice, DeviceMemory, Rule, kind.memory_type, *kind.commands} <= set(prepared)


@pytest.mark.parametrize("word", sorted(set(loader.available("kinds")) - set(factories.machine_kinds())))
def test_a_kind_without_hardware_needs_no_preparation(word: str) -> None:
    """The fork server calls the preparation for every kind, also for one without a device process."""
    warm_up(word)


def test_the_lamp_of_the_trial_follows_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each round it gets the commands, and hears the switch."""
    switched: list[bool] = []
    heard: list[bool] = []
    next_setting, on_state = Appliance.next_setting, Appliance.on_state

    def record(appliance: Appliance, now: float) -> Setting | None:
        setting = next_setting(appliance, now)
        switched.extend([setting.on] if setting else [])
        return setting

    def hear(appliance: Appliance, state: State, now: float, wall: float) -> None:
        heard.append(state.state["status"] is True)
        on_state(appliance, state, now, wall)

    monkeypatch.setattr(Appliance, "next_setting", record)
    monkeypatch.setattr(Appliance, "on_state", hear)
    run_trial()
    assert switched.count(True) >= ROUNDS * STEPS / 3
    assert switched.count(False) >= ROUNDS * STEPS / 3
    assert heard.count(True) >= ROUNDS
    assert heard.count(False) >= ROUNDS


TRIAL = """
import os, signal, sys, tempfile, threading
from daemons.processes.device.warm_up import run_trial
def refuse(event, args):
    changes_file = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR) and isinstance(args[0], str)
    if changes_file and not os.path.realpath(args[0]).startswith(folders[0] + "/"):
        raise AssertionError(f"{event} {args}")
    if event == "os.fork":
        raise AssertionError(f"{event} {args}")
def state():
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    counts = len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
    return counts, handlers, dict(os.environ), os.getcwd(), signal.set_wakeup_fd(-1)
tempfile.gettempdir()  # tries a file, once
folders = []
make = tempfile.mkdtemp
tempfile.mkdtemp = lambda *args: folders.append(make(*args)) or folders[-1]
sys.addaudithook(refuse)
before = state()
run_trial()
assert state() == before, (before, state())
assert len(folders) == 1 and not os.path.exists(folders[0])
signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it would fail, or do nothing, if faulthandler had it
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_the_trial_leaves_nothing(tmp_path: Path) -> None:
    """It runs inside supervisord: no file, socket, thread, signal handler or variable of it stays."""
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(60),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_during_the_trial_counts_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIGTERM for supervisord does not end the lamp instead."""
    received: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    rounds: list[Slice] = []
    run = device.run

    def interrupted(slice_: Slice, on_start: Any) -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # as if there were no other thread
        rounds.append(slice_)
        run(slice_, on_start)

    monkeypatch.setattr(device, "run", interrupted)
    try:
        run_trial()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert received == [signal.SIGTERM]
    assert len(rounds) == ROUNDS
