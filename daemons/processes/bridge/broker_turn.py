"""Which broker the bridge tries next: each of the list in turn, and each address of a name."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from daemons.bus.message import BRIDGE
from daemons.drivers.transports.broker import Broker
from daemons.errors import Unreachable

RESOLVE_SECONDS = 5.0
"""How long the addresses of a name may take."""


class Target(NamedTuple):
    """A broker, and one of the addresses of its name."""

    broker: Broker
    address: str

    def __str__(self) -> str:
        name = self.broker.endpoint
        return name if self.address == self.broker.broker else f"{name} ({self.address})"


class BrokerTurn:
    """The brokers of the configuration, one after the other."""

    def __init__(
        self, brokers: Sequence[Broker], resolve: "Callable[[Broker], Awaitable[list[str]]] | None" = None
    ) -> None:
        self._brokers = brokers
        self._resolve = resolve or resolve_addresses
        self._index = 0
        self._tried: set[str] = set()
        """The addresses of the present broker that were tried in this turn."""
        self.rounds = 0
        """How often all brokers were tried since the last good session."""
        self.has_others = len(brokers) > 1
        """Whether there is another broker, or another address of the present one."""

    async def next(self) -> Target:
        """Return the next target; raises Unreachable if the name of its broker has no address."""
        while True:
            broker = self._brokers[self._index]
            try:
                async with asyncio.timeout(RESOLVE_SECONDS):
                    addresses = await self._resolve(broker)
            except (OSError, UnicodeError) as error:
                self._advance()
                why = "its name was not resolved in time" if isinstance(error, TimeoutError) else str(error)
                raise Unreachable(BRIDGE, f"broker {broker.endpoint}", why) from error
            self.has_others = len(self._brokers) > 1 or len(addresses) > 1
            for address in addresses:
                if address not in self._tried:
                    self._tried.add(address)
                    return Target(broker, address)
            self._advance()

    def on_good(self, target: Target) -> None:
        """Note that a session with a target has held: if it ends, all others are tried before this one."""
        self._tried = {target.address}
        self.rounds = 0

    def _advance(self) -> None:
        self._index = (self._index + 1) % len(self._brokers)
        self.rounds += self._index == 0
        self._tried.clear()


async def resolve_addresses(broker: Broker) -> list[str]:
    """Return each address of a broker's name, those of one family in random order; OSError without any."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(broker.broker, broker.port, type=socket.SOCK_STREAM)
    families: dict[int, list[str]] = {}
    for family, _, _, _, place in found:
        families.setdefault(family, []).append(str(place[0]))
    for addresses in families.values():
        random.shuffle(addresses)
    return list(dict.fromkeys(address for addresses in families.values() for address in addresses))
