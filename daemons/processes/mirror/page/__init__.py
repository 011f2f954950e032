"""The mirror's page: what its parts share. The Python code here serves it; static/ is for the browser."""

from msgspec import Struct, field

from daemons.bus.presence import PresenceTable
from daemons.config.roster import Peer
from daemons.config.tables import Settings
from daemons.kinds.mirror import Options
from daemons.processes.mirror.page.board import Board
from daemons.processes.mirror.page.changes import ChangeLog
from daemons.processes.mirror.page.counters import Counters
from daemons.runtime.log import Log


class PageContext(Struct, frozen=True):
    """Everything that the page reads; the mirror writes it, and the page changes only the counters."""

    mirror: str
    """The mirror's own name."""
    boot: int
    settings: Settings
    options: Options
    peers: dict[str, Peer]
    services: tuple[str, ...]
    changes: ChangeLog
    table: PresenceTable
    counters: Counters
    log: Log
    board: Board = field(default_factory=Board)
    host: str | None = None
    """The name of this host, in a house of several."""

    def pids(self) -> dict[str, int]:
        """Return the PID of each process that runs on this host."""
        latest = self.changes.latest()[1]
        local = [name for name in latest if not self.is_elsewhere(name)]
        return {name: pid for name in local if (pid := latest[name].status.pid)}

    def is_elsewhere(self, name: str) -> bool:
        """Return whether a device has no process on this host."""
        return name in self.peers and self.peers[name].is_elsewhere(self.host)
