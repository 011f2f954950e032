"""Runs of a process: each one has a greater boot than the last one, and restarts are counted."""

import os
import time

import pytest

from daemons.processes.process_run import ProcessRun, next_run


def test_a_first_run_begins_with_the_present() -> None:
    """A boot is the milliseconds since 1970, and nothing has been restarted."""
    life = next_run(None)
    assert life.boot / 1000 == pytest.approx(time.time(), abs=5)
    assert (life.supervisor, life.restarts) == (os.getppid(), 0)


def test_a_boot_grows_though_the_clock_was_set_back() -> None:
    """The boot of a run is greater than that of the last one, which began in the future."""
    assert next_run(ProcessRun(10**15, os.getppid(), 4)) == ProcessRun(10**15 + 1, os.getppid(), 5)


def test_another_supervisor_counts_restarts_anew() -> None:
    """After `down` and `up` no process counts as restarted."""
    assert next_run(ProcessRun(1, -1, 4)).restarts == 0
