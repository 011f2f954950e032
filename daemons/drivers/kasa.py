"""TP-Link's Kasa and Tapo plugs and strips, through python-kasa.

These devices send no notifications, so the driver polls them every `poll`. Older devices (Kasa) answer
any client on the network. Newer devices, and every Tapo, require the TP-Link account with which they
were set up. The timer in the device is a countdown (older devices, in seconds) or auto-off (newer
devices, in minutes). The outlets of a strip share one timer, so the driver sets no timer there.
"""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import kasa
from kasa import Credentials, Device, DeviceConfig, DeviceType, Discover, Module, device_factory
from kasa.iot import IotPlug
from kasa.transports import XorTransport
from msgspec import Meta, Struct, field

from daemons.drivers import Found, Remote
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.errors import Unreachable
from daemons.kinds import Ability, Setting
from daemons.values import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemons.drivers.transports.worker import HardwareChannel


ANSWER_SECONDS = 5.0
"""How long the plug may take to answer."""
SWITCH_SECONDS = 3 * ANSWER_SECONDS
"""How long the plug may take to switch: it answers up to three requests."""
LONGEST_ANSWER_BYTES = 256 * 1024
LIGHTS = (DeviceType.Bulb, DeviceType.LightStrip, DeviceType.Dimmer)
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
    """For a strip: the number of the outlet. The driver cannot set a timer for one outlet."""
    poll_seconds: Seconds = field(name="poll", default=Seconds(2))
    """How often the driver polls it, `"100ms"` or longer."""

    def __post_init__(self) -> None:
        """Raise ValueError if the polling interval is too short."""
        if self.poll_seconds < 0.1:  # noqa: PLR2004
            raise ValueError("poll must be 100ms or longer")


class Kasa(Remote[Options]):
    """TP-Link's Kasa and Tapo plugs and strips, through python-kasa."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Poll the device, and apply each setting at once."""
        async with self._translate_errors(), self._connected() as device:
            outlet, fault = self._find_outlet(device), None
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await device.update()
                timer = await remaining_seconds(device)
            channel.update(**parse_status(outlet), off_after_seconds=timer)
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await device.update()
                channel.update(**parse_status(outlet), fault=fault)
                setting = None
                with suppress(TimeoutError):
                    setting = await asyncio.wait_for(channel.next_setting(), self.options.poll_seconds)
                if setting is not None:
                    async with asyncio.timeout(SWITCH_SECONDS):
                        is_armed = await switch(device, outlet, setting)
                    channel.confirm(on=setting.on)
                    fault = None if is_armed else "its own timer cannot be armed"

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
                    why = "it supports no known protocol, or refuses the account or its password"
                    raise Unreachable(self.device, options.address, why)
            else:
                config = DeviceConfig(host, timeout=int(ANSWER_SECONDS), port_override=number)
                found = await Device.connect(config=config)
        # The library would reconnect silently, but a plug that was away may have lost its timer.
        found.protocol.query = partial(found.protocol.query, retry_count=0)  # type: ignore[method-assign]
        try:
            yield found
        finally:
            with suppress(Exception):
                await found.disconnect()

    @asynccontextmanager
    async def _translate_errors(self) -> "AsyncIterator[None]":
        """Convert each error of the library to Unreachable."""
        address = self.options.address
        try:
            yield
        except kasa.AuthenticationError as error:
            raise Unreachable(self.device, address, "it refuses the account or its password") from error
        except TimeoutError as error:
            why = f"no answer within {ANSWER_SECONDS:g} s"
            raise Unreachable(self.device, address, why) from error
        except (kasa.KasaException, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            why = (
                str(error) or type(error).__name__
            )  # the library reads fields without a check of their types
            raise Unreachable(self.device, address, why) from error

    def _find_outlet(self, device: Device) -> Device:
        number = self.options.outlet
        if number is None:
            return device
        if number > len(device.children):
            why = f"it has {len(device.children)} outlets, and there is no outlet {number}"
            raise Unreachable(self.device, self.options.address, why)
        return device.children[number - 1]

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:  # noqa: ARG003
        """Search for devices with a broadcast on the network."""
        found: list[Found] = []

        async def on_discovered(device: Device) -> None:
            found.append(to_found(device))

        devices = await Discover.discover(
            target=broadcast,
            port=broadcast_port,
            discovery_timeout=ceil(seconds),
            on_discovered=on_discovered,
        )
        for device in devices.values():
            await device.disconnect()
        return found


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


def to_found(device: Device) -> Found:
    """Return the options for a device that answered. A device that requires an account reports little."""
    needs_account = not device.config.connection_type.device_family.value.startswith("IOT")
    port = device.config.port_override
    address = device.host + (f":{port}" if port else "")
    options: dict[str, Any] = {"address": address}
    if needs_account:
        options |= {"username": "you@example.com", "password_file": "/path/to/its/password"}
    return Found(
        title=device.alias or device.model,
        address=address,
        model=device.model,
        firmware=str(device.hw_info.get("sw_ver", "")),
        kind="lamp" if device.device_type in LIGHTS else "plug",
        driver="kasa",
        options=options,
        note="requires its TP-Link account" if needs_account else "",
    )


def parse_status(outlet: Device) -> dict[str, Any]:
    """Return the last polled state of a plug or outlet, as fields of a Reading."""
    found: dict[str, Any] = {"on": outlet.is_on}
    meter = outlet.modules.get(Module.Energy)
    if meter is not None:
        found["power_watts"] = meter.current_consumption
        total = meter.consumption_total
        found["energy_watt_hours"] = None if total is None else round(total * 1000, 3)
    return found


async def switch(device: Device, outlet: Device, setting: Setting) -> bool:
    """Switch an outlet; return False if the setting needs the plug's timer, and it cannot be armed."""
    if not setting.on:
        await outlet.turn_off()
        await arm(device, None)
        return True
    is_armed = await arm(device, setting.off_after_seconds)  # first: never on without its timer
    await outlet.turn_on()
    return is_armed or setting.off_after_seconds is None


async def arm(device: Device, seconds: float | None) -> bool:
    """Arm the plug's timer, or clear it if `seconds` is None; return False if the plug has no timer."""
    if isinstance(device, IotPlug):  # the library does not offer the countdown of plugs
        await device.protocol.query({"count_down": {"delete_all_rules": {}}})
        if seconds is None:
            return True
        rule = {"enable": 1, "delay": ceil(seconds), "act": 0, "name": "House"}
        response = await device.protocol.query({"count_down": {"add_rule": rule}})
        return bool(response.get("count_down", {}).get("add_rule", {}).get("err_code") == 0)
    if not device.children and (auto_off := device.modules.get(Module.AutoOff)) is not None:
        minutes = auto_off.delay if seconds is None else ceil(seconds / 60)
        await auto_off.call("set_auto_off_config", {"enable": seconds is not None, "delay_min": minutes})
        return True
    return False


async def remaining_seconds(device: Device) -> float | None:
    """Return how long the plug's own running timer takes to end; None if it has none that runs."""
    if isinstance(device, IotPlug):
        response = await device.protocol.query({"count_down": {"get_rules": {}}})
        rules = response.get("count_down", {}).get("get_rules", {}).get("rule_list", [])
        left = [rule.get("remain") for rule in rules if rule.get("enable") and not rule.get("act")]
        return min((float(seconds) for seconds in left if isinstance(seconds, int | float)), default=None)
    auto_off = None if device.children else device.modules.get(Module.AutoOff)
    if auto_off is None or not auto_off.is_timer_active or auto_off.auto_off_at is None:
        return None
    return max(0.0, float((auto_off.auto_off_at - device.time).total_seconds()))
