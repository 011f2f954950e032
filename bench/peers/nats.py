"""NATS with nats-py, which lives on asyncio."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.part import Message
from bench.peers import Hear, Peer

BETWEEN = 50
"""So many messages of a flood, and the library has its turn."""


class Nats(Peer):
    """One NATS client; a topic's slash is a dot in a subject."""

    program = "nats-server"
    package = "nats-server"
    module = "nats"

    @classmethod
    def command(cls, folder: Path, port: int) -> list[str]:  # noqa: ARG003
        """Start a server."""
        return ["nats-server", "-a", "127.0.0.1", "-p", str(port)]

    def run(self, hear: Hear) -> None:
        """Be called for ever."""

        async def work() -> None:
            client = await self._connect()

            async def on_message(message: Any) -> None:
                for topic, payload in hear(message.subject.replace(".", "/"), message.data):
                    await client.publish(topic.replace("/", "."), payload)

            for topic in self.hears:
                await client.subscribe(topic.replace("/", "."), cb=on_message)
            await asyncio.Event().wait()

        asyncio.run(work())

    def connect(self) -> None:
        """Connect, with a loop that turns whenever something is asked."""
        self._loop = asyncio.new_event_loop()
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()

        async def on_message(message: Any) -> None:
            self._heard.put_nowait(message.data)

        async def begin() -> Any:
            client = await self._connect()
            for topic in self.hears:
                await client.subscribe(topic.replace("/", "."), cb=on_message)
            await client.flush()
            return client

        self._client = self._loop.run_until_complete(begin())

    def ask(self, topic: str, payload: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, and wait; the clock starts when the loop turns already."""

        async def work() -> tuple[float, bytes] | None:
            while not self._heard.empty():
                self._heard.get_nowait()
            await asyncio.sleep(0)
            began = time.time()
            await self._client.publish(topic.replace("/", "."), payload)
            try:
                async with asyncio.timeout(patience):
                    return began, await self._heard.get()
            except TimeoutError:
                return None

        return self._loop.run_until_complete(work())

    def flood(self, messages: Iterable[Message], *, calm: bool) -> None:
        """Publish, and let the library write."""

        async def work() -> None:
            for number, (topic, payload) in enumerate(messages):
                await self._client.publish(topic.replace("/", "."), payload)
                if calm or number % BETWEEN == 0:
                    await asyncio.sleep(0)
            await self._client.flush()

        self._loop.run_until_complete(work())

    def close(self) -> None:
        """Disconnect."""
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    async def _connect(self) -> Any:
        import nats  # noqa: PLC0415  who has no nats can measure the others

        return await nats.connect(f"nats://127.0.0.1:{self.port}")
