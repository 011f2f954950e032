"""The link to another host of the same house: messages of its devices, commands to them, and its clock.

The link connects to the remote gateway of the other host. Once a second it asks that gateway for the
time. A reply shows that the link is open, and how far the two clocks are apart.

A message with a new change time, and a command with its deadline, wait for a reply of the clock. So a
clock that was just set puts no change at a wrong time. While no reply comes, the link is cut: earlier
messages no longer count, and commands are rejected at once instead of waiting.
"""

import os
import time
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import zmq
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.dropped import DroppedLog
from daemons.bus.endpoints import tcp_endpoint
from daemons.bus.message import EXCHANGE, STEWARD, Command, Heartbeat, Published, Receipt, Report, State
from daemons.bus.requests.loop import LoopConnection, OnReceipt, PendingReceipts
from daemons.bus.sequence import SequenceTracker
from daemons.bus.sockets import Socket, drain, open_tcp_socket
from daemons.config.tables import Host
from daemons.errors import MessageError
from daemons.processes.exchange.clock_sync.host_clock import HostClock
from daemons.processes.exchange.receipts import rejected
from daemons.processes.process import Process
from daemons.runtime.clock import uptime
from daemons.storage.key_pair import KeyPair

CUT_SECONDS = 3.0
"""After this time without a reply of the clock, the link counts as cut."""
REPLY_SECONDS = 10.0
"""A reply of the clock that takes longer is ignored."""
FRESH_SECONDS = 0.25
"""How long a reply of the clock may be used for new messages."""
SUSPECT_SECONDS = 0.5
"""A message that is this much older or newer than now may come from a clock that was just set."""
MAX_DEFERRED = 1000


class Deferred(NamedTuple):
    """An action that waits until the time of the other host is known."""

    since: float
    """When it began to wait, in steady seconds."""
    run: Callable[[], None]
    on_cut: Callable[[], None] | None = None
    """Called instead of `run` when the link is cut; without it, the action waits for the link to open."""


