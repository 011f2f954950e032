"""The page without a house: its own code on a real port, with statuses that the test publishes."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec.structs import replace

from daemons.bus.facts import Facts
from daemons.bus.message import Heartbeat
from daemons.bus.presence import PresenceTable
from daemons.config.roster import Peer
from daemons.config.tables import Settings
from daemons.kinds.mirror import Options
from daemons.processes.mirror.page import PageContext
from daemons.processes.mirror.page.auth import AccessPolicy
from daemons.processes.mirror.page.changes import ChangeLog
from daemons.processes.mirror.page.counters import Counters
from daemons.processes.mirror.page.http import PageApp
from daemons.processes.mirror.page.listener import listen
from daemons.processes.mirror.page.server import PageServer
from daemons.runtime.clock import uptime
from daemons.runtime.log import open_log
from tests.support import factories

PEERS = {
    "mirror": Peer("Smart mirror", "Bathroom", "mirror"),
    "toaster": Peer("Toaster", "Kitchen", "toaster", ("switch",), facts=Facts(name="Toaster")),
    "lamp": Peer("Lamp", "Kitchen", "lamp", facts=Facts(name="Lamp")),
    "switch": Peer("Light", "Bathroom", "light_switch"),
}
BOOT = 1_700_000_000_000
"""The boot number of the stub's mirror."""


class PageStub:
    """Everything that the page reads, without a mirror: the test publishes the states."""

    def __init__(self, peers: dict[str, Peer] | None = None, name: str = "Stand", **options: Any) -> None:
        peers = PEERS if peers is None else peers
        self.changes, self.counters = ChangeLog(), Counters()
        mirror_options = Options(port=0, **options)
        names = [name for name in peers if name != "mirror"]
        self.table = PresenceTable(
            [*names, "steward"], mirror_options.stale_seconds, mirror_options.offline_seconds
        )
        self.log_output = io.StringIO()
        self.context = PageContext(
            mirror="mirror",
            boot=BOOT,
            settings=Settings(name=name),
            options=mirror_options,
            peers=peers,
            services=("steward",),
            changes=self.changes,
            table=self.table,
            counters=self.counters,
            log=open_log("stand", self.log_output),
        )
        self.server = PageServer(self.context, 0, lambda _: None)
        self.policy = AccessPolicy(mirror_options.address, mirror_options.hosts)
        self.url = ""
        self.seq = 0
        self.hangs = False
        """Whether the loop of the mirror hangs."""

    def publish_state(self, device: str, **fields: Any) -> None:
        """Publish a state in the name of a device."""
        self.seq += 1
        self.table.on_message(factories.state(device, seq=self.seq, **fields), uptime())
        self.changes.append(device, self.table.status(device, uptime()), uptime(), is_own_state=True)

    def publish_all(self) -> None:
        """Publish a heartbeat and a state in the name of every process."""
        for name in ("steward", "toaster", "lamp", "switch"):
            beat = Heartbeat(device=name, boot=1, seq=1, at=time.time(), pid=2**22 + 1, restarts=3)
            self.table.on_message(beat, uptime())
            self.publish_state(name, status=False, phase="idle", power_watts=1.5)
        state = {"message": "All is quiet."}
        own = replace(self.table.status("lamp", uptime()), state=state, pid=None)
        self.changes.append("mirror", own, uptime(), is_own_state=True)


async def _be_alive(stub: PageStub) -> None:
    """Report once a second that the loop of the mirror works, as the mirror does."""
    while not stub.hangs:
        stub.server.check_alive()
        await asyncio.sleep(1)


@asynccontextmanager
async def serve_page(stub: PageStub, max_connections: int = 100) -> AsyncIterator[PageApp]:
    """Serve the page of a stub on a free port, in this loop."""
    app = PageApp(stub.server, stub.policy, max_connections)
    tasks = [asyncio.create_task(app.websocket.run()), asyncio.create_task(_be_alive(stub))]
    try:
        tasks.append(await listen(app, stub.server))
        assert stub.server.url is not None
        stub.url = stub.server.url
        yield app
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        app.command_client.close()
        await app.close()
