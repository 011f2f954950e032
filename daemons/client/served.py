"""A device that a program serves: builds its messages, and decodes its commands. No I/O."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from daemons.bus import message
from daemons.bus.message import EXCHANGE, Command, Receipt, Scalar
from daemons.bus.requests.protocol import new_id
from daemons.errors import MessageError

SERVE_SECONDS = 3.0
"""The interval at which a program registers its device at the exchange."""
READY_SECONDS = 2.0
"""How long the first state waits for the connection; after this time it may be lost."""
MAX_HANDLED = 1000
"""The number of remembered commands of one device, to detect repeated ones."""


class IncomingCommand:
    """A command for a device that the program serves; `reply` sends its receipt."""

    def __init__(self, command: Command, reply: Callable[[str, str, str | None], Any]) -> None:
        self.id = command.id
        self.device = str(command.device)
        self.command = command.command
        self.args: dict[str, Any] = dict(command.args)
        self.who = command.who
        """The sender, such as "terminal" or "page:anna"; None for a sender that did not name itself."""
        self._reply = reply

    def reply(self, outcome: str = "applied", reason: str | None = None) -> Any:
        """Send the receipt: "applied", or "rejected" with a reason; under asyncio, await the result."""
        return self._reply(self.id, outcome, reason)


class ServedDevice:
    """Returns each command for one device once; a repeated command gets the first reply again."""

    def __init__(self, device: str) -> None:
        self.resend: list[bytes] = []
        """Replies to repeated commands; the caller must send them."""
        self._device = device
        self._replies: dict[str, bytes | None] = {}
        """The reply to each command by its id; None until the program has replied."""
        self._registered_at = float("-inf")

    def registration(self) -> bytes | None:
        """Return the message that registers the device at the exchange, or None if it is not due yet."""
        now = time.monotonic()
        if now - self._registered_at < SERVE_SECONDS:
            return None
        self._registered_at = now
        args: dict[str, Scalar] = {"device": self._device}
        return message.encode(Command(id=new_id(), command="serve", deadline=0.0, device=EXCHANGE, args=args))

    def on_message(self, payload: bytes) -> Command | None:
        """Return a new command, or None for any other message.

        A repeated command adds its reply to `resend`. Raises PermissionError if the exchange has rejected
        the registration.
        """
        try:
            received = message.decode_command_or_receipt(payload)
        except MessageError:
            return None
        if isinstance(received, Receipt):
            if received.outcome == "rejected" and received.device == EXCHANGE:
                raise PermissionError(f"{self._device}: {received.reason}")
            return None
        if received.id in self._replies:
            if reply := self._replies[received.id]:
                self.resend.append(reply)
            return None
        self._replies[received.id] = None
        if len(self._replies) > MAX_HANDLED:
            del self._replies[next(iter(self._replies))]
        return received

    def reply(self, id_: str, outcome: str, reason: str | None) -> bytes:
        """Return the encoded receipt of a command, and store it for repetitions of the command."""
        receipt = {"id": id_, "device": self._device, "outcome": outcome, "at": time.time(), "reason": reason}
        reply = self._replies[id_] = msgspec.json.encode(receipt)
        return reply


def state_frames(device: str, state: dict[str, Any], cause: str | None) -> list[bytes]:
    """Return the frames that publish a state of a served device."""
    return [f"{device}/state".encode(), msgspec.json.encode({"state": state, "cause": cause})]
