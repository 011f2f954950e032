"""The page without a house: its own code behind a real port, over a board that the test writes on."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import zmq
import zmq.asyncio
from aiohttp import web as aiohttp_web

from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Heartbeat, Receipt
from daemons.bus.presence import PresenceTable
from daemons.config.roster import Peer
from daemons.config.tables import Settings
from daemons.kinds.mirror import Options
from daemons.processes.mirror.page import Subject
from daemons.processes.mirror.page.auth import Gate
from daemons.processes.mirror.page.changes import Board
from daemons.processes.mirror.page.counters import Tally
from daemons.processes.mirror.page.http import Page, listen
from daemons.processes.mirror.page.server import Server
from daemons.runtime.clock import uptime
from daemons.runtime.log import open_log
from tests.support import factories

PEERS = {
    "mirror": Peer("Smart mirror", "Bathroom", "mirror"),
    "toaster": Peer("Toaster", "Kitchen", "toaster", ("switch",)),
    "lamp": Peer("Lamp", "Kitchen", "lamp"),
    "switch": Peer("Light", "Bathroom", "light_switch"),
}
BOOT = 1_700_000_000_000
"""The life of the mirror that there is not."""


class Stand:
    """What a mirror has, and a hand that puts things up."""

    def __init__(self, **options: Any) -> None:
        self.board, self.tally = Board(), Tally()
        made = Options(port=0, **options)
        titles = {name: peer.title for name, peer in PEERS.items() if name != "mirror"}
        self.table = PresenceTable([*titles, "steward"], made.stale_seconds, made.offline_seconds)
        self.written = io.StringIO()
        self.subject = Subject(
            mirror="mirror",
            boot=BOOT,
            settings=Settings(name="Stand"),
            options=made,
            peers=PEERS,
            services=("steward",),
            board=self.board,
            table=self.table,
            tally=self.tally,
            log=open_log("stand", self.written),
        )
        self.server = Server(self.subject, 0, lambda _: None)
        self.gate = Gate(made.address, made.hosts)
        self.url = ""
        self.seq = 0

    def show(self, device: str, **fields: Any) -> None:
        """Have a device show a state."""
        self.seq += 1
        self.table.on_message(factories.state(device, seq=self.seq, **fields), uptime())
        self.board.put(device, self.table.snapshot(device, uptime()), uptime(), heard=True)

    def show_all(self) -> None:
        """Have everybody heard once, with a heartbeat."""
        for name in ("steward", "toaster", "lamp", "switch"):
            beat = Heartbeat(device=name, boot=1, seq=1, at=time.time(), pid=2**22 + 1, restarts=3)
            self.table.on_message(beat, uptime())
            self.show(name, status=False, phase="idle", power_watts=1.5)
        own = {**self.table.snapshot("lamp", uptime()), "state": {"message": "All is quiet."}, "pid": None}
        self.board.put("mirror", own, uptime(), heard=True)


@asynccontextmanager
async def serving(stand: Stand) -> AsyncIterator[Page]:
    """Serve its page on a free port, in this loop, until the end."""
    page = Page(stand.server, stand.gate)
    runner = aiohttp_web.AppRunner(page.app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    forwarding = asyncio.create_task(page.forwarder.run())
    try:
        await listen(runner, stand.server)
        assert stand.server.url is not None
        stand.url = stand.server.url
        yield page
    finally:
        forwarding.cancel()
        with suppress(asyncio.CancelledError):
            await forwarding
        await runner.cleanup()
        page.courier.end()


Reply = Callable[[Command], list[Receipt | bytes]]


def receipt(outcome: str = "applied", **more: Any) -> Reply:
    """Answer each command alike."""
    return lambda command: [
        Receipt(id=command.id, device="toaster", outcome=outcome, at=1.0, **more)  # type: ignore[arg-type]
    ]


@asynccontextmanager
async def device(name: str, reply: Reply) -> AsyncIterator[list[Command]]:
    """Be a device's command socket; gives the commands that it was sent."""
    context = zmq.asyncio.Context()
    socket: Any = context.socket(zmq.ROUTER)
    socket.bind(command_endpoint(name))
    asked: list[Command] = []

    async def answer() -> None:
        while True:
            *envelope, payload = await socket.recv_multipart()
            asked.append(message.decode_command(payload))
            for told in reply(asked[-1]):
                text = told if isinstance(told, bytes) else message.encode(told)
                await socket.send_multipart([*envelope, text])

    answering = asyncio.create_task(answer())
    try:
        yield asked
    finally:
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
        context.destroy(linger=0)
