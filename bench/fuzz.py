"""Throw what is no message at every socket of a breakfast house of its own, for a while.

usage: python -m bench.fuzz [--seconds 60] [--seed 1] [--rate 2000] [--growth 8]

First, for a tenth of the time, somebody who has taken over the switch's publish socket says again,
in any order, what the switch and others really said, and much that is no message. Then every
command and publish socket gets wrong frame counts, frames beyond the limit, bad UTF-8, deep JSON,
wrong types, numbers that are none, past and far deadlines, replays, mutations, raw bytes,
half-open connections and many subscriptions: each kind once for each socket, which warms up, and
for the rest of the time as chance has it. After each burst the process is asked a question that
changes nothing, and must answer. Last, the switch's usurper says what is too long.

Printed are the frames sent of each kind, the receipts by outcome, and of each process: deaths,
new boots, changes of its state and of its hardware's own record, its memory (proportional set
size in MB, proc(5): Pss) after the warm-up and at the end, how many messages its log says it
dropped (the last window's are not told yet), in how many lines, and its other lines. Exit status 1
if one died, changed, did not answer, did not hear any more, grew by more than --growth MB, or
told of what it dropped more than once a sender and window. It takes --seconds and some twenty
more; everything is local.
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

from bench.house import BREAKFAST, House, inside
from daemons.bus import endpoints, message
from daemons.bus.message import STEWARD, Command, Heartbeat, Receipt, State
from daemons.bus.sockets import Context, Refusals, Socket, Subscriber, command, drain, open_socket
from daemons.cli.hardware_log import Witness
from daemons.config.house import load_house
from daemons.errors import HouseError, MessageError
from daemons.processes.mirror.page.memory_use import memory_use
from daemons.supervision.install import INSTALLED
from daemons.supervision.supervisord import Supervisor

PATIENCE = 10.0
"""How long an answer may take, and anything that is waited for here."""
RESEND_MS = 500
"""How soon a question is asked once more; a frame beyond the limit ends the connection it came by."""
SWITCH = "bathroom_light"
ACTIVE = {SWITCH: "press", "coffee_maker": "start", "toaster": "start", "kitchen_lamp": "toggle"}
"""For each appliance a command that would change it, were it carried out."""
HALF_OPEN = 40
"""How many half-open connections are kept at a time."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
"""How a peer of ZMTP 3.0 begins (rfc.zeromq.org/spec/23)."""
SUB = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
DEALER = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "0x10", "1e", "--1", "01", "")
WRONG: tuple[Any, ...] = (None, True, -1, 1.5, 2**70, "", "x" * 2000, [], [1], {}, {"a": {}}, "\0", "ü")
DROPPED = re.compile(r"dropped a bad message on (.*?): .*?(?: \(and (\d+) before it\))?$", re.MULTILINE)


class Ear:
    """Hears every process of the house; keeps the latest, and every frame for a replay."""

    def __init__(self, context: Context, names: list[str]) -> None:
        self.states: dict[str, State] = {}
        self.beats: dict[str, Heartbeat] = {}
        log = logging.getLogger("fuzz")
        log.addHandler(logging.NullHandler())  # it hears the usurper, too
        self._subscriber = Subscriber(context, names, log)

    def hear(self, milliseconds: int = 0) -> None:
        """Take what has arrived."""
        self._subscriber.socket.poll(milliseconds)
        for heard in self._subscriber.receive():
            if isinstance(heard, State):
                self.states[heard.device] = heard
            elif isinstance(heard, Heartbeat):
                self.beats[heard.device] = heard

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Hear until something holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise HouseError(f"not within {PATIENCE:g} s: {what}")
            self.hear(20)


