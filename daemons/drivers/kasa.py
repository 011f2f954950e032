"""TP-Link's Kasa and Tapo plugs, lamps, strips, and devices behind a hub, through python-kasa.

These devices send no notifications, so the driver polls them every `poll`, with one request. Older devices
(Kasa) answer any client on the network. Newer devices, and every Tapo, require the TP-Link account with
which they were set up. The timer in the device is a countdown (older devices, in seconds) or auto-off
(newer devices, in minutes). The outlets of an older strip share one timer, so the driver sets none there.

A valve behind a hub sleeps, to spare its battery. So its setting counts as applied when it reports it.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import kasa
from kasa import Credentials, Device, DeviceConfig, Discover, device_factory
from kasa.transports import XorTransport
from msgspec import Meta, Struct, field

from daemons.drivers import Found, Remote
from daemons.drivers.tplink import definition
from daemons.drivers.tplink.part import Part, find_part
from daemons.drivers.tplink.status import NotHeard
from daemons.drivers.transports.os_error import reason
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.errors import HouseError, Unreachable
from daemons.kinds import Ability, Reading, Setting
from daemons.runtime.clock import uptime
from daemons.values import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemons.drivers.transports.worker import HardwareChannel


ANSWER_SECONDS = 5.0
"""How long the plug may take to answer."""
SWITCH_SECONDS = 3 * ANSWER_SECONDS
"""How long the plug may take to switch: it answers up to three requests."""
LONGEST_WAIT_SECONDS = 2.0
"""The longest time between two polls while the driver waits for a valve to report a setting."""
BEHIND_HUB: tuple[Ability, ...] = ("press", "sense", "regulate")
"""The abilities of devices behind a hub."""
NO_PROTOCOL = "it answers by no protocol that House knows, or refuses the account or its password"
LONGEST_ANSWER_BYTES = 256 * 1024
broadcast, broadcast_port = "255.255.255.255", None
"""The target of a search: the broadcast address and the usual port, unless a test replaces them."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a Kasa or Tapo device."""

    address: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?\Z")]
    """A host or IPv4 address, with `:port` if the port is not the usual one."""
    username: str | None = None
    """The TP-Link account, for newer devices and every Tapo."""
    password_file: SecretFile | None = None
    """The file with the password of that account, an absolute path."""
    outlet: Annotated[int, Meta(ge=1, le=16)] | None = None
    """For a strip: the number of the outlet. Without it, the device is the whole strip, without its meter."""
    child: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """For a sensor, button, switch or valve behind a hub: its device id, as `house discover` prints it."""
    dims: bool = False
    """True for a lamp that can be dimmed."""
    tints: bool = False
    """True for a lamp whose white can be set from warm to cold; it then also has `dims`."""
    colours: bool = False
    """True for a lamp with colours; it then also has `dims`."""
    poll_seconds: Seconds = field(name="poll", default=Seconds(2))
    """How often the driver polls it, `"100ms"` or longer."""

    def __post_init__(self) -> None:
        """Raise ValueError for a short interval, and for options that exclude each other."""
        if self.poll_seconds < 0.1:  # noqa: PLR2004
            raise ValueError("poll must be 100ms or longer")
        if self.outlet is not None and self.child is not None:
            raise ValueError("outlet is for a strip, and child for a hub; set one of them")
        if self.tints and not self.dims:
            raise ValueError("tints needs dims = true")
        if self.colours and not self.dims:
            raise ValueError("colours needs dims = true")


