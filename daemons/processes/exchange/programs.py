"""The devices that are programs of somebody's own, as they are heard and asked here.

Each is stood in for. Its program says at the door what the device is, and may take its commands
there. Silent for longer than it said it would be, it is told to be offline.
"""

import time
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus import message
from daemons.bus.message import Command, Heartbeat, Receipt, State
from daemons.errors import MessageError
from daemons.kinds import Kind
from daemons.processes.exchange.gateway import Door, Envelope, rejected
from daemons.processes.exchange.pending import Awaited, Take
from daemons.processes.exchange.program_state import Guest, Memory, Words
from daemons.processes.exchange.proxy import StandIn
from daemons.processes.process import LATE, Process
from daemons.runtime.clock import uptime

PACE_SECONDS = 0.05
"""Of what a program says quicker than this, only the latest counts."""
SERVES_SECONDS = 10.0
"""For so long after it has said so, a program takes its device's commands."""
MOST_SENT = 200
"""Commands of one device whose deadlines have not passed: their receipts are remembered until then."""


class Sent(Struct):
    """A command that was given to a program: once, whatever comes of it."""

    deadline: float
    receipt: Receipt | None = None


class Visit(Struct):
    """One such device, and what is known of its program."""

    place: StandIn
    guest: Guest
    every_seconds: float
    seq: int = 0
    heard: float = field(default_factory=uptime)
    """When it last said anything, in steady seconds; at first, since when it is waited for."""
    told: float = float("-inf")
    waiting: bytes | None = None
    """Its latest words, when they came too soon after the last."""
    is_here: bool | None = None
    server: tuple[Door, Envelope, str] | None = None
    """Where its commands are taken, and by whom."""
    serves_until: float = 0.0
    sent: dict[str, Sent] = field(default_factory=dict)
    """The commands, by their ids."""


class Parlour:
    """Receives the programs, and speaks for their devices."""

    def __init__(
        self,
        kinds: dict[str, tuple[type[Kind], float]],
        memories: dict[str, Memory],
        process: Process,
        remember: Callable[[], None],
        refuse: Callable[[str, object], None],
    ) -> None:
        """`kinds` gives what each device is, and for how many seconds it may be silent.

        `remember` writes `memories` down, and `refuse` tells of what makes no sense, and by whom.
        """
        self.memories = memories
        self._process = process
        self._remember, self._refuse = remember, refuse
        self._awaited = Awaited(process.loop)
        self._visits = {
            name: Visit(StandIn(name, process, self.carry), Guest(kind), every)
            for name, (kind, every) in kinds.items()
        }
        process.loop.every(1.0, self._turn)

    def __contains__(self, device: str) -> bool:
        return device in self._visits

    def hear(self, who: str, device: str, payload: bytes) -> None:
        """Take what a program says of its device."""
        visit = self._visits[device]
        now = uptime()
        if visit.waiting is not None:
            visit.waiting = payload
        elif now - visit.told >= PACE_SECONDS:
            self._speak(who, device, payload)
        else:
            visit.waiting = payload
            self._process.loop.at(visit.told + PACE_SECONDS, lambda: self._catch_up(who, device))

    def serve(self, who: str, device: str, door: Door, envelope: Envelope) -> None:
        """Have a device's commands taken by who asks for them, for a while."""
        visit = self._visits[device]
        visit.server, visit.serves_until = (door, envelope, who), uptime() + SERVES_SECONDS

    def carry(self, device: str, command: Command, take: Take) -> None:
        """Give a command to the device's program, once; `take` gets the receipt."""
        visit, now = self._visits[device], time.time()
        known = visit.sent.get(command.id)
        if known and known.receipt:
            take(known.receipt)
        elif command.deadline <= now:
            take(Receipt(id=command.id, device=device, outcome="expired", at=now, reason=LATE))
        elif known is None and (visit.server is None or uptime() >= visit.serves_until):
            take(rejected(command, f"no program takes commands for {device} now"))
        elif known is None and not self._has_room(visit, now):
            take(rejected(command, "too many commands within their deadlines"))
        elif not self._awaited.expect(device, command, take):
            take(rejected(command, f"too many commands wait for {device}"))
        elif known is None and visit.server is not None:
            visit.sent[command.id] = Sent(command.deadline)
            door, envelope, _ = visit.server
            door.send(envelope, message.encode(replace(command, device=device)))

    def take_receipt(self, who: str, receipt: Receipt) -> bool:
        """Take what a program says came of a command; false when nobody asked it that."""
        visit = self._visits.get(receipt.device)
        if visit is None or visit.server is None or visit.server[2] != who:
            return False
        sent = visit.sent.get(receipt.id)
        if sent is None:
            return False
        reason = receipt.reason[:1000] if receipt.reason else None
        sent.receipt = replace(receipt, at=time.time(), reason=reason, result=None)  # by our clock, and short
        self._awaited.come(receipt.device, sent.receipt)
        return True

    def release(self) -> None:
        """Let go of the names, when the sockets have gone."""
        for visit in self._visits.values():
            visit.place.release()

    def _has_room(self, visit: Visit, now: float) -> bool:
        """Tell whether one more command can be remembered."""
        visit.sent = {id_: sent for id_, sent in visit.sent.items() if sent.deadline > now}
        return len(visit.sent) < MOST_SENT

    def _catch_up(self, who: str, device: str) -> None:
        visit = self._visits[device]
        payload, visit.waiting = visit.waiting, None
        if payload is not None:
            self._speak(who, device, payload)

    def _speak(self, who: str, device: str, payload: bytes) -> None:
        """Say in the house what a program says."""
        visit = self._visits[device]
        visit.told = uptime()
        try:
            words = visit.guest.read(payload)
        except MessageError as error:
            self._refuse(who, f"{device}: {error}")
            return
        visit.heard = uptime()
        before = self.memories.get(device)
        memory = visit.guest.hear(before, words, time.time())
        if memory != before:
            self.memories[device] = memory
            self._remember()
        if not visit.is_here:
            self._tell(device, visit, is_here=True)
        self._publish(device, visit, words, memory)

    def _publish(self, device: str, visit: Visit, words: Words, memory: Memory) -> None:
        visit.seq += 1
        state = State(
            device=device,
            boot=self._process.life.boot,
            seq=visit.seq,
            at=time.time(),
            since=memory.since,
            state=words.state,
            turned=memory.turned,
            cause=memory.cause,
            past=memory.past,
        )
        visit.place.publish(state)
        if visit.seq == 1:
            self._beat(device, visit)

    def _turn(self) -> None:
        """Once a second: give a sign of life for who was heard, and see who is silent."""
        now = uptime()
        for device, visit in self._visits.items():
            if now - visit.heard <= visit.every_seconds:
                if visit.is_here:
                    self._beat(device, visit)
            elif visit.is_here is not False:
                visit.place.forget()
                self._tell(device, visit, is_here=False)

    def _beat(self, device: str, visit: Visit) -> None:
        boot = self._process.life.boot
        visit.place.publish(Heartbeat(device=device, boot=boot, seq=visit.seq, at=time.time(), pid=0))

    def _tell(self, device: str, visit: Visit, *, is_here: bool) -> None:
        visit.is_here = is_here
        silent = f"its program has said nothing for {visit.every_seconds:g} s"
        life, reason = ("running", None) if is_here else ("offline", silent)
        self._process.report(device, life=life, reason=reason, since=time.time())
