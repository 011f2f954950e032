"""A program that holds the light switch's publish socket: replayed, reordered and invented messages."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import zmq

from bench.fuzz.junk import Junk
from bench.fuzz.tally import Tally
from bench.fuzz.target import SWITCH, Target
from bench.fuzz.watch import Watch
from daemons.bus import endpoints, message
from daemons.bus.input import PREFIX, decode_inputs, input_topic
from daemons.bus.message import MAX_FIELDS, MAX_PUBLISHED_BYTES
from daemons.bus.sockets import Context, Socket, drain, open_socket
from daemons.errors import MessageError

DOOR = "the bus, as an impostor"
APPLIANCE = "toaster"
"""It follows the switch, and must remember after each restart what it acted on."""
INPUT = {"what": "press", "at": 1.0, "touch": "single", "id": "p1"}
INPUTS = {"device": SWITCH, "boot": 1, "at": 1.0, "number": 1, "earlier": 0}
VICTIMS = (SWITCH, APPLIANCE)
"""The impostor stops the one and kills the other."""


class Impostor:
    """Publishes in the switch's place, while the switch is stopped."""

    def __init__(self, target: Target, junk: Junk, tally: Tally, watch: Watch) -> None:
        """Record what the house publishes from now on."""
        self._target, self._junk, self._tally, self._watch = target, junk, tally, watch
        self._recorder = target.context.socket(zmq.SUB)
        self._recorder.subscribe(b"")
        for name in target.names:
            self._recorder.connect(endpoints.publish_endpoint(name))

    def publish(self, seconds: float, rate: float) -> None:
        """Publish messages that no process may act on, and kill an appliance each time it is up again."""
        real = list(drain(self._recorder))
        self._recorder.close(linger=0)
        with self._as_switch() as publisher:
            monitor, end, boot = self._watch.monitor, time.monotonic() + seconds, 0
            while time.monotonic() < end:
                monitor.receive()
                beat = monitor.beats[APPLIANCE]
                if beat.boot > boot:
                    boot = beat.boot
                    os.kill(beat.pid, signal.SIGKILL)
                for _ in range(int(rate / 20)):
                    kind, frames = self._fake_message(real)
                    publisher.send_multipart(frames)
                    self._tally.count(DOOR, kind, len(frames))
                time.sleep(0.05)

    def publish_oversized(self) -> None:
        """Publish states around the limits of a payload and of a frame."""
        with self._as_switch() as publisher:
            for size in (MAX_PUBLISHED_BYTES, message.MAX_FRAME_BYTES):
                for length in (size - 1, size, size + 1):
                    publisher.send_multipart([f"{SWITCH}/state".encode(), b"[" * length])
                    self._tally.count(DOOR, "around the limits")

    @contextmanager
    def _as_switch(self) -> Iterator[Socket]:
        """Hold the switch's publish socket while the switch is stopped and all others are connected."""
        home = self._target.home
        home.house("stop", SWITCH)
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
            home.house("start", SWITCH)
            self._watch.start_monitor()

    def _fake_message(self, real: list[list[bytes]]) -> tuple[str, list[bytes]]:
        """Return one message that no process may act on."""
        random = self._junk.random
        topic, payload = random.choice(real)
        match random.randrange(8):
            case 0 | 1:
                return "replayed, in any order", [topic, payload]
            case 2:
                other = [b"unknown/state", b"steward/process/" + topic, topic[1:], b"/", topic * 9]
                return "wrong names and topics", [random.choice(other), payload]
            case 3:
                frames = [topic, payload][: random.randrange(1, 3)] * random.choice([1, 2, 50])
                return "wrong frame counts", frames if len(frames) != 2 else [*frames, b""]
            case 4:
                fields = json.loads(payload)
                wrong = self._junk.wrong_fields(fields)
                return "wrong types and numbers", self._detectable(topic, wrong)
            case 5:
                fields = {**json.loads(payload), "state": self._junk.names(self._junk.around(MAX_FIELDS))}
                return "many fields", [topic, json.dumps({**fields, "boot": -1}).encode()]
            case 6:
                one = self._junk.wrong_fields(INPUT)
                whole = json.dumps({**INPUTS, "inputs": ["@"]}).encode().replace(b'"@"', one)
                wrong = random.choice([whole, self._junk.wrong_fields({**INPUTS, "inputs": [INPUT]})])
                return "wrong inputs", self._detectable(input_topic(SWITCH), wrong)
            case _:
                return "mutated", self._detectable(topic, self._junk.mutate(payload))

    def _detectable(self, topic: bytes, payload: bytes) -> list[bytes]:
        """Return an invalid or an already published message: no process can detect any other fake."""
        try:
            decode = decode_inputs if topic.startswith(PREFIX) else message.decode
            decode([topic, payload])
        except MessageError:
            return [topic, payload]
        return [topic, payload[:-1]]
