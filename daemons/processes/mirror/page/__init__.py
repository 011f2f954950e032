"""The mirror's page: what it is about. The Python here serves it; what is in static/ is the browser's."""

from msgspec import Struct

from daemons.bus.presence import PresenceTable
from daemons.config.roster import Peer
from daemons.config.tables import Settings
from daemons.kinds.mirror import Options
from daemons.processes.mirror.page.changes import Board
from daemons.processes.mirror.page.counters import Tally
from daemons.runtime.log import Log


class Subject(Struct, frozen=True):
    """What the page is about: all that it reads, and writes nothing of."""

    mirror: str
    """The mirror's own name."""
    boot: int
    settings: Settings
    options: Options
    peers: dict[str, Peer]
    services: tuple[str, ...]
    board: Board
    table: PresenceTable
    tally: Tally
    log: Log
    host: str | None = None
    """Which host this is, in a house of several."""

    def pids(self) -> dict[str, int]:
        """Give the PID of each process that runs on this host."""
        latest = self.board.latest()[1]
        here = [name for name in latest if not self.is_elsewhere(name)]
        return {name: pid for name in here if (pid := latest[name].standing["pid"])}

    def is_elsewhere(self, name: str) -> bool:
        """Tell whether a device has no process on this host."""
        return name in self.peers and self.peers[name].is_elsewhere(self.host)
