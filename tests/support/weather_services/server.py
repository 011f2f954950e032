"""A weather service on loopback: each request gets the next answer, and the last one again and again."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Reply(NamedTuple):
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Request(NamedTuple):
    """One request that has come."""

    target: str
    headers: dict[str, str]


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Ignore a client that has ended its connection."""


class WeatherService:
    """A weather service; a context manager."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []
        self.hangs = False
        """Whether it keeps each connection and answers nothing."""
        self._ended = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):
                    service.answer(self)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.where = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.where}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        self.requests.append(Request(request.path, {k.lower(): v for k, v in request.headers.items()}))
        if self.hangs:
            self._ended.wait(60)
            return
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        request.send_response(reply.status)
        for name, value in reply.headers:
            request.send_header(name, value)
        if reply.status != 304:
            request.send_header("Content-Length", str(len(reply.body)))
        request.end_headers()
        request.wfile.write(reply.body)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
