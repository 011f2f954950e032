"""Reads the logs of processes on other hosts through the exchange of this host."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import zmq

from daemons.bus.message import EXCHANGE
from daemons.bus.requests.blocking import send_command
from daemons.bus.requests.protocol import new_command
from daemons.errors import NoAnswer
from daemons.supervision.logs import Line

ANSWER_SECONDS = 3.0
MAX_LINES = 500
"""The maximum number of lines in one request for a log."""


class RemoteLogs:
    """Reads several logs; while a log cannot be read, it yields one line with the reason."""

    def __init__(self, names: Iterable[str]) -> None:
        self._cursors: dict[str, str | None] = dict.fromkeys(names)
        self._failed: set[str] = set()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def last_lines(self, number: int) -> dict[str, list[str]]:
        """Return the last lines of each log, at most `number`."""
        return {name: self._read(name, number) for name in self._cursors}

    def lines(self) -> Iterator[Line]:
        """Yield the lines that were written since the last read."""
        for name in self._cursors:
            yield from (Line(name, text) for text in self._read(name, MAX_LINES))

    def _read(self, name: str, number: int) -> list[str]:
        args: dict[str, Any] = {"device": name, "lines": number, "cursor": self._cursors[name]}
        try:
            receipt = send_command(self._context, EXCHANGE, new_command("logs", ANSWER_SECONDS, args))
        except NoAnswer as error:
            reason: str | None = str(error)
        else:
            reason = receipt.reason
            if receipt.result is not None:
                self._failed.discard(name)
                self._cursors[name] = receipt.result["cursor"]
                return [str(line) for line in receipt.result["lines"]]
        if name in self._failed:
            return []
        self._failed.add(name)
        return [f"its log cannot be read: {reason}"]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the sockets."""
        self._context.destroy(linger=0)
