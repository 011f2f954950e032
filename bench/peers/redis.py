"""Redis publish and subscribe, with redis-py and hiredis."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.peer_roles import Message, Role
from bench.peers import Peer

BATCH = 100
"""The number of messages of a load in one pipeline."""


class Redis(Peer):
    """Two connections: a subscribed connection can do nothing else."""

    program = "redis-server"
    package = "redis-server"
    module = "redis"

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:
        """Return the command of a server that writes nothing to the disk."""
        own = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        return ["redis-server", *own, "--save", "", "--appendonly", "no", "--daemonize", "no"]

    def run(self, role: Role) -> None:
        """Handle messages without end."""
        self.connect()
        for received in self._subscriber.listen():
            if received["type"] == "message":
                for topic, payload in role.handle(received["channel"].decode(), received["data"]):
                    self._client.publish(topic, payload)

    def connect(self) -> None:
        """Connect twice."""
        import redis  # noqa: PLC0415  without redis the others can be measured

        self._client: Any = redis.Redis("127.0.0.1", self.port)
        self._subscriber: Any = self._client.pubsub()
        if self.topics:
            self._subscriber.subscribe(*self.topics)

    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, and wait for the answer."""
        while self._subscriber.get_message(timeout=0):
            pass  # a late answer to an earlier request
        began, end = time.time(), time.monotonic() + patience
        self._client.publish(topic, payload)
        while (left := end - time.monotonic()) > 0:
            received = self._subscriber.get_message(timeout=left)
            if received and received["type"] == "message" and mark in received["data"]:
                return began, received["data"]
        return None

    def publish_many(self, messages: Iterable[Message], *, paced: bool) -> None:
        """Publish a hundred at a time."""
        pipeline = self._client.pipeline(transaction=False)
        for topic, payload in messages:
            pipeline.publish(topic, payload)
            if paced or len(pipeline) >= BATCH:
                pipeline.execute()
        pipeline.execute()

    def close(self) -> None:
        """Disconnect."""
        self._subscriber.close()
        self._client.close()
