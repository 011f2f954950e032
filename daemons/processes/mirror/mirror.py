"""Role: the mirror. It subscribes to every process of the house and keeps the latest status of each.

It answers the command `snapshot`, publishes its own state, and appends every change to the ChangeLog,
from which its page reads.
"""

import logging
import os
import time
from typing import Any

from msgspec import Struct, ValidationError, convert, field, to_builtins
from msgspec.structs import asdict, replace

from daemons.bus.message import Command, Published, Receipt, Scalar, State, StateContent
from daemons.bus.presence import PresenceTable
from daemons.bus.sockets import Subscriber
from daemons.bus.state_history import StateHistory
from daemons.bus.status import ProcessStatus
from daemons.config.attention import facts_of_service
from daemons.config.device import build
from daemons.config.loader import kind_or_none
from daemons.config.slice import Slice
from daemons.kinds.mirror import Acknowledge, Mirror, MirrorState
from daemons.processes.mirror.attention import Attention, AttentionMemory
from daemons.processes.mirror.page import PageContext
from daemons.processes.mirror.page.changes import ChangeLog
from daemons.processes.mirror.page.counters import Counters
from daemons.processes.mirror.page.server import PageServer
from daemons.processes.mirror.sentence import Part
from daemons.processes.mirror.summary import Summary, describe_change
from daemons.processes.process import Process, Startup
from daemons.processes.process_run import ProcessRun
from daemons.storage.journal import Journal

POLL_SECONDS = 0.5
"""How often the presence of every process is checked: a silent process becomes stale without a message."""
SETTLE_SECONDS = 0.5
"""After a restart during a meal, the mirror waits this long for the states of all processes."""
PAGE_DELAY_SECONDS = 0.05
"""The page starts this long after the process: the first messages are handled first."""


class MirrorMemory(Struct, frozen=True, kw_only=True):
    """What the mirror remembers across a crash."""

    life: ProcessRun
    created_at: float = field(name="born", default_factory=time.time)
    """When this memory was created (Unix seconds)."""
    announced: str | None = None
    """The press whose meal was logged as ready, so that it is logged once."""
    shown: dict[str, Scalar] = {}
    """The published state, without its measurements."""
    turned: dict[str, float] = {}
    """When (Unix seconds) each published field took its value."""
    cause: str | None = None
    port: int = 0
    """The port on which the page was served last."""
    attention: AttentionMemory = AttentionMemory()


def run(slice_: Slice) -> None:
    """Run the mirror of a slice until the process is stopped.

    Raises TypeError for a slice that another version wrote.
    """
    device = build(slice_.name, slice_.table, (), [])
    if device is None:
        raise TypeError(
            f"{slice_.name}: its slice was written by another version; `house reload` writes it anew"
        )
    start = Startup(slice_.name, MirrorMemory)
    memory = replace(start.last, life=start.run) if start.last else MirrorMemory(life=start.run)
    titles = {name: peer.title for name, peer in slice_.peers.items() if name != slice_.name}
    titles.update({name: name.capitalize() for name in slice_.services})
    kinds = {name: kind_or_none(peer.kind) for name, peer in slice_.peers.items()}
    options = device.options
    table = PresenceTable(titles, options.stale_seconds, options.offline_seconds)
    summary = Summary(table, titles, kinds, options.meal)
    context = PageContext(
        mirror=slice_.name,
        boot=start.run.boot,
        settings=slice_.settings,
        options=options,
        peers=slice_.ordered_peers,
        services=slice_.services,
        changes=ChangeLog(),
        table=table,
        counters=Counters(),
        log=start.log,
        host=slice_.host,
    )
    facts = {name: peer.facts for name, peer in slice_.peers.items() if peer.facts and name != slice_.name}
    facts |= {name: facts_of_service(name) for name in slice_.services}
    attention = Attention(table, facts, context.board.started_at, memory.attention)
    server = PageServer(context, options.port or memory.port, serve_page)
    with start.process() as process:
        runner = MirrorRunner(context, summary, attention, server, memory, start.journal, process)
        try:
            process.run(runner.handle_command)
        finally:
            server.end()


def serve_page(server: PageServer) -> None:
    """Serve the page in its own thread, which is the only one that waits for asyncio to load."""
    from daemons.processes.mirror.page import listener  # noqa: PLC0415

    listener.run(server)


