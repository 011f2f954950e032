"""The command sockets of the bus: every process of the house, and the foreign device."""

import json
import time
from contextlib import suppress
from typing import Any

import msgspec
import zmq

from bench.fuzz.door import Door, Kinds
from bench.fuzz.junk import INVALID_NUMBERS, WRONG
from bench.fuzz.tally import PATIENCE
from bench.fuzz.target import FOREIGN, SWITCH, Target
from daemons.bus import message
from daemons.bus.endpoints import command_endpoint
from daemons.bus.message import Command, Receipt
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import MAX_COMMAND_FRAME_BYTES, Socket, open_socket
from daemons.errors import HouseError, MessageError

RESEND_MS = 500
"""After this time a request is sent again; a frame beyond the limit closes its connection."""
QUERY = "snapshot"
ACTIVE = {SWITCH: "press", "bell": "press", "coffee_maker": "start", "toaster": "start"}
"""For each appliance that has no `toggle`, a command that would change it."""
GOOD = b'{"id":"fuzz","command":"snapshot","deadline":1,"args":{"a":"b"}}'


class Commands(Door):
    """Sends wrong commands to each process by its own socket."""

    name = "command sockets"
    sent_valid: dict[str, bytes]
    """For each appliance, a command that it has carried out, as it was sent."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sent_valid = {}

    @property
    def addresses(self) -> list[str]:
        """Return the names of all processes, and of the foreign device."""
        return self.target.names

    def kinds(self) -> Kinds:
        """Return the kinds of wrong commands."""
        return {
            "wrong frame counts": self._frame_counts,
            "many frames": self._many_frames,
            "random bytes": self._random_bytes,
            "around the limits": self._sizes,
            "bad UTF-8": self._bad_utf8,
            "deep JSON": self._deep_json,
            "wrong types": self._wrong_types,
            "invalid numbers": self._invalid_numbers,
            "past and far deadlines": self._deadlines,
            "unknown words": self._unknown_words,
            "many arguments": self._many_arguments,
            "floods": self._flood,
            "replays": self._replays,
            "mutations": self._mutations,
        }

    def word(self, name: str) -> str:
        """Return a command that would change a device; for a process that is none, a query."""
        known = QUERY if name not in self.target.devices or name == "mirror" else "toggle"
        return ACTIVE.get(name, known)

    def check(self, name: str, kind: str = "", messages: list[list[bytes]] | None = None) -> None:
        """Send these messages, and then a request with a past deadline, which must be answered."""
        self.count(kind, sum(map(len, messages))) if messages else None
        with self.tally.answered(self.name, kind):
            request = Command(id=self.junk.identifier(), command=QUERY, deadline=1.0)
            self.request(name, request, messages or [])

    def send_valid(self, name: str, word: str) -> None:
        """Send a valid command, and keep it for replays as long as its deadline lasts."""
        request = new_command(word, 290)
        if self.request(name, request, []).outcome != "applied":
            raise HouseError(f"{name} does not carry out {word}")
        self.sent_valid[name] = message.encode(request)

    def request(self, name: str, request: Command, messages: list[list[bytes]]) -> Receipt:
        """Send messages and a request on one connection, and wait for the receipt of the request."""
        with connect(self.target, command_endpoint(name), zmq.DEALER) as client:
            for frames in messages:
                send(client, frames)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                send(client, [b"", message.encode(request)])
                while client.poll(RESEND_MS):
                    receipt = message.decode_receipt(client.recv_multipart()[-1])
                    self.tally.answers[self.name, receipt.outcome] += 1
                    if receipt.id == request.id:
                        return receipt
        raise HouseError(f"{name} did not answer")

    # The kinds

    def _frame_counts(self, name: str) -> None:
        good, random = message.encode(new_command(self.word(name), 60)), self.junk.random
        messages = []
        for _ in range(20):
            frames = [random.choice([b"", good, b"x"]) for _ in range(random.randrange(1, 9))]
            messages.append([b"", b"", good] if frames in ([good], [b"", good]) else frames)
        self.check(name, "wrong frame counts", messages)

    def _many_frames(self, name: str) -> None:
        number, size = self.junk.random.choice([(10_000, 1), (1000, 1000), (50, MAX_COMMAND_FRAME_BYTES)])
        self.check(name, "many frames", [[b"x" * size] * number])

    def _random_bytes(self, name: str) -> None:
        self.check(name, "random bytes", [[self.junk.noise()] for _ in range(50)])

    def _sizes(self, name: str) -> None:
        """Send commands just below, at and above the limits of a payload, a frame and a field."""
        limits = (message.MAX_COMMAND_BYTES, MAX_COMMAND_FRAME_BYTES, message.MAX_FRAME_BYTES)
        messages = []
        for limit in (*limits, self.junk.random.choice([1000, 8 << 20])):
            size = self.junk.around(limit)
            filler = self.junk.random.choice([b"[", b'"', b" ", b"\0"])
            messages += [[filler * size], [GOOD.replace(b'"b"', b'"' + b"b" * (size - len(GOOD) + 1) + b'"')]]
        for text in (self.junk.around(64), self.junk.around(1000)):
            messages.append([GOOD.replace(b"fuzz", b"f" * text).replace(b'"b"', b'"' + b"b" * text + b'"')])
        self.junk.random.shuffle(messages)
        self.check(name, "around the limits", messages)

    def _bad_utf8(self, name: str) -> None:
        words = [b'"id"', b'"fuzz"', b'"command"', b'"snapshot"']
        self.check(name, "bad UTF-8", [[self.junk.bad_utf8(GOOD, words)] for _ in range(20)])

    def _deep_json(self, name: str) -> None:
        deep = self.junk.deep_json()
        whole = b'{"id":"deep","command":"snapshot","deadline":1,"args":' + deep + b"}"
        more = b'{"id":"deep","command":"snapshot","deadline":1,"args":{},"more":' + deep + b"}"
        self.check(name, "deep JSON", [[deep], [whole], [more]])

    def _wrong_types(self, name: str) -> None:
        messages = []
        for _ in range(20):
            fields: dict[str, Any] = {"id": "wrong", "command": QUERY, "deadline": 1.0, "args": {}}
            fields[self.junk.random.choice(list(fields))] = self.junk.random.choice(WRONG)
            if self.junk.random.random() < 0.2:
                fields.pop(self.junk.random.choice(list(fields)))
            messages.append([json.dumps(fields).encode()])
        self.check(name, "wrong types", messages)

    def _invalid_numbers(self, name: str) -> None:
        messages = []
        for _ in range(20):
            value = self.junk.random.choice(INVALID_NUMBERS)
            deadline, argument = self.junk.random.choice([(value, "1"), ("1", value), (value, value)])
            text = (
                f'{{"id":"number","command":"on","deadline":{deadline},"args":{{"brightness":{argument}}}}}'
            )
            messages.append([text.encode()])
        self.check(name, "invalid numbers", messages)

    def _deadlines(self, name: str) -> None:
        """Send commands that are valid except for a past deadline, or one much too far ahead."""
        messages = []
        for _ in range(20):
            deadline = time.time() + self.junk.random.choice([-0.001, -1, -86400, 301, 86400, 1e9, 9e10])
            request = Command(id=self.junk.identifier(), command=self.word(name), deadline=deadline)
            fields = {**msgspec.to_builtins(request), "unknown": [1], "Deadline": 0, "": None}
            messages.append([json.dumps(fields).encode()])
        self.check(name, "past and far deadlines", messages)

    def _unknown_words(self, name: str) -> None:
        words = [self.junk.identifier() for _ in range(3)]
        self.check(name, "unknown words", [[message.encode(new_command(word, 0.5))] for word in words])

    def _many_arguments(self, name: str) -> None:
        number = self.junk.random.choice([self.junk.around(message.MAX_ARGUMENTS), 800, 5000])
        word = "nothing" if name in ("mirror", FOREIGN) else self.word(name)
        request = new_command(word, 0.5, self.junk.names(number))
        self.check(name, "many arguments", [[message.encode(request)]])

    def _flood(self, name: str) -> None:
        """Send many small commands at once, without reading a receipt meanwhile."""
        number = self.junk.random.choice([300, 1500])
        payload = self.junk.random.choice([b"", b"{}", GOOD, GOOD.replace(b'"args"', b'"more"')])
        self.check(name, "floods", [[payload]] * number)

    def _replays(self, name: str) -> None:
        """Send a command again that was carried out before, or another one with the same id."""
        if name not in self.sent_valid:
            return
        other = json.loads(self.sent_valid[name])
        other["command"] = self.word(name)
        requests = [self.sent_valid[name], json.dumps(other).encode()]
        self.check(name, "replays", [[self.junk.random.choice(requests)] for _ in range(10)])

    def _mutations(self, name: str) -> None:
        messages = []
        good = message.encode(Command(id=self.junk.identifier(), command=self.word(name), deadline=1e9))
        for _ in range(50):
            payload = self.junk.mutate(good)
            with suppress(MessageError):
                ahead = message.decode_command(payload).deadline - time.time()
                payload = b"" if -60 < ahead < 360 else payload  # it may be valid by accident
            messages.append([payload])
        self.check(name, "mutations", messages)


def connect(target: Target, endpoint: str, kind: int) -> Socket:
    """Connect a socket that queues all that it cannot send now."""
    client = open_socket(target.context, kind)
    client.set(zmq.LINGER, 0)
    client.set(zmq.SNDHWM, 0)  # else an XSUB drops subscriptions that it cannot send now
    client.set(zmq.SNDTIMEO, int(PATIENCE * 1000))
    client.connect(endpoint)
    return client


def send(client: Socket, frames: list[bytes]) -> None:
    """Send a message; HouseError when a process accepts no more frames."""
    try:
        client.send_multipart(frames)
    except zmq.Again as error:
        raise HouseError("a process accepts no more frames") from error
