"""A verb of `house` is killed after it has stopped processes, and before it starts them again."""

import os
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager

import pytest

from daemons.storage.lock import NameLock
from daemons.supervision.interrupted import MARK, finish_restart, marked_restart
from daemons.supervision.supervisord import Supervisor
from tests.support.house import TemporaryHouse, eventually


@contextmanager
def supervisord() -> Iterator[Supervisor]:
    """Yield a connection to the supervisord of the working directory."""
    made = Supervisor()
    try:
        yield made
    finally:
        made.close()


def test_what_a_killed_verb_has_stopped_is_started_again(breakfast: TemporaryHouse) -> None:
    """The steward starts it, also a process that was removed; one that was stopped by hand stays stopped."""
    breakfast.house("stop", "coffee_maker")
    before = breakfast.pids()
    with chdir(breakfast.run), supervisord() as supervisor:
        supervisor.stop(["toaster", "kitchen_lamp", "mirror"])
        supervisor.call("removeProcessGroup", "kitchen_lamp")
        MARK.touch()  # a verb does this first, but holds the lock of the house until it is killed
    stopped = {"toaster", "kitchen_lamp", "mirror"}
    eventually(lambda: stopped <= {name for name, pid in breakfast.pids().items() if pid})
    after = breakfast.pids()
    assert {name for name in before if before[name] != after.get(name)} == stopped
    assert "what it had stopped is started: kitchen_lamp, mirror, toaster" in breakfast.log("steward")
    assert breakfast.status()["devices"]["coffee_maker"]["presence"] == "stopped"
    assert not (breakfast.run / MARK).exists()


def test_a_steward_that_was_killed_as_well_starts_it(breakfast: TemporaryHouse) -> None:
    """Its next process looks for the mark."""
    with chdir(breakfast.run), supervisord() as supervisor:
        steward = breakfast.process("steward")
        assert steward is not None
        os.kill(steward, signal.SIGSTOP)
        supervisor.stop(["toaster"])
        MARK.touch()
    os.kill(steward, signal.SIGKILL)
    eventually(lambda: breakfast.pids().get("toaster"))
    assert breakfast.process("steward") != steward


def test_nothing_is_started_while_a_verb_is_at_work(breakfast: TemporaryHouse) -> None:
    """Its lock says so. Without a mark, a process that supervisorctl has stopped stays stopped."""
    with chdir(breakfast.run), supervisord() as supervisor:
        assert finish_restart(supervisor) == []
        supervisor.stop(["toaster"])
        assert finish_restart(supervisor) == []
        lock = NameLock("house")
        MARK.touch()
        assert finish_restart(supervisor) is None
        assert MARK.exists()
        lock.release()
    eventually(lambda: breakfast.pids().get("toaster"))


def test_the_mark_stays_if_a_restart_fails(breakfast: TemporaryHouse) -> None:
    """A restart that ends well leaves none."""
    breakfast.house("restart", "toaster")
    with chdir(breakfast.run):
        assert not MARK.exists()
        with pytest.raises(OSError, match="full"), marked_restart():
            raise OSError("full")
        assert MARK.exists()