class Fuzz:
    """Throws at one house, counts what it threw, and asks whether everybody still answers."""

    def __init__(self, home: House, chance: random.Random, rate: float) -> None:
        house = load_house(INSTALLED)
        self.names = [*house.devices, STEWARD]
        self.sent: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.silent: Counter[str] = Counter()
        self.slowest = 0.0
        self._home = home
        self._chance = chance
        self._rate = rate
        self._context: Context = zmq.Context()
        self._listen()
        self._recorder = self._context.socket(zmq.SUB)
        self._recorder.subscribe(b"")
        for name in self.names:
            self._recorder.connect(endpoints.publish_endpoint(name))
        self._witness = Witness(list(house.devices))
        self._measured = {name: device.kind.measurements() for name, device in house.devices.items()}
        self._given: dict[str, bytes] = {}
        """Of each appliance, a command that it has carried out, as it was sent."""
        self._half_open: list[socket.socket] = []
        self._kinds: dict[str, Callable[[str], None]] = {
            "wrong frame counts": self._frame_counts,
            "many frames": self._many_frames,
            "random bytes": self._random_bytes,
            "beyond the limit": self._huge,
            "bad UTF-8": self._bad_text,
            "deep JSON": self._deep,
            "wrong types": self._wrong_types,
            "no numbers": self._no_numbers,
            "past and far deadlines": self._times,
            "unknown words": self._unknown_words,
            "many arguments": self._many_arguments,
            "replays": self._replays,
            "mutations": self._mutations,
            "subscriptions": self._subscriptions,
            "long subscriptions": self._long_subscription,
            "unfinished messages": self._unfinished,
            "frames at a publisher": self._at_publisher,
            "raw bytes": self._raw,
            "half-open connections": self._hold,
        }

    def close(self) -> None:
        """Let go of every socket."""
        self._let_go()
        self._context.destroy(linger=0)

    # What is seen of the house

    def _listen(self) -> None:
        self._ear = Ear(self._context, self.names)

    def see(self) -> dict[str, Any]:
        """Give what must not change: what each shows but for measurements, and its hardware's record."""
        self._ear.until(lambda: len(self._ear.states) == len(self.names), "a state of everybody")
        for _ in range(10):
            self._ear.hear(100)
        found = {}
        for name in self.names:
            state = self._ear.states[name]
            kept = {k: v for k, v in state.state.items() if k not in self._measured.get(name, ())}
            lines = len(self._witness.read(name)) if name in self._measured else 0
            found[name] = (kept, state.since, state.turned, state.cause, lines)
        return found

    def boots(self) -> dict[str, int]:
        """Give everybody's present life, by a heartbeat from now."""
        self._ear.beats.clear()
        self._ear.until(lambda: len(self._ear.beats) == len(self.names), "a heartbeat of everybody")
        return {name: beat.boot for name, beat in self._ear.beats.items()}

    def memory(self) -> dict[str, float]:
        """Weigh everybody, once all that was sent has been dealt with."""
        self._let_go()
        for name in self.names * 2:
            self._with_dealer(name, [])
        time.sleep(1.5)
        processes = Supervisor().processes()
        pids = {name: processes[name]["pid"] for name in self.names}
        return {name: size / 1e6 for name, size in memory_use(pids).items()}

    # What is done

    def prepare(self) -> None:
        """Press three times, and have the lamp on and the cooks at rest; all hear, or HouseError."""
        self._ear.until(lambda: SWITCH in self._ear.states, "the switch")
        lit = self._ear.states[SWITCH].state["status"] is True
        for _ in range(3):
            lit = not lit
            self._give(SWITCH, "press")
            for name in (SWITCH, "kitchen_lamp", "coffee_maker", "toaster"):
                self._until_shows(name, lit)
            for cook in ("coffee_maker", "toaster"):
                self._give(cook, "stop")
                self._until_shows(cook, False)
        self._give("kitchen_lamp", "on")

    def warm_up(self) -> None:
        """Throw each kind at each process once."""
        for kind in self._kinds.values():
            for name in self.names:
                kind(name)
            self._ear.hear()

    def throw(self, seconds: float) -> None:
        """Throw at whom chance names what chance names, no faster than the rate."""
        end = time.monotonic() + seconds
        kinds = list(self._kinds)
        while (began := time.monotonic()) < end:
            before = self.sent.total()
            kind = self._chance.choice(kinds)
            self._kinds[kind](self._chance.choice(self.names))
            self._ear.hear()
            due = began + (self.sent.total() - before) / self._rate
            time.sleep(max(0.0, min(due, end) - time.monotonic()))

    def usurp(self, seconds: float) -> None:
        """Be the switch, as its successor at the same socket might be: replay, reorder, invent."""
        real = list(drain(self._recorder))
        self._recorder.close(linger=0)
        with self._in_its_place() as publisher:
            end = time.monotonic() + seconds
            boot = 0
            while time.monotonic() < end:
                self._ear.hear()
                if self._ear.beats["toaster"].boot > boot:  # each life has to know what was acted on
                    boot = self._ear.beats["toaster"].boot
                    os.kill(self._ear.beats["toaster"].pid, signal.SIGKILL)
                for _ in range(int(self._rate / 20)):
                    kind, frames = self._invent(real)
                    self._send(publisher, frames)
                    self.sent[kind] += 1
                time.sleep(0.05)
            for name in self.names:
                if name != SWITCH:
                    self._with_dealer(name, [])

    def deafen(self) -> str | None:
        """Be the switch, and say what is too long; say who then no longer hears the real one."""
        with self._in_its_place() as publisher:
            for size in (message.LIMIT, message.LIMIT + 1):
                self._send(publisher, [f"{SWITCH}/state".encode(), b"[" * size])
                self.sent["published: beyond the limit"] += 1
        try:
            self.prepare()
        except HouseError as error:
            return f"after a frame beyond the limit {SWITCH} is not heard any more: {error}"
        return None

    @contextmanager
    def _in_its_place(self) -> Iterator[Socket]:
        """Have the switch's publish socket, with the switch stopped, and everybody connected to it."""
        self._home.house("stop", SWITCH)
        context: Context = zmq.Context()  # its end has unlinked the path before the switch is back
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
            self._listen()

    # Published messages, replayed and invented

    def _invent(self, real: list[list[bytes]]) -> tuple[str, list[bytes]]:
        """Make one message that nobody may act on."""
        topic, payload = self._chance.choice(real)
        match self._chance.randrange(6):
            case 0 | 1:
                return "published: replayed, in any order", [topic, payload]
            case 2:
                other = self._chance.choice(
                    [b"nobody/state", b"steward/process/" + topic, topic[1:], b"/", topic * 9]
                )
                return "published: wrong names and topics", [other, payload]
            case 3:
                frames = [topic, payload][: self._chance.randrange(1, 3)] * self._chance.choice([1, 2, 50])
                frames = frames if len(frames) != 2 else [*frames, b""]
                return "published: wrong frame counts", frames
            case 4:
                fields = json.loads(payload)
                fields[self._chance.choice(list(fields))] = "@"
                value = self._chance.choice(
                    [*NO_NUMBERS, *(json.dumps(wrong) for wrong in WRONG), "[" * 5000]
                )
                text = json.dumps(fields).replace('"@"', value)
                return "published: wrong types and numbers", self._harmless(topic, text.encode())
            case _:
                return "published: mutated", self._harmless(topic, self._mutate(payload))

    def _harmless(self, topic: bytes, payload: bytes) -> list[bytes]:
        """Give a message that is none, or has been said before; else nobody could tell it from a real one."""
        try:
            heard = message.decode([topic, payload])
        except MessageError:
            return [topic, payload]
        return [topic, payload[:-1]] if heard else []

    # Commands

    def _frame_counts(self, name: str) -> None:
        good = message.encode(command(ACTIVE.get(name, "snapshot"), 60))
        messages = []
        for _ in range(20):
            frames = [self._chance.choice([b"", good, b"x"]) for _ in range(self._chance.randrange(1, 9))]
            is_good = frames in ([good], [b"", good])
            messages.append([b"", b"", good] if is_good else frames)
        self._with_dealer(name, messages, "wrong frame counts")

    def _many_frames(self, name: str) -> None:
        number, size = self._chance.choice([(10_000, 1), (1000, 1000), (10, 1 << 20)])
        self._with_dealer(name, [[b"x" * size] * number], "many frames")

    def _random_bytes(self, name: str) -> None:
        messages = [[self._chance.randbytes(self._chance.choice([0, 1, 30, 3000]))] for _ in range(50)]
        self._with_dealer(name, messages, "random bytes")

    def _huge(self, name: str) -> None:
        size = message.LIMIT + self._chance.choice([0, 1, 1000, 7 << 20])
        payload = self._chance.choice([b"[", b'"', b" ", b"\0"]) * size
        self._with_dealer(name, [[payload]], "beyond the limit")

    def _bad_text(self, name: str) -> None:
        messages = []
        for _ in range(20):
            bad = self._chance.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\xf4\x90\x80\x80"])
            where = self._chance.choice([b'"id"', b'"fuzz"', b'"command"', b'"snapshot"'])
            good = b'{"id":"fuzz","command":"snapshot","deadline":1,"args":{"a":"b"}}'
            messages.append([good.replace(where, where[:-1] + bad + b'"')])
        self._with_dealer(name, messages, "bad UTF-8")

    def _deep(self, name: str) -> None:
        depth = self._chance.choice([100, 2000, 100_000])
        opening, closing = self._chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
        deep = opening * depth + b"1" + closing * depth * self._chance.randrange(2)
        whole = b'{"id":"deep","command":"snapshot","deadline":1,"args":' + deep + b"}"
        more = b'{"id":"deep","command":"snapshot","deadline":1,"args":{},"more":' + deep + b"}"
        self._with_dealer(name, [[deep], [whole], [more]], "deep JSON")

    def _wrong_types(self, name: str) -> None:
        messages = []
        for _ in range(20):
            fields = {"id": "wrong", "command": "snapshot", "deadline": 1.0, "args": {}}
            fields[self._chance.choice(list(fields))] = self._chance.choice(WRONG)
            if self._chance.random() < 0.2:
                fields.pop(self._chance.choice(list(fields)))
            messages.append([json.dumps(fields).encode()])
        self._with_dealer(name, messages, "wrong types")

    def _no_numbers(self, name: str) -> None:
        messages = []
        for _ in range(20):
            value = self._chance.choice(NO_NUMBERS)
            deadline, argument = self._chance.choice([(value, "1"), ("1", value), (value, value)])
            text = (
                f'{{"id":"number","command":"on","deadline":{deadline},"args":{{"brightness":{argument}}}}}'
            )
            messages.append([text.encode()])
        self._with_dealer(name, messages, "no numbers")

    def _times(self, name: str) -> None:
        """Send what would be carried out, were its deadline not past or much too far ahead."""
        messages = []
        for _ in range(20):
            ahead = self._chance.choice([-0.001, -1, -86400, 301, 86400, 1e9, 9e10])
            wish = Command(id=self._id(), command=ACTIVE.get(name, "snapshot"), deadline=time.time() + ahead)
            fields = {**msgspec.to_builtins(wish), "unknown": [1], "Deadline": 0, "": None}
            messages.append([json.dumps(fields).encode()])
        self._with_dealer(name, messages, "past and far deadlines")

    def _unknown_words(self, name: str) -> None:
        words = [self._id() for _ in range(3)]
        messages = [[message.encode(command(word, 0.5))] for word in words]
        self._with_dealer(name, messages, "unknown words")

    def _many_arguments(self, name: str) -> None:
        number = self._chance.choice([10, 1000, 30_000])
        args: dict[str, Any] = {f"argument_{index}": index for index in range(number)}
        word = ACTIVE.get(name, "snapshot") if name != "mirror" else "nothing"
        self._with_dealer(name, [[message.encode(command(word, 0.5, args))]], "many arguments")

    def _replays(self, name: str) -> None:
        """Send again what was carried out before; and under the same id something else."""
        if name not in self._given:
            return
        other = json.loads(self._given[name])
        other["command"] = ACTIVE[name]
        wishes = [self._given[name], json.dumps(other).encode()]
        self._with_dealer(name, [[self._chance.choice(wishes)] for _ in range(10)], "replays")

    def _mutations(self, name: str) -> None:
        messages = []
        good = message.encode(Command(id=self._id(), command=ACTIVE.get(name, "snapshot"), deadline=1e9))
        for _ in range(50):
            payload = self._mutate(good)
            with suppress(MessageError):
                ahead = message.decode_command(payload).deadline - time.time()
                payload = b"" if -60 < ahead < 360 else payload  # by chance a good one
            messages.append([payload])
        self._with_dealer(name, messages, "mutations")

    # Subscriptions

    def _subscriptions(self, name: str) -> None:
        number, size = self._chance.choice([(1, 10_000), (200, 40), (5000, 8)])
        alphabet = string.ascii_lowercase + "/"
        with self._connect(endpoints.publish_endpoint(name), zmq.XSUB) as client:
            for index in range(number):
                prefix = "".join(self._chance.choices(alphabet, k=self._chance.randrange(size)))
                self._send(client, [bytes([self._chance.randrange(2)]) + f"{prefix}{index}".encode()])
            self.sent["subscriptions"] += number
            self._say_again(name, "subscriptions")

    def _long_subscription(self, name: str) -> None:
        """Subscribe by hand, for a library keeps what it subscribes to, and cannot keep this."""
        for _ in range(3):
            prefix = b"\x01" + self._chance.randbytes(4) + bytes(message.LIMIT - 5)
            self._by_hand(name, "publish", GREETING + SUB + b"\x02" + len(prefix).to_bytes(8, "big") + prefix)
        self.sent["long subscriptions"] += 3
        self._say_again(name, "long subscriptions")

    def _unfinished(self, name: str) -> None:
        """Send frames with more to come, and leave."""
        frame = b"\x03" + message.LIMIT.to_bytes(8, "big") + bytes(message.LIMIT)
        self._by_hand(name, "command", GREETING + DEALER + frame * 3)
        self.sent["unfinished messages"] += 3
        self._with_dealer(name, [])

    def _at_publisher(self, name: str) -> None:
        with self._connect(endpoints.publish_endpoint(name), zmq.XSUB) as client:
            for _ in range(30):
                first = bytes([self._chance.randrange(2, 256)]) + self._chance.randbytes(20)
                self._send(client, [first, *[b"x"] * self._chance.randrange(5)])
            self.sent["frames at a publisher"] += 30
            self._say_again(name, "frames at a publisher")

    def _say_again(self, name: str, kind: str) -> None:
        """Subscribe as anybody does: the work loop answers with what is current."""
        with self._connect(endpoints.publish_endpoint(name), zmq.XSUB) as client:
            self._send(client, [b"\x01" + f"{name}/state".encode()])
            if client.poll(int(PATIENCE * 1000)):
                self.receipts["current state"] += 1
            else:
                self.silent[f"{name} did not say its state again after {kind}"] += 1

    # Bytes

    def _raw(self, name: str) -> None:
        """Connect as no library would; with a greeting, without, and with frames that lie."""
        lies = [
            b"\x02\x7f" + b"\xff" * 7,  # a frame of 2^63 bytes
            b"\x02" + bytes(4) + b"\x00\x08\x00\x00" + b"half",  # half of a frame of half the limit
            b"\x01\x05four" * 100,  # frames with more to come, for ever
            b"\x04\xff" * 50,  # commands that never end
            b"\x06" + bytes(7) + b"\x08\x04PING\x00\x00\x00",
            self._chance.randbytes(300),
        ]
        begin = self._chance.choice([b"", GREETING, GREETING + SUB, GREETING[: self._chance.randrange(64)]])
        with suppress(OSError), self._stranger(name) as stranger:
            for lie in self._chance.sample(lies, 3):
                self.sent["raw bytes"] += 1
                stranger.sendall(begin + lie)
                begin = b""

    def _hold(self, name: str) -> None:
        """Begin a connection, and leave it at that."""
        with suppress(OSError):
            stranger = self._stranger(name)
            self._half_open.append(stranger)
            stranger.sendall(self._chance.choice([b"", GREETING[:11], GREETING, GREETING + SUB]))
            self.sent["half-open connections"] += 1
        while len(self._half_open) > HALF_OPEN:
            self._half_open.pop(0).close()

    def _by_hand(self, name: str, which: str, text: bytes) -> None:
        """Say this, take the peer's greeting, and wait a moment, as somebody who stays."""
        with suppress(OSError), self._stranger(name, which) as stranger:
            stranger.sendall(text)
            time.sleep(0.02)
            stranger.recv(1000)

    def _stranger(self, name: str, which: str = "") -> socket.socket:
        stranger = socket.socket(socket.AF_UNIX)
        stranger.settimeout(PATIENCE)
        stranger.connect(f"bus/{name}.{which or self._chance.choice(['command', 'publish'])}")
        return stranger

    def _let_go(self) -> None:
        for stranger in self._half_open:
            stranger.close()
        self._half_open.clear()

    # How

    def _id(self) -> str:
        return "".join(self._chance.choices(string.ascii_lowercase, k=12))

    def _mutate(self, payload: bytes) -> bytes:
        """Change, cut, double or insert a few bytes."""
        found = bytearray(payload)
        for _ in range(self._chance.randrange(1, 6)):
            place_ = self._chance.randrange(len(found) + 1)
            match self._chance.randrange(4):
                case 0:
                    found[place_ : place_ + 1] = self._chance.randbytes(1)
                case 1:
                    del found[place_ : place_ + self._chance.randrange(1, 20)]
                case 2:
                    found[place_:place_] = found[: self._chance.randrange(20)]
                case _:
                    found[place_:place_] = self._chance.randbytes(3)
        return bytes(found)

    def _connect(self, endpoint: str, kind: int) -> Socket:
        client = open_socket(self._context, kind)
        client.set(zmq.LINGER, 0)
        client.set(zmq.SNDHWM, 0)  # or an XSUB loses the subscriptions that it cannot send at once
        client.set(zmq.SNDTIMEO, int(PATIENCE * 1000))
        client.connect(endpoint)
        return client

    def _send(self, client: Socket, frames: list[bytes]) -> None:
        try:
            client.send_multipart(frames)
        except zmq.Again:
            self.silent["somebody takes no frames any more"] += 1

    def _give(self, name: str, word: str) -> None:
        """Give a real command, and keep it for a replay as long as its deadline may be."""
        wish = command(word, 290)
        if self._ask(name, wish, []).outcome != "applied":
            raise HouseError(f"{name} does not {word}")
        self._given[name] = message.encode(wish)

    def _with_dealer(self, name: str, messages: list[list[bytes]], kind: str = "") -> None:
        """Send these, and then a question whose time is long past, which must be answered."""
        if kind:
            self.sent[kind] += sum(map(len, messages))
        began = time.monotonic()
        try:
            self._ask(name, Command(id=self._id(), command="snapshot", deadline=1.0), messages)
        except HouseError as error:
            self.silent[f"{error} after {kind or 'nothing'}"] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _ask(self, name: str, wish: Command, messages: list[list[bytes]]) -> Receipt:
        with self._connect(endpoints.command_endpoint(name), zmq.DEALER) as client:
            for frames in messages:
                self._send(client, frames)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                self._send(client, [b"", message.encode(wish)])
                while client.poll(RESEND_MS):
                    receipt = message.decode_receipt(client.recv_multipart()[-1])
                    self.receipts[receipt.outcome] += 1
                    if receipt.id == wish.id:
                        return receipt
        raise HouseError(f"{name} did not answer")

    def _until_shows(self, name: str, status: bool) -> None:
        def holds() -> bool:
            return name in self._ear.states and self._ear.states[name].state["status"] is status

        self._ear.until(holds, f"{name} {'on' if status else 'off'}")


