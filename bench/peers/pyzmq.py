"""Bare pyzmq with its Poller: publishers bind, subscribers connect, commands go to a ROUTER. The limit."""

import time
from collections.abc import Iterable

import zmq

from bench.peer_roles import Message, Role
from bench.peers import Peer


class Pyzmq(Peer):
    """The sockets of the house, and nothing else of it."""

    module = "zmq"

    def run(self, role: Role) -> None:
        """Poll, receive, and publish the results."""
        self._open()
        poller = zmq.Poller()
        for socket in self._sources:
            poller.register(socket, zmq.POLLIN)
        while True:
            for socket, _ in poller.poll():
                router = socket is self._router
                while True:
                    try:
                        frames = socket.recv_multipart(zmq.NOBLOCK)
                    except zmq.Again:
                        break
                    received = self._command_topic if router else frames[0].decode()
                    self.send(role.handle(received, frames[-1]))

    def send(self, messages: Iterable[Message]) -> None:
        """Publish."""
        for topic, payload in messages:
            self._publisher.send_multipart([topic.encode(), payload])

    def _open(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher = self._socket(zmq.PUB)
        self._publisher.bind(self._endpoint(self.name, "publish"))
        self._sources = []
        self._router = None
        received = [topic for topic in self.topics if not topic.endswith("/set")]
        if len(received) < len(self.topics):
            self._command_topic = next(topic for topic in self.topics if topic.endswith("/set"))
            self._router = self._socket(zmq.ROUTER)
            self._router.bind(self._endpoint(self.name, "command"))
            self._sources.append(self._router)
        if received:
            subscriber = self._socket(zmq.SUB)
            for topic in received:
                subscriber.connect(self._endpoint(topic.partition("/")[0], "publish"))
                subscriber.subscribe(topic)
            self._sources.append(subscriber)

    def connect(self) -> None:
        """Connect to the switch and to the mirror, and subscribe to the mirror."""
        self._context = zmq.Context()
        self._subscriber = self._socket(zmq.SUB)
        for topic in self.topics:
            self._subscriber.connect(self._endpoint(topic.partition("/")[0], "publish"))
            self._subscriber.subscribe(topic)
        self._command_sockets: dict[str, zmq.Socket[bytes]] = {}
        self._publishers: dict[str, zmq.Socket[bytes]] = {}

    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Send a command, and wait for the mirror's answer."""
        name = topic.partition("/")[0]
        if name not in self._command_sockets:
            self._command_sockets[name] = self._socket(zmq.DEALER)
            self._command_sockets[name].connect(self._endpoint(name, "command"))
        while self._subscriber.poll(0):
            self._subscriber.recv_multipart()  # a late answer to an earlier request
        began = time.time()
        self._command_sockets[name].send(payload)
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            if self._subscriber.poll(int(left * 1000) + 1):
                received = self._subscriber.recv_multipart()[-1]
                if mark in received:
                    return began, received
        return None

    def bind(self, topics: Iterable[str]) -> None:
        """Bind a publisher for each of these topics."""
        for topic in topics:
            self._publishers[topic] = self._socket(zmq.PUB)
            self._publishers[topic].bind(self._endpoint(topic.partition("/")[0], "publish"))

    def publish_many(self, messages: Iterable[Message], *, paced: bool) -> None:
        """Publish each message from its own publisher."""
        for topic, payload in messages:
            self._publishers[topic].send_multipart([topic.encode(), payload])

    def close(self) -> None:
        """Close every socket."""
        self._context.destroy(linger=0)

    def _socket(self, kind: int) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RCVHWM, 10_000)
        socket.set(zmq.RECONNECT_IVL, 10)
        socket.set(zmq.RECONNECT_IVL_MAX, 100)
        return socket

    def _endpoint(self, name: str, what: str) -> str:
        return f"ipc://{self.folder}/bus/{name}.{what}"
