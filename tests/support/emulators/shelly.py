"""A Shelly Plus Plug S (generation 2, firmware 1.4), by its RPC over a WebSocket."""

import asyncio
import copy
import hashlib
import json
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import WSMsgType, web

from tests.support.emulator import Emulator, Garbage
from tests.support.ports import free_port

REALM = "shellyplusplugs-a8032ab12345"
INFO = {
    "id": REALM, "name": "Kettle", "mac": "A8032AB12345", "model": "SNPL-00112EU", "gen": 2, "ver": "1.4.4",
    "fw_id": "20240625-122723/1.4.4-gb2aeadb", "app": "PlusPlugS", "auth_domain": None,
}  # fmt: skip
HA2 = hashlib.sha256(b"dummy_method:dummy_uri").hexdigest()


class ShellyPlug(Emulator):
    """A Shelly plug with a meter and a timer, served from a thread."""

    driver: ClassVar[str] = "shelly"
    has_timer = True
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.port = free_port()
        self.nonce: int | str = 1625038762
        """The nonce of its login; a text stands for a model that writes all its numbers as text."""
        self._last_nc = 0
        self.errors: list[str] = []
        self.components: dict[str, dict[str, Any]] = {
            "input:0": {"id": 0, "state": None},
            "sys": {"mac": "A8032AB12345", "unixtime": 1_790_000_000},
            "wifi": {"rssi": -53, "status": "got ip"},
        }
        """The status of its components beside the switch."""
        self.config: dict[str, Any] = {
            "switch:0": {"id": 0, "name": None},
            "input:0": {"id": 0, "name": None, "type": "switch", "enable": True},
            "sys": {"device": {"name": "Kettle"}, "ui_data": {}},
        }
        self.dynamic: list[dict[str, Any]] | None = None
        """The answer to `Shelly.GetComponents`; None for old firmware, which does not know this request."""
        self.type = "heating"
        """What its thermostat does."""
        self.reports_target = True
        """Whether the status of a radiator valve has a new target at once, not only with its next packet."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Every request that was carried out."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._clients: set[web.WebSocketResponse] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at = 0.0
        self._hangs = False
        self._garbage: Garbage | None = None
        self._lag_seconds = 0.0

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {"address": f"127.0.0.1:{self.port}"}

    def open(self) -> None:
        """Listen on the port."""
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), daemon=True)
        self._thread.start()
        assert ready.wait(20)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_get("/rpc", self._client)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        ready.set()
        await self._end.wait()
        for handler in runner.server.connections if runner.server else ():
            if handler.transport:
                handler.transport.abort()
        await runner.cleanup()
        for _ in range(3):
            await asyncio.sleep(0)  # the last turns of connections that are being accepted or aborted

    def stop(self) -> None:
        """Stop, and close all connections."""
        loop, self._loop = self._loop, None
        if loop and self._thread:
            loop.call_soon_threadsafe(self._end.set)
            self._thread.join(20)
            self._timer = None

    def _run(self, call: Any, *args: Any) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(call, *args)

    async def _client(self, request: web.Request) -> web.WebSocketResponse:
        client = web.WebSocketResponse(autoping=False)
        await client.prepare(request)
        self._clients.add(client)
        try:
            async for message in client:
                if self._hangs:
                    continue
                if message.type is WSMsgType.PING:
                    await client.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    await asyncio.sleep(self._lag_seconds)
                    await self._answer(client, json.loads(message.data))
        finally:
            self._clients.discard(client)
        return client

    async def _answer(self, client: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        if self._garbage:
            await client.send_frame(self._garbage(), WSMsgType.TEXT)
            return
        head = {"id": frame["id"], "src": REALM, "dst": frame["src"]}
        is_open = frame["method"] == "Shelly.GetDeviceInfo"
        if self.password is not None and not is_open and not self._is_known(frame.get("auth")):
            self._last_nc = 0
            nc = str(1) if isinstance(self.nonce, str) else 1
            challenge = {
                "auth_type": "digest", "nonce": self.nonce, "nc": nc, "realm": REALM, "algorithm": "SHA-256",
            }  # fmt: skip
            error = {"code": 401, "message": json.dumps(challenge)}
            await client.send_json({**head, "error": error})
            return
        params = frame.get("params", {})
        self.calls.append((frame["method"], params))
        result = self._do(frame["method"], params)
        answer = {"error": {"code": 404, "message": f"No handler for {frame['method']}"}}
        await client.send_json({**head, **(answer if result is None else {"result": result})})

    def _is_known(self, auth: dict[str, Any] | None) -> bool:
        if not auth or auth["nonce"] != self.nonce:
            return False
        is_next = auth["nc"] > self._last_nc
        self._last_nc = auth["nc"]
        user_hash = hashlib.sha256(f"admin:{REALM}:{self.password}".encode()).hexdigest()
        proof = f"{user_hash}:{auth['nonce']}:{auth['nc']}:{auth['cnonce']}:auth:{HA2}"
        return is_next and bool(auth["response"] == hashlib.sha256(proof.encode()).hexdigest())

    def _do(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Carry out a request, and return its result; None for a method that it does not have."""
        match method:
            case "Shelly.GetDeviceInfo":
                return {**INFO, "auth_en": self.password is not None}
            case "Shelly.GetStatus":
                return {**copy.deepcopy(self.components), "switch:0": self.status()}
            case "Shelly.GetConfig":
                return self.config
            case "Shelly.GetComponents" if self.dynamic is not None:
                page = self.dynamic[params["offset"] :][:2]
                return {"components": page, "offset": params["offset"], "total": len(self.dynamic)}
            case "Switch.Set":
                was_on = self.on
                self.switch_relay(params["on"])
                self._arm(params.get("toggle_after"))
                return {"was_on": was_on}
            case "Switch.GetStatus":
                return self.status()
            case "Thermostat.GetConfig":
                return {"id": params["id"], "type": self.type}
            case "Thermostat.SetConfig":
                self.components[f"thermostat:{params['id']}"].update(params["config"])
                return {"restart_required": False}
            case "BluTrv.Call" if f"blutrv:{params['id']}" in self.components:
                if self.reports_target:
                    self.components[f"blutrv:{params['id']}"]["target_C"] = params["params"]["target_C"]
                return {}
            case "Thermostat.GetStatus" | "BluTrv.GetStatus":
                return self.components.get(f"{method.partition('.')[0].lower()}:{params['id']}")
        return None

    def _arm(self, seconds: float | None) -> None:
        if self._timer:
            self._timer.cancel()
        self.armed_seconds, self._armed_at = seconds, time.time()
        self._timer = None
        if seconds is not None and self._loop:
            self._timer = self._loop.call_later(seconds, self._flip)

    def _flip(self) -> None:
        self.switch_relay(not self.on)
        self.notify()

    def status(self) -> dict[str, Any]:
        """Return the status of its switch."""
        timer = (
            {}
            if self._timer is None
            else {"timer_started_at": self._armed_at, "timer_duration": self.armed_seconds}
        )
        errors = {"errors": self.errors} if self.errors else {}
        return {
            "id": 0, "source": "init", "output": self.on, "apower": self.power_watts if self.on else 0.0,
            "voltage": 231.2, "aenergy": {"total": 12345.6}, "temperature": {"tC": 41.2}, **timer, **errors,
        }  # fmt: skip

    def notify(self, params: dict[str, Any] | None = None, method: str = "NotifyStatus") -> None:
        """Send a notification to every connection; what it has of other components is their new status."""
        for key, part in (params or {}).items():
            if key in self.components:
                self.components[key].update(part)
        reply_ = params or {"switch:0": self.status()}
        frame = {"src": REALM, "dst": "house", "method": method, "params": {"ts": 1.0, **reply_}}

        async def send_to_all() -> None:
            for client in list(self._clients):
                if not self._hangs:
                    await client.send_json(frame)

        self._run(lambda: asyncio.ensure_future(send_to_all()))

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the plug's button, and report it."""
        self.switch_relay(on)
        self.notify()

    def hang(self) -> None:
        """Send nothing at all."""
        self._hangs = True

    def slow_down(self, seconds: float) -> None:
        """Delay every answer."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Answer every request with garbage."""
        self._garbage = garbage or (lambda: b'{"id": 1, "result": I am a teapot')

    def send_garbage(self, frames: list[bytes]) -> None:
        """Send frames without a request to every connection."""

        async def send_to_all() -> None:
            with suppress(ConnectionError):
                for client in list(self._clients):
                    for frame in frames:
                        await client.send_frame(frame, WSMsgType.TEXT)

        self._run(lambda: asyncio.ensure_future(send_to_all()))

    def recover(self) -> None:
        """End all faults."""
        self._hangs, self._garbage = False, None
        self._lag_seconds = 0.0

    def reboot(self, on: bool) -> None:
        """Lose the timer, too."""
        if self._timer:
            self._run(self._timer.cancel)
        super().reboot(on)
