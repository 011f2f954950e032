"""A house in a clone of the project, and new versions of the project."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.house import eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """Return a clone in which `make up` has started the house."""
    clone = Clone(tmp_path)
    try:
        clone.make("up")
        yield clone
    finally:
        if (clone.home / ".venv").exists():
            clone.house("down", check=False)


def test_new_source_changes_nothing_in_a_running_house(clone: Clone) -> None:
    """After `git pull`, and after `make upgrade`, killed and restarted devices go on with the old source."""
    first = clone.git("rev-parse", "--short=12", "HEAD")
    assert clone.house("--version").strip().endswith(f" (commit {first})")
    assert first in clone.status()["version"]
    clone.edit("daemons/kinds/toaster.py", "\nfrom ", "\nraise RuntimeError('new source')\nfrom ")
    clone.edit("daemons/drivers/simulated.py", "\nfrom ", "\nraise RuntimeError('new source')\nfrom ")
    new = clone.publish()

    def check_old_source(installed: str) -> None:
        clone.house("restart", "toaster")
        before = clone.pid("kitchen_lamp")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: clone.status()["devices"]["kitchen_lamp"]["process"]["pid"] not in (None, before))
        clone.house("restart", "bathroom_light", "steward", "recorder")
        status = clone.status()
        eventually(lambda: {d["presence"] for d in clone.status()["devices"].values()} == {"live"})
        assert first in status["version"]
        assert clone.house("--version").strip().endswith(f" (commit {installed})")

    clone.run("git", "pull", "--quiet", "--ff-only")
    check_old_source(first)
    assert "The project has changed since .venv was set up; `make upgrade` installs it." in clone.make("up")
    clone.make("upgrade")
    check_old_source(new)
    (warning,) = clone.status()["warnings"]
    assert warning.endswith(f" (commit {new}) is installed: `house down` and `house up` start it.")
    clone.house("down")
    assert "new source" in clone.house("--run", "run", "up", "--timeout", "5", check=False)
