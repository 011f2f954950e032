"""Routes each command that arrives at a gateway to the process, program or host that it is for."""

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from msgspec.structs import replace

from daemons.bus.dropped import DroppedLog
from daemons.bus.message import EXCHANGE, Command, deadline_error
from daemons.bus.requests.loop import LoopCommandClient, OnReceipt
from daemons.bus.requests.protocol import unknown_device
from daemons.errors import HouseError, Rejected
from daemons.processes.exchange.access import HOST_PREFIX
from daemons.processes.exchange.gateway import OWNER_NAME, Gateway, ReceivedCommand
from daemons.processes.exchange.programs import ForeignDevices
from daemons.processes.exchange.receipts import applied, expired, rejected
from daemons.processes.exchange.remote_admin import ADMIN_COMMANDS, RemoteAdmin
from daemons.processes.exchange.remote_devices import RemoteDevices


class CommandRouter:
    """Passes on the commands that the rights of their clients allow, and carries out the exchange's own."""

    def __init__(
        self,
        names: Collection[str],
        foreign: ForeignDevices,
        remote: RemoteDevices,
        local: LoopCommandClient,
        admin: RemoteAdmin,
        clock_result: Callable[[], dict[str, Any]],
        dropped: DroppedLog,
    ) -> None:
        """`names` has the processes of the house; `clock_result` returns the result of `clock`."""
        self._names = names
        self._foreign = foreign
        self._remote = remote
        self._local = local
        self._admin = admin
        self._clock_result = clock_result
        self._dropped = dropped

    def route(self, gateway: Gateway, received: ReceivedCommand) -> None:
        """Pass a command on; the client gets its receipt later, whatever happens to the command."""
        received = received._replace(command=with_sender(received))
        client, command = received.client, received.command
        device = command.device or EXCHANGE
        on_receipt = partial(gateway.reply, received.envelope)
        if device == EXCHANGE:
            self._handle_own_command(gateway, received, on_receipt)
        elif not received.rights.may_command(device):
            self._reject(client, command, f"may not command {device}", on_receipt)
        elif reason := deadline_error(command, time.time()):
            on_receipt(rejected(command, reason))
        elif device in self._foreign:
            self._foreign.send_command(device, command, on_receipt)
        elif link := self._remote.link_to(device):
            if client.startswith(HOST_PREFIX):
                on_receipt(rejected(command, f"{device} is on {link.name}, not here"))
            else:
                link.send_command(command, device, on_receipt)
        elif device in self._names:
            self._local.send(device, command, on_receipt)
        else:
            on_receipt(unknown_device(command, device, self._names))

    def _handle_own_command(self, gateway: Gateway, received: ReceivedCommand, on_receipt: OnReceipt) -> None:
        client, command = received.client, received.command
        name = command.command
        if name == "clock":
            on_receipt(applied(command, self._clock_result()))
        elif name == "serve":
            self._serve(gateway, received, on_receipt)
        elif name not in ADMIN_COMMANDS:
            allowed = ", ".join(["clock", "serve", *ADMIN_COMMANDS])
            on_receipt(rejected(command, f"{EXCHANGE} has no command {name!r}; allowed: {allowed}"))
        elif not received.rights.manages:
            self._reject(client, command, f"may not {name}", on_receipt)
        elif command.deadline <= time.time():
            on_receipt(expired(command, EXCHANGE))
        elif link := self._remote.link_to(str(command.args.get("device"))):
            link.send_command(command, EXCHANGE, on_receipt)
        else:
            self._run_admin(command, on_receipt)

    def _serve(self, gateway: Gateway, received: ReceivedCommand, on_receipt: OnReceipt) -> None:
        device = str(received.command.args.get("device"))
        if not received.rights.may_publish(device) or device not in self._foreign:
            self._reject(received.client, received.command, f"may not speak for {device!r:.60}", on_receipt)
            return
        self._foreign.serve(received.client, device, gateway, received.envelope)
        on_receipt(applied(received.command, {}))

    def _run_admin(self, command: Command, on_receipt: OnReceipt) -> None:
        def on_result(result: dict[str, Any] | HouseError) -> None:
            if isinstance(result, HouseError):
                on_receipt(rejected(command, str(result)))
            else:
                on_receipt(applied(command, result))

        try:
            self._admin.run(command.command, command.args, on_result)
        except Rejected as error:
            on_receipt(rejected(command, str(error)))

    def _reject(self, client: str, command: Command, reason: str, on_receipt: OnReceipt) -> None:
        """Reject a command that the client's rights do not allow, and log that."""
        self._dropped.add(client, f"it {reason}")
        on_receipt(rejected(command, f"{client} {reason}"))


def with_sender(received: ReceivedCommand) -> Command:
    """Return a command with its sender.

    The owner's programs name themselves, and another host of this house passes the sender on. Any other
    client is named by its key, whatever the command itself says.
    """
    if received.client == OWNER_NAME or received.client.startswith(HOST_PREFIX):
        return received.command
    return replace(received.command, who=f"key:{received.client}")
