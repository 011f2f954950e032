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
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import zmq
from msgspec import Struct

from daemons.bus import message, sockets
from daemons.bus.keys import Pass, read_pass
from daemons.bus.message import EXCHANGE, Command, Heartbeat, Receipt, Report, Scalar, State
from daemons.bus.sequence import Numbers
from daemons.errors import MessageError, NoAnswer, PlaceError

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
        hear, say, ask = (f"{base}:{int(port) + number}" for number in range(3))
        return Way(hear, say, ask, key)
    folder = path.absolute() / "bus"
    if not folder.is_dir():
        raise PlaceError(f"{path.absolute()} is no run directory of a house, and no key's file")
    try:  # the shorter of two names, for a socket's path has room for 107 bytes
        near = os.path.relpath(folder)
    except OSError:
        near = str(folder)
    folder_name = min(near, str(folder), key=len)
    hear, say, ask = (f"ipc://{folder_name}/exchange.{end}" for end in ("hear", "say", "command"))
    return Way(hear, say, ask, None)


def open_socket(context: Any, kind: int, endpoint: str, key: Pass | None) -> Any:
    """Open one socket of the way; its class is the context's."""
    socket = (sockets.open_far_socket if key else sockets.open_socket)(context, kind)
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
        self._numbers: defaultdict[str, Numbers] = defaultdict(Numbers)
        """Of each publisher, what has come of it."""
        self._states: dict[str, tuple[int, int]] = {}
        """The same of its states alone."""
        self._told: dict[str, Change] = {}

    def take(self, frames: list[bytes]) -> Change | None:
        """Take a message; nothing when there is nothing new in it."""
        try:
            heard = message.decode(frames)
        except MessageError:
            return None
        name, mark = message.publisher(heard), (heard.boot, heard.seq)
        if isinstance(heard, Heartbeat):
            if self._numbers[name].lacks(*mark):
                self.again.append(f"{name}/")
            return None
        self._numbers[name].take(*mark, is_report=isinstance(heard, Report))
        if not isinstance(heard, State) or mark <= self._states.get(name, (0, 0)):
            return None
        self._states[name] = mark
        change = Change(heard.device, dict(heard.state), heard.cause, heard.since, heard.at)
        before = self._told.get(heard.device)
        self._told[heard.device] = change
        if before and (before.state, before.cause, before.since) == (
            change.state,
            change.cause,
            change.since,
        ):
            return None  # said once more, by a program that does so or a device that was started again
        return change


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
        return Command(id=new_id(), command="clock", deadline=0.0, device=EXCHANGE)

    def learn(self, answer: Receipt, took: float) -> None:
        """Take the answer, which took so many seconds to come."""
        self._ahead = answer.at + took / 2 - time.time()
        self._learned = time.monotonic()

    def deadline(self, seconds: float) -> float:
        """Give, by the house's clock, what is so many seconds from now."""
        return time.time() + self._ahead + seconds


class Wish:
    """A command for a device that you speak for; `reply` answers it."""

    def __init__(self, command: Command, reply: Callable[[str, str, str | None], Any]) -> None:
        self.id = command.id
        self.device = str(command.device)
        self.command = command.command
        self.args: dict[str, Any] = dict(command.args)
        self._reply = reply

    def reply(self, outcome: str = "applied", reason: str | None = None) -> Any:
        """Say what came of it: "applied", or "rejected" and why; under asyncio, await this."""
        return self._reply(self.id, outcome, reason)


class Service:
    """The commands for one device: each is given once; when it comes again, the first reply is its answer."""

    def __init__(self, device: str) -> None:
        self.again: list[bytes] = []
        """Replies that have to be sent once more."""
        self._device = device
        self._replies: dict[str, bytes | None] = {}
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
        """Read what has come; nothing when it is no new command. PermissionError when we may not serve."""
        try:
            asked = message.decode_asked(payload)
        except MessageError:
            return None
        if isinstance(asked, Receipt):
            if asked.outcome == "rejected" and asked.device == EXCHANGE:
                raise PermissionError(f"{self._device}: {asked.reason}")
            return None
        if asked.id in self._replies:
            if reply := self._replies[asked.id]:
                self.again.append(reply)
            return None
        self._replies[asked.id] = None
        if len(self._replies) > MOST_HANDLED:
            del self._replies[next(iter(self._replies))]
        return asked

    def reply(self, id_: str, outcome: str, reason: str | None) -> bytes:
        """Give what answers a command, and remember it."""
        answer = {
            "id": id_,
            "device": self._device,
            "outcome": outcome,
            "at": time.time(),
            "reason": reason,
        }
        reply = self._replies[id_] = msgspec.json.encode(answer)
        return reply


def new_id() -> str:
    """Make an id for a command."""
    return os.urandom(5).hex()


def advice(way: Way) -> str:
    """Say what to look for when the house says nothing."""
    if way.key:
        return f"is it up at {way.key.address}, and does it still know this key (`house keys list`)?"
    return "is the house up, and its exchange (`house status`)?"


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
        self._services: dict[str, tuple[Service, zmq.Socket[bytes]]] = {}

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
            began = time.monotonic()
            answer = self._exchange(self._clock.question(), seconds)
            self._clock.learn(answer, time.monotonic() - began)
        deadline = self._clock.deadline(seconds)
        wish = Command(id=new_id(), command=command, deadline=deadline, args=args, device=device)
        return self._exchange(wish, seconds + 0.5)  # the exchange itself answers at the deadline

    def say(self, device: str, state: dict[str, Any], cause: str | None = None) -> None:
        """Say what a device of yours is (`driver = "foreign"`): often, as it is known for that."""
        if self._say is None:
            self._say = open_socket(self._context, zmq.XPUB, self._way.say, self._way.key)
            self._say.poll(int(READY_SECONDS * 1000))  # the house subscribes when the way is open
        self._say.send_multipart([f"{device}/state".encode(), words(state, cause)])

    def commands(self, device: str, *, seconds: float | None = None) -> Iterator[Wish]:
        """Yield the commands for a device of yours; each is to be replied to.

        It ends when none has come for `seconds`, so that the device can be told of again; commands
        that come in between wait for the next call. Without `seconds` it never ends.
        PermissionError when the key may not speak for the device.
        """
        if device not in self._services:
            socket = open_socket(self._context, zmq.DEALER, self._way.ask, self._way.key)
            self._services[device] = Service(device), socket
        service, socket = self._services[device]

        def reply(*words: Any) -> None:
            socket.send_multipart([b"", service.reply(*words)])

        since = time.monotonic()
        while (left := SERVE_SECONDS if seconds is None else since + seconds - time.monotonic()) > 0:
            if offer := service.offer():
                socket.send_multipart([b"", offer])
            if not socket.poll(int(min(left, SERVE_SECONDS) * 1000) + 1):
                continue
            if wish := service.take(socket.recv_multipart()[-1]):
                yield Wish(wish, reply)
                since = time.monotonic()
            while service.again:
                socket.send_multipart([b"", service.again.pop()])

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
