"""The bridge: publishes the house on an MQTT broker, for Home Assistant and other programs.

It subscribes to every device, as the mirror does, and puts the states into an outbox. A thread of its
own (session_thread.py, session.py) publishes the outbox, and receives commands, which get receipts.
topics.py, entities.py and discovery.py define the topics and the entities of a device.
"""

import time
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from daemons import __version__
from daemons.bus.message import BRIDGE, Command, Moment, Receipt, State, StateContent, encode
from daemons.bus.presence import PresenceTable
from daemons.bus.sockets import Subscriber
from daemons.config.loader import kind_or_none
from daemons.config.slice import Slice
from daemons.config.tables import Bridging
from daemons.kinds import TOUCHES
from daemons.kinds.mirror import Options
from daemons.processes.bridge.alive import MAX_FAULTS, Alive, count_presences, faults_of
from daemons.processes.bridge.discovery import discovery_messages, hardware_fields, hardware_texts
from daemons.processes.bridge.entities import BridgedDevice
from daemons.processes.bridge.outbox import STALE_EVENT_SECONDS
from daemons.processes.bridge.properties import user_properties
from daemons.processes.bridge.session_thread import SessionMemory, SessionThread
from daemons.processes.bridge.topics import OFFLINE, ONLINE
from daemons.processes.process import Process, Startup
from daemons.processes.process_run import ProcessRun
from daemons.storage.installed import INSTALLED_DIGEST
from daemons.storage.journal import Journal
from daemons.values import convert

POLL_SECONDS = 0.5
"""How often the presence of each device is checked."""
COUNT_SECONDS = 10.0
"""How often the counts are published; they change all the time."""
SESSION_JOURNAL = "bridge-broker"
"""The name of the thread's journal; no device can have it."""


class BridgeMemory(Struct, frozen=True, kw_only=True):
    """What the bridge remembers across a crash."""

    life: ProcessRun
    hardware_fields: dict[str, tuple[str, ...]] = field(default_factory=dict, name="told")
    """By device, the optional measurements that its hardware has reported; they stay announced."""
    about: dict[str, dict[str, str]] = {}
    """By device, the texts about its hardware; they stay announced."""
    pressed: dict[str, float] = {}
    """By device, the time of the last published press (Unix seconds)."""


def run(slice_: Slice) -> None:
    """Run the bridge until the process is stopped."""
    bridging = convert(slice_.table, Bridging)
    start = Startup(BRIDGE, BridgeMemory)
    memory = replace(start.last, life=start.run) if start.last else BridgeMemory(life=start.run)
    start.journal.save(memory)
    kinds = {name: kind_or_none(peer.kind) for name, peer in slice_.peers.items()}
    thread = SessionThread(
        bridging, kinds, Journal(SESSION_JOURNAL, SessionMemory, start.log), start.log, hold_sessions
    )
    with start.process() as process:
        bridge = Bridge(slice_, thread, memory, start.journal, process)
        try:
            process.run(bridge.handle_command)
        finally:
            thread.end()


def hold_sessions(thread: SessionThread) -> None:
    """Hold sessions with the broker; only this thread loads the heavy libraries."""
    from daemons.processes.bridge import session  # noqa: PLC0415

    session.run(thread)


