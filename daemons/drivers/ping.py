"""Whether a telephone answers on the network, by ICMP, TCP and ARP, without root.

A telephone that does not answer may be away, or the network may be down. So a witness is asked as well: a
host that is always there, such as the router. If the witness does not answer, nothing is known.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct, field

from daemons.drivers import Remote
from daemons.drivers.transports import echo
from daemons.kinds import Ability
from daemons.values import Seconds

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

Address = Annotated[str, Meta(min_length=1, max_length=253)]
RESOLVE_SECONDS = 5.0
ARP_SECONDS = 10.0
"""So long after a packet, the ARP table shows whether a host has answered to its address."""
IPHONE_SYNC = 62078
NOT_ALLOWED = (
    "this user may not send ICMP echo requests: allow it with"
    ' `sysctl -w net.ipv4.ping_group_range="0 2147483647"`; until then only TCP and ARP are tried'
)


class Options(Struct, frozen=True, kw_only=True):
    """The options of a telephone on the network."""

    address: Address
    """Its IPv4 address or its name."""
    every_seconds: Seconds = field(name="every", default=Seconds(30))
    """How often it is asked, `"1s"` or longer. With `"10s"` or longer, the ARP table is used as well."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(3))
    """How long it may take to answer, shorter than `every`."""
    port: Annotated[int, Meta(ge=1, le=65535)] = IPHONE_SYNC
    """The TCP port that is tried if ICMP is not allowed. Also a closed port answers."""
    witness: Address | None = None
    """A host that is always there. By default the gateway of this machine, if it has ever answered."""

    def __post_init__(self) -> None:
        """Raise ValueError if the times contradict each other."""
        if self.every_seconds < 1:
            raise ValueError("every must be 1s or longer")
        if not 0 < self.timeout_seconds < self.every_seconds:
            raise ValueError("timeout must be longer than 0s and shorter than every")


class Ping(Remote[Options]):
    """Whether a telephone answers on the network, by ICMP, TCP and ARP, without root."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"presence"})

    def __init__(self, device: str, options: Options) -> None:
        super().__init__(device, options)
        self._is_icmp_allowed = True
        self._has_answered: set[str] = set()
        """The addresses that have answered in this process."""
        self._asked: set[str] = set()
        """The addresses to which a packet was sent before."""

    async def run(self, channel: "HardwareChannel") -> None:
        """Ask at intervals, and report the result."""
        while True:
            seen, fault = await self._look()
            channel.update(on=seen, fault=fault)
            await asyncio.sleep(self.options.every_seconds)

    async def _look(self) -> tuple[bool | None, str | None]:
        """Return whether the telephone answers, or None if that is unknown; and the fault."""
        name = self.options.address
        self._is_icmp_allowed = True  # the sysctl may have been set since
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                address = await echo.resolve(name)
            if await self._answers(address):
                return True, None
            if not self._is_icmp_allowed and address not in self._has_answered:
                # It may be there, and drop what is sent to the port.
                absent = echo.arp_entry(address) is False
                return (False if absent else None), NOT_ALLOWED
            if why := await self._why_unsure(address):
                return None, why
        except TimeoutError:
            return None, f"{name}: its address could not be found within {RESOLVE_SECONDS:g} s"
        except OSError as error:
            return None, f"{name}: {error.strerror or error}"
        return False, None

    async def _answers(self, address: str) -> bool:
        """Return whether a host answers; raises OSError without a network."""
        was_asked = address in self._asked and self.options.every_seconds >= ARP_SECONDS
        is_seen = was_asked and echo.arp_entry(address) is True  # before the next packet is sent
        self._asked.add(address)
        try:
            if self._is_icmp_allowed and await echo.answers_ping(address, self.options.timeout_seconds):
                is_seen = True
        except PermissionError:
            self._is_icmp_allowed = False
        if not self._is_icmp_allowed:
            tcp = await echo.answers_tcp(address, self.options.port, self.options.timeout_seconds)
            is_seen = is_seen or tcp is True
        if is_seen:
            self._has_answered.add(address)
        return is_seen

    async def _why_unsure(self, address: str) -> str | None:
        """Return why the silence of the telephone says nothing: its witness is silent, too."""
        witness = self.options.witness
        found = await echo.resolve(witness) if witness else echo.default_gateway()
        if found is None or found == address or await self._answers(found):
            return None
        if witness is None and found not in self._has_answered:
            return None  # a gateway may never answer
        return f"{witness or found} does not answer either, so the network may be down"
