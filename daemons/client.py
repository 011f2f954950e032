"""For programs of your own, in Python: hear the house, send commands, speak for a device of yours.

    from daemons.client import House

    with House("run") as house:
        print(house.send("bathroom_light", "press").outcome)
        for change in house.changes("toaster"):
            print(change.device, change.state["phase"])

`House("run")` is for a program on the house's own machine; over the network it is
`House("laptop.key")`, with the file that `house keys make laptop` has written. The same for asyncio
is `daemons.aio`. docs/programs.md tells more.
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import zmq
from msgspec import Struct

from daemons import bus, message
from daemons.errors import MessageError, NoAnswer, PlaceError
from daemons.keyring import Pass, read_pass
from daemons.message import EXCHANGE, Command, Heartbeat, Receipt, Scalar, State

SERVE_SECONDS = 3.0
"""How often a program says that it takes its device's commands."""
READY_SECONDS = 2.0
"""How long the first word waits for the way to be open; after that it may be lost."""
CLOCK_SECONDS = 60.0
"""How long it is relied on how far the house's clock is from ours."""
MOST_HANDLED = 1000


class Change(Struct, frozen=True):
    """What a device shows, told when that changed, and once at the beginning."""

    device: str
    state: dict[str, Any]
    cause: str | None
    since: float
    """When (Unix seconds, by the house's clock) it last really changed."""
    at: float
    """When this was said."""


class Way(NamedTuple):
    """Where the three sockets of the front door are, and the key to it."""

    hear: str
    say: str
    ask: str
    key: Pass | None


def way(where: str | os.PathLike[str]) -> Way:
    """Find the way: a run directory, or the file of a key; PlaceError when it is neither."""
    path = Path(where)
    if path.is_file():
        key = read_pass(path)
        base, _, port = key.address.rpartition(":")
        if not port.isdecimal():
            raise PlaceError(f"{path.absolute()}: its address {key.address!r} has no port at its end")
        return Way(*(f"{base}:{int(port) + number}" for number in range(3)), key)  # type: ignore[call-arg, arg-type]
    folder = path.absolute() / "bus"
    if not folder.is_dir():
        raise PlaceError(f"{path.absolute()} is no run directory of a house, and no key's file")
    try:  # the shorter of two names, for a socket's path has room for 107 bytes
        near = os.path.relpath(folder)
    except OSError:
        near = str(folder)
    folder_name = min(near, str(folder), key=len)
    return Way(*(f"ipc://{folder_name}/exchange.{end}" for end in ("hear", "say", "command")), None)  # type: ignore[call-arg, arg-type]


def open_socket(context: Any, kind: int, endpoint: str, key: Pass | None) -> Any:
    """Open one socket of the way; its class is the context's."""
    socket = (bus.open_far_socket if key else bus.open_socket)(context, kind)
    if key:
        socket.curve_serverkey = key.server_key.encode()
        socket.curve_publickey, socket.curve_secretkey = key.public_key.encode(), key.secret_key.encode()
    socket.connect(endpoint)
    return socket


class Hearing:
    """Makes changes of what is heard: each once, and none of a life that has ended."""

    def __init__(self, names: Sequence[str]) -> None:
        self.prefixes = [f"{name}/" for name in names] or [""]
        self.again: list[str] = []
        """What to subscribe to once more, for something was missed."""
        self._latest: dict[str, tuple[int, int]] = {}

    def take(self, frames: list[bytes]) -> Change | None:
        """Take a message; nothing when there is nothing new in it."""
        try:
            heard = message.decode(frames)
        except MessageError:
            return None
        mark = heard.boot, heard.seq
        latest = self._latest.get(heard.device, (0, 0))
        if isinstance(heard, Heartbeat) and mark > latest:
            self.again.append(f"{heard.device}/")
        if not isinstance(heard, State) or mark <= latest:
            return None
        self._latest[heard.device] = mark
        return Change(heard.device, dict(heard.state), heard.cause, heard.since, heard.at)


class Clock:
    """How far the house's clock is from ours, as an answer to a question for the time tells."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._learned = float("-inf")

    @property
    def is_old(self) -> bool:
        """Whether it should be asked again."""
        return time.monotonic() - self._learned > CLOCK_SECONDS

    def question(self) -> Command:
        """Give what asks for the time."""
        self._sent = time.time()
        return Command(id=new_id(), command="clock", deadline=0.0, device=EXCHANGE)

    def learn(self, answer: Receipt) -> None:
        """Take the answer."""
        self._ahead = answer.at - (self._sent + time.time()) / 2
        self._learned = time.monotonic()

    def deadline(self, seconds: float) -> float:
        """Give, by the house's clock, what is so many seconds from now."""
        return time.time() + self._ahead + seconds


class Wish:
    """A command for a device that you speak for; `reply` answers it, once."""

    def __init__(self, command: Command, send: Any) -> None:
        self.id = command.id
        self.device = str(command.device)
        self.command = command.command
        self.args: dict[str, Any] = dict(command.args)
        self._send = send

    def reply(self, outcome: str = "applied", reason: str | None = None) -> Any:
        """Say what came of it: "applied", or "rejected" and why; under asyncio, await this."""
        return self._send(
            {"id": self.id, "device": self.device, "outcome": outcome, "at": time.time(), "reason": reason}
        )


