"""Role: the house's front door, for programs that are not its processes and for its other hosts.

All that the house says goes out at its doors, and who comes late is told the latest of each topic.
For a device that has no process here it stands in: for somebody's own program (parlour), and for a
device of another host (abroad). No device of this host depends on it.
"""

import time
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from daemons.bus.endpoints import far_endpoint
from daemons.bus.keys import HOST, NOBODY, Key, Keyring, Rights, own_pair
from daemons.bus.message import EXCHANGE, Command, Receipt, Scalar, too_far, turn
from daemons.bus.sockets import Refusals, Subscriber
from daemons.config.loader import find_kind
from daemons.config.slice import Slice
from daemons.errors import DeviceError, HouseError, Rejected
from daemons.processes.exchange import program_state
from daemons.processes.exchange.authenticator import Porter
from daemons.processes.exchange.clock_sync import steps, translate
from daemons.processes.exchange.connections import Callers
from daemons.processes.exchange.gateway import Answer, Door, Question, far, near, rejected
from daemons.processes.exchange.local_commands import Messenger
from daemons.processes.exchange.pending import Take
from daemons.processes.exchange.programs import Parlour
from daemons.processes.exchange.remote_admin import DEEDS, Caretaker
from daemons.processes.exchange.remote_devices import Abroad
from daemons.processes.exchange.retained import Latest
from daemons.processes.process import LATE, Life, Process, next_life
from daemons.runtime.clock import machine, uptime
from daemons.runtime.log import open_log
from daemons.storage.journal import Journal
from daemons.storage.lock import Lock
from daemons.supervision.install import Fingerprint
from daemons.values import choose

HEAR, SAY = "ipc://bus/exchange.hear", "ipc://bus/exchange.say"
"""The near door, from inside the run directory; its third socket is the exchange's command socket."""
AT_HOST = "host "
"""How the key of another host is named; the name of a program's key has no space."""


class Memory(Struct, frozen=True, kw_only=True):
    """What the exchange remembers across a crash."""

    life: Life
    guests: dict[str, program_state.Memory] = {}
    echoes: dict[str, translate.Memory] = {}
    clock: steps.Past | None = None
    shown: dict[str, Scalar] = {}
    turned: dict[str, float] = {}


def run(slice_: Slice) -> None:
    """Be the exchange until told to end."""
    log = open_log(EXCHANGE)
    lock = Lock(EXCHANGE)
    journal = Journal(EXCHANGE, Memory, log)
    last = journal.load()
    life = next_life(last.life if last else None)
    memory = msgspec.structs.replace(last, life=life) if last else Memory(life=life)
    with Process(EXCHANGE, life, lock, log, uptime) as process:
        exchange = Exchange(slice_, memory, journal, process)
        process.loop.every(1.0, journal.secure)
        process.run(None)
    exchange.release()