def deaths(names: list[str]) -> Counter[str]:
    """Count the ends that supervisord has seen of each process."""
    text = Path("log/supervisord.log").read_text()
    ends = re.findall(r"exited: (\w+) |stopped: (\w+) ", text)
    return Counter(one or other for one, other in ends if (one or other) in names)


def log_lines(name: str) -> str:
    """Give all that a process has logged."""
    return "".join(path.read_text(errors="replace") for path in Path("log").glob(f"{name}.log*"))


def fuzz(home: House, options: argparse.Namespace) -> list[str]:
    """Fuzz a house that is up, print what came of it, and name every promise that broke."""
    thrower = Fuzz(home, random.Random(options.seed), options.rate)  # noqa: S311  it shall be repeatable
    names, part = thrower.names, options.seconds / 10
    try:
        thrower.prepare()
        before = thrower.see()
        thrower.usurp(part)
        thrower.warm_up()
        memory, boots, dead, began = thrower.memory(), thrower.boots(), deaths(names), time.monotonic()
        thrower.throw(options.seconds - part)
        end, died = thrower.memory(), deaths(names) - dead
        reborn = {name for name, boot in thrower.boots().items() if boot != boots[name]}
        after, seconds = thrower.see(), time.monotonic() - began
        deaf = thrower.deafen()
    finally:
        thrower.close()
    broken = report(thrower, options, before, after, memory, end, died, reborn, seconds)
    return [*broken, deaf] if deaf else broken


