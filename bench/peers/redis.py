"""Redis publish and subscribe, with redis-py and hiredis."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.part import Message
from bench.peers import Hear, Peer

TOGETHER = 100
"""So many messages of a flood go in one pipeline."""


class Redis(Peer):
    """Two connections, for who has subscribed can say nothing else."""

    program = "redis-server"
    package = "redis-server"
    module = "redis"

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:
        """Start a server that writes nothing to the disk."""
        own = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        return ["redis-server", *own, "--save", "", "--appendonly", "no", "--daemonize", "no"]

    def run(self, hear: Hear) -> None:
        """Listen."""
        self.connect()
        for heard in self._subscriber.listen():
            if heard["type"] == "message":
                for topic, payload in hear(heard["channel"].decode(), heard["data"]):
                    self._client.publish(topic, payload)

    def connect(self) -> None:
        """Connect twice."""
        import redis  # noqa: PLC0415  who has no redis can measure the others

        self._client: Any = redis.Redis("127.0.0.1", self.port)
        self._subscriber: Any = self._client.pubsub()
        if self.hears:
            self._subscriber.subscribe(*self.hears)

    def ask(self, topic: str, payload: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, and listen."""
        while self._subscriber.get_message(timeout=0):
            pass  # an answer that nobody waits for any more
        began, end = time.time(), time.monotonic() + patience
        self._client.publish(topic, payload)
        while (left := end - time.monotonic()) > 0:
            heard = self._subscriber.get_message(timeout=left)
            if heard and heard["type"] == "message":
                return began, heard["data"]
        return None

    def flood(self, messages: Iterable[Message], *, calm: bool) -> None:
        """Publish by the hundred."""
        pipeline = self._client.pipeline(transaction=False)
        for topic, payload in messages:
            pipeline.publish(topic, payload)
            if calm or len(pipeline) >= TOGETHER:
                pipeline.execute()
        pipeline.execute()

    def close(self) -> None:
        """Disconnect."""
        self._subscriber.close()
        self._client.close()
