"""Lives: each has a greater boot than the last, and restarts are counted by one supervisor."""

import os
import time

import pytest

from daemons.processes.process import Life, next_life


def test_a_first_life_begins_with_the_present() -> None:
    """A boot is the milliseconds since 1970, and nothing has been restarted."""
    life = next_life(None)
    assert life.boot / 1000 == pytest.approx(time.time(), abs=5)
    assert (life.supervisor, life.restarts) == (os.getppid(), 0)


def test_a_boot_grows_though_the_clock_was_set_back() -> None:
    """A life after one that began in the future is later all the same."""
    assert next_life(Life(10**15, os.getppid(), 4)) == Life(10**15 + 1, os.getppid(), 5)


def test_another_supervisor_counts_restarts_anew() -> None:
    """A house that was down and is up again has restarted nothing."""
    assert next_life(Life(1, -1, 4)).restarts == 0
