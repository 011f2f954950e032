"""What a killed test run leaves behind is ended."""

import os
import subprocess
import sys

from tests.support.house import PROJECT
from tests.support.patience import patience
from tests.support.reaper import MARK, entry, has

MARKS = ("reaper-test-a", "reaper-test-b")
CHILD = """
import subprocess
child = subprocess.Popen(['sleep', '1000'], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def test_a_grandchild_in_a_session_of_its_own_is_killed() -> None:
    """The reaper finds it by the mark in its environment, and spares the processes of another run."""
    sleepers = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env=os.environ | {MARK: mark},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for mark in MARKS
    ]
    grandchildren = [int(sleeper.stdout.readline()) for sleeper in sleepers if sleeper.stdout]
    try:
        reap(MARKS[0])
        assert sleepers[0].wait(patience()) == -9
        assert not has(grandchildren[0], entry(MARKS[0]))
        assert has(grandchildren[1], entry(MARKS[1]))
    finally:
        reap(MARKS[1])
        for sleeper in sleepers:
            sleeper.communicate(timeout=patience())


def reap(mark: str) -> None:
    """Run the reaper for a test run that has ended."""
    reaper = [sys.executable, str(PROJECT / "tests" / "support" / "reaper.py"), mark]
    subprocess.run(reaper, stdin=subprocess.DEVNULL, check=True, timeout=patience())
