"""Redis Streams with consumer groups, and an append-only file that is forced to the disk once a second.

Redis writes to its file before it answers. A process publishes its state and acknowledges the message
behind it in one transaction. So a kill of any process, of the server too, loses nothing and repeats
nothing. A press with a known id is not handled again.

What it does not keep: a power cut loses up to a second, as in the house. While Redis forces its file to the
disk, it may write up to two seconds after its answer.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.peer_roles import Message, Role
from bench.peers import Peer

BATCH = 100
"""The number of messages of a load in one pipeline."""
KEPT = 1000
"""About this many messages of a stream are kept."""
PAYLOAD = b"payload"


class RedisStreams(Peer):
    """One client; its consumer groups have its name."""

    program = "redis-server"
    package = "redis-server"
    module = "redis"

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:
        """Return the command of a server that appends each change to a file."""
        own = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--daemonize", "no"]
        return ["redis-server", *own, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]

    def run(self, role: Role) -> None:
        """Handle first what the last process has not acknowledged, then messages without end."""
        self._open()
        for topic in (role.publishes, *self.topics):
            for _, fields in self._client.xrevrange(topic, count=1):
                role.restore(topic, fields[PAYLOAD])
        positions = dict.fromkeys(self.topics, "0")
        while True:
            for stream, entries in self._client.xreadgroup(self.name, self.name, positions, block=0):
                topic = stream.decode()
                for entry, fields in entries:
                    transaction = self._client.pipeline(transaction=True)
                    for to, payload in role.handle(topic, fields[PAYLOAD]):
                        transaction.xadd(to, {PAYLOAD: payload}, maxlen=KEPT)
                    transaction.xack(topic, self.name, entry)
                    transaction.execute()
                if not entries:
                    positions[topic] = ">"

    def connect(self) -> None:
        """Connect, and read from now on."""
        self._open()
        self._positions = {}
        for topic in self.topics:
            last = self._client.xrevrange(topic, count=1)
            self._positions[topic] = last[0][0] if last else "0"

    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Add, and wait for the answer."""
        while self._read(None):
            pass  # late answers to earlier requests
        began, end = time.time(), time.monotonic() + patience
        self._client.xadd(topic, {PAYLOAD: payload}, maxlen=KEPT)
        while (left := end - time.monotonic()) > 0:
            for received in self._read(int(left * 1000) + 1):
                if mark in received:
                    return began, received
        return None

    def publish_many(self, messages: Iterable[Message], *, paced: bool) -> None:
        """Add a hundred at a time."""
        pipeline = self._client.pipeline(transaction=False)
        for topic, payload in messages:
            pipeline.xadd(topic, {PAYLOAD: payload}, maxlen=KEPT)
            if paced or len(pipeline) >= BATCH:
                pipeline.execute()
        pipeline.execute()

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def _read(self, block_ms: int | None) -> list[bytes]:
        """Return the next messages; wait up to `block_ms`."""
        received = []
        for stream, entries in self._client.xread(self._positions, block=block_ms):
            for entry, fields in entries:
                self._positions[stream.decode()] = entry
                received.append(fields[PAYLOAD])
        return received

    def _open(self) -> None:
        import redis  # noqa: PLC0415  without redis the others can be measured

        self._client: Any = redis.Redis("127.0.0.1", self.port, protocol=2)
        for topic in self.topics:
            try:
                self._client.xgroup_create(topic, self.name, id="0", mkstream=True)
            except redis.ResponseError:
                continue  # the group exists
