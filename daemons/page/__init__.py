"""The mirror's page: what it is about. The Python here serves it; what is in static/ is the browser's."""

from msgspec import Struct

from daemons.house import Peer, Settings
from daemons.kinds.mirror import Options, Table
from daemons.log import Log
from daemons.page.board import Board
from daemons.page.tally import Tally


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
    table: Table
    tally: Tally
    log: Log
