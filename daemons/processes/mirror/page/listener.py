"""Serves the page on its address: binds the port, and tries again while that is not possible.

This file loads aiohttp and asyncio, so only the page's own thread imports it.
"""

import asyncio
import os
import resource
import socket
import ssl
from contextlib import suppress
from functools import partial

from aiohttp import web

from daemons.kinds.mirror import Options
from daemons.processes.mirror.page.auth import AccessPolicy, is_address
from daemons.processes.mirror.page.http import PageApp
from daemons.processes.mirror.page.server import PageServer

RETRY_SECONDS = 1.0
"""The pause before the next attempt to bind the port."""
BACKLOG = 1024
MAX_OPEN_FILES = 4096


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
    app = PageApp(server, policy)
    # There is no access log: the devices log the commands that they carry out.
    runner = web.AppRunner(app.app, access_log=None, shutdown_timeout=0, keepalive_timeout=30)
    await runner.setup()
    sending = asyncio.create_task(app.websocket.run())
    try:
        while not stopped.is_set():
            site = None
            try:
                if policy.is_locked:
                    raise OSError(
                        f"{options.address} can be reached from other machines, and there is no token"
                    )
                site = await listen(runner, server)
            except (OSError, ssl.SSLError) as error:
                reason = fault_reason(error, options, locked=policy.is_locked)
                server.report(None, f"its page cannot be served: {reason}")
            with suppress(TimeoutError):
                async with asyncio.timeout(None if site else RETRY_SECONDS):
                    await stopped.wait()
    finally:
        sending.cancel()
        app.command_client.close()
        log.debug("the page has ended")


async def listen(runner: web.AppRunner, server: PageServer) -> web.SockSite:
    """Listen on the port, and report the URL; raises OSError when that is not possible."""
    options = server.context.options
    context = None
    if options.certificate and options.private_key:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.private_key)
    sock = bind(options, server.port)
    site = web.SockSite(runner, sock, ssl_context=context, backlog=BACKLOG)
    await site.start()
    server.port = sock.getsockname()[1]
    server.report(f"{'https' if context else 'http'}://{url_host(options.address)}:{server.port}/", None)
    return site


def bind(options: Options, port: int) -> socket.socket:
    """Return a socket that listens on `port`.

    If the configuration leaves the port open and this one is in use, the socket listens on a free port.
    """
    family, _, _, _, address = socket.getaddrinfo(
        options.address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    try:
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError:
        if options.port:
            raise
        return socket.create_server((address[0], 0), family=family, backlog=BACKLOG)


def fault_reason(error: OSError, options: Options, *, locked: bool) -> str:
    """Return why the page cannot be served, and what a person can do about it."""
    if locked:
        return f"{error}; `house token` makes one"
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
