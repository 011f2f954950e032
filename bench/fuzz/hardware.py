"""Emulated hardware that sends junk to its driver: in its answers, unasked, and instead of its protocol."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bench.fuzz.commands import Commands
from bench.fuzz.door import Door, Kinds
from tests.support.emulator import Garbage
from tests.support.emulators.shelly import ShellyPlug
from tests.support.mqtt_plug import MqttPlug

FAULT_SECONDS = 8.0
"""How long hardware sends junk, until it is sound for a while."""
ENDLESS_BYTES = 64 << 20
SHELLY = {
    "id": 1,
    "src": "x",
    "result": {"output": False, "apower": 1, "aenergy": {"total": 2}, "temperature": {}},
}
NOTIFICATION = {
    "src": "x",
    "method": "NotifyStatus",
    "params": {"ts": 1.0, "switch:0": {"id": 0, "output": False}},
}
KASA = {"system": {"get_sysinfo": {"relay_state": 0, "model": "HS110(EU)", "deviceId": "8", "err_code": 0}}}
REPORT = {"on": False, "power_watts": 1}


class Hardware(Door):
    """Makes each emulated plug answer junk for some seconds, while other doors are fuzzed."""

    name = "hardware"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._commands = Commands(*args)
        self._lock = threading.Lock()
        self._sound_at: dict[str, float] = {}
        """When (monotonic seconds) each plug that sends junk becomes sound again."""
        self._impostors: dict[str, JunkServer] = {}

    @property
    def addresses(self) -> list[str]:
        """Return the devices with emulated hardware."""
        return list(self.target.plugs)

    def kinds(self) -> Kinds:
        """Return the kinds of junk from hardware."""
        return {
            "answers of random bytes": lambda name: self._garble(
                name, "answers of random bytes", self.junk.noise
            ),
            "answers with wrong fields": lambda name: self._garble(
                name, "answers with wrong fields", self._fields
            ),
            "mutated answers": lambda name: self._garble(name, "mutated answers", self._mutated),
            "answers of other text": lambda name: self._garble(
                name, "answers of other text", self.junk.text_payload
            ),
            "notifications": self._notify,
            "another protocol": self._other_protocol,
        }

    def settle(self) -> None:
        """Make all hardware sound."""
        for name in list(self._sound_at):
            self._recover(name)

    def tick(self) -> None:
        """Make the hardware sound whose time is over."""
        for name, at in list(self._sound_at.items()):
            if time.monotonic() > at:
                self._recover(name)

    def _recover(self, name: str) -> None:
        plug = self.target.plugs[name]
        del self._sound_at[name]
        if server := self._impostors.pop(name, None):
            server.close()
            plug.open()
        plug.recover()
        if isinstance(plug, MqttPlug):
            plug.announce()  # its last message may have been junk, and it reports only changes

    def _counted(self, kind: str, make: Garbage) -> Garbage:
        """Return a source of junk that counts; hardware calls it from its own threads."""

        def counted() -> bytes:
            with self._lock:
                self.count(kind)
                return make()

        return counted

    def _garble(self, name: str, kind: str, make: Garbage) -> None:
        if name not in self._impostors:
            self.target.plugs[name].garble(self._counted(kind, make))
            self._sound_at[name] = time.monotonic() + FAULT_SECONDS
        self._commands.check(name, kind)

    def _fields(self) -> bytes:
        return self.junk.wrong_fields(self._report())

    def _mutated(self) -> bytes:
        return self.junk.mutate(json.dumps(self._report()).encode())

    def _report(self) -> dict[str, Any]:
        """Return a report of any hardware, with a wrong part at any depth."""
        report: dict[str, Any] = self.junk.random.choice([SHELLY, NOTIFICATION, KASA, REPORT])
        for key, value in report.items():
            if isinstance(value, dict) and self.junk.random.random() < 0.7:
                wrong = self.junk.wrong_fields(value).decode()
                with suppress(ValueError, RecursionError):
                    return {**report, key: json.loads(wrong)}
        return report

    def _notify(self, name: str) -> None:
        """Send frames that the driver has not asked for."""
        plug = self.target.plugs[name]
        if isinstance(plug, ShellyPlug) and name not in self._impostors:
            make = [self.junk.text_payload, self._fields, self._mutated, self.junk.noise]
            frames = [self.junk.random.choice(make)() for _ in range(200)]
            plug.send_garbage(frames)
            self.count("notifications", len(frames))
        self._commands.check(name, "notifications")

    def _other_protocol(self, name: str) -> None:
        """Start another server at the hardware's port: it sends wrong lengths and endless bytes."""
        plug = self.target.plugs[name]
        port = getattr(plug, "port", None)
        if port is not None and name not in self._impostors:
            plug.stop()
            made = self._counted(
                "another protocol", lambda: self.junk.random.choice(OTHER_PROTOCOLS)(self.junk.noise())
            )
            self._impostors[name] = JunkServer(port, made)
            self._sound_at[name] = time.monotonic() + FAULT_SECONDS
        self._commands.check(name, "another protocol")


OTHER_PROTOCOLS: tuple[Callable[[bytes], bytes], ...] = (
    lambda junk: junk,
    lambda _: b"",
    lambda junk: struct.pack(">I", 0xFFFF_FFFF) + junk,
    lambda junk: struct.pack(">I", len(junk)) + junk,
    lambda _: struct.pack(">I", ENDLESS_BYTES) + bytes(ENDLESS_BYTES),
    lambda junk: b"HTTP/1.1 200 OK\r\n\r\n" + junk,
    lambda _: b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    lambda _: b"HTTP/1.1 302 Found\r\nLocation: /rpc\r\nContent-Length: 0\r\n\r\n",
    lambda _: b"HTTP/1.1 200 OK\r\nX: " + b"x" * (16 << 20),
    lambda junk: b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest " + junk + b"\r\n\r\n",
    lambda _: b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 100_000,
)
"""Each makes one answer from a few random bytes."""


class JunkServer:
    """Listens at a port, and sends junk to each connection, in a thread."""

    def __init__(self, port: int, make: Garbage) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._make = make
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with suppress(OSError), client:
                client.settimeout(1.0)
                client.recv(10_000)
                client.sendall(self._make())

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)