class MirrorRunner:
    """Updates the presence table, publishes every change, and answers `snapshot`."""

    def __init__(
        self,
        context: PageContext,
        summary: Summary,
        attention: Attention,
        server: PageServer,
        memory: MirrorMemory,
        journal: Journal[MirrorMemory],
        process: Process,
    ) -> None:
        self._peers = context.peers
        self._table = context.table
        self._summary = summary
        self._attention = attention
        self._board = context.board
        self._changes = context.changes
        self._counters = context.counters
        self._server = server
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._published: MirrorState | None = None
        is_meal = memory.shown.get("phase", "quiet") not in Mirror.resting_phases
        self._settled_at = self._now() + SETTLE_SECONDS if is_meal else 0.0
        """Until then nothing is published, if a process is not heard yet: the meal is not known."""
        self._log_lines: list[tuple[int, str, str | None]] = []
        """The lines to log, each with its level and its cause."""
        self._known: dict[str, tuple[Any, ...]] = {}
        """By process: what the last change in the log had beside the state, to notice when that changes."""
        self._subscriber = Subscriber(process.context, self._table.entries, process.log, with_past=False)
        loop = process.loop
        loop.watch(self._subscriber.socket, self.receive)
        loop.watch(server.wakeup_fd, self._on_server_report)
        loop.every(1.0, self._subscriber.reconnect_silent)
        loop.every(1.0, self._check_page)
        loop.every(POLL_SECONDS, self.poll)
        loop.at(self._now() + PAGE_DELAY_SECONDS, server.start)
        self._journal.save(memory)

    def receive(self) -> None:
        """Handle the messages that have arrived; publishing does not wait for the log."""
        for message in self._subscriber.receive():
            before = self._table.on_message(message, self._now())
            if isinstance(message, State):
                self._summary.on_state(message)
            self._count(message)
            if message.device not in self._table.entries:
                continue  # the steward's report about this mirror itself
            if self._attention.look(message.device, self._now()):
                self._update_notices()
            if not isinstance(message, State):
                self._append_if_changed(message.device)
                continue
            peer = self._peers.get(message.device)
            if peer and (line := describe_change(peer.title, before, message)):
                self._log_lines.append((logging.INFO, line, message.cause))
            # Publish first: as soon as the page's thread is woken, it competes for the interpreter.
            self._publish(message.cause)
            self._append(message.device, is_own_state=True)
        self._write_log()

    def poll(self) -> None:
        """Notice the changes that come from silence."""
        for name in self._table.entries:
            self._append_if_changed(name)
        self._attention.look_at_all(self._now())
        self._update_notices()
        self._publish(None)
        self._write_log()

    def handle_command(self, command: Command) -> Receipt:
        """Answer `snapshot`, carry out `acknowledge`, and reject every other command."""
        if command.command == "snapshot":
            return self._process.answer(command, self.snapshot())
        if command.command == "acknowledge":
            return self._acknowledge(command)
        reason = f"the mirror has no command {command.command!r}; allowed: snapshot, acknowledge"
        return self._process.refuse(command, reason)

    def snapshot(self) -> dict[str, Any]:
        """Return the mirror's sentence, the notices, and the status of every process."""
        now = self._now()
        devices = {name: self._table.status(name, now) for name in self._table.entries}
        devices[self._process.name] = self._own_status()
        attention = to_builtins(self._attention.notices)
        return {"message": self._show()[0].message, "attention": attention, "devices": devices}

    def _acknowledge(self, command: Command) -> Receipt:
        """Acknowledge notices, and remember that, before the receipt is sent."""
        if (expired := self._process.answer(command, {})).outcome != "applied":
            return expired
        try:
            chosen = convert(command.args, Acknowledge)
        except ValidationError as error:
            return self._process.refuse(command, str(error))
        if not (count := self._attention.acknowledge(chosen.device, chosen.code, time.time())):
            about = " ".join(filter(None, (chosen.code, chosen.device and f"of {chosen.device}")))
            reason = f"there is no notice{f' {about}' if about else ''} to acknowledge"
            return self._process.refuse(command, reason)
        self._save(replace(self._memory, attention=self._attention.memory))
        self._publish(command.id)
        return self._process.answer(command, {"acknowledged": count})

    @property
    def _since(self) -> float:
        """Return when the state last changed, in Unix seconds."""
        return max(self._memory.turned.values(), default=self._memory.created_at)

    def _own_status(self) -> ProcessStatus:
        life = self._process.life
        return ProcessStatus(
            presence="live",
            presence_since=life.boot / 1000,
            state=asdict(self._show()[0]),
            cause=self._memory.cause,
            since=self._since,
            at=time.time(),
            age_seconds=0.0,
            boot=life.boot,
            seq=self._process.seq,
            pid=os.getpid(),
            restarts=life.restarts,
            started_at=life.boot / 1000,
            reason=None,
            last_lines=(),
            retry_at=None,
        )

    def _show(self) -> tuple[MirrorState, tuple[Part, ...]]:
        """Return the mirror's state, and the parts of its sentence."""
        wall = time.time()
        waiting = self._attention.waiting(wall)
        state, sentence = self._summary.show(self._now(), wall, self._attention.notices, waiting)
        return replace(state, url=self._server.url, fault=self._server.fault), sentence

    def _update_notices(self) -> None:
        """Make the notices anew; log those that have come."""
        for notice in self._attention.update(time.time()):
            level = logging.WARNING if notice.level in ("alarm", "fault") else logging.INFO
            self._log_lines.append((level, notice.text, None))
        self._save(replace(self._memory, attention=self._attention.memory))

    def _count(self, message: Published) -> None:
        self._counters.messages[message.device, type(message).__name__.lower()] += 1
        if isinstance(message, State):
            self._counters.latencies[message.device].add(time.time() - message.at)

    def _beside_state(self, name: str) -> tuple[Any, ...]:
        """Return what else than its state is known of a process."""
        entry = self._table.entries[name]
        beat = entry.heartbeat and (entry.heartbeat.pid, entry.heartbeat.restarts, entry.heartbeat.boot)
        return self._table.presence(name, self._now()), beat, entry.report

    def _append_if_changed(self, name: str) -> None:
        """Append a change of a process, if something beside its state has changed."""
        if self._beside_state(name) != self._known.get(name):
            self._append(name, is_own_state=False)

    def _append(self, name: str, *, is_own_state: bool) -> None:
        now = self._now()
        self._known[name] = self._beside_state(name)
        self._changes.append(name, self._table.status(name, now), now, is_own_state=is_own_state)

    def _on_server_report(self) -> None:
        """Publish where the page is served, or why it is not."""
        self._server.clear_wakeup()
        if self._server.url:
            self._process.log.info("serves its page on %s", self._server.url)
            self._save(replace(self._memory, port=self._server.port))
        elif self._server.fault:
            self._process.log.warning("%s", self._server.fault)
        self._publish(None)
        self._write_log()

    def _check_page(self) -> None:
        """End the process if the page's thread hangs; the supervisor starts it again."""
        if not self._server.check_alive():
            self._process.log.error("its page hangs")
            self._process.loop.stop("a page that hangs")

    def _save(self, memory: MirrorMemory) -> None:
        if memory != self._memory:
            self._journal.save(memory)
            self._memory = memory

    def _write_log(self) -> None:
        for level, line, cause in self._log_lines:
            self._process.log.log(level, "%s", line, cause=cause)
        self._log_lines.clear()

    def _is_settled(self) -> bool:
        """Return whether the meal is known: every process is heard, or the time for it has passed."""
        if self._settled_at and (
            self._now() >= self._settled_at or all(entry.state for entry in self._table.entries.values())
        ):
            self._settled_at = 0.0
        return not self._settled_at

    def _publish(self, cause: str | None) -> None:
        """Publish the mirror's state if it has changed; log once that a meal is ready."""
        (state, sentence), memory = self._show(), self._memory
        if not self._is_settled():
            return
        if self._board.show(self._attention.notices, sentence, self._attention.memory):
            self._changes.on_append()  # the page shows them also if no field of the state has changed
        if state == self._published:
            return
        fields = {name: value for name, value in asdict(state).items() if name not in Mirror.measurements()}
        if not (state.url or state.fault):  # the page has just begun: where it is served is not known yet
            fields |= {name: memory.shown.get(name) for name in ("url", "fault")}
        if fields != memory.shown:
            at = time.time()
            if fields["phase"] != memory.shown.get("phase"):
                at = self._summary.changed_at(state.phase, memory.turned.get("phase"), at)
            history = StateHistory(memory.shown, memory.turned, memory.cause).after(fields, cause, at)
            memory = replace(memory, shown=fields, turned=history.change_times, cause=cause)
        if state.ready and self._summary.meal()[0].cause != memory.announced:
            memory = replace(memory, announced=self._summary.meal()[0].cause)
            self._log_lines.append((logging.INFO, state.message, memory.announced))
        self._save(memory)
        self._published = state
        self._process.publish(StateContent(asdict(state), self._since, memory.turned, memory.cause))
        status, now = self._own_status(), self._now()
        self._changes.append(self._process.name, status, now, is_own_state=True)
