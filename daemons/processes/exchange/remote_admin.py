"""The administration commands of the exchange, for the house's other hosts: restart, stop, start, logs.

They take long, so they run in threads beside the loop of the exchange. They call the same functions as
the `house` command does on its own host.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from daemons.bus.message import DeviceName
from daemons.errors import HouseError, Rejected
from daemons.runtime.jobs import JobPool
from daemons.runtime.loop import Loop

READY_SECONDS = 20.0
"""How long a process may take to become ready."""
MAX_LINES = 500


class Restart(Struct, frozen=True):
    """Restart a process, and wait until it is ready."""

    device: DeviceName


class Start(Restart, frozen=True):
    """Start a process that was stopped by hand."""


class Stop(Restart, frozen=True):
    """Stop a process until it is started by hand."""


class Logs(Restart, frozen=True):
    """Return the last lines of a process's log, or those after `cursor`."""

    lines: Annotated[int, Meta(ge=0, le=MAX_LINES)] = 20
    cursor: str | None = None


ADMIN_COMMANDS: dict[str, type[Restart]] = {
    "restart": Restart,
    "start": Start,
    "stop": Stop,
    "logs": Logs,
}
OnResult = Callable[[dict[str, Any] | HouseError], None]


class RemoteAdmin:
    """Runs administration commands, and calls back with their results."""

    def __init__(self, loop: Loop) -> None:
        self._jobs = JobPool(loop)

    def run(self, name: str, args: dict[str, Any], on_result: OnResult) -> None:
        """Run a command in a thread; `on_result` gets its result, or the HouseError that it raised.

        Rejected when the arguments are not those of the command.
        """
        try:
            command = msgspec.convert(args, ADMIN_COMMANDS[name])
        except msgspec.ValidationError as error:
            raise Rejected(f"{name}: {error}") from error

        def on_done(future: Future[Any]) -> None:
            error = future.exception()
            if error is None:
                on_result(future.result())
            elif isinstance(error, HouseError):
                on_result(error)
            else:
                raise error

        self._jobs.submit(lambda: perform(command), on_done)


def perform(command: Restart) -> dict[str, Any]:
    """Carry out a command and return its result; raises a HouseError that names the reason of a failure."""
    from daemons.supervision import logs, operations  # noqa: PLC0415  only these commands need them

    names = [command.device]
    match command:
        case Logs():
            lines, cursor = logs.read_since(command.device, command.cursor, command.lines)
            return {"lines": lines, "cursor": cursor}
        case Stop():
            operations.stop(names)
        case Start():
            operations.start(names, READY_SECONDS, lambda _, __: None)
        case _:
            operations.restart(names, READY_SECONDS, lambda _, __: None)
    return {}
