"""Role: the aggregating subscriber. It hears every publisher of the house and keeps the latest of each.

What it knows is one table (kinds/mirror); it answers `snapshot` on its command socket, and
publishes how the house stands. The page on the wall reads the same table.
"""

import time
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from daemons.bus import Subscriber
from daemons.clock import uptime
from daemons.house import Slice, build
from daemons.journal import Journal
from daemons.kinds.mirror import Mirror, Shown, Table, describe
from daemons.log import open_log
from daemons.message import STEWARD, Command, Receipt, Scalar, State, turn
from daemons.place import Lock
from daemons.process import Life, Process, next_life


class Memory(Struct, frozen=True, kw_only=True):
    """What the mirror remembers across a crash."""

    life: Life
    announced: str | None = None
    """The press whose meal was said to be ready, so that it is said once."""
    shown: dict[str, Scalar] = {}
    turned: dict[str, float] = {}
    cause: str | None = None


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
    with Process(slice_.name, life, lock, log, uptime) as process:
        watcher = Watcher(slice_, Table(device.options, titles), memory, journal, process)
        process.run(watcher.obey)


class Watcher:
    """Keeps the table, tells every change, and answers who asks."""

    def __init__(
        self, slice_: Slice, table: Table, memory: Memory, journal: Journal[Memory], process: Process
    ) -> None:
        self._slice = slice_
        self._table = table
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._shown: Shown | None = None
        self._subscriber = Subscriber(process.context, table.entries, process.log)
        process.loop.watch(self._subscriber.socket, self.hear)
        process.loop.every(1.0, self._subscriber.renew)
        process.loop.every(1.0, journal.secure)
        process.loop.every(1.0, lambda: self._tell(None))  # for what is told by silence
        self._journal.save(memory)
        self._tell(None)

    def hear(self) -> None:
        """Hear the house."""
        for heard in self._subscriber.receive():
            before = self._table.hear(heard, self._now())
            if isinstance(heard, State) and heard.device != STEWARD:
                line = describe(self._slice.peers[heard.device].title, before, heard)
                if line:
                    self._process.log.info(line, cause=heard.cause)
                self._tell(heard.cause)

    def obey(self, command: Command) -> Receipt:
        """Answer the one question there is."""
        if command.command != "snapshot":
            return self._process.refuse(command, f"it has no command {command.command!r}; allowed: snapshot")
        return self._process.answer(command, self.snapshot())

    def snapshot(self) -> dict[str, Any]:
        """Give all that is known of the house."""
        now = self._now()
        devices = {name: self._table.snapshot(name, now) for name in self._table.entries}
        shown = self._table.shows(self._now())
        memory = self._memory
        devices[self._process.name] = self._process.snapshot(asdict(shown), self._since, memory.cause)
        return {"message": shown.message, "devices": devices}

    @property
    def _since(self) -> float:
        return max(self._memory.turned.values(), default=self._memory.life.boot / 1000)

    def _tell(self, cause: str | None) -> None:
        """Publish how the house stands when that changed, and say once that a meal is ready."""
        shown, memory = self._table.shows(self._now()), self._memory
        if shown == self._shown:
            return
        fields = {name: value for name, value in asdict(shown).items() if name not in Mirror.measurements()}
        if fields != memory.shown:
            turned = turn(memory.shown, fields, memory.turned, time.time())
            memory = replace(memory, shown=fields, turned=turned, cause=cause)
        if shown.ready and self._table.meal()[0].cause != memory.announced:
            memory = replace(memory, announced=self._table.meal()[0].cause)
            self._process.log.info(shown.message, cause=memory.announced)
        if memory != self._memory:
            self._journal.save(memory)
        self._shown, self._memory = shown, memory
        self._process.publish(asdict(shown), self._since, memory.turned, memory.cause)
