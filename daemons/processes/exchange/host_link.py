"""The way to another host of the same house: what its devices say, commands to them, and its clock.

It ends at the other host's door. Once a second that is asked the time: an answer says that the way
is open, and how far the clocks are apart. What has a new moment in it, and a command with its
deadline, wait for such an answer, so a clock that was just set puts nothing at a wrong time. While
no answer comes the way is cut: nothing that is left of before counts, and commands are refused at
once instead of lying about.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec
import zmq
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.endpoints import far_endpoint
from daemons.bus.keys import Pair
from daemons.bus.message import EXCHANGE, STEWARD, Command, Heartbeat, Published, Report, State
from daemons.bus.sockets import Refusals, Socket, drain, open_far_socket
from daemons.config.tables import Host
from daemons.errors import MessageError
from daemons.processes.exchange.clock_sync.offset import Offset
from daemons.processes.exchange.clock_sync.steps import Stretches, corrected
from daemons.processes.exchange.gateway import rejected
from daemons.processes.exchange.pending import Awaited, Take
from daemons.processes.process import Process
from daemons.runtime.clock import uptime

CUT_SECONDS = 3.0
"""So long without an answer, and the way counts as cut."""
LATE_SECONDS = 10.0
"""An answer that comes later is of no use."""
FRESH_SECONDS = 0.25
"""An answer of the clock is good for so long."""
ODD_SECONDS = 0.5
"""Who says something that is so much older than now, or younger, may have had its clock set."""
MOST_HELD = 1000


class Held(NamedTuple):
    """Something to be done when the time is known."""

    since: float
    """Since when it waits, in steady seconds."""
    do: Callable[[], None]
    refuse: Callable[[], None] | None = None
    """What to do instead when the way is cut; otherwise it waits until that is open again."""


class Link:
    """The way to one other host."""

    def __init__(
        self,
        name: str,
        host: Host,
        own: Pair,
        devices: frozenset[str],
        process: Process,
        hear: Callable[["Link", Published], None],
        is_news: Callable[[State | Heartbeat], bool],
        change: Callable[["Link"], None],
    ) -> None:
        """`hear` takes what its devices say, `change` that the way was opened or cut.

        `is_news` tells whether a state has a moment that has to be put into our time first.
        """
        self.name = name
        self.place = f"{host.address}:{host.port}"
        self.devices = devices
        self.offset = Offset()
        self.is_open = False
        self.result: dict[str, object] = {}
        """What it said of itself with the time."""
        self._hear_it, self._is_news, self._change = hear, is_news, change
        self._log = process.log
        self._refusals = Refusals(process.log)
        self._awaited = Awaited(process.loop)
        self._asked: dict[str, float] = {}
        """When (steady seconds) each question for the time was sent that has no answer yet."""
        self._answered = float("-inf")
        self._stretches: Stretches = ()
        """Between which settings of its clock it wrote by another time."""
        self._held: deque[Held] = deque()
        self._latest: dict[str, tuple[int, int]] = {}
        """Of each device, which of its states was heard last: of which life, and its number."""
        self._sub = self._open(process, zmq.SUB, host, own, 0)
        self._ask = self._open(process, zmq.DEALER, host, own, 2)
        process.loop.watch(self._sub, self._hear)
        process.loop.watch(self._ask, self._take_answers)
        process.loop.every(1.0, self._turn)

    def carry(self, command: Command, device: str, take: Take) -> None:
        """Send a command to a device there, or to its exchange; `take` gets the receipt, whatever comes."""

        def refuse() -> None:
            take(rejected(command, f"{self.name} cannot be reached ({self.place})"))

        def send() -> None:
            if not self._awaited.expect(device, command, take):
                take(rejected(command, f"too many commands wait for {self.name}"))
                return
            left = command.deadline - time.time()
            self._send(replace(command, device=device, deadline=max(0.0, self._there + left)))

        if not self.is_open:
            refuse()
        elif len(self._held) >= MOST_HELD:
            take(rejected(command, f"too many commands wait for {self.name}"))
        elif self._held or self.offset.age(uptime()) >= FRESH_SECONDS:
            self._hold(send, refuse)
        else:
            send()

    def ours(self, moment: float) -> float:
        """Give a moment of its clock in our time."""
        moment = corrected(moment, self._stretches, self._there)
        return max(0.0, moment + self.offset.seconds - uptime() + time.time())

    @property
    def _there(self) -> float:
        """What its clock shows now."""
        return uptime() - self.offset.seconds

    def _open(self, process: Process, kind: int, host: Host, own: Pair, number: int) -> Socket:
        socket = open_far_socket(process.context, kind)
        socket.curve_serverkey = host.public_key.encode()
        socket.curve_publickey, socket.curve_secretkey = own.public_key.encode(), own.secret_key.encode()
        socket.set(zmq.LINGER, 0)
        if kind == zmq.DEALER:
            socket.set(zmq.IMMEDIATE, 1)  # what cannot be sent now shall not be sent later
            socket.set(zmq.SNDHWM, 200)
        socket.connect(far_endpoint(host.address, host.port + number))
        return socket

    def _send(self, command: Command) -> None:
        try:
            self._ask.send_multipart([b"", message.encode(command)], zmq.NOBLOCK)
        except zmq.Again:
            return  # it is not connected; who waits is told by the deadline, and the way is soon cut

    def _turn(self) -> None:
        """Once a second: ask the time, and see whether the way is still open."""
        if self.is_open and uptime() - self._answered >= CUT_SECONDS:
            self.is_open = False
            held, self._held = self._held, deque(it for it in self._held if it.refuse is None)
            for waiting in held:
                if waiting.refuse:
                    waiting.refuse()
            self._log.warning("%s cannot be reached (%s)", self.name, self.place)
            self._change(self)
        self._asked = {id_: at for id_, at in self._asked.items() if uptime() - at < LATE_SECONDS}
        self._ask_time()

    def _ask_time(self) -> None:
        id_ = f"clock-{os.urandom(5).hex()}"
        self._asked[id_] = uptime()
        self._send(Command(id=id_, command="clock", deadline=0.0, device=EXCHANGE))

    def _take_answers(self) -> None:
        for frames in drain(self._ask):
            try:
                receipt = message.decode_receipt(frames[-1])
            except MessageError as error:
                self._refusals.add(self.name, error)
                continue
            asked = self._asked.pop(receipt.id, None)
            if asked is None:
                self._awaited.come(receipt.device, replace(receipt, at=self.ours(receipt.at)))
            elif receipt.outcome == "applied":
                self._answered = uptime()
                self.offset.learn(asked, receipt.at, self._answered)
                self._learn(receipt.result or {})
                self._release(asked)

    def _learn(self, result: dict[str, object]) -> None:
        """Take it that the way is open and the time is known."""
        try:
            self._stretches = msgspec.convert(result.pop("set", ()), Stretches)
        except msgspec.ValidationError as error:
            self._refusals.add(self.name, error)
        was, self.result = (self.is_open, self.result), result
        if not self.is_open:
            self.is_open = True
            self._log.info("%s is reached (%s)", self.name, self.place)
            for prefix in (*sorted(self.devices), f"{STEWARD}/process"):
                self._sub.subscribe(f"{prefix}/")  # once more, and what is current is told once more
        if was != (True, result):
            self._change(self)

    def _hold(self, do: Callable[[], None], refuse: Callable[[], None] | None = None) -> None:
        """Do something when the time was asked for and is known; everything in its order."""
        since = uptime()
        if not self._held:
            self._ask_time()
        self._held.append(Held(since, do, refuse))

    def _release(self, asked: float) -> None:
        """Do what has waited for the answer to a question of then."""
        while self._held and self._held[0].since <= asked:
            self._held.popleft().do()
        if self._held:
            self._ask_time()

    def _hear(self) -> None:
        for frames in drain(self._sub):
            try:
                heard = message.decode(frames)
                if isinstance(heard, Report) and heard.by != STEWARD:
                    continue
                if heard.device not in self.devices:
                    if not isinstance(heard, Report):
                        raise MessageError(f"{heard.device} is no device of that host")
                    continue  # of a process that is no device
            except MessageError as error:
                self._refusals.add(self.name, error)
                continue
            self._see_gap(heard)
            if self.is_open and not self._held and not self._is_untimely(heard):
                self._hear_it(self, heard)
            elif len(self._held) < MOST_HELD:
                self._hold(partial(self._hear_it, self, heard))

    def _see_gap(self, heard: Published) -> None:
        """Have a device that has said what was not heard told once more."""
        if isinstance(heard, State):
            self._latest[heard.device] = heard.boot, heard.seq
        elif isinstance(heard, Heartbeat) and (heard.boot, heard.seq) != self._latest.get(heard.device):
            self._sub.subscribe(f"{heard.device}/")

    def _is_untimely(self, heard: Published) -> bool:
        """Tell whether the time has to be asked before this can be told."""
        if isinstance(heard, Report) or not self._is_news(heard):
            return False
        now = uptime()
        is_odd = abs(heard.at + self.offset.seconds - now) >= ODD_SECONDS
        return is_odd or self.offset.age(now) >= FRESH_SECONDS
