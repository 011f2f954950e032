"""Sends invalid messages to every socket of a temporary breakfast house, for a while.

usage: python -m bench.fuzz [--seconds 60] [--seed 1] [--rate 2000] [--growth 8]

For the first tenth of the time, an impostor holds the switch's publish socket. It replays real messages
of the switch and of other devices in any order, and publishes many invalid ones. Then every command and
publish socket gets wrong frame counts, frames beyond the limit, bad UTF-8, deep JSON, wrong types, invalid
numbers, past and far deadlines, replays, mutations, raw bytes, half-open connections and many
subscriptions. Each kind is sent once to each socket as a warm-up, and at random for the rest of the time.
After each burst the process gets a request that changes nothing, and must answer it. At the end the
impostor publishes states that are too long.

The output lists the frames sent of each kind and the receipts by outcome. For each process it lists:
deaths, new boots, changes of its state and of its hardware's log, its memory after the warm-up and at the
end (proportional set size in MB, proc(5): Pss), the messages its log reports as dropped (without the last
window), the number of these log lines, and its other log lines.

The exit status is 1 if a process died, changed, did not answer, received no more messages, grew by more
than --growth MB, or logged dropped messages more than once a sender and window. The run takes --seconds
and about twenty seconds more. Everything is local.
"""

import argparse
import json
import logging
import math
import os
import random
import re
import signal
import socket
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import zmq

from bench.house import BREAKFAST, House, working_in
from daemons.bus import endpoints, message
from daemons.bus.dropped import DroppedLog
from daemons.bus.message import STEWARD, Command, Heartbeat, Receipt, State
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Context, Socket, Subscriber, drain, open_socket
from daemons.cli.drill_monitor import HardwareLog
from daemons.config.house import load_house
from daemons.errors import HouseError, MessageError
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.supervision.install import INSTALLED
from daemons.supervision.supervisord import Supervisor

