"""The sockets of the exchange for programs: by keys with few rights, with none, and locally as the owner."""

import json
import time
from contextlib import suppress
from typing import Any

import zmq

from bench.fuzz.door import Door, Kinds
from bench.fuzz.tally import PATIENCE
from bench.fuzz.target import FOREIGN
from daemons.bus.keys import Credentials
from daemons.errors import HouseError

OWNER = "owner"
RESEND_MS = 500
PUBLISHER, STATES, COMMANDS = range(3)
KINDS = {PUBLISHER: zmq.XSUB, STATES: zmq.XPUB, COMMANDS: zmq.DEALER}
MAX_MESSAGE_BYTES, MAX_HANDSHAKE_BYTES, MAX_SUBSCRIPTION_BYTES = 64 * 1024, 1024, 256
"""The limits of a client with a key."""
STATE: dict[str, Any] = {"state": {"status": True, "phase": "on"}, "cause": "x", "at": 1.0}


class Gateway(Door):
    """Sends what the rights of a client do not allow, and what is no message."""

    name = "gateway, programs"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sockets: dict[tuple[str, int, int], Any] = {}
        """The open sockets, by rights, number of the key and number of the socket."""

    @property
    def addresses(self) -> list[str]:
        """Return the kinds of clients."""
        return ["none", "few", OWNER]

    def kinds(self) -> Kinds:
        """Return the kinds of wrong messages."""
        return {
            "random frames": self._random_frames,
            "around the limits": self._sizes,
            "wrong states": self._states,
            "states of other devices": self._forged_states,
            "wrong commands": self._commands,
            "commands without the right": self._forbidden,
            "receipts without a command": self._receipts,
            "many names": self._names,
            "subscriptions": self._subscriptions,
            "floods": self._flood,
            "new connections": self._connections,
        }

    def settle(self) -> None:
        """Close all sockets."""
        while self._sockets:
            self._sockets.popitem()[1].close()

    def _socket(self, client: str, number: int) -> Any:
        """Return a socket of one of the keys with these rights, which stays open."""
        key = 0 if client == OWNER else self.junk.random.randrange(len(self.target.keys[client]))
        if (client, key, number) not in self._sockets:
            made = self.target.connect_gateway(KINDS[number], number, self._key(client, key))
            made.poll(1000, zmq.POLLIN if number == STATES else zmq.POLLOUT)
            self._sockets[client, key, number] = made
        return self._sockets[client, key, number]

    def _key(self, client: str, number: int) -> Credentials | None:
        return None if client == OWNER else self.target.keys[client][number]

    def _burst(self, client: str, number: int, kind: str, messages: list[list[bytes]]) -> None:
        """Send messages; those of a client that the exchange has locked out are not sent."""
        socket = self._socket(client, number)
        if number == PUBLISHER:
            messages = [safe_for_client(frames) for frames in messages]
        for frames in messages:
            with suppress(zmq.Again):
                socket.send_multipart(frames, zmq.NOBLOCK)
                self.count(kind, len(frames))
            while number != STATES and socket.poll(0):
                socket.recv_multipart()
                self.tally.answers[self.name, f"receipts, {client}"] += 1
        check_gateway(self, kind)

    # The kinds

    def _random_frames(self, client: str) -> None:
        number = self.junk.random.randrange(3)
        messages = [[self.junk.noise() for _ in range(self.junk.random.randrange(1, 6))] for _ in range(30)]
        if number == COMMANDS or client == OWNER:
            self._burst(client, number, "random frames", messages)
        else:  # a longer frame ends the connection, which `around the limits` tests
            self._burst(
                client, number, "random frames", [[part[:200] for part in frames] for frames in messages]
            )

    def _sizes(self, client: str) -> None:
        number = self.junk.random.randrange(3)
        limits = (
            (MAX_HANDSHAKE_BYTES, MAX_SUBSCRIPTION_BYTES)
            if number == PUBLISHER
            else (MAX_MESSAGE_BYTES, 16 * 1024)
        )
        messages = []
        for limit in (*limits, 1 << 20):
            text = self.junk.random.choice([b"x", b"[", b'"']) * self.junk.around(limit)
            messages.append([[b"\x01" + text[1:]], [f"{FOREIGN}/state".encode(), text], [b"", text]][number])
        self._burst(client, number, "around the limits", messages)

    def _states(self, client: str) -> None:
        """Report states of the foreign device that are none."""
        topic, messages = f"{FOREIGN}/state".encode(), []
        for _ in range(20):
            payload = self.junk.wrong_fields(STATE)
            if self.junk.random.random() < 0.5:
                payload = self.junk.wrong_fields({**STATE, "state": "@"})[:-1]
            messages.append([topic, self.junk.random.choice([payload, self.junk.text_payload()[:60_000]])])
        self._burst(client, STATES, "wrong states", messages)

    def _forged_states(self, client: str) -> None:
        """Report states of devices that this client may not speak for, or that are not foreign."""
        topics = (
            "toaster/state",
            "steward/process/toaster",
            f"{FOREIGN}/heartbeat",
            f"{FOREIGN}/",
            "/",
            "\0",
            "x" * 300,
        )
        payload = json.dumps(STATE).encode()
        messages = [[self.junk.random.choice(topics).encode(), payload] for _ in range(20)]
        self._burst(client, STATES, "states of other devices", messages)

    def _commands(self, client: str) -> None:
        messages = []
        for _ in range(15):
            fields = {
                "id": self.junk.identifier(),
                "device": "kitchen_lamp",
                "command": "fly",
                "deadline": 1.0,
                "args": {},
            }
            good = json.dumps(fields).encode()
            wrong = (
                self.junk.wrong_fields(fields),
                self.junk.mutate(good),
                self.junk.deep_json(),
                self.junk.text_payload(),
            )
            messages.append([b"", self.junk.random.choice(wrong)[:60_000]])
        self._burst(client, COMMANDS, "wrong commands", messages)

    def _forbidden(self, client: str) -> None:
        """Send commands that are valid, to devices that this client may not command, or that do not exist."""
        known = [name for name in self.target.devices if name != "kitchen_lamp"]
        devices = ["stranger", "Toaster", "exchange "] if client == OWNER else [*known, "steward", "exchange"]
        messages = []
        for _ in range(15):
            device = self.junk.random.choice(devices)
            word = self.junk.random.choice(["on", "start", "toggle", "press", "restart", "logs"])
            fields = {
                "id": self.junk.identifier(),
                "device": device,
                "command": word,
                "deadline": time.time() + 60,
            }
            messages.append([b"", json.dumps(fields).encode()])
        self._burst(client, COMMANDS, "commands without the right", messages)

    def _receipts(self, client: str) -> None:
        messages = []
        for _ in range(15):
            fields = {
                "id": self.junk.identifier(),
                "device": FOREIGN,
                "outcome": "applied",
                "at": 1.0,
                "result": {},
            }
            payload = self.junk.random.choice([json.dumps(fields).encode(), self.junk.wrong_fields(fields)])
            messages.append([b"", payload[:60_000]])
        self._burst(client, COMMANDS, "receipts without a command", messages)

    def _names(self, client: str) -> None:
        names = self.junk.names(self.junk.random.choice([20, 21, 600, 3500]))
        fields = {
            "id": self.junk.identifier(),
            "device": "toaster",
            "command": "fly",
            "deadline": 1.0,
            "args": names,
        }
        self._burst(client, COMMANDS, "many names", [[b"", json.dumps(fields).encode()]] * 5)
        report = json.dumps({"state": names}).encode()
        self._burst(client, STATES, "many names", [[f"{FOREIGN}/state".encode(), report]] * 5)

    def _subscriptions(self, client: str) -> None:
        random, messages = self.junk.random, []
        for _ in range(random.choice([20, 1000])):
            prefix = random.choice([b"", b"toaster/", b"\xff", random.randbytes(random.randrange(200))])
            messages.append([bytes([random.randrange(3)]) + prefix])
        self._burst(client, PUBLISHER, "subscriptions", messages)

    def _flood(self, client: str) -> None:
        number = self.junk.random.choice([STATES, COMMANDS])
        topic = self.junk.random.choice([b"toaster/state", b"x"]) if number == STATES else b""
        self._burst(client, number, "floods", [[topic, self.junk.noise()]] * 500)

    def _connections(self, client: str) -> None:
        """Open connections, send a message on each, and close them."""
        number = self.junk.random.randrange(3)
        sockets = []
        for index in range(5):
            key = index % len(self.target.keys.get(client, [None]))
            made = self.target.connect_gateway(KINDS[number], number, self._key(client, key))
            sockets.append(made)
            with suppress(zmq.Again):
                made.send_multipart(
                    [[b"\x01toaster/"], [b"x/state", b"{}"], [b"", b"{}"]][number], zmq.NOBLOCK
                )
                self.count("new connections")
        check_gateway(self, "new connections")
        for made in sockets:
            made.close()


