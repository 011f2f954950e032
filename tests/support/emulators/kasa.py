"""A Kasa HS110 (hardware 2, firmware 1.5.6) with a meter and a countdown, by its protocol on port 9999.
With an account it uses KLAP instead, as an HS100 of hardware 4.1 does from firmware 1.1.0 on.
"""

import json
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from tests.support.emulator import Emulator, Garbage
from tests.support.klap import KlapServer
from tests.support.ports import free_port

USERNAME = "someone@example.com"
FIRST_KEY = 171
"""The first byte of every message is combined with this key by XOR, each further byte with the one before."""


def encrypt(plain: bytes) -> bytes:
    """Encode a message."""
    key, found = FIRST_KEY, bytearray()
    for byte in plain:
        key ^= byte
        found.append(key)
    return bytes(found)


def decrypt(mixed: bytes) -> bytes:
    """Decode a message."""
    key, found = FIRST_KEY, bytearray()
    for byte in mixed:
        found.append(key ^ byte)
        key = byte
    return bytes(found)


class KasaPlug(Emulator):
    """A plug of the older type; with a password, a plug whose firmware requires the account."""

    driver: ClassVar[str] = "kasa"
    has_timer = True
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.port = free_port()
        self._server: socket.socket | None = None
        self._klap: KlapServer | None = None
        self._clients: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.requests = 0
        """How many requests it has answered."""
        self.rules: list[dict[str, Any]] = []
        """The rules of its countdown; it keeps only one."""
        self.watt_hours = 12345.0
        self._timer: threading.Timer | None = None
        self._ends_at = 0.0
        self._hung = threading.Event()
        self._hung.set()
        self._garbage: Garbage | None = None
        self._lag = threading.Event()
        self._lag_seconds = 0.0

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        account = {"username": USERNAME} if self.password else {}
        return {"address": f"127.0.0.1:{self.port}", "poll": "200ms", **account}

    def open(self) -> None:
        """Listen on the port."""
        if self.password:
            self._klap = KlapServer(self.port, USERNAME, self.password, self.reply)
            return
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._server)

    def _start(self, call: Any, *args: Any) -> None:
        thread = threading.Thread(target=call, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                self._clients.add(client)
                self._start(self._serve_client, client)

    def _serve_client(self, client: socket.socket) -> None:
        with suppress(OSError, struct.error, ValueError), client:
            while True:
                (length,) = struct.unpack(">I", client.recv(4, socket.MSG_WAITALL))
                request = json.loads(decrypt(client.recv(length, socket.MSG_WAITALL)))
                self._hung.wait()
                self._lag.wait(self._lag_seconds)
                garbage = self._garbage
                reply_ = garbage() if garbage else json.dumps(self.reply(request)).encode()
                client.sendall(struct.pack(">I", len(reply_)) + encrypt(reply_))
        self._clients.discard(client)

    def stop(self) -> None:
        """Stop, and close all connections."""
        server, self._server = self._server, None
        klap, self._klap = self._klap, None
        if klap:
            klap.close()
        if server:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        self._hung.set()
        for client in list(self._clients):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
        self._threads.clear()
        self._disarm()
        self.rules.clear()

    def reply(self, request: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Answer a decoded JSON request."""
        self.requests += 1
        context = request.pop("context", {})
        self.selected: list[str] = context.get("child_ids", [])
        return {
            module: {command: self._do(module, command, args or {}) for command, args in commands.items()}
            for module, commands in request.items()
        }

    def _do(self, module: str, command: str, args: dict[str, Any]) -> dict[str, Any]:
        match module, command:
            case "system", "get_sysinfo":
                return self.sysinfo()
            case "system", "set_relay_state":
                self.set_relay(bool(args["state"]))
            case "emeter", "get_realtime":
                watts = self.power_watts if self.on else 0.0
                return {
                    "voltage_mv": 230900, "current_ma": round(watts * 4.33), "power_mw": round(watts * 1000),
                    "total_wh": self.watt_hours, "err_code": 0,
                }  # fmt: skip
            case "emeter", "get_daystat":
                return {"day_list": [{"year": 2026, "month": 11, "day": 24, "energy_wh": 120}], "err_code": 0}
            case "emeter", "get_monthstat":
                return {"month_list": [{"year": 2026, "month": 11, "energy_wh": 1200}], "err_code": 0}
            case "time", "get_time":
                now = {"year": 2026, "month": 11, "mday": 24, "hour": 6, "min": 30, "sec": 0}
                return {**now, "err_code": 0}
            case "time", "get_timezone":
                return {"index": 39, "err_code": 0}
            case "count_down", "delete_rule":
                self._delete_rule(args["id"])
            case "count_down", "add_rule" if self.rules:
                return {"err_code": -10, "err_msg": "table is full"}
            case "count_down", "add_rule":
                self.add_rule({**args, "id": "7C90AC51"})
                return {"id": "7C90AC51", "err_code": 0}
            case "count_down", "edit_rule":
                self._delete_rule(args["id"])
                self.add_rule(args)
            case "count_down", "get_rules":
                left = max(0, round(self._ends_at - time.monotonic()))
                return {"rule_list": [{**rule, "remain": left} for rule in self.rules], "err_code": 0}
            case "schedule" | "anti_theft", "get_rules":
                return {"rule_list": [], "err_code": 0}
            case "cnCloud", "get_info":
                return {"username": "", "server": "", "binded": 0, "cld_connection": 0, "err_code": 0}
            case _ if (found := self.do_more(module, command, args)) is not None:
                return found
            case _:
                return {"err_code": -1, "err_msg": "module not support"}
        return {"err_code": 0}

    def set_relay(self, on: bool) -> None:
        """Switch the relay for a request; `selected` names the outlets of a strip."""
        self.switch_relay(on)

    def do_more(self, module: str, command: str, args: dict[str, Any]) -> dict[str, Any] | None:
        """Answer what only some models know; None for what this one does not know."""
        return None

    def add_rule(self, rule: dict[str, Any]) -> None:
        """Set the countdown, by a request or by the app."""
        self.rules.append(rule)
        if rule["enable"]:
            self._arm(rule["delay"], bool(rule["act"]))

    def _delete_rule(self, rule_id: str) -> None:
        if any(rule["id"] == rule_id for rule in self.rules):
            self.rules.clear()
            self._disarm()

    def _arm(self, seconds: float, on: bool) -> None:
        self.armed_seconds, self._ends_at = seconds, time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end_countdown, (on,))
        self._timer.daemon = True
        self._timer.start()

    def _end_countdown(self, on: bool) -> None:
        """Switch, and keep the rule, which no longer runs."""
        self.switch_relay(on)
        self.rules[:] = [{**rule, "enable": 0} for rule in self.rules]

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
        self.armed_seconds = self._timer = None

    def sysinfo(self) -> dict[str, Any]:
        """Return what it reports of itself."""
        return {
            "sw_ver": "1.5.6 Build 191125 Rel.083657", "hw_ver": "2.0", "model": "HS110(EU)",
            "deviceId": "8006" + 36 * "0", "oemId": 32 * "0", "hwId": 32 * "0", "rssi": -50, "longitude_i": 0,
            "latitude_i": 0, "alias": "Kettle", "status": "new", "mic_type": "IOT.SMARTPLUGSWITCH",
            "feature": "TIM:ENE", "mac": "50:C7:BF:00:00:00", "updating": 0, "led_off": 0,
            "relay_state": int(self.on), "on_time": 60 if self.on else 0, "icon_hash": "",
            "dev_name": "Smart Wi-Fi Plug With Energy Monitoring", "active_mode": "none",
            "next_action": {"type": -1}, "ntc_state": 0, "err_code": 0,
        }  # fmt: skip

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the plug's button."""
        self.switch_relay(on)

    def hang(self) -> None:
        """Accept connections and requests, and answer nothing."""
        self._hung.clear()

    def slow_down(self, seconds: float) -> None:
        """Delay every answer."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Answer every request with garbage."""
        self._garbage = garbage or (lambda: b"I am a teapot")

    def recover(self) -> None:
        """End all faults."""
        self._garbage = None
        self._lag_seconds = 0.0
        self._hung.set()
