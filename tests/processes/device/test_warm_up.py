"""The preparation of a device process before the fork."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from daemons.config import loader
from daemons.config.rule import Rule
from daemons.config.slice import Slice
from daemons.kinds import Machine, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.warm_up import ROUNDS, run_trial, warm_up
from tests.support import factories


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


def test_the_lamp_of_the_trial_run_follows_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs commands and rules: in each round the lamp is switched on and off twice."""
    switched: list[bool] = []
    next_setting = Appliance.next_setting

    def record(appliance: Appliance, now: float) -> Setting | None:
        setting = next_setting(appliance, now)
        switched.extend([setting.on] if setting else [])
        return setting

    monkeypatch.setattr(Appliance, "next_setting", record)
    run_trial()
    # A round is on, off, toggle (on), the switch on (no change), and the switch off.
    assert switched == [True, False] * 2 * ROUNDS


TRIAL = """
import os, sys, tempfile, zmq
from daemons.processes.device.warm_up import run_trial
def refuse(event, args):
    changes_file = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR)  # it reads the id of the boot
    if changes_file and not os.path.realpath(args[0]).startswith(folders[0] + "/"):
        raise AssertionError(f"{event} {args}")
    if event in ("os.fork", "socket.__new__"):
        raise AssertionError(f"{event} {args}")
tempfile.gettempdir()  # tries a file, once
made, folders, files = [], [], os.listdir("/proc/self/fd")
zmq.Context.__init__ = lambda *args, **kwargs: made.append(args)
make = tempfile.mkdtemp
tempfile.mkdtemp = lambda *args: folders.append(make(*args)) or folders[-1]
sys.addaudithook(refuse)
run_trial()
assert not made
assert os.listdir("/proc/self/fd") == files
assert len(folders) == 1 and not os.path.exists(folders[0])
"""


def test_the_trial_run_leaves_nothing(tmp_path: Path) -> None:
    """It runs inside supervisord: it removes its only folder, opens no socket, creates no context."""
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
