"""NATS JetStream with a stream in files: each message is acknowledged by the server, and by its receiver.

The server writes a message to its file before it acknowledges it. A process waits for this acknowledgement
before it acknowledges the message behind it. The message's id contains the press, so that the server drops a
repeated one. A new process continues from its last state in the stream. So a kill of any process, of the
server too, loses nothing and repeats nothing.

What it does not keep: the server forces its files to the disk every two minutes, and a power cut loses what
was written since then. A message without an acknowledgement comes again after a second.
"""

import asyncio
from pathlib import Path
from typing import Any

from bench.peer_roles import Role, cause_of, decode
from bench.peers.nats import Nats

STREAM = "bench"
KEPT = 10_000
"""The number of messages that the stream keeps."""
AGAIN_SECONDS = 1.0


class NatsJetstream(Nats):
    """One client, with a durable consumer for each topic."""

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:
        """Return the command that starts a server with its files in `folder`."""
        return ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]

    def run(self, role: Role) -> None:
        """Handle messages without end."""

        async def work() -> None:
            client = await self._connect()
            stream = client.jetstream()
            await open_stream(stream)
            for topic in (role.publishes, *self.topics):
                if (last := await latest(stream, topic)) is not None:
                    role.restore(topic, last)

            async def on_message(message: Any) -> None:
                for topic, payload in role.handle(message.subject.replace(".", "/"), message.data):
                    await publish(stream, topic, payload, cause_of(payload))
                await message.ack()

            for topic in self.topics:
                await subscribe(stream, topic, self.name, on_message)
            await asyncio.Event().wait()

        asyncio.run(work())

    def connect(self) -> None:
        """Connect, and create the stream."""
        super().connect()
        self._stream = self._client.jetstream()
        self._loop.run_until_complete(open_stream(self._stream))

    async def _send(self, topic: str, payload: bytes) -> None:
        """Publish, and wait for the server's acknowledgement."""
        cause = decode(payload)["id"] if topic.endswith("/set") else cause_of(payload)
        await publish(self._stream, topic, payload, cause)


async def publish(stream: Any, topic: str, payload: bytes, cause: str) -> None:
    """Publish a message once, and wait until the server has written it."""
    await stream.publish(topic.replace("/", "."), payload, headers={"Nats-Msg-Id": f"{topic} {cause}"})


async def open_stream(stream: Any) -> None:
    """Create the stream, if it does not exist."""
    from nats.js.api import StorageType, StreamConfig  # noqa: PLC0415

    await stream.add_stream(
        StreamConfig(STREAM, subjects=["*.set", "*.state"], storage=StorageType.FILE, max_msgs=KEPT)
    )


async def latest(stream: Any, topic: str) -> bytes | None:
    """Return the latest message of a topic, or None."""
    from nats.js.errors import NotFoundError  # noqa: PLC0415

    try:
        found = await stream.get_last_msg(STREAM, topic.replace("/", "."))
    except NotFoundError:
        return None
    return bytes(found.data)


async def subscribe(stream: Any, topic: str, name: str, on_message: Any) -> None:
    """Receive every message of a topic that the processes of this name have not acknowledged."""
    from nats.js.api import ConsumerConfig  # noqa: PLC0415

    await stream.subscribe(
        topic.replace("/", "."),
        durable=f"{name}-{topic.replace('/', '-')}",
        cb=on_message,
        manual_ack=True,
        config=ConsumerConfig(ack_wait=AGAIN_SECONDS),
    )
