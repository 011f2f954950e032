"""supervisord: its socket in the run directory, and the pipes through which processes log.

Only the owner of the house can reach them, and supervisord does not limit what one request of the owner
costs. So XML whose entities expand is not sent: each such request leaves 45 MB to supervisord's garbage
collector, and how many of them wait for it is left to chance.
"""

import os
import socket
import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.fuzz.door import Door, Kinds
from bench.fuzz.tally import PATIENCE
from daemons.bus.message import STEWARD
from daemons.supervision.programs import SOCKET
from daemons.supervision.supervisord import Supervisor

OPEN_CONNECTIONS = 40
SAFE_METHODS = (
    "supervisor.getProcessInfo", "supervisor.tailProcessStdoutLog", "supervisor.readProcessStdoutLog",
    "supervisor.readLog", "supervisor.getState", "supervisor.nothing", "system.multicall",
    "system.methodHelp",
    "system.methodSignature", "supervisor.startProcess", "supervisor.signalProcess",
    "supervisor.addProcessGroup", "x",
    "", "supervisor.__class__", "supervisor.supervisord.options", "supervisor.sendRemoteCommEvent",
)  # fmt: skip
"""With arguments of junk, none of these changes anything."""
WRONG: tuple[Any, ...] = (
    "stranger",
    "",
    "x:y:z",
    "toaster:x",
    "\u00fc" * 3000,
    2**31 - 1,
    -(2**31),
    True,
    1.5,
    [],
    [[]],
    {"a": 1},
)
LINES = (
    b"<!--XSUPERVISOR:BEGIN-->", b"<!--XSUPERVISOR:END-->", b"\x1b[2J\x1b]0;x\x07", b"\xff\xfe\n",
    b"\0" * 100, b"\r\n" * 50,
    b"x" * 4000, b"1970-01-01 00:00:00,000 ERROR x\n",
)  # fmt: skip


class Supervisord(Door):
    """Sends wrong requests to supervisord, and writes to the pipes of its processes."""

    name = "supervisord"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: list[socket.socket] = []

    @property
    def addresses(self) -> list[str]:
        """Return the names of the processes whose pipes are written to."""
        return self.target.processes

    def kinds(self) -> Kinds:
        """Return the kinds of wrong requests and lines."""
        return {
            "random bytes": self._random_bytes,
            "wrong requests": self._requests,
            "wrong calls": self._calls,
            "mutated calls": self._mutations,
            "XML that is none": self._documents,
            "unfinished requests": self._unfinished,
            "log pipes": self._log_pipe,
        }

    def settle(self) -> None:
        """Close the connections that were left open."""
        while self._open:
            self._open.pop().close()

    def check(self, kind: str) -> None:
        """Ask for the processes as the steward does."""
        with self.tally.answered(self.name, kind):
            supervisor = Supervisor()
            supervisor.processes()
            supervisor.close()
            self.tally.answers[self.name, "list of processes"] += 1

    def _send(self, kind: str, requests: list[bytes]) -> None:
        for request in requests:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
                client.settimeout(0.2)
                client.connect(SOCKET)
                client.sendall(request)
                self.count(kind)
                client.shutdown(socket.SHUT_WR)
                client.recv(65536)
        self.check(kind)

    def _post(self, body: bytes, path: str = "/RPC2") -> bytes:
        head = f"POST {path} HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    # The kinds

    def _random_bytes(self, address: str) -> None:
        self._send("random bytes", [self.junk.noise() + b"\r\n\r\n" for _ in range(5)])

    def _requests(self, address: str) -> None:
        heads = (
            b"GET / HTTP/1.1", b"GET /../../../etc/passwd HTTP/1.0", b"POST /RPC2 HTTP/9.9",
            b"PUT /RPC2 HTTP/1.1",
            b"POST /RPC2 HTTP/1.1\r\nContent-Length: -5", b"POST /RPC2 HTTP/1.1\r\nContent-Length: x",
            b"GET /%",
            b"POST /RPC2 HTTP/1.1\r\nTransfer-Encoding: chunked", b"GET /logtail/stranger HTTP/1.1",
            b"GET /\xff HTTP/1.1",
            b"GET /" + b"x" * 30_000 + b" HTTP/1.1", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000,
            b"OPTIONS * HTTP/1.1",
            b"POST /RPC2 HTTP/1.1\r\nAuthorization: Basic \xff",
        )  # fmt: skip
        self._send("wrong requests", [head + b"\r\n\r\n" for head in self.junk.random.sample(heads, 5)])

    def _calls(self, address: str) -> None:
        made = []
        for _ in range(5):
            arguments = tuple(self.junk.random.choices(WRONG, k=self.junk.random.randrange(4)))
            with suppress(OverflowError):
                call = xmlrpc.client.dumps(arguments, self.junk.random.choice(SAFE_METHODS))
                made.append(self._post(call.encode()))
        self._send("wrong calls", made)

    def _mutations(self, address: str) -> None:
        good = xmlrpc.client.dumps(("stranger", 1, 2), "supervisor.tailProcessStdoutLog").encode()
        self._send("mutated calls", [self._post(self.junk.mutate(good)) for _ in range(5)])

    def _documents(self, address: str) -> None:
        depth = self.junk.random.choice([100, 5000])
        documents = (
            b"<array><data><value>" * depth,
            b"<methodCall><methodName>x</methodName><params>" * 2, b"<" * depth,
            b"\xff" * 1000, b"<methodCall/>", b"<value><int>" + b"9" * 5000, b"x" * (1 << 18),
        )  # fmt: skip
        self._send(
            "XML that is none", [self._post(document) for document in self.junk.random.sample(documents, 3)]
        )

    def _unfinished(self, address: str) -> None:
        with suppress(OSError):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE)
            client.connect(SOCKET)
            self._open.append(client)
            client.sendall(
                self.junk.random.choice(
                    [b"", b"POST /RPC2", b"POST /RPC2 HTTP/1.1\r\nContent-Length: 99\r\n\r\n<"]
                )
            )
            self.count("unfinished requests")
        while len(self._open) > OPEN_CONNECTIONS:
            self._open.pop(0).close()
        self.check("unfinished requests")

    def _log_pipe(self, name: str) -> None:
        """Write to the pipe through which a process logs; that of the steward is its errors."""
        pid = int((Path("lock") / name).read_text())
        number = 2 if name == STEWARD else 1
        with suppress(OSError):
            pipe = os.open(f"/proc/{pid}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
            try:
                for _ in range(20):
                    os.write(pipe, self.junk.random.choice([*LINES, self.junk.noise()]))
                    self.count("log pipes")
                os.write(pipe, b"\n")
            finally:
                os.close(pipe)
        self.check("log pipes")
