"""Role: the house on MQTT, for Home Assistant and whatever else goes by a broker.

It hears every device as the mirror does, and says what it knows of each at the broker; commands
that come from there get receipts. The session with the broker has a thread of its own (`uplink`,
`crossing`); what a device is called and shown as there, `topic`, `entity` and `discovery` say.
"""

import time
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import BRIDGE, Command, Moment, Receipt, State, encode
from daemons.bus.presence import PresenceTable
from daemons.bus.sockets import Subscriber
from daemons.config.loader import find_kind
from daemons.config.slice import Slice
from daemons.config.tables import Bridging
from daemons.kinds import TOUCHES
from daemons.kinds.mirror import Options
from daemons.processes.bridge.discovery import announce, told
from daemons.processes.bridge.entities import Subject
from daemons.processes.bridge.outbox import STALE_EVENT_SECONDS
from daemons.processes.bridge.session_thread import Memory as Crossed
from daemons.processes.bridge.session_thread import Uplink
from daemons.processes.bridge.topics import OFFLINE, ONLINE
from daemons.processes.process import Life, Process, next_life
from daemons.runtime.clock import uptime
from daemons.runtime.log import open_log
from daemons.storage.journal import Journal
from daemons.storage.lock import Lock
from daemons.values import convert

LOOK_SECONDS = 0.5
"""How often it looks for who has fallen silent."""
COUNT_SECONDS = 10.0
"""How often the counts are told, which change all the time."""
CROSSED = "bridge-broker"
"""The journal of the thread; no device can be called so."""


class Memory(Struct, frozen=True, kw_only=True):
    """What the bridge remembers across a crash."""

    life: Life
    told: dict[str, tuple[str, ...]] = {}
    """By device, what only some hardware tells and this one has told: so it stays announced."""
    pressed: dict[str, float] = {}
    """By device, when the last press that was told happened (Unix seconds)."""


def run(slice_: Slice) -> None:
    """Be the bridge until told to end."""
    log = open_log(BRIDGE)
    bridging = convert(slice_.table, Bridging)
    lock = Lock(BRIDGE)
    journal = Journal(BRIDGE, Memory, log)
    last = journal.load()
    life = next_life(last.life if last else None)
    memory = replace(last, life=life) if last else Memory(life=life)
    journal.save(memory)
    kinds = {name: find_kind(peer.kind) for name, peer in slice_.peers.items()}
    uplink = Uplink(bridging, kinds, Journal(CROSSED, Crossed, log), log, cross)
    with Process(BRIDGE, life, lock, log, uptime) as process:
        bridge = Bridge(slice_, uplink, memory, journal, process)
        try:
            process.run(bridge.obey)
        finally:
            uplink.end()


def cross(uplink: Uplink) -> None:
    """Hold sessions with the broker, in their own thread; it alone waits for what is heavy to load."""
    from daemons.processes.bridge import session  # noqa: PLC0415

    session.run(uplink)


