"""Commands carried to the processes of a host, with real sockets: none waits for another."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.message import Receipt
from daemons.bus.sockets import CommandServer, command
from daemons.processes.exchange.local_commands import Messenger
from daemons.processes.process import Life, Process
from daemons.runtime.log import Log
from daemons.storage.lock import Lock
from tests.support import factories

LOG = Log(logging.getLogger("test_messenger"))


class Post:
    """A messenger at work, and what it has brought back."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.messenger = Messenger(process)
        self.got: list[Receipt] = []
        self.servers: list[CommandServer] = []

    def server(self, name: str) -> CommandServer:
        """Have a device that takes commands when it is asked to."""
        self.servers.append(CommandServer(self.process.context, name, LOG))
        return self.servers[-1]

    def until(self, number: int) -> list[Receipt]:
        """Let the loop turn until so many receipts have come."""
        end = time.monotonic() + factories.PATIENCE_SECONDS
        while len(self.got) < number:
            assert time.monotonic() < end, self.got
            self.process.loop.at(self.process.loop.now() + 0.01, lambda: self.process.loop.stop("a turn"))
            self.process.loop.run()
            self.process.loop.ended_by = None
        return self.got


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Have one."""
    factories.enter(tmp_path, monkeypatch)
    with Process("exchange", Life(1, os.getppid(), 0), Lock("exchange"), LOG, time.monotonic) as process:
        yield Post(process)


def serve(server: CommandServer, **fields: Any) -> int:
    """Answer what has come; give how much."""
    number = 0
    server.socket.poll(2000)
    for number, request in enumerate(server.receive(), 1):  # noqa: B007
        found = {"id": request.command.id, "device": "toaster", "outcome": "applied", "at": 1.0}
        server.reply(request.envelope, Receipt(**{**found, **fields}))
    return number


def test_commands_arrive_in_their_order_and_receipts_come_back(post: Post) -> None:
    """To whoever asked."""
    server = post.server("toaster")
    for number in range(5):
        post.messenger.carry("toaster", command("start", 5, id_=f"c{number}"), post.got.append)
    seen = 0
    while seen < 5:
        seen += serve(server)
    assert [receipt.id for receipt in post.until(5)] == [f"c{number}" for number in range(5)]


def test_a_device_that_says_nothing_delays_no_other_and_its_silence_is_told(post: Post) -> None:
    """The line to it is made anew: when it answers again, so does the next command."""
    server = post.server("toaster")
    post.server("lamp")
    post.messenger.carry("toaster", command("start", 1, id_="lost"), post.got.append)
    post.messenger.carry("lamp", command("on", 5, id_="quick"), post.got.append)
    serve(post.servers[1], device="lamp")
    assert [receipt.id for receipt in post.until(1)] == ["quick"]
    lost = post.until(2)[1]
    assert (lost.id, lost.outcome, lost.device) == ("lost", "unanswered", "toaster")
    list(server.receive())
    post.messenger.carry("toaster", command("start", 5, id_="found"), post.got.append)
    while not serve(server):
        pass
    assert post.until(3)[2].id == "found"


def test_who_is_not_there_yet_gets_it_when_it_is(post: Post) -> None:
    """A device that is being restarted is asked as soon as it is back, within the deadline."""
    post.messenger.carry("toaster", command("start", 10, id_="early"), post.got.append)
    server = post.server("toaster")
    while not serve(server):
        pass
    assert post.until(1)[0].outcome == "applied"


def test_a_receipt_that_is_none_and_one_that_nobody_waits_for_harm_nothing(post: Post) -> None:
    """The right one comes all the same."""
    server = post.server("toaster")
    post.messenger.carry("toaster", command("start", 5, id_="a"), post.got.append)
    server.socket.poll(2000)
    (request,) = server.receive()
    server.socket.send_multipart([*request.envelope, b"no receipt"])
    server.reply(request.envelope, Receipt(id="b", device="toaster", outcome="applied", at=1.0))
    server.reply(request.envelope, Receipt(id="a", device="toaster", outcome="rejected", at=1.0, reason="no"))
    assert post.until(1)[0].reason == "no"
    assert threading.active_count() >= 1
