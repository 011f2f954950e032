"""What the exchange does for whoever cares for the house from another host: restart, stop, start, logs.

It takes its time, so it is done in threads beside the exchange's loop, by the same functions that
the `house` command calls on its own host.
"""

from concurrent.futures import Future
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from daemons.bus.message import DeviceName
from daemons.errors import HouseError, Rejected
from daemons.runtime.jobs import Errands
from daemons.runtime.loop import Loop

PATIENCE_SECONDS = 20.0
"""How long a process may take to become ready."""
MOST_LINES = 500


class Restart(Struct, frozen=True):
    """Start a process anew, and wait until it is ready."""

    device: DeviceName


class Start(Restart, frozen=True):
    """Start a process that was stopped by hand."""


class Stop(Restart, frozen=True):
    """Stop a process until it is started by hand."""


class Logs(Restart, frozen=True):
    """Give the last lines of a process's log, or those that came after `cursor`."""

    lines: Annotated[int, Meta(ge=0, le=MOST_LINES)] = 20
    cursor: str | None = None


DEEDS: dict[str, type[Restart]] = {deed.__name__.lower(): deed for deed in (Restart, Start, Stop, Logs)}


class Caretaker:
    """Does what was asked for, and tells what came of it."""

    def __init__(self, loop: Loop) -> None:
        self._errands = Errands(loop)

    def do(self, word: str, args: dict[str, Any], done: Any) -> None:
        """Do it; `done` gets what it gives, or the HouseError that hinders it.

        Rejected when it makes no sense.
        """
        try:
            deed = msgspec.convert(args, DEEDS[word])
        except msgspec.ValidationError as error:
            raise Rejected(f"{word}: {error}") from error

        def ended(future: Future[Any]) -> None:
            error = future.exception()
            if error is None:
                done(future.result())
            elif isinstance(error, HouseError):
                done(error)
            else:
                raise error

        self._errands.run(lambda: perform(deed), ended)

    def end(self) -> None:
        """Wait for what is under way."""
        self._errands.__exit__()


def perform(deed: Restart) -> dict[str, Any]:
    """Do what is asked, and give what is to be told; HouseError says what hinders it."""
    from daemons.supervision import logs, operations  # noqa: PLC0415  only who is asked needs them

    names = [deed.device]
    match deed:
        case Logs():
            lines, cursor = logs.since(deed.device, deed.cursor, deed.lines)
            return {"lines": lines, "cursor": cursor}
        case Stop():
            operations.stop(names)
        case Start():
            operations.start(names, PATIENCE_SECONDS, lambda _, __: None)
        case _:
            operations.restart(names, PATIENCE_SECONDS, lambda _, __: None)
    return {}
