"""Is heard and asked in the place of a device that has no process here: it binds what such a process would.

So nobody in the house has to know where a device is. The name's lock is held as well, for a device
that comes here from elsewhere shall not be heard from two.
"""

import time
from collections.abc import Callable

from daemons.bus.message import Command, Published, Receipt, too_far
from daemons.bus.sockets import CommandServer, Publisher, Request
from daemons.processes.exchange.pending import Take
from daemons.processes.process import Process
from daemons.storage.lock import Lock


class StandIn:
    """The place of one device."""

    def __init__(self, name: str, process: Process, obey: Callable[[str, Command, Take], None]) -> None:
        """Take it; `obey` is given each command, and what to call with its receipt.

        AlreadyRunning when a process still is this device.
        """
        self.name = name
        self._lock = Lock(name)
        self._publisher = Publisher(process.context, name)
        self._server = CommandServer(process.context, name, process.log)
        self._obey = obey
        process.loop.watch(self._publisher.socket, self._publisher.answer_newcomers)
        process.loop.watch(self._server.socket, self._take_commands)

    def publish(self, message: Published) -> None:
        """Say what the device says."""
        self._publisher.publish(message)

    def forget(self) -> None:
        """Tell newcomers nothing: what it said last may not be so any more."""
        self._publisher.forget()

    def release(self) -> None:
        """Let go of the name, when the sockets have gone."""
        self._lock.release()

    def _take_commands(self) -> None:
        for request in self._server.receive():
            command, take = request.command, self._reply_to(request)
            now = time.time()
            if why := too_far(command, now):
                take(Receipt(id=command.id, device=self.name, outcome="rejected", at=now, reason=why))
            else:
                self._obey(self.name, command, take)

    def _reply_to(self, request: Request) -> Take:
        return lambda receipt: self._server.reply(request.envelope, receipt)
