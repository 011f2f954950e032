"""Runs `house` commands in forks of one process that has imported what they need (`command_forks`).

Each worker of a test run has one server. A command there has its own arguments, environment, working
directory and files, as if a shell had started it. The server ends with the worker.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

MAX_REQUEST_BYTES = 1 << 18
PROJECT = Path(__file__).parent.parent.parent


def run(
    arguments: list[str],
    environment: dict[str, str],
    timeout_seconds: float,
    *,
    forks_supervisord: bool,
) -> "Done":
    """Run a `house` command to its end; raises TimeoutExpired after this time.

    The supervisord that it starts is a fork, too, or else a new interpreter.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            request = json.dumps([arguments, environment, str(Path.cwd()), forks_supervisord]).encode()
            assert len(request) <= MAX_REQUEST_BYTES
            with theirs:
                socket.send_fds(server(), [request], [theirs.fileno(), out.fileno(), err.fileno()])
            ours.settimeout(timeout_seconds)
            pid = int(ours.recv(100))
            try:
                code = int(ours.recv(100))
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["house", *arguments], timeout_seconds) from None
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(["house", *arguments], code, *texts)


Done = subprocess.CompletedProcess[str]


@cache
def server() -> socket.socket:
    """Start the server of this process, and return the socket for requests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for side in (ours, theirs):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_REQUEST_BYTES)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.command_forks", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=PROJECT,
        )
    atexit.register(end, ours, process)
    return ours


def end(requests: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """End the server, and wait for it."""
    requests.close()
    process.wait()