PATIENCE = 10.0
"""How long an answer, and any other event here, may take."""
RESEND_MS = 500
"""After this time a request is sent again; a frame beyond the limit closes its connection."""
SWITCH = "bathroom_light"
ACTIVE = {SWITCH: "press", "coffee_maker": "start", "toaster": "start", "kitchen_lamp": "toggle"}
"""For each appliance, a command that would change it."""
HALF_OPEN = 40
"""The number of half-open connections kept at a time."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
"""The greeting of a ZMTP 3.0 peer (rfc.zeromq.org/spec/23)."""
SUB = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
DEALER = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
INVALID_NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1" * 5000,
    "0x10",
    "1e",
    "--1",
    "01",
    "",
)
WRONG: tuple[Any, ...] = (None, True, -1, 1.5, 2**70, "", "x" * 2000, [], [1], {}, {"a": {}}, "\0", "ü")
DROPPED = re.compile(r"dropped a bad message on (.*?): .*?(?: \(and (\d+) before it\))?$", re.MULTILINE)


class StateMonitor:
    """Subscribes to every process of the house; keeps the latest states and heartbeats."""

    def __init__(self, context: Context, names: list[str]) -> None:
        self.states: dict[str, State] = {}
        self.beats: dict[str, Heartbeat] = {}
        log = logging.getLogger("fuzz")
        log.addHandler(logging.NullHandler())  # it receives the impostor's messages, too
        self._subscriber = Subscriber(context, names, log)

    def receive(self, milliseconds: int = 0) -> None:
        """Receive all messages that have arrived."""
        self._subscriber.socket.poll(milliseconds)
        for received in self._subscriber.receive():
            if isinstance(received, State):
                self.states[received.device] = received
            elif isinstance(received, Heartbeat):
                self.beats[received.device] = received

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Receive until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise HouseError(f"not within {PATIENCE:g} s: {what}")
            self.receive(20)


class Fuzz:
    """Sends invalid messages to one house, counts them, and checks that each process still answers."""

    def __init__(self, home: House, generator: random.Random, rate: float) -> None:
        house = load_house(INSTALLED)
        self.names = [*house.devices, STEWARD]
        self.sent: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.silent: Counter[str] = Counter()
        self.slowest = 0.0
        self._home = home
        self._random = generator
        self._rate = rate
        self._context: Context = zmq.Context()
        self._start_monitor()
        self._recorder = self._context.socket(zmq.SUB)
        self._recorder.subscribe(b"")
        for name in self.names:
            self._recorder.connect(endpoints.publish_endpoint(name))
        self._witness = HardwareLog(list(house.devices))
        self._measured = {name: device.kind.measurements() for name, device in house.devices.items()}
        self._sent_valid: dict[str, bytes] = {}
        """For each appliance, a command that it has carried out, as it was sent."""
        self._half_open: list[socket.socket] = []
        self._kinds: dict[str, Callable[[str], None]] = {
            "wrong frame counts": self._frame_counts,
            "many frames": self._many_frames,
            "random bytes": self._random_bytes,
            "beyond the limit": self._oversized,
            "bad UTF-8": self._bad_utf8,
            "deep JSON": self._deep_json,
            "wrong types": self._wrong_types,
            "invalid numbers": self._invalid_numbers,
            "past and far deadlines": self._deadlines,
            "unknown words": self._unknown_words,
            "many arguments": self._many_arguments,
            "replays": self._replays,
            "mutations": self._mutations,
            "subscriptions": self._subscriptions,
            "long subscriptions": self._long_subscription,
            "unfinished messages": self._unfinished,
            "frames at a publisher": self._frames_at_publisher,
            "raw bytes": self._raw_bytes,
            "half-open connections": self._half_open_connection,
        }

    def close(self) -> None:
        """Close every socket."""
        self._close_half_open()
        self._context.destroy(linger=0)

    # Observation

    def _start_monitor(self) -> None:
        self._monitor = StateMonitor(self._context, self.names)

    def visible_state(self) -> dict[str, Any]:
        """Return the parts that must not change: states without measurements, and the hardware logs."""
        self._monitor.until(lambda: len(self._monitor.states) == len(self.names), "a state of each process")
        for _ in range(10):
            self._monitor.receive(100)
        found = {}
        for name in self.names:
            state = self._monitor.states[name]
            kept = {k: v for k, v in state.state.items() if k not in self._measured.get(name, ())}
            lines = len(self._witness.read(name)) if name in self._measured else 0
            found[name] = (kept, state.since, state.turned, state.cause, lines)
        return found

    def boots(self) -> dict[str, int]:
        """Return the present boot of each process, from a new heartbeat."""
        self._monitor.beats.clear()
        self._monitor.until(
            lambda: len(self._monitor.beats) == len(self.names), "a heartbeat of each process"
        )
        return {name: beat.boot for name, beat in self._monitor.beats.items()}

    def memory(self) -> dict[str, float]:
        """Return the memory of each process, after it has handled all that was sent."""
        self._close_half_open()
        for name in self.names * 2:
            self._with_dealer(name, [])
        time.sleep(1.5)
        processes = Supervisor().processes()
        pids = {name: processes[name]["pid"] for name in self.names}
        return {name: size / 1e6 for name, size in memory_use(pids).items()}

    # The phases

    def prepare(self) -> None:
        """Press three times, then switch the lamp on and the others off; HouseError without a reaction."""
        self._monitor.until(lambda: SWITCH in self._monitor.states, "a state of the switch")
        lit = self._monitor.states[SWITCH].state["status"] is True
        for _ in range(3):
            lit = not lit
            self._send_valid(SWITCH, "press")
            for name in (SWITCH, "kitchen_lamp", "coffee_maker", "toaster"):
                self._until_shows(name, lit)
            for appliance in ("coffee_maker", "toaster"):
                self._send_valid(appliance, "stop")
                self._until_shows(appliance, False)
        self._send_valid("kitchen_lamp", "on")

    def warm_up(self) -> None:
        """Send each kind to each process once."""
        for kind in self._kinds.values():
            for name in self.names:
                kind(name)
            self._monitor.receive()

    def send_random(self, seconds: float) -> None:
        """Send random kinds to random processes, no faster than the rate."""
        end = time.monotonic() + seconds
        kinds = list(self._kinds)
        while (began := time.monotonic()) < end:
            before = self.sent.total()
            kind = self._random.choice(kinds)
            self._kinds[kind](self._random.choice(self.names))
            self._monitor.receive()
            due = began + (self.sent.total() - before) / self._rate
            time.sleep(max(0.0, min(due, end) - time.monotonic()))

    def impersonate(self, seconds: float) -> None:
        """Publish in the switch's place: replayed, reordered and invented messages."""
        real = list(drain(self._recorder))
        self._recorder.close(linger=0)
        with self._as_switch() as publisher:
            end = time.monotonic() + seconds
            boot = 0
            while time.monotonic() < end:
                self._monitor.receive()
                toaster = self._monitor.beats["toaster"]
                if toaster.boot > boot:  # after each restart it must remember what it acted on
                    boot = toaster.boot
                    os.kill(toaster.pid, signal.SIGKILL)
                for _ in range(int(self._rate / 20)):
                    kind, frames = self._fake_message(real)
                    self._send(publisher, frames)
                    self.sent[kind] += 1
                time.sleep(0.05)
            for name in self.names:
                if name != SWITCH:
                    self._with_dealer(name, [])

    def send_oversized(self) -> str | None:
        """Publish oversized states in the switch's place; report if the real switch is then ignored."""
        with self._as_switch() as publisher:
            for size in (message.MAX_FRAME_BYTES, message.MAX_FRAME_BYTES + 1):
                self._send(publisher, [f"{SWITCH}/state".encode(), b"[" * size])
                self.sent["published: beyond the limit"] += 1
        try:
            self.prepare()
        except HouseError as error:
            return f"after a frame beyond the limit, the states of {SWITCH} are ignored: {error}"
        return None

    @contextmanager
    def _as_switch(self) -> Iterator[Socket]:
        """Hold the switch's publish socket while the switch is stopped and all others are connected."""
        self._home.house("stop", SWITCH)
        context: Context = zmq.Context()  # it unlinks the path before the switch is back
        try:
            publisher = open_socket(context, zmq.XPUB)
            publisher.bind(endpoints.publish_endpoint(SWITCH))
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                if publisher.poll(100):
                    publisher.recv_multipart()
            yield publisher
            publisher.close(linger=1000)
        finally:
            context.destroy()
            self._home.house("start", SWITCH)
            self._start_monitor()

    # Published messages, replayed and invented

    def _fake_message(self, real: list[list[bytes]]) -> tuple[str, list[bytes]]:
        """Return one message that no process may act on."""
        topic, payload = self._random.choice(real)
        match self._random.randrange(6):
            case 0 | 1:
                return "published: replayed, in any order", [topic, payload]
            case 2:
                other = self._random.choice(
                    [b"unknown/state", b"steward/process/" + topic, topic[1:], b"/", topic * 9]
                )
                return "published: wrong names and topics", [other, payload]
            case 3:
                frames = [topic, payload][: self._random.randrange(1, 3)] * self._random.choice([1, 2, 50])
                frames = frames if len(frames) != 2 else [*frames, b""]
                return "published: wrong frame counts", frames
            case 4:
                fields = json.loads(payload)
                fields[self._random.choice(list(fields))] = "@"
                value = self._random.choice(
                    [*INVALID_NUMBERS, *(json.dumps(wrong) for wrong in WRONG), "[" * 5000]
                )
                text = json.dumps(fields).replace('"@"', value)
                return "published: wrong types and numbers", self._detectable(topic, text.encode())
            case _:
                return "published: mutated", self._detectable(topic, self._mutate(payload))

    def _detectable(self, topic: bytes, payload: bytes) -> list[bytes]:
        """Return an invalid or an already published message: no process can detect any other fake."""
        try:
            received = message.decode([topic, payload])
        except MessageError:
            return [topic, payload]
        return [topic, payload[:-1]] if received else []

    # Commands

    def _frame_counts(self, name: str) -> None:
        good = message.encode(new_command(ACTIVE.get(name, "snapshot"), 60))
        messages = []
        for _ in range(20):
            frames = [self._random.choice([b"", good, b"x"]) for _ in range(self._random.randrange(1, 9))]
            is_good = frames in ([good], [b"", good])
            messages.append([b"", b"", good] if is_good else frames)
        self._with_dealer(name, messages, "wrong frame counts")

    def _many_frames(self, name: str) -> None:
        number, size = self._random.choice([(10_000, 1), (1000, 1000), (10, 1 << 20)])
        self._with_dealer(name, [[b"x" * size] * number], "many frames")

    def _random_bytes(self, name: str) -> None:
        messages = [[self._random.randbytes(self._random.choice([0, 1, 30, 3000]))] for _ in range(50)]
        self._with_dealer(name, messages, "random bytes")

    def _oversized(self, name: str) -> None:
        size = message.MAX_FRAME_BYTES + self._random.choice([0, 1, 1000, 7 << 20])
        payload = self._random.choice([b"[", b'"', b" ", b"\0"]) * size
        self._with_dealer(name, [[payload]], "beyond the limit")

    def _bad_utf8(self, name: str) -> None:
        messages = []
        for _ in range(20):
            bad = self._random.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\xf4\x90\x80\x80"])
            where = self._random.choice([b'"id"', b'"fuzz"', b'"command"', b'"snapshot"'])
            good = b'{"id":"fuzz","command":"snapshot","deadline":1,"args":{"a":"b"}}'
            messages.append([good.replace(where, where[:-1] + bad + b'"')])
        self._with_dealer(name, messages, "bad UTF-8")

    def _deep_json(self, name: str) -> None:
        depth = self._random.choice([100, 2000, 100_000])
        opening, closing = self._random.choice([(b"[", b"]"), (b'{"a":', b"}")])
        deep = opening * depth + b"1" + closing * depth * self._random.randrange(2)
        whole = b'{"id":"deep","command":"snapshot","deadline":1,"args":' + deep + b"}"
        more = b'{"id":"deep","command":"snapshot","deadline":1,"args":{},"more":' + deep + b"}"
        self._with_dealer(name, [[deep], [whole], [more]], "deep JSON")

    def _wrong_types(self, name: str) -> None:
        messages = []
        for _ in range(20):
            fields = {"id": "wrong", "command": "snapshot", "deadline": 1.0, "args": {}}
            fields[self._random.choice(list(fields))] = self._random.choice(WRONG)
            if self._random.random() < 0.2:
                fields.pop(self._random.choice(list(fields)))
            messages.append([json.dumps(fields).encode()])
        self._with_dealer(name, messages, "wrong types")

    def _invalid_numbers(self, name: str) -> None:
        messages = []
        for _ in range(20):
            value = self._random.choice(INVALID_NUMBERS)
            deadline, argument = self._random.choice([(value, "1"), ("1", value), (value, value)])
            text = (
                f'{{"id":"number","command":"on","deadline":{deadline},"args":{{"brightness":{argument}}}}}'
            )
            messages.append([text.encode()])
        self._with_dealer(name, messages, "invalid numbers")

    def _deadlines(self, name: str) -> None:
        """Send commands that are valid except for a past deadline, or one much too far ahead."""
        messages = []
        for _ in range(20):
            ahead = self._random.choice([-0.001, -1, -86400, 301, 86400, 1e9, 9e10])
            request = Command(
                id=self._id(), command=ACTIVE.get(name, "snapshot"), deadline=time.time() + ahead
            )
            fields = {**msgspec.to_builtins(request), "unknown": [1], "Deadline": 0, "": None}
            messages.append([json.dumps(fields).encode()])
        self._with_dealer(name, messages, "past and far deadlines")

    def _unknown_words(self, name: str) -> None:
        words = [self._id() for _ in range(3)]
        messages = [[message.encode(new_command(word, 0.5))] for word in words]
        self._with_dealer(name, messages, "unknown words")

    def _many_arguments(self, name: str) -> None:
        number = self._random.choice([10, 1000, 30_000])
        args: dict[str, Any] = {f"argument_{index}": index for index in range(number)}
        word = ACTIVE.get(name, "snapshot") if name != "mirror" else "nothing"
        self._with_dealer(name, [[message.encode(new_command(word, 0.5, args))]], "many arguments")

    def _replays(self, name: str) -> None:
        """Send a command again that was carried out before, or another one with the same id."""
        if name not in self._sent_valid:
            return
        other = json.loads(self._sent_valid[name])
        other["command"] = ACTIVE[name]
        requests = [self._sent_valid[name], json.dumps(other).encode()]
        self._with_dealer(name, [[self._random.choice(requests)] for _ in range(10)], "replays")

    def _mutations(self, name: str) -> None:
        messages = []
        good = message.encode(Command(id=self._id(), command=ACTIVE.get(name, "snapshot"), deadline=1e9))
        for _ in range(50):
            payload = self._mutate(good)
            with suppress(MessageError):
                ahead = message.decode_command(payload).deadline - time.time()
                payload = b"" if -60 < ahead < 360 else payload  # it may be valid by generator
            messages.append([payload])
        self._with_dealer(name, messages, "mutations")

    # Subscriptions

    def _subscriptions(self, name: str) -> None:
        number, size = self._random.choice([(1, 10_000), (200, 40), (5000, 8)])
        alphabet = string.ascii_lowercase + "/"
        with self._connect(endpoints.publish_endpoint(name), zmq.XSUB) as client:
            for index in range(number):
                prefix = "".join(self._random.choices(alphabet, k=self._random.randrange(size)))
                self._send(client, [bytes([self._random.randrange(2)]) + f"{prefix}{index}".encode()])
            self.sent["subscriptions"] += number
            self._check_subscription(name, "subscriptions")

    def _long_subscription(self, name: str) -> None:
        """Subscribe with raw bytes: a library stores its subscriptions, and cannot store this one."""
        for _ in range(3):
            prefix = b"\x01" + self._random.randbytes(4) + bytes(message.MAX_FRAME_BYTES - 5)
            self._send_bytes(
                name, "publish", GREETING + SUB + b"\x02" + len(prefix).to_bytes(8, "big") + prefix
            )
        self.sent["long subscriptions"] += 3
        self._check_subscription(name, "long subscriptions")

    def _unfinished(self, name: str) -> None:
        """Send frames that announce more frames, and disconnect."""
        frame = b"\x03" + message.MAX_FRAME_BYTES.to_bytes(8, "big") + bytes(message.MAX_FRAME_BYTES)
        self._send_bytes(name, "command", GREETING + DEALER + frame * 3)
        self.sent["unfinished messages"] += 3
        self._with_dealer(name, [])

    def _frames_at_publisher(self, name: str) -> None:
        with self._connect(endpoints.publish_endpoint(name), zmq.XSUB) as client:
            for _ in range(30):
                first = bytes([self._random.randrange(2, 256)]) + self._random.randbytes(20)
                self._send(client, [first, *[b"x"] * self._random.randrange(5)])
            self.sent["frames at a publisher"] += 30
            self._check_subscription(name, "frames at a publisher")

    def _check_subscription(self, name: str, kind: str) -> None:
        """Subscribe as a normal client: the work loop must answer with the current state."""
        with self._connect(endpoints.publish_endpoint(name), zmq.XSUB) as client:
            self._send(client, [b"\x01" + f"{name}/state".encode()])
            if client.poll(int(PATIENCE * 1000)):
                self.receipts["current state"] += 1
            else:
                self.silent[f"{name} did not publish its state again after {kind}"] += 1

    # Bytes

    def _raw_bytes(self, name: str) -> None:
        """Connect without a library: with a greeting, without, and with frames of a wrong length."""
        lies = [
            b"\x02\x7f" + b"\xff" * 7,  # a frame of 2^63 bytes
            b"\x02" + bytes(4) + b"\x00\x08\x00\x00" + b"half",  # half of a frame of half the limit
            b"\x01\x05four" * 100,  # frames that announce more, without end
            b"\x04\xff" * 50,  # commands that never end
            b"\x06" + bytes(7) + b"\x08\x04PING\x00\x00\x00",
            self._random.randbytes(300),
        ]
        begin = self._random.choice([b"", GREETING, GREETING + SUB, GREETING[: self._random.randrange(64)]])
        with suppress(OSError), self._unix_socket(name) as client:
            for lie in self._random.sample(lies, 3):
                self.sent["raw bytes"] += 1
                client.sendall(begin + lie)
                begin = b""

    def _half_open_connection(self, name: str) -> None:
        """Start a connection, and never finish it."""
        with suppress(OSError):
            client = self._unix_socket(name)
            self._half_open.append(client)
            client.sendall(self._random.choice([b"", GREETING[:11], GREETING, GREETING + SUB]))
            self.sent["half-open connections"] += 1
        while len(self._half_open) > HALF_OPEN:
            self._half_open.pop(0).close()

    def _send_bytes(self, name: str, which: str, text: bytes) -> None:
        """Send raw bytes, read the peer's greeting, and stay connected for a moment."""
        with suppress(OSError), self._unix_socket(name, which) as client:
            client.sendall(text)
            time.sleep(0.02)
            client.recv(1000)

    def _unix_socket(self, name: str, which: str = "") -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(f"bus/{name}.{which or self._random.choice(['command', 'publish'])}")
        return client

    def _close_half_open(self) -> None:
        for client in self._half_open:
            client.close()
        self._half_open.clear()

    # Tools

    def _id(self) -> str:
        return "".join(self._random.choices(string.ascii_lowercase, k=12))

    def _mutate(self, payload: bytes) -> bytes:
        """Change, cut, double or insert a few bytes."""
        found = bytearray(payload)
        for _ in range(self._random.randrange(1, 6)):
            position = self._random.randrange(len(found) + 1)
            match self._random.randrange(4):
                case 0:
                    found[position : position + 1] = self._random.randbytes(1)
                case 1:
                    del found[position : position + self._random.randrange(1, 20)]
                case 2:
                    found[position:position] = found[: self._random.randrange(20)]
                case _:
                    found[position:position] = self._random.randbytes(3)
        return bytes(found)

    def _connect(self, endpoint: str, kind: int) -> Socket:
        client = open_socket(self._context, kind)
        client.set(zmq.LINGER, 0)
        client.set(zmq.SNDHWM, 0)  # else an XSUB drops subscriptions that it cannot send now
        client.set(zmq.SNDTIMEO, int(PATIENCE * 1000))
        client.connect(endpoint)
        return client

    def _send(self, client: Socket, frames: list[bytes]) -> None:
        try:
            client.send_multipart(frames)
        except zmq.Again:
            self.silent["a process accepts no more frames"] += 1

    def _send_valid(self, name: str, word: str) -> None:
        """Send a valid command, and keep it for replays as long as its deadline lasts."""
        request = new_command(word, 290)
        if self._request(name, request, []).outcome != "applied":
            raise HouseError(f"{name} does not carry out {word}")
        self._sent_valid[name] = message.encode(request)

    def _with_dealer(self, name: str, messages: list[list[bytes]], kind: str = "") -> None:
        """Send these messages, and then a request with a past deadline, which must be answered."""
        if kind:
            self.sent[kind] += sum(map(len, messages))
        began = time.monotonic()
        try:
            self._request(name, Command(id=self._id(), command="snapshot", deadline=1.0), messages)
        except HouseError as error:
            self.silent[f"{error} after {kind or 'nothing'}"] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _request(self, name: str, request: Command, messages: list[list[bytes]]) -> Receipt:
        with self._connect(endpoints.command_endpoint(name), zmq.DEALER) as client:
            for frames in messages:
                self._send(client, frames)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                self._send(client, [b"", message.encode(request)])
                while client.poll(RESEND_MS):
                    receipt = message.decode_receipt(client.recv_multipart()[-1])
                    self.receipts[receipt.outcome] += 1
                    if receipt.id == request.id:
                        return receipt
        raise HouseError(f"{name} did not answer")

    def _until_shows(self, name: str, status: bool) -> None:
        def holds() -> bool:
            return name in self._monitor.states and self._monitor.states[name].state["status"] is status

        self._monitor.until(holds, f"{name} {'on' if status else 'off'}")