class Kasa(Remote[Options]):
    """TP-Link's Kasa and Tapo plugs, lamps, strips, and devices behind a hub, through python-kasa."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"switch", "dim", "tint", "colour", "press", "sense", "regulate"}
    )

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities: only a device behind a hub reports presses, measures, or keeps a target."""
        has: dict[Ability, bool] = {"dim": options.dims, "tint": options.tints, "colour": options.colours}
        has |= dict.fromkeys(BEHIND_HUB, options.child is not None)
        return cls.abilities - {name for name, is_there in has.items() if not is_there}

    async def run(self, channel: "HardwareChannel") -> None:
        """Poll the device, and apply each setting at once."""
        async with self._translate_errors(), self._connected() as device:
            part, fault = find_part(self.device, device, self.options), None
            while True:
                await self._poll(channel, part, fault)
                setting = None
                with suppress(TimeoutError):
                    setting = await asyncio.wait_for(channel.next_setting(), self.options.poll_seconds)
                if setting is not None:
                    fault = await self._apply(channel, part, setting, fault)

    async def _poll(self, channel: "HardwareChannel", part: Part, fault: str | None) -> Reading:
        """Poll the device once, or until its hub hears it again; report and return what it reports."""
        is_lost = False
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    fields, presses = await part.poll()
            except NotHeard as error:  # the hub itself is well
                if not is_lost:
                    channel.unreachable(f"{self.options.address}: {error}")
                is_lost = True
                await asyncio.sleep(self.options.poll_seconds)
            else:
                channel.update(**{"fault": fault, **fields})
                for touch in presses:
                    channel.press(touch)
                return Reading(**fields)

    async def _apply(
        self, channel: "HardwareChannel", part: Part, setting: Setting, before: str | None
    ) -> str | None:
        """Apply a setting, and wait until a valve reports it; return the fault, which was `before`."""
        async with asyncio.timeout(SWITCH_SECONDS):
            fault = await part.switch(setting)
        if fault and fault != before:
            logging.getLogger(self.device).warning(fault)
        end = uptime() + part.report_seconds
        pause = min(self.options.poll_seconds, LONGEST_WAIT_SECONDS)
        while part.report_seconds and not setting.is_met_by(await self._poll(channel, part, fault)):
            if uptime() >= end:
                return fault  # what it reports instead is what it does
            with suppress(TimeoutError):
                await asyncio.wait_for(channel.is_replaced(), pause)
                return fault  # a newer setting is sent next, or this one again after a loss
        channel.confirm(on=setting.on, fault=fault)
        return fault

    @asynccontextmanager
    async def _connected(self) -> "AsyncIterator[Device]":
        options = self.options
        host, _, port = options.address.partition(":")
        number = int(port) if port else None
        password = read_secret(self.device, options.password_file)
        async with asyncio.timeout(3 * ANSWER_SECONDS):
            if options.username and password:
                known = Credentials(options.username, password)
                found = None
                with suppress(TimeoutError):  # one of the protocols that the library tries may hang
                    async with asyncio.timeout(2 * ANSWER_SECONDS):
                        found = await Discover.try_connect_all(host, port=number, credentials=known)
                if found is None:
                    raise Unreachable(self.device, options.address, NO_PROTOCOL)
            else:
                config = DeviceConfig(host, timeout=int(ANSWER_SECONDS), port_override=number)
                found = await Device.connect(config=config)
        query = found.protocol.query

        async def query_once(request: Any, retry_count: int = 0) -> Any:  # noqa: ARG001  a child passes it
            return await query(request, 0)

        # The library would reconnect silently, but a plug that was away may have lost its timer.
        found.protocol.query = query_once  # type: ignore[method-assign]
        try:
            yield found
        finally:
            with suppress(Exception):
                await found.disconnect()

    @asynccontextmanager
    async def _translate_errors(self) -> "AsyncIterator[None]":
        """Convert each error of the library to Unreachable, with the address once."""
        address = self.options.address
        try:
            yield
        except HouseError:  # Unreachable and StorageError are OSErrors, too
            raise
        except kasa.AuthenticationError as error:
            raise Unreachable(self.device, address, "it refuses the account or its password") from error
        except kasa.UnsupportedDeviceError as error:
            raise Unreachable(self.device, address, definition.UNKNOWN) from error
        except TimeoutError as error:
            why = f"no answer within {ANSWER_SECONDS:g} s"
            raise Unreachable(self.device, address, why) from error
        except (kasa.KasaException, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            # The library reads fields without a check of their types.
            raise Unreachable(self.device, address, describe(error, address)) from error

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Search for devices with a broadcast on the network; an account in the house opens newer devices."""
        from daemons.drivers.tplink.search import search  # noqa: PLC0415  a device process does not need it

        return await search(broadcast, broadcast_port, seconds, known)


def describe(error: Exception, address: str) -> str:
    """Return the reason of an error, for a person: without the address, which a fault has already."""
    first: BaseException = error
    while first.__cause__ is not None:
        first = first.__cause__
    if isinstance(first, OSError):
        return reason(first)
    text = str(error.args[0]) if len(error.args) > 1 else str(error)
    host = re.escape(address.partition(":")[0])
    return re.sub(rf":?\s*\b{host}\b(:[0-9]+)?", "", text) or type(error).__name__


class BoundedReader:
    """Reads answers of an older device; it refuses an answer that is announced as too long."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readexactly(self, size: int) -> bytes:
        """Read so many bytes; raises ValueError if they are too many."""
        if size > LONGEST_ANSWER_BYTES:
            raise ValueError(f"it announces an answer of {size} bytes")
        return await self._reader.readexactly(size)


class BoundedTransport(XorTransport):
    """The library's transport for older devices, which itself reads answers of up to 4 GB."""

    async def _connect(self, timeout: int) -> None:  # noqa: ASYNC109  the library's parameter
        await super()._connect(timeout)
        if isinstance(self.reader, asyncio.StreamReader):
            self.reader = BoundedReader(self.reader)  # type: ignore[assignment]


device_factory.XorTransport = BoundedTransport  # type: ignore[attr-defined]
