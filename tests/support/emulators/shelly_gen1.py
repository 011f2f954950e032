"""A Shelly Plug S of the first generation (firmware 1.14), by its HTTP interface."""

import json
import socket
import threading
import time
from base64 import b64encode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from daemons.drivers.shelly_http import announcements
from tests.support.emulator import Emulator, Garbage
from tests.support.ports import free_port

INFO: dict[str, Any] = {
    "type": "SHPLG-S",
    "mac": "A8032AB12345",
    "fw": "20230913-113421/v1.14.0-gcb84623",
    "num_outputs": 1,
}


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """Ignore a client that has ended its connection."""


class ShellyGen1Plug(Emulator):
    """A Shelly plug with a meter, a timer and an input, served from threads."""

    driver: ClassVar[str] = "shelly_gen1"
    has_timer = True
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.port = free_port()
        self.targets: list[str] = []
        """The path and the query of every request that was carried out."""
        self.arms_timer = True
        """Whether it arms its timer, as it should."""
        self.events: tuple[str, int] = ("", 0)
        """The last event of its input, and how many there were."""
        self.info = INFO
        """What it says of itself."""
        self.valve: dict[str, Any] | None = None
        """The status of its radiator valve, if it has one."""
        self.reports_target = True
        """Whether this status has a new target at once."""
        self.settings: dict[str, Any] = {"name": "Kettle", "mode": "relay", "relays": [{"name": None}]}
        self._server: Server | None = None
        self._timer: threading.Timer | None = None
        self._ends_at = 0.0
        self._opened_at, self._boots = 0.0, 0
        self._recovered = threading.Event()
        self._hangs = False
        self._garbage: Garbage | None = None
        self._lag_seconds = 0.0

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {"address": f"127.0.0.1:{self.port}", "poll": "200ms"}

    def open(self) -> None:
        """Listen on the port."""
        plug = self
        self._opened_at, self._boots = time.monotonic(), self._boots + 1

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):
                    plug._answer(self)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening. Each request has a connection of its own."""
        server, self._server = self._server, None
        if self._timer:
            self._timer.cancel()
        if server:
            server.shutdown()
            server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        if self._hangs:
            self._recovered.wait(60)
            return
        time.sleep(self._lag_seconds)
        if self._garbage:
            self._send(request, 200, self._garbage())
            return
        login = b64encode(f"admin:{self.password}".encode()).decode()
        is_open = self.password is None or request.path == "/shelly"
        if not is_open and request.headers["Authorization"] != f"Basic {login}":
            self._send(request, 401, b"401 Unauthorized")
            return
        url = urlsplit(request.path)
        found = self._do(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})
        self.targets.append(request.path)
        body = b"Not Found" if found is None else json.dumps(found).encode()
        self._send(request, 404 if found is None else 200, body)

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _do(self, path: str, query: dict[str, str]) -> dict[str, Any] | None:
        """Carry out a request, and return its answer; None for a path that it does not have."""
        match path:
            case "/shelly":
                return {**self.info, "auth": self.password is not None}
            case "/settings":
                return self.settings
            case "/status":
                return self.status()
            case "/relay/0":
                if "turn" in query:
                    self.switch_relay(query["turn"] == "on")
                    self._arm(int(query["timer"]) if "timer" in query and self.arms_timer else None)
                return self.relay()
            case "/thermostat/0" if self.valve is not None:
                if self.reports_target:
                    is_enabled = query["target_t_enabled"] == "1"
                    self.valve["target_t"] = {"enabled": is_enabled, "value": float(query["target_t"])}
                return self.valve
        return None

    def _arm(self, seconds: int | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self.armed_seconds = None, seconds
        if seconds is not None:
            self._ends_at = time.monotonic() + seconds
            self._timer = threading.Timer(seconds, self._flip)
            self._timer.daemon = True
            self._timer.start()

    def _flip(self) -> None:
        self._timer = None
        self.switch_relay(not self.on)

    def relay(self) -> dict[str, Any]:
        """Return the status of its relay."""
        left = max(0, round(self._ends_at - time.monotonic())) if self._timer else 0
        return {
            "ison": self.on,
            "has_timer": self._timer is not None,
            "timer_remaining": left,
            "overpower": False,
        }

    def status(self) -> dict[str, Any]:
        """Return its whole status."""
        return {
            "relays": [self.relay()],
            "meters": [{"power": self.power_watts if self.on else 0.0, "is_valid": True, "total": 2632}],
            "inputs": [{"input": 0, "event": self.events[0], "event_cnt": self.events[1]}],
            "tmp": {"tC": 24.14, "is_valid": True},
            "temperature": 24.14,
            "overtemperature": False,
            "uptime": max(0, 1000 - 100 * self._boots) + int(time.monotonic() - self._opened_at),
            "wifi_sta": {"connected": True, "rssi": -76},
            **({} if self.valve is None else {"thermostats": [self.valve], "bat": {"value": 80}}),
        }

    def announce(self) -> None:
        """Send an announcement (CoIoT) on loopback; its content is not read."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            sender.bind(("127.0.0.1", 0))
            sender.sendto(b"PE", (announcements.GROUP, announcements.PORT))

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the plug's button; the next status has it."""
        self.switch_relay(on)

    def hang(self) -> None:
        """Send nothing at all."""
        self._recovered.clear()
        self._hangs = True

    def slow_down(self, seconds: float) -> None:
        """Delay every answer."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Answer every request with garbage."""
        self._garbage = garbage or (lambda: b'{"relays": I am a teapot')

    def recover(self) -> None:
        """End all faults."""
        self._hangs, self._garbage, self._lag_seconds = False, None, 0.0
        self._recovered.set()

    def reboot(self, on: bool) -> None:
        """Lose the timer, too."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        super().reboot(on)