def deaths(names: list[str]) -> Counter[str]:
    """Return how often supervisord saw each process end."""
    text = Path("log/supervisord.log").read_text()
    ends = re.findall(r"exited: (\w+) |stopped: (\w+) ", text)
    return Counter(one or other for one, other in ends if (one or other) in names)


def log_lines(name: str) -> str:
    """Return all log text of a process."""
    return "".join(path.read_text(errors="replace") for path in Path("log").glob(f"{name}.log*"))


def fuzz(home: House, options: argparse.Namespace) -> list[str]:
    """Fuzz a running house, print the result, and return each broken promise."""
    fuzzer = Fuzz(home, random.Random(options.seed), options.rate)  # noqa: S311  a seed makes it repeatable
    names, part = fuzzer.names, options.seconds / 10
    try:
        fuzzer.prepare()
        before = fuzzer.visible_state()
        fuzzer.impersonate(part)
        fuzzer.warm_up()
        memory, boots, dead, began = fuzzer.memory(), fuzzer.boots(), deaths(names), time.monotonic()
        fuzzer.send_random(options.seconds - part)
        end, died = fuzzer.memory(), deaths(names) - dead
        restarted = {name for name, boot in fuzzer.boots().items() if boot != boots[name]}
        after, seconds = fuzzer.visible_state(), time.monotonic() - began
        ignored = fuzzer.send_oversized()
    finally:
        fuzzer.close()
    broken = report(fuzzer, options, before, after, memory, end, died, restarted, seconds)
    return [*broken, ignored] if ignored else broken


