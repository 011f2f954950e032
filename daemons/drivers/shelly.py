"""Shelly plugs, lamps, covers, thermostats, meters, buttons and sensors of generation 2 and newer.

One WebSocket carries requests, answers and the device's notifications (JSON-RPC,
shelly-api-docs.shelly.cloud/gen2/General/RPCProtocol). With a password, each request carries a
digest (SHA-256, after RFC 7616, with a fixed method and path; .../General/Authentication).
`toggle_after` is a timer in the device. It switches the device off even if House has stopped.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from daemons.drivers import Found, Remote
from daemons.drivers.shelly_rpc import bthome, request, status, thermostat
from daemons.drivers.shelly_rpc.options import ABILITIES, BLUETOOTH, REGULATED, SWITCHED, Options
from daemons.drivers.shelly_rpc.rpc import RpcClient, session
from daemons.drivers.transports.json_values import listed
from daemons.drivers.transports.secret import read_secret
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.kinds import Ability, Reading, Setting

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

POLL_SECONDS = 60.0
"""How often the whole status is requested, in addition to the notifications."""
VALVE_SECONDS = 60.0
"""How long a thermostat may take to answer, and then to report a target: a valve listens only at times."""
REPORT_SECONDS = 2.0
"""How often its status is requested meanwhile, in addition to the notifications."""


class Shelly(Remote[Options]):
    """Shelly plugs, lamps, covers, thermostats, meters, buttons and sensors of generation 2 and newer."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset().union(*ABILITIES.values())

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities of the component."""
        return options.abilities

    async def run(self, channel: "HardwareChannel") -> None:
        """Connect a WebSocket, and use it until it is lost."""
        password = read_secret(self.device, self.options.password_file)
        part = ShellyPart(self.options, channel)
        await session(self.device, self.options.address, password, part.on_notification, part.control)

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Search with mDNS, and ask each device for its components."""
        from daemons.drivers.shelly_rpc import discovery  # noqa: PLC0415  only a search needs it

        return await discovery.search(seconds, known)


class ShellyPart:
    """The component of a device during one connection: reads it, and applies settings."""

    def __init__(self, options: Options, channel: "HardwareChannel") -> None:
        self._options = options
        self._channel = channel
        self._known: status.Components = {}
        self._own: frozenset[str] = frozenset()
        """The components that the options stand for."""
        self._sensors: dict[str, int] = {}
        """The numbers of the sensors of a Bluetooth device, by component."""
        self._packet: tuple[float | None, dict[str, Any]] | None = None
        """When the Bluetooth device sent its last packet, by the gateway's clock, and its values."""
        self._fault: str | None = None
        self._news = asyncio.Event()
        """Whether a notification of the component has come."""
        self._is_held = False
        """Whether the button is held after a long press."""

    async def control(self, client: RpcClient) -> None:
        """Read the component, then apply each setting and read it again, until the connection is lost."""
        await self._read_all(client)
        if self._options.component == "thermostat":
            config = await client.call("Thermostat.GetConfig", {"id": self._options.channel})
            if config.get("type") == "cooling":
                raise client.unreachable(thermostat.COOLS)
        info = await client.call("Shelly.GetDeviceInfo")
        self._channel.restore(about=status.about(self._options, info), fault=self._fault)
        while True:
            setting = None
            with suppress(TimeoutError):
                setting = await asyncio.wait_for(self._channel.next_setting(), POLL_SECONDS)
            if setting is None:
                await self._read_all(client)
            else:
                await self._apply(client, setting)

    async def _read_all(self, client: RpcClient) -> None:
        """Request the status of all components: a meter or a sensor may be several of them."""
        options, components = self._options, list[dict[str, Any]]()
        answer = await client.call("Shelly.GetStatus")
        if options.component in BLUETOOTH:
            components = await client.dynamic_components()
        self._known.clear()
        status.overlay(self._known, answer)
        status.overlay(self._known, {str(one.get("key")): one.get("status") for one in components})
        self._sensors = bthome.sensors_of(options.key, components)
        self._own = status.own_keys(options, self._known) | self._sensors.keys()
        if not self._own:
            has = ", ".join(sorted(key for key in self._known if ":" in key)) or "no component"
            raise client.unreachable(f"there is no {options.key}; it has {has}")
        self._report()

    async def _apply(self, client: RpcClient, setting: Setting) -> None:
        """Send a setting, and request the resulting status. A cover reports a move when it begins."""
        options, call = self._options, request.set_request(self._options, setting)
        if call is None:
            return
        if options.component in REGULATED:
            work = self._regulate(client, call, setting)
            await run_until_first_ends(work, self._channel.is_replaced())
            return
        await client.call(*call)
        if options.component in SWITCHED:
            self._channel.confirm(on=setting.on, fault=self._fault)
        answer = await self._read_own(client)
        needs_timer = setting.on and setting.off_after_seconds and options.component in SWITCHED
        is_armed = not needs_timer or answer.get("timer_duration")
        self._report(None if is_armed else "its own timer was not armed")

    async def _regulate(self, client: RpcClient, call: tuple[str, dict[str, Any]], setting: Setting) -> bool:
        """Send a target, and return whether the thermostat reports it in time.

        A target that it does not report is not set: the house then follows the hardware.
        """
        try:
            await client.call(*call, VALVE_SECONDS)
        except TimeoutError as error:
            raise client.unreachable(f"it has not answered within {VALVE_SECONDS:g} s") from error
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + VALVE_SECONDS
        while True:
            self._news.clear()
            await self._read_own(client)
            self._report()
            is_met = setting.is_met_by(Reading(**status.read(self._options, self._known, self._sensors)))
            if is_met or loop.time() > ends_at:
                return is_met
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), REPORT_SECONDS)

    async def _read_own(self, client: RpcClient) -> dict[str, Any]:
        """Request the status of the component, and return it."""
        method = f"{request.namespace(self._options)}.GetStatus"
        answer = await client.call(method, {"id": self._options.channel})
        self._known.pop(self._options.key, None)
        status.overlay(self._known, {self._options.key: answer})
        return answer

    def on_notification(self, method: str, params: dict[str, Any]) -> None:
        """Handle a change of a status, or an event such as a press."""
        if method in ("NotifyStatus", "NotifyFullStatus"):
            status.overlay(self._known, {key: part for key, part in params.items() if key in self._known})
            if not self._own.isdisjoint(params):
                self._report()
                self._news.set()
        elif method == "NotifyEvent":
            for event in listed(params.get("events")):
                self._on_event(event)

    def _on_event(self, event: Any) -> None:
        touch = status.touch_of(self._options, event)
        if touch is not None and (touch != "release" or self._is_held):
            self._channel.press(touch)
        if touch is not None:
            self._is_held = touch == "long"

    def _report(self, fault: str | None = None) -> None:
        """Report the reading. The packets of a Bluetooth device count once, so that its values grow old."""
        tell = self._channel.update
        changes = status.read(self._options, self._known, self._sensors)
        if self._options.component in BLUETOOTH:
            packet = bthome.packet_at(self._options.key, self._known), changes
            if packet == self._packet:
                return
            is_first, self._packet = self._packet is None, packet
            if is_first:
                tell = self._channel.restore
            if is_first and (text := bthome.age_text(packet[0], self._known)):
                changes = dict.fromkeys(changes) | {"fault": text}
        self._fault = changes["fault"] or fault
        tell(**{**changes, "fault": self._fault})
