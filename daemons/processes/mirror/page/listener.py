"""Serves the page on its address: binds the port, and tries again while that is not possible.

This file loads h11, wsproto and asyncio, so only the page's own thread imports it.
"""

import asyncio
import logging
import os
import resource
import socket
import ssl
from contextlib import suppress
from functools import partial

from daemons.bus.dropped import DroppedLog
from daemons.errors import StorageError
from daemons.kinds.mirror import Options
from daemons.processes.mirror.page.auth import AccessPolicy, is_address
from daemons.processes.mirror.page.http import PageApp
from daemons.processes.mirror.page.http_connection import make_protocol
from daemons.processes.mirror.page.server import PageServer

RETRY_SECONDS = 1.0
"""The pause before the next attempt to bind the port."""
BACKLOG = 1024
MAX_OPEN_FILES = 4096
FILES_PER_CONNECTION = 2
"""The page's connections may take one of so many files: the others are for the bus and for the disk."""
MAX_LINE_LENGTH = 300


def run(server: PageServer) -> None:
    """Serve the page in this thread until the server is stopped."""
    # Each client is an open file, and the usual limit is too low for many clients.
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard_limit)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard_limit))
    asyncio.run(serve(server))


async def serve(server: PageServer) -> None:
    """Serve the page until the server is stopped; report a fault, and try again once a second."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    server.stop_thread = partial(loop.call_soon_threadsafe, stopped.set)
    options, log = server.context.options, server.context.log
    policy = AccessPolicy(options.address, {*options.hosts, *machine_names()})
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    app = PageApp(server, policy, open_files // FILES_PER_CONNECTION)
    log_asyncio(app.problems)
    sending = asyncio.create_task(app.websocket.run())
    try:
        while not stopped.is_set():
            accepting = None
            try:
                if policy.is_locked:
                    raise StorageError(
                        f"{options.address} can be reached from other machines, and there is no token; "
                        "`house token` makes one"
                    )
                accepting = await listen(app, server)
            except OSError as error:
                server.report(None, f"its page cannot be served: {fault_reason(error, options)}")
            with suppress(TimeoutError):
                async with asyncio.timeout(None if accepting else RETRY_SECONDS):
                    await stopped.wait()
    finally:
        sending.cancel()
        app.command_client.close()
        await app.close()
        log.debug("the page has ended")


async def listen(app: PageApp, server: PageServer) -> asyncio.Task[None]:
    """Listen on the port, and report the URL; raises OSError when that is not possible.

    The returned task accepts the connections until it is cancelled.
    """
    options = server.context.options
    context = None
    if options.certificate and options.private_key:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.private_key)
    sock = bind(options, server.port)
    accepting = asyncio.create_task(app.connections.accept(sock, partial(make_protocol, app.handle), context))
    server.port = sock.getsockname()[1]
    server.report(f"{'https' if context else 'http'}://{url_host(options.address)}:{server.port}/", None)
    return accepting


def bind(options: Options, port: int) -> socket.socket:
    """Return a socket that listens on `port`.

    If the configuration leaves the port open and this one is in use, the socket listens on a free port.
    """
    family, _, _, _, address = socket.getaddrinfo(
        options.address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    try:
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError:
        if options.port:
            raise
        sock = socket.create_server((address[0], 0), family=family, backlog=BACKLOG)
    sock.setblocking(False)
    return sock


class AsyncioHandler(logging.Handler):
    """Logs what asyncio logs: one line a minute, without a traceback.

    A client causes most of these errors, for example by a broken TLS handshake.
    """

    def __init__(self, problems: DroppedLog) -> None:
        super().__init__(logging.WARNING)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record with the name and the text of its error."""
        error = record.exc_info[1] if record.exc_info else None
        why = f": {type(error).__name__}: {error}" if error else ""
        self._problems.add(record.name, f"reports: {record.getMessage()}{why}"[:MAX_LINE_LENGTH])


def log_asyncio(problems: DroppedLog) -> None:
    """Send the log of asyncio to the log of the mirror."""
    logger = logging.getLogger("asyncio")
    logger.handlers[:] = [AsyncioHandler(problems)]
    logger.propagate = False


def fault_reason(error: OSError, options: Options) -> str:
    """Return why the page cannot be served, and what a person can do about it."""
    if isinstance(error, StorageError):
        return str(error)
    reason = os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else str(error)
    if isinstance(error, ssl.SSLError | FileNotFoundError):
        return f"{reason}; see `certificate` and `private_key` of the mirror"
    return f"{options.address}, port {options.port}: {reason}; see `port` and `address` of the mirror"


def machine_names() -> set[str]:
    """Return the host names of this machine."""
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}


def url_host(address: str) -> str:
    """Return the host for a URL to a socket that listens on `address`."""
    if address in ("0.0.0.0", "::"):  # noqa: S104  the address is only compared
        return socket.gethostname()
    return f"[{address}]" if is_address(address) and ":" in address else address
