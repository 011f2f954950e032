"""Role: writes down what happens in the house, for the page's timeline and `house history`.

It hears every process and keeps nothing to itself: a change or an event is committed as soon as
it is heard. What it did not hear, because it was being killed, the next state's `past` tells. A
disk that is full and a file that is damaged are told, and hold up nobody, it least of all.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from daemons.bus.message import RECORDER, STEWARD, Command, Receipt, Report, State
from daemons.bus.sockets import Subscriber
from daemons.config.loader import find_kind
from daemons.config.roster import Peer
from daemons.config.slice import Slice
from daemons.config.tables import Recording
from daemons.errors import DamagedHistory, HistoryError
from daemons.processes.process import Life, Process, next_life
from daemons.runtime.clock import uptime
from daemons.runtime.log import open_log
from daemons.storage.history import PATH
from daemons.storage.history_writer import Change, Event, Row, Sample, Writer, set_aside
from daemons.storage.journal import Journal
from daemons.storage.lock import Lock
from daemons.values import convert

TURN_SECONDS = 1.0
REST_SECONDS = 0.25
"""How often it listens: to be woken by each heartbeat would be most of its work."""
LONGEST_QUEUE = 5000
"""How many rows wait while nothing can be written; then the oldest go."""
SIZE_SECONDS = 10.0
"""How often the size is told, which changes all the time."""
EXAMINE_SECONDS = 3600.0
"""How often the file is looked over: what lies in memory hides what has become of the disk."""
FOLLOWING = frozenset(("progress_percent", "remaining_seconds", "confirmed", "unreachable_since"))
"""Measurements that follow from something else and its moment: no use in keeping."""


class Memory(Struct, frozen=True, kw_only=True):
    """What the recorder remembers across a crash, beside the history."""

    life: Life


def run(slice_: Slice) -> None:
    """Be the recorder until told to end."""
    log = open_log(RECORDER)
    recording = convert(slice_.table, Recording)
    lock = Lock(RECORDER)
    journal = Journal(RECORDER, Memory, log)
    last = journal.load()
    life = next_life(last.life if last else None)
    journal.save(Memory(life=life))
    with Process(RECORDER, life, lock, log, uptime) as process:
        recorder = Recorder(slice_.peers, recording.keep_seconds, process)
        process.loop.every(TURN_SECONDS, journal.secure)
        process.run(recorder.obey)
        recorder.close()


class Recorder:
    """Turns what is heard into rows, and sees that they are written."""

    def __init__(self, peers: dict[str, Peer], keep_seconds: float, process: Process) -> None:
        kinds = {name: find_kind(peer.kind) for name, peer in peers.items()}
        self._measured = {
            name: kind.measurements() if kind else frozenset[str]() for name, kind in kinds.items()
        }
        self._keep_seconds = keep_seconds
        self._process = process
        self._heard: dict[str, State | Report] = {}
        """By topic, the latest of each process."""
        self._known: dict[str, set[float]] = {}
        """The moments of each device that its last state told of."""
        self._samples: dict[tuple[str, str], Sample] = {}
        """What was measured last, of each that waits for the second to end."""
        self._values: dict[tuple[str, str], float] = {}
        self._rows: deque[Row] = deque(maxlen=LONGEST_QUEUE)
        self._dropped = 0
        self._writer: Writer | None = None
        self._examine_at = 0.0
        self._fault: str | None = None
        self._since = time.time()
        self._told: dict[str, Any] = {}
        self._told_at = float("-inf")
        self._subscriber = Subscriber(process.context, [*peers, STEWARD], process.log)
        process.loop.watch(self._subscriber.socket, self.hear)
        process.loop.every(1.0, self._subscriber.renew)
        process.loop.every(TURN_SECONDS, self.turn)
        self._attempt(self._write)

    def obey(self, command: Command) -> Receipt:
        """Take no orders."""
        return self._process.refuse(command, "it takes no commands; `house history` reads what it wrote")

    def hear(self) -> None:
        """Hear the house, and write down at once what changed in it."""
        for heard in self._subscriber.receive():
            if isinstance(heard, Report) or (isinstance(heard, State) and heard.device in self._measured):
                self._heard[f"{type(heard).__name__} {heard.device}"] = heard
                self._take(heard)
        if self._fault is None and self._rows:
            self._attempt(self._write)
        self._process.loop.rest(self._subscriber.socket, self._process.loop.next_turn(REST_SECONDS))

    def turn(self) -> None:
        """Once a second: write what was measured, or try again, and keep the file in order."""
        for key, sample in self._samples.items():
            self._values[key] = sample.value
            self._put(sample)
        self._samples.clear()
        self._attempt(self._keep)

    def close(self) -> None:
        """Write what waits, and end."""
        self.turn()
        if self._writer:
            self._writer.close()

    def _take(self, heard: State | Report) -> None:
        """Make rows of a message, but of what is known already."""
        if isinstance(heard, Report):
            self._put(Event(heard.device, heard.at, heard.life, heard.pid, heard.reason))
            return
        name, measured = heard.device, self._measured[heard.device]
        fields = {field: value for field, value in heard.state.items() if field not in measured}
        # What a device began with, and no longer is, has no moment.
        changes = [
            Change(name, max(moment.turned.values()), moment.state, moment.cause)
            for moment in heard.past
            if moment.turned
        ]
        changes.append(Change(name, heard.since, fields, heard.cause, turned=bool(heard.turned)))
        known = self._known.get(name, set())
        for change in changes:
            if change.at not in known:
                self._put(change)
        self._known[name] = {change.at for change in changes}
        for field in measured - FOLLOWING:
            value, key = heard.state.get(field), (name, field)
            if not isinstance(value, int | float):
                continue
            if value == self._values.get(key):
                self._samples.pop(key, None)
            else:
                self._samples[key] = Sample(name, field, heard.at, value)

    def _put(self, row: Row) -> None:
        self._dropped += len(self._rows) == LONGEST_QUEUE
        self._rows.append(row)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Write; what hinders is told once, and tried again with the next turn."""
        try:
            work()
        except DamagedHistory as error:
            self._fail(f"{error}; {self._replace()}")
        except HistoryError as error:
            self._fail(str(error))
        else:
            self._recover()
        self._tell()

    def _write(self) -> None:
        writer = self._open()
        if self._rows:
            writer.write(self._rows)
            self._rows.clear()

    def _keep(self) -> None:
        self._write()
        writer = self._open()
        writer.tidy(time.time(), self._keep_seconds)
        writer.secure()
        if self._process.loop.now() >= self._examine_at:
            self._leave()  # it is examined when it is opened again

    def _open(self) -> Writer:
        if self._writer is None:
            self._writer = Writer()
            self._examine_at = self._process.loop.now() + EXAMINE_SECONDS
            if self._writer.is_new:  # what the house is like does not go with the old file
                self._known.clear()
                self._values.clear()
                for heard in self._heard.values():
                    self._take(heard)
        return self._writer

    def _replace(self) -> str:
        """Set a useless file aside, and say so; the next turn makes a new one."""
        self._leave()
        try:
            return f"it was set aside as {set_aside(PATH, time.time()).name}, and a new one is begun"
        except HistoryError as error:
            return str(error)

    def _leave(self) -> None:
        writer, self._writer = self._writer, None
        try:
            if writer:
                writer.close()
        except HistoryError:
            return  # it was not fit for use anyway

    def _fail(self, fault: str) -> None:
        self._leave()
        if self._fault is None:
            self._since = time.time()
            self._process.log.error("cannot record: %s", fault)
        self._fault = fault

    def _recover(self) -> None:
        if self._fault is not None:
            lost = f"; {self._dropped} rows were lost meanwhile" if self._dropped else "; nothing was lost"
            self._process.log.warning("records again%s", lost)
            self._fault, self._dropped, self._since = None, 0, time.time()

    def _tell(self) -> None:
        """Publish how it stands, when that changed."""
        shown = {
            "status": self._fault is None,
            "phase": "waiting" if self._fault else "recording",
            "fault": self._fault,
        }
        now = self._process.loop.now()
        size = self._writer.size() if self._writer else None
        if shown != {key: self._told.get(key) for key in shown} or (
            size != self._told.get("size_bytes") and now - self._told_at >= SIZE_SECONDS
        ):
            self._told = {
                **shown,
                "size_bytes": size,
                "waiting_rows": len(self._rows),
                "dropped_rows": self._dropped,
            }
            self._told_at = now
            self._process.publish(self._told, self._since, {}, None)
