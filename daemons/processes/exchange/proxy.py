"""A proxy for a device that runs elsewhere: binds the publish and command sockets under the device's name.

So other processes connect as if the device ran here. The proxy also holds the lock of the name, so that
the device cannot start on this host while its proxy exists.
"""

import time
from collections.abc import Callable

from daemons.bus.message import Command, EncodedState, Published, deadline_error
from daemons.bus.requests.loop import OnReceipt
from daemons.bus.sockets import CommandServer, Publisher, Request
from daemons.processes.exchange.receipts import rejected_id
from daemons.processes.process import Process
from daemons.storage.lock import NameLock

OnCommand = Callable[[str, Command, OnReceipt], None]


class DeviceProxy:
    """The sockets and the lock of one device that runs elsewhere."""

    def __init__(self, name: str, process: Process, on_command: OnCommand) -> None:
        """Bind the sockets; `on_command` receives each command, and the callback for its receipt.

        Raises AlreadyRunning if a process of this host holds the lock of the name.
        """
        self.name = name
        self._lock = NameLock(name)
        self._publisher = Publisher(process.context, name)
        self._server = CommandServer(process.context, name, process.log)
        self._on_command = on_command
        process.loop.watch(self._publisher.socket, self._publisher.answer_subscriptions)
        process.loop.watch(self._server.socket, self._on_commands)

    def publish(self, message: Published | EncodedState) -> None:
        """Publish a message of the device."""
        self._publisher.publish(message)

    def clear_retained(self) -> None:
        """Clear the retained messages, because they may be out of date."""
        self._publisher.clear_retained()

    def release(self) -> None:
        """Release the lock of the name; call this after the sockets are closed."""
        self._lock.release()

    def _on_commands(self) -> None:
        for request in self._server.receive():
            command, on_receipt = request.command, self._reply_to(request)
            if reason := deadline_error(command, time.time()):
                on_receipt(rejected_id(command.id, self.name, reason))
            else:
                self._on_command(self.name, command, on_receipt)

    def _reply_to(self, request: Request) -> OnReceipt:
        return lambda receipt: self._server.reply(request.envelope, receipt)
