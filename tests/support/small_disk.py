"""A run directory on a small disk of its own, which a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = 'mount -t tmpfs -o size=6m,mode=700 none "$1" && echo mounted && exec cat'
"""Mounts a file system in memory, and holds its mount namespace until the end of standard input."""


@contextmanager
def small_disk(path: Path) -> Iterator[list[str]]:
    """Yield the words before a command that sees a disk of 6 MB at a path; no other process sees it."""
    path.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNT, "sh", path],  # noqa: S607
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"mounted\n"
        try:
            yield ["nsenter", "--mount", f"--target={holder.pid}", "--"]
        finally:
            holder.stdin.close()


def missing_for_small_disk() -> str | None:
    """Return why no disk can be mounted here; None if it can."""
    if os.geteuid() != 0:
        return "only root mounts a disk"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)  # noqa: S607
    return None if done.returncode == 0 else "there are no mount namespaces here"