def report(
    fuzzer: Fuzz,
    options: argparse.Namespace,
    before: dict[str, Any],
    after: dict[str, Any],
    memory: dict[str, float],
    end: dict[str, float],
    died: Counter[str],
    restarted: set[str],
    seconds: float,
) -> list[str]:
    """Print the tables, and return each broken promise."""
    print(f"{'frames sent':<50}{sum(fuzzer.sent.values()):9}")
    for kind, number in sorted(fuzzer.sent.items()):
        print(f"  {kind:<48}{number:9}")
    print(f"{'answers':<50}{sum(fuzzer.receipts.values()):9}")
    for outcome, number in sorted(fuzzer.receipts.items()):
        print(f"  {outcome:<48}{number:9}")
    print(f"{'requests without an answer':<50}{fuzzer.silent.total():9}")
    print(f"{'slowest burst with its answer, ms':<50}{1000 * fuzzer.slowest:9.0f}\n")
    heads = ("died", "boots", "states", "PSS MB", "at end", "growth", "dropped", "lines", "other lines")
    print(f"{'process':<16}" + "".join(f"{head:>{len(head) + 3}}" for head in heads))
    broken = [f"{what}, {times} times" for what, times in fuzzer.silent.items()]
    windows = math.ceil((seconds + options.seconds) / DroppedLog.WINDOW_SECONDS)
    for name in fuzzer.names:
        text = log_lines(name)
        lines_of_drops = DROPPED.findall(text)
        dropped = sum(1 + int(more or 0) for _, more in lines_of_drops)
        growth = end[name] - memory[name]
        changed = before[name] != after[name]
        row = (
            died[name],
            int(name in restarted),
            int(changed),
            memory[name],
            end[name],
            growth,
            dropped,
            len(lines_of_drops),
        )
        values = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in row]
        values.append(str(text.count("\n") - len(lines_of_drops)))
        print(f"{name:<16}" + "".join(f"{v:>{len(head) + 3}}" for v, head in zip(values, heads, strict=True)))
        if died[name] or name in restarted:
            broken.append(f"{name} died")
        if changed:
            broken.append(f"{name} changed: {before[name]} became {after[name]}")
        if growth > options.growth:
            broken.append(f"{name} grew by {growth:.1f} MB; at most {options.growth:g} MB is allowed")
        lives = text.count(": is up (PID ")
        for source, times in Counter(source for source, _ in lines_of_drops).items():
            if times > windows + lives:
                broken.append(f"{name} logged {source} {times} times in {windows} windows, {lives} starts")
    return broken


def main() -> None:
    """Fuzz, and exit with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2000, help="the most frames a second")
    parser.add_argument("--growth", type=float, default=8, help="the most MB that a process may grow")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with House(BREAKFAST) as home, working_in(home):
        broken = fuzz(home, options)
    print(f"\nBroken, with --seed {options.seed}:" if broken else "\nNothing broke.")
    for promise in broken:
        print(f"  {promise}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