def report(
    thrower: Fuzz,
    options: argparse.Namespace,
    before: dict[str, Any],
    after: dict[str, Any],
    memory: dict[str, float],
    end: dict[str, float],
    died: Counter[str],
    reborn: set[str],
    seconds: float,
) -> list[str]:
    """Print the tables, and name what broke."""
    print(f"{'frames sent':<50}{sum(thrower.sent.values()):9}")
    for kind, number in sorted(thrower.sent.items()):
        print(f"  {kind:<48}{number:9}")
    print(f"{'answers':<50}{sum(thrower.receipts.values()):9}")
    for outcome, number in sorted(thrower.receipts.items()):
        print(f"  {outcome:<48}{number:9}")
    print(f"{'questions that nobody answered':<50}{thrower.silent.total():9}")
    print(f"{'slowest burst with its answer, ms':<50}{1000 * thrower.slowest:9.0f}\n")
    heads = ("died", "boots", "states", "PSS MB", "at end", "growth", "dropped", "told", "other lines")
    print(f"{'process':<16}" + "".join(f"{head:>{len(head) + 3}}" for head in heads))
    broken = [f"{what}, {times} times" for what, times in thrower.silent.items()]
    windows = math.ceil((seconds + options.seconds) / Refusals.WINDOW_SECONDS)
    for name in thrower.names:
        text = log_lines(name)
        told = DROPPED.findall(text)
        dropped = sum(1 + int(more or 0) for _, more in told)
        growth = end[name] - memory[name]
        changed = before[name] != after[name]
        row = (
            died[name],
            int(name in reborn),
            int(changed),
            memory[name],
            end[name],
            growth,
            dropped,
            len(told),
        )
        values = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in row]
        values.append(str(text.count("\n") - len(told)))
        print(f"{name:<16}" + "".join(f"{v:>{len(head) + 3}}" for v, head in zip(values, heads, strict=True)))
        if died[name] or name in reborn:
            broken.append(f"{name} died")
        if changed:
            broken.append(f"{name} changed: {before[name]} became {after[name]}")
        if growth > options.growth:
            broken.append(f"{name} grew by {growth:.1f} MB; at most {options.growth:g} are allowed")
        lives = text.count(": is up (PID ")
        for source, times in Counter(source for source, _ in told).items():
            if times > windows + lives:
                broken.append(f"{name} told of {source} {times} times in {windows} windows, {lives} lives")
    return broken


def main() -> None:
    """Fuzz, and exit with 1 if anything broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2000, help="frames a second, at most")
    parser.add_argument("--growth", type=float, default=8, help="how many MB a process may grow by")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with House(BREAKFAST) as home, inside(home):
        broken = fuzz(home, options)
    print(f"\nBroken, with --seed {options.seed}:" if broken else "\nNothing broke.")
    for promise in broken:
        print(f"  {promise}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
