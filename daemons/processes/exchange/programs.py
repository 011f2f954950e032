"""The foreign devices: each is a program that is not a process of the house.

Each has a proxy here. Its program reports the device's state at the gateway, and may receive the device's
commands there. When it reports nothing for longer than `foreign.every`, the device is offline.
"""

import time
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.message import Command, EncodedState, Heartbeat, Receipt
from daemons.bus.requests.ledger import CommandLedger
from daemons.bus.requests.loop import OnReceipt, PendingReceipts
from daemons.config.loader import kind_or_none
from daemons.config.slice import Slice
from daemons.errors import MessageError
from daemons.kinds import Kind
from daemons.processes.exchange.gateway import Envelope, Gateway
from daemons.processes.exchange.program_state import ProgramMemory, ReportedState, StateTracker
from daemons.processes.exchange.proxy import DeviceProxy
from daemons.processes.exchange.receipts import MAX_REASON_CHARACTERS, expired, rejected
from daemons.processes.process import Process
from daemons.runtime.clock import uptime

MIN_INTERVAL_SECONDS = 0.05
"""Of several states that a program reports within this time, only the latest is published."""
SERVE_SECONDS = 10.0
"""How long a program receives its device's commands after each `serve`."""


class CommandReceiver(Struct, frozen=True):
    """The client that receives a device's commands."""

    client: str
    gateway: Gateway
    envelope: Envelope
    until: float
    """When its `serve` ends, in steady seconds."""


class ForeignDevice(Struct):
    """One foreign device, and what is known of its program."""

    proxy: DeviceProxy
    tracker: StateTracker
    every_seconds: float
    seq: int = 0
    reported_at: float = field(default_factory=uptime)
    """When its program last reported a valid state; at first, the start of the exchange (steady seconds)."""
    published_at: float = float("-inf")
    """When a report was last read, in steady seconds."""
    waiting: bytes | None = None
    """The latest report, when it came too soon after the one before."""
    is_online: bool | None = None
    receiver: CommandReceiver | None = None
    ledger: CommandLedger = field(default_factory=CommandLedger)
    """The commands that were sent to the program: each is sent once."""


