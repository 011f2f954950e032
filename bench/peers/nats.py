"""NATS with nats-py, an asyncio library."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.peer_roles import Message, Role
from bench.peers import Peer

BATCH = 50
"""After this many messages of a load, the library's loop runs."""


class Nats(Peer):
    """One NATS client; a slash of a topic is a dot of a subject."""

    program = "nats-server"
    package = "nats-server"
    module = "nats"

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:  # noqa: ARG003
        """Return the command that starts a server."""
        return ["nats-server", "-a", "127.0.0.1", "-p", str(port)]

    def run(self, role: Role) -> None:
        """Handle messages without end."""

        async def work() -> None:
            client = await self._connect()

            async def on_message(message: Any) -> None:
                for topic, payload in role.handle(message.subject.replace(".", "/"), message.data):
                    await client.publish(topic.replace("/", "."), payload)

            for topic in self.topics:
                await client.subscribe(topic.replace("/", "."), cb=on_message)
            await asyncio.Event().wait()

        asyncio.run(work())

    def connect(self) -> None:
        """Connect, with an event loop that runs during each request."""
        self._loop = asyncio.new_event_loop()
        self._received: asyncio.Queue[bytes] = asyncio.Queue()

        async def on_message(message: Any) -> None:
            self._received.put_nowait(message.data)

        async def begin() -> Any:
            client = await self._connect()
            for topic in self.topics:
                await client.subscribe(topic.replace("/", "."), cb=on_message)
            await client.flush()
            return client

        self._client = self._loop.run_until_complete(begin())

    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, and wait; the time starts when the loop already runs."""

        async def work() -> tuple[float, bytes] | None:
            await asyncio.sleep(0)
            began = time.time()
            await self._send(topic, payload)
            try:
                async with asyncio.timeout(patience):
                    while mark not in (received := await self._received.get()):
                        pass  # a late answer to an earlier request
                    return began, received
            except TimeoutError:
                return None

        return self._loop.run_until_complete(work())

    def publish_many(self, messages: Iterable[Message], *, paced: bool) -> None:
        """Publish, and run the library's loop in between."""

        async def work() -> None:
            for number, (topic, payload) in enumerate(messages):
                await self._send(topic, payload)
                if paced or number % BATCH == 0:
                    await asyncio.sleep(0)
            await self._client.flush()

        self._loop.run_until_complete(work())

    def close(self) -> None:
        """Disconnect."""
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    async def _send(self, topic: str, payload: bytes) -> None:
        """Publish."""
        await self._client.publish(topic.replace("/", "."), payload)

    async def _connect(self) -> Any:
        import nats  # noqa: PLC0415  without nats the others can be measured

        return await nats.connect(f"nats://127.0.0.1:{self.port}")
