"""The recorder: writes the history of the house, for the page's timeline and for `house history`.

It subscribes to every process. It reads its messages, and commits what they tell, four times a second,
and not when they arrive: then the processes that act on them need the processors. The `past` of the next
state contains the changes that the recorder missed. A full disk or a damaged file is reported, and
delays no other process.

Measurements are committed at most once in `sync`. Each commit writes a whole page for each measurement, and
is forced to the disk: once a second, that wears out an SD card.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from daemons.bus.input import Inputs
from daemons.bus.message import RECORDER, STEWARD, Command, Moment, Receipt, Report, State, StateContent
from daemons.bus.sockets import Subscriber
from daemons.config.loader import kind_or_none
from daemons.config.roster import Peer
from daemons.config.slice import Slice
from daemons.config.tables import Recording
from daemons.errors import DamagedHistory, HistoryError, LaterHistory, StorageError
from daemons.kinds import HARDWARE_FACTS
from daemons.processes.process import Process, Startup
from daemons.processes.process_run import ProcessRun
from daemons.processes.recorder.absences import Absences
from daemons.processes.recorder.input_rows import InputRows
from daemons.storage.history import PATH
from daemons.storage.history_row import Change, Event, Row, Sample
from daemons.storage.history_writer import HistoryWriter, set_aside
from daemons.storage.unknown import MARK_SECONDS
from daemons.values import convert

WRITE_SECONDS = 1.0
MAX_GATHERED_ROWS = 2000
"""How many measurements are gathered; then they are committed early."""
BATCH_SECONDS = 0.25
"""How often it reads its subscriptions: a wake-up for each message would be most of its work."""
MAX_WAITING_ROWS = 5000
"""How many rows wait while nothing can be written; then the oldest are dropped."""
SIZE_SECONDS = 10.0
"""How often the size of the file is published; it changes all the time."""
CHECK_SECONDS = 3600.0
"""How often the file is opened anew and checked: the cache hides damage on the disk."""
NOT_RECORDED = HARDWARE_FACTS | {
    "progress_percent",
    "remaining_seconds",
    "target_position_percent",
    "usual_seconds",
    "confirmed",
    "unreachable_since",
}
"""The fields that are not recorded: those that follow from others, and the facts about hardware."""


class RecorderMemory(Struct, frozen=True, kw_only=True):
    """What the recorder remembers across a crash, beside the history."""

    life: ProcessRun


def run(slice_: Slice) -> None:
    """Run the recorder until the process is stopped."""
    recording = convert(slice_.table, Recording)
    start = Startup(RECORDER, RecorderMemory)
    start.journal.save(RecorderMemory(life=start.run))
    with start.process() as process:
        recorder = Recorder(slice_.peers, recording, process)
        process.run(recorder.handle_command)
        recorder.close()


class Recorder:
    """Turns messages into rows of the history, and writes them."""

    def __init__(self, peers: dict[str, Peer], recording: Recording, process: Process) -> None:
        kinds = {name: kind_or_none(peer.kind) for name, peer in peers.items()}
        self._measured = {
            name: kind.measurements() if kind else frozenset[str]() for name, kind in kinds.items()
        }
        self._unrecorded = {
            name: NOT_RECORDED | kind.unrecorded if kind else NOT_RECORDED for name, kind in kinds.items()
        }
        self._peers = peers
        self._recording = recording
        self._process = process
        self._latest: dict[str, State | Report] = {}
        """By topic, the latest message of each process."""
        self._known: dict[str, set[float]] = {}
        """By device, the times of the changes that are recorded already."""
        self._samples: dict[tuple[str, str], Sample] = {}
        """By device and field, the latest sample that has not been written yet."""
        self._values: dict[tuple[str, str], float] = {}
        self._inputs = InputRows(peers, process.loop.now)
        self._gathered: list[Row] = []
        """The measurements that wait for the next commit of measurements."""
        self._sync_at = float("-inf")
        """When measurements may be committed again, in steady seconds."""
        self._is_unforced = False
        """Whether received rows were committed and are not forced to the disk yet."""
        self._rows: deque[Row] = deque(maxlen=MAX_WAITING_ROWS)
        self._dropped = 0
        self._writer: HistoryWriter | None = None
        self._check_at = self._mark_at = 0.0
        self._has_recorded = False
        """Whether nothing is missing since this process last noted that it records."""
        self._absences = Absences(self._measured, process.loop.now())
        self._fault: str | None = None
        self._since = time.time()
        self._published: dict[str, Any] = {}
        self._published_at = float("-inf")
        self._subscriber = Subscriber(
            process.context, [*peers, STEWARD], process.log, on_inputs=self._add_inputs
        )
        process.loop.every(BATCH_SECONDS, self.on_batch)
        process.loop.every(1.0, self._subscriber.reconnect_silent)
        process.loop.every(WRITE_SECONDS, self.on_timer)
        self._attempt(self._write)

    def handle_command(self, command: Command) -> Receipt:
        """Reject every command."""
        return self._process.refuse(command, "it takes no commands; `house history` reads what it wrote")

    def on_batch(self) -> None:
        """Handle the messages that have arrived, and write changes and events."""
        now = self._process.loop.now()
        for heard in self._subscriber.receive():
            for absence in self._absences.hear(heard, now):
                self._put(absence)
            if isinstance(heard, Report) or (isinstance(heard, State) and heard.device in self._measured):
                self._latest[f"{type(heard).__name__} {heard.device}"] = heard
                self._add_rows(heard)
        if self._fault is None and self._rows:
            self._attempt(self._write)

    def on_timer(self) -> None:
        """Gather the samples of the last second, write what is due, and tidy the file; once a second."""
        for key, sample in self._samples.items():
            self._values[key] = sample.value
            self._gathered.append(sample)
            self._inputs.add(sample)
        self._samples.clear()
        self._gathered.extend(self._inputs.due_values())
        for row in self._inputs.due_events():
            self._put(row)
        for absence in self._absences.due(self._process.loop.now(), time.time()):
            self._put(absence)
        self._attempt(self._keep)

    def close(self) -> None:
        """Write what has arrived, and close the file."""
        self.on_batch()
        self._sync_at = float("-inf")
        self.on_timer()
        if writer := self._writer:
            self._attempt(lambda: writer.mark(time.time(), continues=True, closed=True))
        if self._writer:
            self._writer.close()

    def _add_rows(self, heard: State | Report) -> None:
        """Add the rows of a message, without those that are recorded already."""
        if isinstance(heard, Report):
            self._put(Event(heard.device, heard.at, heard.life, heard.pid, heard.reason))
            return
        name, measured = heard.device, self._measured[heard.device]
        fields = {field: value for field, value in heard.state.items() if field not in measured}
        # The first state of a device has no time of change.
        changes = [
            Change(name, max(moment.turned.values()), moment.state, moment.cause, True, *reasons(moment))
            for moment in heard.past
            if moment.turned
        ]
        changes.append(Change(name, heard.since, fields, heard.cause, bool(heard.turned), *reasons(heard)))
        known = self._known.get(name, set())
        for change in changes:
            if change.at not in known:
                self._put(change)
        self._known[name] = {change.at for change in changes}
        for field in measured - self._unrecorded[name]:
            value, key = heard.state.get(field), (name, field)
            if not isinstance(value, int | float):
                continue
            if value == self._values.get(key):
                self._samples.pop(key, None)
            else:
                self._samples[key] = Sample(name, field, heard.at, value)

    def _add_inputs(self, inputs: Inputs) -> None:
        for row in self._inputs.published(inputs):
            self._put(row)

    def _put(self, row: Row) -> None:
        self._dropped += len(self._rows) == MAX_WAITING_ROWS
        self._rows.append(row)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Run a write; a failure is logged once, and the next second tries again."""
        try:
            work()
        except DamagedHistory as error:
            self._fail(f"{error}; {self._replace(is_later=isinstance(error, LaterHistory))}")
        except HistoryError as error:
            self._fail(str(error))
        else:
            self._recover()
        self._publish()

    def _write(self) -> None:
        writer = self._open()
        if self._rows:
            writer.write(self._rows)
            self._rows.clear()
            self._is_unforced = True

    def _keep(self) -> None:
        writer, now = self._open(), self._process.loop.now()
        is_marked, is_full = now >= self._mark_at, len(self._gathered) >= MAX_GATHERED_ROWS
        if self._gathered and (is_marked or is_full or now >= self._sync_at):
            self._sync_at = now + self._recording.sync_seconds - WRITE_SECONDS / 2
            for row in self._gathered:
                self._put(row)
            self._gathered.clear()
        self._write()
        if is_marked:
            self._mark(writer)
        keep, keep_hours = self._recording.keep_seconds, self._recording.keep_hours_seconds
        writer.tidy(time.time(), keep, max(keep, keep_hours))
        if is_marked or self._is_unforced:
            writer.secure()
            self._is_unforced = False
        if self._process.loop.now() >= self._check_at:
            self._close_writer()  # opening it again checks it

    def _mark(self, writer: HistoryWriter) -> None:
        """Note that the house is recorded. If rows were dropped, the gap before is noted too."""
        now = time.time()
        writer.mark(now, continues=self._has_recorded and not self._dropped)
        if not self._has_recorded:
            writer.remove_absent(self._peers, now)
        self._has_recorded = True
        self._mark_at = self._process.loop.now() + MARK_SECONDS - WRITE_SECONDS / 2

    def _open(self) -> HistoryWriter:
        if self._writer is None:
            self._writer = HistoryWriter()
            self._mark_at = 0.0
            self._check_at = self._process.loop.now() + CHECK_SECONDS
            if self._writer.is_new:  # the new file begins with the present states
                self._known.clear()
                self._values.clear()
                self._inputs.begin_file()
                for heard in self._latest.values():
                    self._add_rows(heard)
        return self._writer

    def _replace(self, *, is_later: bool) -> str:
        """Set a file aside that is damaged or of a later version, and return a text that says so.

        A new file follows.
        """
        self._close_writer()
        try:
            aside = set_aside(PATH, time.time(), is_later=is_later)
        except (HistoryError, StorageError) as error:
            return str(error)
        return f"it was set aside as {aside if is_later else aside.name}, and a new one is begun"

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        try:
            if writer:
                writer.close()
        except HistoryError:
            return  # the file was damaged anyway

    def _fail(self, fault: str) -> None:
        self._close_writer()
        if self._fault is None:
            self._since = time.time()
            self._process.log.error("cannot record: %s", fault)
        self._fault = fault

    def _recover(self) -> None:
        if self._fault is not None:
            lost = f"; {self._dropped} rows were lost meanwhile" if self._dropped else "; nothing was lost"
            self._process.log.warning("records again%s", lost)
            self._fault, self._dropped, self._since = None, 0, time.time()

    def _publish(self) -> None:
        """Publish the state of the recorder, if it has changed."""
        shown = {
            "status": self._fault is None,
            "phase": "waiting" if self._fault else "recording",
            "fault": self._fault,
        }
        now = self._process.loop.now()
        size = self._writer.size() if self._writer else None
        if shown != {key: self._published.get(key) for key in shown} or (
            size != self._published.get("size_bytes") and now - self._published_at >= SIZE_SECONDS
        ):
            self._published = {
                **shown,
                "size_bytes": size,
                "waiting_rows": len(self._rows),
                "dropped_rows": self._dropped,
            }
            self._published_at = now
            self._process.publish(StateContent(self._published, self._since))


def reasons(state: State | Moment) -> tuple[Any, Any]:
    """Return the reason and the origin of a state, with the fields that are known."""
    return msgspec.to_builtins(state.reason), msgspec.to_builtins(state.origin)