class Bridge:
    """Receives the states of the house, and puts them into the outbox."""

    def __init__(
        self,
        slice_: Slice,
        thread: SessionThread,
        memory: BridgeMemory,
        journal: Journal[BridgeMemory],
        process: Process,
    ) -> None:
        self._peers = slice_.peers
        self._title = slice_.settings.name
        self._thread = thread
        self._outbox = thread.outbox
        self._topics = thread.topics
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._options = Options()
        # The table also uses reports of the steward, and of the exchange about other hosts.
        titles = {name: peer.title for name, peer in slice_.peers.items()}
        self._table = PresenceTable(
            [*titles, *slice_.services], self._options.stale_seconds, self._options.offline_seconds
        )
        self._pressed = frozenset(
            name for name, kind in thread.kinds.items() if kind and kind.entity_class == "event"
        )
        self._announced: set[str] = set()
        self._shown: dict[str, Any] = {}
        self._since = time.time()
        self._counted_at = float("-inf")
        self._announce()
        self._subscriber = Subscriber(process.context, self._table.entries, process.log)
        loop = process.loop
        loop.watch(self._subscriber.socket, self.on_message)
        loop.watch(thread.wakeup_fd, self._on_session_change)
        loop.every(1.0, self._subscriber.reconnect_silent)
        loop.every(1.0, self._tick)
        loop.every(POLL_SECONDS, self.poll)
        self._describe_house()
        thread.start()

    def handle_command(self, command: Command) -> Receipt:
        """Reject every command."""
        return self._process.refuse(command, "it takes no commands; send them to the device")

    def on_message(self) -> None:
        """Handle the messages of the house."""
        for message in self._subscriber.receive():
            self._table.on_message(message, self._now())
            if message.device not in self._peers:
                continue
            if isinstance(message, State):
                self._announce_new_fields(message)
                self._publish_presses(message)
                shown = {
                    "state": message.state,
                    "since": message.since,
                    "at": message.at,
                    "cause": message.cause,
                }
                properties = user_properties(message.cause, message.origin)
                self._outbox.retain(self._topics.state(message.device), encode(shown), properties)
            self._publish_presence(message.device)

    def poll(self) -> None:
        """Check the presence of every device."""
        for name in self._peers:
            self._publish_presence(name)

    def _publish_presence(self, name: str) -> None:
        """Publish the presence and the availability of a device."""
        entry, now = self._table.entries[name], self._now()
        presence = self._table.presence(name, now)
        # A killed process is back before its state is stale: that is no absence.
        holds = presence == "live" or (
            presence == "restarting" and now - entry.heard_at < self._options.stale_seconds
        )
        reaches = entry.state is not None and entry.state.state.get("reachable") is not False
        self._outbox.retain(self._topics.presence(name), presence.encode())
        self._outbox.retain(
            self._topics.availability(name), (ONLINE if holds and reaches else OFFLINE).encode()
        )

    def _announce_new_fields(self, message: State) -> None:
        """Announce optional measurements once the hardware reports them, and what the hardware is."""
        name, memory = message.device, self._memory
        known, about = memory.hardware_fields.get(name, ()), memory.about.get(name, {})
        new, texts = hardware_fields(message.state) - {*known}, about | hardware_texts(message.state)
        if new or texts != about:
            self._save(
                hardware_fields={**memory.hardware_fields, name: tuple(sorted({*known, *new}))},
                about={**memory.about, **({name: texts} if texts else {})},
            )
            self._announce()

    def _publish_presses(self, message: State) -> None:
        """Publish each press of a button once, and none that is too old."""
        if message.device not in self._pressed:
            return
        moments: list[State | Moment] = [*message.past, message]
        for moment in moments:
            at, what = moment.turned.get("phase", 0.0), moment.state.get("phase")
            if what not in TOUCHES or at <= self._memory.pressed.get(message.device, 0.0):
                continue
            self._save(pressed={**self._memory.pressed, message.device: at})
            if message.at - at < STALE_EVENT_SECONDS:
                event = {"event_type": what, "at": at, "cause": moment.cause}
                properties = user_properties(moment.cause, moment.origin)
                topic = self._topics.event(message.device)
                self._outbox.send_event(topic, encode(event), self._now(), properties)

    def _announce(self) -> None:
        """Put the discovery messages of all devices into the outbox."""
        bridging = self._thread.bridging
        bridged_devices = [
            BridgedDevice(
                name=name,
                peer=self._peers[name],
                kind=kind,
                hardware_fields=frozenset(self._memory.hardware_fields.get(name, ())),
                about=self._memory.about.get(name, {}),
                accepts_commands=bridging.commands,
            )
            for name, kind in self._thread.kinds.items()
            if kind is not None
        ]
        found = discovery_messages(
            bridging.discovery, bridging.discovery_prefix, bridged_devices, self._topics, self._title
        )
        for topic, config in found.items():
            self._outbox.retain(topic, encode(config))
        for topic in self._announced - found.keys():
            self._outbox.clear(topic)
        self._announced = set(found)

    def _save(self, **changes: Any) -> None:
        self._memory = replace(self._memory, **changes)
        self._journal.save(self._memory)

    def _on_session_change(self) -> None:
        """Log and publish whether there is a session with the broker."""
        self._thread.clear_wakeup()
        thread = self._thread
        if thread.is_connected:
            self._process.log.info("has a session with the broker %s, %s", thread.broker, thread.protocol)
        elif self._thread.fault:
            self._process.log.warning("has no session: %s", self._thread.fault)
        self._publish_state()

    def _tick(self) -> None:
        if not self._thread.check_alive():
            self._process.log.error("its session hangs")
            self._process.loop.stop("a session that hangs")
        self._describe_house()
        self._publish_state()

    def _describe_house(self) -> None:
        """Hand to the thread what the alive messages say of the house."""
        now = self._now()
        presences = {name: self._table.presence(name, now) for name in self._peers}
        faults = faults_of(self._table, presences, self._thread.prefix_fault())
        beats = [entry.heartbeat for entry in self._table.entries.values() if entry.heartbeat]
        self._thread.alive = Alive(
            version=__version__,
            name=self._title,
            configuration=INSTALLED_DIGEST.read_or_last(),
            devices=count_presences(presences.values()),
            faults=dict(list(faults.items())[:MAX_FAULTS]),
            fault_count=len(faults),
            restarts=self._memory.life.restarts + sum(beat.restarts for beat in beats),
        )

    def _publish_state(self) -> None:
        """Publish the state of the bridge, if it has changed."""
        thread, now = self._thread, self._now()
        is_connected = thread.is_connected
        shown = {
            "status": is_connected,
            "phase": "connected" if is_connected else "waiting" if thread.fault else "connecting",
            "fault": thread.fault or thread.prefix_fault(),
            "broker": thread.broker,
            "protocol": thread.protocol,
        }
        counts = {
            "sent_messages": thread.sent_messages,
            "sent_bytes": thread.sent_bytes,
            "commands": thread.commands,
        }
        turned = shown != {key: self._shown.get(key) for key in shown}
        if turned or (
            counts != {key: self._shown.get(key) for key in counts}
            and now - self._counted_at >= COUNT_SECONDS
        ):
            self._since = time.time() if turned else self._since
            self._shown, self._counted_at = {**shown, **counts}, now
            self._process.publish(StateContent(self._shown, self._since))
