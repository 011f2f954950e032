"""The processes' logs, merged by time and followed across rotation and restarts."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

POLL_SECONDS = 0.1
BLOCK = 1 << 16


class Line(NamedTuple):
    """One line, and whose it is."""

    name: str
    text: str


def log_path(name: str) -> Path:
    """Say where a process's log stands, from inside the run directory."""
    return Path("log") / f"{name}.log"


def last_lines(name: str, number: int) -> list[str]:
    """Give the last lines of a process's log; none when there is none."""
    lines: list[bytes] = []
    # A log that was just rotated is short; its predecessor has the rest.
    for path in (log_path(name), log_path(name).with_suffix(".log.1")):
        if len(lines) >= number or not path.exists():
            break
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - BLOCK))
            lines = file.read().splitlines() + lines
    return [line.decode(errors="replace") for line in lines[-number:]]


def recent(names: list[str], number: int) -> list[Line]:
    """Give the last lines of several logs as one, in the order of their times.

    A line without a time of its own, as a traceback has them, stays behind the one before it.
    """
    stamped: list[tuple[str, int, Line]] = []
    for name in names:
        stamp = ""
        for text in last_lines(name, number):
            if text[:2] == "20" and text[4:5] == "-":
                stamp = text[:23].replace(",", ".")
            stamped.append((stamp, len(stamped), Line(name, text)))
    return [line for _, _, line in sorted(stamped)][-number:]


class Follower:
    """Follows one log: to its end, over its rotation, and when it comes into being later."""

    def __init__(self, name: str) -> None:
        """Begin at the end of what there is."""
        self.name = name
        self._path = log_path(name)
        self._file = self._path.open("rb") if self._path.exists() else None
        self._rest = b""
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[Line]:
        """Yield the lines that have come."""
        yield from self._read()
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        if self._file and os.fstat(self._file.fileno()).st_ino == status.st_ino:
            if status.st_size < self._file.tell():
                self._file.seek(0)  # it was cut short, not rotated
                self._rest = b""
                yield from self._read()
            return
        # What was written to the old file between our read and its rotation comes first.
        yield from self._read()
        if self._file:
            self._file.close()
        self._file = self._path.open("rb")
        yield from self._read()

    def _read(self) -> Iterator[Line]:
        if self._file is None:
            return
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in whole:
            yield Line(self.name, line.decode(errors="replace"))


def follow(names: list[str]) -> Iterator[Line]:
    """Yield the lines of several logs as they come, for ever."""
    followers = [Follower(name) for name in names]
    while True:
        for follower in followers:
            yield from follower.lines()
        time.sleep(POLL_SECONDS)
