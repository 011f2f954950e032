"""Role: the aggregating subscriber. It hears every publisher of the house and keeps the latest of each.

What it knows is one table (kinds/mirror); it answers `snapshot` on its command socket, publishes
how the house stands, and puts every change up on a board, from which its page (web) reads.
"""

import os
import time
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from daemons.bus.message import Command, Published, Receipt, Scalar, State, turn
from daemons.bus.presence import PresenceTable
from daemons.bus.sockets import Subscriber
from daemons.config.device import build
from daemons.config.loader import find_kind
from daemons.config.slice import Slice
from daemons.kinds.mirror import Mirror, Shown
from daemons.processes.mirror.page import Subject
from daemons.processes.mirror.page.changes import Board
from daemons.processes.mirror.page.counters import Tally
from daemons.processes.mirror.page.server import Server
from daemons.processes.mirror.summary import Summary, describe
from daemons.processes.process import Life, Process, next_life
from daemons.runtime.clock import uptime
from daemons.runtime.log import open_log
from daemons.storage.journal import Journal
from daemons.storage.lock import Lock

LOOK_SECONDS = 0.5
"""How often it looks for who has fallen silent."""
PAGE_AFTER_SECONDS = 0.05
"""When the page is begun: first the house is heard."""


class Memory(Struct, frozen=True, kw_only=True):
    """What the mirror remembers across a crash."""

    life: Life
    announced: str | None = None
    """The press whose meal was said to be ready, so that it is said once."""
    shown: dict[str, Scalar] = {}
    turned: dict[str, float] = {}
    cause: str | None = None
    port: int = 0
    """Where the page was served last."""


def run(slice_: Slice) -> None:
    """Be the mirror of this slice until told to end."""
    log = open_log(slice_.name)
    device = build(slice_.name, slice_.table, (), [])
    if device is None:
        raise TypeError(
            f"{slice_.name}: its slice was written by another version; `house reload` writes it anew"
        )
    lock = Lock(slice_.name)
    journal = Journal(slice_.name, Memory, log)
    last = journal.load()
    life = next_life(last.life if last else None)
    memory = replace(last, life=life) if last else Memory(life=life)
    titles = {name: peer.title for name, peer in slice_.peers.items() if name != slice_.name}
    titles.update({name: name.capitalize() for name in slice_.services})
    kinds = {name: find_kind(peer.kind) for name, peer in slice_.peers.items()}
    products = {name: kind.makes for name, kind in kinds.items() if kind and kind.makes}
    mirrors = [name for name, kind in kinds.items() if kind and kind.role == "mirror"]
    options = device.options
    table = PresenceTable(titles, options.stale_seconds, options.offline_seconds)
    summary = Summary(table, titles, products, mirrors, options.meal)
    subject = Subject(
        mirror=slice_.name,
        boot=life.boot,
        settings=slice_.settings,
        options=options,
        peers=slice_.peers,
        services=slice_.services,
        board=Board(),
        table=table,
        tally=Tally(),
        log=log,
        host=slice_.host,
    )
    server = Server(subject, device.options.port or memory.port, serve_page)
    with Process(slice_.name, life, lock, log, uptime) as process:
        watcher = Watcher(subject, summary, server, memory, journal, process)
        try:
            process.run(watcher.obey)
        finally:
            server.end()


def serve_page(server: Server) -> None:
    """Serve the page, in its own thread, which is the only one that waits for what is heavy to load."""
    # aiohttp's client reads every certificate authority of the system as it is imported: 2 MB and
    # 0.1 s, for connections that a server never makes.
    os.environ["SSL_CERT_FILE"] = os.devnull
    from daemons.processes.mirror.page import http  # noqa: PLC0415

    http.run(server)


