"""The explanation of the selected device in the live view; a background thread reads it."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import tzinfo
from typing import Any

from daemons.errors import HouseError
from daemons.runtime.jobs import JobPool


class WhyPanel:
    """Keeps the explanation of one device, and reads it again after a change of the device."""

    def __init__(self, jobs: JobPool, on_change: Callable[[], None]) -> None:
        """`on_change` is called when an explanation has been read."""
        self._jobs = jobs
        self._on_change = on_change
        self._house: Any = None
        self._key: tuple[str, float | None] | None = None
        self._lines: list[str] | None = None
        self._is_reading = False

    def lines(self, name: str, devices: dict[str, Any], zone: tzinfo) -> list[str] | None:
        """Return the lines about a device; None while they are being read."""
        if not name:
            return []
        key = (name, devices[name]["since"])
        if self._key is None or key[0] != self._key[0]:
            self._lines = None
        if key != self._key and not self._is_reading:
            self._key, self._is_reading = key, True
            self._jobs.submit(lambda: self._read(name, zone), self._on_read)
        return self._lines

    def _read(self, name: str, zone: tzinfo) -> list[str]:
        """Return the explanation of a device; runs in a background thread."""
        from daemons.cli.why import explain

        self._house, lines = explain(self._house, name, zone)
        return lines

    def _on_read(self, answer: "Future[list[str]]") -> None:
        self._is_reading = False
        try:
            self._lines = answer.result()
        except HouseError as error:
            self._lines = [str(error)]
        self._on_change()