class ForeignDevices:
    """Publishes the states that programs report, and forwards commands to them."""

    def __init__(
        self,
        kinds: dict[str, tuple[type[Kind], float]],
        memories: dict[str, ProgramMemory],
        process: Process,
        save: Callable[[], None],
        drop: Callable[[str, object], None],
    ) -> None:
        """`kinds` has the kind of each device, and how many seconds its program may be silent.

        `save` writes `memories` to the disk. `drop` gets the client and the reason of each refused report.
        """
        self.memories = memories
        self._process = process
        self._save, self._drop = save, drop
        self._pending = PendingReceipts(process.loop)
        self._devices = {
            name: ForeignDevice(DeviceProxy(name, process, self.send_command), StateTracker(kind), every)
            for name, (kind, every) in kinds.items()
        }
        process.loop.every(1.0, self._check_silence)

    def __contains__(self, name: str) -> bool:
        return name in self._devices

    def on_state(self, client: str, name: str, payload: bytes) -> None:
        """Handle a report of a program; it is published now or, when it comes too soon, a little later."""
        device = self._devices[name]
        if device.waiting is not None:
            device.waiting = payload
        elif uptime() - device.published_at >= MIN_INTERVAL_SECONDS:
            self._publish_report(client, name, payload)
        else:
            device.waiting = payload
            when = device.published_at + MIN_INTERVAL_SECONDS
            self._process.loop.at(when, lambda: self._publish_waiting(client, name))

    def serve(self, client: str, name: str, gateway: Gateway, envelope: Envelope) -> None:
        """Send the commands of a device to this client for SERVE_SECONDS."""
        until = uptime() + SERVE_SECONDS
        self._devices[name].receiver = CommandReceiver(client, gateway, envelope, until)

    def send_command(self, name: str, command: Command, on_receipt: OnReceipt) -> None:
        """Send a command to the device's program, once; `on_receipt` gets the receipt."""
        device, now = self._devices[name], time.time()
        is_known, receipt = command.id in device.ledger, device.ledger.receipt(command.id)
        receiver = device.receiver if device.receiver and uptime() < device.receiver.until else None
        if receipt is not None:
            on_receipt(receipt)
        elif command.deadline <= now:
            on_receipt(expired(command, name))
        elif not is_known and receiver is None:
            reason = f"no program takes commands for {name} now; a program has to send `serve` first"
            on_receipt(rejected(command, reason))
        elif not is_known and not device.ledger.has_room(uptime()):
            on_receipt(rejected(command, "too many commands within their deadlines"))
        elif not self._pending.add(name, command, on_receipt):
            on_receipt(rejected(command, f"too many commands wait for {name}"))
        elif not is_known and receiver is not None:
            device.ledger.add(command, uptime(), now)
            receiver.gateway.send(receiver.envelope, message.encode(replace(command, device=name)))

    def on_receipt(self, client: str, receipt: Receipt) -> bool:
        """Handle the receipt of a program; return False when this client was sent no such command."""
        device = self._devices.get(receipt.device)
        if device is None or device.receiver is None or device.receiver.client != client:
            return False
        if receipt.id not in device.ledger:
            return False
        reason = receipt.reason[:MAX_REASON_CHARACTERS] if receipt.reason else None
        # The time is that of this house's clock, and the receipt is short.
        receipt = replace(receipt, at=time.time(), reason=reason, result=None)
        device.ledger.set_receipt(receipt)
        self._pending.resolve(receipt.device, receipt)
        return True

    def release(self) -> None:
        """Release the locks of the names; to be called when the sockets are closed."""
        for device in self._devices.values():
            device.proxy.release()

    def _publish_waiting(self, client: str, name: str) -> None:
        device = self._devices[name]
        payload, device.waiting = device.waiting, None
        if payload is not None:
            self._publish_report(client, name, payload)

    def _publish_report(self, client: str, name: str, payload: bytes) -> None:
        """Check a report, save its changes, and publish it as a state of the house."""
        device = self._devices[name]
        device.published_at = uptime()
        try:
            reported = device.tracker.decode(payload)
        except MessageError as error:
            self._drop(client, f"{name}: {error}")
            return
        device.reported_at = uptime()
        before = self.memories.get(name)
        memory = device.tracker.update(before, reported, time.time())
        if memory != before:
            self.memories[name] = memory
            self._save()
        if not device.is_online:
            self._report_presence(name, device, is_online=True)
        self._publish_state(name, device, reported, memory)

    def _publish_state(
        self, name: str, device: ForeignDevice, reported: ReportedState, memory: ProgramMemory
    ) -> None:
        device.seq += 1
        state = EncodedState(
            device=name,
            boot=self._process.life.boot,
            seq=device.seq,
            at=time.time(),
            since=memory.since,
            state=reported.state,
            turned=memory.turned,
            cause=memory.cause,
            past=memory.encoded_past,
        )
        device.proxy.publish(state)
        if device.seq == 1:
            self._publish_heartbeat(name, device)

    def _check_silence(self) -> None:
        """Run once a second: publish the heartbeats, and report the devices whose programs are silent."""
        now = uptime()
        for name, device in self._devices.items():
            if now - device.reported_at <= device.every_seconds:
                if device.is_online:
                    self._publish_heartbeat(name, device)
            elif device.is_online is not False:
                device.proxy.clear_retained()
                self._report_presence(name, device, is_online=False)

    def _publish_heartbeat(self, name: str, device: ForeignDevice) -> None:
        boot = self._process.life.boot
        device.proxy.publish(Heartbeat(device=name, boot=boot, seq=device.seq, at=time.time(), pid=0))

    def _report_presence(self, name: str, device: ForeignDevice, *, is_online: bool) -> None:
        device.is_online = is_online
        silent = f"its program has reported nothing for {device.every_seconds:g} s"
        life, reason = ("running", None) if is_online else ("offline", silent)
        self._process.report(name, life=life, reason=reason, since=time.time())


def foreign_kinds(slice_: Slice) -> dict[str, tuple[type[Kind], float]]:
    """Return the kind of each foreign device of this host, and how many seconds its program may be silent."""
    found = {}
    for name, peer in slice_.peers.items():
        kind = kind_or_none(peer.kind)
        if kind and peer.every_seconds is not None and peer.host == slice_.host:
            found[name] = (kind, peer.every_seconds)
    return found