class Exchange:
    """Lets out what the house says, and in what its visitors may say and ask."""

    def __init__(self, slice_: Slice, memory: Memory, journal: Journal[Memory], process: Process) -> None:
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._refusals = Refusals(process.log)
        self._host = slice_.host
        self._names = {*slice_.peers, *slice_.services}
        self._latest = Latest()
        self._messenger = Messenger(process)
        self._caretaker = Caretaker(process.loop)
        self._fingerprint = Fingerprint()
        self._visitors(slice_)
        self._doors = [
            Door(near(process.context, EXCHANGE, HEAR, SAY, process.server.socket), self._refusals)
        ]
        self._place: str | None = None
        self._closed: str | None = None
        """Why it cannot be reached over the network, where it should be."""
        self._is_told = False
        table = slice_.table
        self._address: tuple[str, int] | None = (table["address"], table["port"]) if table else None
        self._callers = Callers(process.log)
        if self._address:
            porter = Porter(process.context, self._find)
            process.loop.watch(porter.socket, porter.answer)
        self._attend(self._doors[0])
        self._subscriber = Subscriber(process.context, self._names, process.log)
        process.loop.watch(self._subscriber.socket, self._hear)
        process.loop.every(1.0, self._turn)
        self._remember()

    def release(self) -> None:
        """Let go of the names that it stood in for, when the sockets have gone."""
        self._parlour.release()
        self._abroad.release()

    # Doors and who stands at them

    def _open(self) -> None:
        """Open the door to the network, to who has a key; tried again when its ports cannot be had."""
        if self._address is None or len(self._doors) > 1:
            return
        process = self._process
        try:
            sockets = far(process.context, EXCHANGE, *self._address, self._own)
        except DeviceError as error:
            if self._closed is None:
                process.log.error("cannot be reached over the network: %s", error)
            self._closed = str(error)
            return
        self._closed = None
        self._doors.append(Door(sockets, self._refusals, self._rights, self._callers))
        self._attend(self._doors[-1])
        self._place = far_endpoint(*self._address)
        process.log.info("is reached at %s by %d keys", self._place, len(self._keys))

    def _attend(self, door: Door) -> None:
        loop, sockets = self._process.loop, door.sockets
        loop.watch(sockets.hear, partial(self._take_newcomers, door))
        loop.watch(sockets.say, partial(self._take_words, door))
        loop.watch(sockets.ask, partial(self._take_questions, door))

    def _find(self, public_key: str, address: str) -> str | None:
        """Let in who has a key that is known."""
        if host := self._hosts.get(public_key):
            return self._callers.admit(AT_HOST + host)
        self._read_keys()  # it may have been made just now
        for name, key in self._keys.items():
            if key.public_key == public_key:
                self._admitted[name] = key
                return self._callers.admit(name)
        self._refusals.add(f"the door, from {address}", f"nobody is known by the key {public_key}")
        return None

    def _rights(self, who: str) -> Rights:
        return HOST if who.startswith(AT_HOST) else self._keys.get(who, NOBODY)

    def _take_newcomers(self, door: Door) -> None:
        door.take_newcomers()
        self._tell_newcomers(door)

    def _tell_newcomers(self, door: Door) -> None:
        again = door.tell_newcomers(self._latest.current, self._now())
        if again is not None:
            self._process.loop.at(again, partial(self._tell_newcomers, door))

    def _take_words(self, door: Door) -> None:
        for who, device, payload in door.said():
            if device in self._parlour:
                self._parlour.hear(who, device, payload)
            else:
                self._refusals.add(who, f'{device!r:.60} is no device with driver = "foreign"')

    def _take_questions(self, door: Door) -> None:
        for asked in door.asked():
            if isinstance(asked, Answer):
                if not self._parlour.take_receipt(asked.who, asked.receipt):
                    self._refusals.add(asked.who, f"nobody asked it for the receipt {asked.receipt.id}")
            else:
                self._take_question(door, asked)

    def _take_question(self, door: Door, asked: Question) -> None:
        device = asked.command.device or EXCHANGE
        take = partial(door.answer, asked.envelope)
        if device == EXCHANGE:
            self._obey(door, asked, take)
        elif not asked.rights.commands(device):
            self._refusals.add(asked.who, f"it may not command {device}")
            take(rejected(asked.command, f"{asked.who} may not command {device}"))
        elif why := too_far(asked.command, time.time()):
            take(rejected(asked.command, why))
        elif device in self._parlour:
            self._parlour.carry(device, asked.command, take)
        elif link := self._abroad.way_to(device):
            if asked.who.startswith(AT_HOST):
                take(rejected(asked.command, f"{device} is on {link.name}, not here"))
            else:
                link.carry(asked.command, device, take)
        elif device in self._names:
            self._messenger.carry(device, asked.command, take)
        else:
            take(
                rejected(
                    asked.command, f"there is no device {device!r}; {choose(device, sorted(self._names))}"
                )
            )

    # What it does itself

    def _obey(self, door: Door, asked: Question, take: Take) -> None:
        """Answer what is asked of the exchange itself."""
        command, who = asked.command, asked.who
        if command.command == "clock":
            take(self._applied(command, self._own_clock()))
        elif command.command == "serve":
            device = str(command.args.get("device"))
            if not asked.rights.says(device) or device not in self._parlour:
                self._refusals.add(who, f"it may not speak for {device!r:.60}")
                take(rejected(command, f"{who} may not speak for {device!r:.60}"))
                return
            self._parlour.serve(who, device, door, asked.envelope)
            take(self._applied(command, {}))
        elif command.command not in DEEDS:
            words = ", ".join(["clock", "serve", *DEEDS])
            take(rejected(command, f"it has no command {command.command!r}; allowed: {words}"))
        elif not asked.rights.manages:
            self._refusals.add(who, f"it may not {command.command}")
            take(rejected(command, f"{who} may not {command.command}"))
        elif command.deadline <= time.time():
            take(Receipt(id=command.id, device=EXCHANGE, outcome="expired", at=time.time(), reason=LATE))
        elif link := self._abroad.way_to(str(command.args.get("device"))):
            link.carry(command, EXCHANGE, take)
        else:
            self._do(command, take)

    def _own_clock(self) -> dict[str, Any]:
        """Say what there is to know beside the time: who we are, and when the clock was set."""
        stretches = msgspec.to_builtins(steps.told(self._look_at_clock()))
        return {"host": self._host, "configuration": self._fingerprint.read(), "set": stretches}

    def _look_at_clock(self) -> steps.Past:
        """See whether the clock was set, and write that down."""
        past = steps.look(self._memory.clock, machine(), time.time(), uptime())
        if past != self._memory.clock:
            self._memory = msgspec.structs.replace(self._memory, clock=past)
            self._remember()
        return past

    def _do(self, command: Command, take: Take) -> None:
        def done(result: dict[str, Any] | HouseError) -> None:
            if isinstance(result, HouseError):
                take(rejected(command, str(result)))
            else:
                take(self._applied(command, result))

        try:
            self._caretaker.do(command.command, command.args, done)
        except Rejected as error:
            take(rejected(command, str(error)))

    def _applied(self, command: Command, result: dict[str, Any]) -> Receipt:
        return Receipt(id=command.id, device=EXCHANGE, outcome="applied", at=time.time(), result=result)

    # The house

    def _visitors(self, slice_: Slice) -> None:
        """Take the places of the devices that have no process here."""
        process, memory = self._process, self._memory
        self._own = own_pair()
        self._keyring = Keyring(self._refusals.add)
        self._keys = self._keyring.read()
        self._admitted: dict[str, Key] = {}
        """Whom the door has let in, by what was its key then."""
        self._hosts: dict[str, str] = {about.public_key: host for host, about in slice_.hosts.items()}
        programs = {}
        for name, peer in slice_.peers.items():
            kind = find_kind(peer.kind)
            if kind and peer.every_seconds is not None and peer.host == slice_.host:
                programs[name] = (kind, peer.every_seconds)
        devices = {name: p.host for name, p in slice_.peers.items() if p.host and p.host != slice_.host}
        guests = {name: known for name, known in memory.guests.items() if name in programs}
        self._parlour = Parlour(programs, guests, process, self._remember, self._refusals.add)
        self._abroad = Abroad(
            slice_.hosts, devices, self._own, memory.echoes, process, self._remember, self._tell
        )

    def _hear(self) -> None:
        """Let out what the house says."""
        for frames in self._subscriber.frames():
            try:
                topic, payload = frames
                if self._latest.take(topic, payload):
                    self._subscriber.ask(topic.partition(b"/")[0].decode())
            except ValueError as error:  # not two frames, or no message
                self._refusals.add("the bus", error)
                continue
            for door in self._doors:
                door.publish(topic, payload)

    def _turn(self) -> None:
        """Once a second: see who is silent, and whether somebody who was let in should not be any more."""
        self._subscriber.renew()
        self._look_at_clock()
        self._read_keys()
        self._open()
        self._tell()

    def _read_keys(self) -> None:
        """Read the keys; who came in by what is another key now, or none, has to leave."""
        self._keys = self._keyring.read()
        for name, key in list(self._admitted.items()):
            if self._keys.get(name) != key:
                del self._admitted[name]
                self._callers.end(name)
                self._process.log.info("the key %s is another, or none; who came by it has to leave", name)

    def _tell(self) -> None:
        """Publish how it stands, when that is new."""
        links = self._abroad.links.values()
        faults = [f"{link.name} cannot be reached ({link.place})" for link in links if not link.is_open]
        mine = self._fingerprint.read()
        faults += [
            f"{link.name} runs another configuration; copy house.toml there, and `house reload`"
            for link in links
            if link.is_open and link.result.get("configuration") != mine
        ]
        faults += [self._closed] if self._closed else []
        shown: dict[str, Scalar] = {
            "status": True,
            "phase": "open" if all(link.is_open for link in links) else "cut",
            "host": self._host,
            "address": self._place,
            **{f"{link.name}_reached": link.is_open for link in links},
            "fault": "; ".join(faults) or None,
        }
        if shown != self._memory.shown or not self._is_told:
            self._is_told = True
            turned = turn(self._memory.shown, shown, self._memory.turned, time.time())
            self._memory = msgspec.structs.replace(self._memory, shown=shown, turned=turned)
            self._remember()
            since = max(turned.values(), default=self._memory.life.boot / 1000)
            self._process.publish(shown, since, turned, None)

    def _remember(self) -> None:
        """Write down what must outlive a crash, before anybody hears of it."""
        self._memory = msgspec.structs.replace(
            self._memory, guests=dict(self._parlour.memories), echoes=self._abroad.memories
        )
        self._journal.save(self._memory)