class Watcher:
    """Keeps the table, tells every change, and answers who asks."""

    def __init__(
        self,
        subject: Subject,
        summary: Summary,
        server: Server,
        memory: Memory,
        journal: Journal[Memory],
        process: Process,
    ) -> None:
        self._peers = subject.peers
        self._table = subject.table
        self._summary = summary
        self._board = subject.board
        self._tally = subject.tally
        self._server = server
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._shown: Shown | None = None
        self._lines: list[tuple[str, str | None]] = []
        """What is to be logged, and its cause: the house need not wait for the log."""
        self._put: dict[str, tuple[Any, ...]] = {}
        """What was last put up of each process, as far as only others can tell it."""
        self._subscriber = Subscriber(process.context, self._table.entries, process.log)
        loop = process.loop
        loop.watch(self._subscriber.socket, self.hear)
        loop.watch(server.news, self._hear_server)
        loop.every(1.0, self._subscriber.renew)
        loop.every(1.0, journal.secure)
        loop.every(1.0, self._tick)
        loop.every(LOOK_SECONDS, self.look)
        loop.at(self._now() + PAGE_AFTER_SECONDS, server.start)
        self._journal.save(memory)

    def hear(self) -> None:
        """Hear the house."""
        for heard in self._subscriber.receive():
            before = self._table.on_message(heard, self._now())
            if isinstance(heard, State):
                self._summary.on_state(heard)
            self._count(heard)
            if heard.device not in self._table.entries:
                continue  # the steward's word on ourselves
            if not isinstance(heard, State):
                self._look_at(heard.device)
                continue
            peer = self._peers.get(heard.device)
            if peer and (line := describe(peer.title, before, heard)):
                self._lines.append((line, heard.cause))
            self._publish(heard.cause)  # before the page's thread is woken, which then wants its turn
            self._put_up(heard.device, heard=True)
            self._log()

    def look(self) -> None:
        """See what is told by silence."""
        for name in self._table.entries:
            self._look_at(name)
        self._tell(None)

    def obey(self, command: Command) -> Receipt:
        """Answer the one question there is."""
        if command.command != "snapshot":
            return self._process.refuse(command, f"it has no command {command.command!r}; allowed: snapshot")
        return self._process.answer(command, self.snapshot())

    def snapshot(self) -> dict[str, Any]:
        """Give all that is known of the house."""
        now = self._now()
        devices = {name: self._table.snapshot(name, now) for name in self._table.entries}
        devices[self._process.name] = self._own()
        return {"message": self._shows().message, "devices": devices}

    @property
    def _since(self) -> float:
        return max(self._memory.turned.values(), default=self._memory.life.boot / 1000)

    def _own(self) -> dict[str, Any]:
        return self._process.snapshot(asdict(self._shows()), self._since, self._memory.cause)

    def _shows(self) -> Shown:
        return replace(self._summary.shown(self._now()), url=self._server.url, fault=self._server.fault)

    def _count(self, heard: Published) -> None:
        self._tally.messages[heard.device, type(heard).__name__.lower()] += 1
        if isinstance(heard, State):
            self._tally.latencies[heard.device].add(time.time() - heard.at)

    def _look_at(self, name: str) -> None:
        """Put up what is known of a process, if that is something new."""
        entry = self._table.entries[name]
        beat = entry.beat and (entry.beat.pid, entry.beat.restarts, entry.beat.boot)
        if (self._table.presence(name, self._now()), beat, entry.report) != self._put.get(name):
            self._put_up(name, heard=False)

    def _put_up(self, name: str, *, heard: bool) -> None:
        entry, now = self._table.entries[name], self._now()
        beat = entry.beat and (entry.beat.pid, entry.beat.restarts, entry.beat.boot)
        self._put[name] = (self._table.presence(name, now), beat, entry.report)
        self._board.put(name, self._table.snapshot(name, now), now, heard=heard)

    def _hear_server(self) -> None:
        """Show where the page is, or why it is not."""
        self._server.read_news()
        if self._server.url:
            self._process.log.info("serves its page on %s", self._server.url)
            self._save(replace(self._memory, port=self._server.port))
        elif self._server.fault:
            self._process.log.warning("%s", self._server.fault)
        self._tell(None)

    def _tick(self) -> None:
        if not self._server.tick():
            self._process.log.error("its page hangs")
            self._process.loop.stop("a page that hangs")

    def _save(self, memory: Memory) -> None:
        if memory != self._memory:
            self._journal.save(memory)
            self._memory = memory

    def _tell(self, cause: str | None) -> None:
        """Publish how the house stands, and log what there is to be logged."""
        self._publish(cause)
        self._log()

    def _log(self) -> None:
        for line, cause in self._lines:
            self._process.log.info(line, cause=cause)
        self._lines.clear()

    def _publish(self, cause: str | None) -> None:
        """Publish how the house stands when that changed, and say once that a meal is ready."""
        shown, memory = self._shows(), self._memory
        if shown == self._shown:
            return
        fields = {name: value for name, value in asdict(shown).items() if name not in Mirror.measurements()}
        if fields != memory.shown:
            turned = turn(memory.shown, fields, memory.turned, time.time())
            memory = replace(memory, shown=fields, turned=turned, cause=cause)
        if shown.ready and self._summary.meal()[0].cause != memory.announced:
            memory = replace(memory, announced=self._summary.meal()[0].cause)
            self._lines.append((shown.message, memory.announced))
        self._save(memory)
        self._shown = shown
        self._process.publish(asdict(shown), self._since, memory.turned, memory.cause)
        self._board.put(self._process.name, self._own(), self._now(), heard=True)