class Bridge:
    """Hears the house, and puts what it hears into the outbox."""

    def __init__(
        self,
        slice_: Slice,
        uplink: Uplink,
        memory: Memory,
        journal: Journal[Memory],
        process: Process,
    ) -> None:
        self._peers = slice_.peers
        self._title = slice_.settings.name
        self._uplink = uplink
        self._outbox = uplink.outbox
        self._topics = uplink.topics
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._options = Options()
        # What the steward says of processes, and the exchange of what is elsewhere, is known to the table.
        titles = {name: peer.title for name, peer in slice_.peers.items()}
        self._table = PresenceTable(
            [*titles, *slice_.services], self._options.stale_seconds, self._options.offline_seconds
        )
        self._pressed = frozenset(
            name for name, kind in uplink.kinds.items() if getattr(kind, "needs", None) == {"press"}
        )
        self._announced: set[str] = set()
        self._shown: dict[str, Any] = {}
        self._since = time.time()
        self._counted_at = float("-inf")
        self._announce()
        self._subscriber = Subscriber(process.context, self._table.entries, process.log)
        loop = process.loop
        loop.watch(self._subscriber.socket, self.hear)
        loop.watch(uplink.news, self._hear_uplink)
        loop.every(1.0, self._subscriber.renew)
        loop.every(1.0, journal.secure)
        loop.every(1.0, self._tick)
        loop.every(LOOK_SECONDS, self.look)
        uplink.start()

    def obey(self, command: Command) -> Receipt:
        """Take no orders."""
        return self._process.refuse(command, "it takes no commands; it passes on those of others")

    def hear(self) -> None:
        """Hear the house."""
        for heard in self._subscriber.receive():
            self._table.on_message(heard, self._now())
            if heard.device not in self._peers:
                continue
            if isinstance(heard, State):
                self._learn(heard)
                self._press(heard)
                shown = {"state": heard.state, "since": heard.since, "at": heard.at, "cause": heard.cause}
                self._outbox.put(self._topics.state(heard.device), encode(shown))
            self._look_at(heard.device)

    def look(self) -> None:
        """See what is told by silence."""
        for name in self._peers:
            self._look_at(name)

    def _look_at(self, name: str) -> None:
        """Say how far what is known of a device can be trusted."""
        entry, now = self._table.entries[name], self._now()
        presence = self._table.presence(name, now)
        # What was killed is back before its last word is old: that is no absence.
        holds = presence == "live" or (
            presence == "restarting" and now - entry.heard < self._options.stale_seconds
        )
        reaches = entry.state is not None and entry.state.state.get("reachable") is not False
        self._outbox.put(self._topics.presence(name), presence.encode())
        self._outbox.put(self._topics.availability(name), (ONLINE if holds and reaches else OFFLINE).encode())

    def _learn(self, heard: State) -> None:
        """Announce what only some hardware tells, once this one does."""
        known = self._memory.told.get(heard.device, ())
        new = told(heard.state) - {*known}
        if new:
            self._save(told={**self._memory.told, heard.device: tuple(sorted({*known, *new}))})
            self._announce()

    def _press(self, heard: State) -> None:
        """Tell each press of a button, once, and none that is long over."""
        if heard.device not in self._pressed:
            return
        moments: list[State | Moment] = [*heard.past, heard]
        for moment in moments:
            at, what = moment.turned.get("phase", 0.0), moment.state.get("phase")
            if what not in TOUCHES or at <= self._memory.pressed.get(heard.device, 0.0):
                continue
            self._save(pressed={**self._memory.pressed, heard.device: at})
            if heard.at - at < STALE_EVENT_SECONDS:
                event = {"event_type": what, "at": at, "cause": moment.cause}
                self._outbox.tell(self._topics.event(heard.device), encode(event), self._now())

    def _announce(self) -> None:
        """Have Home Assistant told what there is."""
        bridging = self._uplink.bridging
        subjects = [
            Subject(
                name=name,
                peer=self._peers[name],
                kind=kind,
                told=frozenset(self._memory.told.get(name, ())),
                obeys=bridging.commands,
            )
            for name, kind in self._uplink.kinds.items()
            if kind is not None
        ]
        found = announce(bridging.discovery, bridging.discovery_prefix, subjects, self._topics, self._title)
        for topic, config in found.items():
            self._outbox.put(topic, encode(config))
        for topic in self._announced - found.keys():
            self._outbox.drop(topic)
        self._announced = set(found)

    def _save(self, **changes: Any) -> None:
        self._memory = replace(self._memory, **changes)
        self._journal.save(self._memory)

    def _hear_uplink(self) -> None:
        """Show whether there is a session with the broker."""
        self._uplink.read_news()
        place = self._uplink.bridging.place
        if self._uplink.is_connected:
            self._process.log.info("has a session with the broker %s", place)
        elif self._uplink.fault:
            self._process.log.warning("has no session: %s", self._uplink.fault)
        self._show()

    def _tick(self) -> None:
        if not self._uplink.tick():
            self._process.log.error("its session hangs")
            self._process.loop.stop("a session that hangs")
        self._show()

    def _show(self) -> None:
        """Publish how it stands, when that changed."""
        uplink, now = self._uplink, self._now()
        is_connected = uplink.is_connected
        shown = {
            "status": is_connected,
            "phase": "connected" if is_connected else "waiting" if uplink.fault else "connecting",
            "fault": uplink.fault,
            "broker": uplink.bridging.place,
        }
        counts = {
            "sent_messages": uplink.sent_messages,
            "sent_bytes": uplink.sent_bytes,
            "commands": uplink.commands,
        }
        turned = shown != {key: self._shown.get(key) for key in shown}
        if turned or (
            counts != {key: self._shown.get(key) for key in counts}
            and now - self._counted_at >= COUNT_SECONDS
        ):
            self._since = time.time() if turned else self._since
            self._shown, self._counted_at = {**shown, **counts}, now
            self._process.publish(self._shown, self._since, {}, None)