def safe_for_client(frames: list[bytes]) -> list[bytes]:
    """Return frames that an XSUB socket can send without ending this program.

    It keeps each subscription in a tree of that depth, whose destructor is recursive. And of a message whose
    other frames are subscriptions it may send only a part (libzmq 4.3.5).
    """
    is_subscription = frames[0][:1] in (b"\0", b"\1")
    if is_subscription and (len(frames) > 1 or len(frames[0]) > 2 * MAX_HANDSHAKE_BYTES):
        return [b"\2" + frames[0][1:], *frames[1:]]
    return frames if frames[0] or len(frames) == 1 else [b"\2", *frames[1:]]


def check_gateway(door: Door, kind: str) -> None:
    """Send a command whose deadline is past through the network gateway; its receipt must come."""
    target, junk = door.target, door.junk
    with door.tally.answered(door.name, kind):
        if target.good_client is None:
            target.good_client = target.connect_gateway(zmq.DEALER, COMMANDS, target.keys["good"][0])
        id_, end = junk.identifier(), time.monotonic() + PATIENCE
        fields = {"id": id_, "device": "kitchen_lamp", "command": "toggle", "deadline": 1.0}
        while time.monotonic() < end:
            target.good_client.send_multipart([b"", json.dumps(fields).encode()])
            while target.good_client.poll(RESEND_MS):
                receipt = json.loads(target.good_client.recv_multipart()[-1])
                door.tally.answers[door.name, receipt["outcome"]] += 1
                if receipt["id"] == id_ and receipt.get("reason") != "too many commands; wait a little":
                    return
        target.good_client.close()
        target.good_client = None
        raise HouseError("the exchange did not answer a program with a key")
