"""TP-Link's Kasa and Tapo plugs and strips, by python-kasa.

They do not tell of themselves, so they are asked every `poll`. Older ones (Kasa) speak to anybody
on the network; newer ones, and every Tapo, want the TP-Link account they were set up with. A
timer of their own they have as a countdown (older ones, by the second) or as auto-off (newer ones,
by the minute); a strip's outlets share theirs, so there none is set.
"""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import kasa
from kasa import Credentials, Device, DeviceConfig, DeviceType, Discover, Module
from kasa.iot import IotPlug
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
LIGHTS = (DeviceType.Bulb, DeviceType.LightStrip, DeviceType.Dimmer)
broadcast, broadcast_port = "255.255.255.255", None
"""Where a search asks: everybody, unless a test says otherwise."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    address: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?\Z")]
    """A host or IPv4 address, with `:port` if the port is not the usual one."""
    username: str | None = None
    """The TP-Link account, for newer devices and every Tapo."""
    password_file: SecretFile | None = None
    """The file with the password of that account, an absolute path."""
    outlet: Annotated[int, Meta(ge=1, le=16)] | None = None
    """For a strip: the number of the outlet. The outlets of a strip have no timer of their own."""
    poll_seconds: Seconds = field(name="poll", default=Seconds(2))
    """How often the driver polls it, `"100ms"` or longer."""

    def __post_init__(self) -> None:
        """Refuse to ask without pause."""
        if self.poll_seconds < 0.1:  # noqa: PLR2004
            raise ValueError("poll must be 100ms or longer")


class Kasa(Remote[Options]):
    """TP-Link's Kasa and Tapo plugs and strips, by python-kasa."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Ask now and then, and carry out each wish at once."""
        async with self._translate_errors(), self._connected() as device:
            outlet, fault = self._find_outlet(device), None
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await device.update()
                channel.update(**parse_status(outlet), fault=fault)
                setting = None
                with suppress(TimeoutError):
                    setting = await asyncio.wait_for(channel.next_setting(), self.options.poll_seconds)
                if setting is not None:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        is_armed = await switch(device, outlet, setting)
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
                with suppress(TimeoutError):  # one of the many ways to talk that it tries may hang
                    async with asyncio.timeout(2 * ANSWER_SECONDS):
                        found = await Discover.try_connect_all(host, port=number, credentials=known)
                if found is None:
                    why = "it speaks no protocol that is known, or refuses the account or its password"
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
        """Turn what the library raises into Unreachable."""
        address = self.options.address
        try:
            yield
        except kasa.AuthenticationError as error:
            raise Unreachable(self.device, address, "it refuses the account or its password") from error
        except TimeoutError as error:
            why = f"no answer within {ANSWER_SECONDS:g} s"
            raise Unreachable(self.device, address, why) from error
        except (kasa.KasaException, OSError, ValueError, KeyError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(self.device, address, why[:300]) from error

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
        """Ask everybody on the network."""
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


def to_found(device: Device) -> Found:
    """Return the options for a device that answered; one that needs an account reports little."""
    is_closed = not device.config.connection_type.device_family.value.startswith("IOT")
    port = device.config.port_override
    address = device.host + (f":{port}" if port else "")
    options: dict[str, Any] = {"address": address}
    if is_closed:
        options |= {"username": "you@example.com", "password_file": "/path/to/its/password"}
    return Found(
        title=device.alias or device.model,
        address=address,
        model=device.model,
        firmware=str(device.hw_info.get("sw_ver", "")),
        kind="lamp" if device.device_type in LIGHTS else "plug",
        driver="kasa",
        options=options,
        note="wants its TP-Link account" if is_closed else "",
    )


def parse_status(outlet: Device) -> dict[str, Any]:
    """Read what was last told of a plug or outlet into the fields of a Reading."""
    found: dict[str, Any] = {"on": outlet.is_on}
    meter = outlet.modules.get(Module.Energy)
    if meter is not None:
        found["power_watts"] = meter.current_consumption
        total = meter.consumption_total
        found["energy_watt_hours"] = None if total is None else round(total * 1000, 3)
    return found


async def switch(device: Device, outlet: Device, setting: Setting) -> bool:
    """Switch; false when it was to be on with a timer of its own, and that could not be armed."""
    if not setting.on:
        await outlet.turn_off()
        await arm(device, None)
        return True
    is_armed = await arm(device, setting.off_after_seconds)  # before, so that it is never on without it
    await outlet.turn_on()
    return is_armed or setting.off_after_seconds is None


async def arm(device: Device, seconds: float | None) -> bool:
    """Set the plug's own timer in seconds, or clear it; return False if it has none."""
    if isinstance(device, IotPlug):  # the library has no countdown for plugs, which have one
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