class Service:
    """The commands for one device: each is given once, also when it comes again."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._handled: dict[str, None] = {}
        self._said = float("-inf")

    def offer(self) -> bytes | None:
        """Give what says that this program takes the commands, when it is time to say so."""
        now = time.monotonic()
        if now - self._said < SERVE_SECONDS:
            return None
        self._said = now
        args: dict[str, Scalar] = {"device": self._device}
        return message.encode(Command(id=new_id(), command="serve", deadline=0.0, device=EXCHANGE, args=args))

    def take(self, payload: bytes) -> Command | None:
        """Read what has come; nothing when it is no new command. Rejected is raised as PermissionError."""
        try:
            asked = message.decode_asked(payload)
        except MessageError:
            return None
        if isinstance(asked, Receipt):
            if asked.outcome == "rejected" and asked.device == EXCHANGE:
                raise PermissionError(f"{self._device}: {asked.reason}")
            return None
        if asked.id in self._handled:
            return None
        self._handled[asked.id] = None
        if len(self._handled) > MOST_HANDLED:
            del self._handled[next(iter(self._handled))]
        return asked


def advice(way: Way) -> str:
    """Say what to look for when the house says nothing."""
    if way.key:
        return f"is it up at {way.key.address}, and does it still know this key (`house keys list`)?"
    return "is the house up, and its exchange (`house status`)?"


def new_id() -> str:
    """Make an id for a command."""
    return os.urandom(5).hex()


def words(state: dict[str, Any], cause: str | None) -> bytes:
    """Give what is said of a device."""
    return msgspec.json.encode({"state": state, "cause": cause})


class House:
    """The house, from outside; a context manager. Not for use by several threads at once."""

    def __init__(self, where: str | os.PathLike[str] = "run") -> None:
        """`where` is the run directory, or the file of a key; PlaceError when it is neither."""
        self._way = way(where)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._clock = Clock()
        self._ask: zmq.Socket[bytes] | None = None
        self._say: zmq.Socket[bytes] | None = None

    def changes(self, *names: str, seconds: float | None = None) -> Iterator[Change]:
        """Yield what these devices show, or all: first as it is, then each change.

        It ends when nothing has changed for `seconds`; without them, never.
        """
        hearing = Hearing(names)
        with open_socket(self._context, zmq.SUB, self._way.hear, self._way.key) as socket:
            for prefix in hearing.prefixes:
                socket.subscribe(prefix)
            since = time.monotonic()
            while seconds is None or time.monotonic() - since < seconds:
                left = None if seconds is None else since + seconds - time.monotonic()
                if not socket.poll(None if left is None else max(0, int(left * 1000) + 1)):
                    return
                change = hearing.take(socket.recv_multipart())
                while hearing.again:
                    socket.subscribe(hearing.again.pop())
                if change:
                    yield change
                    since = time.monotonic()

    def send(self, device: str, command: str, *, seconds: float = 2.0, **args: Any) -> Receipt:
        """Send a command, and give its receipt: applied, rejected with a reason, expired or unanswered.

        NoAnswer when the house itself says nothing within `seconds`.
        """
        if self._way.key and self._clock.is_old:
            self._clock.learn(self._exchange(self._clock.question(), seconds))
        deadline = self._clock.deadline(seconds)
        wish = Command(id=new_id(), command=command, deadline=deadline, args=args, device=device)
        return self._exchange(wish, seconds + 0.5)  # the exchange itself answers at the deadline

    def say(self, device: str, state: dict[str, Any], cause: str | None = None) -> None:
        """Say what a device of yours is (`driver = "foreign"`): often, as it is known for that."""
        if self._say is None:
            self._say = open_socket(self._context, zmq.XPUB, self._way.say, self._way.key)
            self._say.poll(int(READY_SECONDS * 1000))  # the house subscribes when the way is open
        self._say.send_multipart([f"{device}/state".encode(), words(state, cause)])

    def commands(self, device: str) -> Iterator[Wish]:
        """Yield the commands for a device of yours, for ever; each is to be replied to."""
        service = Service(device)
        with open_socket(self._context, zmq.DEALER, self._way.ask, self._way.key) as socket:

            def send(receipt: dict[str, Any]) -> None:
                socket.send_multipart([b"", msgspec.json.encode(receipt)])

            while True:
                if offer := service.offer():
                    socket.send_multipart([b"", offer])
                if socket.poll(int(SERVE_SECONDS * 1000)) and (
                    wish := service.take(socket.recv_multipart()[-1])
                ):
                    yield Wish(wish, send)

    def _exchange(self, command: Command, seconds: float) -> Receipt:
        if self._ask is None:
            self._ask = open_socket(self._context, zmq.DEALER, self._way.ask, self._way.key)
        self._ask.send_multipart([b"", message.encode(command)])
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._ask.poll(int(left * 1000) + 1):
                receipt = message.decode_receipt(self._ask.recv_multipart()[-1])
                if receipt.id == command.id:
                    return receipt
        self._ask.close(linger=0)
        self._ask = None
        raise NoAnswer(str(command.device), round(seconds, 1), advice(self._way))

    def close(self) -> None:
        """Let go of everything; what was said goes out first, for a moment."""
        self._context.destroy(linger=100)

    def __enter__(self) -> Self:
        """Come in."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave."""
        self.close()