class HostLink:
    """The link to one other host."""

    def __init__(
        self,
        name: str,
        host: Host,
        own: KeyPair,
        devices: frozenset[str],
        process: Process,
        on_message: Callable[["HostLink", Published], None],
        has_new_times: Callable[[State | Heartbeat], bool],
        on_change: Callable[["HostLink"], None],
    ) -> None:
        """`on_message` gets the messages of `devices`; `on_change` is called when the link is opened or cut.

        `has_new_times` returns whether a message has a time that must be converted for the first time.
        """
        self.name = name
        self.address = f"{host.address}:{host.port}"
        self.devices = devices
        self.is_open = False
        self.remote_status: dict[str, object] = {}
        """What the other exchange reports of itself with the time: `host` and `configuration`."""
        self._on_message, self._has_new_times, self._on_change = on_message, has_new_times, on_change
        self._log = process.log
        self._dropped = DroppedLog(process.log)
        self._pending = PendingReceipts(process.loop)
        self._clock = HostClock()
        self._clock_requests: dict[str, float] = {}
        """When (steady seconds) each clock request was sent that has no reply yet."""
        self._last_reply = float("-inf")
        self._deferred: deque[Deferred] = deque()
        self._sequences: defaultdict[str, SequenceTracker] = defaultdict(SequenceTracker)
        self._subscriber = self._connect(process, zmq.SUB, host, own, 0)
        commands = self._connect(process, zmq.DEALER, host, own, 2)
        self._commands = LoopConnection(commands, process.loop, self._on_receipt, self._drop)
        process.loop.watch(self._subscriber, self._on_published)
        process.loop.every(1.0, self._check_link)

    def send_command(self, command: Command, device: str, on_receipt: OnReceipt) -> None:
        """Send a command to a device there, or to the exchange; `on_receipt` always gets a receipt."""

        def reject() -> None:
            on_receipt(rejected(command, f"{self.name} cannot be reached ({self.address})"))

        def send() -> None:
            if not self._pending.add(device, command, on_receipt):
                on_receipt(rejected(command, f"too many commands wait for {self.name}"))
                return
            left_seconds = command.deadline - time.time()
            deadline = max(0.0, self._clock.remote_now(uptime()) + left_seconds)
            self._commands.send(replace(command, device=device, deadline=deadline))

        if not self.is_open:
            reject()
        elif len(self._deferred) >= MAX_DEFERRED:
            on_receipt(rejected(command, f"too many commands wait for {self.name}"))
        elif self._deferred or self._clock.age_seconds(uptime()) >= FRESH_SECONDS:
            self._defer(send, reject)
        else:
            send()

    def to_local(self, moment: float) -> float:
        """Return a time of the other host's clock as the time of this host's clock (both Unix seconds)."""
        return self._clock.to_local(moment, uptime(), time.time())

    def _connect(self, process: Process, kind: int, host: Host, own: KeyPair, number: int) -> Socket:
        socket = open_tcp_socket(process.context, kind)
        socket.curve_serverkey = host.public_key.encode()
        socket.curve_publickey, socket.curve_secretkey = own.public_key.encode(), own.secret_key.encode()
        socket.set(zmq.LINGER, 0)
        if kind == zmq.DEALER:
            socket.set(zmq.IMMEDIATE, 1)  # a command that cannot be sent now must not be sent later
            socket.set(zmq.SNDHWM, 200)
        socket.connect(tcp_endpoint(host.address, host.port + number))
        return socket

    def _check_link(self) -> None:
        """Run once a second: ask for the time, and cut the link after a long silence."""
        if self.is_open and uptime() - self._last_reply >= CUT_SECONDS:
            self.is_open = False
            deferred, self._deferred = self._deferred, deque(it for it in self._deferred if it.on_cut is None)
            for action in deferred:
                if action.on_cut:
                    action.on_cut()
            self._log.warning("%s cannot be reached (%s)", self.name, self.address)
            self._on_change(self)
        self._clock_requests = {
            id_: sent for id_, sent in self._clock_requests.items() if uptime() - sent < REPLY_SECONDS
        }
        self._request_clock()

    def _request_clock(self) -> None:
        id_ = f"clock-{os.urandom(5).hex()}"
        self._clock_requests[id_] = uptime()
        self._commands.send(Command(id=id_, command="clock", deadline=0.0, device=EXCHANGE))

    def _on_receipt(self, receipt: Receipt) -> None:
        sent = self._clock_requests.pop(receipt.id, None)
        if sent is None:
            self._pending.resolve(receipt.device, replace(receipt, at=self.to_local(receipt.at)))
        elif receipt.outcome == "applied":
            self._last_reply = uptime()
            self._clock.update(sent, receipt.at, self._last_reply)
            self._on_clock_reply(receipt.result or {})
            self._run_deferred(sent)

    def _drop(self, error: MessageError) -> None:
        self._dropped.add(self.name, error)

    def _on_clock_reply(self, result: dict[str, object]) -> None:
        """Mark the link as open, and keep what the other exchange reports of itself."""
        try:
            self._clock.set_periods(result.pop("set", ()))
        except MessageError as error:
            self._dropped.add(self.name, error)
        before, self.remote_status = (self.is_open, self.remote_status), result
        if not self.is_open:
            self.is_open = True
            self._log.info("%s is connected (%s)", self.name, self.address)
            for prefix in (*sorted(self.devices), f"{STEWARD}/process"):
                self._subscriber.subscribe(f"{prefix}/")  # each new subscription brings the current states
        if before != (True, result):
            self._on_change(self)

    def _defer(self, run: Callable[[], None], on_cut: Callable[[], None] | None = None) -> None:
        """Ask for the time, and run an action when the reply has come; actions stay in order."""
        since = uptime()
        if not self._deferred:
            self._request_clock()
        self._deferred.append(Deferred(since, run, on_cut))

    def _run_deferred(self, sent: float) -> None:
        """Run the actions that waited for the reply to a request, which left at `sent` (steady seconds)."""
        while self._deferred and self._deferred[0].since <= sent:
            self._deferred.popleft().run()
        if self._deferred:
            self._request_clock()

    def _on_published(self) -> None:
        for frames in drain(self._subscriber):
            try:
                received = message.decode(frames)
                if isinstance(received, Report) and received.by != STEWARD:
                    continue
                if received.device not in self.devices:
                    if not isinstance(received, Report):
                        raise MessageError(f"{received.device} is not a device of that host")
                    continue  # a report on a process that is no device
            except MessageError as error:
                self._dropped.add(self.name, error)
                continue
            self._check_gap(received)
            if self.is_open and not self._deferred and not self._needs_clock(received):
                self._on_message(self, received)
            elif len(self._deferred) < MAX_DEFERRED:
                self._defer(partial(self._on_message, self, received))

    def _check_gap(self, received: Published) -> None:
        """Subscribe again when a heartbeat shows that a state was lost: its device then sends it again."""
        sequence = self._sequences[received.device]
        if isinstance(received, State):
            sequence.record(received.boot, received.seq, is_report=False)
        elif isinstance(received, Heartbeat) and sequence.has_gap(received.boot, received.seq):
            self._subscriber.subscribe(f"{received.device}/")

    def _needs_clock(self, received: Published) -> bool:
        """Return whether the clock must be asked before this message can be passed on."""
        if isinstance(received, Report) or not self._has_new_times(received):
            return False
        now = uptime()
        is_suspect = abs(received.at - self._clock.remote_now(now)) >= SUSPECT_SECONDS
        return is_suspect or self._clock.age_seconds(now) >= FRESH_SECONDS
