"""The page of a big house without its processes: a rehearsal has the states, and the page's code serves them.

`python -m tests.support.big_page 200` serves one until it is interrupted, and prints its address.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from daemons.bus.message import Heartbeat
from daemons.config.house import load_house
from daemons.rehearsal.world import World
from daemons.runtime.clock import uptime
from tests.support.big_house import NAMES, SEND, big_house
from tests.support.house import eventually
from tests.support.page_server import PageStub, serve_page

BEAT_SECONDS = 1.0


class BigPage(PageStub):
    """The page of a house of so many devices; it runs in a thread, and no device carries out a command."""

    def __init__(self, devices: int, names: str | None = None) -> None:
        house = load_house(Path("house.toml"), big_house(devices, names))
        peers = house.slices()["mirror"].ordered_peers
        super().__init__(peers, house.settings.name)
        world = World(house, time.time())
        world.begin()
        world.run(world.now + 1)
        for name, command, *arguments in SEND:
            if name in peers:
                world.send(name, command, dict(map(parse_argument, arguments)))
        world.run(world.now + 60)
        self.silent: set[str] = set()
        """The devices that send no heartbeat any more."""
        self.states = {name: world.state(name) or {} for name in peers}
        self._is_ended = threading.Event()

    def publish(self, device: str, **fields: Any) -> None:
        """Publish a state of a device with some other fields."""
        self.states[device] = {**self.states[device], **fields}
        self.publish_state(device, **self.states[device])

    def beat(self) -> None:
        """Send a heartbeat of every process."""
        for name in self.table.entries.keys() - self.silent:
            at = time.time()
            self.table.on_message(
                Heartbeat(device=name, boot=1, seq=self.seq, at=at, pid=4_194_305, restarts=0), uptime()
            )

    def publish_house(self) -> None:
        """Publish the states of all devices, and the mirror's own."""
        self.beat()
        for name in self.table.entries:
            self.publish_state(name, **self.states.get(name, {"status": True, "phase": "running"}))
        first = next(iter(self.table.entries))
        own = replace(self.table.status(first, uptime()), state=self.states["mirror"] | {"url": None})
        self.changes.append("mirror", own, uptime(), is_own_state=True)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the page until the end of the block, and return its URL."""
        self.publish_house()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        thread.start()
        try:
            yield str(eventually(lambda: self.url))
        finally:
            self._is_ended.set()
            thread.join()

    async def _serve(self) -> None:
        async with serve_page(self):
            while not self._is_ended.is_set():
                self.beat()
                await asyncio.to_thread(self._is_ended.wait, BEAT_SECONDS)


def parse_argument(text: str) -> tuple[str, Any]:
    """Return the name and the value of an argument such as `brightness_percent=40`."""
    name, _, value = text.partition("=")
    return name, int(value) if value.isdigit() else value


def main() -> None:
    """Serve a page until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("devices", type=int)
    parser.add_argument("--names", choices=NAMES)
    given = parser.parse_args()
    with BigPage(given.devices, given.names).served() as url, suppress(KeyboardInterrupt):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
