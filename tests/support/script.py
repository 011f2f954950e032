"""Scripts of the pages, each run as a process of its own, with its output line by line."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import patience

PATIENCE_SECONDS = 30.0


class Script:
    """A running script of the page, with its output line by line."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, folder / name, *words],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._buffer = b""

    def press(self, text: str = "") -> None:
        """Send a text and Enter."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def next_line(self, end: float) -> str:
        """Return the next line of output; fail when none comes until `end` (monotonic seconds)."""
        assert self.process.stdout is not None
        poller = select.poll()
        poller.register(self.process.stdout, select.POLLIN)
        while b"\n" not in self._buffer:
            left_seconds = end - time.monotonic()
            if left_seconds <= 0 or not poller.poll(left_seconds * 1000):
                pytest.fail(f"{self.name} printed no line in time")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                pytest.fail(f"{self.name} has ended: {self._buffer.decode()}")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def lines_until(self, last: str) -> list[str]:
        """Return the lines up to and including this one."""
        end = time.monotonic() + patience(PATIENCE_SECONDS)
        lines = [self.next_line(end)]
        while lines[-1] != last:
            lines.append(self.next_line(end))
        return lines

    def kill(self) -> None:
        """Kill the process, wait for its end, and close its streams."""
        with self.process:
            self.process.kill()


@contextmanager
def running(folder: Path, name: str, *words: str) -> Iterator[Script]:
    """Run a script, and kill it at the end."""
    script = Script(folder, name, *words)
    try:
        yield script
    finally:
        script.kill()
